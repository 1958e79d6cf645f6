"""A credential in a vault of the Agents API (beta): what sessions use to reach MCP servers and other services.

Sources: SDK types/beta/agents/vaults/credential_create_params.py, credential_auth_create_param.py (what is required),
credential_auth_rotate_param.py (what an update takes), credential_auth.py (what is shown).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from retinue.kinds._shapes import FURTHER, METADATA, NAME_OR_ID, check_byte_length, trimmed, without
from retinue.kinds.fields import Field, HiddenField, KeyedField
from retinue.kinds.kind import Expansion, Kind, Reference
from retinue.kinds.stores import Nested
from retinue.model.declared import Problem
from retinue.model.values import Path, Unseen

SECRETS: tuple[tuple[str, ...], ...] = (
    ("token",),
    ("access_token",),
    ("secret_value",),
    ("refresh", "refresh_token"),
    ("refresh", "token_endpoint_auth", "client_secret"),
)
"""What the API never shows, by its path in `auth`."""
NEEDED: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "static_bearer": (("token",),),
    "mcp_oauth": (("access_token",),),
    "environment_variable": (("secret_value",),),
}
CHANGEABLE: tuple[tuple[str, ...], ...] = (("expires_at",), ("refresh", "scope"))
"""What an update takes besides secrets."""
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)")


def expand(spec: Mapping[str, Any]) -> Expansion:
    """Set apart what is hidden, what can change, and what is fixed when the credential is made."""
    expanded = {key: value for key, value in spec.items() if key not in ("vault", "auth")}
    auth = spec["auth"]
    expanded["vault_id"] = spec["vault"]
    expanded["auth"] = auth
    expanded["secrets"] = {".".join(path): _dig(auth, path) for path in SECRETS if _dig(auth, path) is not None}
    expires_at = auth.get("expires_at")
    expanded["expires_at"] = canonical_time(expires_at) if isinstance(expires_at, str) else expires_at
    expanded["scope"] = (auth.get("refresh") or {}).get("scope")
    origins: dict[Path, Path] = {
        ("vault_id",): ("vault",),
        ("secrets",): ("auth",),
        ("expires_at",): ("auth", "expires_at"),
        ("scope",): ("auth", "refresh", "scope"),
    }
    return expanded, origins


def compose(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Put what can change back where it belongs. Secrets are never shown: whoever declares them has to know them."""
    written = {name: value for name, value in spec.items() if name not in ("vault_id", "expires_at", "scope")}
    auth = dict(spec.get("auth") or {})
    if "expires_at" in spec:
        auth["expires_at"] = spec["expires_at"]
    if "scope" in spec:
        _put(auth, ("refresh", "scope"), spec["scope"])
    for path in _needed(auth):
        _put(auth, path, Unseen())
    return {**written, "vault": spec.get("vault_id"), "auth": auth}


def _needed(auth: Mapping[str, Any]) -> Iterable[tuple[str, ...]]:
    """The secrets that a declaration of this type has to have."""
    yield from NEEDED.get(auth.get("type", ""), ())
    if auth.get("refresh"):
        yield ("refresh", "refresh_token")
        if _dig(auth, ("refresh", "token_endpoint_auth", "type")) not in (None, "none"):
            yield ("refresh", "token_endpoint_auth", "client_secret")


def canonical_auth(auth: Mapping[str, Any]) -> dict[str, Any]:
    """What is fixed, without nulls; hosts in any order."""
    fixed: dict[str, Any] = dict(auth)
    for path in (*SECRETS, *CHANGEABLE):
        fixed = without(fixed, path)
    found = _without_nulls(fixed)
    networking = found.get("networking")
    if networking and "allowed_hosts" in networking:
        hosts = sorted(host.lower() for host in networking["allowed_hosts"])
        found["networking"] = {**networking, "allowed_hosts": hosts}
    return found


def canonical_time(text: str) -> str:
    """An RFC 3339 time in UTC, as short as it can be written; anything else as it is."""
    return _in_utc(text) or text


def _in_utc(text: str) -> str | None:
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    zone = "+00:00" if found[4] in ("Z", "z") else found[4]
    try:
        moment = datetime.fromisoformat(f"{found[1]}T{found[2]}{zone}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    fraction = (found[3] or "").rstrip("0").rstrip(".")
    return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}Z"


def _without_nulls(value: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: _without_nulls(each) if isinstance(each, Mapping) else each for key, each in value.items()}
    return {key: each for key, each in kept.items() if each not in (None, {})}


def _dig(value: Any, path: Path) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def assemble(body: dict[str, Any], spec: Mapping[str, Any], live: Mapping[str, Any] | None) -> dict[str, Any]:
    """`auth` in one piece. An update is a rotation: it names the type and takes nothing that is fixed."""
    # Expiry and scope are read from inside `auth`, so a change of theirs brings all of it.
    shown, hidden = body.pop("auth", None), body.pop("secrets", None)
    if shown is None and hidden is None:
        return body
    fixed = spec["auth"]
    auth = {"type": fixed["type"]} if live is not None else dict(fixed)
    for path in SECRETS:
        if ".".join(path) in (hidden or {}):
            _put(auth, path, spec["secrets"][".".join(path)])
    if "refresh" in fixed:
        if shown is not None:
            _put(auth, ("refresh", "scope"), spec.get("scope"))
        if _dig(auth, ("refresh", "token_endpoint_auth", "client_secret")) is not None:
            # A new client secret comes with the method, which must be the one it has.
            _put(auth, ("refresh", "token_endpoint_auth", "type"), fixed["refresh"]["token_endpoint_auth"]["type"])
    if fixed["type"] == "mcp_oauth":
        # A new access token clears the expiry that does not come with it.
        auth["expires_at"] = spec.get("expires_at")
    return {**body, "auth": auth}


