"""Defaults, templates and matrices: what wins, what adds up, what there is of many, and where it was written."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinue.config import Loaded
from retinue.config.composition.covering import covering
from retinue.config.composition.matrix import combinations
from retinue.config.composition.merging import Merger, Part
from retinue.config.explain import explained, sources, written
from retinue.config.problems import Diagnostics
from retinue.config.source_text import Source
from retinue.config.yaml.parser import parse_file
from retinue.config.yaml.writer import write_yaml
from retinue.kinds import all_kinds
from retinue.kinds.kind import Kind
from retinue.model.canonical import canonical_json
from retinue.model.declared import Declaration, Declared
from retinue.planning.resolve import resolve
from retinue.session import check_loaded
from tests.config.conftest import Files, Load

KINDS = all_kinds()
ASSISTANT = KINDS["assistant"]


def declared(loaded: Loaded) -> dict[str, Declared]:
    resolved = resolve(loaded.declarations, KINDS, complete=loaded.complete)
    assert [each.message for each in (*loaded.diagnostics, *resolved.diagnostics) if each.severity == "error"] == []
    return {str(each.address): each for each in resolved.declared}


def warnings(loaded: Loaded) -> list[tuple[str, str]]:
    return [(each.code, str(each.position)) for each in loaded.diagnostics]


# ── what wins ─────────────────────────────────────────────────────────────────────────────────────────────────────────

LAYERS: Files = {
    "retinue.yaml": """\
stack: demo
environments: {production: {defaults: {assistants: {top_p: 0.2}}, assistants: {here: {description: overlay}}}}
defaults:
  assistants: {model: project, name: project, description: project, top_p: 0.1, metadata: {a: project, b: project}}
templates:
  first: {description: first, instructions: first, reasoning_effort: low, metadata: {d: first}}
  second: {extends: zeroth, instructions: second, metadata: {e: second}}
  zeroth: {instructions: zeroth, metadata: {f: zeroth}, reasoning_effort: high}
""",
    "assistants/defaults.yaml": "defaults: {assistants: {name: folder, metadata: {b: folder, c: folder}}}\n",
    "assistants/near/a.yaml": """\
defaults:
  assistants: {metadata: {c: near}}
assistants:
  here: {extends: [first, second], metadata: {f: own, a: null}}
""",
    "assistants/b.yaml": "assistants: {there: {}}\n",
}


def test_the_nearest_wins_and_each_value_is_where_it_was_written(loaded: Load) -> None:
    found = declared(loaded(LAYERS, environment="production"))
    here, there = found["assistant.here"], found["assistant.there"]
    assert here.spec == {
        "model": "project",
        "name": "folder",
        "description": "overlay",
        "top_p": 0.2,
        "instructions": "second",
        "reasoning_effort": "high",
        "metadata": {"b": "folder", "c": "near", "d": "first", "e": "second", "f": "own"},
    }
    assert there.spec == {
        "model": "project",
        "name": "folder",
        "description": "project",
        "top_p": 0.2,
        "metadata": {"a": "project", "b": "folder", "c": "folder"},
    }
    assert str(here.position()) == "assistants/near/a.yaml:4"
    assert str(there.position()) == "assistants/b.yaml:1"
    places = {field: str(here.position((field,))) for field in here.spec if field != "metadata"}
    assert places == {
        "model": "retinue.yaml:4",
        "name": "assistants/defaults.yaml:1",
        "description": "retinue.yaml:2",
        "top_p": "retinue.yaml:2",
        "instructions": "retinue.yaml:7",
        "reasoning_effort": "retinue.yaml:8",
    }
    inner = {key: str(here.position(("metadata", key))) for key in here.spec["metadata"]}
    assert inner == {
        "b": "assistants/defaults.yaml:1",
        "c": "assistants/near/a.yaml:2",
        "d": "retinue.yaml:6",
        "e": "retinue.yaml:7",
        "f": "assistants/near/a.yaml:4",
    }


def test_without_an_environment_nothing_of_it_is_there(loaded: Load) -> None:
    found = declared(loaded(LAYERS))
    assert found["assistant.there"].spec["top_p"] == 0.1
    assert found["assistant.here"].spec["description"] == "first"


def test_what_several_templates_extend_is_laid_down_once_and_first(loaded: Load) -> None:
    templates = """
        templates:
          bottom: {name: bottom, description: bottom}
          left: {extends: bottom, name: left}
          right: {extends: bottom}
        assistants: {a: {model: x, extends: [left, right]}}
    """
    found = declared(loaded({"assistants/a.yaml": templates}))
    assert found["assistant.a"].spec == {"model": "x", "name": "left", "description": "bottom"}


TOOLS = """\
templates:
  assistants:
    base:
      tools:
        - code_interpreter: {files: [data.csv]}
        - file_search: {vector_store: kb, max_num_results: 8}
        - function: get_weather
