"""What is wrong with composed declarations is told once, at its place, with what to do about it."""

from __future__ import annotations

import pytest

from retinue.cli import main
from retinue.config import Loaded
from retinue.session import check_loaded
from tests.config.conftest import Load, Write

REQUIRED = "stack: demo\nrequire_environment: true\nenvironments: {staging: {}}\n"


def told(loaded: Loaded) -> list[tuple[str, str]]:
    return [(each.code, each.message) for each in loaded.diagnostics]


def hints(loaded: Loaded) -> list[str | None]:
    return [each.hint for each in loaded.diagnostics]


@pytest.mark.parametrize("value", ["1", "true", "[a]", "text"])
def test_a_part_of_what_is_no_map(loaded: Load, value: str) -> None:
    found = loaded(
        {
            "retinue.yaml": f"stack: demo\nvariables: {{team: {{default: {{lead: {value}}}}}}}\n",
            "assistants/a.yaml": 'assistants: {a: {model: "${{ var.team.lead.name }}"}}\n',
        }
    )
    assert told(found) == [("unknown-variable", "'var.team.lead' is no map, so it has no 'name'")]
    assert hints(found) == ["write ${{ var.team.lead }}"]


# ── environments ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_that_an_environment_is_missing_is_all_there_is_to_say(loaded: Load) -> None:
    """Whatever else cannot be known without one follows from it."""
    found = loaded(
        {
            "retinue.yaml": """\
stack: demo
require_environment: true
variables: {tone: {type: string}}
environments: {staging: {variables: {tone: calm}}}
defaults: {assistants: {metadata: {stage: "${{ environment.name }}"}}}
""",
            "assistants/a.yaml": """\
assistants:
  a: {model: gpt-4o, instructions: {file: a.md, render: true}}
  b: {model: gpt-4o, matrix: {topic: [x, y]}}
""",
            "assistants/a.md": "${{ var.tone }} ${{ environment.name }}",
        }
    )
    assert [code for code, _ in told(found)] == ["environment-required"]


def test_a_default_environment_that_is_no_name(loaded: Load) -> None:
    found = loaded({"retinue.yaml": "stack: demo\ndefault_environment: A B\nenvironments: {staging: {}}\n"})
    assert [code for code, _ in told(found)] == ["no-match", "bad-name"]


def test_a_mistake_that_several_matrices_share(loaded: Load) -> None:
    found = loaded(
        {
            "retinue.yaml": """\
stack: demo
environments: {staging: {}}
defaults: {assistants: {metadata: {stage: "${{ environment.name }}"}}}
""",
            "assistants/a.yaml": """\
assistants:
  a: {model: gpt-4o, matrix: {topic: [x, y, z]}}
  b: {model: gpt-4o, matrix: {topic: [x]}}
  c: {model: gpt-4o, matrix: {topic: [x, y]}}
""",
        }
    )
    ((code, message),) = told(found)
    assert code == "missing-variable"
    assert message.endswith("(and in 5 others of its matrix)")


# ── what is left out ──────────────────────────────────────────────────────────────────────────────────────────────────

LEFT_OUT = {
    "retinue.yaml": "stack: demo\nenvironments: {production: {}}\n",
    "assistants/a.yaml": """\
assistants:
  desk: {model: gpt-4o, tools: [{file_search: {vector_store: kb-b}}, {function: look_up}]}
  two: {model: gpt-4o, tools: [{file_search: {vector_store: kb-b}}]}
  other: {model: gpt-4o, enabled: "${{ environment.name }}"}
vector_stores: {kb: {matrix: {topic: [b]}}}
functions: {look_up: {description: Looks it up.}}
""",
    "environments/production.yaml": """\
assistants: {other: {enabled: false}}
vector_stores: {"kb-*": null}
functions: {look_up: {enabled: false}}
""",
}


def test_a_name_that_is_left_out_in_the_environment(loaded: Load) -> None:
    """It is not as if it were nowhere: whoever names it reads where it is taken out."""
    _, found = check_loaded(loaded(LEFT_OUT, environment="production"))
    stores = "the vector store 'kb-b' is taken out in this environment (environments/production.yaml:2)"
    function = "the function 'look_up' is not enabled in this environment (environments/production.yaml:3)"
    assert [each.message for each in found] == [stores, function, stores]
    assert {each.hint for each in found} == {"take this out as well, or leave that in"}


@pytest.mark.parametrize("option", ["--target", "--exclude"])
def test_selecting_what_is_not_enabled(write: Write, capsys: pytest.CaptureFixture[str], option: str) -> None:
    root = write({**LEFT_OUT, "environments/production.yaml": "assistants: {other: {enabled: false}}\n"})
    where = ["--directory", str(root), "-e", "production"]
    for command in (["plan", option, "assistant.other"], ["render", "assistant.other"]):
        assert main([*command, *where]) == 64
        assert "assistant.other is not enabled in this environment" in capsys.readouterr().err


def test_one_of_two_of_a_name_is_enabled(loaded: Load) -> None:
    """The other one is there, and so nothing is left out."""
    second = "assistants: {desk: {model: gpt-4o, enabled: false}}\n"
    found = loaded({"assistants/a.yaml": "assistants: {desk: {model: gpt-4o}}\n", "assistants/b.yaml": second})
    assert not found.left_out


