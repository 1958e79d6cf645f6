"""A plan that somebody approved is what is carried out, or nothing is."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from retinue.cli import main
from retinue.errors import RetinueError
from tests.cli.conftest import Result, Shell
from tests.support.faults import CutAfter

DIGEST = re.compile(r"^Digest: (pd1:\S+)$", re.M)
STAGES = """\
stack: shop
include: ['team.yaml']
environments:
  staging: {}
  production: {}
"""


def digest(shown: Result) -> str:
    found = DIGEST.search(shown.out)
    assert found, shown
    return found[1]


def edited(project: Shell, **fields: Any) -> None:
    """Somebody changes the assistant in the dashboard."""
    (assistant,) = project.team.listed("/assistants")
    project.team.send("post", f"/assistants/{assistant['id']}", fields)


def names(project: Shell) -> list[str]:
    return [each["name"] for each in project.team.listed("/assistants")]


@pytest.fixture
def saved(project: Shell) -> str:
    """A plan that changes the name of an assistant, saved."""
    project("apply", "--yes")
    text = (project.team.root / "team.yaml").read_text(encoding="utf-8")
    project.write("team.yaml", text.replace("name: Tutor", "name: Teacher"))
    path = str(project.team.root / "plan.json")
    done = project("plan", "--out", path)
    assert (done.code, done.err) == (0, f"saved the plan to {path}\n")
    return path


# ── saved plans ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_saved_plan_is_applied_without_asking(project: Shell, saved: str) -> None:
    done = project("apply", saved)
    assert done.code == 0
    assert done.out.rstrip().endswith("The account matches the declarations.")
    assert names(project) == ["Teacher"]


def test_a_saved_plan_is_the_document_and_reads_like_the_plan(project: Shell, saved: str) -> None:
    shown = project("plan")
    assert json.loads(Path(saved).read_text(encoding="utf-8")) == json.loads(project("plan", "--json").out)
    assert main(["show-plan", saved]) == 0
    assert project.capture.readouterr().out == shown.out
    assert main(["show-plan", saved, "--json"]) == 0
    assert json.loads(project.capture.readouterr().out)["digest"] == digest(shown)


def test_applying_again_what_is_applied_already_is_success(project: Shell, saved: str) -> None:
    assert project("apply", saved).code == 0
    again = project("apply", saved)
    assert again.code == 0
    assert "No changes." in again.out
    assert project("apply", "--expect", digest(project("plan"))).code == 0


def test_another_edit_in_the_dashboard_makes_a_saved_plan_stale(project: Shell, saved: str) -> None:
    edited(project, name="Theirs")
    done = project("apply", saved)
    assert done.code == 3
    assert "~ update assistant.tutor" in done.out
    assert 'in the account, when approved -> now:\n        ~ name: "Tutor" -> "Theirs"' in done.out
    assert "nothing was changed" in done.err
    assert names(project) == ["Theirs"]


@pytest.mark.parametrize("change", ["year: 2027", "", None], ids=["attributes", "content", "deletion"])
def test_another_edit_of_a_files_attributes_makes_a_saved_plan_stale(shell: Shell, change: str | None) -> None:
    """They are written over with the file's attributes, and lost with the file."""
    shell.write("one.md", "one\n")
    store = "vector_stores: {{book: {{name: Book, files: [{{path: one.md, attributes: {{{}}}}}]}}}}\n"
    shell.write("team.yaml", "vector_stores: {kept: {name: Kept}}\n")
    shell.write("book.yaml", store.format("year: 2026"))
    assert shell("apply", "--yes").code == 0
    if change is None:
        (shell.team.root / "book.yaml").unlink()
    else:
        shell.write("book.yaml", store.format(change or "year: 2026"))
        shell.write("one.md", "one\n" if change else "two\n")
    path = str(shell.team.root / "plan.json")
    assert shell("plan", "--out", path).code == 0
    (book,) = [each for each in shell.team.listed("/vector_stores") if each["name"] == "Book"]
    (file,) = shell.team.listed(f"/vector_stores/{book['id']}/files")
    theirs = {**file["attributes"], "year": 1999}
    shell.team.send("post", f"/vector_stores/{book['id']}/files/{file['id']}", {"attributes": theirs})
    done = shell("apply", path)
    assert (done.code, shell.team.listed(f"/vector_stores/{book['id']}/files")[0]["attributes"]) == (3, theirs)
    assert '~ files."one.md".attributes.year: 2026 -> 1999' in done.out