vector_stores: {kb: {}}
functions: {get_weather: {description: W.}, get_time: {description: T.}}
assistants:
  a:
    model: x
    extends: base
    tools: """
WEATHER = {"function/get_weather"}


@pytest.mark.parametrize(
    ("own", "tools"),
    [
        ("[]", {"code_interpreter", "file_search", "function/get_weather"}),
        ("[code_interpreter, function: get_time]", {"code_interpreter", "file_search", *WEATHER, "function/get_time"}),
        ("{file_search: null}", {"code_interpreter", "function/get_weather"}),
        ('{"*": null}', set()),
        ('{function/get_time: {}, "*": null}', {"function/get_time"}),
        ("null", set()),
    ],
)  # fmt: skip
def test_lists_with_identity_add_up(loaded: Load, own: str, tools: set[str]) -> None:
    found = declared(loaded({"assistants/a.yaml": f"{TOOLS}{own}\n", "assistants/data.csv": "1\n"}))
    assert set(found["assistant.a"].spec.get("tools", {})) == tools


def test_an_entry_of_the_same_identity_merges_its_options(loaded: Load) -> None:
    own = "[{code_interpreter: {files: [more.csv]}}, {file_search: {max_num_results: 3}}]\n"
    files = {"assistants/a.yaml": TOOLS + own, "assistants/data.csv": "1\n", "assistants/more.csv": "2\n"}
    a = declared(loaded(files))["assistant.a"]
    assert a.spec["tools"]["file_search"] == {"max_num_results": 3}
    assert a.spec["vector_store_ids"]
    assert list(a.spec["file_ids"]) == ["assistants/data.csv", "assistants/more.csv"]
    assert str(a.position(("tools", "file_search", "max_num_results"))) == "assistants/a.yaml:14"
    assert str(a.position(("vector_store_ids",))) == "assistants/a.yaml:6"


def test_a_declaration_may_write_such_a_list_as_a_map(loaded: Load) -> None:
    text = "assistants: {a: {model: x, tools: {code_interpreter: {}, file_search: {max_num_results: 3}}}}\n"
    found = declared(loaded({"assistants/a.yaml": text}))
    assert found["assistant.a"].spec["tools"] == {"code_interpreter": {}, "file_search": {"max_num_results": 3}}


def test_null_inside_of_what_is_the_authors_own_is_a_value(loaded: Load) -> None:
    text = """
        defaults: {functions: {strict: false}}
        assistants: {a: {model: x, tools: [{function: f}]}}
        functions: {f: {description: F., parameters: {type: object, properties: {n: {default: null}}}}}
    """
    found = loaded({"assistants/a.yaml": text})
    function = next(each for each in found.declarations if each.address.kind == "function")
    assert function.spec["parameters"]["properties"] == {"n": {"default": None}}
    assert function.spec["strict"] is False


def test_what_is_not_enabled_is_not_there_and_need_not_make_sense(loaded: Load) -> None:
    text = """
        assistants:
          a: {model: x, enabled: "${{ var.on }}"}
          b: {model: 3, name: "${{ var.nothing }}", enabled: false}
    """
    project = "stack: demo\nvariables: {on: true}\nenvironments: {production: {variables: {on: false}}}\n"
    files = {"retinue.yaml": project, "assistants/a.yaml": text}
    assert set(declared(loaded(files))) == {"assistant.a"}
    assert set(declared(loaded(files, environment="production"))) == set()


def test_an_overlay_may_say_what_a_declaration_is_made_of(loaded: Load) -> None:
    files = {
        "assistants/a.yaml": """
            templates: {one: {name: one}, two: {name: two}}
            assistants: {a: {model: x, extends: one}}
        """,
        "environments/production.yaml": """
            templates: {two: {description: more}}
            assistants: {a: {extends: two}, b: {model: x, extends: two}}
        """,
    }
    found = declared(loaded(files, environment="production"))
    assert found["assistant.a"].spec == {"model": "x", "name": "two", "description": "more"}
    assert found["assistant.b"].spec == {"model": "x", "name": "two", "description": "more"}
    assert declared(loaded(files))["assistant.a"].spec == {"model": "x", "name": "one"}


@pytest.mark.parametrize("project", ["stack: demo\n", "stack: demo\ndefaults: {assistants: {model: x}}\n"])
def test_what_defaults_give_does_not_make_a_misspelt_overlay_a_declaration(loaded: Load, project: str) -> None:
    files: Files = {
        "retinue.yaml": project,
        "assistants/a.yaml": "defaults: {assistants: {model: x}}\nassistants: {tutor: {}}\n",
        "environments/production.yaml": "assistants: {tuttor: {temperature: 0}}\n",
    }
    [told] = loaded(files, environment="production").diagnostics
    assert told.code == "nothing-to-change"
    assert str(told.hint).startswith("did you mean 'tutor'?")


def test_an_environment_may_declare_many_and_what_they_are_made_of_is_used(loaded: Load) -> None:
    files: Files = {
        "assistants/a.yaml": "templates: {t: {model: x}}\n",
        "environments/production.yaml": "assistants: {bot: {extends: t, matrix: {n: [1, 2]}}, bot-1: {name: One}}\n",
        "environments/staging.yaml": "{}\n",
    }
    found = declared(loaded(files, environment="production"))
    assert {name: each.spec.get("name") for name, each in found.items()} == {
        "assistant.bot-1": "One",
        "assistant.bot-2": None,
    }
    for environment in ("production", "staging"):
        assert "unused-declaration" not in [each.code for each in loaded(files, environment=environment).diagnostics]
        assert "similar-name" not in [each.code for each in loaded(files, environment=environment).diagnostics]


def test_what_goes_too_deep_is_refused(loaded: Load) -> None:
    templates = "".join(f"  t{each}: {{extends: t{each + 1}}}\n" for each in range(1100))
    values = ", ".join(f"v{each}: '${{{{ with.v{each + 1}}}}}'" for each in range(1100))
    text = f"templates:\n{templates}  t1100: {{model: x}}\nassistants:\n  a: {{extends: t0}}\n"
    text += f"  b: {{model: x, name: '${{{{ with.v0 }}}}', with: {{{values}, v1100: x}}}}\n"
    found = loaded({"assistants/a.yaml": text}).diagnostics
    assert {each.code for each in found if each.severity == "error"} == {"too-deep"}


# ── parameters ────────────────────────────────────────────────────────────────────────────────────────────────────────

GREETERS: Files = {
    "assistants/a.yaml": """\
