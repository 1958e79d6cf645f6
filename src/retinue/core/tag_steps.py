"""Steps that write nothing but the ownership tag: adopt, move, release."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retinue.core.changes import Step
from retinue.core.draft import Draft
from retinue.core.guards import witness
from retinue.core.kind import Kind
from retinue.core.model import Address, Declared, Live, Path
from retinue.core.names import live_spec
from retinue.core.ownership import PROTECT, make_tag


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


def release(draft: Draft, live: Live, address: Address) -> Step:
    """The step that takes our marks off an object and its files, and leaves everything else."""
    kind = draft.kinds[live.kind].at(live.home)
    return Step(
        "release",
        address,
        live.id,
        before=live_spec(live, kind, draft.named),
        reason="it stays in the account, without an owner",
        position=draft.handed.released[address].position,
        home=live.home,
        within=live.within,
        held=live.tag,
    )
