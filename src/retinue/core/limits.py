"""How much of a stack one apply may change or delete before somebody has to look."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from retinue.core.approval import Approval
from retinue.core.changes import Block, Plan
from retinue.core.model import Diagnostic

DEFAULT_DELETE_PERCENT = 30


@dataclass(frozen=True, slots=True)
class Limits:
    """The greatest shares, in percent of the objects that the stack owns, that may go or change without being looked
    at; None for any."""

    max_change_percent: float | None = None
    max_delete_percent: float | None = DEFAULT_DELETE_PERCENT


USUAL = Limits()


def deletions(plan: Plan) -> int:
    """How many objects the plan deletes. A replacement deletes the old object, and with it what others remember."""
    return sum(1 for step in plan.steps if step.action == "delete")


def deletion_blocks(plan: Plan, approval: Approval, limits: Limits) -> Iterator[Block]:
    """The guards of an apply that nobody looks at: objects go only as far as somebody said, and never many at once."""
    if approval.person or approval.destroy or approval.digest:
        return
    going = [step for step in plan.steps if step.action == "delete"]
    if len(going) > (approval.allow_deletes or 0):
        names = ", ".join(str(step.address) for step in going[:5]) + (", …" if len(going) > 5 else "")
        allowed = f", and --allow-deletes allows {approval.allow_deletes}" if approval.allow_deletes else ""
        yield Block(
            "deletions",
            f"the plan would delete {_objects(len(going))} that nobody agreed to delete{allowed}: {names}",
            override=f"--allow-deletes {len(going)}",
        )
    for warning in limit_warnings(plan, limits):
        yield Block("limit", f"{warning.message}; {warning.hint}")


def limit_warnings(plan: Plan, limits: Limits) -> Iterator[Diagnostic]:
    """What an apply would stop at that nobody looks at."""
    gone = deletions(plan)
    # What is created changes nothing that is there, and a replacement is counted once.
    touched = len({step.address for step in plan.steps if step.action in ("update", "delete")})
    who = "it takes a person who answers the question of 'retinue apply', or an approved digest"
    if _exceeds(gone, plan, limits.max_delete_percent):
        share = _share("delete", gone, plan)
        message = f"{share}, more than max_delete_percent ({limits.max_delete_percent:g})"
        yield Diagnostic("warning", "many-deletions", message, hint=who)
    if _exceeds(touched, plan, limits.max_change_percent):
        share = _share("change", touched, plan)
        message = f"{share}, more than max_change_percent ({limits.max_change_percent:g})"
        yield Diagnostic("warning", "many-changes", message, hint=who)


def _exceeds(number: int, plan: Plan, limit: float | None) -> bool:
    """One object is never too many: in a small stack it is a large share."""
    return limit is not None and number > 1 and number * 100 > limit * plan.owned


def _share(verb: str, number: int, plan: Plan) -> str:
    percent = number * 100 // plan.owned if plan.owned else 100
    return f"the plan would {verb} {number} of the {_objects(plan.owned)} of the stack ({percent} %)"


def _objects(number: int) -> str:
    return f"{number} object" if number == 1 else f"{number} objects"
