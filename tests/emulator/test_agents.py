"""What saved agents and templates are held to beyond the contract: sizes, resolution, and what survives."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.emulator.conftest import Account, Clock


def function(number: int, size: int) -> dict[str, Any]:
    return {"type": "function", "name": f"f{number}", "description": "x" * size, "parameters": {}}


def test_tools_have_a_size_together(account: Account) -> None:
    tools = [function(number, 1_048_000) for number in range(3)]
    account.post("/agents", model="m", tools=tools[:2])
    refused = account.http.post("/agents", json={"model": "m", "tools": [*tools, function(3, 2000)]})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "tools")


@pytest.mark.parametrize(
    ("model", "effort"),
    [("gpt-5", "medium"), ("gpt-4o", None), ("gpt-4.1-mini", None), ("somebody-elses-model", None)],
)
def test_the_effort_is_the_default_of_the_model(account: Account, model: str, effort: str | None) -> None:
    made = account.post("/agents", model=model)
    assert (made["model"], made["reasoning"]) == (model, {"effort": effort, "summary": None})


def test_an_effort_that_was_set_outlasts_the_model(account: Account) -> None:
    made = account.post("/agents", model="gpt-5", reasoning={"effort": "low"})
    assert account.post(f"/agents/{made['id']}", model="gpt-6-astra")["reasoning"]["effort"] == "low"


def test_only_an_update_is_a_new_updated_at(account: Account, clock: Clock) -> None:
    made = account.post("/agents", model="m")
    clock.advance(seconds=10)
    assert account.get(f"/agents/{made['id']}") == made
    assert account.post(f"/agents/{made['id']}")["updated_at"] == made["updated_at"] + 10


def test_the_collections_below_agents_are_no_agents(account: Account) -> None:
    assert account.http.get("/agents/sessions").json()["error"]["message"] == "Invalid URL (GET /v1/agents/sessions)"
    assert account.http.post("/agents/sessions", json={"input": []}).status_code == 404
    assert account.http.delete("/agents/automations").status_code == 405


def test_lists_of_agents_cannot_be_narrowed(account: Account) -> None:
    made = account.post("/agents", model="m", metadata={"a": "1"})["id"]
    assert [each["id"] for each in account.get("/agents")["data"]] == [made]


def test_every_refusal_of_the_agents_api_has_a_code(account: Account) -> None:
    for refused in (account.http.get("/agents/none"), account.http.get("/vaults/none/credentials")):
        assert (refused.status_code, refused.json()["error"]["code"]) == (404, "not_found_error")
    body = {"expression": "no"}
    made = account.http.post("/agents/automations", json={"type": "periodic", "name": "a", "target": {}, **body})
    assert made.json()["error"]["code"]


def test_inline_files_have_a_size_each_and_together(account: Account) -> None:
    def files(*sizes: int) -> list[dict[str, str]]:
        return [
            {"type": "inline", "path": f"/workspace/{number}", "data": base64.b64encode(bytes(size)).decode()}
            for number, size in enumerate(sizes)
        ]

    path, limit = "/agents/environments/templates", 5 * 1024 * 1024
    account.post(path, files=files(limit, limit))
    for refused in (files(limit + 1), files(limit, limit, 1)):
        assert account.http.post(path, json={"files": refused}).json()["error"]["code"] == "file_above_max_size"


def test_a_template_outlives_the_file_and_the_skill_it_names(account: Account) -> None:
    file, skill = account.add_file(), account.add_skill()
    sent = {
        "files": [{"type": "file_id", "file_id": file, "path": "/workspace/a"}],
        "skills": [{"type": "skill_reference", "skill_id": skill, "version": "1"}],
    }
    made = account.post("/agents/environments/templates", **sent)
    account.delete(f"/files/{file}")
    account.delete(f"/skills/{skill}")
    assert account.get(f"/agents/environments/templates/{made['id']}") == made
    refused = account.http.post("/agents/environments/templates", json=sent)
    assert (refused.status_code, refused.json()["error"]["param"]) == (404, "files[0].file_id")


def test_no_secret_is_kept_anywhere(account: Account, tmp_path: Any) -> None:
    vault = account.post("/vaults")["id"]
    auth = {"type": "static_bearer", "mcp_server_url": "https://mcp.example.com", "token": "hush-1"}
    account.post(f"/vaults/{vault}/credentials", name="a", auth=auth)
    account.post("/agents/environments/templates", env={"A": "hush-2"}, setup_commands=[{"command": "hush-3"}])
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"environment.template" in kept
    assert b"hush" not in kept
