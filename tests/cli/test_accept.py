"""What somebody changed in the account is written into the files, and nothing beside it; or nothing is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Shell

FILES = {
    "retinue.yaml": """\
stack: shop
include: [team.yaml]
variables: {model: gpt-4o}
environments:
  production: {}
""",
    "team.yaml": """\
# Who answers what.
x-desk: &desk
  temperature: 0.5   # calm

assistants:
  tutor:
    name: "Tutor"   # shown to students
    model: gpt-4o
    description: 'One of two'
    instructions: {file: prompts/tutor.md}
    # What it can do.
    tools:
      - code_interpreter
      - function: get_weather   # shared
      - file_search: {vector_store: handbook, max_num_results: 8}
    # Who pays.
    metadata:
      team: education   # since 2024
      tier: gold

  desk:
    <<: *desk
    model: ${{ var.model }}
    instructions:
      - {file: prompts/tone.md}
      - Be brief.
    tools: [{function: get_weather}]

  clerk:
    <<: *desk
    model: gpt-4o
    instructions: {file: prompts/clerk.md, render: true}

functions:
  get_weather:
    description: Current weather for a city.   # in English
    parameters: {type: object, properties: {city: {type: string}}}

vector_stores:
  handbook:
    name: Handbook
    files: [handbook/*.md]
""",
    "prompts/tutor.md": "You are kind.\n\nYou are brief.\n",
    "prompts/tone.md": "Be polite.\n",
    "prompts/clerk.md": "You work for ${{ var.model }}.\n",
    "handbook/refunds.md": "Money comes back within thirty days.\n",
}


@pytest.fixture
def shop(shell: Shell) -> Shell:
    for name, text in FILES.items():
        shell.write(name, text)
    assert shell("apply", "--yes").code == 0
    return shell


def live(shop: Shell, name: str) -> dict[str, Any]:
    (found,) = [
        each for each in shop.team.listed("/assistants") if f"a=assistant.{name};" in each["metadata"]["retinue"]
    ]
    return found


def edit(shop: Shell, address: str, **fields: Any) -> None:
    """A change made in the dashboard."""
    shop.team.send("post", f"/assistants/{live(shop, address)['id']}", fields)


def written(shop: Shell) -> dict[str, str]:
    return {name: (shop.team.root / name).read_bytes().decode("utf-8") for name in FILES}


def accept(shop: Shell, *what: str) -> dict[str, tuple[str, str]]:
    """The lines that were taken out and put in, by file. Afterwards nothing of it is left to plan."""
    before = written(shop)
    done = shop("drift", *(word for each in what for word in ("--accept", each)))
    assert done.code == 0, done.err
    after = written(shop)
    return {name: _differing(before[name], after[name]) for name in FILES if before[name] != after[name]}


def _differing(before: str, after: str) -> tuple[str, str]:
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    while old and new and old[0] == new[0]:
        old, new = old[1:], new[1:]
    while old and new and old[-1] == new[-1]:
        old, new = old[:-1], new[:-1]
    return "".join(old), "".join(new)


def is_settled(shop: Shell) -> bool:
    return shop("plan", "--detailed-exitcode").code == 0


# ── what is written ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_plain_value_keeps_its_quotes_and_its_comment(shop: Shell) -> None:
    edit(shop, "tutor", name="Teacher", description="It's one: of three")
    assert accept(shop, "assistant.tutor.name") == {
        "team.yaml": (
            '    name: "Tutor"   # shown to students\n',
            '    name: "Teacher"   # shown to students\n',
        )
    }
    assert not is_settled(shop), "only the one that was named"
    assert accept(shop, "assistant.tutor") == {
        "team.yaml": ("    description: 'One of two'\n", "    description: 'It''s one: of three'\n")
    }
    assert is_settled(shop)


def test_a_file_keeps_its_permissions(shop: Shell) -> None:
    path = shop.team.root / "team.yaml"
    path.chmod(0o640)
    edit(shop, "tutor", name="Teacher")
    accept(shop, "assistant.tutor.name")
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_long_text_is_written_into_its_own_file(shop: Shell) -> None:
    edit(shop, "tutor", instructions="You are kind.\n\nYou are ${{ long }}.\n# really")
    assert accept(shop, "assistant.tutor.instructions") == {
        "prompts/tutor.md": ("You are brief.\n", "You are ${{ long }}.\n# really\n")
    }
    assert is_settled(shop)


def test_a_file_with_windows_line_ends_keeps_them(shop: Shell) -> None:
    path = shop.team.root / "prompts" / "tutor.md"
    path.write_bytes(b"\xef\xbb\xbf" + FILES["prompts/tutor.md"].replace("\n", "\r\n").encode())
    edit(shop, "tutor", instructions="You are kind.\n\nYou are long.")
    assert shop("drift", "--accept", "all").code == 0
    assert path.read_bytes() == b"\xef\xbb\xbfYou are kind.\r\n\r\nYou are long.\r\n"
    assert is_settled(shop)


def test_metadata_is_accepted_key_by_key(shop: Shell) -> None:
    metadata = live(shop, "tutor")["metadata"]
    del metadata["tier"]
    edit(shop, "tutor", metadata={**metadata, "team": "support", "mine": "1"})
    assert accept(shop, "assistant.tutor.metadata.team") == {
        "team.yaml": ("      team: education   # since 2024\n", "      team: support   # since 2024\n")
    }
    assert accept(shop, "assistant.tutor.metadata") == {"team.yaml": ("      tier: gold\n", "")}
    assert is_settled(shop), "what was not declared stays undeclared"
    assert "mine" not in written(shop)["team.yaml"]


def test_a_field_that_was_emptied_is_declared_no_more(shop: Shell) -> None:
    edit(shop, "tutor", description=None)
    assert accept(shop, "assistant.tutor") == {"team.yaml": ("    description: 'One of two'\n", "")}
    assert is_settled(shop)


def test_tools_are_accepted_one_by_one(shop: Shell) -> None:
    """One is taken out, one has other options, one is new; their comments stay with them."""
    tools = [each for each in live(shop, "tutor")["tools"] if each["type"] != "code_interpreter"]
    for each in tools:
        if each["type"] == "file_search":
            each["file_search"] = {"max_num_results": 20}
    new = {"type": "function", "function": {"name": "get_time", "parameters": {"type": "object", "required": ["zone"]}}}
    edit(shop, "tutor", tools=[*tools, new])
    assert accept(shop, "assistant.tutor.tools") == {
        "team.yaml": (
            """\
      - code_interpreter
      - function: get_weather   # shared
      - file_search: {vector_store: handbook, max_num_results: 8}
""",
            """\
      - function: get_weather   # shared
      - file_search: {vector_store: handbook, max_num_results: 20}
      - function:
          name: get_time
          parameters:
            type: object
            required:
              - zone
""",
        )
    }
    assert is_settled(shop)


def test_a_function_that_others_share_says_who_is_affected(shop: Shell) -> None:
    tools = live(shop, "tutor")["tools"]
    for each in tools:
        if each["type"] == "function":
            each["function"]["description"] = "Weather anywhere."
    edit(shop, "tutor", tools=tools)
    done = shop("drift", "--accept", "assistant.tutor")
    assert done.code == 0
    assert "description: Weather anywhere.   # in English" in written(shop)["team.yaml"]
    assert "affects  assistant.desk, which uses the same: see 'retinue plan'" in done.out
    assert "assistant.tutor" not in shop("plan").out
    assert "~ assistant.desk" in shop("plan", "--detail", "summary").out


def test_another_store_is_written_by_its_name_or_its_id(shop: Shell) -> None:
    other = shop.team.send("post", "/vector_stores", {"name": "By hand"})["id"]
    edit(shop, "tutor", tool_resources={"file_search": {"vector_store_ids": [other]}})
    (changed,) = accept(shop, "assistant.tutor").values()
    assert changed[1].strip() == f"- file_search: {{vector_store: {{id: {other}}}, max_num_results: 8}}"
    assert is_settled(shop)


@pytest.mark.parametrize("inline", [False, True], ids=["in its file", "in retinue.yaml"])
def test_a_value_of_an_overlay_is_written_into_the_overlay(shop: Shell, inline: bool) -> None:
    overlay = "assistants:\n  tutor:\n    name: Tutor of production   # only there\n"
    if inline:
        below = "".join(f"    {line}\n" for line in overlay.splitlines())
        project = FILES["retinue.yaml"].replace("  production: {}\n", f"  production:\n{below}")
        shop.write("retinue.yaml", project)
    else:
        shop.write("environments/production.yaml", overlay)
    assert shop("apply", "--yes", "-e", "production").code == 0
    (production,) = [each for each in shop.team.listed("/assistants") if each["name"] == "Tutor of production"]
    shop.team.send("post", f"/assistants/{production['id']}", {"name": "Theirs"})
    done = shop("drift", "-e", "production", "--accept", "assistant.tutor.name")
    assert done.code == 0, done.err
    path = shop.team.root / ("retinue.yaml" if inline else "environments/production.yaml")
    assert "name: Theirs   # only there\n" in path.read_text(encoding="utf-8")
    assert written(shop)["team.yaml"] == FILES["team.yaml"]
    assert shop("plan", "-e", "production", "--detailed-exitcode").code == 0


def test_everything_is_accepted_at_once(shop: Shell) -> None:
    edit(shop, "tutor", name="Teacher", instructions="Other.", model="gpt-6-luna")
    assert set(accept(shop, "all")) == {"team.yaml", "prompts/tutor.md"}
    assert is_settled(shop)
    done = shop("drift", "--accept", "all")
    assert (done.code, done.out) == (0, "nothing to accept: there is no drift\n")


def test_a_conflict_is_settled_for_what_is_live(shop: Shell) -> None:
    shop.write("team.yaml", FILES["team.yaml"].replace('"Tutor"', '"Professor"'))
    edit(shop, "tutor", name="Teacher")
    assert accept(shop, "assistant.tutor.name") == {
        "team.yaml": ('    name: "Professor"   # shown to students\n', '    name: "Teacher"   # shown to students\n')
    }
    assert is_settled(shop)


# ── what is refused ───────────────────────────────────────────────────────────────────────────────────────────────────

REFUSED = {
    "a variable": ({"model": "gpt-6-luna"}, "desk", ["its value comes from '${{ var.model }}'", "change the variable"]),
    "several parts": ({"instructions": "Other."}, "desk", ["it is put together of several parts", "team.yaml:"]),
    "a rendered file": ({"instructions": "Other."}, "clerk", ["'prompts/clerk.md' is rendered", "by hand"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_program_can_write_is_refused_with_its_place(shop: Shell, name: str) -> None:
    fields, address, said = REFUSED[name]
    edit(shop, address, **fields)
    done = shop("drift", "--accept", "all")
    assert done.code == 1
    assert "error[not-acceptable]" in done.err
    for each in said:
        assert each in done.err
    assert written(shop) == FILES


def test_what_projects_share_is_not_written(shell: Shell) -> None:
    """An edit of one project's object is no reason to change the others."""
    shell.write("retinue.yaml", "stack: shop\nshared: [../prompts]\ninclude: [team.yaml]\n")
    shell.write("../prompts/tone.md", "Be kind.\n")
    shell.write("team.yaml", "assistants:\n  tutor: {model: gpt-4o, instructions: {file: ../prompts/tone.md}}\n")
    assert shell("apply", "--yes").code == 0
    edit(shell, "tutor", instructions="Be brief.")
    done = shell("drift", "--accept", "all")
    assert done.code == 1
    assert "'../prompts/tone.md' may be shared with other projects" in done.err
    assert (shell.team.root / "../prompts/tone.md").read_text(encoding="utf-8") == "Be kind.\n"


COMPOSED = {
    "retinue.yaml": "stack: shop\ninclude: [team.yaml]\nvariables: {kit: [code_interpreter, file_search]}\n",
    "team.yaml": """\
assistants:
  parts: {model: gpt-4o, instructions: {file: "prompts/*.md"}}
  one: {model: gpt-4o, tools: ["${{ var.kit }}"]}
  two: {model: gpt-4o, tools: ["${{ var.kit }}"]}
""",
    "prompts/1.md": "One.\n",
    "prompts/2.md": "Two.\n",
}


@pytest.fixture
def composed(shell: Shell) -> Shell:
    for name, content in COMPOSED.items():
        shell.write(name, content)
    assert shell("apply", "--yes").code == 0
    return shell


def test_a_text_of_several_files_is_not_written_into_one(composed: Shell) -> None:
    edit(composed, "parts", instructions="Other.")
    done = composed("drift", "--accept", "all")
    assert done.code == 1
    assert "it is put together of the files of 'prompts/*.md'" in done.err
    assert {name: (composed.team.root / name).read_text(encoding="utf-8") for name in COMPOSED} == COMPOSED


def test_what_the_command_line_gives_is_not_written(shell: Shell) -> None:
    for name, content in COMPOSED.items():
        shell.write(name, content)
    shell.write("team.yaml", 'assistants: {one: {model: gpt-4o, tools: ["${{ var.kit }}"]}}\n')
    shell.write("vars.yaml", "kit: [code_interpreter, file_search]\n")
    given = ("--var-file", str(shell.team.root / "vars.yaml"))
    assert shell("apply", "--yes", *given).code == 0
    edit(shell, "one", tools=[{"type": "code_interpreter"}])
    done = shell("drift", "--accept", "all", *given)
    assert done.code == 1
    assert "vars.yaml' is given on the command line" in done.err
    assert (shell.team.root / "vars.yaml").read_text(encoding="utf-8") == "kit: [code_interpreter, file_search]\n"


def test_an_edit_of_a_set_of_tools_says_who_else_has_it(composed: Shell) -> None:
    edit(composed, "one", tools=[{"type": "code_interpreter"}])
    done = composed("drift", "--accept", "all")
    assert done.out.splitlines() == [
        "accepted assistant.one.tools.file_search",
        "wrote    retinue.yaml",
        "affects  assistant.two, which uses the same: see 'retinue plan'",
    ]
    assert "{kit: [code_interpreter]}" in (composed.team.root / "retinue.yaml").read_text(encoding="utf-8")


def test_what_cannot_be_written_does_not_stop_the_others(shop: Shell) -> None:
    """All that is refused is told at once, and all else is accepted."""
    edit(shop, "tutor", name="Teacher")
    edit(shop, "desk", model="gpt-6-luna", instructions="Other.")
    edit(shop, "clerk", instructions="Other.", temperature=0.7)
    done = shop("drift", "--accept", "all")
    assert done.code == 5
    assert done.err.count("error[not-acceptable]") == 3
    assert done.out.splitlines() == [
        "accepted assistant.clerk.temperature",
        "accepted assistant.tutor.name",
        "wrote    team.yaml",
        "affects  assistant.desk, which uses the same: see 'retinue plan'",
    ]
    again = shop("drift", "--accept", "all")
    assert (again.code, again.out) == (1, "")
    assert again.err.count("error[not-acceptable]") == 3


def test_what_does_not_read_back_does_not_stop_the_others(shop: Shell) -> None:
    """Two share one value by an anchor, and have different ones now: a file can hold one of them."""
    edit(shop, "tutor", name="Teacher")
    edit(shop, "desk", temperature=0.7)
    edit(shop, "clerk", temperature=0.9)
    done = shop("drift", "--accept", "all")
    assert done.code == 5
    assert done.err.count("error[not-acceptable]") == 1
    assert "it would not read back as it is" in done.err
    assert "accepted assistant.tutor.name" in done.out
    assert done.out.count("temperature") == 1
    assert 'name: "Teacher"' in written(shop)["team.yaml"]


# Texts that somebody may write in a dashboard, and how a file of text, or a file of YAML, can hold them.
TEXTS = {
    "plain": "You are strict.",
    "several lines": "You are strict.\n\nAnd brief.",
    "an end of line": "You are strict.\n",
    "several ends of line": "You are strict.\n\n\n",
    "lines of windows": "You are strict.\r\nAnd brief.\r\n",
    "one line of windows": "You are strict.\r\n",
    "lines of old macs": "You are strict.\rAnd brief.",
    "mixed lines": "You\nare\r\nstrict.\r",
    "a mark": "\ufeffYou are strict.",
    "a mark within": "You are\ufeff strict.",
    "what is not seen": "You\u200bare\u00a0strict.\u2028And brief.",
    "controls": "You are\x1b[31m strict.\x07\x7f\x85",
    "blanks": "  You are strict.  \n   ",
    "tabs": "\tYou are strict.\n\t- brief",
    "expressions": "You are ${{ var.model }} and $${{ var.model }}, $${{.",
    "yaml": "- a: 'b' # c\n---\n...",
    "other alphabets": "Ты строг 🎓 e\u0301",
}
FILES_OF = {
    "unix": b"You are kind.\n\nYou are brief.\n",
    "windows": b"You are kind.\r\n\r\nYou are brief.\r\n",
    "a mark": b"\xef\xbb\xbfYou are kind.\r\n\r\nYou are brief.",
    "no end": b"You are kind.\n\nYou are brief.",
}


ANY = ["plain", "several ends of line", "lines of windows", "what is not seen"]


@pytest.mark.parametrize(
    ("text", "kept"), [*((text, "unix") for text in TEXTS), *((text, kept) for kept in FILES_OF for text in ANY)]
)
def test_a_text_is_accepted_however_it_has_to_be_held(shop: Shell, text: str, kept: str) -> None:
    (shop.team.root / "prompts/tutor.md").write_bytes(FILES_OF[kept])
    edit(shop, "tutor", instructions=TEXTS[text], name="Teacher")
    done = shop("drift", "--accept", "all")
    assert done.code == 0, done.err
    assert is_settled(shop)
    held = (shop.team.root / "prompts/tutor.md").read_bytes()
    if "\r" in TEXTS[text] or TEXTS[text].startswith("\ufeff"):
        assert held == FILES_OF[kept]
        assert "left     'prompts/tutor.md' as it is" in done.out
    else:
        assert held.startswith(b"\xef\xbb\xbf") == FILES_OF[kept].startswith(b"\xef\xbb\xbf")
        assert held.count(b"\r\n") == (held.count(b"\n") if b"\r\n" in FILES_OF[kept] else 0)


IN_PLACE = ["instructions: You are kind.", "instructions: |\n      You are\n      kind.", "instructions: 'You'"]


@pytest.mark.parametrize("written", IN_PLACE)
@pytest.mark.parametrize(("text", "ends"), [(text, ends) for text in ANY for ends in ("\n", "\r\n")])
def test_so_is_a_text_in_place(shop: Shell, text: str, ends: str, written: str) -> None:
    declared = FILES["team.yaml"].replace("instructions: {file: prompts/tutor.md}", written)
    (shop.team.root / "team.yaml").write_bytes(b"\xef\xbb\xbf" + declared.replace("\n", ends).encode())
    assert shop("apply", "--yes").code == 0
    edit(shop, "tutor", instructions=TEXTS[text])
    done = shop("drift", "--accept", "all")
    assert done.code == 0, done.err
    assert is_settled(shop)
    after = (shop.team.root / "team.yaml").read_bytes()
    assert after.startswith(b"\xef\xbb\xbf# Who answers what." + ends.encode())


def test_a_value_that_another_shares_by_an_anchor_affects_it(shop: Shell) -> None:
    edit(shop, "desk", temperature=0.9)
    done = shop("drift", "--accept", "assistant.desk")
    assert done.code == 0, done.err
    assert "  temperature: 0.9   # calm\n" in written(shop)["team.yaml"]
    assert "affects  assistant.clerk" in done.out


def test_files_of_a_store_are_not_accepted(shop: Shell) -> None:
    (store,) = shop.team.listed("/vector_stores")
    (attached,) = shop.team.state()["attached"][store["id"]]
    shop.team.send("delete", f"/vector_stores/{store['id']}/files/{attached['id']}")
    done = shop("drift", "--accept", "vector_store.handbook")
    assert done.code == 64
    assert "the files of vector_store.handbook are those of the project" in done.err
    edit(shop, "tutor", name="Teacher")
    done = shop("drift", "--accept", "all")
    assert done.code == 0
    assert "left     the files of vector_store.handbook" in done.out


def test_what_is_gone_cannot_be_accepted(shop: Shell) -> None:
    shop.team.send("delete", f"/assistants/{live(shop, 'desk')['id']}")
    done = shop("drift", "--accept", "assistant.desk")
    assert done.code == 64
    assert "assistant.desk is gone: remove its declaration" in done.err


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("assistant.tutor", "assistant.tutor has not drifted"),
        ("assistant.none", "assistant.none has not drifted"),
        ("tutor", "nothing of 'tutor' has drifted"),
        ("tutor.name", "assistant.tutor.name has not drifted"),
        ("tutor.", "is none of: all, assistant.math-tutor"),
    ],
)
def test_what_has_not_drifted_cannot_be_accepted(shop: Shell, what: str, said: str) -> None:
    edit(shop, "desk", temperature=0.9)
    done = shop("drift", "--accept", what)
    assert done.code == 64
    assert said in done.err
    assert written(shop) == FILES


def test_a_file_that_cannot_be_written_leaves_all_as_they_were(shop: Shell) -> None:
    """The second of two files is in the way of what would replace it."""
    edit(shop, "tutor", name="Teacher", instructions="Other.")
    from retinue.commands.drift import Accepted, write_accepted
    from retinue.errors import RetinueError

    root: Path = shop.team.root
    changed = {
        name: (FILES[name].encode() if name == "team.yaml" else b"older", b"new")
        for name in ("team.yaml", "prompts/tutor.md")
    }
    with pytest.raises(RetinueError, match="changed meanwhile; nothing was written"):
        write_accepted(Accepted(files=changed), root)
    assert written(shop) == FILES
    assert [path.name for path in root.rglob(".*.*") if path.suffix.strip(".").isdigit()] == []
