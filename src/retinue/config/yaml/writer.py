"""Plain data → YAML that people read and the loader reads back as the same data, comments beside it.

PyYAML's own writer quotes by YAML 1.1, so that `1e3` or `0o17` written as text would be read back as numbers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from retinue.config.interpolation import escaped
from retinue.config.yaml.constructor import scalar
from retinue.model.printable import inert

WIDTH = 100
"""How long a line may get by writing a short list or mapping on it."""

# Texts that mean themselves without quotes, whatever follows them on the line.
_BARE = re.compile(r"[^\W\d_](?:[\w./@%+=()'’ -]*[\w./%+=)'’-])?")
_IN_BLOCK = re.compile(r"[^\W\d_](?:[\w./@%+=()'’ ,;?!-]*[\w./%+=)'’,;?!-])?")
_NOTHING = re.compile(r"(?!)")
# YAML 1.1, which editors may follow, reads these as booleans.
_WORDS = re.compile(r"(?i:y|n|yes|no|on|off|true|false|null)")
# Control characters, other line ends, and what nobody sees: as escapes, or the text is not what it seems.
_HIDDEN = re.compile(
    "[\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff"
    "\uffa0\ufff0-\uffff\U000e0000-\U000e0fff]"
)
_NOT_IN_BLOCK = re.compile("[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True, slots=True)
class Commented:
    """A value with lines of comment above its key; an item of a list that fits on a line has them beside it."""

    value: Any
    comment: str


@dataclass(frozen=True, slots=True)
class Noted:
    """A value with a comment at the end of the line where it begins."""

    value: Any
    note: str


class Verbatim(str):
    """A string whose expressions are meant as such."""

    __slots__ = ()


def write_yaml(value: Mapping[str, Any], *, comment: str = "", printed: bool = False) -> str:
    """A document. Strings are taken literally: `${{` in one is written so that it stays what it is. One that is
    `printed` has nothing in it that a runner of pipelines takes for a command."""
    text = "".join(f"{line}\n" for line in (*_comment(comment), *_Writer(printed=printed).block(value)))
    return inert(text) if printed else text


def write_block(value: Mapping[str, Any] | list[Any], *, step: int, offset: int) -> str:
    """Lines from the first column, every list and mapping on lines of its own: mappings are indented by `step` below
    their key, lists by `offset`."""
    return "".join(f"{line}\n" for line in _Writer(step, offset, short=False).block(value))


def write_flow(value: Any) -> str:
    """The value on one line, as it may stand within braces."""
    if isinstance(value, Commented | Noted):
        return write_flow(value.value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_text(str(key), _BARE)}: {write_flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(write_flow(each) for each in value) + "]"
    return _text(_escaped(value), _BARE) if isinstance(value, str) else json.dumps(value)


def write_scalar(value: Any, *, quoted: bool = False) -> str:
    """A text, number, boolean or null on one line, in quotes where a text would not mean itself without."""
    return _text(_escaped(value), _NOTHING if quoted else _IN_BLOCK) if isinstance(value, str) else json.dumps(value)


def means_itself(text: str) -> bool:
    """Whether a text needs no quotes, wherever it stands."""
    return bool(_BARE.fullmatch(text)) and not _WORDS.fullmatch(text) and scalar(text) == text


def literal_lines(text: str) -> list[str]:
    """A text for which `is_literal` holds: the sign, then its lines."""
    return ["|" if text.endswith("\n") else "|-", *_escaped(text).removesuffix("\n").split("\n")]


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes blocks. `short`: what fits on a line and is read more easily there stands on one. `printed`: a text with a
    command in it stands in quotes, where an escape says the same."""

    step: int = 2
    offset: int = 2
    short: bool = True
    printed: bool = False

    def block(self, value: Any) -> list[str]:
        if not isinstance(value, Mapping):
            return [line for each in value for line in self._item(each)]
        lines: list[str] = []
        for key, each in value.items():
            comment, item = (each.comment, each.value) if isinstance(each, Commented) else ("", each)
            if comment and lines:
                lines.append("")
            lines += [*_comment(comment), *self._entry(f"{_text(str(key), _BARE)}:", item)]
        return lines

    def _entry(self, key: str, value: Any) -> list[str]:
        if isinstance(value, Noted):
            return _noted(self._entry(key, value.value), value.note)
        if isinstance(value, str) and self._is_literal(value):
            sign, *lines = literal_lines(value)
            return [f"{key} {sign}", *_indented(lines, self.step)]
        if not isinstance(value, Mapping | list):
            return [f"{key} {write_scalar(value)}"]
        if not value or (self.short and _is_short(value, f"{key} {write_flow(value)}")):
            return [f"{key} {write_flow(value)}"]
        return [key, *_indented(self.block(value), self.offset if isinstance(value, list) else self.step)]

    def _is_literal(self, text: str) -> bool:
        return is_literal(text) and not (self.printed and inert(text) != text)

    def _item(self, value: Any) -> list[str]:
        if isinstance(value, Commented):
            lines, comment = self._item(value.value), _comment(" ".join(value.comment.split()))
            return [f"{lines[0]}  {comment[0]}"] if comment and len(lines) == 1 else [*comment, *lines]
        if isinstance(value, Noted):
            return _noted(self._item(value.value), value.note)
        if isinstance(value, str) and self._is_literal(value):
            sign, *lines = literal_lines(value)
            return [f"- {sign}", *_indented(lines, 2)]
        if not isinstance(value, Mapping | list):
            return [f"- {write_scalar(value)}"]
        if not value or (self.short and isinstance(value, list)):
            return [f"- {write_flow(value)}"]
        first, *more = self.block(value)
        return [f"- {first}", *_indented(more, 2)]


def _comment(text: str) -> list[str]:
    lines = text.splitlines()
    return [f"# {_HIDDEN.sub('?', _NOT_IN_BLOCK.sub(' ', each))}".rstrip() for each in lines]


def _noted(lines: list[str], note: str) -> list[str]:
    first, *more = lines
    return [f"{first}  {_comment(note)[0]}", *more]


def _indented(lines: Iterable[str], width: int) -> list[str]:
    return [f"{' ' * width}{each}" if each else "" for each in lines]


def _is_short(value: Any, line: str) -> bool:
    """Whether a list or mapping is read more easily on one line: few plain values, or nothing but one of them."""
    inner = list(value.values()) if isinstance(value, Mapping) else value
    if len(line) > WIDTH or any(isinstance(each, Mapping | list | Commented | Noted) for each in inner):
        return False
    return isinstance(value, list) or len(inner) == 1


def _escaped(text: str) -> str:
    return text if isinstance(text, Verbatim) else escaped(text)


def _text(text: str, bare: re.Pattern[str]) -> str:
    if bare.fullmatch(text) and not _WORDS.fullmatch(text) and scalar(text) == text:
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return _HIDDEN.sub(_escape, quoted)


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def is_literal(text: str) -> bool:
    """Whether a text of several lines survives being written as it is."""
    lines = text.removesuffix("\n").split("\n")
    return (
        len(lines) > 1
        and bool(lines[0])
        and lines[0][0] != " "
        and bool(lines[-1].strip())
        and not _HIDDEN.search(text)
        and not _NOT_IN_BLOCK.search(text)
    )