# ── what to do ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("declared", "code", "hint"),
    [
        ("templates: {a: [x]}", "wrong-type", "write fields below it, such as '  name: …'"),
        ("templates: {a: {extends: {b: 1}}}", "wrong-type", "write 'extends: NAME', or 'extends: [NAME, NAME]'"),
        ("defaults: {assistants: [x]}", "wrong-type", "write fields below it, such as '  name: …'"),
        (
            'assistants: {"a-${{ var.x }}": {model: gpt-4o}}',
            "bad-name",
            "expressions stand in the name of what has a 'matrix'; give it one, or write the name out",
        ),
        (
            'assistants: {a: {model: "${{ foo.x }}"}}',
            "bad-expression",
            "there are: 'var', 'env', 'secret', 'with', 'matrix', 'self', 'environment'",
        ),
    ],
)
def test_what_to_do_about_it(loaded: Load, declared: str, code: str, hint: str) -> None:
    found = loaded({"assistants/a.yaml": declared + "\n"})
    assert [(each.code, each.hint) for each in found.diagnostics if each.severity == "error"] == [(code, hint)]


@pytest.mark.parametrize(
    ("shared", "hint"),
    [
        ("${{ env.HOME }}", "name a directory, without wildcards or expressions"),
        ("../.git", "name another directory: nothing is read out of .git"),
    ],
)
def test_what_cannot_be_shared(loaded: Load, shared: str, hint: str) -> None:
    found = loaded({"retinue.yaml": f'stack: demo\nshared: "{shared}"\n'})
    assert [(each.message, each.hint) for each in found.diagnostics if each.severity == "error"] == [
        (f"'{shared}' cannot be shared", hint)
    ]


def test_a_change_of_what_has_no_valid_name_is_one_mistake(loaded: Load) -> None:
    files = {"assistants/a.yaml": "assistants: {a: {model: gpt-4o}}\n"}
    files["retinue.yaml"] = "stack: demo\nenvironments: {p: {assistants: {'b-${{ matrix.t }}': {temperature: 1}}}}\n"
    assert [code for code, _ in told(loaded(files, environment="p"))] == ["bad-name"]


# ── paths with values from the environment ────────────────────────────────────────────────────────────────────────────

FROM_OUTSIDE = """\
assistants:
  a: {model: gpt-4o, instructions: {file: "${{ env.HIDDEN }}/x.md"}}
  b: {model: gpt-4o, instructions: [{file: "p/${{ var.where }}.md"}, "Be kind."]}
  c: {model: gpt-4o, extends: t, with: {part: "${{ env.HIDDEN }}"}}
templates:
  t: {instructions: {file: "${{ with.part }}/*.md"}}
vector_stores:
  s: {files: ["a.md", "../../${{ env.HIDDEN }}", "!${{ env.HIDDEN }}"]}
functions:
  look_up: {description: Looks., parameters: {file: "${{ env.HIDDEN }}.json"}}
"""
AS_WRITTEN = [
    "there is no file '${{ env.HIDDEN }}/x.md'",
    "there is no file 'p/${{ var.where }}.md'",
    "no file matches '${{ with.part }}/*.md'",
    "'../../${{ env.HIDDEN }}' leads out of the project",
    "there is nothing for '!${{ env.HIDDEN }}' to leave out",
    "there is no file '${{ env.HIDDEN }}.json'",
]


@pytest.fixture
def from_outside(write: Write) -> list[str]:
    variables = "stack: demo\nvariables: {where: {default: '${{ env.HIDDEN }}'}}\n"
    return ["-C", str(write({"retinue.yaml": variables, "assistants/a.yaml": FROM_OUTSIDE, "assistants/a.md": "A"}))]


def test_no_mistake_of_a_path_shows_what_the_environment_holds(
    from_outside: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HIDDEN", "hunter2/deeper")
    assert main(["validate", *from_outside]) == 1
    said = capsys.readouterr()
    assert "hunter2" not in said.out + said.err
    assert "deeper" not in said.out + said.err
    for each in AS_WRITTEN:
        assert each in said.err


def test_a_path_without_its_value_is_one_mistake(
    from_outside: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("HIDDEN", raising=False)
    assert main(["validate", *from_outside]) == 1
    said = capsys.readouterr().err
    assert "'HIDDEN' is not set" in said
    assert "no file" not in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("${{ var.${{ matrix.topic }} }}", "there is another expression in this one, and they do not nest"),
        (
            'Hi ${{ include "${{ var.tone }}.md" }} and ${{ var.tone }}',
            "there is another expression in this one, and they do not nest",
        ),
        ("${{ var.tone and ${{ var.tone }}", "this '${{' is never closed"),
        ("${{ var.tone, ${{ var.tone }} and ${{ var.tone }}", "this '${{' is never closed"),
    ],
)
def test_an_expression_in_an_expression_is_told_as_that(
    write: Write, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    files = {"retinue.yaml": "stack: demo\nvariables: {tone: kind}\n", "assistants/t.md": text}
    files["assistants/a.yaml"] = "assistants: {a: {model: gpt-4o, instructions: {file: t.md, render: true}}}\n"
    assert main(["validate", "-C", str(write({**files}))]) == 1
    assert said in capsys.readouterr().err
