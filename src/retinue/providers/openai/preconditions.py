"""What a plan found and relies on: looked at again for the whole plan before its first write, and for each object right
before its own."""

from __future__ import annotations

from collections.abc import Iterable

from retinue.errors import StaleError
from retinue.kinds.kind import Kind, Kinds
from retinue.model.live import Live, LiveFile, Tag
from retinue.model.steps import Plan, Step
from retinue.model.values import Address
from retinue.planning.guards import file_witness, moved
from retinue.providers.bundle.lock_file import LockFile
from retinue.providers.openai.client import Account
from retinue.providers.openai.snapshot import find_live, read_files, read_live
from retinue.providers.openai.thread_pool import threads
from retinue.state.memory import Memory

HANDOVERS = frozenset({"adopt", "move", "release"})
AGAIN = "run the command again: it plans anew"


def check_plan(
    plan: Plan, account: Account, kinds: Kinds, memory: Memory, *, lock: LockFile | None = None, parallelism: int = 8
) -> None:
    """Raises StaleError when anything that the plan would change or delete is not as the plan found it.

    What is to be deleted and is gone already needs nobody's attention.
    """
    # Until a step hands an object over, the other steps that are about it find it as it was.
    handed = {step.id: step for step in plan.steps if step.id and step.action in HANDOVERS}

    def check(step: Step) -> str | None:
        kind = kinds[step.address.kind].at(step.home)
        given = handed.get(step.id or "")
        owner = Tag(memory.stack, step.address) if given is None else given.held
        try:
            live = _find(step, owner, account, kind, memory, lock)
            if live is not None:
                _check(step, live, owner, kind)
                if step.files:
                    check_files(step, read_files(account, live.id, kind, memory))
        except StaleError as error:
            return f"{step.address}: {error.message}"
        return None

    with threads(parallelism, "check") as pool:
        stale = [each for each in pool.map(check, [step for step in plan.steps if step.id is not None]) if each]
    if stale:
        raise StaleError("\n".join(["nothing was changed", *stale]), hint=AGAIN)


def _find(
    step: Step, owner: Tag | None, account: Account, kind: Kind, memory: Memory, lock: LockFile | None
) -> Live | None:
    """The object of a step as it is now; None when it is to be deleted and gone. Raises StaleError."""
    if kind.bundle is not None:
        name = owner.address.name if owner else step.address.name
        raw = lock.find(kind, name) if lock else None
        live = read_live(raw, kind) if raw else None
    elif kind.api is not None:
        # The plan saw it moments ago, so a 404 may be the lag of a creation that somebody else made.
        asked = step.action in HANDOVERS  # what is nobody's yet is read as a whole
        live = find_live(account, memory, kind, str(step.id), step.within, patient=True, asked=asked)
    else:
        raise TypeError(f"a {kind.name} has no live object")
    if live is None and step.action != "delete":
        raise StaleError("it was deleted after the plan was made", hint=AGAIN)
    return live


def _check(step: Step, live: Live, owner: Tag | None, kind: Kind) -> None:
    if live.tag_error is not None or _owner(live.tag) not in (_owner(owner), _owner(step.tag)):
        raise StaleError(f"{live.id} no longer carries the tag that it had", hint=AGAIN)
    check_values(step, live, kind)


def _owner(tag: Tag | None) -> tuple[str, Address] | None:
    return (tag.stack, tag.address) if tag else None


def check_values(step: Step, live: Live, kind: Kind) -> None:
    """Raises StaleError when a live value that the step writes over, or that is lost with a deletion, has changed."""
    changed = moved(step.expects, live.raw, kind)
    if changed:
        listed = ", ".join(f"'{each}'" for each in changed)
        raise StaleError(f"{listed} changed in the account after the plan was made", hint=AGAIN)


def check_files(step: Step, attached: Iterable[LiveFile]) -> None:
    """Raises StaleError when the object holds other files than the plan found under the paths that the step is about,
    or, for a deletion, under any path, or a file has other attributes than it found. Files that are to go and are gone
    already do no harm."""
    attached = tuple(attached)
    # What is attached by its id is somebody else's, and is not there yet.
    changes = [change for change in step.files if change.action != "attach"]
    planned: dict[str, set[str]] = {}
    for change in changes:
        planned.setdefault(change.path, set()).update((*change.file_ids, *([change.live_id] if change.live_id else [])))
    ours = {each.id: each.path for each in attached if each.path is not None}
    # Where leftovers go, the file that stays is not part of the change.
    left = {change.path for change in changes if change.action == "remove" and change.before is None}
    wanted = ours.values() if step.action == "delete" else planned.keys() - left
    looked_at = {file_id: path for file_id, path in ours.items() if path in wanted}
    strange = {path for file_id, path in looked_at.items() if file_id not in planned.get(path, set())}
    kept = {change.path for change in changes if change.live_id and change.live_id not in ours}
    found = file_witness(attached)
    edited = {
        change.path
        for change in changes
        for file_id in change.touched
        if file_id in ours and found.get(file_id) != change.expects.get(file_id)
    }
    if strange | kept | edited:
        listed = ", ".join(f"'{each}'" for each in sorted(strange | kept | edited))
        raise StaleError(f"its files changed in the account after the plan was made: {listed}", hint=AGAIN)
