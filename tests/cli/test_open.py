"""Where people look at an object, and addresses that nobody finished."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from typing import Any

import pytest

from retinue.commands.object_page import page_of
from retinue.emulator.console import __file__ as console
from retinue.kinds import all_kinds
from retinue.kinds.kind import Kind
from retinue.model.live import Live
from tests.cli.conftest import Shell
from tests.support.terminal import command, environment, in_terminal, seen

KINDS = all_kinds()
STORED = {name: kind for name, kind in KINDS.items() if kind.stored}
TEAM = """\
assistants:
  math-tutor: {model: gpt-4o}
  history-tutor: {model: gpt-4o}
  history: {model: gpt-4o}
"""


def live(kind: Kind) -> Live:
    return Live(id="x_1", kind=kind.name, spec={}, within="y_1")


# ── pages ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", STORED.values(), ids=STORED)
def test_the_console_has_the_page(kind: Kind) -> None:
    """Its script has a table of its pages, by their names."""
    from pathlib import Path

    page = page_of(live(kind), kind, "local").console
    assert page is not None
    script = (Path(console).parent / "page" / "console.js").read_text(encoding="utf-8")
    _, slug, _ = page.split("/")
    assert f"\n  {slug}: {{" in script.partition("const KINDS = ")[2]


@pytest.mark.parametrize(
    ("account", "url"),
    [
        ("openai", "https://platform.openai.com/storage/vector_stores"),
        ({"api_key_env": "KEY"}, "https://platform.openai.com/storage/vector_stores"),
        ({"base_url": "https://example.com/v1"}, None),
        ({"local": "accounts"}, None),
    ],
)
def test_the_dashboard_is_that_of_openai_alone(account: Any, url: str | None) -> None:
    assert page_of(live(KINDS["vector_store"]), KINDS["vector_store"], account).url == url


def test_what_is_rendered_has_no_page() -> None:
    one = replace(live(KINDS["assistant"]), home="responses")
    assert page_of(one, KINDS["assistant"], "local") == page_of(one, KINDS["assistant"], "openai")
    assert page_of(one, KINDS["assistant"], "local").console is None


def test_the_page_of_an_object_is_printed_and_served(shell: Shell) -> None:
    shell.write("team.yaml", TEAM)
    shell("apply", "--yes")
    asked = shell("output", "assistant.math-tutor").out.strip()
    with subprocess.Popen(
        command("open", "-C", str(shell.team.root), "assistant.math-tutor", "--port", "0", "--no-browser"),
        env=environment({}),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        process.terminate()
    assert line.startswith("http://127.0.0.1:")
    assert line.endswith(f"/#/assistants/{asked}")


def test_what_is_not_there_has_no_page(shell: Shell) -> None:
    shell.write("team.yaml", TEAM)
    assert "the account has no assistant.math-tutor" in shell("open", "assistant.math-tutor").err


# ── addresses that nobody finished ────────────────────────────────────────────────────────────────────────────────────


def test_a_name_that_one_has_is_enough_for_looking(shell: Shell) -> None:
    shell.write("team.yaml", TEAM)
    shown = shell("render", "history")
    assert shown.err == "history → assistant.history\n"
    assert "history:" in shown.out
    assert "history-tutor" not in shown.out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("math", "'math' is not an address: did you mean assistant.math-tutor?"),
        ("hist", "'hist' may be any of assistant.history-tutor, assistant.history"),
        ("zebra", "nothing is called 'zebra'"),
    ],
)
def test_a_script_writes_names_out(shell: Shell, text: str, said: str) -> None:
    shell.write("team.yaml", TEAM)
    refused = shell("render", text)
    assert refused.code == 64
    assert said in refused.err


@pytest.mark.parametrize("text", ["math", "assistant.ma"])
def test_a_person_may_stop_in_the_middle(shell: Shell, text: str) -> None:
    shell.write("team.yaml", TEAM)
    ended = in_terminal(command("render", text, "-C", str(shell.team.root)))
    assert ended.code == 0
    assert seen(ended.written, 80, 24)[0] == f"{text} → assistant.math-tutor"


def test_what_changes_something_takes_whole_addresses_only(shell: Shell) -> None:
    shell.write("team.yaml", TEAM)
    ended = in_terminal(command("plan", "--target", "math", "-C", str(shell.team.root)))
    assert ended.code == 64


def test_yes_has_the_name_that_fingers_know(shell: Shell) -> None:
    shell.write("team.yaml", TEAM)
    assert shell("apply", "--auto-approve").code == 0
    assert shell("destroy", "--auto-approve").code == 0
