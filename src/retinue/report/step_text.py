"""One step of a plan document as a block of lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from retinue.report.change_text import WHOLE, Detail, change_lines, is_outside, value_lines
from retinue.report.file_text import file_lines
from retinue.report.ink import Line, Part, Role, indent, line
from retinue.report.values import count, show_key, show_place

_SIGNS: dict[str, tuple[str, Role]] = {
    "create": ("+", "added"),
    "update": ("~", "changed"),
    "delete": ("-", "removed"),
    "adopt": ("=", "changed"),
    "move": (">", "changed"),
    "release": ("<", "removed"),
}
_OUTSIDE: tuple[str, Role] = ("!", "drift")
Step = Mapping[str, Any]


def causes(step: Step) -> set[str]:
    """Why the step's differences exist, over fields and files."""
    return {each["cause"] for each in (*step["changes"], *step["files"])}


def is_touched_outside(step: Step) -> bool:
    """Whether the step sets back what somebody else did, which `outside_block` shows."""
    return step["action"] != "create" and bool(causes(step) & {"drift", "conflict"})


def is_ours(step: Step) -> bool:
    """Whether the step does anything besides, which `step_block` shows."""
    return not is_touched_outside(step) or bool(causes(step) - {"drift", "conflict"})


def takes_away(step: Step) -> bool:
    """Whether something goes with the step: a deletion, a release, or the making of what replaces another object."""
    return _SIGNS[step["action"]][1] == "removed" or step["replaces"]


def step_head(step: Step, replaced: Mapping[str, str], *, outside: bool = False) -> Line:
    """The sign, the address, and why. `replaced` maps addresses to the id of the object that a creation replaces."""
    sign = _OUTSIDE if outside else _SIGNS[step["action"]]
    parts: list[Part] = [sign, " ", (step["address"], "strong")]
    if step["action"] == "create" and step["replaces"]:
        parts[0] = ("+/-", "changed")
        parts.append((f"  (replaces {replaced.get(step['address'], 'the old one')}: {step['reason']})", "plain"))
    else:
        parts.append(f" ({step['id']})" if step["id"] else "")
        parts.append(f"  {step['reason']}" if step["reason"] else "")
    return line(*parts, place=show_place(step["position"]))


def outside_block(step: Step, *, detail: Detail, width: int, marks: bool) -> list[Line]:
    """What somebody else changed in one object: the live value, and the declared one that takes its place."""
    lines = [step_head(step, {}, outside=True)]
    for change in shown_changes(step, outside=True):
        lines += indent(change_lines(change, detail=detail, width=width - 6, marks=marks), 4)
    return [*lines, *indent(other_lines(step, outside=True, detail=detail, width=width - 6), 4)]


def shown_changes(step: Step, *, outside: bool) -> list[Mapping[str, Any]]:
    """The changes of fields that one of the two blocks of a step shows."""
    theirs = step["action"] != "create"
    return [each for each in step["changes"] if (theirs and is_outside(each)) == outside]


def step_block(step: Step, replaced: Mapping[str, str], *, detail: Detail, width: int, marks: bool) -> list[Line]:
    """Everything the step does, except what `outside_block` shows."""
    lines: list[Line] = []
    for change in shown_changes(step, outside=False):
        lines += change_lines(change, detail=detail, width=width - 6, marks=marks)
    lines += other_lines(step, outside=False, detail=detail, width=width - 6)
    return [step_head(step, replaced), *indent(lines, 4)]


def other_lines(step: Step, *, outside: bool, detail: Detail, width: int) -> list[Line]:
    """What a block shows besides the changes of fields: the parts of what is new or goes, and files. Not indented."""
    if step["action"] == "delete" and not outside:
        return _deleted(step, detail=detail, width=width)
    lines: list[Line] = []
    if step["action"] == "create" and (not step["replaces"] or detail == "full"):
        shown = {each["path"][0] for each in step["changes"]}
        known = {key: each for key, each in (step["after"] or {}).items() if key not in shown}
        fields = {key: each for key, each in known.items() if each not in (None, {}, [])}
        lines += _fields(fields, step, "+", "added", detail=detail, width=width)
    theirs = step["action"] != "create"
    files = [each for each in step["files"] if (theirs and is_outside(each)) == outside]
    return [*lines, *file_lines(files, step, detail=detail, outside=outside)]


def _deleted(step: Step, *, detail: Detail, width: int) -> list[Line]:
    """What goes away with an object: the count of its files, and with full detail everything."""
    files = file_lines(step["files"], step, detail=detail)
    if detail not in WHOLE:
        return files[:1]
    before = {key: each for key, each in (step["before"] or {}).items() if each not in (None, {}, [])}
    return [*_fields(before, step, "-", "removed", detail=detail, width=width), *files]


def _fields(spec: Mapping[str, Any], step: Step, sign: str, role: Role, *, detail: Detail, width: int) -> list[Line]:
    """The fields of an object that is made or deleted, except the one whose files are listed on their own."""
    paths = {each["path"] for each in step["files"]}
    lines: list[Line] = []
    for key, value in spec.items():
        if paths and isinstance(value, Mapping) and set(value) == paths:
            continue
        lines += value_lines([(sign, role), f" {show_key(key)}"], value, None, role=role, detail=detail, width=width)
    return lines


def step_summary(step: Step, replaced: Mapping[str, str]) -> Line:
    """The step on one line: the fields it touches, by name."""
    outside = [*map(is_outside, step["changes"]), *map(is_outside, step["files"])]
    head = step_head(step, replaced, outside=step["action"] == "update" and bool(outside) and all(outside))
    if step["action"] != "update":
        return head
    ours = _names(each for each in step["changes"] if not is_outside(each))
    theirs = _names(each for each in step["changes"] if is_outside(each))
    texts = [", ".join(ours)] if ours else []
    if step["files"]:
        texts.append(count(len(step["files"]), "file"))
    parts: list[Part] = [*head.parts, "  ", "; ".join(texts)]
    if theirs or any(is_outside(each) for each in step["files"]):
        what = ", ".join(theirs) or "files"
        parts.append((f"{'; ' if texts else ''}reverts {what}", "drift"))
    return line(*parts, place=head.place)


def _names(changes: Iterable[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(show_key(str(each["path"][0])) for each in changes))
