"""Vaults and their credentials, Agents API v1."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest
from openai.types.beta.agents import Vault

from tests.contract.conftest import Backend

Refuse = Callable[..., openai.APIStatusError]
MakeVault = Callable[..., Vault]

BETA = {"OpenAI-Beta": "agents=v1"}
URL = "https://mcp.example.com"
BEARER: Any = {"type": "static_bearer", "mcp_server_url": URL, "token": "secret-token"}
OAUTH: Any = {
    "type": "mcp_oauth",
    "mcp_server_url": URL,
    "access_token": "secret-access",
    "expires_at": "2027-01-01T00:00:00Z",
    "refresh": {
        "client_id": "client",
        "refresh_token": "secret-refresh",
        "token_endpoint": "https://auth.example.com/token",
        "token_endpoint_auth": {"type": "client_secret_basic", "client_secret": "secret-client"},
        "scope": "read",
    },
}
VARIABLE: Any = {
    "type": "environment_variable",
    "secret_name": "SERVICE_API_KEY",
    "secret_value": "secret-value",
    "networking": {"type": "limited", "allowed_hosts": ["API.example.com"]},
}


@pytest.fixture
def make_vault(client: openai.OpenAI, has_agents: None) -> Iterator[MakeVault]:
    made: list[Vault] = []

    def make(**sent: Any) -> Vault:
        made.append(client.beta.agents.vaults.create(**sent))
        return made[-1]

    yield make
    for vault in made:
        try:
            client.beta.agents.vaults.delete(vault.id)
        except openai.NotFoundError:
            continue


def test_a_vault_has_a_trimmed_name_and_metadata(client: openai.OpenAI, make_vault: MakeVault) -> None:
    vault = make_vault(name="  GitHub \n", metadata={"team": "a"})
    shown = vault.to_dict()
    assert str(shown.pop("id")).startswith("vault_")
    assert isinstance(shown.pop("created_at"), int)
    assert shown == {"object": "vault", "name": "GitHub", "metadata": {"team": "a"}}
    assert client.beta.agents.vaults.retrieve(vault.id) == vault
    assert make_vault().name is None


def test_an_update_replaces_what_was_sent(client: openai.OpenAI, make_vault: MakeVault) -> None:
    vault = make_vault(name="a", metadata={"a": "1", "b": "1"})
    assert client.beta.agents.vaults.update(vault.id, metadata={"c": "1"}).to_dict() == {
        **vault.to_dict(),
        "metadata": {"c": "1"},
    }
    assert client.beta.agents.vaults.update(vault.id, name=None).name is None


def test_lists_are_narrowed_by_metadata_and_status(
    client: openai.OpenAI, make_vault: MakeVault, lists_at_once: None
) -> None:
    one, two = make_vault(metadata={"a": "1", "b": "1"}), make_vault(metadata={"a": "1"})
    vaults = client.beta.agents.vaults
    assert [each.id for each in vaults.list(metadata={"a": "1"}, order="asc", limit=1)] == [one.id, two.id]
    assert [each.id for each in vaults.list(metadata={"a": "1", "b": "1"})] == [one.id]
    assert vaults.list(metadata={"a": "2"}).data == []
    assert vaults.list(status="archived").data == []
    assert len(vaults.list(status=["active", "archived"]).data) == 2


@pytest.mark.parametrize("auth", [BEARER, OAUTH, VARIABLE], ids=lambda auth: str(auth["type"]))
def test_secrets_never_come_back(client: openai.OpenAI, make_vault: MakeVault, auth: Any) -> None:
    vault = make_vault()
    credentials = client.beta.agents.vaults.credentials
    made = credentials.create(vault.id, name=" Key ", auth=auth, metadata={"a": "1"})
    assert credentials.retrieve(made.id, vault_id=vault.id) == made
    assert "secret-" not in made.to_json()
    assert (made.name, made.vault_id, made.metadata, made.object) == ("Key", vault.id, {"a": "1"}, "vault.credential")
    assert made.auth.type == auth["type"]


def test_what_is_public_of_a_credential_comes_back(client: openai.OpenAI, make_vault: MakeVault) -> None:
    vault = make_vault()
    credentials = client.beta.agents.vaults.credentials
    assert credentials.create(vault.id, name="a", auth=OAUTH).auth.to_dict() == {
        "type": "mcp_oauth",
        "mcp_server_url": URL,
        "expires_at": "2027-01-01T00:00:00Z",
        "refresh": {
            "client_id": "client",
            "resource": None,
            "scope": "read",
            "token_endpoint": "https://auth.example.com/token",
            "token_endpoint_auth": {"type": "client_secret_basic"},
        },
    }
    assert credentials.create(vault.id, name="b", auth=VARIABLE).auth.to_dict() == {
        "type": "environment_variable",
        "secret_name": "SERVICE_API_KEY",
        "networking": {"type": "limited", "allowed_hosts": ["api.example.com"]},
    }


def test_a_rotation_keeps_all_but_the_secret(client: openai.OpenAI, make_vault: MakeVault) -> None:
    vault = make_vault()
    credentials = client.beta.agents.vaults.credentials
    made = credentials.create(vault.id, name="a", auth=BEARER)
    rotated = credentials.update(made.id, vault_id=vault.id, auth={"type": "static_bearer", "token": "secret-new"})
    assert rotated.auth == made.auth
    assert credentials.update(made.id, vault_id=vault.id, metadata={"b": "1"}).metadata == {"b": "1"}


def test_a_new_access_token_clears_the_expiry(client: openai.OpenAI, make_vault: MakeVault) -> None:
    vault = make_vault()
    credentials = client.beta.agents.vaults.credentials
    made = credentials.create(vault.id, name="a", auth=OAUTH)
    kept = credentials.update(made.id, vault_id=vault.id, auth={"type": "mcp_oauth", "refresh": {"scope": None}})
    assert kept.auth.to_dict()["expires_at"] == OAUTH["expires_at"]
    assert kept.auth.type == "mcp_oauth"
    assert kept.auth.refresh is not None
    assert kept.auth.refresh.scope is None
    cleared = credentials.update(made.id, vault_id=vault.id, auth={"type": "mcp_oauth", "access_token": "secret-b"})
    assert cleared.auth.to_dict()["expires_at"] is None


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "auth"),
        ({"name": "b"}, "name"),
        ({"auth": {**BEARER, "token": "x"}}, "auth.mcp_server_url"),
        ({"auth": {"type": "environment_variable", "secret_value": "x"}}, "auth.type"),
        ({"metadata": None}, "metadata"),
    ],
)
def test_what_cannot_be_changed(backend: Backend, make_vault: MakeVault, body: dict[str, Any], param: str) -> None:
    vault = make_vault()
    made = backend.client.beta.agents.vaults.credentials.create(vault.id, name="a", auth=BEARER)
    refused = backend.http.post(f"/vaults/{vault.id}/credentials/{made.id}", json=body, headers=BETA)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, param)


@pytest.mark.parametrize(
    ("auth", "param"),
    [
        ({**BEARER, "mcp_server_url": "http://mcp.example.com"}, "auth.mcp_server_url"),
        ({"type": "static_bearer", "mcp_server_url": URL}, "auth.token"),
        ({**VARIABLE, "secret_name": "CODEX_KEY"}, "auth.secret_name"),
        ({**VARIABLE, "secret_name": "1KEY"}, "auth.secret_name"),
        ({**VARIABLE, "secret_value": "a\nb"}, "auth.secret_value"),
        ({**VARIABLE, "secret_value": ""}, "auth.secret_value"),
        (
            {**VARIABLE, "networking": {"type": "limited", "allowed_hosts": ["https://a.com"]}},
            "auth.networking.allowed_hosts[0]",
        ),
        (
            {**VARIABLE, "networking": {"type": "limited", "allowed_hosts": ["a.com", "A.com"]}},
            "auth.networking.allowed_hosts",
        ),
        ({**OAUTH, "expires_at": "tomorrow"}, "auth.expires_at"),
        ({"type": "password"}, "auth.type"),
    ],
)
def test_what_a_credential_cannot_be(backend: Backend, make_vault: MakeVault, auth: Any, param: str) -> None:
    vault = make_vault()
    sent = {"name": "a", "auth": auth}
    refused = backend.http.post(f"/vaults/{vault.id}/credentials", json=sent, headers=BETA)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, param)


@pytest.mark.parametrize("name", ["", "  ", "é" * 129, None])
def test_what_a_vault_cannot_be_called(backend: Backend, has_agents: None, name: str | None) -> None:
    refused = backend.http.post("/vaults", json={"name": name}, headers=BETA)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "name")


def test_a_deleted_vault_is_gone_with_its_credentials(
    client: openai.OpenAI, make_vault: MakeVault, refusal: Refuse
) -> None:
    vaults, vault = client.beta.agents.vaults, make_vault()
    one, two = (vaults.credentials.create(vault.id, name="a", auth=BEARER) for _ in range(2))
    assert vaults.credentials.delete(one.id, vault_id=vault.id).object == "vault.credential.deleted"
    refusal(404, vaults.credentials.retrieve, one.id, vault_id=vault.id)
    assert vaults.delete(vault.id).object == "vault.deleted"
    refusal(404, vaults.retrieve, vault.id)
    refusal(404, vaults.credentials.retrieve, two.id, vault_id=vault.id)
    refusal(404, vaults.credentials.list, vault.id)
    refusal(404, vaults.credentials.create, vault.id, name="a", auth=BEARER)


def test_credentials_belong_to_one_vault(
    client: openai.OpenAI, make_vault: MakeVault, refusal: Refuse, lists_at_once: None
) -> None:
    credentials, one, other = client.beta.agents.vaults.credentials, make_vault(), make_vault()
    ids = [credentials.create(one.id, name="a", auth=BEARER, metadata={"n": str(n)}).id for n in range(3)]
    assert [each.id for each in credentials.list(one.id, limit=2, order="asc")] == ids
    assert [each.id for each in credentials.list(one.id, metadata={"n": "1"})] == ids[1:2]
    assert credentials.list(other.id).data == []
    refusal(404, credentials.retrieve, ids[0], vault_id=other.id)
