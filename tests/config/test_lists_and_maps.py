"""Variables may be lists and maps: what they stand for comes to the same as if it were written out in their place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retinue.cli import main
from retinue.config import Loaded, load
from retinue.config.problems import Diagnostics
from retinue.config.scope import Scope
from retinue.config.source_text import Source
from retinue.config.splices import ROOM_OF_VALUE, Splicer, made_of, of_values
from retinue.config.variables import Variables
from retinue.config.yaml.parser import parse
from retinue.kinds import all_kinds

from .conftest import Files, Load, Write

FUNCTION = "functions:\n  f: {description: d, parameters: %s}\n"


def spec(loaded: Loaded, kind: str = "function") -> dict[str, Any]:
    (found,) = (each for each in loaded.declarations if each.address.kind == kind)
    return dict(found.spec)


def codes(loaded: Loaded) -> list[str]:
    return [each.code for each in loaded.diagnostics if each.code != "unused-declaration"]


def project(**variables: Any) -> str:
    return json.dumps({"stack": "demo", "variables": {name: {"default": each} for name, each in variables.items()}})


# ── the law ───────────────────────────────────────────────────────────────────────────────────────────────────────────

TEXTS = st.text("ab{} .", max_size=6)
VALUES = st.recursive(
    TEXTS | st.integers(-9, 9) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=25)
@given(st.lists(VALUES, max_size=3), st.dictionaries(st.sampled_from("pqr"), VALUES))
def test_a_variable_comes_to_what_is_written_out(
    tmp_path_factory: pytest.TempPathFactory, some: list[Any], table: dict[str, Any]
) -> None:
    """As a whole value, as entries among others, and as a part of a map; by default, from a file and from JSON."""
    whole = {"enum": ["first", *some, "last"], "x-all": some, "x-map": table}
    through = {"enum": ["first", "${{ var.some }}", "last"], "x-all": "${{ var.some }}", "x-map": "${{ var.table }}"}
    for name, each in table.items():
        whole[f"x-{name}"], through[f"x-{name}"] = each, f"${{{{ var.table.{name} }}}}"
    outcomes = []
    for written, how in [(whole, "out"), (through, "default"), (through, "file"), (through, "json")]:
        root = tmp_path_factory.mktemp("p")
        (root / "assistants").mkdir()
        (root / "assistants" / "f.yaml").write_text(FUNCTION % json.dumps(written), encoding="utf-8")
        empty = {"some": {"type": "list"}, "table": {"type": "map"}}
        given_here = {"some": {"default": some}, "table": {"default": table}}
        variables = given_here if how in ("out", "default") else empty
        (root / "retinue.yaml").write_text(json.dumps({"stack": "demo", "variables": variables}), encoding="utf-8")
        options: dict[str, Any] = {}
        if how == "file":
            (root / "vars.json").write_text(json.dumps({"some": some, "table": table}), encoding="utf-8")
            options["var_files"] = [root / "vars.json"]
        if how == "json":
            options["variables"] = {"some": json.dumps(some), "table": json.dumps(table)}
        loaded = load(root, environ={}, kinds=all_kinds(), **options)
        outcomes.append(next(iter(loaded.declarations)).spec["parameters"])
    assert all(each == outcomes[0] for each in outcomes)


# ── what they may be ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_variables_are_made_of_variables(loaded: Load) -> None:
    variables = {
        "one": ["a"],
        "two": ["${{ var.one }}", "b"],
        "deep": {"list": ["${{ var.two }}"], "name": "c"},
        "part": "${{ var.deep.list }}",
    }
    files: Files = {"retinue.yaml": project(**variables)}
    files["assistants/f.yaml"] = FUNCTION % '{enum: ["${{ var.part }}", "${{ var.deep.name }}"]}'
    found = loaded(files)
    assert (codes(found), spec(found)["parameters"]) == ([], {"enum": ["a", "b", "c"]})


def test_a_list_from_the_environment_is_json(loaded: Load) -> None:
    files: Files = {
        "retinue.yaml": "stack: demo\nvariables:\n  topics: {default: '${{ env.TOPICS }}', type: list}\n",
        "assistants/f.yaml": FUNCTION % '{enum: ["${{ var.topics }}", "z"]}',
    }
    found = loaded(files, environ={"TOPICS": '["a", "${{ var.b }}"]'})
    assert (codes(found), spec(found)["parameters"]) == ([], {"enum": ["a", "${{ var.b }}", "z"]})
    assert codes(loaded(files, environ={"TOPICS": "a, b"})) == ["wrong-type"]
    assert codes(loaded(files, environ={"TOPICS": "[" * 9_999})) == ["wrong-type"]
    assert codes(loaded(files, environ={"TOPICS": "[" * 99 + "]" * 99})) == ["wrong-type"]


def test_an_environment_has_lists_of_its_own(loaded: Load) -> None:
    files: Files = {
        "retinue.yaml": "stack: demo\nvariables: {some: [a]}\nenvironments: {prod: {variables: {some: [b, c]}}}\n",
        "assistants/f.yaml": FUNCTION % "{enum: '${{ var.some }}'}",
    }
    assert spec(loaded(files))["parameters"] == {"enum": ["a"]}
    assert spec(loaded(files, environment="prod"))["parameters"] == {"enum": ["b", "c"]}


TOOLS: Files = {
    "retinue.yaml": """\
