"""The door: one object as it came → `Live`, read once, and never looked at in its raw form again above."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retinue.kinds.kind import Kind
from retinue.model.live import Live
from retinue.model.tag import TAG_KEY, Tag, TagError, read_file_records, read_tag
from retinue.model.values import FileRef

Recorded = dict[str, Mapping[str, FileRef]]


def read_live(raw: Mapping[str, Any], kind: Kind, marks: Mapping[str, Any]) -> Live:
    """Canonical values, the tag and the records among the `marks`, and what else planning asks of an object.

    A tag that cannot be read is kept as an error. Raises AttributeError, KeyError, TypeError or ValueError where `raw`
    has another shape than the kind's objects.
    """
    held = kind.read(raw)
    odd = [each.name for each in kind.fields if not each.fits(held[each.name])]
    if odd:
        raise TypeError(f"of another form: {', '.join(odd)}")
    tag, problem, damaged, recorded = _read_marks(marks, kind)
    title = held.get(kind.identity) if kind.has(kind.identity) else raw.get(kind.identity)
    status, born, usage = raw.get("status"), raw.get("created_at"), raw.get("usage_bytes")
    return Live(
        str(raw["id"]),
        kind.name,
        held,
        tag,
        problem,
        damaged,
        title=title if isinstance(title, str) else None,
        status=status if isinstance(status, str) else None,
        born=born if isinstance(born, int) else 0,
        refers_to={live_id: name for each in kind.fields for live_id, name in each.references(held[each.name]).items()},
        recorded=recorded,
        usage=usage if isinstance(usage, int) else None,
        answer=raw,
    )


def _read_marks(marks: Mapping[str, Any], kind: Kind) -> tuple[Tag | None, str | None, str | None, Recorded]:
    """The tag among an object's marks, or why it cannot be read and what it says, and the files that are recorded
    beside it."""
    text = marks.get(TAG_KEY)
    try:
        recorded: Recorded = {each.name: read_file_records(marks, each.record) for each in kind.uploads}
        if not text:  # where keys cannot be taken out, an empty one is what a release leaves
            return None, None, None, recorded
        tag = read_tag(str(text))
    except TagError as error:
        return None, str(error) if text else None, str(text or ""), {}
    if tag.address.kind != kind.name:
        return None, f"it names a {tag.address.kind}", str(text), {}
    return tag, None, None, recorded
