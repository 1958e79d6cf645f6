"""How our marks get onto a live object and off again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from retinue.errors import AccountError, BlockedError
from retinue.kinds.stores import Plain
from retinue.model.live import Live
from retinue.model.tag import is_ours
from retinue.providers.openai.answers import Json
from retinue.providers.openai.client import Account


def our_marks(live: Live, store: Plain) -> dict[str, str]:
    """What we noted on a live object."""
    return {key: value for key, value in store.marks_of(live.answer).items() if is_ours(key)}


def mark(body: Json, store: Plain, live: Live, marks: Mapping[str, str]) -> None:
    """Put our marks into what will be written, in the place of earlier ones: the whole value, since the account may
    replace the old one as a whole. Raises BlockedError where that would lose something."""
    name = store.marks.field
    value = body[name] if name in body else live.answer.get(name)
    lost = ", ".join(f"'{each}'" for each in store.marks.lost(value))
    if lost:
        raise BlockedError(
            f"the account never shows the content of {lost}, so writing '{name}' of {live.id} would lose it",
            hint="have an uploaded file in its place, then run the command again",
        )
    if store.marks.shared:
        value = {key: each for key, each in (value or {}).items() if not is_ours(key)}
    body[name] = store.marks.write(value, marks)


def forget_keys(account: Account, store: Plain, path: str, keys: Iterable[str], answer: Json) -> None:
    """Take out the keys of metadata that `answer` still has after a write that left them out.

    Whether leaving a key out removes it is not documented; a server that merges is sent nulls.
    """
    name = store.marks.field
    metadata = answer.get(name) or {}
    left = [key for key in keys if key in metadata] if store.marks.shared else []
    if not left:
        return
    try:
        account.update(path, {name: {**metadata, **dict.fromkeys(left)}}, beta=store.beta)
    except AccountError as error:
        if error.status != 400:
            raise
        # The published type of a value is string, and this server holds to it: emptying is all it offers.
        account.update(path, {name: {**metadata, **dict.fromkeys(left, "")}}, beta=store.beta)
