"""What was agreed to before a plan is carried out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Approval:
    """`person`: somebody sees the plan and is asked. `revert_drift`: edits made elsewhere may be overwritten.

    `allow_deletes`: so many objects may go, None for none. `destroy`: deleting everything is what was asked for.
    `digest`: somebody saw this very plan before and approved it.
    """

    person: bool = False
    revert_drift: bool = False
    allow_deletes: int | None = None
    destroy: bool = False
    digest: bool = False
