"""Nothing is destroyed by accident: what stops an apply that nobody looks at, and what lets it go on."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress

import pytest

from retinue import engine
from retinue.errors import BlockedError
from retinue.planning.policy import Approval
from tests.cli.conftest import Shell
from tests.support.team import Team


def declare(shell: Shell, *names: str) -> None:
    lines = "".join(f"  {name}:\n    model: gpt-4o\n    name: {name}\n" for name in names)
    shell.write("bots.yaml", f"assistants:\n{lines}" if names else "{}\n")


def names(team: Team) -> list[str]:
    return sorted(each["name"] for each in team.listed("/assistants"))


@pytest.fixture
def bots(shell: Shell) -> Shell:
    """Ten applied assistants."""
    declare(shell, *"abcdefghij")
    assert shell("apply", "--yes").code == 0
    return shell


# ── deletions ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_nobody_deletes_unattended_without_a_word(bots: Shell) -> None:
    declare(bots, *"abcdefghi")
    stopped = bots("apply", "--yes")
    assert stopped.code == 4
    assert "would delete 1 object that nobody agreed to delete: assistant.j" in stopped.err
    assert "--allow-deletes 1" in stopped.err
    assert names(bots.team) == [*"abcdefghij"]
    assert bots("plan").code == 0  # looking is not deleting
    assert bots("apply", "--yes", "--allow-deletes", "1").code == 0
    assert names(bots.team) == [*"abcdefghi"]


def test_no_more_go_than_were_allowed(bots: Shell) -> None:
    declare(bots, *"abcdefgh")
    stopped = bots("apply", "--yes", "--allow-deletes", "1")
    assert stopped.code == 4
    assert (
        "2 objects that nobody agreed to delete, and --allow-deletes allows 1: assistant.i, assistant.j" in stopped.err
    )
    assert len(names(bots.team)) == 10
    assert bots("apply", "--yes", "--allow-deletes", "5").code == 0
    assert names(bots.team) == [*"abcdefgh"]


def test_a_replacement_counts_as_the_deletion_that_it_is(shell: Shell) -> None:
    store = "vector_stores:\n  kb:\n    name: KB\n    description: {}\n"
    shell.write("kb.yaml", store.format("Old"))
    shell("apply", "--yes")
    shell.write("kb.yaml", store.format("New"))
    assert shell("apply", "--yes").code == 4
    assert [each["description"] for each in shell.team.listed("/vector_stores")] == ["Old"]
    assert shell("apply", "--yes", "--allow-deletes", "1").code == 0


def test_destroy_is_its_own_word_for_deleting(bots: Shell) -> None:
    assert bots("destroy", "--yes").code == 0
    assert names(bots.team) == []


# ── limits ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_many_deletions_take_a_person(bots: Shell) -> None:
    declare(bots, *"abcdef")
    stopped = bots("apply", "--yes", "--allow-deletes", "9")
    assert stopped.code == 4
    assert "would delete 4 of the 10 objects of the stack (40 %), more than max_delete_percent (30)" in stopped.err
    assert len(names(bots.team)) == 10
    shown = bots("plan")
    assert shown.code == 0
    assert "warning[many-deletions]" in shown.out
    bots.write("retinue.yaml", "stack: test\ninclude: ['*.yaml']\nguards: {max_delete_percent: 40}\n")
    assert bots("apply", "--yes", "--allow-deletes", "9").code == 0
    assert names(bots.team) == [*"abcdef"]


@pytest.mark.parametrize(("limit", "shown"), [("30", "31"), ("30.5", "31"), ("30.7", "31"), ("30.76", "31")])
def test_a_share_is_shown_as_more_than_the_limit_it_exceeds(shell: Shell, limit: str, shown: str) -> None:
    """4 of 13 are 30.769 %."""
    shell.write("retinue.yaml", f"stack: test\ninclude: ['*.yaml']\nguards: {{max_delete_percent: {limit}}}\n")
    declare(shell, *"abcdefghijklm")
    assert shell("apply", "--yes").code == 0
    declare(shell, *"abcdefghi")
    said = f"4 of the 13 objects of the stack ({shown} %), more than max_delete_percent ({limit})"
    assert said in shell("apply", "--yes", "--allow-deletes", "4").err


def test_a_share_close_to_the_limit_has_the_digits_it_takes(shell: Shell) -> None:
    """4 of 13 are 30.769 %, which is 31 when rounded, and no more than 31."""
    shell.write("retinue.yaml", "stack: test\ninclude: ['*.yaml']\nguards: {max_delete_percent: 33.3}\n")
    declare(shell, *"abc", *"def")
    assert shell("apply", "--yes").code == 0
    declare(shell, *"abc", "d")
    said = "2 of the 6 objects of the stack (33.33 %), more than max_delete_percent (33.3)"
    assert said in shell("apply", "--yes", "--allow-deletes", "2").err


def test_many_replacements_take_a_person(shell: Shell) -> None:
    """What is made anew has lost what it held: threads, memories, whatever others kept in the old one."""
    stores = "vector_stores:\n" + "".join(
        f"  kb{number}: {{{{name: KB, description: {{0}}}}}}\n" for number in range(4)
    )
    shell.write("kb.yaml", stores.format("Old"))
    assert shell("apply", "--yes").code == 0
    shell.write("kb.yaml", stores.format("New"))
    stopped = shell("apply", "--yes", "--allow-deletes", "9")
    assert stopped.code == 4
    assert "would delete 4 of the 4 objects of the stack (100 %)" in stopped.err


def test_as_much_as_the_limit_may_go(bots: Shell) -> None:
    declare(bots, *"abcdefg")
    assert bots("apply", "--yes", "--allow-deletes", "3").code == 0


def test_one_object_is_never_too_many(shell: Shell) -> None:
    declare(shell, "a", "b")
    shell("apply", "--yes")
    declare(shell, "a")
    assert shell("apply", "--yes", "--allow-deletes", "1").code == 0


def test_many_changes_take_a_person_where_a_limit_is_set(bots: Shell) -> None:
    project = "stack: test\ninclude: ['*.yaml']\nguards: {max_change_percent: 20}\n"
    bots.write("retinue.yaml", project)
    text = (bots.team.root / "bots.yaml").read_text(encoding="utf-8")
    bots.write("bots.yaml", text.replace("name: a\n", "name: A\n").replace("name: b\n", "name: B\n"))
    assert bots("apply", "--yes").code == 0
    bots.write("bots.yaml", text)
    bots.write("bots.yaml", text.replace("gpt-4o", "gpt-4.1"))
    stopped = bots("apply", "--yes")
    assert stopped.code == 4
    assert "would change 10 of the 10 objects of the stack (100 %), more than max_change_percent (20)" in stopped.err
    bots.write("retinue.yaml", project + "environments: {x: {stack: test, guards: {max_change_percent: null}}}\n")
    assert bots("apply", "--yes", "-e", "x").code == 0


# ── nothing declared ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_declaring_nothing_does_not_mean_deleting_everything(bots: Shell) -> None:
    declare(bots)
    for command in (("plan",), ("apply", "--yes", "--allow-deletes", "10")):
        stopped = bots(*command)
        assert stopped.code == 4
        assert "nothing is declared, and all that the stack owns (10 objects) would go" in stopped.out
        assert "'retinue destroy'" in stopped.out
    assert len(names(bots.team)) == 10


@pytest.mark.parametrize("ending", ["keep", "retire"])
def test_declaring_nothing_does_not_mean_letting_go_of_everything(shell: Shell, ending: str) -> None:
    """What is kept loses its owner, what is retired ends some day: by an accident, neither is wanted."""
    shell.write("team.yaml", f"vector_stores: {{book: {{name: Book, lifecycle: {{on_delete: {ending}}}}}}}\n")
    assert shell("apply", "--yes").code == 0
    before = shell.team.state()
    shell.write("team.yaml", "")
    done = shell("apply", "--yes")
    assert done.code == 4
    assert "nothing is declared, and all that the stack owns (1 object) would go" in done.err
    assert shell.team.state() == before
    shell.write("team.yaml", "release: [vector_store.book]\n")
    assert shell("apply", "--yes").code == 0


def test_no_option_is_offered_where_it_would_not_be_enough(shell: Shell) -> None:
    store = "vector_stores: {{book: {{name: Book, lifecycle: {{protect: {}}}}}}}\n"
    shell.write("kept.yaml", "assistants: {kept: {model: gpt-6-luna, name: Kept}}\n")
    for protect, offered in (("true", False), ("false", True)):
        shell.write("book.yaml", store.format(protect))
        assert shell("apply", "--yes").code == 0
        (shell.team.root / "book.yaml").unlink()
        done = shell("apply", "--yes")
        assert (done.code, "run again with --allow-deletes 1" in done.err) == (4, offered)


# ── a person ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def answered(shell: Shell, answer: str) -> tuple[int, str]:
    """How an apply ends at a terminal where somebody answers its question, and what the terminal shows."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "retinue", "apply", "-C", str(shell.team.root)]
    with subprocess.Popen(command, stdin=theirs, stdout=subprocess.DEVNULL, stderr=theirs) as process:
        os.close(theirs)
        os.write(ours, f"{answer}\n".encode())
        shown = b""
        with suppress(OSError):  # the end of a terminal
            while part := os.read(ours, 4096):
                shown += part
    os.close(ours)
    return process.returncode, shown.decode()


