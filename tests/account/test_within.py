"""Objects within others: credentials in vaults."""

from __future__ import annotations

from pathlib import Path

import pytest

from retinue import workflow
from retinue.core.approval import Approval
from retinue.errors import BlockedError
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
        made = workflow.plan(session)
        with pytest.raises(BlockedError, match=f"the credential {theirs}"):
            workflow.guard(made, Approval(person=True))
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
