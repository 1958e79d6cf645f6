"""What an account holds, dumped and migrated by files, is applied as the same again; and what a dump of the example
assistants becomes on agents and for the Responses API."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pydantic
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openai.types.responses import response_create_params

from retinue import engine as workflow
from retinue.commands.migrate import migration
from retinue.kinds import all_kinds
from retinue.model.canonical import same
from retinue.providers.bundle.reader import bundle
from tests.docs.pages import ROOT
from tests.support.team import Team

ASSISTANT = all_kinds()["assistant"]

TEXT = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\n\r\t :#-'\"${}[]`é"), max_size=40)
WORD = st.from_regex(r"[a-zA-Z0-9_-]{1,12}", fullmatch=True)
SCHEMAS = st.sampled_from(
    [
        {},
        {"type": "object", "properties": {}},
        {"type": "object", "properties": {"city": {"type": "string", "enum": ["no", "1e3", "${{ x }}"]}}},
        {"type": "object", "properties": {"": {"type": ["string", "null"]}, "on": {"const": None}}, "required": ["on"]},
    ]
)
FUNCTIONS = st.fixed_dictionaries({"name": WORD}, optional={"description": TEXT, "parameters": SCHEMAS})
SEARCHES = st.fixed_dictionaries(
    {},
    optional={
        "max_num_results": st.integers(1, 50),
        "ranking_options": st.fixed_dictionaries(
            {"score_threshold": st.sampled_from([0, 0.2, 1])},
            optional={"ranker": st.sampled_from(["auto", "default_2024_08_21"])},
        ),
    },
)


def name_of(tool: dict[str, Any]) -> Any:
    return tool["function"]["name"] if "function" in tool else None


TOOLS = st.lists(
    st.just({"type": "code_interpreter"})
    | st.builds(lambda options: {"type": "file_search", "file_search": options}, SEARCHES)
    | st.builds(lambda function: {"type": "function", "function": function}, FUNCTIONS),
    max_size=4,
    unique_by=lambda tool: json.dumps([tool["type"], name_of(tool)]),
)
FORMATS = st.sampled_from(
    [
        "auto",
        {"type": "text"},
        {"type": "json_object"},
        {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}, "strict": False}},
    ]
)
ASSISTANTS = st.fixed_dictionaries(
    {"model": st.just("gpt-4o"), "tools": TOOLS},
    optional={
        "name": TEXT,
        "description": TEXT,
        "instructions": TEXT,
        "metadata": st.dictionaries(WORD, TEXT, max_size=3),
        "temperature": st.sampled_from([0, 0.25, 1, 2.0]),
        "top_p": st.sampled_from([0, 0.5, 1]),
        "response_format": FORMATS,
        "reasoning_effort": st.sampled_from(["low", "high"]),
    },
)


def migrate(place: Path, dump: bytes, home: Any, **options: Any) -> migration.Prepared:
    found = migration.read_files({"dump.json": dump})
    prepared = migration.prepare(workflow.Where(place, environ={}), found, home, out=place / "migrated", **options)
    migration.write(prepared)
    return prepared


def canonical(raw: dict[str, Any]) -> dict[str, Any]:
    spec = ASSISTANT.read(raw)
    spec["metadata"] = {key: value for key, value in spec["metadata"].items() if key != "retinue"}
    return spec


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(bodies=st.lists(ASSISTANTS, min_size=1, max_size=3))
def test_a_dump_applied_by_files_is_the_same_again(tmp_path_factory: Any, bodies: list[dict[str, Any]]) -> None:
    team = Team(tmp_path_factory.mktemp("round"), checked=False)
    team.write("retinue.yaml", "stack: test\ninclude: ['migrated/*.yaml']\n")
    store = team.send("post", "/vector_stores", {})["id"]
    for body in bodies:
        if any(tool["type"] == "file_search" for tool in body["tools"]):
            body = {**body, "tool_resources": {"file_search": {"vector_store_ids": [store]}}}
        assert "id" in team.send("post", "/assistants", body)
    before = team.listed("/assistants")
    prepared = migrate(team.root, json.dumps({"object": "list", "data": before}).encode(), "assistants-v2")
    assert prepared.migration.losses == 0
    assert team.apply().converged
    ids = {each["id"] for each in before}
    made = [canonical(each) for each in team.listed("/assistants") if each["id"] not in ids]
    for each in before:
        twin = next((one for one in made if same(one, canonical(each))), None)
        assert twin is not None, canonical(each)
        made.remove(twin)
    assert made == []


# ── the example assistants ────────────────────────────────────────────────────────────────────────────────────────────


def example_dump(team: Team) -> bytes:
    """The article's two assistants and the support desk, applied to an Assistants v2 account and dumped from it."""
    shutil.copytree(ROOT / "assistants", team.root / "assistants")
    shutil.copy(ROOT / "retinue.yaml", team.root)
    team.apply()
    listed = [each for each in team.listed("/assistants") if "asst" in each["id"]]
    return json.dumps({"object": "list", "data": listed, "has_more": False}).encode()


