"""An address that goes while a very similar one comes: probably one object under a new name, which nobody said."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from retinue.core.canonical import canonical_json, same
from retinue.core.changes import Block, Plan, Step
from retinue.core.kind import Kind, Kinds
from retinue.core.model import Diagnostic

ALIKE = 0.75
"""How much of two specifications must be the same. Git takes half of a file for a rename, but here the model and the
tools of unrelated objects are often the same; at three quarters, the prompt or the files must be, too."""

_WORD = re.compile(r"\w+")


def look_renamed(steps: Iterable[Step], kinds: Kinds) -> Iterator[Diagnostic]:
    """A warning for each object that would be deleted while one that is much like it would be created."""
    steps = list(steps)
    made = [step for step in steps if step.action == "create" and not step.replaces]
    going = [step for step in steps if step.action == "delete" and not step.replaces]
    created = {step.address for step in steps if step.action != "delete"}
    pairs = sorted(
        (
            (-_likeness(old, new, kinds[new.address.kind]), old, new)
            for old in going
            for new in made
            if old.address.kind == new.address.kind and old.address not in created and old.home == new.home
        ),
        key=lambda pair: (pair[0], pair[1].address, pair[2].address),
    )
    told: set[str] = set()
    for score, old, new in pairs:
        if -score < ALIKE or old.key in told or new.key in told:
            continue
        told |= {old.key, new.key}
        entry = f"moved: [{{from: {old.address}, to: {new.address}}}]"
        yield Diagnostic(
            "warning",
            "looks-renamed",
            f"{old.address} ({old.id}) would be deleted and {new.address}, which is much like it, created",
            new.position,
            f"to rename it instead, write '{entry}' into a file of declarations",
            details={"from": str(old.address), "to": str(new.address), "alike": round(-score, 2)},
        )


def rename_block(plan: Plan) -> Block | None:
    """The guard of unattended applies: what looks like a rename is not deleted before somebody has answered."""
    found = [each for each in plan.warnings if each.code == "looks-renamed"]
    if not found:
        return None
    names = ", ".join(f"{each.details['from']} → {each.details['to']}" for each in found)
    return Block(
        "looks-renamed",
        f"the plan would delete what looks renamed: {names}; say 'moved:' or 'release:', or let a person approve it",
    )


def _likeness(old: Step, new: Step, kind: Kind) -> float:
    """From 0 to 1: the share of words that two specifications have in common, however they are ordered.

    What one of them leaves at its default and the other does not speak of says nothing.
    """
    before, after = _chosen(old.before or {}, kind), dict(new.after or {})
    names = {name for name in {*before, *after} if kind.has(name)}
    one = Counter(word for name in sorted(names) for word in _words(name, before.get(name)))
    other = Counter(word for name in sorted(names) for word in _words(name, after.get(name)))
    total = one.total() + other.total()
    return 2 * (one & other).total() / total if total else 0.0


def _chosen(spec: Mapping[str, Any], kind: Kind) -> dict[str, Any]:
    return {name: value for name, value in spec.items() if kind.has(name) and not same(value, kind.field(name).default)}


def _words(name: str, value: Any) -> list[str]:
    return _WORD.findall(canonical_json({name: value})) if value is not None else []