templates:
  greeter:
    with: {language: English, greeting: "Hello in ${{ with.language }}"}
    model: x
    instructions: {file: greet.md, render: true}
assistants:
  plain: {extends: greeter}
  german: {extends: greeter, with: {language: German}}
""",
    "assistants/greet.md": "${{ with.greeting }}, says ${{ self.name }}.",
}


def test_parameters_have_defaults_and_are_made_of_one_another(loaded: Load) -> None:
    found = loaded(GREETERS)
    texts = {each.address.name: each.spec["instructions"] for each in found.declarations}
    assert texts == {
        "plain": "Hello in English, says plain.",
        "german": "Hello in German, says german.",
    }
    assert warnings(found) == []


def test_what_nothing_reads_or_extends_is_told(loaded: Load) -> None:
    text = "templates: {t: {model: x}, u: {model: y}}\nassistants: {a: {extends: t, with: {tone: calm}}}\n"
    found = loaded({"assistants/a.yaml": text})
    assert warnings(found) == [("unused-declaration", "assistants/a.yaml:1"), ("unread-value", "assistants/a.yaml:2")]


def test_a_secret_stays_one_through_a_parameter(loaded: Load) -> None:
    text = "assistants: {a: {model: x, name: '${{ with.key }}', with: {key: '${{ secret.KEY }}'}}}\n"
    found = loaded({"assistants/a.yaml": text}, environ={"KEY": "hunter2"})
    assert [each.code for each in found.diagnostics] == ["secret-in-the-open"]
    assert found.declarations[0].spec == {}


# ── matrices ──────────────────────────────────────────────────────────────────────────────────────────────────────────

MANY = """\
assistants:
  "${{ matrix.topic }}-${{ matrix.language.code }}":
    model: x
    name: ${{ matrix.topic }} in ${{ matrix.language.name }}
    labels: {topic: "${{ matrix.topic }}"}
    matrix:
      topic: [billing, returns]
      language:
        - {code: de, name: German}
        - {code: fr, name: French}
      exclude: [{topic: returns, language: {code: fr}}]