def test_another_edit_in_the_files_makes_a_saved_plan_stale(project: Shell, saved: str) -> None:
    text = (project.team.root / "team.yaml").read_text(encoding="utf-8")
    text = text.replace("name: Teacher", "name: Professor").replace("name: Handbook", "name: Manual")
    project.write("team.yaml", text)
    done = project("apply", saved)
    assert done.code == 3
    assert '      ~ name: "Teacher" -> "Professor"' in done.out
    assert "+ update vector_store.handbook" in done.out
    assert "it was not approved" in done.out
    assert names(project) == ["Tutor"]


def test_a_change_that_is_undone_makes_a_saved_plan_stale(project: Shell, saved: str) -> None:
    """The approved step is gone, and another one came."""
    text = (project.team.root / "team.yaml").read_text(encoding="utf-8")
    project.write("team.yaml", text.replace("name: Teacher", "name: Tutor").replace("name: Handbook", "name: Manual"))
    done = project("apply", saved)
    assert done.code == 3
    assert "- update assistant.tutor" in done.out
    assert "not needed any more" in done.out


def test_another_secret_makes_a_saved_plan_stale(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.write(
        "team.yaml",
        """\
vaults:
  keys: {name: Keys}
credentials:
  crm:
    name: CRM
    vault: keys
    auth: {type: static_bearer, mcp_server_url: https://mcp.example.com/a, token: '${{ secret.CRM }}'}
""",
    )
    monkeypatch.setenv("CRM", "canary-one")
    path = str(shell.team.root / "plan.json")
    assert shell("plan", "--out", path).code == 0
    monkeypatch.setenv("CRM", "canary-two")
    done = shell("apply", path)
    assert done.code == 3
    assert "~ create credential.crm  it is not as it was approved\n" in done.out
    assert "~ the value of 'secrets', which is never shown\n" in done.out
    assert "the ownership tag" not in done.out
    assert "canary" not in done.out + done.err


@pytest.fixture
def half_done(project: Shell) -> str:
    """An approved plan of two steps, one of which was carried out."""
    path = str(project.team.root / "plan.json")
    assert project("plan", "--out", path).code == 0
    assert project("apply", "--yes", "--target", "vector_store.handbook").code == 0
    return path


def test_what_is_left_of_an_approved_plan_is_approved(project: Shell, half_done: str) -> None:
    done = project("apply", half_done)
    assert done.code == 0
    assert "going on with the approved plan: 1 of its 2 steps is left" in done.err
    assert done.out.rstrip().endswith("The account matches the declarations.")
    assert names(project) == ["Tutor"]
    assert project("plan", "--detailed-exitcode").code == 0


def test_what_is_left_is_not_approved_when_the_rest_was_undone(project: Shell, half_done: str) -> None:
    """Somebody edited what the first half made: the plan would set it back, and nobody saw that."""
    (store,) = project.team.listed("/vector_stores")
    project.team.send("post", f"/vector_stores/{store['id']}", {"name": "Theirs"})
    done = project("apply", half_done)
    assert done.code == 3
    assert "+ update vector_store.handbook" in done.out
    assert names(project) == []


def test_what_is_left_does_not_set_back_what_others_wrote_to_a_file(shell: Shell) -> None:
    """Files of a half-made object were brought in with their attributes: others wrote what they have now."""
    shell.write("one.md", "one\n")
    shell.write("team.yaml", "vector_stores: {book: {name: Book, files: [{path: one.md, attributes: {year: 2026}}]}}\n")
    path = str(shell.team.root / "plan.json")
    assert shell("plan", "--out", path).code == 0
    assert shell("apply", "--yes").code == 0
    (book,) = shell.team.listed("/vector_stores")
    begun = {**book["metadata"], "retinue": re.sub("files:[^,;]*,?", "", book["metadata"]["retinue"]) + ";l=syncing"}
    shell.team.send("post", f"/vector_stores/{book['id']}", {"metadata": begun})
    (file,) = shell.team.listed(f"/vector_stores/{book['id']}/files")
    theirs = {**file["attributes"], "year": 1999}
    shell.team.send("post", f"/vector_stores/{book['id']}/files/{file['id']}", {"attributes": theirs})
    done = shell("apply", path)
    assert (done.code, shell.team.listed(f"/vector_stores/{book['id']}/files")[0]["attributes"]) == (3, theirs)


@pytest.mark.parametrize("lifecycle", ["protect: true", "on_delete: keep"])
def test_what_is_left_is_not_approved_when_only_a_tag_would_tell_the_rest(project: Shell, lifecycle: str) -> None:
    """A step that was to change nothing but what the tag says is not done because the values are as they were."""
    project("apply", "--yes")
    text = (project.team.root / "team.yaml").read_text(encoding="utf-8")
    renamed = text.replace("name: Tutor", "name: Teacher")
    project.write("team.yaml", renamed + f"    lifecycle: {{{lifecycle}}}\n")
    path = str(project.team.root / "plan.json")
    assert project("plan", "--out", path).code == 0
    project.write("team.yaml", renamed)
    assert project("apply", path).code == 3
    assert names(project) == ["Tutor"]


def test_what_is_left_is_not_approved_when_the_rest_was_to_be_retired(project: Shell) -> None:
    store = "vector_stores: {old: {name: Old, lifecycle: {on_delete: retire}}}\n"
    project.write("old.yaml", store)
    project.write("retinue.yaml", "stack: test\ninclude: ['*.yaml']\n")
    assert project("apply", "--yes").code == 0
    (project.team.root / "old.yaml").unlink()
    text = (project.team.root / "team.yaml").read_text(encoding="utf-8")
    project.write("team.yaml", text.replace("name: Tutor", "name: Teacher"))
    path = str(project.team.root / "plan.json")
    assert project("plan", "--out", path).code == 0
    project.write("old.yaml", store)
    assert project("apply", path).code == 3
    assert names(project) == ["Tutor"]


def test_what_is_left_is_not_approved_when_it_is_other_than_it_was(project: Shell, half_done: str) -> None:
    text = (project.team.root / "team.yaml").read_text(encoding="utf-8")
    project.write("team.yaml", text.replace("name: Tutor", "name: Teacher"))
    assert project("apply", half_done).code == 3
    assert names(project) == []


def test_what_is_left_is_not_approved_when_the_rest_is_wanted_no_more(project: Shell, half_done: str) -> None:
    """The first half was done, and then undone in the files and in the account: the whole would never come about."""
    text = (project.team.root / "team.yaml").read_text(encoding="utf-8")
    project.write("team.yaml", text.replace("name: Handbook", "name: Manual"))
    assert project("apply", "--yes", "--target", "vector_store.handbook").code == 0
    assert project("apply", half_done).code == 3
    assert names(project) == []


@pytest.mark.parametrize("verb", ["adopt", "moved"])
def test_what_is_left_after_an_object_was_handed_over_and_changed_is_approved(shell: Shell, verb: str) -> None:
    shell.write("team.yaml", "assistants: {tutor: {model: gpt-6-luna, name: Tutor}}\n")
    if verb == "moved":
        assert shell("apply", "--yes").code == 0
        entry = "moved: [{from: assistant.tutor, to: assistant.teacher}]\n"
    else:
        made = shell.team.send("post", "/assistants", {"model": "gpt-6-luna", "name": "Tutor"})
        entry = f"adopt: [{{address: assistant.teacher, id: {made['id']}}}]\n"
    shell.write("team.yaml", "assistants: {teacher: {model: gpt-6-luna, name: Teacher}}\n" + entry)
    shell.write("rest.yaml", "vaults: {crm: {name: CRM}}\n")
    path = str(shell.team.root / "plan.json")
    assert shell("plan", "--out", path).code == 0
    assert shell("apply", "--yes", "--target", "assistant.teacher").code == 0
    done = shell("apply", path)
    assert done.code == 0
    assert "going on with the approved plan: 1 of its 3 steps is left" in done.err


def test_a_digest_alone_does_not_say_what_is_left(project: Shell) -> None:
    approved = digest(project("plan"))
    assert project("apply", "--yes", "--target", "vector_store.handbook").code == 0
    assert project("apply", "--expect", approved).code == 3


@pytest.fixture
def half_changed(project: Shell) -> Callable[..., str]:
    """An approved plan of changes to what was applied, of which the store's was carried out."""

    def approve(before: Sequence[tuple[str, str]] = (), after: Sequence[tuple[str, str]] = ()) -> str:
        rewrite(project, *before)
        assert project("apply", "--yes").code == 0
        rewrite(project, ("name: Handbook", "name: Manual"), *after)
        path = str(project.team.root / "plan.json")
        assert project("plan", "--out", path).code == 0
        assert project("apply", "--yes", "--target", "vector_store.handbook").code == 0
        return path

    return approve


def rewrite(project: Shell, *replacements: tuple[str, str]) -> None:
    text = (project.team.root / "team.yaml").read_text(encoding="utf-8")
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    project.write("team.yaml", text)


TEMPERATURE = ("    name: Tutor\n", "    name: Tutor\n    temperature: 0.5\n")
BOT = ("functions:\n", "  bot: {model: gpt-4o, name: Bot}\nfunctions:\n")


def test_what_is_left_of_approved_changes_is_approved(project: Shell, half_changed: Callable[..., str]) -> None:
    saved = half_changed([BOT], [TEMPERATURE, tuple(reversed(BOT))])
    assert project("apply", saved).code == 0
    (assistant,) = project.team.listed("/assistants")
    assert assistant["temperature"] == 0.5


def test_what_is_left_is_not_approved_when_it_would_write_over_something_else(
    project: Shell, half_changed: Callable[..., str]
) -> None:
    """Nobody declared the field before, so that no tag tells of the edit: the approved precondition does."""
    saved = half_changed(after=[TEMPERATURE])
    edited(project, temperature=0.9)
    assert project("apply", saved).code == 3
    (assistant,) = project.team.listed("/assistants")
    assert assistant["temperature"] == 0.9


def test_what_is_left_is_not_approved_when_its_lifecycle_is_another(
    project: Shell, half_changed: Callable[..., str]
) -> None:
    saved = half_changed(after=[TEMPERATURE])
    rewrite(project, ("    model: gpt-4o\n", "    model: gpt-4o\n    lifecycle: {on_delete: keep}\n"))
    assert project("apply", saved).code == 3


def test_what_is_left_is_not_approved_when_something_else_would_be_deleted(
    project: Shell, half_changed: Callable[..., str]
) -> None:
    """What goes is not what was looked at."""
    saved = half_changed([BOT], [tuple(reversed(BOT))])
    bot = next(each for each in project.team.listed("/assistants") if each["name"] == "Bot")
    project.team.send("post", f"/assistants/{bot['id']}", {"instructions": "Theirs."})
    assert project("apply", saved).code == 3
    assert len(names(project)) == 2


def test_what_is_left_is_not_approved_when_a_deletion_is_wanted_no_more(
    project: Shell, half_changed: Callable[..., str]
) -> None:
    saved = half_changed([BOT], [TEMPERATURE, tuple(reversed(BOT))])
    rewrite(project, BOT)
    assert project("apply", saved).code == 3
    assert "temperature: 0.5" not in str(project.team.listed("/assistants"))


def test_what_is_left_is_not_approved_when_it_would_take_an_edit_back(project: Shell) -> None:
    """What was cut off while it was made goes on, but not over what somebody wrote into it since."""
    path = str(project.team.root / "plan.json")
    assert project("plan", "--out", path).code == 0
    with suppress(RetinueError):
        project.team.apply(lambda inner: CutAfter(inner, r"POST /vector_stores/vs_\w+/file.*"), parallelism=1)
    (store,) = project.team.listed("/vector_stores")
    assert store["metadata"]["retinue"].endswith(";l=syncing")
    project.team.send("post", f"/vector_stores/{store['id']}", {"name": "Theirs"})
    assert project("apply", path).code == 3
    project.team.send("post", f"/vector_stores/{store['id']}", {"name": "Handbook"})
    assert project("apply", path).code == 0
    assert names(project) == ["Tutor"]


def test_what_is_left_is_not_approved_when_another_version_is_wanted(project: Shell) -> None:
    """The tag of what comes in versions does not say which one is the default: the value does."""
    for number in (1, 2, 3):
        project.write("tutoring/SKILL.md", f"---\nname: tutoring\ndescription: Number {number}.\n---\n# Tutoring\n")
        project.write("skills.yaml", "skills: {tutoring: {folder: tutoring}}\n")
        assert project("apply", "--yes").code == 0
    project.write("skills.yaml", "skills: {tutoring: {folder: tutoring, version: 1}}\n")
    rewrite(project, ("name: Handbook", "name: Manual"))
    path = str(project.team.root / "plan.json")
    assert project("plan", "--out", path).code == 0
    assert project("apply", "--yes", "--target", "vector_store.handbook").code == 0
    project.write("skills.yaml", "skills: {tutoring: {folder: tutoring, version: 2}}\n")
    assert project("apply", path).code == 3
    assert [each["default_version"] for each in project.team.listed("/skills")] == ["3"]


def test_an_edited_file_is_refused(project: Shell, saved: str) -> None:
    text = Path(saved).read_text(encoding="utf-8")
    Path(saved).write_text(text.replace('"Teacher"', '"Harmless"'), encoding="utf-8")
    done = project("apply", saved)
    assert done.code == 1
    assert "was edited: what it holds is not what its digest names" in done.err
    assert main(["show-plan", saved]) == 1


@pytest.mark.parametrize(("part", "value"), [("summary", {"delete": 0, "update": 0}), ("complete", False)])
def test_a_saved_plan_counts_what_it_holds(project: Shell, saved: str, part: str, value: Any) -> None:
    """The summary is what people read first, and the digest does not cover it."""
    path = Path(saved)
    document = json.loads(path.read_text(encoding="utf-8"))
    document[part] = {**document[part], **value} if isinstance(value, dict) else value
    path.write_text(json.dumps(document), encoding="utf-8")
    assert main(["show-plan", saved]) == 1
    done = project("apply", saved)
    assert done.code == 1
    assert "was edited: its summary does not count what it holds" in done.err
    assert names(project) == ["Tutor"]


@pytest.mark.parametrize(("option", "instead"), [("--out", "--json"), ("--html", "--format")])
def test_a_plan_is_not_saved_to_a_dash(
    project: Shell, monkeypatch: pytest.MonkeyPatch, option: str, instead: str
) -> None:
    monkeypatch.chdir(project.team.root)
    done = project("plan", option, "-")
    assert done.code == 64
    assert f"{option} takes the name of a file" in done.err
    assert f"{instead} is for stdout" in done.err
    assert not (project.team.root / "-").exists()


def test_a_plan_is_not_saved_where_its_page_is(project: Shell, tmp_path: Path) -> None:
    path = str(tmp_path / "plan.json")
    done = project("plan", "--out", path, "--html", path)
    assert done.code == 64
    assert f"--out and --html both name '{path}'" in done.err


def test_saving_goes_through_links_and_spares_what_is_no_file(project: Shell, tmp_path: Path) -> None:
    """Whoever may write to /dev would otherwise leave a machine without /dev/null."""
    link, pipe = tmp_path / "link.json", tmp_path / "pipe"
    link.symlink_to(tmp_path / "plan.json")
    assert project("plan", "--out", str(link)).code == 0
    assert link.is_symlink()
    assert main(["show-plan", str(tmp_path / "plan.json")]) == 0
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert project("plan", "--out", str(pipe)).code == 0
        assert b"format_version" in os.read(reader, 1_000)
    finally:
        os.close(reader)
    assert pipe.is_fifo()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nothing", "is not a saved plan"),
        ('{"format_version": "2.0"}', "its format is '2.0', and this version of retinue reads format 1.1"),
        ('{"format_version": "1.0"}', "it is not a complete plan"),
        ("[]", "is not a saved plan: it has no 'format_version'"),
        ("{}", "is not a saved plan: it has no 'format_version'"),
        ("[" * 200_000, "is not a saved plan: it is not JSON"),
    ],
)
def test_what_is_no_plan_is_refused(project: Shell, text: str, said: str) -> None:
    path = project.team.root / "plan.json"
    path.write_text(text, encoding="utf-8")
    done = project("apply", str(path))
    assert done.code == 1
    assert said in done.err
    assert project("apply", str(path) + ".none").code == 1


