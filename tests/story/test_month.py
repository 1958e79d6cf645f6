"""A month of a team that keeps its help desk in a repository. Each chapter goes on where the one before ended.

docs/gitops.md tells the same story to readers.
"""

from __future__ import annotations

import difflib
import re

from tests.story.company import Checkout, Company, Result
from tests.story.helpdesk import FILES

STAGES = ("staging", "production")
ENTRY = re.compile(r"'(moved: \[.*\])'")


def settled(company: Company) -> None:
    """What every chapter leaves behind: accounts as main declares them, and nothing that nobody holds."""
    run = company.runner()
    for stage in STAGES:
        planned = run("plan", "-e", stage, "--detailed-exitcode")
        assert planned.code == 0, planned.out + planned.err
    assert run("drift", "-e", "production", "--detailed-exitcode").code == 0
    assert company.orphans() == []
    assert company.leaks() == []


def approve(run: Checkout, company: Company, stage: str = "production") -> tuple[Result, str]:
    """What the pipeline of a pull request does: the plan as a comment, and as an artifact. Gives the comment and the
    artifact."""
    assert run("validate", "-e", stage).code == 0
    path = company.kept(f"run-{company.runs}-{stage}.json")
    comment = run("plan", "-e", stage, "--out", path, "--format", "github")
    assert comment.code == 0, comment.out + comment.err
    return comment, path


def carried(run: Checkout, path: str, stage: str = "production") -> Result:
    """What the pipeline of main does with an artifact, and how it ended."""
    return run("apply", path, "-e", stage, "--detail", "summary")


def changed_lines(before: str, after: str) -> list[str]:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


# ── 1 ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_change_by_pull_request(company: Company) -> None:
    """Planned in the pull request, approved by merging it, applied exactly so; and again without an effect."""
    company.found("helpdesk")
    ann = company.clone("ann")
    for name, text in FILES.items():
        ann.write(name, text)
    ann.git("checkout", "--quiet", "-B", "main")
    ann.git("add", "--all")
    ann.git("commit", "--quiet", "--message", "Begin")
    ann.git("push", "--quiet", "origin", "main")

    run = company.runner()
    for stage in STAGES:
        company.writes()
        shown = run("plan", "-e", stage, "--detailed-exitcode")
        assert (shown.code, company.writes()) == (2, [])
        assert "Plan: 7 to add, 0 to change, 0 to destroy." in shown.out
        # Somebody reads it, and says so by repeating its digest.
        assert run("apply", "-e", stage, "--expect", shown.digest).code == 0
    assert len(company.all("/assistants")) == 12
    first = company.assistant("Help desk")
    assert first["instructions"].endswith("\n\nFormal.")
    assert first["metadata"]["stage"] == "production"

    ann.begin("kinder")
    ann.edit("assistants/prompts/desk.md", "handbook first.\n", "handbook first.\n\nNever sound annoyed.\n")
    run = ann.propose("Be kinder")
    company.writes()
    compared = run("diff", "--base", "origin/main", "-e", "production", HELPDESK_KEY="", OPENAI_BASE_URL="")
    assert compared.code == 0
    assert "Never sound annoyed." in compared.out
    comment, plan = approve(run, company)
    assert comment.out.startswith("<!-- retinue plan: helpdesk-production/production -->")
    assert "Never sound annoyed." in comment.out
    _, staging = approve(run, company, "staging")
    assert company.writes() == []

    run = ann.merge()
    assert carried(run, staging, "staging").code == 0
    company.writes()
    assert carried(run, plan).code == 0
    assert [call for call in company.writes() if "assistants" in call] == [f"POST /assistants/{first['id']}"]
    assert company.assistant("Help desk")["instructions"].endswith("Never sound annoyed.\n\nFormal.")
    # Whoever presses the button once more does no harm.
    assert carried(run, plan).code == 0
    assert company.writes() == []
    settled(company)


