"""Which of several objects are meant: the one selector that stands wherever an address may stand.

    assistant.billing-it        the address of one
    billing-it                  its name alone, where no other has that
    assistant.billing-*         a pattern of addresses, as of file names: *, ? and [abc]
    billing-*                   the same where the kind follows from the place
    label:team=support          those with this label; label:team for any value of it
    file:assistants/billing/**  those that these files declare, by paths from the project's root

Pure: texts, what they are held against, and what may have been meant by one that fits nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Literal

from retinue.model.slips import near
from retinue.model.values import Address, once

Form = Literal["address", "name", "pattern", "label", "file"]

EXAMPLES = "assistant.math-tutor, 'assistant.billing-*', label:team=support or 'file:assistants/billing/**'"
_MAGIC = re.compile(r"[*?\[]")
_PREFIXES = ("label", "file")
_MOST = 8
_NEAR = 0.7


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a selector is held against: an object, with its labels and the file that declares it, where one does."""

    address: Address
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    file: str | None = None


class UnmatchedError(ValueError):
    """A selector fits nothing; `hint` says what would fit."""

    def __init__(self, selector: Selector, message: str, hint: str | None) -> None:
        super().__init__(message)
        self.selector = selector
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Selector:
    """One that was read. `parts` are kind and name, a name, label and value (None for any), or a glob of files."""

    text: str
    form: Form
    parts: tuple[str | None, ...]

    @classmethod
    def parse(cls, text: str, *, kind: str | None = None) -> Selector:
        """Read any of the forms; a name alone is one of the `kind`, where the place gives one, or of whichever has it.

        Raises ValueError with what is wrong and what could be written instead.
        """
        prefix, colon, rest = text.partition(":")
        if colon:
            return cls._prefixed(text, prefix, rest)
        if kind is not None:
            return cls(text, "pattern" if is_pattern(text) else "address", (kind, text))
        of_kind, dot, name = text.partition(".")
        if not dot and is_pattern(text):
            raise ValueError(f"'{text}' does not say of which kind: write '*.{text}' or 'assistant.{text}'")
        if of_kind and not dot:
            return cls(text, "name", (text,))
        if not (of_kind and name):
            raise ValueError(f"'{text}' is neither an address of the form kind.name nor another selector: {EXAMPLES}")
        return cls(text, "pattern" if is_pattern(text) else "address", (once(of_kind), name))

    @classmethod
    def of(cls, address: Address) -> Selector:
        """The one that means this address and no other."""
        return cls(str(address), "address", (address.kind, address.name))

    @classmethod
    def _prefixed(cls, text: str, prefix: str, rest: str) -> Selector:
        if prefix == "label":
            name, equals, value = rest.partition("=")
            if not name or (equals and not value):
                raise ValueError(f"'{text}' names no label: write label:NAME or label:NAME=VALUE")
            return cls(text, "label", (name, value if equals else None))
        if prefix == "file":
            glob = rest.removeprefix("./")
            if not glob or glob.startswith("/") or ".." in glob.split("/"):
                raise ValueError(f"'{text}' names no file of the project: write file:PATH, from the project's root")
            return cls(text, "file", (glob,))
        close = near(prefix, _PREFIXES)
        meant = f"did you mean '{close[0]}:{rest}'?" if close else f"selectors are {EXAMPLES}"
        raise ValueError(f"'{text}' begins with '{prefix}:', which selects nothing: {meant}")

    @property
    def exact(self) -> bool:
        """Whether it means one object and no other."""
        return self.form == "address"

    @property
    def address(self) -> Address:
        """What an exact one means."""
        kind, name = self.parts
        return Address(str(kind), str(name))

    def matches(self, candidate: Candidate) -> bool:
        first, *rest = self.parts
        match self.form:
            case "address":
                return candidate.address.kind == first and candidate.address.name == rest[0]
            case "name":
                return candidate.address.name == first
            case "pattern":
                at = candidate.address
                return fnmatchcase(at.kind, str(first)) and fnmatchcase(at.name, str(rest[0]))
            case "label":
                value = candidate.labels.get(str(first))
                return value is not None and (rest[0] is None or fnmatchcase(value, rest[0]))
            case "file":
                return candidate.file is not None and _glob(str(first)).fullmatch(candidate.file) is not None

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Selection:
    """Selectors as they were written: of what is meant (everything, where none are), and of what is not."""

    target: tuple[Selector, ...] = ()
    exclude: tuple[Selector, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.target or self.exclude)

    @property
    def plain(self) -> bool:
        """Whether it says no more than the addresses that it comes to."""
        return not self.exclude and all(each.exact for each in self.target)


