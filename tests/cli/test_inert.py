"""No text of a declaration or an account is taken for anything but text: not by a terminal, not by the runner of a
pipeline, not by whoever renders a comment or a page. Hostile texts, in every place that holds one, through every
command and every form of what it prints."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import yaml
from markdown_it import MarkdownIt

from retinue.cli import main
from retinue.model.printable import json_text, printable
from tests.cli.conftest import Result, Shell
from tests.report.test_comments import Html, leaves
from tests.support.serving import serving

COMMANDS = (
    "::stop-commands::token",
    "  ::set-output name=x::y",
    "::add-mask::hello",
    "\u00a0::error file=a.py::no",
    "words ##[add-mask]secret",
    "##[group]folded",
    "###[section]x",
    "##vso[task.setvariable variable=a]b",
    "##teamcity[buildStop]",
)
ESCAPES = (
    "\x1b]0;owned\x07 \x1b[2K\x1b[1A \x9b31m \x90q\x9c \x85 \x7f \x08",
    "section_start:1:x\r\x1b[0K section_end:1:x\r\x1b[0K",
    "\u202eevil\u202c \u2066x\u2069 \u200e \u200b \ufeff \U000e0041 \u2028 \u2029",
)
MARKUP = (
    "@team/admins #1 <img src=https://evil.example/x> [a](https://evil.example) ![b](https://evil.example)",
    "```\n# heading\n</code></summary></details>\n`````\n--> <script>alert(1)</script>",
)
HOSTILE = "\n".join(("Begin.", *COMMANDS, *ESCAPES, *MARKUP, "End."))
NAME = " ".join((*COMMANDS[::4], *ESCAPES, "@team/admins <b>`x`</b>")).replace("\u2028", "")
IN_YAML = "".join(each for each in HOSTILE if each.isprintable() or each == "\n")
"""What no document of YAML may hold stands in files and in the account."""

SEEN = re.compile(r"^\s*(?:\x1b\[[0-9;]*m)*::|##[A-Za-z]*\[", re.MULTILINE)
HIDDEN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\U000e0000-\U000e007f]"
)
PLAN_FORMS = ("text", "json", "markdown", "github")
DETAILS = ("summary", "hunks", "full")


def check_inert(text: str, *, ours: int = 0) -> None:
    """Nothing for a runner, nothing for a terminal. `ours` is the number of commands that are meant as such."""
    assert len(SEEN.findall(text)) == ours, [each for each in text.splitlines() if SEEN.search(each)]
    assert HIDDEN.findall(text) == []


def check_markup(text: str) -> None:
    """In Markdown, whatever is not ours stands in code."""
    for token in leaves(MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)):
        loose = token.content if token.type == "text" else ""
        if token.type in ("html_block", "html_inline"):
            found = Html()
            found.feed(token.content)
            assert found.tags <= {"details", "summary", "code"}
            loose = found.loose
        assert not any(each in loose for each in ("evil", "@team", "alert", "owned", "heading"))


@pytest.fixture
def hostile(shell: Shell) -> Shell:
    """A stack with something hostile in every text, applied, and then edited by others and changed by its authors."""
    write(shell, HOSTILE)
    assert shell("apply", "--yes").code == 0
    assistants = shell.team.listed("/assistants")
    shell.team.send("post", f"/assistants/{assistants[0]['id']}", {"name": NAME, "instructions": f"{HOSTILE}\nTheirs."})
    shell.team.send(
        "post",
        "/assistants",
        {"model": "gpt-4o", "name": NAME, "description": NAME, "metadata": {NAME[:60]: NAME[:500]}},
    )
    write(shell, HOSTILE.replace("End.", "The end.\n::warning::added"))
    return shell


def write(shell: Shell, text: str) -> None:
    shell.write("prompt.md", text)
    shell.write(f"kb/{NAME.replace('/', '')[:60]}.md", text)
    shell.write("charting/SKILL.md", f"---\nname: charting\ndescription: Draws.\n---\n\n{text}")
    declared: dict[str, Any] = {
        "assistants": {
            "bot": {
                "name": "Bot",
                "model": "gpt-4o",
                "description": IN_YAML[:500],
                "instructions": {"file": "prompt.md"},
                "metadata": {"::add-mask::key": IN_YAML[:400], "##[group]": "x"},
                "tools": [{"file_search": {"vector_store": "kb"}}, {"function": {"name": "f", "description": IN_YAML}}],
            }
        },
        "vector_stores": {"kb": {"name": IN_YAML[:200], "files": ["kb/*.md"]}},
        "skills": {"charting": {"folder": "charting"}},
    }
    shell.write("team.yaml", yaml.safe_dump(declared, allow_unicode=True, width=10_000))


def check(result: Result) -> Result:
    check_inert(result.out)
    check_inert(result.err)
    return result


@pytest.mark.parametrize("form", PLAN_FORMS)
@pytest.mark.parametrize("detail", DETAILS)
def test_plans(hostile: Shell, form: str, detail: str) -> None:
    shown = check(hostile("plan", "--format", form, "--detail", detail, "--html", str(hostile.team.root / "p.html")))
    assert "stop-commands" in shown.out or detail == "summary"
    if form in ("markdown", "github"):
        check_markup(shown.out)
    page = (hostile.team.root / "p.html").read_text(encoding="utf-8")
    assert HIDDEN.findall(page) == []
    assert "<img" not in page
    assert page.count("<script") == 1  # its own


def test_a_saved_plan_that_is_shown(hostile: Shell) -> None:
    check(hostile("plan", "--out", str(hostile.team.root / "plan.json")))
    for form in PLAN_FORMS:
        capture = hostile.capture
        capture.readouterr()
        assert main(["show-plan", str(hostile.team.root / "plan.json"), "--format", form]) == 0
        check_inert(capture.readouterr().out)


@pytest.mark.parametrize("as_json", [False, True])
def test_applies(hostile: Shell, as_json: bool) -> None:
    """The plan, the progress, and how it ended; and what stops one that nobody looks at."""
    more = ["--json"] if as_json else []
    assert check(hostile("apply", "--yes", *more)).code == 4
    assert check(hostile("apply", "--yes", "--revert-drift", *more)).code == 0
    assert check(hostile("destroy", "--yes")).code == 0


@pytest.mark.parametrize("form", ["text", "json", "markdown", "github", "junit"])
def test_drift(hostile: Shell, form: str) -> None:
    shown = check(hostile("drift", "--unowned", "--format", form))
    assert "stop-commands" in shown.out
    if form in ("markdown", "github"):
        check_markup(shown.out)


def test_drift_that_is_accepted(hostile: Shell) -> None:
    check(hostile("drift", "--accept", "all"))


@pytest.mark.parametrize("form", ["text", "json", "markdown"])
def test_differences_of_environments(hostile: Shell, form: str) -> None:
    hostile.write(
        "retinue.yaml",
        "stack: test\ninclude: ['*.yaml']\nenvironments:\n  one: {}\n  two:\n    assistants:\n"
        f"      bot: {{instructions: {json.dumps(IN_YAML, ensure_ascii=False)}}}\n",
    )
    shown = check(hostile("diff", "-e", "one", "-e", "two", "--format", form))
    assert "stop-commands" in shown.out
    if form == "markdown":
        check_markup(shown.out)


@pytest.mark.parametrize(
    "command",
    [
        ("show",),
        ("show", "--json"),
        ("show", "assistant.bot"),
        ("show", "assistant.bot", "--json"),
        ("show", "skill.charting"),
        ("output",),
        ("output", "--format", "env"),
        ("models",),
        ("doctor",),
        ("doctor", "--json"),
        ("import", "--scan"),
        ("import", "--scan", "--json"),
        ("render", "--explain"),
        ("render", "--json"),
        ("migrate", "--dry-run", "--to", "agents"),
        ("validate",),
    ],
    ids=" ".join,
)
def test_looking(hostile: Shell, command: tuple[str, ...]) -> None:
    check(hostile(*command))


def test_what_is_printed_as_data_is_the_same_data(hostile: Shell) -> None:
    """`render` and `show` say with escapes what they must not say in clear."""
    rendered = yaml.safe_load(check(hostile("render")).out)
    assert rendered["assistants"]["bot"]["instructions"] == (hostile.team.root / "prompt.md").read_text(
        encoding="utf-8"
    )
    assert rendered["assistants"]["bot"]["metadata"]["##[group]"] == "x"
    shown = json.loads(check(hostile("show", "assistant.bot", "--json")).out)
    assert shown["instructions"] == f"{HOSTILE}\nTheirs."
    assert yaml.safe_load(check(hostile("show", "assistant.bot")).out)["instructions"] == shown["instructions"]


def test_imports(hostile: Shell) -> None:
    """Of a skill whose files have hostile names, too: these are names that an account gave."""
    head = "---\nname: theirs\ndescription: Theirs.\n---\n"
    with hostile.team.client() as client:
        client.skills.create(
            files=[("theirs/SKILL.md", head.encode()), (f"theirs/{NAME.replace('/', '')[:80]}.md", HOSTILE.encode())]
        )
    check(hostile("import", "--all"))
    check(hostile("validate"))


def mistakes() -> Iterator[tuple[str, str]]:
    """Files with mistakes whose messages and excerpts quote them."""
    quoted = json.dumps(IN_YAML, ensure_ascii=False)
    yield "unknown field", f"assistants:\n  bot: {{model: gpt-4o, {quoted}: 1}}\n"
    yield "value", f"assistants:\n  bot: {{model: gpt-4o, temperature: {quoted}}}\n"
    yield "name", f"assistants:\n  {quoted}: {{model: gpt-4o}}\n"
    yield "missing file", f"assistants:\n  bot: {{model: gpt-4o, instructions: {{file: {quoted}}}}}\n"
    yield "excerpt", "assistants:\n  bot:\n    model: gpt-4o\n    ::stop-commands::x: ##[group] \u202e\u200b\u0085\n"
    yield (
        "variable",
        f"assistants:\n  bot: {{model: gpt-4o, name: '${{{{ var.##[group] }}}}', description: {quoted}}}\n",
    )
    yield "no YAML", "assistants: [\n::stop-commands::x\n##[group]\n"


@pytest.mark.parametrize("form", ["text", "json", "sarif", "github", "junit"])
@pytest.mark.parametrize("text", [text for _, text in mistakes()], ids=[name for name, _ in mistakes()])
def test_mistakes(shell: Shell, text: str, form: str) -> None:
    shell.write("##[group] ::stop.yaml", text)
    found = shell("validate", "--format", form)
    assert found.code == 1
    check_inert(found.err)
    commands = [each for each in found.out.splitlines() if each.startswith("::")]
    assert all(re.match(r"::(error|warning) (file=|title=)", each) for each in commands)
    check_inert(found.out, ours=len(commands) if form == "github" else 0)


@pytest.mark.parametrize(
    "command", [("plan",), ("plan", "--format", "github"), ("apply", "--yes", "--json"), ("doctor",)]
)
def test_what_an_account_says_of_a_mistake(
    shell: Shell, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refusing(httpx2.BaseTransport):
        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            error = {"message": HOSTILE, "type": "x", "param": NAME, "code": NAME}
            headers = {"x-request-id": "::stop-commands::x"}
            return httpx2.Response(400, json={"error": error}, headers=headers, request=request)

    with serving(Refusing()) as url:
        monkeypatch.setenv("KEY", "key-of-nobody")
        shell.write("retinue.yaml", f"stack: test\naccount: {{base_url: {url}, api_key_env: KEY}}\n")
        shell.write("assistants/bot.yaml", "assistants:\n  bot: {model: gpt-4o}\n")
        result = check(shell(*command))
    assert "stop-commands" in result.out + result.err or command == ("doctor",)


def test_arguments_of_the_command_line(shell: Shell) -> None:
    check(shell("plan", "--target", "##[group]\x1b[2K"))
    check(shell("show", "assistant.::stop\x1b]0;x\x07"))
    check(shell("plan", "--nonsense\x1b[2K"))


def test_what_is_safe_stays_what_it_is() -> None:
    """And JSON stays the same data."""
    for text in (HOSTILE, NAME, *COMMANDS, *ESCAPES):
        check_inert(printable(text))
        assert printable(printable(text)) == printable(text)
        assert json.loads(json_text({"a": [text]})) == {"a": [text]}
        check_inert(json_text({text: [text]}))
        check_inert(json_text([text], indent=None, ascii_only=True))
