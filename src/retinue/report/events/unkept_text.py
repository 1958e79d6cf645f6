"""What an account did not keep as it was given, in words: once for each field, however many objects have it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from retinue.model.canonical import canonical_json
from retinue.model.steps import Event, FieldChange
from retinue.model.values import ABSENT, Path
from retinue.planning.documents.plan_document import encode
from retinue.report.text.change_text import show_value
from retinue.report.text.ink import Line, count, line, paint

LONGEST = 40
"""Characters of a value that is shown rather than measured."""


def render_unkept(events: Iterable[Event], *, color: bool = False) -> str:
    """The values that came back otherwise than they were written, each field with where it is declared; empty when all
    came back as they were."""
    found: dict[tuple[str, Path], list[tuple[Event, FieldChange]]] = {}
    for event in events:
        for each in event.unkept:
            field = (each.path[0], *(part for part in each.path[1:] if part == "attributes" or len(each.path) == 2))
            found.setdefault((event.step.address.kind, field), []).append((event, each))
    if not found:
        return ""
    head = line("The account keeps some values otherwise than they were given. What it answered counts as applied:")
    return paint([head, *(_told(kind, several) for (kind, _), several in sorted(found.items(), key=str))], color=color)


def _told(kind: str, several: list[tuple[Event, FieldChange]]) -> Line:
    event, change = several[0]
    field = ".".join(str(part) for part in change.path)
    others = len({str(one.step.address) for one, _ in several}) - 1
    more = f" and {count(others, kind)} more" if others else f" and {len(several) - 1} more" if len(several) > 1 else ""
    place = f" ({change.position})" if change.position else ""
    return line(
        "  ", (str(event.step.address), "strong"), f" {field}{place}{more}: {_what(change.before, change.after)}"
    )


def _what(given: Any, kept: Any) -> str:
    if kept is ABSENT or kept in (None, "", {}, []):
        return f"{_shown(given)} is not kept"
    if len(canonical_json(given)) > LONGEST or len(canonical_json(kept)) > LONGEST:
        sizes = [f"{len(each):,} characters" if isinstance(each, str) else "" for each in (given, kept)]
        return f"{sizes[0]} came back as {sizes[1]}" if all(sizes) else "it came back as another value"
    return f"{_shown(given)} came back as {_shown(kept)}"


def _shown(value: Any) -> str:
    text = show_value(encode(value))
    return text if len(text) <= LONGEST else "it"
