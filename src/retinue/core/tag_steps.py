"""Steps that write nothing but the ownership tag: adopt, move, release; and the retirement of an object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from retinue.core.canonical import same
from retinue.core.changes import FieldChange, Step
from retinue.core.draft import Draft
from retinue.core.guards import witness
from retinue.core.kind import Kind
from retinue.core.model import Address, Declared, Live, Path
from retinue.core.names import live_spec
from retinue.core.ownership import PROTECT, RETIRED, make_tag, on_delete


def claim(draft: Draft, wanted: Declared, live: Live, spec: Mapping[str, Any], *, in_sync: bool) -> Step:
    """The step that gives an object the tag of this stack and address. Where more is to change, the tag claims nothing
    of it yet: the step after it will."""
    kind = draft.kinds[live.kind].at(live.home)
    handed = draft.handed.claims[live.id]
    full = make_tag(draft.named.stack, wanted.address, wanted.spec, kind, wanted.lifecycle)
    return Step(
        handed.action,
        wanted.address,
        live.id,
        before=spec,
        after=wanted.spec,
        expects=witness(live.raw, kind, _claimed(wanted, kind)) if in_sync else {},
        tag=full if in_sync else live.tag,
        reason=handed.reason(draft.named.stack),
        position=handed.said.position,
        protected=live.tag is not None and PROTECT in live.tag.flags,
        home=live.home,
        within=live.within,
        held=handed.held,
    )


def _claimed(wanted: Declared, kind: Kind) -> list[Path]:
    """The values that the tag will say we applied: they must still be what the plan saw."""
    paths: list[Path] = []
    for name, value in wanted.lifecycle.heeded(wanted.spec).items():
        paths += [(name, key) for key in value] if kind.field(name).per_key else [(name,)]
    return paths


def let_go(draft: Draft, live: Live, address: Address, reason: str | None) -> Step:
    """The step for an object that would be deleted, had its lifecycle not said otherwise: it is kept or retired."""
    kind = draft.kinds[live.kind].at(live.home)
    why = f"{reason}; " if reason else ""
    if live.tag is None or kind.retire is None or on_delete(live.tag) == "keep":
        return release(draft, live, address, reason=f"{why}its lifecycle keeps it, without an owner")
    spec = live_spec(live, kind, draft.named)
    last = kind.retire(spec)
    changed = [name for name, value in last.items() if not same(value, spec[name])]
    return Step(
        "update",
        address,
        live.id,
        before=spec,
        after=last,
        changes=(
            *(FieldChange((name,), spec[name], last[name], "config") for name in changed),
            FieldChange(("lifecycle", "retired"), before=False, after=True, cause="config"),
        ),
        expects=witness(live.raw, kind, [(name,) for name in changed]),
        tag=replace(live.tag, flags=frozenset({RETIRED})),
        reason=f"{why}it is retired, and ends by itself",
        protected=PROTECT in live.tag.flags,
        home=live.home,
        within=live.within,
    )


def release(draft: Draft, live: Live, address: Address, *, reason: str | None = None) -> Step:
    """The step that takes our marks off an object and its files, and leaves everything else."""
    kind = draft.kinds[live.kind].at(live.home)
    said = draft.handed.released.get(address)
    return Step(
        "release",
        address,
        live.id,
        before=live_spec(live, kind, draft.named),
        reason=reason or "it stays in the account, without an owner",
        position=said.position if said else None,
        home=live.home,
        within=live.within,
        held=live.tag,
    )
