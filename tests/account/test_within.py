"""Objects within others: credentials in vaults."""

from __future__ import annotations

from pathlib import Path

import pytest

from retinue import engine
from retinue.errors import BlockedError, DeclarationError
from retinue.planning.policy import Approval
from tests.support.team import Team

VAULT = "vaults:\n  keys: {name: Keys}\n"
CREDENTIAL = """credentials:
  crm:
    vault: keys
    name: CRM
    auth: {type: static_bearer, mcp_server_url: "https://example.com/mcp", token: one}
"""
THEIRS = {"name": "Theirs", "auth": {"type": "static_bearer", "mcp_server_url": "https://example.com", "token": "two"}}


def test_a_vault_with_credentials_of_others_is_not_deleted(tmp_path: Path) -> None:
    team = Team(tmp_path)
    team.write("all.yaml", VAULT + CREDENTIAL)
    team.apply()
    vault = team.listed("/vaults")[0]["id"]
    theirs = team.send("post", f"/vaults/{vault}/credentials", THEIRS)["id"]
    team.write("all.yaml", "assistants:\n  other: {model: gpt-4o}\n")
    with team.session() as session:
        made = engine.plan(session)
        with pytest.raises(BlockedError, match=f"the credential {theirs}"):
            engine.guard(made, Approval(person=True))
    team.send("delete", f"/vaults/{vault}/credentials/{theirs}")
    assert team.apply().converged
    assert team.listed("/vaults") == []


def test_a_credential_moves_to_another_vault_before_the_old_one_goes(tmp_path: Path) -> None:
    team = Team(tmp_path)
    team.write("all.yaml", VAULT + CREDENTIAL)
    team.apply()
    team.write("all.yaml", VAULT.replace("keys", "safe") + CREDENTIAL.replace("keys", "safe"))
    applied = team.apply()
    assert applied.converged
    order = [step.key.split()[:2] for step in applied.plan.steps]
    assert order == [
        ["create", "vault.safe"],
        ["create", "credential.crm"],
        ["delete", "credential.crm"],
        ["delete", "vault.keys"],
    ]


def declare_expiry(team: Team, expires_at: str) -> None:
    auth = '{type: mcp_oauth, mcp_server_url: "https://example.com/mcp", access_token: one, expires_at: %s}'
    team.write("all.yaml", f"{VAULT}credentials:\n  crm: {{vault: keys, name: CRM, auth: {auth % expires_at}}}\n")


@pytest.mark.parametrize(
    "written", ["2027-01-01T00:00:00.000Z", "2027-01-01T00:00:00+00:00", "2027-01-01T01:00:00+01:00"]
)
def test_a_time_written_otherwise_is_no_change(tmp_path: Path, written: str) -> None:
    team = Team(tmp_path)
    declare_expiry(team, "2027-01-01T00:00:00Z")
    assert team.apply().converged
    declare_expiry(team, f'"{written}"')
    assert team.plan().empty


@pytest.mark.parametrize("written", ["2027-01-01", "2027-02-31T00:00:00Z", "soon"])
def test_what_is_no_time_is_refused(tmp_path: Path, written: str) -> None:
    team = Team(tmp_path)
    declare_expiry(team, f'"{written}"')
    with pytest.raises(DeclarationError) as caught:
        team.plan()
    assert [each.message for each in caught.value.diagnostics] == [f"'{written}' is not a time as in RFC 3339"]
