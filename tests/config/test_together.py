"""Lists and maps of variables, prompts of parts and shared directories in what declarations are made of: defaults,
templates, matrices, overlays. Whatever is used together comes to what is written out."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from retinue.cli import main
from retinue.config import Loaded
from retinue.model.declared import Declaration

from .conftest import Files, Load, Write

PROJECT = """\
stack: demo
shared: [../prompts]
variables:
  kit: [code_interpreter, file_search]
  topics: [billing, returns]
  owner: {default: {team: support, floor: "3"}}
  base: {default: {model: m, name: B, tools: ["${{ var.kit }}"]}}
  tone: [{file: ../prompts/tone.md}, Be brief.]
environments: {production: {variables: {topics: [billing, returns, travel]}}}
"""
SHARED = {"../prompts/tone.md": "Be kind.\n", "../prompts/steps/1.md": "First.\n", "../prompts/steps/2.md": "Then.\n"}
OWN = {"assistants/parts/a.md": "A\n", "assistants/parts/b.md": "B of ${{ with.who }}\n", "prompts/c.md": "C\n"}


def found(loaded: Loaded) -> dict[str, dict[str, Any]]:
    assert [(each.code, each.message) for each in loaded.diagnostics if each.code != "unused-declaration"] == []
    return {each.address.name: dict(each.spec) for each in loaded.declarations}


def one(loaded: Loaded, name: str = "x") -> Declaration:
    return next(each for each in loaded.declarations if each.address.name == name)


def files(written: str, project: str = PROJECT, **others: str) -> Files:
    return {"retinue.yaml": project, "assistants/x.yaml": written, **SHARED, **OWN, **others}


# ── the law ───────────────────────────────────────────────────────────────────────────────────────────────────────────

# What is said in few words, and the same written out; `x` is an assistant of its own in both.
SAME = {
    "a list in a template": (
        "templates: {t: {tools: ['${{ var.kit }}']}}\nassistants: {x: {model: m, extends: t}}",
        "assistants: {x: {model: m, tools: [code_interpreter, file_search]}}",
    ),
    "a list in a template, and more in the declaration": (
        "templates: {t: {tools: '${{ var.kit }}'}}\n"
        "assistants: {x: {model: m, extends: t, tools: [{file_search: {max_num_results: 3}}]}}",
        "assistants: {x: {model: m, tools: [code_interpreter, {file_search: {max_num_results: 3}}]}}",
    ),
    "a list in a template, of which the declaration takes one out": (
        "templates: {t: {tools: '${{ var.kit }}'}}\n"
        "assistants: {x: {model: m, extends: t, tools: {file_search: null}}}",
        "assistants: {x: {model: m, tools: [code_interpreter]}}",
    ),
    "a map in the defaults": (
        "defaults: {assistants: {metadata: '${{ var.owner }}'}}\nassistants: {x: {model: m, metadata: {floor: '4'}}}",
        "assistants: {x: {model: m, metadata: {team: support, floor: '4'}}}",
    ),
    "a list in the defaults": (
        "defaults: {assistants: {model: m, tools: ['${{ var.kit }}']}}\nassistants: {x: {}}",
        "assistants: {x: {model: m, tools: [code_interpreter, file_search]}}",
    ),
    "a whole template": (
        "templates: {t: '${{ var.base }}'}\nassistants: {x: {extends: t, name: X}}",
        "assistants: {x: {model: m, name: X, tools: [code_interpreter, file_search]}}",
    ),
    "a list as a parameter": (
        "templates: {t: {tools: '${{ with.kit }}'}}\n"
        "assistants: {x: {model: m, extends: t, with: {kit: ['${{ var.kit }}', {function: f}]}}}\n"
        "functions: {f: {description: d}}",
        "assistants: {x: {model: m, tools: [code_interpreter, file_search, {function: f}]}}\n"
        "functions: {f: {description: d}}",
    ),
    "a list as a parameter, and more in the declaration": (
        "templates: {t: {tools: '${{ with.kit }}', with: {kit: [code_interpreter]}}}\n"
        "assistants: {x: {model: m, extends: t, tools: [file_search]}}",
        "assistants: {x: {model: m, tools: [code_interpreter, file_search]}}",
    ),
    "a list in a declaration over one of a parameter": (
        "templates: {t: {tools: [code_interpreter], with: {kit: [file_search]}}}\n"
        "assistants: {x: {model: m, extends: t, tools: '${{ with.kit }}'}}",
        "assistants: {x: {model: m, tools: [code_interpreter, file_search]}}",
    ),
    "parameters made of lists of parameters": (
        "templates: {t: {instructions: '${{ with.all }}', with: {all: ['${{ with.some }}', End.], some: [A, B]}}}\n"
        "assistants: {x: {model: m, extends: t, with: {some: [C]}}}",
        "assistants: {x: {model: m, instructions: [C, End.]}}",
    ),
    "parts of a prompt as a variable in a template": (
        "templates: {t: {instructions: ['${{ var.tone }}', End.]}}\nassistants: {x: {model: m, extends: t}}",
        "assistants: {x: {model: m, instructions: [Be kind., Be brief., End.]}}",
    ),
    "parts of a prompt by a glob in a template": (
        "templates: {t: {instructions: [{file: '../../prompts/steps/*.md'}, End.]}}\n"
        "assistants: {x: {model: m, extends: t}}",
        "assistants: {x: {model: m, instructions: [First., Then., End.]}}",
    ),
    "a glob with a value of the declaration": (
        "templates: {t: {instructions: {file: '../../prompts/${{ with.which }}/*.md'}}}\n"
        "assistants: {x: {model: m, extends: t, with: {which: steps}}}",
        "assistants: {x: {model: m, instructions: [First., Then.]}}",
    ),
    "a file's own values before those of the declaration and of the template": (
        "templates: {t: {with: {who: the house}, instructions: [{file: parts/b.md, render: true}, "
        "{file: parts/b.md, render: true, with: {who: Ann}}]}}\nassistants: {x: {model: m, extends: t}}",
        "assistants: {x: {model: m, instructions: [B of the house, B of Ann]}}",
    ),
    "a file's own values made of those of the declaration": (
        "templates: {t: {with: {who: the house}, instructions: "
        "{file: parts/b.md, render: true, with: {who: 'all of ${{ with.who }}'}}}}\n"
        "assistants: {x: {model: m, extends: t, with: {who: this house}}}",
        "assistants: {x: {model: m, instructions: B of all of this house}}",
    ),
    "parts as a parameter, relative to who gives them": (
        "assistants: {x: {model: m, extends: far, with: {parts: [{file: parts/a.md}, '${{ var.tone }}']}}}",
        "assistants: {x: {model: m, instructions: [A, Be kind., Be brief.]}}",
    ),
    "parts of a template, relative to the template": (
        "assistants: {x: {model: m, extends: near}}",
        "assistants: {x: {model: m, instructions: [C]}}",
    ),
    "an axis of a matrix": (
        "assistants: {x: {model: m, name: '${{ matrix.topic }}', matrix: {topic: '${{ var.topics }}'}}}",
        "assistants: {x-billing: {model: m, name: billing}, x-returns: {model: m, name: returns}}",
    ),
    "an axis of a matrix, with more": (
        "assistants: {x: {model: m, matrix: {topic: ['${{ var.topics }}', other], exclude: [{topic: billing}]}}}",
        "assistants: {x-returns: {model: m}, x-other: {model: m}}",
    ),
    "a list as a value of a matrix": (
        "assistants:\n  '${{ matrix.of.name }}':\n    {model: m, tools: ['${{ matrix.of.kit }}'], matrix: {of: "
        "[{name: x, kit: [code_interpreter]}, {name: y, kit: '${{ var.kit }}'}]}}",
        "assistants: {x: {model: m, tools: [code_interpreter]}, y: {model: m, tools: [code_interpreter, file_search]}}",
    ),
    "a file for each instance": (
        "templates: {t: {instructions: {file: '../../prompts/steps/${{ matrix.n }}*.md'}}}\n"
        "assistants: {x: {model: m, extends: t, matrix: {n: [1, 2]}}}",
        "assistants: {x-1: {model: m, instructions: First.}, x-2: {model: m, instructions: Then.}}",
    ),
}
FAR: Files = {
    "team/far.yaml": "templates:\n  far: {instructions: '${{ with.parts }}'}\n"
    "  near: {instructions: '${{ with.own }}', with: {own: [{file: ../prompts/c.md}]}}\n"
}


@pytest.mark.parametrize("case", SAME)
def test_what_is_said_once_comes_to_what_is_written_out(loaded: Load, case: str) -> None:
    project = PROJECT + "include: ['assistants/*.yaml', 'team/*.yaml']\n"
    once, out = (found(loaded({**files(text, project), **FAR})) for text in SAME[case])
    assert once == out
    assert once


@pytest.mark.parametrize("case", SAME)
def test_every_value_of_it_is_explained(write: Write, capsys: pytest.CaptureFixture[str], case: str) -> None:
    root = write({**files(SAME[case][0], PROJECT + "include: ['assistants/*.yaml', 'team/*.yaml']\n"), **FAR})
    assert main(["render", "-C", str(root), "--explain"]) == 0
    noted = [each.partition("# ")[2] for each in capsys.readouterr().out.splitlines() if each.startswith("    ")]
    assert noted
    assert all(re.match(r"\S+\.yaml:\d+", each) for each in noted if each)


# ── environments ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_environment_has_an_axis_of_its_own(loaded: Load) -> None:
    written = "assistants: {x: {model: m, matrix: {topic: '${{ var.topics }}'}}}"
    over = {"environments/production.yaml": "assistants: {x-travel: {tools: ['${{ var.kit }}']}}\n"}
    assert [*found(loaded(files(written)))] == ["x-billing", "x-returns"]
    specs = found(loaded(files(written, **over), environment="production"))
    assert [*specs] == ["x-billing", "x-returns", "x-travel"]
    assert specs["x-travel"]["tools"] == ["code_interpreter", "file_search"]


def test_an_environment_changes_a_set_of_tools_in_a_template(loaded: Load) -> None:
    written = "templates: {t: {tools: '${{ var.kit }}'}}\nassistants: {x: {model: m, extends: t}}"
    over = {"environments/production.yaml": "templates: {t: {tools: {file_search: null}}}\n"}
    assert found(loaded(files(written, **over), environment="production"))["x"]["tools"] == ["code_interpreter"]


# ── what is told ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_mistake_in_a_list_of_a_template_is_told_at_its_line(loaded: Load) -> None:
    project = "stack: demo\nvariables:\n  kit:\n    - code_interpreter\n    - no_such_tool\n"
    told = loaded(
        files("templates: {t: {tools: ['${{ var.kit }}']}}\nassistants: {x: {model: m, extends: t}}", project)
    )
    assert [str(each.position) for each in told.diagnostics if each.severity == "error"] == ["retinue.yaml:5"]


def test_a_mistake_in_a_list_of_a_parameter_is_told_at_its_line(loaded: Load) -> None:
    written = """\
