"""Steps that a reader would read as the same → one that is shown for all of them. All reports of plans fold by this.

Changes are the same when kind, action and reason are, and the fields with their values before and after; of long texts
the lines that are removed and added, whatever else stands in them. New objects are folded when they hold the same but
for texts, names, metadata and files, and what differs is said of each. What goes is never folded: it is named. Neither
is what holds a value that is never shown: whether two of those are the same, nobody can say.

The steps are grouped by a digest of what is said of them, so that the work is in proportion to the plan.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from retinue.kinds import all_kinds
from retinue.report.plan.file_text import live_attributes
from retinue.report.plan.step_groups import Step, shown_changes, takes_away
from retinue.report.text.change_text import Detail, end_note, is_file, is_outside, show_place
from retinue.report.text.ink import count
from retinue.report.text.shared_hunks import SharedEdit, shared_edit

_FEW_NEW = 3
"""So many new objects are folded; two are read as fast one after the other."""
_FOLDED = ("update", "adopt", "move")


@dataclass(frozen=True, slots=True)
class Fold:
    """Steps that read the same. `shown` is what they have in common, as a step; `own` names the fields in which new
    objects differ. `place` is where they are declared, or in how many places."""

    steps: tuple[Step, ...]
    shown: Step
    own: tuple[str, ...] = ()
    place: str | None = None

    @property
    def several(self) -> bool:
        return len(self.steps) > 1

    @property
    def title(self) -> str:
        """`in 31 assistants`; of what is made or only marked, `31 assistants`."""
        number = count(len(self.steps), kind_of(self.shown))
        return f"in {number}" if self.shown["action"] == "update" else number


def kind_of(step: Step) -> str:
    """The first part of an address."""
    return str(step["address"]).partition(".")[0]


def fold(steps: Iterable[Step], *, outside: bool = False, detail: Detail = "hunks") -> tuple[Fold, ...]:
    """The steps in their order, those that read the same with the first of them. `outside`: of what others did in them.

    With full detail only what is equal as a whole is folded, and no new object is where all of it is shown.
    """
    found: dict[Hashable, list[Step]] = {}
    order: dict[int, int] = {}
    for index, step in enumerate(steps):
        order[id(step)] = index
        key = _first_key(step, outside, detail)
        found.setdefault(index if key is None else key, []).append(step)
    made = [each for group in found.values() for each in _folds(group, outside, detail)]
    return tuple(sorted(made, key=lambda each: order[id(each.steps[0])]))


def _folds(steps: Sequence[Step], outside: bool, detail: Detail) -> Iterable[Fold]:
    if steps[0]["action"] == "create":
        return [_of_new(steps)] if len(steps) >= _FEW_NEW else map(_alone, steps)
    if len(steps) == 1:
        return map(_alone, steps)
    groups: dict[Hashable, _Joined] = {}
    for step in steps:
        edits = _edits(step, outside, detail)
        key = tuple((at, each.key, end_note(*each.whole)) for at, each in edits.items())
        if key in groups:
            groups[key].add(step, edits)
        else:
            groups[key] = _Joined(outside, [step], edits)
    return [each.folded() for each in groups.values()]


def _alone(step: Step) -> Fold:
    return Fold((step,), step, place=show_place(step["position"]))


def common_place(positions: Iterable[Mapping[str, Any] | None]) -> str | None:
    """The place that all have, the file that all are in, or how many there are."""
    known = [each for each in positions if each]
    places = list(dict.fromkeys(str(show_place(each)) for each in known))
    if len(places) <= 1:
        return places[0] if places else None
    files = list(dict.fromkeys(str(each["file"]) for each in known))
    return files[0] if len(files) == 1 else f"{len(places):,} places in {count(len(files), 'file')}"


def _common_position(positions: Sequence[Mapping[str, Any] | None]) -> Mapping[str, Any] | None:
    first = positions[0]
    return first if all(each == first for each in positions) else None


# ── changes ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class _Joined:
    """Steps that the same edits were made in, long texts by the number of their change."""

    outside: bool
    steps: list[Step]
    edits: dict[int, SharedEdit]

    def add(self, step: Step, edits: Mapping[int, SharedEdit]) -> None:
        self.steps.append(step)
        for at, each in edits.items():
            self.edits[at].join(each)

    def folded(self) -> Fold:
        if len(self.steps) == 1:
            return _alone(self.steps[0])
        first = self.steps[0]
        changes = []
        for at, same in enumerate(
            zip(*(shown_changes(each, outside=self.outside) for each in self.steps), strict=True)
        ):
            edit = self.edits.get(at)
            differ = {"edit": edit} if edit is not None and not edit.same else {}
            changes.append({**same[0], "position": _common_position([each["position"] for each in same]), **differ})
        files = [{**each, "position": None} for each in first["files"] if is_outside(each) == self.outside]
        shown = {**first, "changes": changes, "files": files}
        return Fold(tuple(self.steps), shown, place=common_place(each["position"] for each in self.steps))


def _first_key(step: Step, outside: bool, detail: Detail) -> Hashable:
    """What is the same of steps that may read the same; None for one that stands alone."""
    if step["action"] == "create":
        alone = detail != "hunks" or step["replaces"] or step["changes"] or _is_sealed(step["after"])
        return None if alone else _key_of_new(step)
    if step["action"] not in _FOLDED or takes_away(step) or any(map(_is_sealed, map(_sides, step["changes"]))):
        return None
    changes = [
        [each["path"], each["cause"], None if _is_text(each, detail) else _sides(each)]
        for each in shown_changes(step, outside=outside)
    ]
    files = [_file(each, step) for each in step["files"] if is_outside(each) == outside]
    return _digest([kind_of(step), step["action"], step["reason"], step.get("home"), changes, files])


def _is_text(change: Mapping[str, Any], detail: Detail) -> bool:
    """Whether a change is shown as what is removed from a text and added to it."""
    before, after = change.get("before"), change.get("after")
    return detail != "full" and isinstance(before, str) and isinstance(after, str) and "\n" in before + after


def _edits(step: Step, outside: bool, detail: Detail) -> dict[int, SharedEdit]:
    return {
        at: shared_edit(each["before"], each["after"])
        for at, each in enumerate(shown_changes(step, outside=outside))
        if _is_text(each, detail)
    }


def _sides(change: Mapping[str, Any]) -> list[Any]:
    """Both sides, one that is not there told from null."""
    return [[name, change[name]] for name in ("before", "after") if name in change]


def _is_sealed(value: Any) -> bool:
    """Whether there is anything in it that is never shown."""
    if isinstance(value, Mapping):
        return "retinue.sealed" in value or any(map(_is_sealed, value.values()))
    return isinstance(value, list) and any(map(_is_sealed, value))


def _file(each: Mapping[str, Any], step: Step) -> list[Any]:
    """What is said of a file."""
    said = [each[name] for name in ("action", "path", "before", "after", "attributes", "chunking", "reason", "cause")]
    path = (each["before"] or {}).get("retinue.file", each["path"]) if each["action"] == "move" else each["path"]
    return [*said, live_attributes({"path": path}, step)]


def _digest(data: Any) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


# ── new objects ───────────────────────────────────────────────────────────────────────────────────────────────────────


def new_fields(step: Step) -> dict[str, Any]:
    """The fields that are said of a new object, those that tell most first: what identifies it, its model, the rest in
    the order of its kind. The files that are attached to it stand on their own."""
    after, paths = step["after"] or {}, {each["path"] for each in step["files"]}
    attached = {key for key, each in after.items() if paths and isinstance(each, Mapping) and set(each) == paths}
    kind = all_kinds().get(kind_of(step))
    at = kind.at(step.get("home")) if kind else None
    names = [each.name for each in at.fields] if at else []
    leading = [at.identity, *(each.name for each in at.fields if each.model)] if at else []
    order = [name for name in dict.fromkeys((*leading, *names, *after)) if name in after and name not in attached]
    return {name: after[name] for name in order if after[name] not in (None, {}, [])}


def _key_of_new(step: Step) -> Hashable:
    own = _may_differ(step)
    fields = sorted((name, None if name in own else value) for name, value in new_fields(step).items())
    return _digest(["new", kind_of(step), step["reason"], step.get("home"), bool(step["files"]), fields])


def _may_differ(step: Step) -> Collection[str]:
    """The fields that say which object it is rather than of what sort: texts, metadata, files. A model is no text."""
    kind = all_kinds().get(kind_of(step))
    at = kind.at(step.get("home")) if kind else None
    own = set()
    for name, value in new_fields(step).items():
        known = at.field(name) if at and at.has(name) else None
        holds_files = isinstance(value, Mapping) and any(map(is_file, value.values()))
        if holds_files or (known and known.by_key) or (isinstance(value, str) and not (known and known.model)):
            own.add(name)
    return own


def _of_new(steps: Sequence[Step]) -> Fold:
    first = steps[0]
    common = {name: _digest(value) for name, value in new_fields(first).items()}
    equal = dict(common)
    for step in steps[1:]:
        fields = new_fields(step)
        equal = {name: each for name, each in equal.items() if _digest(fields.get(name)) == each}
    files = [_digest([[each["path"], each["after"], each["attributes"]] for each in step["files"]]) for step in steps]
    same_files = len(set(files)) == 1
    own = [name for name in common if name not in equal] + ([] if same_files else ["files"])
    shown = {
        **first,
        "after": {name: value for name, value in new_fields(first).items() if name in equal},
        "files": [{**each, "position": None} for each in first["files"]] if same_files else [],
    }
    return Fold(tuple(steps), shown, tuple(own), common_place(step["position"] for step in steps))
