"""What a plan found and relies on: looked at again, for the whole plan, before its first write."""

from __future__ import annotations

from contextlib import suppress

from retinue.content.manifest_diff import moved_files
from retinue.errors import StaleError
from retinue.kinds.kind import Kinds
from retinue.model.live import Live
from retinue.model.steps import Plan, Step
from retinue.model.tag import Tag
from retinue.providers.port import Providers
from retinue.providers.thread_pool import threads

HANDOVERS = frozenset({"adopt", "move", "release"})
AGAIN = "run the command again: it plans anew"


def check_plan(plan: Plan, providers: Providers, kinds: Kinds, *, stack: str, parallelism: int = 8) -> None:
    """Raises StaleError when anything that the plan would change or delete is not as the plan found it.

    What is to be deleted and is gone already needs nobody's attention.
    """
    # Until a step hands an object over, the other steps that are about it find it as it was.
    handed = {step.id: step for step in plan.steps if step.id and step.action in HANDOVERS}

    about = [step for step in plan.steps if step.id is not None]
    glimpsed: dict[str, Live] = {}
    for home, provider in providers.items():
        glimpsed.update(provider.glimpse([step for step in about if step.home == home]))

    def check(step: Step) -> str | None:
        given = handed.get(step.id or "")
        owner = Tag(stack, step.address) if given is None else given.held
        if step.key in glimpsed:
            with suppress(StaleError):
                _check(step, glimpsed[step.key], owner, kinds)
                return None
        try:
            _check(step, providers[step.home].find(step, owner), owner, kinds)
        except StaleError as error:
            return f"{step.address}: {error.message}"
        return None

    with threads(parallelism, "check") as pool:
        stale = [each for each in pool.map(check, about) if each]
    if stale:
        raise StaleError("\n".join(["nothing was changed", *stale]), hint=AGAIN)


def _check(step: Step, live: Live | None, owner: Tag | None, kinds: Kinds) -> None:
    if live is not None:
        check_owner(step, live, owner)
        check_values(step, live, kinds)
        check_files(step, live)
    elif step.action != "delete":
        raise StaleError("it was deleted after the plan was made", hint=AGAIN)


def check_owner(step: Step, live: Live, owner: Tag | None) -> None:
    """Raises StaleError when the object carries neither the tag that it had nor the one that the step gives it."""
    owners = [(tag.stack, tag.address) if tag else None for tag in (live.tag, owner, step.tag)]
    if live.tag_error is not None or owners[0] not in owners[1:]:
        raise StaleError(f"{live.id} no longer carries the tag that it had", hint=AGAIN)


def check_values(step: Step, live: Live, kinds: Kinds, *, where: str = "the account") -> None:
    """Raises StaleError when a live value that the step writes over, or that is lost with a deletion, has changed."""
    changed = kinds[step.address.kind].at(step.home).moved(step.expects, live)
    if changed:
        raise StaleError(f"{quoted(changed)} changed in {where} after the plan was made", hint=AGAIN)


def check_files(step: Step, live: Live) -> None:
    """Raises StaleError when the object holds other files than the plan found."""
    moved = moved_files(step, live.files) if step.files else []
    if moved:
        message = f"its files changed in the account after the plan was made: {quoted(moved)}"
        raise StaleError(message, hint=AGAIN)


def quoted(names: list[str]) -> str:
    return ", ".join(f"'{each}'" for each in names)
