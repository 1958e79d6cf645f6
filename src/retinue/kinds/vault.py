"""A vault of the Agents API (beta): a place for credentials that sessions may use. Those are kept elsewhere.

Source: SDK types/beta/agents/vault_create_params.py, vault_update_params.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from retinue.core.kind import Api, Field, Kind
from retinue.core.model import Problem
from retinue.kinds._shapes import METADATA

# SDK vault_create_params: 1 to 256 UTF-8 bytes after trimming.
LONGEST_NAME = 256


def trimmed(value: Any) -> Any:
    """The server stores names without the blanks around them."""
    return value.strip() if isinstance(value, str) else value


def check(spec: Mapping[str, Any]) -> Iterable[Problem]:
    size = len(str(spec.get("name", "")).strip().encode())
    if "name" in spec and not 1 <= size <= LONGEST_NAME:
        yield Problem(
            "too-large" if size else "too-short",
            ("name",),
            f"'name' takes {size} bytes without the blanks around it, but the API takes 1 to {LONGEST_NAME}",
        )


KIND = Kind(
    name="vault",
    section="vaults",
    title="vault",
    api=Api(path="/vaults", beta="agents=v1"),
    schema={
        "type": "object",
        "description": "A vault that automations and sessions name; its credentials are kept elsewhere.",
        "properties": {
            "name": {"type": "string", "minLength": 1, "description": "The name people see."},
            "metadata": METADATA,
        },
        "additionalProperties": False,
    },
    fields=(Field("name", canonical=trimmed), Field("metadata", default={}, per_key=True)),
    check=check,
)