def _put(value: dict[str, Any], path: Path, new: Any) -> None:
    for key in path[:-1]:
        value[str(key)] = value = dict(value.get(str(key)) or {})
    value[str(path[-1])] = new


def check(spec: Mapping[str, Any]) -> Iterable[Problem]:
    yield from check_byte_length(spec, "name", most=256)
    hosts = (spec["auth"].get("networking") or {}).get("allowed_hosts", [])
    for host in sorted({host for host in hosts if hosts.count(host) > 1}):
        yield Problem("duplicate-value", ("auth", "networking", "allowed_hosts"), f"the host '{host}' is listed twice")
    expires_at = spec.get("expires_at")
    if expires_at is not None and _in_utc(expires_at) is None:
        message = f"'{expires_at}' is not a time as in RFC 3339"
        yield Problem("invalid-value", ("auth", "expires_at"), message, "write: 2027-01-31T12:00:00Z")
    name = spec["auth"].get("secret_name", "")
    if name.startswith("CODEX_"):
        yield Problem("invalid-value", ("auth", "secret_name"), "names that begin with 'CODEX_' are reserved")


_HTTPS = {"type": "string", "pattern": "^https://[^/\\s]", "description": "An HTTPS URL."}
_TEXT = {"type": "string", "minLength": 1}
_HIDDEN = {**_TEXT, "description": "Never shown. Write ${{ secret.NAME }}."}


def _auth(kind: str, description: str, properties: Mapping[str, Any], required: Iterable[str]) -> dict[str, Any]:
    return {
        "type": "object",
        "description": description,
        "properties": {"type": {"enum": [kind]}, **properties},
        "required": ["type", *required],
        "additionalProperties": False,
    }


_REFRESH = {
    "type": "object",
    "description": "How a new access token is had.",
    "properties": {
        "client_id": _TEXT,
        "refresh_token": _HIDDEN,
        "token_endpoint": _HTTPS,
        "token_endpoint_auth": {
            "type": "object",
            "properties": {
                "type": {"enum": ["none", "client_secret_basic", "client_secret_post"]},
                "client_secret": _HIDDEN,
            },
            "required": ["type"],
            "additionalProperties": False,
            "if": {"properties": {"type": {"const": "none"}}},
            "then": {"properties": {"client_secret": False}},
            "else": {"required": ["client_secret"]},
        },
        "resource": _TEXT,
        "scope": {**_TEXT, "description": "Scopes with blanks between them."},
    },
    "required": ["client_id", "refresh_token", "token_endpoint", "token_endpoint_auth"],
    "additionalProperties": False,
}
_NETWORKING = {
    "type": "object",
    "description": "Where the secret may be sent to.",
    "properties": {
        "type": {"enum": ["unrestricted", "limited"]},
        "allowed_hosts": {"type": "array", "items": _TEXT, "minItems": 1, "maxItems": 16},
    },
    "required": ["type"],
    "additionalProperties": False,
    "if": {"properties": {"type": {"const": "limited"}}},
    "then": {"required": ["allowed_hosts"]},
    "else": {"properties": {"allowed_hosts": False}},
}
AUTH = {
    "description": "How it authenticates. Changing anything but secrets, expiry and scope replaces the credential.",
    "anyOf": [
        _auth(
            "static_bearer",
            "A token for an MCP server.",
            {"mcp_server_url": _HTTPS, "token": _HIDDEN},
            ("mcp_server_url", "token"),
        ),
        _auth(
            "mcp_oauth",
            "OAuth for an MCP server.",
            {
                "mcp_server_url": _HTTPS,
                "access_token": _HIDDEN,
                "expires_at": {**_TEXT, "description": "When the access token expires, as RFC 3339."},
                "refresh": _REFRESH,
            },
            ("mcp_server_url", "access_token"),
        ),
        _auth(
            "environment_variable",
            "A placeholder in the environment that the proxy replaces on the way out.",
            {
                "secret_name": {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$"},
                "secret_value": {**_HIDDEN, "pattern": "^[^\\r\\n\\u0000]+$"},
                "networking": _NETWORKING,
            },
            ("secret_name", "secret_value", "networking"),
        ),
    ],
}

KIND = Kind(
    name="credential",
    section="credentials",
    title="credential",
    store=Nested(path="/vaults/{within}/credentials", beta="agents=v1", parent="vault", field="vault_id"),
    schema={
        "type": "object",
        "description": "A credential in a vault. Its secrets are never shown.",
        "properties": {
            "vault": {
                "description": "The name of a declared vault, or {id: vault_…} of one kept elsewhere.",
                "anyOf": NAME_OR_ID,
            },
            "name": {**_TEXT, "description": "The name people see. Changing it replaces the credential."},
            "auth": AUTH,
            "metadata": METADATA,
        },
        "required": ["vault", "name", "auth"],
        "additionalProperties": False,
    },
    fields=(
        Field("vault_id", mutable=False, refs="vault"),
        Field("name", mutable=False, canonical=trimmed),
        Field("auth", mutable=False, canonical=canonical_auth),
        Field("expires_at", ("auth", "expires_at"), canonical=canonical_time),
        Field("scope", ("auth", "refresh", "scope")),
        HiddenField("secrets"),
        KeyedField("metadata"),
        FURTHER,
    ),
    references=(Reference(("vault",), "vault", allow_id=True),),
    secrets=tuple(("auth", *path) for path in SECRETS),
    expand=expand,
    compose=compose,
    check=check,
    assemble=assemble,
)
