"""What an environment changes, and where each value of the outcome was written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any

import pytest

from retinue.config import Loaded
from retinue.config.explain import explained, written
from retinue.config.yaml.writer import write_yaml
from retinue.kinds import all_kinds
from retinue.model.declared import Declared
from retinue.model.values import Path, Secret
from retinue.planning.resolve import resolve
from tests.config.conftest import Files, Load

BASE = """\
assistants:
  tutor:
    model: gpt-4o
    temperature: 0.5
    instructions: {file: prompt.md, render: true}
    tools:
      - code_interpreter
      - file_search: {vector_store: handbook, max_num_results: 8}
      - function: get_weather
    metadata: {team: education, tier: free}
    response_format: {type: json_schema, json_schema: {name: answer, schema: {type: object}}}
functions:
  get_weather: {description: Weather.}
vector_stores:
  handbook:
    files:
      - notes.md
      - {path: more.md, attributes: {year: 2025, public: true}}
"""
FILES: Files = {
    "assistants/tutor.yaml": BASE,
    "assistants/prompt.md": "Help.",
    "assistants/notes.md": "Notes.",
    "assistants/more.md": "More.",
}
TUTOR = "assistants:\n  tutor:\n    "


def declared(loaded: Loaded) -> dict[str, Declared]:
    assert loaded.project is not None
    resolved = resolve(loaded.declarations, all_kinds(), complete=loaded.complete)
    assert [each.message for each in (*loaded.diagnostics, *resolved.diagnostics) if each.severity == "error"] == []
    return {str(each.address): each for each in resolved.declared}


def changed(loaded: Load, overlay: str, **files: str) -> dict[str, Declared]:
    more = {"environments/production.yaml": overlay, **files}
    return declared(loaded({**FILES, **more}, environment="production"))


@pytest.mark.parametrize(
    ("overlay", "field", "value", "path", "place"),
    [
        ("model: gpt-6-luna", "model", "gpt-6-luna", ("model",), "environments/production.yaml:3"),
        ("name: Tutor", "model", "gpt-4o", ("model",), "assistants/tutor.yaml:3"),
        (
            "metadata: {tier: paid}",
            "metadata",
            {"team": "education", "tier": "paid"},
            ("metadata", "tier"),
            "environments/production.yaml:3",
        ),
        (
            "metadata: {tier: paid}",
            "metadata",
            {"team": "education", "tier": "paid"},
            ("metadata", "team"),
            "assistants/tutor.yaml:10",
        ),
        ("metadata: {tier: null}", "metadata", {"team": "education"}, ("metadata",), "assistants/tutor.yaml:10"),
        ("instructions: Short.", "instructions", "Short.", ("instructions",), "environments/production.yaml:3"),
        # What names a file is one value: `render` of the other file is not kept.
        (
            "instructions: {file: own.md}",
            "instructions",
            "Own ${{ x }}.",
            ("instructions",),
            "environments/production.yaml:3",
        ),
        # Another type is another thing: the schema of the old one does not stay behind.
        (
            "response_format: {type: text}",
            "response_format",
            {"type": "text"},
            ("response_format", "type"),
            "environments/production.yaml:3",
        ),
        (
            "response_format: {json_schema: {name: other}}",
            "response_format",
            {"type": "json_schema", "json_schema": {"name": "other", "schema": {"type": "object"}}},
            ("response_format", "json_schema", "name"),
            "environments/production.yaml:3",
        ),
        (
            "tools: {'*': null, code_interpreter: {}}",
            "tools",
            {"code_interpreter": {}},
            ("tools", "code_interpreter"),
            "environments/production.yaml:3",
        ),
        (
            "tools: [code_interpreter, file_search: {max_num_results: 3}]",
            "tools",
            {
                "code_interpreter": {},
                "file_search": {"max_num_results": 3},
                "function/get_weather": {"description": "Weather."},
            },
            ("tools", "file_search", "max_num_results"),
            "environments/production.yaml:3",
        ),
    ],
)
def test_maps_merge_lists_with_identity_add_up_and_everything_else_replaces(
    loaded: Load, overlay: str, field: str, value: Any, path: Path, place: str
) -> None:
    tutor = changed(loaded, TUTOR + overlay, **{"environments/own.md": "Own ${{ x }}."})["assistant.tutor"]
    assert tutor.spec[field] == value
    assert str(tutor.position(path)) == place


def test_null_removes_a_field_and_a_declaration(loaded: Load) -> None:
    overlay = f"{TUTOR}temperature: null\n    tools: null\nvector_stores: {{handbook: null}}\n"
    found = changed(loaded, overlay)
    assert set(found) == {"assistant.tutor"}
    assert not {"temperature", "tools", "vector_store_ids"} & set(found["assistant.tutor"].spec)


def test_an_environment_may_declare_what_others_do_not_have(loaded: Load) -> None:
    found = changed(loaded, "assistants:\n  canary:\n    model: gpt-4o\n    name: Canary\n")
    assert found["assistant.canary"].spec == {"model": "gpt-4o", "name": "Canary"}
    assert str(found["assistant.canary"].position()) == "environments/production.yaml:2"
    assert "assistant.canary" not in declared(loaded(FILES))


def test_tools_written_as_a_map_merge_by_identity(loaded: Load) -> None:
    overlay = """tools:
      file_search: {max_num_results: 20}
      code_interpreter: {files: [data.csv]}
      function/get_weather: null
      function/get_time: {description: Time.}
      function/get_date: {}
