"""What declarations name by a live id or a number, and the account does not have: told before anything is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial

from retinue.account.client import Account
from retinue.account.marking import place
from retinue.account.version_content import NEWEST, numbers
from retinue.core.changes import Block, Plan, Step
from retinue.core.kind import Kind, Kinds
from retinue.core.model import Live
from retinue.core.names import over_ids
from retinue.errors import AccountError


def unheld_blocks(account: Account, kinds: Kinds, plan: Plan, live: Iterable[Live]) -> Iterator[Block]:
    """A block for every id in what is rendered, which no server checks, and for every version that is not there.

    What cannot be asked for is not judged.
    """
    found = {each.id: each for each in live}
    for step in plan.steps:
        if step.after is None:
            continue
        kind = kinds[step.address.kind]
        where = f"{step.address} ({step.position})" if step.position else str(step.address)
        with suppress(AccountError):
            for what, missing in _dead_ids(account, kinds, kind, step, found):
                message = f"{where} names the {what} '{missing}', which the account does not have: correct the id"
                yield Block("unknown-id", message, step.address)
        with suppress(AccountError):
            wrong = _version(account, kind, step, found.get(step.id or ""))
            if wrong:
                yield Block("unknown-version", f"{where} {wrong}", step.address)


def _dead_ids(
    account: Account, kinds: Kinds, kind: Kind, step: Step, found: dict[str, Live]
) -> Iterator[tuple[str, str]]:
    if step.home is None or step.after is None:
        return  # the account refuses it by itself
    for each in kind.fields:
        value = step.after.get(each.name)
        if each.refs and kinds[each.refs].api:
            held: list[str] = []
            over_ids(each, value, partial(_note, held))
            other, api = kinds[each.refs], kinds[each.refs].api
            for live_id in held:
                if api and live_id not in found and account.find(place(api, live_id, None), beta=api.beta) is None:
                    yield other.title, live_id
        if each.uploads:
            for file_id in (value or {}).values():
                if isinstance(file_id, str) and account.find(f"/files/{file_id}") is None:
                    yield "file", file_id


def _note(held: list[str], value: object) -> None:
    if isinstance(value, str):  # what is declared is a reference, and will be there
        held.append(value)


def _version(account: Account, kind: Kind, step: Step, live: Live | None) -> str | None:
    """What is wrong with the version that is to be the default; the next one is made by a change of the files."""
    if kind.versions is None or kind.api is None or step.after is None:
        return None
    wanted = step.after.get(kind.versions.default)
    if wanted is None or (live and wanted == live.raw["default_version"]):
        return None
    there = numbers(account, place(kind.api, live.id, None), kind.api) if live and NEWEST in live.raw else []
    made = step.action == "create" or any(change.field == kind.versions.files for change in step.changes)
    after = max(map(int, there), default=0) + 1
    if wanted in there or (made and wanted == str(after)):
        return None
    listed = ", ".join(sorted(there, key=int)) or f"none yet, and the first is {after}"
    return f"wants version {wanted}, which the account does not have: there are {listed}"
