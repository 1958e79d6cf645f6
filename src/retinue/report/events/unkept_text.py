"""What an account did not keep as it was given, in words: once for each field, however many objects have it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from retinue.model.canonical import canonical_json
from retinue.model.differences import differences
from retinue.model.steps import Event, FieldChange
from retinue.model.values import ABSENT, Path
from retinue.planning.documents.plan_document import encode
from retinue.report.text.change_text import show_path, show_value
from retinue.report.text.ink import Line, count, line, paint
from retinue.report.text.lookalikes import tell_apart

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
    if all(len(canonical_json(each)) <= LONGEST for each in (given, kept)):
        return " came back as ".join(tell_apart(_shown(given), _shown(kept)))
    if isinstance(given, str) and isinstance(kept, str):
        return f"{len(given):,} characters came back as {len(kept):,} characters"
    (path, one, other), *more = differences((), given, kept)
    if not path:
        return "it came back as another value"
    rest = f", and {len(more)} more of it otherwise" if more else ""
    if other is ABSENT:
        return f"its {show_path(path)} is not kept{rest}"
    if one is ABSENT:
        return f"it came back with {show_path(path)}: {_shown(other)}{rest}"
    return f"its {show_path(path)}, {_shown(one)}, came back as {_shown(other)}{rest}"


def _shown(value: Any) -> str:
    text = show_value(encode(value))
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
