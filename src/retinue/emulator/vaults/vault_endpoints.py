"""Vaults and their credentials (Agents API v1). Deleting a vault deletes its credentials.

Nothing is ever archived here, because the API has no call for it: the filter ``status=archived`` finds nothing.
Secrets are checked and dropped: nothing here ever uses or shows one. An update of a credential is a rotation: of the
secret, for the same type, and of the metadata. All else is fixed when the credential is made, and a request to change
it is refused as an unknown parameter.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from retinue.emulator.server.api_errors import invalid, missing_parameter, unsupported_value
from retinue.emulator.server.collection import (
    Collection,
    Narrowing,
    asked_changes,
    create,
    replaced_pairs,
    require,
    standard_endpoints,
)
from retinue.emulator.server.quirks import AGENTS as BETA
from retinue.emulator.server.request_checks import (
    TYPE,
    Check,
    Field,
    array,
    hostname,
    metadata,
    nullable,
    record,
    required_pairs,
    text,
    variant,
)
from retinue.emulator.server.service import Call
from retinue.emulator.server.storage import JsonObject, Stored

CREDENTIALS = Collection("vault.credential", "cred_", "credential", "credential_id", checks_prefix=False)
VAULTS = Collection("vault", "vault_", "vault", "vault_id", checks_prefix=False)

_STATUSES = ("active", "archived")
_needed = Field(text(), required=True)
_PAIR = re.compile(r"metadata\[(.+)\]")


def _trimmed_name(value: Any, at: str) -> str:
    """Without the white space around it, 1 to 256 bytes of UTF-8."""
    name: str = text()(value, at).strip()
    size = len(name.encode())
    if not 1 <= size <= 256:
        message = f"Invalid '{at}': expected 1 to 256 UTF-8 bytes after trimming, but got {size} instead."
        raise invalid(message, at, "string_above_max_length" if size else "empty_string")
    return name


def _narrowed(call: Call) -> Narrowing:
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


def _create_vault(call: Call) -> JsonObject:
    body: JsonObject = {
        "id": call.new_id(VAULTS.prefix),
        "object": VAULTS.object,
        "created_at": call.now,
        "name": call.body.get("name"),
        "metadata": call.body.get("metadata", {}),
    }
    return create(call, VAULTS, body)


def _update_vault(call: Call, stored: Stored) -> None:
    stored.body.update(asked_changes(call, stored))


def _forget_vault(call: Call, vault: Stored) -> None:
    for credential in call.storage.select(CREDENTIALS.object, parent=vault.id):
        call.storage.remove(credential)


def _https(value: Any, at: str) -> str:
    url: str = text()(value, at)
    if not re.fullmatch(r"https://[^/\s]\S*", url):
        raise invalid(f"Invalid '{at}': expected an HTTPS URL.", at, "invalid_value")
    return url


def _timestamp(value: Any, at: str) -> str:
    moment: str = text()(value, at)
    try:
        is_dated = datetime.fromisoformat(moment).tzinfo is not None and "T" in moment.upper()
    except ValueError:
        is_dated = False
    if not is_dated:
        raise invalid(f"Invalid '{at}': expected an RFC 3339 timestamp.", at, "invalid_value")
    return moment


def _secret_value(value: Any, at: str) -> str:
    secret: str = text(minimum=1)(value, at)
    if any(each in secret for each in "\r\n\0"):
        raise invalid(f"Invalid '{at}': line breaks and NUL are not allowed.", at, "invalid_value")
    return secret


def _secret_name(value: Any, at: str) -> str:
    """Names of proxies and certificates are reserved too; which they are is not published, so none is refused here."""
    name: str = text(pattern="[A-Za-z_][A-Za-z0-9_]*")(value, at)
    if name.startswith("CODEX_"):
        raise invalid(f"Invalid '{at}': names that begin with 'CODEX_' are reserved.", at, "invalid_value")
    return name


def _hosts(value: Any, at: str) -> list[str]:
    hosts: list[str] = array(hostname, minimum=1, maximum=16)(value, at)
    if len(set(hosts)) != len(hosts):
        raise invalid(f"Invalid '{at}': expected distinct hosts.", at, "invalid_value")
    return hosts


_networking = variant(
    {
        "unrestricted": record({"type": TYPE}),
        "limited": record({"type": TYPE, "allowed_hosts": Field(_hosts, required=True)}),
    }
)
_secret = record({"type": TYPE, "client_secret": _needed})
_refresh = record(
    {
        "client_id": _needed,
        "refresh_token": _needed,
        "token_endpoint": Field(_https, required=True),
        "token_endpoint_auth": Field(
            variant({"none": record({"type": TYPE}), "client_secret_basic": _secret, "client_secret_post": _secret}),
            required=True,
        ),
        "resource": nullable(text()),
        "scope": nullable(text()),
    }
)
_url = Field(_https, required=True)
_auth = variant(
    {
        "static_bearer": record({"type": TYPE, "mcp_server_url": _url, "token": _needed}),
        "mcp_oauth": record(
            {
                "type": TYPE,
                "mcp_server_url": _url,
                "access_token": _needed,
                "expires_at": nullable(_timestamp),
                "refresh": nullable(_refresh),
            }
        ),
        "environment_variable": record(
            {
                "type": TYPE,
                "networking": Field(_networking, required=True),
                "secret_name": Field(_secret_name, required=True),
                "secret_value": Field(_secret_value, required=True),
            }
        ),
    }
)
_new_secret = record({"type": TYPE, "client_secret": nullable(text())})
_rotation = variant(
    {
        "static_bearer": record({"type": TYPE, "token": _needed}),
        "mcp_oauth": record(
            {
                "type": TYPE,
                "access_token": nullable(text()),
                "expires_at": nullable(_timestamp),
                "refresh": nullable(
                    record(
                        {
                            "refresh_token": nullable(text()),
                            "scope": nullable(text()),
                            "token_endpoint_auth": nullable(
                                variant({"client_secret_basic": _new_secret, "client_secret_post": _new_secret})
                            ),
                        }
                    )
                ),
            }
        ),
        "environment_variable": record({"type": TYPE, "secret_value": Field(_secret_value, required=True)}),
    }
)


def _checked_rotation() -> Check:
    fields = record({"auth": _rotation, "metadata": required_pairs})

    def check(value: Any, at: str) -> Any:
        asked = fields(value, at)
        if not asked:
            raise missing_parameter("auth")
        return asked

    return check


def _vault_of(call: Call) -> str:
    return require(call, VAULTS, call.path["id"]).id


def _create_credential(call: Call) -> JsonObject:
    body: JsonObject = {
        "id": call.new_id(CREDENTIALS.prefix),
        "object": CREDENTIALS.object,
        "created_at": call.now,
        "updated_at": call.now,
        "vault_id": call.path["id"],
        "name": call.body["name"],
        "auth": _shown(call.body["auth"]),
        "metadata": call.body.get("metadata", {}),
    }
    return create(call, CREDENTIALS, body, parent=call.path["id"])


def _shown(auth: JsonObject) -> JsonObject:
    """All of it but the secrets."""
    match auth["type"]:
        case "static_bearer":
            return {key: auth[key] for key in ("type", "mcp_server_url")}
        case "environment_variable":
            return {key: auth[key] for key in ("type", "networking", "secret_name")}
        case _:
            refresh = auth.get("refresh")
            return {
                "type": auth["type"],
                "mcp_server_url": auth["mcp_server_url"],
                "expires_at": auth.get("expires_at"),
                "refresh": None if refresh is None else _shown_refresh(refresh),
            }


def _shown_refresh(refresh: JsonObject) -> JsonObject:
    return {
        "client_id": refresh["client_id"],
        "resource": refresh.get("resource"),
        "scope": refresh.get("scope"),
        "token_endpoint": refresh["token_endpoint"],
        "token_endpoint_auth": {"type": refresh["token_endpoint_auth"]["type"]},
    }


def _update_credential(call: Call, stored: Stored) -> None:
    if "metadata" in call.body:
        stored.body["metadata"] = replaced_pairs(call, stored.body["metadata"], call.body["metadata"])
    if "auth" in call.body:
        _rotate(stored.body["auth"], call.body["auth"])
    stored.body["updated_at"] = call.now


def _rotate(auth: JsonObject, asked: JsonObject) -> None:
    """Put in what is public of a rotation. A new access token clears the expiry that is not sent with it."""
    if asked["type"] != auth["type"]:
        raise invalid(f"Invalid 'auth.type': the credential is of type '{auth['type']}'.", "auth.type", "invalid_value")
    if asked["type"] != "mcp_oauth":
        return
    if "expires_at" in asked or asked.get("access_token") is not None:
        auth["expires_at"] = asked.get("expires_at")
    refresh = asked.get("refresh")
    if refresh is None:
        return
    if auth["refresh"] is None:
        raise invalid("Invalid 'auth.refresh': the credential has no refresh configuration.", "auth.refresh")
    if "scope" in refresh:
        auth["refresh"]["scope"] = refresh["scope"]
    method = (refresh.get("token_endpoint_auth") or auth["refresh"]["token_endpoint_auth"])["type"]
    if method != auth["refresh"]["token_endpoint_auth"]["type"]:
        at = "auth.refresh.token_endpoint_auth.type"
        raise invalid(f"Invalid '{at}': the authentication method cannot be changed.", at, "invalid_value")


ENDPOINTS = (
    *standard_endpoints(
        VAULTS,
        "/vaults",
        create=_create_vault,
        creates=record({"name": _trimmed_name, "metadata": metadata}),
        update=_update_vault,
        updates=record({"name": nullable(_trimmed_name), "metadata": required_pairs}),
        beta=BETA,
        status=201,
        narrow=_narrowed,
        forget=_forget_vault,
    ),
    *standard_endpoints(
        CREDENTIALS,
        "/vaults/{id}/credentials",
        create=_create_credential,
        creates=record(
            {
                "auth": Field(_auth, required=True),
                "name": Field(_trimmed_name, required=True),
                "metadata": required_pairs,
            }
        ),
        update=_update_credential,
        updates=_checked_rotation(),
        beta=BETA,
        status=201,
        id_name="credential_id",
        parent=_vault_of,
        narrow=_narrowed,
    ),
)
