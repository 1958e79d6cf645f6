"""Which collections of an account answer, one request each.

What a server says in words is never passed on: some repeat parts of the key.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from retinue.errors import AccountError
from retinue.kinds.kind import Kinds
from retinue.kinds.stores import Plain
from retinue.providers.openai.answers import missing_scopes
from retinue.providers.openai.client import Account
from retinue.providers.openai.snapshot import MISSING_SCOPE, NOT_SERVED
from retinue.providers.thread_pool import threads

State = Literal["answers", "not-served", "missing-scope", "refused", "unreachable", "error"]

_CODE = re.compile(r"[a-z][a-z0-9_.-]{0,39}")


@dataclass(frozen=True, slots=True)
class Probe:
    """How one collection answered. `status` is the HTTP status, None without an answer; `scopes` are those missing;
    `hint` says what to do where nothing was to be reached."""

    name: str
    path: str
    state: State
    status: int | None = None
    code: str | None = None
    scopes: tuple[str, ...] = ()
    hint: str | None = None


def probe(account: Account, kinds: Kinds) -> tuple[Probe, ...]:
    """Ask for one object of each kind, and for one file. Raises nothing: what fails is the answer."""
    stores = {kind.section: kind.store for kind in kinds.values() if isinstance(kind.store, Plain)}
    wanted = [(section, store.path, store.beta) for section, store in stores.items() if store.listed]
    everything: Sequence[tuple[str, str, str | None]] = [*wanted, ("files", "/files", None)]
    with threads(len(everything), "ask") as pool:
        return tuple(pool.map(lambda each: _probe(account, *each), everything))


def _probe(account: Account, name: str, path: str, beta: str | None) -> Probe:
    try:
        answer = account.get(path, beta=beta, query={"limit": 1})
    except AccountError as error:
        code = error.code if error.code and _CODE.fullmatch(error.code) else None
        hint = error.hint if error.status is None else None
        return Probe(name, path, _state(error), error.status, code, missing_scopes(error.message), hint)
    return Probe(name, path, "answers" if isinstance(answer.get("data"), list) else "error", 200)


def _state(error: AccountError) -> State:
    if error.code == MISSING_SCOPE or missing_scopes(error.message):
        return "missing-scope"
    if error.status is None:
        return "unreachable"
    if error.status == 401:
        return "refused"
    return "not-served" if error.status in NOT_SERVED else "error"
