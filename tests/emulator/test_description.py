"""The judge itself: it knows every endpoint, sees what is wrong, and allows only what was recorded."""

from __future__ import annotations

import re
from typing import Any

import httpx2
import pytest

from retinue.emulator.server.service import Endpoint, find_services
from tests.support.description import (
    ABSENT,
    ALLOWANCES,
    Allowance,
    CheckedTransport,
    Description,
    find_description,
    read_documents,
)

UNDESCRIBED = "/containers"
"""Published without a description: the types of the SDK are what these are held against (responses/test_containers)."""
ENDPOINTS = [endpoint for service in find_services() for endpoint in service.endpoints]
FILE: dict[str, Any] = {
    "id": "file-1",
    "object": "file",
    "bytes": 1,
    "created_at": 1,
    "expires_at": None,
    "filename": "a.txt",
    "purpose": "assistants",
    "status": "processed",
    "status_details": None,
}


@pytest.fixture
def description() -> Description:
    return find_description() or pytest.skip(ABSENT)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda each: f"{each.method} {each.path}")
def test_every_endpoint_is_a_published_one(description: Description, endpoint: Endpoint) -> None:
    path = re.sub(r"\{\w+\}", "x", endpoint.path)
    assert description.describes(endpoint.method, path) != path.startswith(UNDESCRIBED)


def test_a_good_exchange_is_good(description: Description) -> None:
    assert description.check_request("POST", "/assistants", {"model": "gpt-4o", "name": None}) == []
    assert description.check_request("GET", "/assistants?limit=5&order=asc&after=x") == []
    assert description.check_response("GET", "/files/file-1", 200, FILE) == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/assistants", {}),
        ("POST", "/assistants", {"model": "gpt-4o", "nam": "x"}),
        ("POST", "/assistants", {"model": "gpt-4o", "metadata": {"a": 1}}),
        ("POST", "/assistants", {"model": "gpt-4o", "temperature": 3}),
        ("POST", "/vector_stores/vs_1", {"description": "x"}),
        ("POST", "/vector_stores/vs_1/search", {"query": "x", "filters": {"type": "like", "key": "a", "value": "b"}}),
        ("POST", "/files", {"purpose": "assistants"}),
        ("GET", "/assistants?limt=5", None),
        ("GET", "/assistants?limit=five", None),
        ("GET", "/assistants", {"limit": 5}),
        ("PATCH", "/assistants/asst_1", {}),
        ("GET", "/nothing", None),
    ],
)
def test_a_bad_request_is_seen(description: Description, method: str, path: str, body: Any) -> None:
    assert description.check_request(method, path, body)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {**FILE, "bytes": "1"}),
        (200, {**FILE, "purpose": "fun"}),
        (200, {key: value for key, value in FILE.items() if key != "filename"}),
        (201, FILE),
        (404, {"error": "no"}),
        (404, {"error": {"message": "no", "type": "x", "param": None}}),
    ],
)
def test_a_bad_response_is_seen(description: Description, status: int, body: Any) -> None:
    assert description.check_response("GET", "/files/file-1", status, body)


def test_saved_agents_are_described_too(description: Description) -> None:
    if not description.describes("GET", "/agents"):
        pytest.skip("agents.json is not here")
    assert description.check_request("POST", "/agents", {"model": "gpt-6-astra"}) == []
    assert description.check_request("POST", "/agents", {"model": "gpt-6-astra", "temperature": 1})
    assert description.check_request("GET", "/agents/automations") == []


@pytest.mark.parametrize("allowance", ALLOWANCES, ids=lambda each: each.name)
def test_every_allowance_is_needed_and_enough(description: Description, allowance: Allowance) -> None:
    """One that the description has caught up with must go."""
    alone = Description(read_documents(), allowances=())
    assert alone.check_member(allowance.schema, allowance.member, allowance.example)
    assert description.check_member(allowance.schema, allowance.member, allowance.example) == []


def test_problems_are_collected_and_raised_on_demand(description: Description) -> None:
    inner = httpx2.MockTransport(lambda request: httpx2.Response(200, json={**FILE, "bytes": "many"}))
    checked = CheckedTransport(inner, description)
    with httpx2.Client(transport=checked, base_url="http://local.invalid/v1") as http:
        assert http.get("/files/file-1").json()["bytes"] == "many"
    assert checked.exchanges == 1
    with pytest.raises(AssertionError, match="bytes"):
        checked.check()


def test_a_literal_segment_wins_over_a_parameter(description: Description) -> None:
    if not description.describes("GET", "/agents"):
        pytest.skip("agents.json is not here")
    assert description.check_request("POST", "/agents/environments/templates", {"desktop": {"enabled": True}}) == []
    assert description.check_request("POST", "/agents/automations", {"name": "not an agent"})


def test_a_path_parameter_is_no_member_of_a_body(description: Description) -> None:
    if not description.describes("GET", "/agents"):
        pytest.skip("agents.json is not here")
    assert description.check_request("POST", "/vaults/v/credentials/c", {"metadata": {}}) == []
    assert description.check_request("POST", "/vaults/v/credentials/c", {"vault_id": "v"})
