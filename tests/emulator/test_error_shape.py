"""One error body for everything the account refuses, over all of its endpoints."""

from __future__ import annotations

import re
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retinue.emulator.server.request_body import MAX_JSON
from retinue.emulator.server.request_checks import any_object
from retinue.emulator.server.service import Endpoint, find_services
from tests.emulator.conftest import Account, OpenAccount

JSON = {"content-type": "application/json"}
ENDPOINTS = [endpoint for service in find_services() for endpoint in service.endpoints]
NAMES = [f"{endpoint.method} {endpoint.path}" for endpoint in ENDPOINTS]
every_endpoint = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=NAMES)
every_body = pytest.mark.parametrize(
    "endpoint", [each for each in ENDPOINTS if each.body and not each.form], ids=lambda each: each.path
)


def refused(response: httpx2.Response, *statuses: int) -> dict[str, Any]:
    """The error of a refusal, in the one shape there is."""
    assert response.status_code in statuses, f"{response.status_code}: {response.text}"
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"].startswith("req_")
    body = response.json()
    assert set(body) <= {"error", "detail"}
    error: dict[str, Any] = body["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert isinstance(error["message"], str)
    assert isinstance(error["type"], str)
    assert all(isinstance(error[each], str | None) for each in ("param", "code"))
    return error


def url(endpoint: Endpoint) -> str:
    prefix = "asst_" if endpoint.path.startswith("/assistants") else "vs_"
    return re.sub(r"\{\w+\}", "nothing", endpoint.path.replace("{id}", f"{prefix}nothing"))


@every_endpoint
def test_without_the_key(open_account: OpenAccount, endpoint: Endpoint) -> None:
    http = open_account(api_key="another").http
    assert refused(http.request(endpoint.method, url(endpoint)), 401)["code"] == "invalid_api_key"
    del http.headers["authorization"]
    error = refused(http.request(endpoint.method, url(endpoint)), 401)
    assert error["message"].startswith("You didn't provide an API key.")


@every_endpoint
def test_with_a_method_it_does_not_have(account: Account, endpoint: Endpoint) -> None:
    error = refused(account.http.request("PATCH", url(endpoint)), 405)
    assert error["code"] == "method_not_supported"


@every_endpoint
def test_of_an_object_that_does_not_exist(account: Account, endpoint: Endpoint) -> None:
    if "{" in endpoint.path:
        refused(account.http.request(endpoint.method, url(endpoint)), 400, 404)


@every_endpoint
def test_with_the_beta_header_missing(account: Account, endpoint: Endpoint) -> None:
    if endpoint.beta:
        del account.http.headers["openai-beta"]
        assert refused(account.http.request(endpoint.method, url(endpoint)), 400)["code"] == "invalid_beta"


@every_body
@pytest.mark.parametrize(
    "content",
    [b"{not json", b"\xff\xfe\xff", b'{"name": NaN}', b'{"name": 1e999}', b'{"name": "\\ud800"}', b"[" * 9999],
)
def test_with_a_body_that_is_not_json(account: Account, endpoint: Endpoint, content: bytes) -> None:
    error = refused(account.http.post(url(endpoint), content=content, headers=JSON), 400)
    assert "could not parse the JSON body" in error["message"]


@every_body
def test_with_a_body_that_is_too_deep(account: Account, endpoint: Endpoint) -> None:
    """Under each of the members that take values of any shape, and as the body itself."""
    for opened, closed in (("[", "]"), ('{"a":', "}"), ('{"type":"and","filters":[', "]}"), ('[{"metadata":', "}]")):
        for levels in (101, 200, 5000):
            deep = f"{opened * levels}1{closed * levels}"
            for body in (deep, *(f'{{"{member}": {deep}}}' for member in ("filters", "tools", "metadata"))):
                error = refused(account.http.post(url(endpoint), content=body.encode(), headers=JSON), 400)
                assert "could not parse the JSON body" in error["message"]


def test_a_body_may_be_as_deep_as_its_checks_go(account: Account) -> None:
    """What is just not too deep is checked as anything else is."""
    store = account.post("/vector_stores")["id"]
    filters: dict[str, Any] = {"type": "eq", "key": "n", "value": 1}
    for _ in range(49):
        filters = {"type": "and", "filters": [filters]}
    assert account.post(f"/vector_stores/{store}/search", query="words", filters=filters)["data"] == []
    schema: dict[str, Any] = {"type": "object"}
    for _ in range(47):
        schema = {"type": "object", "properties": {"a": schema}}
    tool = {"type": "function", "function": {"name": "deep", "parameters": schema}}
    assert account.post("/assistants", model="gpt-4o", tools=[tool])["tools"][0]["function"]["parameters"] == schema


def test_with_a_body_that_is_too_large(account: Account) -> None:
    refused(account.http.post("/vector_stores", content=b" " * (MAX_JSON + 1), headers=JSON), 413)


@every_body
@pytest.mark.parametrize("content", [b"[]", b'"text"', b"1", b"null"])
def test_with_a_body_that_is_no_object(account: Account, endpoint: Endpoint, content: bytes) -> None:
    error = refused(account.http.post(url(endpoint), content=content, headers=JSON), 400)
    assert error["code"] == "invalid_type"


@pytest.mark.parametrize(
    "endpoint",
    # What takes no body at all is refused whatever is in it.
    [each for each in ENDPOINTS if each.body not in (None, any_object) and not each.form],
    ids=lambda each: each.path,
)
def test_with_a_member_it_does_not_know(account: Account, endpoint: Endpoint) -> None:
    error = refused(account.http.post(url(endpoint), json={"surprise": 1}), 400)
    assert (error["code"], error["param"]) == ("unknown_parameter", "surprise")


@pytest.mark.parametrize("endpoint", [each for each in ENDPOINTS if each.form], ids=lambda each: each.path)
def test_with_a_form_that_is_none(account: Account, endpoint: Endpoint) -> None:
    refused(account.http.post(url(endpoint), json={}), 400)
    headers = {"content-type": "multipart/form-data"}
    refused(account.http.post(url(endpoint), content=b"x", headers=headers), 400)
    headers = {"content-type": "multipart/form-data; boundary=b"}
    refused(account.http.post(url(endpoint), content=b"nonsense", headers=headers), 400)
    refused(account.http.post(url(endpoint), data={"surprise": "1"}, files={"file": b"x"}), 400, 404)


@pytest.mark.parametrize("path", ["/nothing", "/assistants/asst_a/b/c", "/../files", "/files/"])
def test_for_an_address_that_is_none(account: Account, path: str) -> None:
    refused(account.http.get(path), 404)


def test_for_an_id_of_another_kind(account: Account) -> None:
    error = refused(account.http.get("/assistants/vs_1"), 400)
    assert "Expected an ID that begins with 'asst'" in error["message"]
    assert error["param"] == "assistant_id"


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=many", "order=up", "limit="])
@pytest.mark.parametrize("path", ["/assistants", "/vector_stores", "/agents", "/agents/automations", "/vaults"])
def test_for_a_page_that_cannot_be(account: Account, path: str, query: str) -> None:
    refused(account.http.get(f"{path}?{query}"), 400)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
known_members = sorted(
    [
        "attributes",
        "chunking_strategy",
        "description",
        "expires_after",
        "file_id",
        "file_ids",
        "files",
        "filters",
        "instructions",
        "max_num_results",
        "metadata",
        "model",
        "name",
        "query",
        "ranking_options",
        "reasoning_effort",
        "response_format",
        "static",
        "temperature",
        "tool_resources",
        "tools",
        "top_p",
        "type",
        "vector_store_ids",
        "vector_stores",
        "code_interpreter",
        "file_search",
        "function",
        "part_ids",
        "agent",
        "agent_id",
        "auth",
        "capability_directories",
        "compaction",
        "default_version",
        "desktop",
        "env",
        "environment",
        "experimental",
        "expression",
        "input",
        "multi_agent",
        "network",
        "packages",
        "plugins",
        "reasoning",
        "run_at",
        "setup_commands",
        "skills",
        "target",
        "text",
        "timezone",
        "transport",
        "bytes",
        "filename",
        "additional_messages",
        "assistant_id",
        "attachments",
        "content",
        "max_prompt_tokens",
        "messages",
        "role",
        "stream",
        "thread",
        "tool_choice",
        "tool_outputs",
        "truncation_strategy",
    ]
)


def owners(account: Account) -> dict[str, str]:
    """An object of every kind that bodies are sent to, by the path of its collection."""
    target = {"type": "new_session", "agent": {"model": "m"}, "environment": {"type": "none"}, "input": []}
    automation = {"type": "periodic", "name": "a", "expression": "0 9 * * *", "timezone": "UTC", "target": target}
    return {
        "/assistants": account.post("/assistants", model="gpt-4o")["id"],
        "/vector_stores": account.post("/vector_stores")["id"],
        "/skills": account.add_skill(),
        "/agents/environments/templates": account.post("/agents/environments/templates")["id"],
        "/agents/automations": account.post("/agents/automations", **automation)["id"],
        "/agents": account.post("/agents", model="gpt-6-astra")["id"],
        "/vaults": account.post("/vaults")["id"],
        "/threads": account.post("/threads")["id"],
    }


def test_no_body_makes_the_account_fail(account: Account) -> None:
    """Whatever is sent is accepted or refused; it never ends in 500."""
    made = owners(account)
    auth = {"type": "static_bearer", "mcp_server_url": "https://mcp.example.com", "token": "secret"}
    credential = account.post(f"/vaults/{made['/vaults']}/credentials", name="a", auth=auth)["id"]
    names = {"credential_id": credential, "file_id": "file-x", "batch_id": "vsfb_x"}
    names["message_id"] = account.post(f"/threads/{made['/threads']}/messages", role="user", content="Hi")["id"]
    run = account.post(f"/threads/{made['/threads']}/runs", assistant_id=made["/assistants"])
    names["run_id"] = run["id"]
    members = st.dictionaries(st.sampled_from(known_members), json_values, max_size=4)
    bodies = st.recursive(members, lambda inner: st.dictionaries(st.sampled_from(known_members), inner, max_size=3))

    @settings(max_examples=250, deadline=None, derandomize=True)
    @given(st.sampled_from([each for each in ENDPOINTS if each.body and not each.form]), bodies)
    def send(endpoint: Endpoint, body: dict[str, Any]) -> None:
        owner = next((each for path, each in made.items() if endpoint.path.startswith(path)), "x")
        response = account.http.post(endpoint.path.format(id=owner, **names), json=body)
        if response.status_code >= 400:
            refused(response, 400, 404, 409)

    send()
