"""An assistant as the arguments of a call: exactly these, accepted by the SDK's types and the published description."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pydantic
import pytest
from jsonschema import Draft202012Validator
from openai.types.responses import response_create_params

from retinue import engine
from retinue.config.schema.project_schema import HOMES
from retinue.kinds import all_kinds
from retinue.kinds._responses import read, render
from retinue.model.canonical import same
from retinue.providers.bundle.lock_file import LOCK
from tests.support.description import ABSENT, find_description
from tests.support.team import Team

ROOT = Path(__file__).parents[2]
RESPONSES = all_kinds()["assistant"].at("responses")


def lock(team: Team) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((team.root / "retinue.lock.json").read_text(encoding="utf-8"))
    return found


def test_the_assistants_of_the_article_are_rendered_exactly(team: Team) -> None:
    team.apply()
    assistants = lock(team)["assistants"]
    container = {"type": "code_interpreter", "container": {"type": "auto"}}
    assert assistants["math-tutor"]["arguments"] == {
        "model": "gpt-4o",
        "instructions": "You are a personal math tutor. Write and run code to answer math questions.",
        "tools": [container],
    }
    assert assistants["python-master"]["arguments"] == {
        "model": "gpt-4o",
        "instructions": "You are a Python Expert. Generate runnable Python code according to messages.",
        "tools": [container],
    }


def test_everything_has_its_place(team: Team) -> None:
    team.apply()
    (store,) = team.listed("/vector_stores")
    (prices,) = (each for each in team.listed("/files") if each["filename"] == "prices.csv")
    entry = lock(team)["assistants"]["desk"]
    assert entry["arguments"] == {
        "model": "gpt-6-luna",
        "instructions": "# Desk\n\nBe kind.",
        "temperature": 0.5,
        "top_p": 0.9,
        "metadata": {"team": "laws"},
        "reasoning": {"effort": "low"},
        "store": False,
        "text": {
            "verbosity": "low",
            "format": {
                "type": "json_schema",
                "name": "answer",
                "strict": False,
                "schema": {"type": "object", "properties": {"b": {}, "a": {}}},
            },
        },
        "tools": [
            {"type": "code_interpreter", "container": {"type": "auto", "file_ids": [prices["id"]]}},
            {
                "type": "file_search",
                "vector_store_ids": [store["id"]],
                "max_num_results": 8,
                "ranking_options": {"ranker": "default-2024-11-15", "score_threshold": 0.2},
            },
            {
                "type": "function",
                "name": "get_weather",
                "description": "Current weather for a city.",
                "strict": False,
                "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
            },
            {
                "type": "function",
                "name": "stop",
                "strict": True,
                "parameters": {"type": "object", "properties": {}, "additionalProperties": False},
            },
            {"type": "web_search"},
        ],
    }
    assert (entry["name"], entry["description"]) == ("Desk", "Uses everything.")
    assert [each["path"] for each in entry["files"].values()] == ["prices.csv"]
    assert list(entry["arguments"]["text"]["format"]["schema"]["properties"]) == ["b", "a"]  # models answer in order


def test_the_types_of_the_sdk_take_the_arguments(team: Team) -> None:
    team.apply()
    params = pydantic.TypeAdapter(response_create_params.ResponseCreateParamsNonStreaming)
    for entry in lock(team)["assistants"].values():
        arguments = {**entry["arguments"], "input": "Hello"}
        taken: Any = params.validate_python(arguments, strict=True)
        assert set(taken) == set(arguments)


@pytest.mark.skipif(find_description() is None, reason=ABSENT)
def test_the_published_description_takes_the_arguments(team: Team) -> None:
    team.apply()
    description = find_description()
    assert description is not None
    for entry in lock(team)["assistants"].values():
        assert description.check_request("POST", "/responses", {**entry["arguments"], "input": "Hello"}) == []


def test_the_example_stack_can_be_rendered(tmp_path: Path) -> None:
    """The two assistants of the article and the support desk, with every tool and an answer in JSON."""
    for name in ("assistants", "retinue.yaml"):
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    with engine.open_session(engine.Where(tmp_path, "responses", environ={})) as session:
        assert engine.apply(session, engine.plan(session)).converged
    document = json.loads((tmp_path / "retinue.lock.responses.json").read_text(encoding="utf-8"))
    Draft202012Validator(LOCK).validate(document)
    assert set(document["assistants"]) == {"math-tutor", "python-master", "support-desk", "ticket-triage"}
    params = pydantic.TypeAdapter(response_create_params.ResponseCreateParamsNonStreaming)
    for entry in document["assistants"].values():
        arguments = {**entry["arguments"], "input": "Hello"}
        params.validate_python(arguments, strict=True)
        description = find_description()
        assert description is None or description.check_request("POST", "/responses", arguments) == []


def test_the_lock_file_is_what_its_schema_says(team: Team) -> None:
    team.apply()
    Draft202012Validator.check_schema(LOCK)
    Draft202012Validator(LOCK).validate(lock(team))


def test_reading_is_the_inverse_of_rendering(team: Team) -> None:
    team.apply()
    for entry in lock(team)["assistants"].values():
        assert render(read(entry["arguments"])) == entry["arguments"]
    for each in engine.read(engine.Where(team.root, environ={})).declared:
        if each.home:
            spec = {name: value for name, value in each.spec.items() if name not in ("file_ids", "vector_store_ids")}
            back = RESPONSES.read({**read(render(RESPONSES.write(spec))), "name": spec.get("name")})
            changed = {name for name, value in spec.items() if not same(back[name], value)}
            assert changed <= {"description"}  # which stands beside the arguments


@pytest.mark.parametrize(
    "arguments",
    [
        {"model": "m", "background": True},
        {"model": "m", "reasoning": {"effort": "low", "summary": "auto"}},
        {"model": "m", "tools": [{"type": "code_interpreter", "container": "cntr_1"}]},
        {"model": "m", "tools": [{"type": "code_interpreter", "container": {"type": "auto", "memory_limit": "4g"}}]},
        {"model": "m", "tools": [{"type": "file_search", "vector_store_ids": ["vs_1"], "filters": {"type": "eq"}}]},
        {"model": "m", "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}, "later": 1}]},
        {"model": "m", "tools": [{"type": "mcp", "server_label": "x"}]},
    ],
    ids=json.dumps,
)
def test_what_there_is_no_field_for_is_kept_as_extra(arguments: dict[str, Any]) -> None:
    """So that it is compared, shown and, where it was declared, rendered again."""
    assert read(arguments)["extra"]
    assert RESPONSES.read(read(render(read(arguments)))) == RESPONSES.read(read(arguments))


def test_the_project_can_choose_every_home_there_is() -> None:
    homes = {home for kind in all_kinds().values() if kind.homes for home in (kind.home, *kind.homes)}
    assert set(HOMES) == homes


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("extra: {model: x}", "'model' cannot be given as extra"),
        ("extra: {input: x}", "'input' cannot be given as extra"),
        ("extra: {tools: [code_interpreter]}", "extra tools must be a list"),
        ("extra: {tools: [{type: file_search}]}", "extra tools must be a list"),
        ("extra: {tools.file_search: {filters: {}}}", "there is no tool 'file_search'"),
        ("extra: {text: {format: {type: text}}}", "'text.format' is the field 'response_format'"),
        ("extra: {tools.code_interpreter: {container: {type: auto}}}", "'extra' says again"),
        ("tools: [file_search]", "file_search needs a 'vector_store'"),
        ("response_format: {type: json_schema, json_schema: {name: a}}", "a json_schema needs a 'schema'"),
    ],
)
def test_what_the_api_would_refuse_is_found_offline(team: Team, lines: str, message: str) -> None:
    tools = "" if lines.startswith("tools") else "    tools: [code_interpreter]\n"
    team.write("team.yaml", f"assistants:\n  a:\n    model: m\n{tools}    {lines}\n")
    reading, found = engine.check(engine.Where(team.root, environ={}))
    assert reading is None
    (mistake,) = found
    assert message in mistake.message
    assert mistake.position is not None


def test_a_ranker_goes_by_either_name(team: Team) -> None:
    team.apply()
    text = (team.root / "team.yaml").read_text(encoding="utf-8")
    team.write("team.yaml", text.replace("default_2024_08_21", "default-2024-11-15"))
    assert team.plan().empty
    team.write("retinue.yaml", "stack: test\ninclude: ['team.yaml']\n")
    _, found = engine.check(engine.Where(team.root, environ={}))
    assert "is called 'default_2024_08_21' with 'api: assistants-v2'" in " ".join(each.message for each in found)


def test_arguments_may_also_be_further_fields(team: Team) -> None:
    """Which home takes what is not for Retinue to know: it is passed on."""
    team.write("team.yaml", "assistants:\n  a: {model: m, api: assistants-v2, extra: {store: false}}\n")
    reading, found = engine.check(engine.Where(team.root, environ={}))
    assert found == ()
    assert reading is not None
    assert reading.declared[0].spec["extra"] == {"store": False}