"""


def test_each_of_many_has_its_own_address_labels_overlay_and_values(loaded: Load) -> None:
    overlay = "assistants: {billing-fr: {name: Facturation}, returns-de: null}\n"
    files = {"assistants/a.yaml": MANY, "environments/production.yaml": overlay}
    found = loaded(files, environment="production")
    assert {each.address.name: (each.spec["name"], dict(each.labels)) for each in found.declarations} == {
        "billing-de": ("billing in German", {"topic": "billing"}),
        "billing-fr": ("Facturation", {"topic": "billing"}),
    }
    assert set(declared(loaded(files))) == {"assistant.billing-de", "assistant.billing-fr", "assistant.returns-de"}


def test_every_value_of_one_of_many_is_placed(loaded: Load) -> None:
    found = loaded({"assistants/a.yaml": MANY})
    [german] = [each for each in found.declarations if each.address.name == "billing-de"]
    assert write_yaml({"billing-de": explained(german, ASSISTANT, found.variables)}) == (
        "billing-de:  # assistants/a.yaml:2\n"
        "  model: x  # assistants/a.yaml:3\n"
        "  name: billing in German  # assistants/a.yaml:4, matrix.topic from assistants/a.yaml:7, "
        "matrix.language.name from assistants/a.yaml:9\n"
        "  labels:\n"
        "    topic: billing  # assistants/a.yaml:5, matrix.topic from assistants/a.yaml:7\n"
    )


def test_a_mistake_of_many_is_told_once(loaded: Load) -> None:
    text = "assistants: {a: {model: x, temperature: hot, matrix: {n: [1, 2, 3]}}}\n"
    [told] = loaded({"assistants/a.yaml": text}).diagnostics
    assert told.message == "'temperature' is a string, but a number is expected (and in 2 others of its matrix)"


def test_a_mistake_in_what_many_are_made_of_is_told_once(loaded: Load) -> None:
    text = "defaults: {assistants: {temperature: hot}}\nassistants: {a: {model: x}, b: {model: x}}\n"
    _, found = check_loaded(loaded({"assistants/a.yaml": text}))
    assert [str(each.position) for each in found] == ["assistants/a.yaml:1"]


def test_an_environment_may_change_a_matrix(loaded: Load) -> None:
    overlay = """
        assistants:
          "${{ matrix.topic }}-${{ matrix.language.code }}": {matrix: {topic: [vip], exclude: null}}
          vip-fr: {name: Other}
    """
    found = declared(
        loaded({"assistants/a.yaml": MANY, "environments/production.yaml": overlay}, environment="production")
    )
    assert {name: each.spec["name"] for name, each in found.items()} == {
        "assistant.vip-de": "vip in German",
        "assistant.vip-fr": "Other",
    }


SCALARS = st.sampled_from(["a", "b", 1, 2, True, False])
AXES = st.dictionaries(st.sampled_from(["x", "y", "z"]), st.lists(SCALARS, min_size=1, max_size=3, unique_by=repr))


def entries(axes: Mapping[str, Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Parts of combinations, of values that there are and of others."""
    part = st.dictionaries(st.sampled_from([*axes, "more"]), SCALARS, min_size=1)
    return st.lists(part, max_size=3)


