"""What a pattern of names asks for, in words."""

from __future__ import annotations

import re

from retinue.model.values import NAME

_NAMES = re.compile(r"\^(?:\[(?P<first>[^]]+)\])?\[(?P<rest>[^]]+)\](?:\*|\{\d+,(?P<most>\d+)\})\$")
_START = re.compile(r"\^(?P<start>[\w:/]+)(?:\[\^[^]]+\])?")
_PARTS = re.compile(r"\w-\w|.")


ADDRESS = rf"^[a-z_]+\.{NAME.pattern}$"


def pattern_hint(pattern: str) -> str:
    """`use at most 63 of a-z, 0-9, _ and -, starting with a-z or 0-9`; other patterns as they are."""
    found = _NAMES.match(pattern)
    if pattern == ADDRESS:
        return "write an address: kind.name, such as assistant.math-tutor"
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
