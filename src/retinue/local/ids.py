"""Ids in the shapes of the API's own."""

from __future__ import annotations

import secrets
import string

_LONG = ("skill_", "skillver_", "agent_", "envtmpl_", "automation_", "vault_", "cred_")
"""48 hex digits: recorded for skills, seen in use for agents and templates, assumed for automations and vaults. The
prefixes of automations and credentials are assumed too."""


def random_id(prefix: str) -> str:
    """A new id: 24 characters for assistants, 22 for files, 48 hex digits for the newer kinds, else 32."""
    letters = string.ascii_letters + string.digits
    match prefix:
        case "asst_":
            return prefix + "".join(secrets.choice(letters) for _ in range(24))
        case "file-":
            return prefix + "".join(secrets.choice(letters) for _ in range(22))
        case _ if prefix in _LONG:
            return prefix + secrets.token_hex(24)
        case _:
            return prefix + secrets.token_hex(16)
