"""An edit in the account of a declaration that is made of others is written where it changes nothing but that one, or
it is said why not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.conftest import Shell

FILES = {
    "retinue.yaml": """\
stack: shop
include: ["*.yaml"]
environments: {production: {}}
defaults:
  assistants: {model: gpt-4o, temperature: 0.5, metadata: {owner: platform}}
""",
    "team.yaml": """\
templates:
  base:
    description: Of all.
    metadata: {style: polite}
    tools: [{file_search: {max_num_results: 8}}]
assistants:
  tutor:
    extends: base   # with all of it
    name: Tutor
    instructions: {file: prompts/tutor.md}
  desk:
    extends: base
    metadata: {team: desk}
""",
    "many.yaml": """\
assistants:
  "${{ matrix.topic }}-bot":
    description: ${{ matrix.topic }}
    instructions: {file: "prompts/${{ matrix.topic }}.md"}
    matrix: {topic: [billing, returns]}
""",
    "prompts/tutor.md": "You are kind.\n",
    "prompts/billing.md": "Money.\n",
    "prompts/returns.md": "Parcels.\n",
}


@pytest.fixture
def shop(shell: Shell) -> Shell:
    for name, text in FILES.items():
        shell.write(name, text)
    assert shell("apply", "--yes").code == 0
    return shell


def edit(shop: Shell, name: str, **fields: Any) -> None:
    """A change made in the dashboard."""
    tag = f"a=assistant.{name};"
    [live] = [each for each in shop.team.listed("/assistants") if tag in each["metadata"]["retinue"]]
    if "metadata" in fields:
        fields["metadata"] = {**live["metadata"], **fields["metadata"]}
    shop.team.send("post", f"/assistants/{live['id']}", fields)


def text(shop: Shell, name: str) -> str:
    return (shop.team.root / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("fields", "path", "line"),
    [
        ({"temperature": 0.1}, "temperature", "    temperature: 0.1\n"),
        ({"description": "Mine."}, "description", "    description: Mine.\n"),
        ({"description": None}, "description", "    description: null\n"),
        ({"metadata": {"owner": "us"}}, "metadata.owner", "    metadata:\n      owner: us\n"),
        ({"metadata": {"style": ""}}, "metadata.style", '    metadata:\n      style: ""\n'),
    ],
)
def test_what_comes_from_a_template_or_a_default_is_covered_in_the_declaration(
    shop: Shell, fields: dict[str, Any], path: str, line: str
) -> None:
    edit(shop, "tutor", **fields)
    done = shop("drift", "--accept", f"assistant.tutor.{path}")
    assert done.code == 0, done
    before = "    instructions: {file: prompts/tutor.md}\n"
    assert text(shop, "team.yaml") == FILES["team.yaml"].replace(before, before + line)
    assert text(shop, "retinue.yaml") == FILES["retinue.yaml"]
    assert shop("plan", "--detailed-exitcode").code == 0


def test_a_map_that_is_there_takes_it_in(shop: Shell) -> None:
    edit(shop, "desk", metadata={"style": "curt"})
    assert shop("drift", "--accept", "all").code == 0
    after = FILES["team.yaml"].replace("{team: desk}", "{team: desk, style: curt}")
    assert text(shop, "team.yaml") == after


def test_the_prompt_of_one_of_many_is_its_own(shop: Shell) -> None:
    edit(shop, "billing-bot", instructions="Money, and nothing else.")
    assert shop("drift", "--accept", "all").code == 0
    assert text(shop, "prompts/billing.md") == "Money, and nothing else.\n"
    assert text(shop, "many.yaml") == FILES["many.yaml"]


def test_what_many_are_made_of_is_not_changed_for_one_of_them(shop: Shell) -> None:
    edit(shop, "billing-bot", description="Mine.")
    done = shop("drift", "--accept", "all")
    assert done.code == 1
    assert "1 others of its matrix are made of the same line" not in done.err
    assert "another one of its matrix is made of the same line" in done.err
    assert "write what differs below its name in an environment" in done.err
    assert text(shop, "many.yaml") == FILES["many.yaml"]


def test_an_entry_of_a_list_of_a_template_is_left_to_people(shop: Shell) -> None:
    edit(shop, "tutor", tools=[{"type": "file_search", "file_search": {"max_num_results": 3}}])
    done = shop("drift", "--accept", "all")
    assert done.code == 1
    assert "it comes from a template or from defaults" in done.err
    assert text(shop, "team.yaml") == FILES["team.yaml"]