@pytest.mark.parametrize("answer", ["y", "no", ""])
def test_only_the_whole_word_is_an_answer(shell: Shell, answer: str) -> None:
    declare(shell, "a")
    code, shown = answered(shell, answer)
    assert code == 1
    assert "Apply these changes? Only 'yes' is accepted" in shown
    assert "cancelled; nothing was changed" in shown
    assert names(shell.team) == []


def test_a_person_may_delete_as_much_as_they_say(bots: Shell) -> None:
    declare(bots, "a")
    code, _ = answered(bots, "yes")
    assert code == 0
    assert names(bots.team) == ["a"]


# ── what goes from objects that stay ──────────────────────────────────────────────────────────────────────────────────


def versions_beyond(shell: Shell) -> None:
    """A skill with five versions, and a sixth to come, which is the only one to stay."""
    for number in range(5):
        head = f"---\nname: charting\ndescription: Draws charts.\n---\n\nText {number}.\n"
        shell.write("charting/SKILL.md", head)
        shell.write("skills.yaml", "skills:\n  charting: {folder: charting}\n")
        assert shell("apply", "--yes").code == 0
    shell.write("skills.yaml", "skills:\n  charting: {folder: charting, keep_versions: 1}\n")
    shell.write("charting/SKILL.md", head + "And more.\n")