# ── 2 ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_stale_approval(company: Company) -> None:
    """Between approval and merge somebody edits the same object in the dashboard: nothing happens, and all is told."""
    company.days_later(2)
    ann = company.clone("ann-2")
    ann.begin("name")
    ann.edit("assistants/desk.yaml", "name: Help desk", "name: Lamp desk")
    run = ann.propose("Say what we sell")
    _, plan = approve(run, company)
    _, staging = approve(run, company, "staging")

    desk = company.assistant("Help desk")
    company.dashboard(f"/assistants/{desk['id']}", temperature=0.9)
    run = ann.merge()
    assert carried(run, staging, "staging").code == 0
    before = company.state()
    stopped = carried(run, plan)
    assert stopped.code == 3
    assert "nothing was changed" in stopped.err
    assert "assistant.desk" in stopped.out
    assert "temperature: 0.4 -> 0.9" in stopped.out
    assert company.state() == before

    # The new plan has the change and the edit, each with its own mark.
    planned = run("plan", "-e", "production", "--detailed-exitcode")
    assert planned.code == 2
    assert '~ name: "Help desk" -> "Lamp desk"' in planned.out
    assert "! temperature: 0.9 -> 0.4" in planned.out
    assert run("apply", "-e", "production", "--yes").code == 4
    assert run("apply", "-e", "production", "--expect", planned.digest).code == 0
    assert company.assistant("Lamp desk")["temperature"] == 0.4
    settled(company)


# ── 3 ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_edits_in_the_dashboard(company: Company) -> None:
    """Found by the schedule at night; one is taken into the files, the other set back."""
    company.days_later(3)
    desk, night = company.assistant("Lamp desk"), company.assistant("Night desk")
    company.dashboard(f"/assistants/{desk['id']}", temperature=0.6)
    company.dashboard(f"/assistants/{night['id']}", instructions="You answer while everybody sleeps.")
    run = company.runner()
    company.writes()
    found = run("drift", "-e", "production", "--detailed-exitcode")
    assert (found.code, company.writes()) == (2, [])
    assert "temperature: 0.4 -> 0.6" in found.out
    assert "assistant.night" in found.out
    assert "Drift: 2 objects changed." in found.out
    # Nobody touched staging.
    assert run("drift", "-e", "staging", "--detailed-exitcode").code == 0

    # Unattended, nothing of it is overwritten.
    assert run("apply", "-e", "production", "--yes").code == 4
    assert run("apply", "-e", "production", "--yes", "--revert-drift", "--target", "assistant.night").code == 0
    assert company.assistant("Night desk")["instructions"] == night["instructions"]
    assert company.assistant("Lamp desk")["temperature"] == 0.6

    ann = company.clone("ann-3")
    ann.begin("warmer")
    ann.edit("assistants/desk.yaml", "temperature: 0.4 ", "temperature: 0.6 ")
    run = ann.propose("Keep the warmer desk")
    planned = run("plan", "-e", "production", "--detailed-exitcode")
    assert planned.code == 0, planned.out
    plans = {stage: approve(run, company, stage)[1] for stage in STAGES}
    run = ann.merge()
    company.writes()
    assert carried(run, plans["production"]).code == 0
    # The edit is nobody's any more: its tag says so from now on.
    assert [call for call in company.writes() if "assistants" in call] == [f"POST /assistants/{desk['id']}"]
    assert carried(run, plans["staging"], "staging").code == 0
    settled(company)


# ── 4 ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_rename(company: Company) -> None:
    """Without a word it would be a deletion, and is stopped; with the entry that the plan offers it is one write."""
    company.days_later(1)
    ann = company.clone("ann-4")
    ann.begin("rename")
    night = company.assistant("Night desk")
    ann.edit("assistants/desk.yaml", "  night:\n", "  after-hours:\n")
    run = ann.propose("Call it what it is")
    planned = run("plan", "-e", "production")
    assert "warning[looks-renamed]" in planned.out
    before = company.state()
    stopped = run("apply", "-e", "production", "--yes", "--allow-deletes", "1")
    assert stopped.code == 4
    assert "assistant.night → assistant.after-hours" in stopped.err
    assert company.state() == before

    offered = ENTRY.search(planned.out)
    assert offered
    ann.write("assistants/moved.yaml", f"{offered[1]}\n")
    run = ann.propose("Say that it is a rename")
    plans = {stage: approve(run, company, stage)[1] for stage in STAGES}
    run = ann.merge()
    assert carried(run, plans["staging"], "staging").code == 0
    company.writes()
    assert carried(run, plans["production"]).code == 0
    assert [call for call in company.writes() if "vector_stores" not in call] == [f"POST /assistants/{night['id']}"]
    renamed = company.assistant("Night desk")
    assert {**renamed, "metadata": None} == {**night, "metadata": None}
    assert run("output", "assistant.after-hours", "-e", "production").out.strip() == night["id"]

    # The entry has done its work everywhere.
    ann.begin("tidy")
    (ann.path / "assistants/moved.yaml").unlink()
    ann.propose("Tidy up")
    ann.merge()
    settled(company)


