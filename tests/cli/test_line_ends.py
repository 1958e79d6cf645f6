"""A checkout with line ends of Windows is the same to the account as any other."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Shell

FILES = {
    "retinue.yaml": "stack: desk\ninclude: ['*.yaml']\n",
    "team.yaml": """\
assistants:
  desk:
    model: gpt-6-luna
    instructions: {file: desk.md}
    description: |-
      One
      two
    tools:
      - code_interpreter: {files: [data/marks.csv]}
      - function: roll
functions:
  roll: {parameters: {file: roll.json}}
vector_stores:
  kb: {files: ['kb/*']}
skills:
  good: {folder: good}
environment_templates:
  place: {files: [{path: /workspace/run.sh, file: good/run.sh}]}
""",
    "desk.md": "You are\nthe desk.\n",
    "roll.json": '{\n  "type": "object",\n  "properties": {}\n}\n',
    "data/marks.csv": "a,b\n1,2\n",
    "kb/a.md": "One\n\ntwo\n",
    "kb/b.py": "x = 1\n",
    "good/SKILL.md": "---\nname: good\ndescription: Good.\n---\nDo it.\n",
    "good/run.sh": "#!/bin/sh\nexit 0\n",
    "good/long.txt": "line\n" * 30_000,
}


def check_out(shell: Shell, end: str) -> None:
    for name, text in FILES.items():
        shell.write(name, "")
        (shell.team.root / name).write_bytes(text.replace("\n", end).encode())


@pytest.mark.parametrize(("first", "second"), [("\n", "\r\n"), ("\r\n", "\n")])
def test_another_checkout_has_nothing_to_change(shell: Shell, first: str, second: str) -> None:
    check_out(shell, first)
    applied = shell("apply", "--yes")
    assert applied.code == 0, applied.err
    check_out(shell, second)
    planned = shell("plan", "--detailed-exitcode")
    assert planned.code == 0, planned.out
    assert shell("drift", "--detailed-exitcode").code == 0


def test_it_uploads_the_same_bytes(shell: Shell) -> None:
    check_out(shell, "\r\n")
    assert shell("apply", "--yes").code == 0
    sizes = {each["filename"]: each["bytes"] for each in shell.team.listed("/files")}
    assert sizes == {
        name.rpartition("/")[2]: len(FILES[name]) for name in ("data/marks.csv", "kb/a.md", "kb/b.py", "good/run.sh")
    }
    (skill,) = shell.team.listed("/skills")
    held = shell.team.version_files(f"/skills/{skill['id']}")
    assert {name: text for name, text in held.items() if name != ".retinue"} == {
        name.removeprefix("good/"): text for name, text in FILES.items() if name.startswith("good/")
    }
