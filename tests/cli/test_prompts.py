"""A plan does not know how a prompt or a list came to be: the same text is the same plan, to its digest."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Shell

PROJECT = "stack: shop\ninclude: [team.yaml]\n"
VARIABLES = f"{PROJECT}variables: {{kit: [code_interpreter, file_search], meta: {{default: {{team: desk}}}}}}\n"
OUT = """\
assistants:
  desk:
    model: gpt-4o
    instructions: "In German.\\nBe kind.\\n\\nOne.\\n\\nTwo."
    tools: [code_interpreter, file_search]
    metadata: {team: desk}
"""
COMPOSED = """\
assistants:
  desk:
    model: gpt-4o
    instructions:
      - {file: role.md, render: true, with: {language: German}}
      - {file: "parts/*.md"}
    tools: ["${{ var.kit }}"]
    metadata: ${{ var.meta }}
"""


@pytest.fixture
def desk(shell: Shell) -> Shell:
    shell.write("role.md", 'In ${{ with.language }}.\n${{ include "tone.md" }}\n')
    shell.write("tone.md", "Be kind.\n")
    shell.write("parts/1.md", "One.\n")
    shell.write("parts/2.md", "Two.\n")
    return shell


def digest(shell: Shell) -> str:
    (line,) = (each for each in shell("plan").out.splitlines() if each.startswith("Digest: "))
    return line


def test_a_composed_prompt_has_the_digest_of_the_text_written_out(desk: Shell) -> None:
    digests = []
    for project, team in ((PROJECT, OUT), (VARIABLES, COMPOSED), (VARIABLES, COMPOSED.replace("German", "French"))):
        desk.write("retinue.yaml", project)
        desk.write("team.yaml", team)
        digests.append(digest(desk))
    assert digests[0] == digests[1] != digests[2]


def test_composing_what_was_applied_is_no_change(desk: Shell) -> None:
    desk.write("retinue.yaml", VARIABLES)
    desk.write("team.yaml", OUT)
    assert desk("apply", "--yes").code == 0
    desk.write("team.yaml", COMPOSED)
    assert desk("plan", "--detailed-exitcode").code == 0
    desk.write("tone.md", "Be brief.\n")
    changed = desk("plan", "--detailed-exitcode")
    assert changed.code == 2
    assert "+ Be brief." in changed.out
