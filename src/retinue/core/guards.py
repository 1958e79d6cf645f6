"""What keeps a plan from being carried out as it is: ownership, protection, and edits nobody agreed to overwrite."""

from __future__ import annotations

from retinue.core.model import Block, Plan


def drift_block(plan: Plan) -> Block | None:
    """The guard of unattended applies: somebody else's edit is overwritten only when a person says so."""
    reverted = plan.reverts
    if not reverted:
        return None
    names = ", ".join(sorted({str(step.address) for step in reverted}))
    return Block(
        "drift",
        f"the plan would overwrite changes made outside of retinue: {names}",
        override="--revert-drift",
    )