def attached_files(shell: Shell) -> None:
    """A store with six files, of which all but one are taken out."""
    for number in range(6):
        shell.write(f"kb/{number}.md", f"# Number {number}\n")
    shell.write("kb.yaml", "vector_stores:\n  kb: {name: KB, files: [kb/*.md]}\n")
    assert shell("apply", "--yes").code == 0
    for number in range(5):
        (shell.team.root / f"kb/{number}.md").unlink()
    shell.write("kb/5.md", "# Number 5, replaced, which is no deletion\n")


def carried_files(shell: Shell) -> None:
    """An assistant that carries seven files by their ids, and then two."""
    names = [f"{number}.csv" for number in range(7)]
    for name in names:
        shell.write(name, f"{name}\n")
    text = "assistants:\n  bot: {{model: gpt-4o, tools: [{{code_interpreter: {{files: [{}]}}}}]}}\n"
    shell.write("bot.yaml", text.format(", ".join(names)))
    assert shell("apply", "--yes").code == 0
    shell.write("bot.yaml", text.format(", ".join(names[:2])))


@pytest.mark.parametrize(
    ("take_away", "name"), [(versions_beyond, "version 3"), (attached_files, "kb/3.md"), (carried_files, "3.csv")]
)
def test_whatever_goes_counts_as_a_deletion(shell: Shell, take_away: Callable[[Shell], None], name: str) -> None:
    """For `--allow-deletes`, for the limit, and in the sentence that sums a plan up."""
    take_away(shell)
    for form in ("text", "markdown", "github", "json"):
        assert name in shell("plan", "--format", form).out.replace('"version",\n          "name": "3"', "version 3")
    assert "5 to destroy (5 " in shell("plan", "--detail", "summary").out
    stopped = shell("apply", "--yes", "--allow-deletes", "4")
    assert stopped.code == 4
    assert "--allow-deletes allows 4" in stopped.err
    assert not any(call.startswith("DELETE") for call in shell.team.calls)
    limited = shell("apply", "--yes", "--allow-deletes", "5")
    assert limited.code == 4
    assert "more than max_delete_percent (30)" in limited.err
    shell.write("retinue.yaml", "stack: test\ninclude: ['*.yaml']\nguards: {max_delete_percent: null}\n")
    done = shell("apply", "--yes", "--allow-deletes", "5")
    assert done.code == 0
    assert "5 destroyed (5 " in done.out
    assert "No changes." in shell("plan").out


