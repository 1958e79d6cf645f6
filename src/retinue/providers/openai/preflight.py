"""Asks the account for what a plan names by a live id or a number, before anything is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress

from retinue.errors import AccountError
from retinue.kinds.kind import Kind, Kinds
from retinue.model.live import Live
from retinue.model.steps import Block, Plan
from retinue.planning.unheld import named_ids, unknown_id, unknown_version, wanted_version
from retinue.providers.openai.client import Account
from retinue.providers.openai.marks import place
from retinue.providers.openai.stores.version_content import NEWEST, numbers


def unheld_blocks(account: Account, kinds: Kinds, plan: Plan, live: Iterable[Live]) -> Iterator[Block]:
    """What forbids the plan because the account does not have it. What cannot be asked for is not judged."""
    found = {each.id: each for each in live}
    for step in plan.steps:
        kind = kinds[step.address.kind]
        with suppress(AccountError):
            for name, live_id in named_ids(step, kind):
                other = kinds[name] if name else None
                if live_id not in found and not _is_there(account, other, live_id):
                    yield unknown_id(step, other.title if other else "file", live_id)
        with suppress(AccountError):
            current = found.get(step.id or "")
            wanted = wanted_version(step, kind, current)
            block = unknown_version(step, kind, wanted, _versions(account, kind, current)) if wanted else None
            if block:
                yield block


def _is_there(account: Account, kind: Kind | None, live_id: str) -> bool:
    if kind is None:
        return account.find(f"/files/{live_id}") is not None
    return kind.api is None or account.find(place(kind.api, live_id, None), beta=kind.api.beta) is not None


def _versions(account: Account, kind: Kind, live: Live | None) -> list[str]:
    if kind.api is None or live is None or NEWEST not in live.raw:
        return []
    return numbers(account, place(kind.api, live.id, None), kind.api)