stack: demo
variables:
  desk:
    default:
      - code_interpreter
      - file_search: {vector_store: kb, max_num_results: 8}
environments: {prod: {}}
""",
    "assistants/a.yaml": """\
assistants:
  a: {model: x, tools: ["${{ var.desk }}", {function: f}]}
functions:
  f: {description: d}
vector_stores:
  kb: {}
""",
}


def test_a_set_of_tools_is_changed_entry_by_entry_by_an_overlay(loaded: Load) -> None:
    overlay = "assistants:\n  a: {tools: {file_search: {max_num_results: 2}, code_interpreter: null}}\n"
    found = loaded({**TOOLS, "environments/prod.yaml": overlay})
    assert spec(found, "assistant")["tools"][0] == "code_interpreter"
    found = loaded({**TOOLS, "environments/prod.yaml": overlay}, environment="prod")
    assert spec(found, "assistant")["tools"] == [
        {"file_search": {"vector_store": "kb", "max_num_results": 2}},
        {"function": "f"},
    ]


def test_a_mistake_in_a_set_is_told_at_its_line(loaded: Load) -> None:
    files = {**TOOLS, "retinue.yaml": str(TOOLS["retinue.yaml"]).replace(": 8}", ": 99}")}
    (found,) = (each for each in loaded(files).diagnostics if each.code == "out-of-range")
    assert (found.position and (found.position.file, found.position.line)) == ("retinue.yaml", 6)


def test_paths_in_a_variable_are_relative_to_the_project(write: Write) -> None:
    """Wherever the value comes from, so that it means the same as a default and in a file."""
    wanted = "vector_stores:\n  s: {files: ['${{ var.files }}']}\n"
    root = write(
        {
            "retinue.yaml": "stack: demo\nvariables: {files: {default: [kb/*.md]}}\n",
            "assistants/a.yaml": wanted,
            "kb/a.md": "A",
            "elsewhere/vars.yaml": "files: [kb/*.md]\n",
            "elsewhere/kb/wrong.md": "A",
        }
    )
    for options in ({}, {"var_files": [root / "elsewhere" / "vars.yaml"]}, {"variables": {"files": '["kb/*.md"]'}}):
        found = load(root, environ={}, kinds=all_kinds(), **options)
        assert [each["path"] for each in spec(found, "vector_store")["files"]] == ["kb/a.md"]


def test_a_file_that_a_variable_takes_in_is_content(loaded: Load) -> None:
    """Although `include` matches it, and it has a section."""
    files: Files = {
        "retinue.yaml": project(kb=["assistants/kb/*.yaml"], prompt={"file": "assistants/kb/b.yaml"}),
        "assistants/a.yaml": "vector_stores:\n  s: {files: ['${{ var.kb }}']}\n"
        "assistants:\n  a: {model: x, instructions: '${{ var.prompt }}'}\n",
        "assistants/kb/a.yaml": "assistants: {b: {model: x}}\n",
        "assistants/kb/b.yaml": "assistants: {c: {model: x}}\n",
    }
    found = loaded(files)
    assert codes(found) == ["content-with-sections", "content-with-sections"]
    assert [str(each.address) for each in found.declarations] == ["vector_store.s", "assistant.a"]


# ── what is a mistake ─────────────────────────────────────────────────────────────────────────────────────────────────

MISTAKES: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "a list in a longer text": ({"v": ["a"]}, "x ${{ var.v }}", "wrong-type", "'var.v' is a list"),
    "a map in a longer text": ({"v": {"k": "a"}}, "x ${{ var.v }}", "wrong-type", "'var.v' is a map"),
    "nothing in a longer text": ({"v": {"k": None}}, "x ${{ var.v.k }}", "wrong-type", "'var.v.k' is empty"),
    "a part that is not there": ({"v": {"key": "a"}}, "${{ var.v.kez }}", "unknown-variable", "there is no 'kez'"),
    "a part of a list": ({"v": ["a"]}, "${{ var.v.x }}", "unknown-variable", "is no map"),
    "a list where a text belongs": ({"v": ["a"]}, "${{ var.v }}", "wrong-type", "'description' is a list"),
    "a circle": ({"v": ["${{ var.v }}"]}, "a", "variable-cycle", "v → v"),
    "a circle of parts": ({"v": {"a": ["${{ var.w }}"]}, "w": ["${{ var.v.a }}"]}, "a", "variable-cycle", "v → w → v"),
    "a value of no list": ({"v": ["${{ with.x }}"]}, "a", "bad-expression", "no values under 'with'"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_told_with_its_place(loaded: Load, case: str) -> None:
    variables, written, code, words = MISTAKES[case]
    files: Files = {"retinue.yaml": project(**variables)}
    files["assistants/f.yaml"] = f"functions:\n  f:\n    description: {json.dumps(written)}\n"
    found = [each for each in loaded(files).diagnostics if each.code != "unused-declaration"]
    assert [each.code for each in found] == [code]
    assert words in found[0].message
    assert found[0].position is not None


def test_a_map_is_written_as_a_default(loaded: Load) -> None:
    (found,) = (
        each for each in loaded({"retinue.yaml": "stack: d\nvariables: {team: {lead: Ann}}\n"}).diagnostics[-1:]
    )
    assert (found.code, found.hint) == ("unknown-field", "write a map as the 'default:' of the variable")


# ── what is hostile ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("form", ["lists", "entries", "maps"])
def test_no_variables_of_variables_grow_without_limit(loaded: Load, form: str) -> None:
    """Forty doublings would come to a million of millions."""
    first: Any = ["a"]
    variables: dict[str, Any] = {"v0": first if form != "maps" else {"a": "b"}}
    for at in range(1, 40):
        inner = f"${{{{ var.v{at - 1} }}}}"
        variables[f"v{at}"] = {
            "lists": [[inner], [inner]],
            "entries": [inner, inner],
            "maps": {"a": inner, "b": inner},
        }[form]
    found = loaded({"retinue.yaml": project(**variables), "assistants/f.yaml": FUNCTION % "{x: '${{ var.v39 }}'}"})
    assert set(codes(found)) & {"too-large", "too-deep"}


def test_nesting_through_variables_has_an_end(loaded: Load) -> None:
    variables: dict[str, Any] = {"v0": ["a"]}
    for at in range(1, 60):
        variables[f"v{at}"] = {"x": {"y": f"${{{{ var.v{at - 1} }}}}"}}
    assert "too-deep" in codes(loaded({"retinue.yaml": project(**variables)}))


def test_what_many_declarations_take_in_has_an_end() -> None:
    """What comes in is taken from the room that there is for all that is filled in."""
    source = Source("a.yaml", "[a, '${{ var.v }}']")
    (document,), _ = parse(source, Diagnostics())
    node = document.tree.node(())
    assert node is not None
    lookup = Variables({}, {}, None, Diagnostics())
    lookup.room = 3 * ROOM_OF_VALUE
    came = made_of(["b", "c"], node)
    for code in ("", "too-large"):
        splicer = Splicer(lambda expression, at: came, found := Diagnostics())
        spliced = splicer.spliced(document.data, node, lookup)
        assert [each.code for each in found.all] == [code][: bool(code)]
        assert (spliced.data if spliced else None) == (None if code else ["a", "b", "c"])


# ── what is secret ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_secret_in_a_list_is_a_secret(loaded: Load) -> None:
    files: Files = {"retinue.yaml": project(keys=["${{ secret.KEY }}"])}
    files["assistants/f.yaml"] = FUNCTION % "{enum: ['${{ var.keys }}']}"
    found = loaded(files, environ={"KEY": "hunter2"})
    assert "secret-in-the-open" in codes(found)
    assert "hunter2" not in repr(found.diagnostics)


def test_what_a_list_has_of_the_environment_is_not_shown_in_messages(loaded: Load) -> None:
    files: Files = {
        "retinue.yaml": "stack: d\nvariables: {tools: {default: '${{ env.TOOLS }}', type: list}}\n",
        "assistants/a.yaml": "assistants:\n  a: {model: x, tools: ['${{ var.tools }}']}\n",
    }
    found = loaded(files, environ={"TOOLS": '["hunter2"]'})
    assert "not-allowed-value" in codes(found)
    assert "hunter2" not in repr(found.diagnostics)


def test_what_a_parameter_has_of_the_environment_is_known_for_what_it_is() -> None:
    """In a list among others, in a map, and in both, by the paths that they have in the outcome."""
    source = Source("a.yaml", "{x: [a, '${{ with.l }}', b], y: '${{ with.m }}', z: '${{ with.open }}'}")
    (document,), _ = parse(source, Diagnostics())
    node = document.tree.node(())
    assert node is not None
    values = {"l": ["k1", {"n": "k2"}], "m": {"p": ["k3"], "q": 4}, "open": ["o"]}
    around = Variables({}, {}, None, Diagnostics())
    scope = Scope(around, {"with": values}, exposed={("with", "l"), ("with", "m")})
    splicer = Splicer(of_values(scope, around.written), Diagnostics())
    spliced = splicer.spliced(document.data, node)
    assert spliced is not None
    assert spliced.data == {"x": ["a", *values["l"], "b"], "y": values["m"], "z": ["o"]}
    assert splicer.secret == {("x", 1), ("x", 2, "n"), ("y", "p", 0)}


def test_explanations_name_the_line_of_each_entry(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    root = write(TOOLS)
    assert main(["render", "-C", str(root), "assistant.a", "--explain"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any("code_interpreter  # retinue.yaml:5" in each for each in lines)
    assert any("max_num_results: 8  # retinue.yaml:6" in each for each in lines)
    assert any("function: f  # assistants/a.yaml:2" in each for each in lines)