templates: {t: {tools: "${{ with.kit }}"}}
assistants:
  x:
    model: m
    extends: t
    with:
      kit:
        - no_such_tool
"""
    told = loaded(files(written))
    assert [str(each.position) for each in told.diagnostics if each.severity == "error"] == ["assistants/x.yaml:8"]


def test_a_value_that_only_a_file_gives_itself_does_not_read_the_declarations(loaded: Load) -> None:
    """A parameter that is hidden wherever it would be read is read nowhere."""
    written = (
        "assistants: {x: {model: m, with: {who: Ann}, "
        "instructions: {file: parts/b.md, render: true, with: {who: Bob}}}}"
    )
    told = loaded(files(written))
    assert [(each.code, each.message) for each in told.diagnostics] == [("unread-value", "nothing reads 'with.who'")]


def test_a_value_that_a_file_reads_is_read(loaded: Load) -> None:
    written = "assistants: {x: {model: m, with: {who: Ann}, instructions: {file: parts/b.md, render: true}}}"
    assert found(loaded(files(written)))["x"]["instructions"] == "B of Ann"


def test_a_mistake_in_a_prompt_of_a_matrix_is_told_once(loaded: Load) -> None:
    written = "assistants: {x: {model: m, instructions: {file: parts/b.md, render: true}, matrix: {n: [1, 2, 3]}}}"
    told = loaded(files(written))
    assert [(each.code, str(each.position)) for each in told.diagnostics] == [
        ("unknown-variable", "assistants/parts/b.md:1")
    ]


def test_a_secret_in_a_list_of_a_parameter_is_a_secret(loaded: Load) -> None:
    written = (
        "templates: {t: {instructions: '${{ with.parts }}'}}\n"
        "assistants: {x: {model: m, extends: t, with: {parts: ['${{ secret.KEY }}', b]}}}"
    )
    told = loaded(files(written), environ={"KEY": "hunter2hunter2"})
    assert [each.code for each in told.diagnostics] == ["secret-in-the-open"]
    assert "hunter2" not in json.dumps([each.message for each in told.diagnostics])
    assert one(told).spec == {}


def test_a_file_that_a_template_takes_in_by_a_variable_is_content(loaded: Load) -> None:
    """It may look like declarations: who takes it in says what it is."""
    project = "stack: demo\nvariables: {parts: {default: [{file: assistants/faq.yaml}], type: list}}\n"
    written = "templates: {t: {instructions: '${{ var.parts }}'}}\nassistants: {x: {model: m, extends: t}}"
    told = loaded(files(written, project, **{"assistants/faq.yaml": "questions: [a]\n"}))
    assert found(told)["x"]["instructions"] == "questions: [a]"


def test_what_grows_too_large_for_a_template_is_told_once(loaded: Load) -> None:
    doubled = "".join(f"  v{n}: ['${{{{ var.v{n - 1} }}}}', '${{{{ var.v{n - 1} }}}}']\n" for n in range(1, 20))
    project = f"stack: demo\nvariables:\n  v0: [a, b]\n{doubled}"
    written = "templates: {t: {metadata: {a: '${{ var.v19 }}'}}}\nassistants: {x: {model: m, extends: t}}"
    told = loaded(files(written, project))
    assert "too-large" in [each.code for each in told.diagnostics]


# ── where it comes from ───────────────────────────────────────────────────────────────────────────────────────────────

EXPLAINED = """\
templates:
  t:
    with: {who: the house}
    tools: ["${{ var.kit }}"]
    instructions:
      - {file: ../../prompts/steps/*.md}
      - {file: parts/b.md, render: true}
      - {file: parts/b.md, render: true, with: {who: "${{ with.name }}"}}
assistants:
  x:
    model: m
    extends: t
    with:
      name: ${{ matrix.topic }}
    matrix:
      topic: ${{ var.topics }}
"""


def test_an_explanation_names_all_that_a_value_is_made_of(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    root = write(files(EXPLAINED))
    assert main(["render", "-C", str(root), "assistant.x-billing", "--explain"]) == 0
    notes = {each.strip().split(":")[0]: each.partition("# ")[2] for each in capsys.readouterr().out.splitlines()}
    assert notes["instructions"] == (
        "assistants/x.yaml:6, from ../prompts/steps/1.md, from ../prompts/steps/2.md, "
        "from assistants/parts/b.md (assistants/x.yaml:7), from assistants/parts/b.md (assistants/x.yaml:8), "
        "with.who from assistants/x.yaml:3, with.who from assistants/x.yaml:8, with.name from assistants/x.yaml:14, "
        "matrix.topic from retinue.yaml:5"
    )
    assert "retinue.yaml:4" in notes["tools"]


def test_the_lines_of_a_prompt_of_a_template_are_told(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    root = write(files(EXPLAINED))
    command = ["render", "-C", str(root), "assistant.x-billing", "--only", "instructions"]
    assert main([*command, "--explain"]) == 0
    printed = capsys.readouterr()
    assert printed.out == "First.\n\nThen.\n\nB of the house\n\nB of billing\n"
    assert [each.strip() for each in printed.err.splitlines()[1:]] == [
        "line 1: ../prompts/steps/1.md (assistants/x.yaml:6)",
        "line 3: ../prompts/steps/2.md (assistants/x.yaml:6)",
        "line 5: assistants/parts/b.md (assistants/x.yaml:7)",
        "line 7: assistants/parts/b.md (assistants/x.yaml:8)",
    ]
