"""Texts of others made safe to print: what a terminal, a runner of pipelines or a reader would take for something else
becomes visible.

A runner reads the log of a job: a line that begins with `::` is a command to GitHub's (ActionCommand.cs of
actions/runner: blanks before it are skipped), as is `##[…]` anywhere in a line; those of Azure and TeamCity take
`##vso[…]` and `##teamcity[…]`. GitLab's takes escape sequences, which never get through.
"""

from __future__ import annotations

import json
import re
from typing import Any

# Control characters; format characters that reorder or hide text; fillers without a glyph; lone surrogates; tags and
# variation selectors that can carry hidden text. Joiners are legitimate inside emoji, Arabic and Indic words only.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]"
    "|(?<![\u0600-\u08ff\u0900-\u0dff\u1000-\u109f\u1780-\u17ff\ufb50-\ufefe])\u200c"
    "|(?<![\u0600-\u08ff\u0900-\u0dff\u2190-\u2bff\u3030\u303d\ufb50-\ufefe\ufe0f\U0001f000-\U0001faff])\u200d"
)
_SHORT = {"\t": "\\t", "\r": "\\r", "\n": "\\n"}
_COLOR = r"\x1b\[[0-9;]*m"
_COMMAND = re.compile(rf"(?m)^((?:[^\S\n]|{_COLOR})*):(?=(?:{_COLOR})*:)|#(?=(?:{_COLOR})*#(?:{_COLOR})*[A-Za-z]*\[)")


class Printable(str):
    """Text that is printed as it is: what is somebody else's in it has been made safe."""

    __slots__ = ()


def visible(text: str) -> str:
    """The text with everything that would move the cursor, reorder or hide text written as an escape, like `\\x1b`."""
    return _UNSAFE.sub(_escape, text)


def visible_lines(text: str) -> str:
    """The same with line breaks kept."""
    return "\n".join(map(visible, text.split("\n")))


def inert(text: str) -> Printable:
    """Lines that are safe otherwise, with or without colour, so written that a runner takes none for a command."""
    return Printable(_COMMAND.sub(lambda found: f"{found[1] or ''}\\x{ord(found[0][-1]):02x}", text))


def printable(text: str) -> Printable:
    """Any text, safe to print; one that is already stays what it is."""
    return text if isinstance(text, Printable) else inert(visible_lines(text))


def json_text(document: Any, *, indent: int | None = 2, ascii_only: bool = False) -> Printable:
    """Data as JSON that is safe to print and comes to the same data."""
    lines = json.dumps(document, indent=indent, ensure_ascii=ascii_only).split("\n")
    escaped = "\n".join(_UNSAFE.sub(_json_escape, each) for each in lines)
    return Printable(_COMMAND.sub(lambda found: f"{found[1] or ''}\\u{ord(found[0][-1]):04x}", escaped))


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    code = ord(character)
    if code < 0x100:
        return _SHORT.get(character, f"\\x{code:02x}")
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _json_escape(match: re.Match[str]) -> str:
    return json.dumps(match.group())[1:-1]
