"""Files that nothing references, for people: what they are, how that is known, and what became of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from retinue.report.text.ink import BLANK, Line, count, line, paint

_UNITS = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
_SIZES = ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "kB"))


def render_orphans(document: Mapping[str, Any], *, delete: bool, color: bool = False) -> str:
    """A file a paragraph, with its size, age and reason; then what was deleted, or could be."""
    files: Sequence[Mapping[str, Any]] = document["files"]
    lines: list[Line] = []
    if document["applying"]:
        lines += [
            line((f"The stack is being applied: {document['applying']}.", "warning")),
            line("What it brings in now is attached to nothing yet."),
            BLANK,
        ]
    for each in files:
        lines += _paragraph(each)
    return paint([*lines, *([BLANK] if files else []), *_summary(files, delete=delete)], color=color)


def _paragraph(file: Mapping[str, Any]) -> Iterator[Line]:
    about = f"  {file['name'] or '(no name)'}, {_size(file['size'])}, {_age(file['age_seconds'])} old"
    sign = "?" if file["certainty"] != "ours" else "-"
    yield line((f"{sign} {file['id']}", "removed" if sign == "-" else "changed"), about)
    yield line(f"    {file['certainty']}: {file['reason']}", (f"  ({file['recorded']})", "faint"))
    if file["failure"]:
        yield line((f"    not deleted: {file['failure']}", "error"))


def _summary(files: Sequence[Mapping[str, Any]], *, delete: bool) -> Iterator[Line]:
    ours = [each for each in files if each["certainty"] == "ours"]
    gone, others = [each for each in ours if each["deleted"]], len(files) - len(ours)
    if not files:
        yield line("Nothing of this stack is without use in the account.")
    if ours and delete:
        left = f"; {count(len(ours) - len(gone), 'file')} could not be deleted" if len(gone) < len(ours) else ""
        yield line((f"Deleted {count(len(gone), 'file')}, {_size(_total(gone))}{left}.", "strong"))
    elif ours:
        said = f"{count(len(ours), 'file')} of this stack, {_size(_total(ours))}: nothing holds "
        yield line((f"{said}{'it' if len(ours) == 1 else 'them'}.", "strong"))
        yield line(f"'retinue gc --delete' deletes {'it' if len(ours) == 1 else 'them'}.")
    if others:
        yield line(f"{count(others, 'file')} may be of this stack, and only people can tell: never deleted here.")


def _total(files: Sequence[Mapping[str, Any]]) -> int:
    return sum(each["size"] for each in files)


def _size(number: int) -> str:
    for unit, name in _SIZES:
        if number >= unit:
            return f"{number / unit:.1f} {name}"
    return count(number, "byte")


def _age(seconds: int) -> str:
    unit, name = next(((unit, name) for unit, name in _UNITS if seconds >= unit), (1, "second"))
    return count(seconds // unit, name)