def losses(prepared: migration.Prepared) -> dict[str, set[str]]:
    return {each.name: {note.field for note in each.of("lost")} for each in prepared.migration.migrated}


def test_the_examples_become_agents_with_the_documented_losses(tmp_path: Path) -> None:
    dump = example_dump(Team(tmp_path / "old"))
    team = Team(tmp_path / "new")
    team.write("retinue.yaml", "stack: new\ninclude: ['migrated/*.yaml']\n")
    prepared = migrate(team.root, dump, "agents")
    assert losses(prepared) == {
        "math-tutor": {"tools.code_interpreter"},
        "python-master": {"tools.code_interpreter"},
        "support-desk": {
            "description",
            "tools.file_search",
            "tools.code_interpreter",
            "tools.code_interpreter.files",
            "tools.function/look_up_order.strict",
            "tools.function/hand_over.strict",
        },
        "ticket-triage": {
            "description",
            "response_format.name",
            "response_format.description",
            "response_format.strict",
        },
    }
    for each in prepared.migration.migrated:
        assert all(note.instead for note in each.of("lost"))
    assert team.apply().converged
    agents = {each["name"]: each for each in team.listed("/agents")}
    old = {each["name"]: each for each in json.loads(dump)["data"]}
    assert {name: each["instructions"] for name, each in agents.items()} == {
        name: each["instructions"] for name, each in old.items()
    }
    desk = agents["Fieldwren support desk"]
    assert [each["name"] for each in desk["tools"]] == ["look_up_order", "hand_over", "service_status"]


def test_the_examples_become_declarations_for_responses(tmp_path: Path) -> None:
    old = Team(tmp_path / "old")
    dump = example_dump(old)
    store = old.listed("/vector_stores")[0]["id"]
    team = Team(tmp_path / "new")
    team.write("retinue.yaml", "stack: new\ninclude: ['*.yaml', 'migrated/*.yaml']\n")
    team.write("stores.yaml", "vector_stores:\n  handbook: {name: Handbook}\n")
    prepared = migrate(team.root, dump, "responses", stores={store: "handbook"})
    assert losses(prepared) == {
        "math-tutor": set(),
        "python-master": set(),
        "support-desk": {"tools.code_interpreter.files"},
        "ticket-triage": set(),
    }
    desk = next(each.spec for each in prepared.migration.migrated if each.name == "support-desk")
    assert desk["tools"][0]["file_search"]["vector_store"] == "handbook"
    assert desk["tools"][-1]["function"]["strict"] is False
    assert team.apply().converged
    params = pydantic.TypeAdapter(response_create_params.ResponseCreateParamsNonStreaming)
    for each in prepared.migration.migrated:
        arguments = bundle(each.name, lock=team.root / "retinue.lock.json")
        assert params.validate_python({**arguments, "input": "Hello"}, strict=True)
        assert arguments["model"] == each.spec["model"]
        assert arguments["instructions"] == each.prompt
    assert [each.address.name for each in workflow.read(workflow.Where(team.root, environ={})).declared] == [
        "math-tutor",
        "python-master",
        "support-desk",
        "ticket-triage",
        "handbook",
    ]


@pytest.mark.parametrize("home", ["responses", "assistants-v2"])
def test_files_that_nobody_looks_after_stay_where_they_are(tmp_path: Path, home: str) -> None:
    """Files outlive the Assistants API: a declaration names them by their ids, as it does with vector stores."""
    team = Team(tmp_path)
    team.write("retinue.yaml", "stack: test\ninclude: ['migrated/*.yaml']\n")
    with team.client() as client:
        file_id = client.files.create(file=("prices.csv", b"a,b\n"), purpose="assistants").id
    tools = {"tools": [{"type": "code_interpreter"}], "tool_resources": {"code_interpreter": {"file_ids": [file_id]}}}
    team.send("post", "/assistants", {"model": "gpt-4o", "name": "Desk", **tools})
    prepared = migrate(team.root, json.dumps(team.listed("/assistants")).encode(), home)
    assert losses(prepared) == {"desk": set()}
    (made,) = prepared.migration.migrated
    assert made.spec["tools"] == [{"code_interpreter": {"files": [{"id": file_id}]}}]
    assert team.apply().converged