@given(st.data())
def test_a_matrix_has_exactly_the_product_less_exclusions_and_inclusions(data: st.DataObject) -> None:
    axes = data.draw(AXES)
    exclude = [{key: value for key, value in each.items() if key in axes} for each in data.draw(entries(axes))]
    exclude = [each for each in exclude if each]
    include = data.draw(entries(axes))
    found, _ = combinations({**axes, "exclude": exclude, "include": include})
    product = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())] if axes else []
    left = [each for each in product if not any(typed(part) <= typed(each) for part in exclude)]
    own = [each for each in include if not any(fits(each, one, axes) for one in left)]
    assert [{key: each.values[key] for key in axes} for each in found[: len(left)]] == left
    assert [each.values for each in found[len(left) :]] == own
    for each in found:
        assert set(each.places) == set(each.values)


def typed(values: Mapping[str, Any]) -> set[tuple[str, str]]:
    """The values with their types: 1 is not true."""
    return {(key, repr(value)) for key, value in values.items()}


def fits(entry: Mapping[str, Any], combination: Mapping[str, Any], axes: Mapping[str, Any]) -> bool:
    return all(repr(combination[key]) == repr(value) for key, value in entry.items() if key in axes)


# ── laws of merging ───────────────────────────────────────────────────────────────────────────────────────────────────

TEXTS = st.sampled_from(["a", "b", "c"])
OPTIONS = st.fixed_dictionaries({}, optional={"max_num_results": st.integers(1, 9), "vector_store": TEXTS})
TOOL = (
    st.just("code_interpreter")
    | OPTIONS.map(lambda options: {"file_search": options})
    | TEXTS.map(lambda name: {"function": {"name": name}})
)
FIELDS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "name": TEXTS,
        "temperature": st.floats(0, 1),
        "metadata": st.dictionaries(TEXTS, TEXTS),
        "lifecycle": st.fixed_dictionaries({}, optional={"protect": st.booleans()}),
        "labels": st.dictionaries(TEXTS, TEXTS),
        "tools": st.lists(TOOL, max_size=4, unique_by=lambda tool: ASSISTANT.keyed[0].key(tool)),
    },
)


def part(data: Any, kind: Kind = ASSISTANT) -> Part:
    [document], _ = parse_file(Source("a.json", json.dumps(data)), Diagnostics())
    node = document.tree.node(())
    assert node is not None
    return Part(document.data, node)


def merged(*layers: Any) -> Any:
    merger, found = Merger(ASSISTANT, Diagnostics()), None
    for each in layers:
        found = merger.merged(found, each if isinstance(each, Part) else part(each))
    assert found is not None
    return found


@given(FIELDS, FIELDS, FIELDS)
def test_merging_is_associative_where_nothing_is_taken_out(one: Any, two: Any, three: Any) -> None:
    assert merged(merged(one, two), three).data == merged(one, merged(two, three)).data


