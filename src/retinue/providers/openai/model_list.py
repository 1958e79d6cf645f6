"""Which models an account lists."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from retinue.errors import AccountError
from retinue.planning.model_catalog import Model, read_model
from retinue.providers.openai.client import Account

PATH = "/models"
NOT_SAID = frozenset({403, 404, 405, 501})
MOST_ASKED = 10


def list_models(account: Account, wanted: Iterable[str] = ()) -> tuple[Model, ...] | None:
    """The models of the account; None when it does not serve the list or does not show it to this key.

    Lists leave out what can be used all the same, such as snapshots: those of `wanted` that are missing are asked for
    by name, up to ten. Raises AccountError when the account cannot be reached.
    """
    try:
        answer = account.get(PATH)
    except AccountError as error:
        if error.status in NOT_SAID:
            return None
        raise
    data = answer.get("data")
    entries = [each for each in data if isinstance(each, dict) and each.get("id")] if isinstance(data, list) else []
    listed = {model.id: model for model in map(read_model, entries)}
    for name in [each for each in wanted if each not in listed][:MOST_ASKED] if listed else ():
        found = _find(account, name)
        if found is not None:
            listed[name] = found
    return tuple(listed.values()) or None


def _find(account: Account, name: str) -> Model | None:
    try:
        raw = account.get(f"{PATH}/{quote(name, safe=':')}")
    except AccountError:
        return None
    return read_model(raw) if raw.get("id") == name else None