ALL = Selection()


def is_pattern(text: str) -> bool:
    """Whether a name is one of several, as the names of files are."""
    return _MAGIC.search(text) is not None


def is_selector(key: str) -> bool:
    """Whether a key that stands where names stand may mean several."""
    return is_pattern(key) or key.partition(":")[0] in _PREFIXES


@lru_cache(maxsize=256)
def _glob(pattern: str) -> re.Pattern[str]:
    """A path: `*` and `?` stay within a directory, `**` goes to any depth."""
    regex, at = "", 0
    while at < len(pattern):
        if pattern.startswith("**/", at):
            regex, at = regex + "(?:[^/]+/)*", at + 3
        elif pattern.startswith("**", at):
            regex, at = regex + ".*", at + 2
        elif pattern[at] in "*?":
            regex, at = regex + ("[^/]*" if pattern[at] == "*" else "[^/]"), at + 1
        elif pattern[at] == "[" and (end := pattern.find("]", at + 2)) > 0:
            inside = re.sub(r"[\\\[&~|]", r"\\\g<0>", pattern[at + 1 : end])
            regex += f"[^{inside[1:]}]" if inside.startswith("!") else f"[{inside}]"
            at = end + 1
        else:
            regex, at = regex + re.escape(pattern[at]), at + 1
    try:
        return re.compile(regex)
    except re.error:  # a range that runs backwards matches nothing, as for fnmatch
        return re.compile(r"(?!)")


# ── choosing ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def choose(selectors: Iterable[Selector], candidates: Collection[Candidate]) -> set[Address]:
    """The addresses that any of the selectors means. Raises UnmatchedError for one that means none of them."""
    found: set[Address] = set()
    known = {each.address for each in candidates}
    for each in selectors:
        if each.form == "name":
            matched = {named(each, candidates)}
        elif each.exact and each.address in known:
            matched = {each.address}
        else:
            matched = {one.address for one in candidates if each.matches(one)}
        if not matched:
            raise unmatched(each, candidates)
        found |= matched
    return found


def named(selector: Selector, candidates: Iterable[Candidate]) -> Address:
    """The one address that a name alone stands for. Raises UnmatchedError where none has the name, or several."""
    candidates = list(candidates)
    found = sorted({each.address for each in candidates if selector.matches(each)})
    if len(found) > 1:
        raise UnmatchedError(selector, f"'{selector}' is the name of several", f"write {' or '.join(map(str, found))}")
    if not found:
        raise unmatched(selector, candidates)
    return found[0]


def unmatched(selector: Selector, candidates: Collection[Candidate]) -> UnmatchedError:
    """What to say of a selector that fits nothing."""
    said = {"address": f"there is no {selector}", "name": f"nothing is called '{selector}'"}
    what = said.get(selector.form, f"'{selector}' selects nothing")
    return UnmatchedError(selector, what, suggestion(selector, candidates))