functions:
  get_weather: null
  get_date: {description: Date.}
"""
    tutor = changed(loaded, TUTOR + overlay, **{"environments/data.csv": "1\n"})["assistant.tutor"]
    assert tutor.spec["tools"] == {
        "code_interpreter": {},
        "file_search": {"max_num_results": 20},
        "function/get_time": {"description": "Time."},
        "function/get_date": {"description": "Date."},
    }
    assert list(tutor.spec["file_ids"]) == ["environments/data.csv"]
    assert str(tutor.position(("tools", "file_search", "max_num_results"))) == "environments/production.yaml:4"
    assert str(tutor.position(("vector_store_ids",))) == "assistants/tutor.yaml:8"
    assert str(tutor.position(("file_ids", "environments/data.csv"))) == "environments/production.yaml:5"
    assert str(tutor.position(("tools", "function/get_time", "description"))) == "environments/production.yaml:7"
    assert str(tutor.position(("tools", "function/get_date", "description"))) == "environments/production.yaml:11"


def test_files_written_as_a_map_merge_by_path(loaded: Load) -> None:
    overlay = """vector_stores:
  handbook:
    files:
      notes.md: {attributes: {year: 2026}}
      more.md: {attributes: {public: null}}
      own.md: {}
"""
    store = changed(loaded, overlay, **{"environments/own.md": "Own."})["vector_store.handbook"]
    attributes = {path: entry["attributes"] for path, entry in store.spec["files"].items()}
    assert attributes == {
        "assistants/notes.md": {"year": 2026},
        "assistants/more.md": {"year": 2025},
        "environments/own.md": {},
    }
    assert str(store.position(("files", "environments/own.md"))) == "environments/production.yaml:6"


def test_order_in_the_base_is_kept_so_that_a_map_of_nothing_changes_nothing(loaded: Load) -> None:
    without = declared(loaded(FILES))
    for overlay in (f"{TUTOR}tools: {{}}\n", f"{TUTOR}tools: {{code_interpreter: {{}}}}\n", f"{TUTOR}metadata: {{}}\n"):
        found = changed(loaded, overlay)
        assert {name: each.spec for name, each in found.items()} == {name: each.spec for name, each in without.items()}


def test_an_overlay_may_stand_in_the_project_file_and_the_two_add_up(loaded: Load) -> None:
    project = "stack: demo\nenvironments:\n  production:\n    assistants:\n      tutor: {model: gpt-6-luna}\n"
    overlay = "vector_stores:\n  handbook: {name: Handbook}\n"
    found = changed(loaded, overlay, **{"retinue.yaml": project})
    assert found["assistant.tutor"].spec["model"] == "gpt-6-luna"
    assert str(found["assistant.tutor"].position(("model",))) == "retinue.yaml:5"
    assert found["vector_store.handbook"].spec["name"] == "Handbook"


def test_overlays_are_no_declarations_and_variables_are_filled_in_them(loaded: Load) -> None:
    project = "stack: demo\ninclude: ['**/*.yaml']\nvariables: {model: gpt-4o}\nenvironments: {production: }\n"
    files = {**FILES, "retinue.yaml": project, "environments/production.yaml": f"{TUTOR}model: ${{{{ var.model }}}}-x"}
    assert declared(loaded(files))["assistant.tutor"].spec["model"] == "gpt-4o"
    assert declared(loaded(files, environment="production"))["assistant.tutor"].spec["model"] == "gpt-4o-x"


def test_merge_keys_and_aliases_are_merged_like_what_they_stand_for(loaded: Load) -> None:
    base = BASE.replace("metadata: {team: education, tier: free}", "metadata: {<<: *meta}") + "x-meta: {}\n"
    base = "x-base: &meta {team: education, tier: free}\n" + base
    overlay = "x-more: &more {tier: paid}\n" + TUTOR + "metadata: {<<: *more}\n"
    tutor = changed(loaded, overlay, **{"assistants/tutor.yaml": base})["assistant.tutor"]
    assert tutor.spec["metadata"] == {"team": "education", "tier": "paid"}
    assert str(tutor.position(("metadata", "team"))) == "assistants/tutor.yaml:1"
    assert str(tutor.position(("metadata", "tier"))) == "environments/production.yaml:1"


@pytest.mark.parametrize(
    ("options", "model"),
    [
        ({}, "default"),
        ({"environment": "production"}, "environment"),
        ({"environment": "production", "var_files": ["one.yaml"]}, "one"),
        ({"environment": "production", "var_files": ["one.yaml", "two.json"]}, "two"),
        ({"environment": "production", "var_files": ["two.json", "one.yaml"]}, "one"),
        ({"environment": "production", "var_files": ["one.yaml"], "variables": {"model": "given"}}, "given"),
    ],
)
def test_the_nearest_to_the_command_sets_a_variable(
    loaded: Load, tmp_path: FilePath, options: dict[str, Any], model: str
) -> None:
    (tmp_path / "one.yaml").write_text("model: one\n", encoding="utf-8")
    (tmp_path / "two.json").write_text('{"model": "two"}', encoding="utf-8")
    project = (
        "stack: demo\nvariables: {model: default}\nenvironments: {production: {variables: {model: environment}}}\n"
    )
    files = {"retinue.yaml": project, "assistants/a.yaml": "assistants: {a: {model: '${{ var.model }}'}}\n"}
    options["var_files"] = [tmp_path / name for name in options.get("var_files", ())]
    assert declared(loaded(files, **options))["assistant.a"].spec == {"model": model}


def test_a_secret_is_printed_as_it_was_written(loaded: Load) -> None:
    text = "assistants:\n  a: {model: m, name: '${{ secret.KEY }}', instructions: [Do., {file: p.md, render: true}]}\n"
    files = {"assistants/a.yaml": text, "assistants/p.md": "${{ env.KEY }}"}
    [declaration] = loaded(files, environ={"KEY": "hunter2"}).declarations
    # A declaration with a secret in such a place is refused, and nothing of it is kept.
    assert declaration.broken
    assert declaration.spec == {}
    spec = {"model": "m", "name": Secret("hunter2"), "instructions": Secret("Do.\n\nhunter2")}
    hidden = replace(declaration, spec=spec)
    data = written(hidden, all_kinds()["assistant"])
    assert write_yaml(data) == (
        'model: m\nname: "${{ secret.KEY }}"\ninstructions:\n  - Do.\n  - file: assistants/p.md\n    render: true\n'
    )
    assert "hunter2" not in write_yaml({"a": explained(hidden, all_kinds()["assistant"], loaded(files).variables)})
