"""What an apply may do that nobody looks at, and what somebody agreed to before."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from retinue.errors import BlockedError
from retinue.model.declared import Diagnostic
from retinue.model.live import Live
from retinue.model.steps import AccountInfo, Block, Plan
from retinue.planning.documents.plan_digest import plan_digest
from retinue.planning.documents.remainder import is_remainder
from retinue.planning.new_stack import new_stack_block

DEFAULT_DELETE_PERCENT = 30
APPROVED_PLAN = "approved-plan"


@dataclass(frozen=True, slots=True)
class Limits:
    """The greatest shares, in percent of what the stack owns, that may go or change without being looked at; None for
    any. `require` is what an apply takes besides, whoever looks: `APPROVED_PLAN` or nothing."""

    max_change_percent: float | None = None
    max_delete_percent: float | None = DEFAULT_DELETE_PERCENT
    require: str | None = None


USUAL = Limits()


@dataclass(frozen=True, slots=True)
class Approval:
    """What somebody agreed to. Without any of it, a plan is carried out that takes nothing away from anybody.

    `person`: somebody saw the plan, or is asked before it is carried out. `revert_drift`: edits made elsewhere may be
    overwritten. `allow_deletes`: so many objects may go, None for none. `destroy`: deleting everything is what was
    asked for. `new_stack`: a stack may be made beside another one of the project. `digest`: somebody approved the plan
    of that digest, `plan`: that very plan, which was saved under `name`; then it is carried out, or what is left of it,
    and no other.
    """

    person: bool = False
    revert_drift: bool = False
    allow_deletes: int | None = None
    destroy: bool = False
    new_stack: bool = False
    digest: str | None = None
    plan: Plan | None = None
    name: str | None = None

    @property
    def approved(self) -> str | None:
        """The digest of the plan that was approved before; None when none was."""
        return self.digest or (plan_digest(self.plan) if self.plan else None)

    @property
    def title(self) -> str:
        """What messages call the saved plan."""
        return f"'{self.name}'" if self.name else "the approved plan"

    @property
    def seen(self) -> bool:
        """Whether somebody knows what the plan does."""
        return self.person or self.approved is not None


_APPROVING = (
    "save the plan with 'retinue plan{0} --out plan.json', have it looked at, and run 'retinue apply{0} plan.json'; or "
    "name the digest of the plan that was looked at with --expect"
)
UNASKED = Approval()
"""Nobody was asked."""


def is_approved(approval: Approval, made: Plan, live: Iterable[Live]) -> bool:
    """Whether a fresh plan is the approved one, or what is left of it as `live` shows; True where none was asked for.

    Raises BlockedError when a saved plan is about another account.
    """
    if approval.plan is not None and approval.plan.account != made.account:
        theirs, ours = _account(approval.plan.account), _account(made.account)
        raise BlockedError(
            f"{approval.title} is a plan for the account {theirs}, and this is {ours}",
            hint="check the key and the account of retinue.yaml, or make a plan for this account",
        )
    if approval.approved is None or made.empty or plan_digest(made) == approval.approved:
        return True
    return approval.plan is not None and is_remainder(made, approval.plan, live)


def _account(account: AccountInfo) -> str:
    details = [account.url, account.organization, account.project]
    more = ", ".join(each for each in details if each)
    return f"{account.name} ({more})" if more else account.name


def refusals(plan: Plan, approval: Approval, limits: Limits) -> Iterator[Block]:
    """Everything that keeps a plan from being carried out: what forbids it, and what nobody agreed to."""
    yield from plan.blocks
    if limits.require == APPROVED_PLAN and approval.approved is None and not plan.empty:
        where = f"the environment '{plan.environment}'" if plan.environment else f"the stack '{plan.stack}'"
        message = f"{where} takes approved plans only (guards.require), and nobody approved this one"
        yield Block(
            "approval-required", message, hint=_APPROVING.format(f" -e {plan.environment}" if plan.environment else "")
        )
    drift, renamed, beside = drift_block(plan), rename_block(plan), new_stack_block(plan.warnings)
    if drift and not (approval.seen or approval.revert_drift):
        yield drift
    if renamed and not approval.seen:
        yield renamed
    if beside and not (approval.seen or approval.new_stack):
        yield beside
    yield from deletion_blocks(plan, approval, limits)


def drift_block(plan: Plan) -> Block | None:
    """The guard of unattended applies: somebody else's edit is overwritten only when a person says so."""
    reverted = plan.reverts
    if not reverted:
        return None
    names = ", ".join(sorted({str(step.address) for step in reverted}))
    return Block(
        "drift", f"the plan would overwrite changes made outside of retinue: {names}", override="--revert-drift"
    )


def rename_block(plan: Plan) -> Block | None:
    """The guard of unattended applies: what looks like a rename is not deleted before somebody has answered."""
    found = [each for each in plan.warnings if each.code == "looks-renamed"]
    if not found:
        return None
    moves = [move for each in found for move in each.details.get("moves", (each.details,))]
    names = ", ".join(f"{each['from']} → {each['to']}" for each in moves)
    return Block(
        "looks-renamed",
        f"the plan would delete what looks renamed: {names}; say 'moved:' or 'release:', or let a person approve it",
    )


