"""Text files as declarations take them in: with the line ends of Unix, and filled with values where they are to be.

A rendered file is taken apart once. What it comes to is worked out once for each set of values that it is filled with,
so that ten thousand assistants of one prompt cost what differs between them, and those with the same values share one
text. It may take in other files by `${{ include "PATH" }}`, which are rendered, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from retinue.config.interpolation import (
    INCLUDE,
    LOCAL,
    MOST_FAULTS,
    MOST_FILLED,
    Expression,
    Fault,
    UnfilledError,
    Values,
    as_text,
    no_text,
    pieces,
    slips,
)
from retinue.config.problems import RefusedError
from retinue.config.source_text import Source
from retinue.config.yaml.parser import FileReader
from retinue.model.declared import Position, Taken
from retinue.model.values import Secret

DEEPEST = 32
"""How many files may take in one another in a row."""


class Text(NamedTuple):
    """What a file comes to. `taken` are the files that it took in, `used` the expressions in all of them."""

    value: str
    taken: tuple[Taken, ...] = ()
    used: tuple[Expression, ...] = ()


@dataclass(slots=True)
class _Template:
    """A text file, taken apart. `inner` are the files that it takes in, by where that stands in the text; `local` the
    expressions, its own and theirs, whose values hold for one declaration. One that is not `sound`, or takes in one
    that is not, comes to nothing; it is filled all the same, for what else is wrong with it."""

    source: Source
    parts: Sequence[str | Expression]
    sound: bool = True
    inner: dict[int, tuple[_Template, ...]] = field(default_factory=dict)
    local: tuple[Expression, ...] = ()
    taken: tuple[Taken, ...] = ()
    used: tuple[Expression, ...] = ()


_Key = tuple[str, tuple[Any, ...]]


@dataclass(slots=True)
class TextFiles:
    """Reads texts. A file that many name is read once."""

    reader: FileReader
    _plain: dict[str, Text] = field(default_factory=dict)
    _meant: dict[str, tuple[Expression, ...]] = field(default_factory=dict)
    _templates: dict[str, _Template] = field(default_factory=dict)
    _rendered: dict[_Key, str | None] = field(default_factory=dict)
    _told: set[tuple[str, int, str]] = field(default_factory=set)
    _trail: list[str] = field(default_factory=list)
    _asked: Position | None = None

    def plain(self, source: Source) -> Text:
        """The text of a file as it is."""
        if source.name not in self._plain:
            self._plain[source.name] = Text(_unified(source.text))
        return self._plain[source.name]

    def meant(self, source: Source, lookup: Values) -> Expression | None:
        """The first expression of a text that is not to be filled, and would have a value if it were."""
        if source.name not in self._meant:
            self._meant[source.name] = tuple(each for each in pieces(source.text) if isinstance(each, Expression))
        found = self._meant[source.name]
        return next((each for each in found if each.namespace == INCLUDE or lookup.known(each)), None)

    def rendered(self, source: Source, lookup: Values, asked: Position | None = None) -> Text | None:
        """The text of a file, filled; None, reported, where that cannot be. `asked` is where the file was named."""
        self._asked = asked
        template = self._template(source, lookup)
        value = self._value(template, lookup)
        return Text(value, template.taken, template.used) if value is not None else None

    # ── taking apart ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _template(self, source: Source, lookup: Values) -> _Template:
        """A file taken apart. Mistakes in it, or in one that it takes in, are reported once."""
        if source.name not in self._templates:
            self._trail.append(source.name)
            try:
                self._templates[source.name] = self._taken_apart(source, lookup)
            finally:
                self._trail.pop()
        return self._templates[source.name]

    def _taken_apart(self, source: Source, lookup: Values) -> _Template:
        for slip in slips(source.text, lookup.known):
            self.reader.diagnostics.warning("likely-slip", slip.message, source.position(slip.offset), slip.hint)
        template = _Template(source, [])
        parts: list[str | Expression] = []
        faults = 0
        local: dict[str, Expression] = {}
        taken: dict[Taken, None] = {}
        used: dict[str, Expression] = {}
        for piece in pieces(source.text):
            if isinstance(piece, Fault):
                self._tell(source, piece)
                template.sound, faults = False, faults + 1
                if faults >= MOST_FAULTS:
                    break
                continue
            parts.append(piece if isinstance(piece, Expression) else _unix(piece))
            if isinstance(piece, str):
                continue
            if piece.namespace != INCLUDE:
                used.setdefault(str(piece), piece)
                if piece.namespace in LOCAL:
                    local.setdefault(str(piece), piece)
                continue
            inner = template.inner[piece.offset] = tuple(self._included(source, piece, lookup))
            template.sound &= bool(inner) and all(each.sound for each in inner)
            for each in inner:
                taken.update(dict.fromkeys((Taken(each.source.name, source.position(piece.offset)), *each.taken)))
                local = {**{str(one): one for one in each.local}, **local}
                used = {**{str(one): one for one in each.used}, **used}
        template.parts, template.local = parts, tuple(local[each] for each in sorted(local))
        template.taken, template.used = tuple(taken), tuple(used.values())
        return template

    def _included(self, source: Source, piece: Expression, lookup: Values) -> Iterator[_Template]:
        """The files that an expression takes in; none, reported, where there is a mistake in that."""
        try:
            matched = self.reader.folder.files(source.name.rpartition("/")[0], piece.name)
        except RefusedError as refused:
            self._tell(source, Fault(piece.offset, refused.code, refused.message, refused.hint))
            return
        for each in matched.refused:
            self._tell(source, Fault(piece.offset, each.code, each.message, each.hint))
        for name in matched.files if not matched.refused else ():
            fault = self._endless(name, piece.offset)
            if fault is not None:
                self._tell(source, fault)
                return
            text = self.reader.text(name, asked=source.position(piece.offset))
            yield self._template(text, lookup) if text is not None else _Template(Source(name, ""), (), sound=False)

    def _endless(self, name: str, offset: int) -> Fault | None:
        """Why a file cannot be taken in by those that are being taken apart."""
        if name in self._trail:
            circle = " → ".join((*self._trail[self._trail.index(name) :], name))
            message = f"files include each other in a circle: {circle}"
            return Fault(offset, "include-cycle", message, "take one of them out")
        if len(self._trail) >= DEEPEST:
            message = f"files include one another more than {DEEPEST} deep"
            return Fault(offset, "too-deep", message, "write some of them out")
        return None

    # ── filling ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _value(self, template: _Template, lookup: Values) -> str | None:
        """What a file comes to with these values. Those that hold for the project are the same for all."""
        values: list[Any] = []
        for each in template.local:
            try:
                value = each.part_of(lookup(each))
            except UnfilledError:  # told where it stands, below
                value = UnfilledError
            values.append((isinstance(value, Secret), value if isinstance(value, str | type) else json.dumps(value)))
        key = (template.source.name, tuple(values))
        if key not in self._rendered:
            self._rendered[key] = self._filled(template, lookup)
        return self._rendered[key]

    def _filled(self, template: _Template, lookup: Values) -> str | None:
        done: list[str] = []
        missing, hidden, size = 0, False, 0
        for part in template.parts:
            text = part if isinstance(part, str) else self._text(template, part, lookup)
            if text is None:
                missing += 1
                if missing == MOST_FAULTS:
                    break
                continue
            hidden |= isinstance(text, Secret)
            size += len(text)
            if size > max(MOST_FILLED, len(template.source.text)):
                offset = part.offset if isinstance(part, Expression) else 0
                message = f"with what it takes in, this text has more than {MOST_FILLED:,} characters"
                self._tell(template.source, Fault(offset, "too-large", message, "take less into it"))
                return None
            done.append(text)
        if missing or not template.sound:
            return None
        joined = "".join(done).removesuffix("\n")
        return Secret(joined) if hidden else joined

    def _text(self, template: _Template, part: Expression, lookup: Values) -> str | None:
        if part.namespace == INCLUDE:
            found = [self._value(each, lookup) for each in template.inner[part.offset]]
            texts = [each for each in found if each is not None]
            if len(texts) < len(found):
                return None
            joined = "\n\n".join(texts)
            return Secret(joined) if any(isinstance(each, Secret) for each in texts) else joined
        try:
            value = part.part_of(lookup(part))
        except UnfilledError as unfilled:
            if unfilled.fault:
                self._tell(template.source, unfilled.fault, self._asked if part.namespace in LOCAL else None)
            return None
        text = as_text(value)
        if text is None:
            self._tell(template.source, no_text(part, value))
            return None
        unified = _unix(text)
        return Secret(unified) if isinstance(text, Secret) else unified

    def _tell(self, source: Source, fault: Fault, asked: Position | None = None) -> None:
        """Report a mistake, once for all declarations that take the file in. `asked` is the place of the first one that
        lacks a value."""
        if (source.name, fault.offset, fault.code) not in self._told:
            self._told.add((source.name, fault.offset, fault.code))
            place = source.position(fault.offset)
            related = (("filled in for", asked),) if asked else ()
            self.reader.diagnostics.error(fault.code, fault.message, place, fault.hint, related=related)


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _unified(text: str) -> str:
    return _unix(text).removesuffix("\n")
