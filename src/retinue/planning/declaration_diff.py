"""Two sets of declarations → how the second differs from the first, in the steps that plans are made of.

A step here is carried out by nobody: it has no live id, no tag, and needs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from retinue.kinds.kind import Kind, Kinds
from retinue.model.canonical import same
from retinue.model.declared import HOW_CHOSEN, ChosenBy, Declared, Lifecycle
from retinue.model.differences import differences
from retinue.model.selector import ALL, Selection
from retinue.model.steps import FieldChange, FileChange, Step
from retinue.model.values import ABSENT, Address, Sealed
from retinue.planning.documents.plan_document import change_document, selection_document, step_document

FORMAT_VERSION = "1.0"


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two sets. `name` is what people call it; `settings` are what the project file says besides.
    `chosen_by` says who chose the environment."""

    name: str
    stack: str | None
    environment: str | None
    declared: tuple[Declared, ...]
    settings: Mapping[str, Any]
    chosen_by: ChosenBy | None = None


@dataclass(frozen=True, slots=True)
class Contrast:
    """`steps` lead from one to the other; `settings` are the differences of the project files, where they count;
    `notes` say what could not be compared. Where there is a `selection`, the rest was not looked at."""

    before: Side
    after: Side
    steps: tuple[Step, ...]
    settings: tuple[FieldChange, ...]
    same: int
    notes: tuple[str, ...] = ()
    selection: Selection = ALL

    @property
    def empty(self) -> bool:
        return not (self.steps or self.settings)


def contrast(
    before: Side,
    after: Side,
    kinds: Kinds,
    *,
    settings: bool = False,
    notes: tuple[str, ...] = (),
    selection: Selection = ALL,
) -> Contrast:
    """Compare every address. With `settings`, the project files are compared, too."""
    old = {each.address: each for each in before.declared}
    new = {each.address: each for each in after.declared}
    steps: list[Step] = []
    equal = 0
    for address in sorted({*old, *new}):
        step = _step(address, old.get(address), new.get(address), (before.name, after.name), kinds[address.kind])
        if step is None:
            equal += 1
        else:
            steps.append(step)
    changes = tuple(_settings(before, after)) if settings else ()
    return Contrast(before, after, tuple(steps), changes, equal, notes, selection)


def contrast_document(made: Contrast) -> dict[str, Any]:
    """The comparison as plain JSON data; every format renders this."""
    actions = [each.action for each in made.steps]
    return {
        "format_version": FORMAT_VERSION,
        **selection_document(made.selection),
        "before": _side(made.before),
        "after": _side(made.after),
        "summary": {**{each: actions.count(each) for each in ("create", "update", "delete")}, "same": made.same},
        "settings": [change_document(each) for each in made.settings],
        "steps": [step_document(each) for each in made.steps],
        "notes": list(made.notes),
    }


def _side(side: Side) -> dict[str, Any]:
    chosen = {"environment_from": side.chosen_by} if side.chosen_by in HOW_CHOSEN else {}
    return {"name": side.name, "stack": side.stack, "environment": side.environment, **chosen}


def _settings(before: Side, after: Side) -> Iterator[FieldChange]:
    if before.stack is None:
        return
    for name in sorted({*before.settings, *after.settings}):
        old, new = before.settings.get(name), after.settings.get(name)
        for path, one, other in differences((name,), old, new):
            yield FieldChange(path, one, other, "config")


# ── one address ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _step(
    address: Address, old: Declared | None, new: Declared | None, names: tuple[str, str], kind: Kind
) -> Step | None:
    if old is None:
        assert new is not None  # noqa: S101 - the address is of one of the two
        files = _files({}, new.spec, new, kind)
        reason = f"only in {names[1]}"
        return Step("create", address, after=new.spec, files=files, reason=reason, position=new.position())
    if new is None:
        files = _files(old.spec, {}, old, kind)
        reason = f"only in {names[0]}"
        return Step("delete", address, before=old.spec, files=files, reason=reason, position=old.position())
    changes = tuple(_changes(old, new, kind))
    files = _files(old.spec, new.spec, new, kind)
    if not (changes or files):
        return None
    return Step(
        "update", address, before=old.spec, after=new.spec, changes=changes, files=files, position=new.position()
    )


def _changes(old: Declared, new: Declared, kind: Kind) -> Iterator[FieldChange]:
    if old.home != new.home:
        yield FieldChange(("api",), kind.at(old.home).home, kind.at(new.home).home, "config", new.position(("api",)))
    for name in dict.fromkeys((*new.spec, *old.spec)):
        if kind.field(name).content:
            continue
        if name not in new.spec:
            yield FieldChange((name,), old.spec[name], ABSENT, "config", old.position((name,)))
        elif name not in old.spec:
            yield FieldChange((name,), ABSENT, new.spec[name], "config", new.position((name,)))
        elif _hidden_differ(old.spec[name], new.spec[name]):
            yield FieldChange((name,), old.spec[name], new.spec[name], "config", new.position((name,)))
        else:
            for path, before, after in differences((name,), old.spec[name], new.spec[name]):
                place = old if after is ABSENT else new
                yield FieldChange(path, before, after, "config", place.position(path))
    for each in fields(Lifecycle):
        before, after = getattr(old.lifecycle, each.name), getattr(new.lifecycle, each.name)
        if before != after:
            path = ("lifecycle", each.name)
            yield FieldChange(path, _plain(before), _plain(after), "config", new.position(path))


def _files(old: Mapping[str, Any], new: Mapping[str, Any], at: Declared, kind: Kind) -> tuple[FileChange, ...]:
    """The differences of attached files; `at` knows their places."""
    return tuple(change for each in kind.fields for change in each.contrast(old, new, at))


def _hidden_differ(old: Any, new: Any) -> bool:
    """What is never shown is told apart by what it holds; elsewhere one hidden value is as good as another."""
    return isinstance(old, Sealed) and isinstance(new, Sealed) and not same(old.value, new.value)


def _plain(value: Any) -> Any:
    return sorted(value) if isinstance(value, frozenset | tuple) else value
