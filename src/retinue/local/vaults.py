"""Vaults (Agents API v1): named sets of credentials. Deleting one deletes its credentials.

Nothing is ever archived here, because the API has no call for it: the filter ``status=archived`` finds nothing.
"""

from __future__ import annotations

import re
from typing import Any

from retinue.local.collection import Collection, Narrowing, create, replaced_pairs, standard_endpoints
from retinue.local.endpoint import Call
from retinue.local.errors import invalid, unsupported_value
from retinue.local.quirks import AGENTS as BETA
from retinue.local.storage import JsonObject, Stored
from retinue.local.validate import metadata, nullable, record, required_pairs, text

VAULTS = Collection("vault", "vault_", "vault", "vault_id", checks_prefix=False)
CREDENTIAL = "vault.credential"

_STATUSES = ("active", "archived")
_PAIR = re.compile(r"metadata\[(.+)\]")


def trimmed_name(value: Any, at: str) -> str:
    """Without the white space around it, 1 to 256 bytes of UTF-8."""
    name: str = text()(value, at).strip()
    size = len(name.encode())
    if not 1 <= size <= 256:
        message = f"Invalid '{at}': expected 1 to 256 UTF-8 bytes after trimming, but got {size} instead."
        raise invalid(message, at, "string_above_max_length" if size else "empty_string")
    return name


def narrowed(call: Call) -> Narrowing:
    """``metadata[key]=value``, all of which must match, and ``status``, once or as ``status[]``."""
    pairs = {found[1]: value for name, value in call.asked if (found := _PAIR.fullmatch(name))}
    statuses = [value for name, value in call.asked if name in ("status", "status[]")]
    for each in statuses:
        if each not in _STATUSES:
            raise unsupported_value("status", each, _STATUSES)
    listed: Narrowing = {"metadata": metadata(pairs, "metadata")}
    if statuses and "active" not in statuses:
        listed["ids"] = []
    return listed


def _create(call: Call) -> JsonObject:
    body: JsonObject = {
        "id": call.new_id(VAULTS.prefix),
        "object": VAULTS.object,
        "created_at": call.now,
        "name": call.body.get("name"),
        "metadata": call.body.get("metadata", {}),
    }
    return create(call, VAULTS, body)


def _update(call: Call, stored: Stored) -> None:
    asked = dict(call.body)
    if "metadata" in asked:
        asked["metadata"] = replaced_pairs(call, stored.body["metadata"], asked["metadata"])
    stored.body.update(asked)


def _forget(call: Call, vault: Stored) -> None:
    for credential in call.storage.select(CREDENTIAL, parent=vault.id):
        call.storage.remove(credential)


ENDPOINTS = standard_endpoints(
    VAULTS,
    "/vaults",
    create=_create,
    creates=record({"name": trimmed_name, "metadata": metadata}),
    update=_update,
    updates=record({"name": nullable(trimmed_name), "metadata": required_pairs}),
    beta=BETA,
    status=201,
    narrow=narrowed,
    forget=_forget,
)
