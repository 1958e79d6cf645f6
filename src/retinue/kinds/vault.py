"""A vault of the Agents API (beta): a place for credentials that sessions may use.

Source: SDK types/beta/agents/vault_create_params.py, vault_update_params.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from retinue.kinds._shapes import FURTHER, METADATA, check_byte_length, trimmed
from retinue.kinds.fields import Field, KeyedField
from retinue.kinds.kind import Kind
from retinue.kinds.stores import MarkerForm, Plain
from retinue.model.declared import Problem


def check(spec: Mapping[str, Any]) -> Iterable[Problem]:
    # SDK vault_create_params: 1 to 256 UTF-8 bytes after trimming.
    yield from check_byte_length(spec, "name", most=256)


KIND = Kind(
    name="vault",
    section="vaults",
    title="vault",
    # For accounts without vector stores; an empty vault holds nothing that anybody could use.
    store=Plain(path="/vaults", beta="agents=v1", marker=MarkerForm(1, {"name": "retinue marker: {stack}"})),
    schema={
        "type": "object",
        "description": "A vault of credentials that automations and sessions name.",
        "properties": {
            "name": {"type": "string", "minLength": 1, "description": "The name people see."},
            "metadata": METADATA,
        },
        "additionalProperties": False,
    },
    fields=(Field("name", canonical=trimmed), KeyedField("metadata"), FURTHER),
    check=check,
)
