"""Credentials of a vault (Agents API v1). Secrets are checked and dropped: nothing here ever uses or shows one.

An update is a rotation: of the secret, for the same type, and of the metadata. All else is fixed when the credential is
made, and a request to change it is refused as an unknown parameter.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from retinue.local.collection import Collection, create, replaced_pairs, require, standard_endpoints
from retinue.local.endpoint import Call
from retinue.local.environments import hostname
from retinue.local.errors import invalid, missing_parameter
from retinue.local.quirks import AGENTS as BETA
from retinue.local.storage import JsonObject, Stored
from retinue.local.validate import Check, Field, anything, array, nullable, record, required_pairs, text, variant
from retinue.local.vaults import CREDENTIAL, VAULTS, narrowed, trimmed_name

CREDENTIALS = Collection(CREDENTIAL, "cred_", "credential", "credential_id", checks_prefix=False)

_type = Field(anything, required=True)
_needed = Field(text(), required=True)


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
        "unrestricted": record({"type": _type}),
        "limited": record({"type": _type, "allowed_hosts": Field(_hosts, required=True)}),
    }
)
_secret = record({"type": _type, "client_secret": _needed})
_refresh = record(
    {
        "client_id": _needed,
        "refresh_token": _needed,
        "token_endpoint": Field(_https, required=True),
        "token_endpoint_auth": Field(
            variant({"none": record({"type": _type}), "client_secret_basic": _secret, "client_secret_post": _secret}),
            required=True,
        ),
        "resource": nullable(text()),
        "scope": nullable(text()),
    }
)
_url = Field(_https, required=True)
_auth = variant(
    {
        "static_bearer": record({"type": _type, "mcp_server_url": _url, "token": _needed}),
        "mcp_oauth": record(
            {
                "type": _type,
                "mcp_server_url": _url,
                "access_token": _needed,
                "expires_at": nullable(_timestamp),
                "refresh": nullable(_refresh),
            }
        ),
        "environment_variable": record(
            {
                "type": _type,
                "networking": Field(_networking, required=True),
                "secret_name": Field(_secret_name, required=True),
                "secret_value": Field(_secret_value, required=True),
            }
        ),
    }
)
_new_secret = record({"type": _type, "client_secret": nullable(text())})
_rotation = variant(
    {
        "static_bearer": record({"type": _type, "token": _needed}),
        "mcp_oauth": record(
            {
                "type": _type,
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
        "environment_variable": record({"type": _type, "secret_value": Field(_secret_value, required=True)}),
    }
)


def _updates() -> Check:
    fields = record({"auth": _rotation, "metadata": required_pairs})

    def check(value: Any, at: str) -> Any:
        asked = fields(value, at)
        if not asked:
            raise missing_parameter("auth")
        return asked

    return check


def _vault_of(call: Call) -> str:
    return require(call, VAULTS, call.path["id"]).id


def _create(call: Call) -> JsonObject:
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


def _update(call: Call, stored: Stored) -> None:
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


ENDPOINTS = standard_endpoints(
    CREDENTIALS,
    "/vaults/{id}/credentials",
    create=_create,
    creates=record(
        {
            "auth": Field(_auth, required=True),
            "name": Field(trimmed_name, required=True),
            "metadata": required_pairs,
        }
    ),
    update=_update,
    updates=_updates(),
    beta=BETA,
    status=201,
    id_name="credential_id",
    parent=_vault_of,
    narrow=narrowed,
)
