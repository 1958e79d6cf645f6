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
    "[\x7f-\xa0\xad\u061c\u115f\u1160\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff"
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


def write_yaml(value: Mapping[str, Any], *, comment: str = "") -> str:
    """A document. Strings are taken literally: `${{` in one is written so that it stays what it is."""
    return "".join(f"{line}\n" for line in (*_comment(comment), *_block(value)))


def _comment(text: str) -> list[str]:
    lines = text.splitlines()
    return [f"# {_HIDDEN.sub('?', _NOT_IN_BLOCK.sub(' ', each))}".rstrip() for each in lines]


def _block(value: Any) -> list[str]:
    lines: list[str] = []
    if isinstance(value, Mapping):
        for key, each in value.items():
            comment, item = (each.comment, each.value) if isinstance(each, Commented) else ("", each)
            if comment and lines:
                lines.append("")
            lines += [*_comment(comment), *_entry(f"{_text(str(key), _BARE)}:", item)]
    else:
        for each in value:
            lines += _commented_item(each) if isinstance(each, Commented) else _item(each)
    return lines


def _entry(key: str, value: Any) -> list[str]:
    if isinstance(value, Noted):
        return _noted(_entry(key, value.value), value.note)
    if isinstance(value, str) and is_literal(value):
        return [f"{key} {_sign(value)}", *_indented(_escaped(value).removesuffix("\n").split("\n"))]
    short = _flow(value)
    if not isinstance(value, Mapping | list) or not value or _is_short(value, f"{key} {short}"):
        return [f"{key} {_scalar(value) if not isinstance(value, Mapping | list) else short}"]
    return [key, *_indented(_block(value))]


def _item(value: Any) -> list[str]:
    if isinstance(value, Noted):
        return _noted(_item(value.value), value.note)
    short = _flow(value)
    if isinstance(value, str) and is_literal(value):
        return [f"- {_sign(value)}", *_indented(_escaped(value).removesuffix("\n").split("\n"))]
    if not isinstance(value, Mapping | list) or not value or isinstance(value, list):
        return [f"- {_scalar(value) if not isinstance(value, Mapping | list) else short}"]
    first, *more = _block(value)
    return [f"- {first}", *_indented(more)]


def _escaped(text: str) -> str:
    return text if isinstance(text, Verbatim) else escaped(text)


def _noted(lines: list[str], note: str) -> list[str]:
    first, *more = lines
    return [f"{first}  {_comment(note)[0]}", *more]


def _commented_item(item: Commented) -> list[str]:
    lines, comment = _item(item.value), _comment(" ".join(item.comment.split()))
    return [f"{lines[0]}  {comment[0]}"] if comment and len(lines) == 1 else [*comment, *lines]


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"  {each}" if each else "" for each in lines]


def _is_short(value: Any, line: str) -> bool:
    """Whether a list or mapping is read more easily on one line: few plain values, or nothing but one of them."""
    inner = list(value.values()) if isinstance(value, Mapping) else value
    if len(line) > WIDTH or any(isinstance(each, Mapping | list | Commented | Noted) for each in inner):
        return False
    return isinstance(value, list) or len(inner) == 1


def _flow(value: Any) -> str:
    """The value on one line."""
    if isinstance(value, Commented | Noted):
        return _flow(value.value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_text(str(key), _BARE)}: {_flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(each) for each in value) + "]"
    return _text(_escaped(value), _BARE) if isinstance(value, str) else json.dumps(value)


def _scalar(value: Any) -> str:
    return _text(_escaped(value), _IN_BLOCK) if isinstance(value, str) else json.dumps(value)


def _text(text: str, bare: re.Pattern[str]) -> str:
    if bare.fullmatch(text) and not _WORDS.fullmatch(text) and scalar(text) == text:
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return _HIDDEN.sub(_escape, quoted)


def on_one_line(text: str, *, quoted: bool = False, in_braces: bool = False) -> str:
    """A text as a value on one line, in quotes where it would not mean itself without; `${{` in it stays what it is."""
    bare = _NOTHING if quoted else _BARE if in_braces else _IN_BLOCK
    return _text(escaped(text), bare)


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _sign(text: str) -> str:
    return "|" if text.endswith("\n") else "|-"


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