# ── approved plans only ───────────────────────────────────────────────────────────────────────────────────────────────

REQUIRED = "stack: test\ninclude: ['*.yaml']\nguards: {require: approved-plan}\n"
BY_ENVIRONMENT = """\
stack: test
include: ['*.yaml']
environments:
  staging: {}
  production: {guards: {require: approved-plan}}
"""


def digest(shell: Shell, *more: str) -> str:
    found: str = json.loads(shell("plan", "--json", *more).out)["digest"]
    return found


@pytest.mark.parametrize(
    "options", [["--yes"], ["--yes", "--allow-deletes", "9", "--revert-drift"], ["--yes", "--json"]]
)
def test_where_approved_plans_are_required_nothing_else_is_applied(shell: Shell, options: list[str]) -> None:
    shell.write("retinue.yaml", REQUIRED)
    declare(shell, "a")
    stopped = shell("apply", *options)
    assert stopped.code == 4
    assert "takes approved plans only (guards.require), and nobody approved this one" in stopped.err
    assert "retinue plan --out plan.json" in stopped.err
    assert "--expect" in stopped.err
    assert {call.split()[0] for call in shell.team.calls} <= {"GET"}
    assert names(shell.team) == []


def test_a_person_at_a_terminal_is_no_approved_plan(shell: Shell) -> None:
    shell.write("retinue.yaml", REQUIRED)
    declare(shell, "a")
    code, shown = answered(shell, "yes")
    assert code == 4
    assert "Only 'yes' is accepted" not in shown
    assert names(shell.team) == []


def test_an_approved_plan_or_digest_is_applied(shell: Shell) -> None:
    shell.write("retinue.yaml", REQUIRED)
    declare(shell, "a")
    saved = str(shell.team.root / "plan.json")
    assert shell("plan", "--out", saved).code == 0
    assert shell("apply", saved).code == 0
    declare(shell, "a", "b")
    assert shell("apply", "--expect", "pd1:0000-0000-0000-0000").code == 3
    assert shell("apply", "--expect", digest(shell)).code == 0
    assert names(shell.team) == ["a", "b"]
    assert shell("apply", "--yes").code == 0  # with nothing to do, nothing needs to be approved


def test_destroying_takes_an_approved_plan_as_well(shell: Shell) -> None:
    shell.write("retinue.yaml", REQUIRED)
    declare(shell, "a")
    shell("apply", "--expect", digest(shell))
    assert shell("destroy", "--yes").code == 4
    assert names(shell.team) == ["a"]
    assert shell("destroy", "--expect", digest(shell, "--destroy")).code == 0
    assert names(shell.team) == []


def test_each_environment_says_what_it_requires(shell: Shell) -> None:
    shell.write("retinue.yaml", BY_ENVIRONMENT)
    declare(shell, "a")
    assert shell("apply", "--yes", "-e", "staging").code == 0
    stopped = shell("apply", "--yes", "-e", "production")
    assert stopped.code == 4
    assert "the environment 'production' takes approved plans only" in stopped.err
    assert "retinue apply -e production plan.json" in stopped.err
    assert shell("apply", "-e", "production", "--expect", digest(shell, "-e", "production")).code == 0
    shell.write("retinue.yaml", REQUIRED + "environments: {free: {guards: {require: null}}, bound: {}}\n")
    declare(shell, "a", "b")
    assert shell("apply", "--yes", "-e", "bound").code == 4
    assert shell("apply", "--yes", "-e", "free").code == 0


def test_python_is_held_to_it_too(shell: Shell) -> None:
    shell.write("retinue.yaml", REQUIRED)
    declare(shell, "a")
    with shell.team.session() as session:
        made = engine.plan(session)
        with pytest.raises(BlockedError, match="approved plans only"):
            engine.apply(session, made, approval=Approval(person=True))
        assert engine.apply(session, made, approval=Approval(plan=made)).converged


def test_what_may_be_required_is_checked(shell: Shell) -> None:
    shell.write("retinue.yaml", REQUIRED.replace("approved-plan", "aproved-plan"))
    found = shell("validate")
    assert found.code == 1
    assert "approved-plan" in found.err