def suggestion(selector: Selector, candidates: Collection[Candidate]) -> str | None:
    """What may have been meant by a selector that fits nothing: another one of its form that does fit, or else what
    there is to choose from."""
    match selector.form:
        case "label":
            return _label_meant(selector, candidates)
        case "file":
            return _file_meant(selector, candidates)
        case "name":
            called = {each.address.name: str(each.address) for each in candidates}
            close = near(selector.text, called, cutoff=_NEAR)
            return f"did you mean {called[close[0]]}?" if close else _choices(sorted(called.values()))
    kind, name = str(selector.parts[0]), str(selector.parts[1])
    if selector.text == name:  # the kind follows from the place
        return _name_meant(name, sorted(each.address.name for each in candidates))
    addresses = [each.address for each in candidates]
    known = sorted({each.kind for each in addresses})
    kinds = near(kind, known, cutoff=_NEAR)[:1]
    tried = [(each, name) for each in (*kinds, *known)]
    if selector.exact:
        names = [str(each) for each in sorted(addresses)]
        close = near(str(selector.address), names, cutoff=_NEAR)
        meant = [f"{one}.{other}" for one, other in tried if f"{one}.{other}" in set(names)] or close
    else:
        tried += [
            (kind, other) for other in _near_patterns(name, [each.name for each in addresses if each.kind == kind])
        ]
        tried += [("*", other) for other in _near_patterns(name, [each.name for each in addresses])]
        meant = [
            f"{one}.{other}" for one, other in tried if any(fnmatchcase(str(at), f"{one}.{other}") for at in addresses)
        ]
    if meant:
        return f"did you mean {meant[0]}?" if selector.exact else f"did you mean '{meant[0]}'?"
    return _choices([str(each) for each in sorted(addresses) if each.kind == kind] or map(str, sorted(addresses)))


def _name_meant(name: str, known: Sequence[str]) -> str | None:
    meant = [each for each in _near_patterns(name, known) if any(fnmatchcase(one, each) for one in known)]
    return f"did you mean '{meant[0]}'?" if meant else _choices(known)


def _near_patterns(name: str, known: Iterable[str]) -> list[str]:
    """The same pattern with a beginning that some name has: what comes before its first sign may be a slip."""
    sign = _MAGIC.search(name)
    start = name[: sign.start()] if sign else name
    if not start:
        return []
    beginnings = {each[:length] for each in known for length in range(len(start) - 1, len(start) + 2)}
    close = near(start, sorted(beginnings - {""}), cutoff=_NEAR)
    return [f"{each}{name[len(start) :]}" for each in close]


def _label_meant(selector: Selector, candidates: Iterable[Candidate]) -> str | None:
    values: dict[str, set[str]] = {}
    for each in candidates:
        for label, value in each.labels.items():
            values.setdefault(label, set()).add(value)
    name, wanted = str(selector.parts[0]), selector.parts[1]
    if not values:
        return "no declaration has labels: write 'labels: {team: support}' in some"
    if name not in values:
        close = near(name, sorted(values), cutoff=_NEAR)
        if not close:
            return _choices(f"label:{each}" for each in sorted(values))
        whole = wanted is not None and any(fnmatchcase(each, wanted) for each in values[close[0]])
        return f"did you mean label:{close[0]}{f'={wanted}' if whole else ''}?"
    close = near(wanted or "", sorted(values[name]), cutoff=_NEAR)
    return (
        f"did you mean label:{name}={close[0]}?"
        if close
        else _choices(f"{name}={each}" for each in sorted(values[name]))
    )


def _file_meant(selector: Selector, candidates: Iterable[Candidate]) -> str | None:
    files = sorted({each.file for each in candidates if each.file})
    glob = str(selector.parts[0])
    below = f"{glob.rstrip('/')}/**"
    if any(_glob(below).fullmatch(each) for each in files):
        return f"did you mean 'file:{below}'?"
    close = near(glob, files, cutoff=_NEAR)
    return f"did you mean file:{close[0]}?" if close else _choices(f"file:{each}" for each in files)


def _choices(texts: Iterable[str]) -> str | None:
    listed = list(texts)
    more = ", …" if len(listed) > _MOST else ""
    return f"there are: {', '.join(listed[:_MOST])}{more}" if listed else None
