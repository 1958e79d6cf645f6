"""Assistants, API v2."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import openai
import pytest
from openai.types import FileObject, VectorStore
from openai.types.beta import Assistant

from tests.contract.conftest import Backend

pytestmark = pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")

Refuse = Callable[..., openai.APIStatusError]
MakeAssistant = Callable[..., Assistant]
MakeFile = Callable[..., FileObject]
MakeStore = Callable[..., VectorStore]

BETA = {"OpenAI-Beta": "assistants=v2"}
SEARCH = {"ranker": "default_2024_08_21", "score_threshold": 0.0, "hybrid_search": None}


def test_what_is_not_sent_has_the_recorded_default(make_assistant: MakeAssistant) -> None:
    assistant = make_assistant().to_dict()
    assert str(assistant.pop("id")).startswith("asst_")
    assert isinstance(assistant.pop("created_at"), int)
    assert assistant == {
        "object": "assistant",
        "name": None,
        "description": None,
        "model": "gpt-4o",
        "instructions": None,
        "tools": [],
        "top_p": 1.0,
        "temperature": 1.0,
        "reasoning_effort": None,
        "tool_resources": {},
        "metadata": {},
        "response_format": "auto",
    }


def test_what_is_sent_comes_back(client: openai.OpenAI, make_assistant: MakeAssistant) -> None:
    schema = {"name": "answer", "strict": True, "schema": {"type": "object"}}
    sent: dict[str, Any] = {
        "name": "Math Tutor",
        "description": "Explains.",
        "instructions": "Be kind.",
        "temperature": 0.5,
        "top_p": 0.25,
        "metadata": {"team": "education"},
        "response_format": {"type": "json_schema", "json_schema": schema},
        "reasoning_effort": "low",
    }
    made = make_assistant(**sent)
    shown = made.to_dict()
    assert {name: shown[name] for name in sent} == sent
    assert client.beta.assistants.retrieve(made.id) == made


def test_tools_come_back_in_order_with_the_defaults_the_server_fills_in(make_assistant: MakeAssistant) -> None:
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}}
    function = {"name": "get_weather", "description": "Weather.", "parameters": parameters}
    assistant = make_assistant(
        tools=[
            {"type": "function", "function": function},
            {"type": "file_search"},
            {"type": "file_search", "file_search": {"max_num_results": 2, "ranking_options": {"score_threshold": 0.5}}},
            {"type": "code_interpreter"},
        ]
    ).to_dict()
    assert assistant["tools"] == [
        {"type": "function", "function": {**function, "strict": False}},
        {"type": "file_search", "file_search": {"ranking_options": SEARCH}},
        {
            "type": "file_search",
            "file_search": {"max_num_results": 2, "ranking_options": {**SEARCH, "score_threshold": 0.5}},
        },
        {"type": "code_interpreter"},
    ]
    assert assistant["tool_resources"] == {"code_interpreter": {"file_ids": []}}


def test_the_helper_makes_a_vector_store(
    client: openai.OpenAI, make_assistant: MakeAssistant, make_file: MakeFile
) -> None:
    file = make_file()
    assistant = make_assistant(
        tools=[{"type": "file_search"}],
        tool_resources={"file_search": {"vector_stores": [{"file_ids": [file.id], "metadata": {"a": "b"}}]}},
    )
    assert assistant.tool_resources is not None
    assert assistant.tool_resources.file_search is not None
    [store_id] = assistant.tool_resources.file_search.vector_store_ids or []
    client.vector_stores.files.poll(file.id, vector_store_id=store_id)
    assert client.vector_stores.files.retrieve(file.id, vector_store_id=store_id).status == "completed"
    client.vector_stores.delete(store_id)


def test_an_update_changes_what_was_sent_and_nothing_else(client: openai.OpenAI, make_assistant: MakeAssistant) -> None:
    before = make_assistant(instructions="Be kind.", tools=[{"type": "code_interpreter"}], metadata={"a": "1"})
    after = client.beta.assistants.update(before.id, name="named")
    assert {**before.to_dict(), "name": "named"} == after.to_dict()
    assert client.beta.assistants.update(before.id, metadata={"a": "2"}).metadata == {"a": "2"}


def test_lists_are_replaced_whole(
    client: openai.OpenAI, make_assistant: MakeAssistant, make_file: MakeFile, make_store: MakeStore
) -> None:
    one, two, store = make_file(), make_file(), make_store()
    both: list[Any] = [{"type": "code_interpreter"}, {"type": "file_search"}]
    assistant = make_assistant(tools=both, tool_resources={"code_interpreter": {"file_ids": [one.id, two.id]}})
    changed = client.beta.assistants.update(
        assistant.id, tool_resources={"file_search": {"vector_store_ids": [store.id]}}
    ).to_dict()
    assert changed["tool_resources"] == {
        "code_interpreter": {"file_ids": [one.id, two.id]},
        "file_search": {"vector_store_ids": [store.id]},
    }
    changed = client.beta.assistants.update(
        assistant.id,
        tools=[{"type": "code_interpreter"}],
        tool_resources={"code_interpreter": {"file_ids": [two.id]}, "file_search": {"vector_store_ids": []}},
    ).to_dict()
    assert changed["tools"] == [{"type": "code_interpreter"}]
    assert changed["tool_resources"] == {"code_interpreter": {"file_ids": [two.id]}}


@pytest.mark.parametrize(
    ("field", "default"),
    [("name", None), ("description", None), ("instructions", None), ("temperature", 1.0), ("response_format", "auto")],
)
def test_null_brings_back_the_default(
    client: openai.OpenAI, make_assistant: MakeAssistant, field: str, default: object
) -> None:
    full = {
        "name": "n",
        "description": "d",
        "instructions": "i",
        "temperature": 0.1,
        "response_format": {"type": "text"},
    }
    assistant = make_assistant(**full)
    cleared: Any = {field: None}
    assert client.beta.assistants.update(assistant.id, **cleared).to_dict()[field] == default


def test_a_deleted_assistant_is_gone(client: openai.OpenAI, make_assistant: MakeAssistant, refusal: Refuse) -> None:
    made = make_assistant()
    deleted = client.beta.assistants.delete(made.id).to_dict()
    assert deleted == {"id": made.id, "object": "assistant.deleted", "deleted": True}
    for call in (client.beta.assistants.retrieve, client.beta.assistants.delete, client.beta.assistants.update):
        error = refusal(404, call, made.id)
        assert f"No assistant found with id '{made.id}'" in error.message


@pytest.mark.usefixtures("lists_at_once")
def test_assistants_are_listed_page_by_page(client: openai.OpenAI, make_assistant: MakeAssistant) -> None:
    ids = [make_assistant().id for _ in range(5)]
    assert [assistant.id for assistant in client.beta.assistants.list(limit=2)] == ids[::-1]
    assert [assistant.id for assistant in client.beta.assistants.list(limit=2, order="asc")] == ids
    page = client.beta.assistants.list(order="asc", after=ids[1], before=ids[4])
    assert [assistant.id for assistant in page.data] == ids[2:4]


@pytest.mark.parametrize("limit", [0, 101])
@pytest.mark.usefixtures("has_assistants")
def test_a_page_has_one_to_a_hundred(client: openai.OpenAI, refusal: Refuse, limit: int) -> None:
    assert refusal(400, client.beta.assistants.list, limit=limit).param == "limit"


@pytest.mark.usefixtures("has_assistants")
def test_a_model_that_does_not_exist_is_refused(client: openai.OpenAI, refusal: Refuse) -> None:
    error = refusal(400, client.beta.assistants.create, model="gpt-nothing")
    assert (error.code, error.param) == ("model_not_found", "model")


@pytest.mark.usefixtures("has_assistants")
def test_the_beta_header_is_required(backend: Backend) -> None:
    response = backend.http.get("/assistants")
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "invalid_beta"
    assert "You must provide the 'OpenAI-Beta' header to access the Assistants API." in response.text


FUNCTION = {"type": "function", "function": {"name": "f"}}

LIMITS: list[tuple[str, dict[str, Any]]] = [
    ("model", {"model": None}),
    ("name", {"name": "x" * 257}),
    ("name", {"name": 5}),
    ("description", {"description": "x" * 513}),
    ("instructions", {"instructions": "x" * 256_001}),
    ("tools", {"tools": [FUNCTION] * 129}),
    ("tools", {"tools": [{"type": "browser"}]}),
    ("tools", {"tools": [{}]}),
    ("tools", {"tools": [{"type": "function"}]}),
    ("tools", {"tools": [{"type": "function", "function": {"name": "has space"}}]}),
    ("tools", {"tools": [{"type": "function", "function": {"name": "x" * 65}}]}),
    ("tools", {"tools": [{"type": "file_search", "file_search": {"max_num_results": 51}}]}),
    ("tools", {"tools": [{"type": "file_search", "file_search": {"ranking_options": {}}}]}),
    ("tools", {"tools": [{"type": "file_search", "file_search": {"ranking_options": {"score_threshold": 1.1}}}]}),
    ("tools", {"tools": None}),
    ("metadata", {"metadata": {"a": 1}}),
    ("metadata", {"metadata": {str(number): "x" for number in range(17)}}),
    ("temperature", {"temperature": 2.1}),
    ("temperature", {"temperature": -0.1}),
    ("temperature", {"temperature": "hot"}),
    ("top_p", {"top_p": 1.1}),
    ("response_format", {"response_format": "json"}),
    ("response_format", {"response_format": {"type": "json_schema"}}),
    ("reasoning_effort", {"reasoning_effort": "heroic"}),
    ("tool_resources", {"tool_resources": {"code_interpreter": {"file_ids": ["file-x"] * 21}}}),
    ("tool_resources", {"tool_resources": {"file_search": {"vector_store_ids": ["vs_a", "vs_b"]}}}),
    ("tool_resources", {"tool_resources": {"browser": {}}}),
    ("file_ids", {"file_ids": []}),
]


@pytest.mark.parametrize(("param", "body"), LIMITS)
@pytest.mark.usefixtures("has_assistants")
def test_what_goes_beyond_a_documented_limit_is_refused(backend: Backend, param: str, body: dict[str, Any]) -> None:
    response = backend.http.post("/assistants", json={"model": "gpt-4o", **body}, headers=BETA)
    assert response.status_code == 400, response.text
    assert response.json()["error"]["param"].partition(".")[0].partition("[")[0] == param


def test_limits_are_inclusive(make_assistant: MakeAssistant) -> None:
    longest = {"name": "n" * 256, "description": "d" * 512, "instructions": "i" * 256_000}
    shown = make_assistant(**longest, temperature=2, top_p=0, tools=[FUNCTION] * 128).to_dict()
    assert {name: shown[name] for name in longest} == longest
    assert (shown["temperature"], shown["top_p"]) == (2.0, 0.0)


def test_resources_must_exist(client: openai.OpenAI, make_assistant: MakeAssistant, refusal: Refuse) -> None:
    missing_file: Any = {"code_interpreter": {"file_ids": ["file-nothing"]}}
    missing_store: Any = {"file_search": {"vector_store_ids": ["vs_nothing"]}}
    assistant = make_assistant()
    for resources in (missing_file, missing_store):
        refusal(404, client.beta.assistants.create, model="gpt-4o", tool_resources=resources)
        refusal(404, client.beta.assistants.update, assistant.id, tool_resources=resources)
