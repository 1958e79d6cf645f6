"""The report of a migration for people: what carries over, what changes meaning, what is lost and what to do then."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from typing import Any

from retinue.report.text.ink import BLANK, Line, Role, line, paint

_LONGEST_VALUE = 60


def render_migration(document: Mapping[str, Any], *, width: int = 80, color: bool = False) -> str:
    """The document of a migration as text."""
    lines: list[Line] = []
    for each in document["assistants"]:
        lines += [*_assistant(each, width), BLANK]
    return paint([*lines, *_summary(document)], color=color)


def _assistant(each: Mapping[str, Any], width: int) -> list[Line]:
    lines = [line((each["address"], "strong"), (f"  from {each['from']}", "faint"))]
    if each["replaces"]:
        lines.append(line("  replaces ", (each["replaces"], "place"), ": remove that declaration"))
    plain = list(dict.fromkeys(note["field"] for note in each["carried"]))
    lines += _folded("  = ", "plain", ", ".join(plain), width) if plain else []
    for note in each["carried"]:
        lines += _folded("    ", "faint", f"{note['field']}: {note['message']}", width) if note["message"] else []
    for note in each["changed"]:
        lines += _folded("  ~ ", "changed", f"{note['field']}: {note['message']}", width)
    for note in each["lost"]:
        value = json.dumps(note["value"], ensure_ascii=False)
        shown = "" if note["value"] is None else f" {value}" if len(value) <= _LONGEST_VALUE else ""
        lines += _folded("  - ", "removed", f"{note['field']}{shown}: {note['message']}", width)
        lines += _folded("    instead: ", "plain", note["instead"], width)
    return lines


def _folded(sign: str, role: Role, text: str, width: int) -> list[Line]:
    """The text in lines of the width, those after the first below where it begins."""
    parts = textwrap.wrap(text, max(width - len(sign), 20), break_long_words=False, break_on_hyphens=False)
    return [line((sign if not index else " " * len(sign), role), part) for index, part in enumerate(parts)]


def _summary(document: Mapping[str, Any]) -> list[Line]:
    count, lost = len(document["assistants"]), document["losses"]
    changed = sum(len(each["changed"]) for each in document["assistants"])
    verb = "written" if document["written"] else "to write"
    counted = f"{count} {'declaration' if count == 1 else 'declarations'} {verb}"
    fields = f"{changed} {'field changes' if changed == 1 else 'fields change'} meaning"
    return [line((f"Migration to {document['to']}: {counted}, {fields}, {lost} not carried over.", "strong"))]
