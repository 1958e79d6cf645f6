"""What a declaration takes in declares nothing; and a declaration does not vanish in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from retinue.config import Loaded, load
from retinue.kinds import all_kinds

from .conftest import Files, Load, Write

EVIL = "assistants:\n  evil: {model: x}\n"
SKILL = "---\nname: good\ndescription: Good.\n---\n"
ZIP = b"PK\x05\x06" + bytes(18)

TAKEN: dict[str, Files] = {
    "a folder of a skill": {
        "assistants/a.yaml": "skills: {good: {folder: skills/good}}\n",
        "assistants/skills/good/SKILL.md": SKILL,
        "assistants/skills/good/deep/evil.yaml": EVIL,
    },
    "a folder with something left out": {
        "assistants/a.yaml": "skills: {good: {folder: {path: good, exclude: [x.md]}}}\n",
        "assistants/good/SKILL.md": SKILL,
        "assistants/good/evil.yaml": EVIL,
    },
    "a folder above": {
        "assistants/team/a.yaml": "skills: {good: {folder: ../good}}\n",
        "assistants/good/SKILL.md": SKILL,
        "assistants/good/evil.yaml": EVIL,
    },
    "knowledge": {
        "assistants/a.yaml": "vector_stores: {s: {files: [kb/**]}}\n",
        "assistants/kb/a.md": "A\n",
        "assistants/kb/evil.yaml": EVIL,
    },
    "files for code": {
        "assistants/a.yaml": "assistants: {a: {model: x, tools: [{code_interpreter: {files: ['data/*']}}]}}\n",
        "assistants/data/evil.yml": EVIL,
    },
    "a file for code": {
        "assistants/a.yaml": "assistants: {a: {model: x, tools: [{code_interpreter: {files: [evil.yaml]}}]}}\n",
        "assistants/evil.yaml": EVIL,
    },
    "a file of a template": {
        "assistants/a.yaml": "environment_templates: {t: {files: [{path: /workspace/e, file: evil.yaml}]}}\n",
        "assistants/evil.yaml": EVIL,
    },
    "a prompt": {
        "assistants/a.yaml": "assistants: {a: {model: x, instructions: [Hi., {file: evil.yaml}]}}\n",
        "assistants/evil.yaml": EVIL,
    },
    "a prompt of a template": {
        "assistants/a.yaml": "assistants: {a: {extends: t}}\n",
        "assistants/near/b.yaml": "templates: {t: {model: x, instructions: {file: ../evil.yaml}}}\n",
        "assistants/evil.yaml": EVIL,
    },
    "files of a template for one kind": {
        "assistants/a.yaml": """
            assistants: {a: {model: x, extends: t}}
            templates: {assistants: {t: {tools: [{code_interpreter: {files: [evil.yaml]}}]}}}
        """,
        "assistants/evil.yaml": EVIL,
    },
    "a prompt of the defaults of the project": {
        "retinue.yaml": "stack: demo\ndefaults: {assistants: {instructions: {file: assistants/evil.yaml}}}\n",
        "assistants/a.yaml": "assistants: {a: {model: x}}\n",
        "assistants/evil.yaml": EVIL,
    },
    "a prompt of the defaults of an environment": {
        "environments/production.yaml": "defaults: {assistants: {instructions: {file: ../assistants/evil.yaml}}}\n",
        "assistants/a.yaml": "assistants: {a: {model: x}}\n",
        "assistants/evil.yaml": EVIL,
    },
    "what is named otherwise for each of many": {
        "assistants/a.yaml": "vector_stores: {s: {files: ['kb/${{ matrix.t }}.yaml'], matrix: {t: [evil]}}}\n",
        "assistants/kb/evil.yaml": EVIL,
    },
    "files written as a map": {
        "assistants/a.yaml": "assistants: {a: {model: x, tools: {code_interpreter: {files: {evil.yaml: {}}}}}}\n",
        "assistants/evil.yaml": EVIL,
    },
    "a schema": {
        "assistants/a.yaml": "functions: {f: {parameters: {file: f.yaml}}}\n",
        "assistants/f.yaml": "type: object\nproperties: {}\nskills: {}\n",
    },
    "what a schema refers to": {
        "assistants/a.yaml": "functions: {f: {parameters: {$ref: 'more/f.yaml#/Event'}}}\n",
        "assistants/more/f.yaml": "Event: {type: object}\nskills: {}\n",
    },
    "by a variable": {
        "retinue.yaml": "stack: demo\nvariables: {where: good}\n",
        "assistants/a.yaml": "skills: {good: {folder: 'skills/${{ var.where }}'}}\n",
        "assistants/skills/good/SKILL.md": SKILL,
        "assistants/skills/good/evil.yaml": EVIL,
    },
    "by an overlay of another environment": {
        "assistants/a.yaml": "skills: {good: {folder: one}}\n",
        "environments/other.yaml": "skills: {good: {folder: ../assistants/two}}\n",
        "assistants/one/SKILL.md": SKILL,
        "assistants/two/SKILL.md": SKILL,
        "assistants/two/evil.yaml": EVIL,
    },
    "by an environment of the project file": {
        "retinue.yaml": "stack: demo\nenvironments: {other: {skills: {good: {folder: assistants/two}}}}\n",
        "assistants/a.yaml": "skills: {good: {folder: one}}\n",
        "assistants/one/SKILL.md": SKILL,
        "assistants/two/SKILL.md": SKILL,
        "assistants/two/evil.yaml": EVIL,
    },
    "by an overlay that writes a list as a map": {
        "assistants/a.yaml": "assistants: {a: {model: x, tools: [code_interpreter]}}\n",
        "environments/other.yaml": "assistants: {a: {tools: {code_interpreter: {files: [../data/evil.yaml]}}}}\n",
        "retinue.yaml": "stack: demo\ninclude: ['*/*.yaml']\n",
        "data/evil.yaml": EVIL,
    },
    "by what is declared for an environment only": {
        "assistants/a.yaml": "assistants: {a: {model: x}}\n",
        "environments/other.yaml": "skills: {good: {folder: ../assistants/good}}\n",
        "assistants/good/SKILL.md": SKILL,
        "assistants/good/evil.yaml": EVIL,
    },
    "what takes in others is taken in": {
        "assistants/a.yaml": "skills: {good: {folder: good}}\n",
        "assistants/good/SKILL.md": SKILL,
        "assistants/good/evil.yaml": EVIL + "skills: {other: {folder: ../other}}\n",
        "assistants/other/b.yaml": "assistants: {b: {model: x}}\n",
    },
}


def names(found: Loaded) -> set[str]:
    return {str(each.address) for each in found.declarations}


@pytest.mark.parametrize("how", TAKEN)
def test_what_is_taken_in_declares_nothing_and_that_is_told(how: str, loaded: Load) -> None:
    found = loaded(TAKEN[how])
    assert not {"assistant.evil", "skill.other"} & names(found)
    told = [each for each in found.diagnostics if each.code == "content-with-sections"]
    (warning,) = told
    assert warning.severity == "warning"
    assert warning.position is not None
    assert warning.position.file in TAKEN[how]
    assert "it is content of" in warning.message


def test_what_is_content_takes_nothing_away(loaded: Load) -> None:
    assert "assistant.b" in names(loaded(TAKEN["what takes in others is taken in"]))


def test_a_link_does_not_hide_what_is_taken_in(write: Write) -> None:
    project = write(
        {
            "assistants/a.yaml": "skills: {good: {folder: link}}\n",
            "assistants/z/SKILL.md": SKILL,
            "assistants/z/evil.yaml": EVIL,
        }
    )
    (project / "assistants/link").symlink_to("z")
    found = load(project, environ={}, kinds=all_kinds())
    assert names(found) == {"skill.good"}


def test_a_glob_over_everything_does_not_hide_what_it_cannot_take(loaded: Load) -> None:
    text = "vector_stores: {s: {files: ['**/*']}}\n"
    other = "assistants: {b: {model: x}}\n"
    found = loaded({"assistants/a.yaml": text, "assistants/b.yaml": other, "assistants/t/c.md": "C\n"})
    assert names(found) == {"vector_store.s", "assistant.b"}


def test_files_that_take_each_other_in_are_a_mistake(loaded: Load) -> None:
    files: Files = {
        "assistants/team/a.yaml": "skills: {good: {folder: ../good}}\n",
        "assistants/good/SKILL.md": SKILL,
        "assistants/good/evil.yaml": EVIL + "skills: {bad: {folder: ../team}}\n",
    }
    found = loaded(files)
    assert "reference-cycle" in {each.code for each in found.diagnostics if each.severity == "error"}


def test_a_file_may_be_content_of_what_it_declares(loaded: Load) -> None:
    found = loaded({"assistants/s/a.yaml": "skills: {good: {folder: .}}\n", "assistants/s/SKILL.md": SKILL})
    assert (names(found), found.diagnostics) == ({"skill.good"}, ())


# ── what lies beside content ──────────────────────────────────────────────────────────────────────────────────────────

FOREIGN = {
    "azure.yaml": "name: shop\nservices: {web: {host: x}}\n",
    "openapi.yaml": "openapi: 3.1.0\ninfo: {title: Shop}\npaths: {}\ncomponents: {schemas: {}}\n",
    "mkdocs.yml": "site_name: Docs\nmarkdown_extensions:\n  - x: !!python/name:material.emoji ''\n",
    "stack.yaml": "Resources:\n  A: !Ref B\n",
    "chart.yaml": "kind: Deployment\nmetadata: {{ .Values.name }}\n",
    "manifests.yaml": "kind: A\n---\nkind: B\n",
    "list.yaml": "- a\n- b\n",
    "words.yaml": "Just words.\n",
    "schema.yaml": "$schema: x\nproperties: {}\n",
    "tabs.yaml": "a:\n\tb: 1\n",
    ".gitlab-ci.yml": "include: []\nvariables: {}\n",
    "numbers.yaml": "1: a\n",
    "serverless.yml": "service: shop\nprovider: {name: aws}\n"
    "functions: {hello: {handler: h.main, events: [{http: GET /}], description: Says hello.}}\n",
    "functions.yaml": "openapi: 3.1.0\ninfo: {title: Shop}\npaths: {}\nfunctions: [{name: a, url: b}]\n",
    "crew.yaml": "crew: x\nagents: {researcher: {role: R, goal: G, backstory: B}}\ntasks: {}\n",
    "cv.yaml": "person: Ada\nskills: [python, go]\n",
    "helm.yaml": "chart: x\nrelease: stable\nx-common: {a: b}\n",
    "compose.yaml": "x-common: {a: b}\nservices: {web: {image: x}}\n",
}


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize(
    "folder", ["vector_stores: {s: {files: ['kb/*.md']}}", "vector_stores: {s: {files: [kb/a.md]}}"]
)
def test_a_foreign_file_beside_knowledge_stops_nothing(name: str, folder: str, loaded: Load) -> None:
    found = loaded(
        {"assistants/a.yaml": folder + "\n", "assistants/kb/a.md": "A\n", f"assistants/kb/deep/{name}": FOREIGN[name]}
    )
    assert [each.code for each in found.diagnostics] in ([], ["foreign-file"]), "once for the file"
    assert found.complete
    assert all("leave it out with '!assistants/kb/" in (each.hint or "") for each in found.diagnostics)


@pytest.mark.parametrize(
    "text",
    ["asistants: {b: {model: x}}\n", "assistants: {b: {model: x}\n", "name: x\nvector_stores: {}\n", "skill: {}\n"],
)
def test_what_may_be_meant_to_declare_is_a_mistake_wherever_it_is(text: str, loaded: Load) -> None:
    files: Files = {"assistants/a.yaml": "vector_stores: {s: {files: ['kb/*.md']}}\n", "assistants/kb/a.md": "A\n"}
    found = loaded({**files, "assistants/kb/b.yaml": text})
    assert any(each.severity == "error" for each in found.diagnostics)


@pytest.mark.parametrize(
    "name",
    [
        *("azure.yaml", "openapi.yaml", "manifests.yaml", "schema.yaml", "serverless.yml", "functions.yaml"),
        *("crew.yaml", "cv.yaml", "helm.yaml", "compose.yaml"),
    ],
)
def test_a_foreign_file_elsewhere_is_one_mistake_that_says_why_it_was_read(name: str, loaded: Load) -> None:
    found = loaded({f"assistants/{name}": FOREIGN[name]})
    (error,) = found.diagnostics
    assert (error.severity, error.code) == ("error", "unknown-section")
    assert "'include' of retinue.yaml matches it" in (error.hint or "")
    assert f"'!assistants/{name}'" in (error.hint or "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("assistents: {b: {model: x}}\nprompts: {}\n", ["assistents", "prompts"]),
        ("prompts: {}\nassistants: {b: {modell: x, instruction: y}}\n", ["prompts"]),
        ("functions: {f: {description: x, paramters: {}}}\nfunction: {}\n", ["function"]),
        ("assistants: {b: {model: x, a: 1, b: 2, c: 3}}\nservice: {}\n", ["service"]),
        ("agents: {one: {role: x, goal: y}, two: {model: x}}\nservice: {}\n", ["service"]),
        ("release: [assistant.b]\nservice: {}\n", ["service"]),
        ("assistants:\nservice: {}\n", ["service"]),
    ],
)
@pytest.mark.parametrize("name", ["assistants/b.yaml", "assistants/kb/b.yaml"])
def test_a_file_with_something_like_a_declaration_keeps_its_precise_mistakes(
    text: str, expected: list[str], name: str, loaded: Load
) -> None:
    files: Files = {"assistants/a.yaml": "vector_stores: {s: {files: ['kb/*.md']}}\n", "assistants/kb/a.md": "A\n"}
    found = [each for each in loaded({**files, name: text}).diagnostics if each.code == "unknown-section"]
    assert [each.message for each in found] == [f"unknown section '{each}'" for each in expected]


def test_a_declaration_without_its_section_is_told_where_it_belongs(loaded: Load) -> None:
    (error,) = loaded({"assistants/tutor.yaml": "name: Tutor\nmodel: x\ninstructions: Teach.\ntop_p: 1\n"}).diagnostics
    assert (error.hint or "").startswith("write 'assistants:' and a name above it")


def test_other_authors_see_what_became_of_their_file(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    from retinue.cli import main

    project: Path = write(TAKEN["a folder of a skill"])
    assert main(["validate", "-C", str(project)]) == 0
    said = capsys.readouterr().err
    assert "evil.yaml:1:1: warning[content-with-sections]" in said
    assert "content of skill.good (assistants/a.yaml:1)" in said