# ── 5 ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_accident(company: Company) -> None:
    """Files that are lost on the way do not take objects with them. A deletion that is meant is said."""
    company.days_later(4)
    ann = company.clone("ann-5")
    before = company.state()

    ann.begin("glob")
    ann.edit("retinue.yaml", "stack: helpdesk\n", "stack: helpdesk\ninclude: [assistant/*.yaml]\n")
    run = ann.propose("Move files, or so somebody thought")
    assert run("validate", "-e", "production").code == 1
    assert run("apply", "-e", "production", "--yes", "--allow-deletes", "99").code == 1

    ann.begin("emptied")
    for name in ("desk", "teams"):
        ann.write(f"assistants/{name}.yaml", "{}\n")
    (ann.path / "environments/production.yaml").unlink()
    run = ann.propose("Merge, the wrong way round")
    assert run("plan", "-e", "production").code == 4
    assert run("apply", "-e", "production", "--yes", "--allow-deletes", "99").code == 4

    ann.begin("half")
    (ann.path / "assistants/teams.yaml").unlink()
    run = ann.propose("Lose a file")
    shown = run("plan", "-e", "production")
    assert "warning[many-deletions]" in shown.out
    stopped = run("apply", "-e", "production", "--yes", "--allow-deletes", "99")
    assert stopped.code == 4
    assert "max_delete_percent" in stopped.err
    assert company.state() == before

    ann.begin("one")
    teams = ann.read("assistants/teams.yaml").splitlines(keepends=True)
    ann.write("assistants/teams.yaml", "".join(line for line in teams if "warranty" not in line))
    ann.propose("The warranty desk has closed")
    run = ann.merge()
    stopped = run("apply", "-e", "production", "--yes")
    assert stopped.code == 4
    assert "--allow-deletes 1" in stopped.err
    assert company.state() == before
    for stage in STAGES:
        assert run("apply", "-e", stage, "--yes", "--allow-deletes", "1").code == 0
    assert {each["id"] for each in before["assistant"]} - {each["id"] for each in company.state()["assistant"]} == {
        each["id"] for each in before["assistant"] if each["name"] == "Warranty"
    }
    settled(company)


def test_a_protected_object(company: Company) -> None:
    """Neither a lost declaration, nor an approved plan, nor destroy takes it; the protection is in the account."""
    ann = company.clone("ann-6")
    ann.begin("protect")
    ann.edit("assistants/desk.yaml", "    files: [handbook/*.md]\n", PROTECTED)
    ann.propose("Protect the handbook")
    run = ann.merge()
    for stage in STAGES:
        assert run("apply", "-e", stage, "--yes").code == 0
    before = company.state()

    ann.begin("without")
    ann.edit("assistants/desk.yaml", f"\nvector_stores:\n  handbook:\n    name: Handbook\n{PROTECTED}", "")
    ann.edit("assistants/desk.yaml", "      - file_search: {vector_store: handbook, max_num_results: 5}\n", "")
    run = ann.propose("Who needs a handbook")
    path = company.kept("unprotected.json")
    planned = run("plan", "-e", "production", "--out", path)
    assert planned.code == 4
    assert "vector_store.handbook" in planned.out
    for command in (
        ("apply", "--yes", "--allow-deletes", "1"),
        ("apply", "--expect", planned.digest),
        ("apply", path),
        ("destroy", "--yes"),
    ):
        assert run(*command, "-e", "production").code == 4, command
    assert company.state() == before
    settled(company)


PROTECTED = "    files: [handbook/*.md]\n    lifecycle: {protect: true}  # the lawyers read it, too\n"