def deletion_blocks(plan: Plan, approval: Approval, limits: Limits) -> Iterator[Block]:
    """The guards of an apply that nobody looks at: objects go only as far as somebody said, and never many at once."""
    if approval.seen or (approval.destroy and plan.destroy):
        return
    going = [str(step.address) for step in plan.steps if step.action == "delete"]
    lost = [f"{each.what} {each.name} of {step.address}" for step, each in plan.losses]
    number = len(going) + len(lost)
    if number > (approval.allow_deletes or 0):
        names = ", ".join([*going, *lost][:5]) + (", …" if number > 5 else "")
        allowed = f", and --allow-deletes allows {approval.allow_deletes}" if approval.allow_deletes else ""
        yield Block(
            "deletions",
            f"the plan would delete {_amounts(plan)} that nobody agreed to delete{allowed}: {names}",
            override=f"--allow-deletes {number}",
        )
    for warning in limit_warnings(plan, limits):
        yield Block("limit", f"{warning.message}; {warning.hint}")


def limit_warnings(plan: Plan, limits: Limits) -> Iterator[Diagnostic]:
    """What an apply would stop at that nobody looks at."""
    gone, lost = sum(1 for step in plan.steps if step.action == "delete"), len(plan.losses)
    # What is created changes nothing that is there, and a replacement is counted once.
    touched = len({step.address for step in plan.steps if step.action in ("update", "delete")})
    who = (
        "it takes a person who answers the question of 'retinue apply', or one who approved it: 'apply --expect DIGEST'"
    )
    # Objects and what they hold are counted apart: many files must not make it look as if few objects went.
    objects, parts = f"{_objects(plan.owned)} of the stack", f"{plan.parts} files and versions of the stack"
    for number, whole, those in ((gone, plan.owned, objects), (lost, plan.parts, parts)):
        if _exceeds(number, whole, limits.max_delete_percent):
            share = _share("delete", number, whole, those, "max_delete_percent", limits.max_delete_percent)
            yield Diagnostic("warning", "many-deletions", share, hint=who)
    if _exceeds(touched, plan.owned, limits.max_change_percent):
        share = _share("change", touched, plan.owned, objects, "max_change_percent", limits.max_change_percent)
        yield Diagnostic("warning", "many-changes", share, hint=who)


def _exceeds(number: int, whole: int, limit: float | None) -> bool:
    """One is never too many: in a small stack it is a large share."""
    return limit is not None and number > 1 and number * 100 > limit * whole


def _share(verb: str, number: int, whole: int, those: str, name: str, limit: float | None) -> str:
    percent = number * 100 / whole if whole else 100.0
    # With as many digits as it takes to see that it is more: "30 %, more than 30" explains nothing.
    texts = (f"{percent:.{digits}f}" for digits in range(12))
    shown = next((text for text in texts if float(text) > (limit or 0)), f"{percent}")
    return f"the plan would {verb} {number} of the {those} ({shown} %), more than {name} ({limit:g})"


def _amounts(plan: Plan) -> str:
    """What the plan deletes, in numbers: `1 object, 2 files and 5 versions`."""
    objects = sum(1 for step in plan.steps if step.action == "delete")
    lost = Counter(each.what for _, each in plan.losses)
    texts = [_objects(objects)] if objects else []
    texts += [f"{number} {what}{'' if number == 1 else 's'}" for what, number in sorted(lost.items())]
    return " and ".join([", ".join(texts[:-1]), texts[-1]]) if len(texts) > 1 else texts[0]


def _objects(number: int) -> str:
    return f"{number} object" if number == 1 else f"{number} objects"


TIMED = "model-shutdown"
"""The warning that has a time left: `model-shutdown=90d`. What has shut down already is included."""

ABOUT_MODELS = (TIMED, "model-gone", "unknown-model")
INCLUDED = {TIMED: ("model-gone",)}
_DURATION = re.compile(r"([0-9]{1,5})([dw])")
_DAYS = {"d": 1, "w": 7}


@dataclass(frozen=True, slots=True)
class FailOn:
    """Stop on warnings with this code; for a shutdown, when no more than so many days are left."""

    code: str
    days: int | None = None

    @classmethod
    def parse(cls, text: str) -> FailOn:
        """Read `CODE` or `CODE=90d` (days) or `CODE=12w` (weeks). Raises ValueError."""
        code, equals, duration = text.partition("=")
        if not equals:
            return cls(code)
        found = _DURATION.fullmatch(duration)
        if code != TIMED:
            raise ValueError(f"only {TIMED} takes a time, as in {TIMED}=90d")
        if found is None:
            raise ValueError(f"'{duration}' is not a time such as 90d or 12w")
        return cls(code, int(found[1]) * _DAYS[found[2]])

    def __str__(self) -> str:
        return self.code if self.days is None else f"{self.code}={self.days}d"

    @property
    def about_models(self) -> bool:
        """Whether only the account can tell."""
        return self.code in ABOUT_MODELS

    def meets(self, warning: Diagnostic) -> bool:
        if warning.code not in (self.code, *INCLUDED.get(self.code, ())):
            return False
        left = warning.details.get("days_left")
        return self.days is None or (left is not None and left <= self.days)


def fail_on_blocks(warnings: Iterable[Diagnostic], conditions: Iterable[FailOn]) -> Iterator[Block]:
    """A block for every warning that meets a condition, each warning once."""
    conditions = tuple(conditions)
    for warning in warnings:
        met = next((each for each in conditions if each.meets(warning)), None)
        if met is not None:
            place = f" ({warning.position})" if warning.position else ""
            yield Block("fail-on", f"--fail-on {met}{place}: {warning.message}")