@pytest.mark.parametrize(
    ("part", "value"),
    [
        (("environment",), []),
        (("summary", "foreign"), 5),
        (("steps", 0, "before"), "text"),
        (("steps", 0, "changes", 0, "cause"), {}),
    ],
    ids=lambda each: str(each[-1]) if isinstance(each, tuple) else "",
)
def test_a_part_of_the_wrong_type_is_told_and_no_crash(
    project: Shell, saved: str, part: tuple[str | int, ...], value: Any
) -> None:
    """The digest does not cover what a plan only says of itself."""
    document = json.loads(Path(saved).read_text(encoding="utf-8"))
    *way, last = part
    inner = document
    for each in way:
        inner = inner[each]
    inner[last] = value
    Path(saved).write_text(json.dumps(document), encoding="utf-8")
    assert main(["show-plan", saved]) == 1
    assert "holds no plan that can be used: it is not a complete plan" in project.capture.readouterr().err


def test_a_plan_of_another_environment_is_refused(project: Shell) -> None:
    project.write("retinue.yaml", STAGES)
    path = str(project.team.root / "plan.json")
    project("plan", "-e", "staging", "--out", path)
    done = project("apply", path, "-e", "production")
    assert done.code == 64
    assert "is a plan for the stack 'shop-staging' in the environment 'staging'" in done.err
    assert "run the command with -e staging" in done.err
    assert project.team.listed("/assistants") == []


