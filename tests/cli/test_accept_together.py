"""An edit of what variables, globs, includes and shared directories give: it goes where it changes nothing else, or a
clear word says why not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.conftest import Shell

FILES = {
    "retinue.yaml": """\
stack: shop
include: [team.yaml]
shared: [../prompts]
variables:
  kit: [code_interpreter, file_search]
  manners: [Say please., Say thanks.]
""",
    "team.yaml": """\
templates:
  equipped: {model: gpt-4o, tools: "${{ with.kit }}"}
  known: {model: gpt-4o, tools: "${{ var.kit }}"}
assistants:
  desk:
    model: gpt-4o
    instructions:
      - {file: prompts/desk.md}
      - {file: "parts/*.md"}
      - {file: prompts/around.md, render: true}
      - {file: ../prompts/house.md}
      - Be brief.
  clerk:
    model: gpt-4o
    instructions: {file: prompts/all.md, render: true}
  porter:
    model: gpt-4o
    instructions: [Carry., "${{ var.manners }}"]
  owner:
    extends: equipped
    with:
      kit: [code_interpreter, file_search]
  borrower: {extends: known}
""",
    "parts/1.md": "First.\n",
    "parts/2.md": "Then.\n",
    "prompts/desk.md": "You sit at the desk.\n",
    "prompts/around.md": 'Around.\n${{ include "inner.md" }}\n',
    "prompts/inner.md": "Inside.\n",
    "prompts/all.md": 'All: ${{ include "desk.md" }}\n',
    "../prompts/house.md": "The house is old.\n",
}
DESK = ["You sit at the desk.", "First.\n\nThen.", "Around.\nInside.", "The house is old.", "Be brief."]


@pytest.fixture
def shop(shell: Shell) -> Shell:
    for name, text in FILES.items():
        shell.write(name, text)
    done = shell("apply", "--yes")
    assert done.code == 0, done.err
    return shell


def edit(shop: Shell, name: str, **fields: Any) -> None:
    """A change made in the dashboard."""
    tag = f"a=assistant.{name};"
    [live] = [each for each in shop.team.listed("/assistants") if tag in each["metadata"]["retinue"]]
    shop.team.send("post", f"/assistants/{live['id']}", fields)


def desk(**changed: str) -> str:
    return "\n\n".join(changed.get(f"p{number}", text) for number, text in enumerate(DESK))


def changed(shop: Shell) -> dict[str, str]:
    now = {name: (shop.team.root / name).read_text(encoding="utf-8") for name in FILES}
    return {name: text for name, text in now.items() if text != FILES[name]}


def test_a_part_beside_a_glob_is_still_written(shop: Shell) -> None:
    edit(shop, "desk", instructions=desk(p4="Be quick."))
    assert shop("drift", "--accept", "all").code == 0
    assert changed(shop) == {"team.yaml": FILES["team.yaml"].replace("Be brief.", "Be quick.")}
    assert shop("plan", "--detailed-exitcode").code == 0


REFUSED = {
    "one of a glob": ({"p1": "First.\n\nLater."}, "it is put together of the files of 'parts/*.md'"),
    "what a file includes": ({"p2": "Around.\nOutside."}, "'prompts/around.md' is rendered"),
    "what projects share": ({"p3": "The house is new."}, "'../prompts/house.md' may be shared with other projects"),
    "what another one includes": ({"p0": "You stand."}, "'prompts/desk.md', of which assistant.clerk is made, too"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_part_that_cannot_be_written_is_refused_with_a_word(shop: Shell, case: str) -> None:
    parts, said = REFUSED[case]
    edit(shop, "desk", instructions=desk(**parts))
    done = shop("drift", "--accept", "all")
    assert done.code == 1
    assert said in " ".join(done.err.split())
    assert changed(shop) == {}


def test_a_part_of_a_variable_is_written_where_it_stands(shop: Shell) -> None:
    edit(shop, "porter", instructions="Carry.\n\nSay please.\n\nSay nothing.")
    assert shop("drift", "--accept", "all").code == 0
    assert changed(shop) == {"retinue.yaml": FILES["retinue.yaml"].replace("Say thanks.", "Say nothing.")}
    assert shop("plan", "--detailed-exitcode").code == 0


def test_an_entry_of_a_list_that_the_declaration_gives_goes_there(shop: Shell) -> None:
    edit(shop, "owner", tools=[{"type": "code_interpreter"}])
    done = shop("drift", "--accept", "all")
    assert done.code == 0, done.err
    [name] = changed(shop)
    assert "kit: [code_interpreter]" in changed(shop)[name]
    assert shop("plan", "--detailed-exitcode").code == 0


def test_an_entry_of_a_list_that_a_template_has_of_a_variable_is_left_to_people(shop: Shell) -> None:
    edit(shop, "borrower", tools=[{"type": "code_interpreter"}])
    done = shop("drift", "--accept", "all")
    assert done.code == 1
    assert "others may be made of, too" in " ".join(done.err.split())
    assert changed(shop) == {}
