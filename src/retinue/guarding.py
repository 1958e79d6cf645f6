"""The guards that look at the account: the right one, nothing lost on the way, and nobody else applying."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from retinue.errors import BlockedError
from retinue.model.steps import AccountInfo, Block, Event, Plan, Step
from retinue.model.tag import is_retired
from retinue.planning.marker import account_block, different, missing_block
from retinue.session import Session

POLL = 10.0
"""How often a lease is looked at by whoever waits for it, in seconds, more or less."""


def check_account(session: Session) -> None:
    """Raises BlockedError when the account answers for another project or organization than retinue.yaml names."""
    setting = session.project.account
    if not isinstance(setting, dict):
        return
    told = different(setting.get("organization"), setting.get("project"), session.account.info)
    if told:
        word, wanted, answered = told
        raise BlockedError(
            f"the account answers for the {word} '{answered}', and the account of this stack is the {word} '{wanted}'",
            hint=f"use a key of that {word}, or correct 'account' in retinue.yaml",
        )


def account_blocks(session: Session, remembered: int) -> Iterator[Block]:
    """What makes the account look like another one than the stack lives in. `remembered` is how many objects this
    machine knew of before it looked."""
    marker, memory, info = session.marking.seen, session.memory, session.account.info
    if marker is not None:
        lived = AccountInfo("", organization=marker.organization, project=marker.project)
        blocks = [account_block(lived, info, where="the marker places")]
        where, why = "the marker tells of", "somebody deleted them, or the account does not list them all"
        blocks.append(missing_block(marker.owned, len(owned_ids(session)), where=where, why=why))
    else:
        lived = AccountInfo("", organization=memory.organization, project=memory.project)
        blocks = [account_block(lived, info, where="this machine last saw")]
        why = "the account or the key may be another one than before, or somebody destroyed the stack"
        blocks.append(missing_block(remembered, len(owned_ids(session)), where="this machine remembers", why=why))
    yield from (block for block in blocks if block)


def owned_ids(session: Session) -> set[str]:
    """The ids of the stack's objects in the account, as the last plan saw them."""
    stack = session.project.stack
    ours = (live for live in session.live if live.tag and live.tag.stack == stack and live.home is None)
    return {live.id for live in ours if not is_retired(live.tag)}


def leaves(step: Step) -> bool:
    """Whether an object of the account is not the stack's any more after a step."""
    return step.home is None and (step.action in ("delete", "release") or is_retired(step.tag))


# ── one apply at a time ───────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class Holding:
    """What the stack owns while it is applied."""

    ids: set[str] = field(default_factory=set)

    def note(self, event: Event) -> None:
        step, live_id = event.step, event.id
        if live_id is None or step.home is not None or event.status in ("started", "progress", "skipped"):
            return
        if leaves(step):
            self.ids -= {live_id} if event.status == "done" else set()
        elif step.action in ("create", "adopt", "move"):
            self.ids.add(live_id)


@contextmanager
def hold(session: Session, made: Plan, stop: threading.Event, *, parallelism: int) -> Iterator[Holding]:
    """Hold the stack's lease while its plan is carried out. Nothing to write to the account takes none.

    Before anything is written, raises LeaseError while somebody else holds it, OvertakenError when somebody applied
    since the plan was made, StaleError when the account is not as the plan found it. `stop` is set when somebody takes
    the lease over.
    """
    holding = Holding(owned_ids(session))
    from retinue.providers.preconditions import check_plan

    def check() -> None:
        check_plan(made, session.providers, session.kinds, stack=session.memory.stack, parallelism=parallelism)

    with session.memory.exclusive() as alone:
        if all(step.home is not None for step in made.steps):
            check()
            yield holding
            return
        going = sum(1 for step in made.steps if leaves(step))
        marking = session.marking
        marking.stop = stop
        marking.acquire(max(len(holding.ids) - going, 0), alone=alone, check=check)
        try:
            yield holding
        finally:
            marking.release(holding.ids)


def wait_for_lease(session: Session, seconds: float) -> bool:
    """Wait until nobody else applies the stack, for so long at most; False when somebody still does."""
    account, marking = session.account, session.marking
    deadline = account.server_time() + seconds
    while account.server_time() < deadline:
        # Not in step with others who wait for the same moment.
        pause = POLL * (0.5 + random.random())  # noqa: S311 - nothing depends on its being unforeseeable
        account.sleep(min(pause, max(deadline - account.server_time(), 0.1)))
        marking.look_again()
        if marking.holder() is None:
            return True
    return False


def check_free(session: Session, made: Plan) -> None:
    """Raises LeaseError when somebody is applying the stack already, before anybody is asked about the plan."""
    holder = session.marking.holder()
    if holder is not None and any(step.home is None for step in made.steps):
        raise session.marking.taken(holder)