@pytest.mark.parametrize("settings", ["require_environment: true\n", "default_environment: production\n", ""])
def test_a_saved_plan_says_its_environment_where_nobody_names_one(project: Shell, settings: str) -> None:
    project.write("retinue.yaml", STAGES + settings)
    path = str(project.team.root / "plan.json")
    project("plan", "-e", "staging", "--out", path)
    done = project("apply", path)
    assert done.code == 0, done.err
    assert "in the environment 'staging'" not in done.err
    assert "environment staging" in done.out
    assert [each["name"] for each in project.team.listed("/assistants")] == ["Tutor"]


def test_a_plan_of_another_environment_than_the_variable_names_is_refused(
    project: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write("retinue.yaml", STAGES)
    path = str(project.team.root / "plan.json")
    project("plan", "-e", "staging", "--out", path)
    monkeypatch.setenv("RETINUE_ENVIRONMENT", "production")
    done = project("apply", path)
    assert (done.code, "run the command with -e staging" in done.err) == (64, True)


def test_a_plan_for_another_account_is_refused(project: Shell, saved: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from retinue.commands.saved_plan import save_plan
    from retinue.planning.documents.plan_digest import plan_digest
    from retinue.planning.documents.plan_document import from_document

    document = json.loads(Path(saved).read_text(encoding="utf-8"))
    document["account"] = {**document["account"], "project": "proj_other"}
    save_plan({**document, "digest": plan_digest(from_document(document))}, Path(saved))
    done = project("apply", saved)
    assert done.code == 4
    assert "is a plan for the account local (proj_other), and this is local" in done.err
    assert names(project) == ["Tutor"]


def test_a_narrowed_plan_is_applied_narrowed(project: Shell) -> None:
    path = str(project.team.root / "plan.json")
    project("plan", "--target", "vector_store.handbook", "--out", path)
    done = project("apply", path)
    assert done.code == 0
    assert project.team.listed("/assistants") == []
    assert len(project.team.listed("/vector_stores")) == 1
    assert project("apply", path, "--target", "assistant.tutor").code == 64


def test_a_saved_destruction_is_applied_and_only_that_one(project: Shell) -> None:
    project("apply", "--yes")
    path = str(project.team.root / "plan.json")
    shown = project("plan", "--destroy", "--out", path)
    assert "0 to add, 0 to change, 2 to destroy." in shown.out
    edited(project, description="Theirs")
    assert project("apply", path).code == 3
    assert project("destroy", "--expect", digest(shown)).code == 3
    shown = project("plan", "--destroy", "--out", path)
    done = project("apply", path)
    assert done.code == 0
    assert "Nothing of this stack is left." in done.out
    assert project("destroy", "--expect", digest(shown)).code == 0


def test_a_plan_is_saved_whole_or_not_at_all(project: Shell) -> None:
    done = project("plan", "--out", str(project.team.root / "none" / "plan.json"))
    assert done.code == 1
    assert "cannot be saved" in done.err
    path = project.team.root / "plan.json"
    path.mkdir()
    assert project("plan", "--out", str(path)).code == 64
    assert [each.name for each in project.team.root.iterdir() if each.name.startswith(".plan")] == []


# ── digests ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_digest_of_a_plan_is_an_approval(project: Shell) -> None:
    shown = project("plan")
    done = project("apply", "--expect", digest(shown))
    assert done.code == 0
    assert names(project) == ["Tutor"]


def test_another_digest_shows_the_plan_and_changes_nothing(project: Shell) -> None:
    done = project("apply", "--expect", "pd1:0000-0000-0000-0000")
    assert done.code == 3
    assert "Plan: 2 to add" in done.out
    assert f"the plan to carry out is {digest(done)}, and pd1:0000-0000-0000-0000 was approved" in done.err
    assert project.team.listed("/assistants") == []


def test_a_digest_approves_reverts_and_deletions(project: Shell) -> None:
    """Somebody saw them: they are in the plan."""
    project("apply", "--yes")
    edited(project, name="Theirs")
    text = (project.team.root / "team.yaml").read_text(encoding="utf-8")
    text = text[: text.index("vector_stores:")].replace(
        "      - file_search: {vector_store: handbook, max_num_results: 8}\n", ""
    )
    project.write("team.yaml", text)
    shown = project("plan")
    assert "1 to destroy. 1 change made outside of retinue would be reverted." in shown.out
    assert project("apply", "--yes").code == 4
    assert project("apply", "--expect", digest(shown)).code == 0
    assert names(project) == ["Tutor"]


def test_what_is_no_digest_is_a_usage_error(project: Shell) -> None:
    done = project("apply", "--expect", "7c41")
    assert done.code == 64
    assert "such as pd1:7c41-d2f0-93be-aa18" in done.err


def test_a_file_with_another_digest_than_the_expected_one_is_stale(project: Shell, saved: str) -> None:
    assert project("apply", saved, "--expect", "pd1:0000-0000-0000-0000").code == 3
    assert names(project) == ["Tutor"]