@given(FIELDS, FIELDS)
def test_options_of_both_are_there(below: Any, own: Any) -> None:
    def options(fields: Any) -> dict[str, Any]:
        return {key: value for each in tools(fields) for key, value in each.items() if key != "function"}

    found, above, under = options(merged(below, own).data), options(own), options(below)
    for key, value in found.items():
        assert value == {**under.get(key, {}), **above.get(key, {})}


@given(FIELDS, FIELDS)
def test_what_is_below_never_wins(below: Any, own: Any) -> None:
    found = merged(below, own).data
    for name, value in own.items():
        if isinstance(value, dict):
            assert value.items() <= found[name].items()
        elif isinstance(value, list):
            keys = [ASSISTANT.keyed[0].key(each) for each in found[name]]
            assert {ASSISTANT.keyed[0].key(each) for each in value} <= set(keys)
            assert len(keys) == len(set(keys))
        else:
            assert found[name] == value
    assert set(found) == {*below, *own}


@given(FIELDS, FIELDS)
def test_what_covers_what_is_below_comes_to_what_is_wanted(below: Any, wanted: Any) -> None:
    found = merged(below, covering(ASSISTANT, wanted, below)).data
    assert {**found, "tools": tools(found)} == {**wanted, "tools": tools(wanted)}


def tools(fields: Any) -> list[Any]:
    """Tools by what identifies them: one without options may be written in two ways."""
    return [{each: {}} if isinstance(each, str) else each for each in fields.get("tools", ())]


@given(FIELDS)
def test_nothing_laid_over_and_nothing_below_change_nothing(fields: Any) -> None:
    assert merged(fields, {}).data == fields == merged({}, fields).data
    assert merged(fields, fields).data == fields


@given(FIELDS, FIELDS)
def test_data_and_nodes_stay_together(one: Any, two: Any) -> None:
    def same(data: Any, node: Any) -> None:
        if isinstance(data, dict):
            assert [key.text for key, _ in node.pairs] == list(data)
            for (_, value), each in zip(node.pairs, data.values(), strict=True):
                same(each, value)
        elif isinstance(data, list):
            for each, entry in zip(data, node.entries, strict=True):
                same(each, entry)
        else:
            assert node.shape == "scalar"

    found = merged(one, two)
    same(found.data, found.node)


# ── what is written out ───────────────────────────────────────────────────────────────────────────────────────────────

PROJECTS: list[Files] = [
    LAYERS,
    GREETERS,
    {"assistants/a.yaml": MANY},
    {"assistants/a.yaml": f"{TOOLS}[]\n", "assistants/data.csv": "1"},
]


def digests(declarations: tuple[Declaration, ...]) -> dict[str, str]:
    resolved = resolve(declarations, KINDS)
    assert not resolved.failed
    return {str(each.address): canonical_json(each.spec) for each in resolved.declared}


@pytest.mark.parametrize("files", PROJECTS)
def test_what_is_rendered_reads_back_as_the_same(loaded: Load, files: Files) -> None:
    composed = loaded(files)
    sections: dict[str, dict[str, Any]] = {}
    for each in composed.declarations:
        kind = KINDS[each.address.kind]
        sections.setdefault(kind.section, {})[each.address.name] = written(each, kind)
    again = loaded({"retinue.yaml": "stack: demo\ninclude: [all.yaml]\n", "all.yaml": write_yaml(sections)})
    assert digests(again.declarations) == digests(composed.declarations)
    assert [each.labels for each in again.declarations] == [each.labels for each in composed.declarations]


@pytest.mark.parametrize("files", PROJECTS)
def test_every_value_is_placed_in_a_file_of_the_project(loaded: Load, files: Files) -> None:
    found = loaded(files)
    for each in found.declarations:
        origins = sources(each, KINDS[each.address.kind], found.variables)
        assert origins
        assert {origin.position.file for origin in origins} <= {"retinue.yaml", *files}
