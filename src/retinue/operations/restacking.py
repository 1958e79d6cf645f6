"""The story of `retinue stack rename`: every object of a stack gets the tag of another, then the lock file and memory.

account ─ plan_rename ─→ Plan of moves ─ carried out like any plan ─→ finish
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from retinue.bundles.lock_file import LockFile
from retinue.core.changes import Block, Plan, Step
from retinue.core.model import NAME, Live
from retinue.core.ownership import PROTECT, reseal
from retinue.errors import BlockedError, RetinueError, UsageError
from retinue.operations.guarding import check_account
from retinue.operations.sessions import Session


def begin(session: Session, old: str, new: str) -> Session:
    """The project as that of the old stack, whatever retinue.yaml says by now: its lease is held meanwhile.

    Raises UsageError for names that cannot be meant.
    """
    if not NAME.fullmatch(new):
        raise UsageError(f"a stack cannot be called '{new}'", hint="use a-z, 0-9, _ and -, at most 63 of them")
    if old == new:
        raise UsageError(f"the stack is called '{new}' already", hint="give the old name and the new one")
    stack = session.project.stack
    if stack not in (old, new):
        hint = f"'retinue stack rename {stack} {new}'; choose the environment with -e"
        raise UsageError(f"this project's stack is '{stack}', neither '{old}' nor '{new}'", hint=hint)
    reading = replace(session.reading, project=replace(session.project, stack=old), handovers=())
    return replace(session, reading=reading, memory=session.memory.known_to(old))


def plan_rename(session: Session, old: str, new: str, *, parallelism: int = 8) -> Plan:
    """What is left to do: one write of a tag for each object that still carries the old stack's."""
    from retinue.account.snapshot import Sighting, take_snapshot

    session.account.limit(parallelism)
    sighting = Sighting()
    session.live = take_snapshot(
        session.account, session.kinds, session.memory, needed={}, parallelism=parallelism, sighting=sighting
    )
    check_account(session)
    session.marking.sight(sighting)
    renamed = {str(live.tag.address) for live in session.live if live.tag and live.tag.stack == new}
    theirs = sorted(
        (live for live in session.live if live.tag and live.tag.stack == old),
        key=lambda live: (str(live.tag.address) if live.tag else "", live.id),
    )
    if not theirs and not renamed and not _lock(session, old).path.exists():
        raise RetinueError(f"the account has nothing of the stack '{old}'", hint="'retinue import --scan' lists others")
    both = sorted({str(live.tag.address) for live in theirs if live.tag} & renamed)
    return Plan(
        stack=new,
        account=session.account.info,
        steps=tuple(_retag(session, live, new, count) for live, count in zip(theirs, _numbered(theirs), strict=True)),
        blocks=tuple(Block("handover", f"both '{old}' and '{new}' have an object called {each}") for each in both),
        in_sync=len(renamed),
        environment=session.project.environment,
        owned=len(theirs) + len(renamed),
    )


def _numbered(live: list[Live]) -> list[int]:
    """How many objects before each have the same address: an interrupted apply may have left two."""
    seen: Counter[str] = Counter()
    numbers = []
    for each in live:
        address = str(each.tag.address) if each.tag else ""
        numbers.append(seen[address])
        seen[address] += 1
    return numbers


def _retag(session: Session, live: Live, new: str, number: int) -> Step:
    if live.tag is None:
        raise TypeError(f"{live.id} has no tag")
    if number:
        raise BlockedError(
            f"two objects of the stack '{live.tag.stack}' are called {live.tag.address}: {live.id} is one of them",
            hint="run 'retinue apply' under the old name first, which settles that",
        )
    declared = {each.address: each.spec for each in session.reading.declared}
    tag = reseal(live.tag, new, live.tag.address, declared.get(live.tag.address, {}))
    return Step(
        "move",
        live.tag.address,
        live.id,
        tag=tag,
        reason=f"from stack {live.tag.stack} to stack {new}",
        protected=PROTECT in live.tag.flags,
        held=live.tag,
        within=live.within,
    )


def finish(session: Session, old: str, new: str) -> None:
    """What stands on this machine: the lock file, and the memory. Raises RetinueError when it cannot be written."""
    from retinue.account.snapshot import Sighting, take_snapshot
    from retinue.core.marker import marked_stack

    sighting = Sighting()
    take_snapshot(session.account, session.kinds, session.memory, needed={}, sighting=sighting)
    taken = any(marked_stack(raw.get("metadata") or {}) == new for _, raw in sighting.markers)
    session.marking.sight(sighting)
    session.marking.rename(new, taken=taken)
    lock = _lock(session, old)
    if not lock.belongs_to(new):
        lock.restack(new)
    heir = session.memory.inherited(old, new)
    heir.forget_stack(old)


def _lock(session: Session, stack: str) -> LockFile:
    return LockFile(session.lock.path, stack)
