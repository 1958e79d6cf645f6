"""What can be wrong with files: the codes with their meanings, the list of what was found, and the words of hints.

The codes are stable: scripts match them.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from retinue.model import slips
from retinue.model.declared import Diagnostic, Places, Position, Problem
from retinue.model.values import DURATION, NAME

CODES = {
    "absolute-path": "A path starts at the root or at a home directory instead of the file that names it.",
    "bad-expression": "What stands between `${{` and `}}` is no expression, or has no meaning in this place.",
    "bad-handover": "An entry of `adopt`, `moved`, `release` or `takeover` contradicts the declarations or others.",
    "bad-json": "A `.json` file is not JSON.",
    "bad-json-schema": "What should be a JSON Schema (Draft 2020-12) is none.",
    "bad-key": "A key of a mapping is not a string.",
    "bad-name": "A name has characters, or a length, that names cannot have.",
    "bad-number": "A number that JSON does not have, such as infinity.",
    "bad-schedule": "A schedule is not a cron expression of five fields.",
    "broken-base": "The declarations of the revision to compare with hold mistakes.",
    "chunk-overlap": "Chunks overlap by more than half of their size, which the API refuses.",
    "content-with-sections": "Warning: a file could declare something, but is content of a declaration.",
    "dangling-reference": "A `$ref` of a JSON Schema leads to nothing in the project.",
    "duplicate-default": "Two files of one folder give one field two defaults.",
    "duplicate-key": "A key stands twice in one mapping.",
    "duplicate-name": "Two declarations of one kind have the same name.",
    "duplicate-tool": "An assistant lists one tool twice.",
    "duplicate-value": "A list that must not repeat itself holds a value twice.",
    "empty-document": "Warning: a file of declarations declares nothing.",
    "empty-file": "A file has no content. The API refuses it as knowledge; as a text it is only a warning.",
    "environment-required": "No environment is chosen, and the project asks for one ([environments](environments.md)).",
    "file-too-large": "A file is larger than the API takes.",
    "foreign-file": "Warning: a YAML file in a folder of content is read because of `include`, and declares nothing.",
    "include-cycle": "Text files include each other in a circle.",
    "invalid-value": "A value does not fit the schema of its field.",
    "is-directory": "A directory is named where a file is expected.",
    "left-out": "Warning: files of a folder are left out that the API does not take, or an exclusion leaves out none.",
    "likely-slip": "Warning: a text has what looks like an expression and is none, such as `{{ var.x }}`.",
    "linked-folder": "Warning: a symbolic link to a folder is not followed, since its files are there already.",
    "look-alike": "Warning: the account has an object of the same name that nobody manages.",
    "looks-renamed": "Warning: an object would be deleted while one much like it is created ([adopting](adopting.md)).",
    "many-changes": "Warning: a plan changes more of the stack than `max_change_percent` ([guards](guards.md)).",
    "many-deletions": "Warning: a plan deletes more of the stack than `max_delete_percent` ([guards](guards.md)).",
    "misplaced-field": "A field is known, but not in this combination with others.",
    "missing-description": "A function that an agent calls has no description, which the Agents API needs.",
    "missing-field": "A field that is required is not there.",
    "missing-file": "A file that is named does not exist.",
    "missing-variable": "A value has no source: no default, none from an environment, a file or the command line.",
    "model-gone": "Warning: a model has shut down ([models](models.md)).",
    "model-shutdown": "Warning: a model is going to shut down ([models](models.md)).",
    "new-stack": "Warning: a plan would make a stack beside one of the same project ([environments](environments.md)).",
    "no-match": "A glob matches no file.",
    "no-project": "There is no `retinue.yaml` here or in a directory above.",
    "not-acceptable": "An edit in the account that `drift --accept` cannot write into the files ([drift](drift.md)).",
    "not-allowed-value": "A value is not one of those the field takes.",
    "not-utf8": "A text file, or an environment variable, is not UTF-8.",
    "nothing-to-change": "An environment changes a declaration that does not exist, or one of its own lacks something.",
    "nothing-to-remove": "A null, in a declaration or an environment, takes out what is not there.",
    "odd-answer": "Warning: the account answers oddly for a kind that nothing declares; it counts as not served.",
    "old-json-schema": "Warning: a JSON Schema is written as of an older draft than 2020-12.",
    "out-of-range": "A number is too small or too great.",
    "overlay-included": "What an environment changes is named under `include`.",
    "path-outside-project": "A path or a symbolic link leads out of the project, and of what it shares.",
    "path-too-long": "The path of a file is longer than the API can record.",
    "reference-cycle": "Declarations refer to each other in a circle.",
    "reserved-key": "A key starts with `retinue`, which is kept for the ownership tag.",
    "same-stack": "Two environments have one stack in one account; a warning where the project shares it with one.",
    "secret-in-the-open": "A secret stands where everybody who may read the account could read it.",
    "settled-entry": "Warning: an entry of `adopt`, `moved`, `release` or `takeover` has nothing left to do.",
    "similar-name": "Warning: a name that only one environment declares is almost the name of another declaration.",
    "stray-overlay": "Warning: a file in `environments/` belongs to no environment of the project.",
    "strict-schema": "A schema uses what the API does not take with `strict: true`.",
    "too-deep": "Values are nested too deep.",
    "too-few": "A list or mapping has fewer entries than it must.",
    "too-large": "A value takes more bytes than the API takes.",
    "too-long": "A text has more characters than the API takes.",
    "too-many": "A list or mapping has more entries than the API takes.",
    "too-short": "A text is empty where something must be written.",
    "unknown-environment": "The environment that is chosen is not declared.",
    "unknown-field": "A field is not known.",
    "unknown-model": "Warning: the account does not list a model ([models](models.md)).",
    "unknown-reference": "A name refers to nothing that is declared.",
    "unknown-section": "A section of a file of declarations is not a kind.",
    "unknown-template": "A template is extended that is not written anywhere, or is for another kind.",
    "unknown-variable": "A variable, or another value of an expression, is used or set that is not declared.",
    "unread-value": "Warning: a value under `with` is read by nothing.",
    "unreadable-file": "A file cannot be read.",
    "unreadable-tag": "Warning: an ownership tag in the account is damaged, and names no stack.",
    "unset-environment-variable": "`${{ env.NAME }}` names an environment variable that is not set, or empty.",
    "unsupported-file": "File search does not take files of this type.",
    "unused-declaration": "Warning: something is declared that nothing uses, such as a function no assistant names.",
    "variable-cycle": "Variables refer to each other in a circle.",
    "wrong-type": "A value is of another type than its field, such as a number where a string is expected.",
    "yaml-alias-expansion": "Aliases of a YAML file repeat so much that it could only be meant to exhaust the reader.",
    "yaml-alias-recursion": "A YAML alias stands inside the value it repeats.",
    "yaml-syntax": "A file is not YAML.",
    "yaml-tab": "A tab indents a line of YAML, which takes spaces only.",
    "yaml-tag": "A YAML tag, such as `!secret`, is not known.",
}

WARNINGS = tuple(code for code, meaning in CODES.items() if "warning" in meaning.lower())
"""The codes of what does not stop an apply, unless somebody asks for it."""


# ── what was found ────────────────────────────────────────────────────────────────────────────────────────────────────


class Diagnostics:
    """A growing list of diagnostics."""

    def __init__(self) -> None:
        self.all: list[Diagnostic] = []
        self._folded: dict[Diagnostic, tuple[int, int]] = {}
        """What was found in many declarations, as one of them has it: where it is, and in how many others."""

    def add(self, found: Diagnostic) -> None:
        self.all.append(found)

    def error(
        self,
        code: str,
        message: str,
        position: Position | None,
        hint: str | None = None,
        *,
        related: tuple[tuple[str, Position], ...] = (),
    ) -> None:
        self.add(Diagnostic("error", code, message, position, hint, related=related))

    def warning(self, code: str, message: str, position: Position | None, hint: str | None = None) -> None:
        self.add(Diagnostic("warning", code, message, position, hint))

    def fold(self, starts: list[int]) -> None:
        """Of what was found in declarations that are made of the same lines, keep one of each mistake, and say in how
        many it is. `starts` are where the findings of each begin."""
        first: dict[tuple[str, str, Position | None, int], int] = {}
        times: Counter[int] = Counter()
        kept = self.all[: starts[0]]
        for start, end in itertools.pairwise([*starts, len(self.all)]):
            seen: Counter[tuple[str, str, Position | None]] = Counter()
            for each in self.all[start:end]:
                what = (each.severity, each.code, each.position)
                index = first.setdefault((*what, seen[what]), len(kept))
                kept += [each] if index == len(kept) else []
                seen[what] += 1
                times[index] += 1
        again: set[int] = set()
        for index, count in times.items():
            place, others = self._folded.get(kept[index], (index, count - 1))
            if place != index:
                again.add(index)
                others += count
            self._folded[one := kept[index]] = place, others
            if others:
                number = "another one" if others == 1 else f"{others:,} others"
                kept[place] = replace(one, message=f"{one.message} (and in {number} of its matrix)")
        self.all[:] = [each for index, each in enumerate(kept) if index not in again]

    def place(self, problems: Iterable[Problem], places: Places) -> None:
        """Report what pure code found, at the place the author wrote it."""
        for each in problems:
            position = places.at(each.path, key=each.key)
            self.add(Diagnostic(each.severity, each.code, each.message, position, each.hint))


class RefusedError(Exception):
    """Something an author asks for cannot be had. Whoever knows the place reports it. `link` is the path of a link that
    a glob came upon, which can be left out."""

    def __init__(
        self,
        code: str,
        message: str,
        hint: str | None = None,
        *,
        related: tuple[tuple[str, Position], ...] = (),
        link: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.related = related
        self.link = link


# ── hints ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def did_you_mean(word: str, known: Iterable[str], *, otherwise: str | None = None) -> str | None:
    """A hint naming the known word that was probably meant; `otherwise` when none is near."""
    close = near(word, known)
    return f"did you mean '{close[0]}'?" if close else otherwise


def near(word: str, known: Iterable[str], *, cutoff: float = 0.7) -> list[str]:
    """The known words that this one may well be a slip for, the nearest first; upper and lower case are alike."""
    by_folded = {each.casefold(): each for each in reversed(list(known))}
    return [by_folded[each] for each in slips.near(word.casefold(), by_folded, cutoff=cutoff)]


def listed(words: Iterable[str], *, most: int = 8, conjunction: str | None = None) -> str:
    """The words in quotes: `'a', 'b' or 'c'`."""
    quoted = [f"'{each}'" for each in words]
    if len(quoted) > most:
        return ", ".join(quoted[:most]) + ", …"
    if conjunction and len(quoted) > 1:
        return f"{', '.join(quoted[:-1])} {conjunction} {quoted[-1]}"
    return ", ".join(quoted)


_NAMES = re.compile(r"\^(?:\[(?P<first>[^]]+)\])?\[(?P<rest>[^]]+)\](?:\*|\{\d+,(?P<most>\d+)\})\$")
_START = re.compile(r"\^(?P<start>[\w:/]+)(?:\[\^[^]]+\])?")
_PARTS = re.compile(r"\w-\w|.")
_PYTHON = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:"


ADDRESS = rf"^[a-z_]+\.{NAME.pattern}$"


def pattern_hint(pattern: str) -> str:
    """`use at most 63 of a-z, 0-9, _ and -, starting with a-z or 0-9`; other patterns as they are."""
    found = _NAMES.match(pattern)
    if pattern == ADDRESS:
        return "write an address: kind.name, such as assistant.math-tutor"
    if pattern == "^required$":
        return "write environments by name below it, or 'required'"
    if pattern.startswith(_PYTHON):
        return "write package.module:function"
    if pattern == f"^{DURATION.pattern}$":
        return "write a whole number of seconds, minutes or hours, such as 45m"
    if found is None:
        literal = _START.fullmatch(pattern)
        if literal:
            return f"start it with {literal['start']}"
        return "start it with https:// or http://" if pattern.startswith("^https?:") else f"it must match {pattern}"
    first = _PARTS.findall(found["first"] or "")
    most = f"at most {int(found['most']) + bool(first)} of " if found["most"] else ""
    start = f", starting with {_joined(first, 'or')}" if first else ""
    return f"use {most}{_joined(_PARTS.findall(found['rest']), 'and')}{start}"


def _joined(parts: list[str], conjunction: str) -> str:
    return f"{', '.join(parts[:-1])} {conjunction} {parts[-1]}" if len(parts) > 1 else parts[0]
