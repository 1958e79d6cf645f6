"""A month of a team that keeps its help desk in a repository. Each chapter goes on where the one before ended.

docs/gitops.md tells the same story to readers.
"""

from __future__ import annotations

import difflib
import re

import pytest

from tests.story.company import OTHER_KEY, ROTATED, SECRETS, Checkout, Company, Pause, Result
from tests.story.helpdesk import FILES

STAGES = ("staging", "production")
PROTECTED = "    files: [handbook/*.md]\n    lifecycle: {protect: true}  # the lawyers read it, too\n"
LOOKING = (
    *(("drift", "--format", form) for form in ("text", "json", "markdown", "github", "junit")),
    *(("validate", "--format", form) for form in ("text", "json", "sarif", "github", "junit")),
    ("plan", "--detail", "full"),
    ("show",),
    ("show", "credential.crm"),
    ("output", "--json"),
    ("render", "--explain"),
    ("doctor",),
)
TRAINEES = """\
assistants:
  tuned: {name: Tuned, model: gpt-6-luna, temperature: 0.3, lifecycle: {ignore: [temperature]}}
  intern: {name: Intern, model: gpt-6-luna, lifecycle: {on_delete: keep}}
vector_stores:
  archive:
    name: Archive
    files: [handbook/*.md]
    lifecycle: {on_delete: retire}
"""
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


def run_url(number: int) -> str:
    return f"https://github.com/acme/helpdesk/actions/runs/{number}"


def changed_lines(before: str, after: str) -> list[str]:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


# ── 1 ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_change_by_pull_request(company: Company) -> None:
    """Planned in the pull request, approved by merging it, applied exactly so; and again without an effect."""
    company.found("helpdesk")
    ann = company.machine("ann")
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
    compared = Checkout(company, run.path, {})("diff", "--base", "origin/main", "-e", "production")
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
    company.later(days=2)
    ann = company.machine("ann")
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
    company.later(days=3)
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

    ann = company.machine("ann")
    ann.begin("warmer")
    before = ann.read("assistants/desk.yaml")
    assert ann("drift", "-e", "production", "--accept", "assistant.desk.temperature").code == 0
    assert changed_lines(before, ann.read("assistants/desk.yaml")) == [
        "-    temperature: 0.4  # tried in March; 0.7 was too chatty",
        "+    temperature: 0.6  # tried in March; 0.7 was too chatty",
    ]
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
    company.later(days=1)
    ann = company.machine("ann")
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
    company.later(days=4)
    ann = company.machine("ann")
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
    ann = company.machine("ann")
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


def test_what_outlives_its_declaration(company: Company) -> None:
    """Kept or retired instead of deleted, as was said in time; and a field that somebody else looks after."""
    company.later(days=1)
    ann = company.machine("ann")
    ann.begin("trainees")
    ann.write("assistants/trainees.yaml", TRAINEES)
    ann.propose("Three trainees")
    run = ann.merge()
    for stage in STAGES:
        assert run("apply", "--yes", "-e", stage).code == 0
    tuned = company.assistant("Tuned")
    company.dashboard(f"/assistants/{tuned['id']}", temperature=1.1)
    settled(company)
    ann.begin("rename-tuned")
    ann.edit("assistants/trainees.yaml", "name: Tuned", "name: Finely tuned")
    ann.propose("Its declared name is still ours")
    assert ann.merge()("apply", "--yes", "-e", "production").code == 0
    assert company.assistant("Finely tuned")["temperature"] == 1.1

    ann.begin("without-trainees")
    text = ann.read("assistants/trainees.yaml")
    ann.write("assistants/trainees.yaml", text[: text.index("  intern:")])
    ann.propose("The trainees move on")
    run = ann.merge()
    for stage in STAGES:
        # Nothing is deleted, so nobody has to allow it.
        assert run("apply", "--yes", "-e", stage).code == 0
    interns = [each for each in company.all("/assistants") if each["name"] == "Intern"]
    assert [each["metadata"] for each in interns] == [{}, {}]
    stores = [each for each in company.all("/vector_stores") if each["name"] == "Archive"]
    assert [each["expires_after"]["days"] for each in stores] == [30, 30]
    assert company.all(f"/vector_stores/{stores[0]['id']}/files")
    settled(company)


def test_another_account(company: Company) -> None:
    """A key that was mixed up does not build a second help desk."""
    ann = company.machine("ann")
    ann.begin("account")
    ann.edit(
        "retinue.yaml", "{api_key_env: HELPDESK_KEY}", f"{{api_key_env: HELPDESK_KEY, project: {company.project}}}"
    )
    run = ann.propose("Say where we live")
    for stage in STAGES:
        assert run("plan", "-e", stage, "--detailed-exitcode").code == 0
    mixed_up = Checkout(company, run.path, {**run.environ, "HELPDESK_KEY": OTHER_KEY})
    for command in (("plan",), ("apply", "--yes"), ("destroy", "--yes"), ("drift",)):
        stopped = mixed_up(*command, "-e", "production")
        assert stopped.code == 4, command
        assert f"the account of this stack is the project '{company.project}'" in stopped.err
    # Where it is not said, a machine that was here before remembers.
    ann.git("checkout", "--quiet", "main")
    mixed_up = Checkout(company, ann.path, {**ann.environ, "HELPDESK_KEY": OTHER_KEY})
    assert mixed_up("apply", "--yes", "-e", "production").code == 4
    ann.git("checkout", "--quiet", "account")
    ann.merge()
    settled(company)


# ── 6 ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

CRM = """\
vaults:
  keys: {name: Keys}
credentials:
  crm:
    vault: keys
    name: CRM
    auth: {type: static_bearer, mcp_server_url: "https://crm.example.com/mcp", token: "${{ secret.CRM_TOKEN }}"}
"""


def test_a_promotion(company: Company) -> None:
    """Tried in staging, by its overlay; then in production, each with its own secret, which is shown nowhere."""
    company.later(days=3)
    ann = company.machine("ann")
    ann.begin("crm")
    tools = "assistants:\n  desk:\n    tools:\n      file_search: {max_num_results: 12}\n"
    ann.write("environments/staging.yaml", tools + CRM)
    run = ann.propose("Try the CRM in staging")
    plans = {stage: approve(run, company, stage)[1] for stage in STAGES}
    assert run("plan", "-e", "production", "--detailed-exitcode").code == 0
    run = ann.merge()
    for stage in STAGES:
        assert carried(run, plans[stage], stage).code == 0
    assert (len(company.all("/vaults")), SECRETS["staging"].encode() in company.account.sent) == (1, True)
    settled(company)

    company.later(days=2)
    company.account.calls.clear()
    outsider = Checkout(company, run.path, {})
    differing = outsider("diff", "-e", "staging", "-e", "production", "--detailed-exitcode")
    assert (differing.code, company.account.calls) == (2, [])
    assert "- credential.crm  only in staging" in differing.out
    assert "max_num_results: 12 -> 5" in differing.out

    ann.begin("promote")
    (ann.path / "environments/staging.yaml").unlink()
    ann.write("assistants/crm.yaml", CRM)
    ann.edit("assistants/desk.yaml", "max_num_results: 5", "max_num_results: 12")
    run = ann.propose("The CRM, for everybody")
    assert run("plan", "-e", "staging", "--detailed-exitcode").code == 0
    comment, plan = approve(run, company)
    assert "Plan: 2 to add, 1 to change, 0 to destroy." in comment.out
    # Whoever reviews it needs nothing but the file, and sees in every form what will be applied.
    page = company.kept("promotion.html")
    reader = company.runner()
    for form in ("text", "json", "markdown", "github"):
        assert comment.digest in reader("show-plan", plan, "--format", form, "--html", page).out
    run = ann.merge()
    assert SECRETS["production"].encode() not in company.account.sent
    assert carried(run, plan).code == 0
    assert SECRETS["production"].encode() in company.account.sent
    same = run("diff", "-e", "staging", "-e", "production")
    assert "Differences: 1 changed, 0 only" in same.out
    assert "credential.crm" not in same.out

    # A new secret is a change that shows nothing; the other environment has another one.
    company.secrets["production"] = ROTATED
    planned = run("plan", "-e", "production", "--detailed-exitcode")
    assert (planned.code, planned.out.count("(not shown)")) == (2, 2)
    assert run("apply", "-e", "production", "--expect", planned.digest).code == 0
    assert ROTATED.encode() in company.account.sent
    for command in LOOKING:
        assert run(*command, "-e", "production").code == 0, command
    # Should it turn up anywhere, it would be found.
    leak = ann.path / "leak.txt"
    leak.write_text(ROTATED)
    assert company.leaks() == [str(leak)]
    leak.unlink()
    settled(company)


# ── 7 ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

SUMMARIZER = """\
assistants:
  summarizer: {name: Summarizer, model: gpt-6-luna, instructions: You sum up what was said in three sentences.}
"""


def test_a_takeover(company: Company) -> None:
    """An object of another team's stack changes hands, by a line in each of the two repositories."""
    company.later(days=1)
    company.found("lab")
    ben = company.machine("ben", "lab")
    ben.write("retinue.yaml", "stack: lab\naccount: {api_key_env: HELPDESK_KEY}\n")
    ben.write("assistants/summarizer.yaml", SUMMARIZER)
    ben.write("assistants/trial.yaml", "assistants:\n  trial: {name: Trial, model: gpt-6-luna}\n")
    ben.git("checkout", "--quiet", "-B", "main")
    ben.git("add", "--all")
    ben.git("commit", "--quiet", "--message", "Begin")
    ben.git("push", "--quiet", "origin", "main")
    assert company.runner(repository="lab")("apply", "--yes").code == 0
    theirs = company.assistant("Summarizer", "lab")

    ann = company.machine("ann")
    ann.begin("summarizer")
    ann.edit("retinue.yaml", "  production:\n", "  production:\n    include: [assistants/*.yaml, production/*.yaml]\n")
    ann.write("production/summarizer.yaml", SUMMARIZER)
    run = ann.propose("Take over the summarizer")
    # Without a word it would be another object.
    assert "1 to add" in run("plan", "-e", "production").out
    entry = "takeover:\n  - {address: assistant.summarizer, from_stack: lab}\n"
    ann.write("production/summarizer.yaml", SUMMARIZER + entry)
    comment, plan = approve(ann.propose("It was the lab's"), company)
    assert "1 to adopt" in comment.out
    run = ann.merge()
    company.writes()
    assert carried(run, plan).code == 0
    assert [call for call in company.writes() if "vector_stores" not in call] == [f"POST /assistants/{theirs['id']}"]
    assert company.assistant("Summarizer")["id"] == theirs["id"]

    ben.begin("without")
    (ben.path / "assistants/summarizer.yaml").unlink()
    assert "No changes." in ben.propose("The help desk has it now")("plan").out
    assert ben.merge()("apply", "--yes").code == 0
    assert company.assistant("Summarizer")["id"] == theirs["id"]
    settled(company)


def test_what_was_made_by_hand(company: Company) -> None:
    """Imported with an empty plan in mind: nothing but tags is written. What is let go stays where it is."""
    company.later(days=2)
    made = company.dashboard(
        "/assistants",
        model="gpt-6-luna",
        name="Complaints",
        instructions="You listen first.\nThen you say what happens next.\n",
        temperature=0.2,
        metadata={"by": "Carla"},
    )
    poet = company.dashboard("/assistants", model="gpt-6-luna", name="Poet", instructions="You rhyme.")
    ann = company.machine("ann")
    ann.begin("complaints")
    company.writes()
    scanned = ann("import", "--scan", "-e", "production")
    assert scanned.code == 0
    assert {made["id"], poet["id"]} <= set(scanned.out.split())
    taken = ann("import", "assistant.complaints", made["id"], "-e", "production", "--out", "production")
    assert (taken.code, company.writes()) == (0, []), taken.err
    before = company.state()
    comment, plan = approve(ann.propose("Look after the complaints desk"), company)
    assert "Plan: 0 to add, 0 to change, 0 to destroy, 1 to adopt." in comment.out
    run = ann.merge()
    assert carried(run, plan).code == 0
    adopted = company.assistant("Complaints")
    assert {**adopted, "metadata": {"by": "Carla"}} == made
    assert adopted["metadata"].keys() == {"by", "retinue"}
    untouched = [each for each in before["assistant"] if each["id"] != made["id"]]
    assert [each for each in company.state()["assistant"] if each["id"] != made["id"]] == untouched
    settled(company)

    # A month later Carla wants it back.
    company.later(days=1)
    ann.begin("back")
    for path in (ann.path / "production").rglob("*complaints*"):
        path.unlink()
    ann.write("production/released.yaml", "release: [assistant.complaints]\n")
    comment, plan = approve(ann.propose("Carla looks after it again"), company)
    assert "1 to release" in comment.out
    assert carried(ann.merge(), plan).code == 0
    assert company.assistant("Complaints", None) == made
    settled(company)


# ── 8 ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

MANUALS = """\
assistants:
  manuals:
    name: Manuals
    model: gpt-6-luna
    tools: [{file_search: {vector_store: manuals}}]
vector_stores:
  manuals:
    name: Manuals
    files: [manuals/*.md]
"""


def test_a_runner_that_dies(company: Company) -> None:
    """The process is killed between two requests. Its lease keeps others out until it ends; then the rest is done."""
    company.later(days=2)
    ann = company.machine("ann")
    ann.begin("manuals")
    ann.write("assistants/manuals.yaml", MANUALS)
    for lamp in ("anna", "bertha", "clara"):
        ann.write(f"assistants/manuals/{lamp}.md", f"# {lamp}\n\nThe switch of {lamp} is on the cable.\n")
    approved, plan = approve(ann.propose("Answer questions about manuals"), company)
    run = ann.merge()
    process = run.start("apply", plan, "-e", "production")
    company.account.once(r"POST /vector_stores/\w+/file_batches", process.kill)
    assert run.ended(process).code == -9
    assert [each["name"] for each in company.all("/assistants")].count("Manuals") == 0
    dead = run_url(company.runs)

    run = company.runner()
    rest = run("plan", "-e", "production")
    assert f"an apply of this stack is under way: {dead}" in rest.err
    before = company.state()
    refused = run("apply", "-e", "production", "--yes")
    assert refused.code == 6
    assert dead in refused.err
    assert company.state() == before

    company.later(minutes=11)
    # A digest does not say what is left of the plan that it names. The saved plan does: what is left was approved.
    assert run("apply", "-e", "production", "--expect", approved.digest).code == 3
    rest = carried(run, plan)
    assert rest.code == 0
    assert "going on with the approved plan: 2 of its 2 steps are left" in rest.err
    assert [each["name"] for each in company.all("/vector_stores")].count("Manuals") == 1
    assert sorted(each["filename"] for each in company.all("/files")).count("anna.md") == 1
    assert run("apply", "-e", "staging", "--yes").code == 0
    settled(company)


def test_a_laptop_that_dies(company: Company) -> None:
    """Where the directory is still there, nobody waits, and not even a file is left over."""
    ann = company.machine("ann")
    ann.begin("dora")
    ann.write("assistants/manuals/dora.md", "# dora\n\nDora has no switch.\n")
    ann.propose("A new lamp")
    run = ann.merge()
    for stage in STAGES:
        process = ann.start("apply", "--yes", "-e", stage)
        company.account.once("POST /files", process.kill)
        assert ann.ended(process).code == -9
        assert company.orphans() == ["dora.md"]
        assert run("apply", "--yes", "-e", stage).code == 6
        assert ann("apply", "--yes", "-e", stage).code == 0
        assert company.orphans() == []
    assert [each["filename"] for each in company.all("/files")].count("dora.md") == 2
    settled(company)


# ── 9 ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_two_applies_at_once(company: Company) -> None:
    """The second is told who is at work and ends; or it waits, plans anew, and finds what there is left to do."""
    company.later(days=1)
    ann = company.machine("ann")
    ann.begin("first")
    ann.edit("assistants/desk.yaml", "promise a call in the morning", "promise a call at eight")
    ann.propose("Say when we call")
    first = ann.merge()
    number = company.runs
    ann.begin("second")
    ann.edit("assistants/teams.yaml", "You know invoices.", "You know invoices and reminders.")
    ann.propose("Billing sends reminders")
    second = ann.merge()

    pause = Pause()
    company.account.once(r"POST /assistants/\w+", pause)
    process = first.start("apply", "--yes", "-e", "production")
    assert pause.reached.wait(timeout=60)
    refused = second("apply", "--yes", "-e", "production")
    assert refused.code == 6
    assert f"another apply of the stack 'helpdesk-production' is under way: {run_url(number)}" in refused.err
    assert "--wait-lease" in refused.err

    # Whoever waits looks at the marker now and then; then the first may go on.
    (marker,) = company.markers("helpdesk-production")
    company.account.once(f"GET /vector_stores/{marker['id']}", pause.over.set)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("retinue.applying.POLL", 0.2)
        waited = second("apply", "--yes", "-e", "production", "--wait-lease", "1m")
    assert first.ended(process).code == 0
    assert waited.code == 0
    assert "planning again, since somebody else applied the stack" in waited.err
    assert company.assistant("Night desk")["instructions"].endswith("at eight.")
    assert company.assistant("Billing")["instructions"].endswith("reminders.")
    assert second("apply", "--yes", "-e", "staging").code == 0
    settled(company)


# ── 10 ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_skill_that_is_rolled_back(company: Company) -> None:
    """Versions never change: going back is one field, and one request."""
    company.later(days=1)
    ann = company.machine("ann")
    manifest = "assistants/skills/invoices/SKILL.md"
    skill = "skills:\n  invoices:\n    folder: skills/invoices\n"
    for round_, advice in enumerate(("Add up.", "Add up twice."), start=1):
        ann.begin(f"invoices-{round_}")
        ann.write("assistants/skills.yaml", skill)
        ann.write(manifest, f"---\nname: invoices\ndescription: Checks invoices.\n---\n\n{advice}\n")
        _, plan = approve(ann.propose(advice), company)
        run = ann.merge()
        assert carried(run, plan).code == 0
        assert run("apply", "--yes", "-e", "staging").code == 0
    skill_id = run("output", "skill.invoices", "-e", "production").out.strip()
    (mine,) = [each for each in company.all("/skills") if each["id"] == skill_id]
    assert mine["default_version"] == "2"

    ann.begin("roll-back")
    ann.write("assistants/skills.yaml", f"{skill}    version: 1\n")
    comment, plan = approve(ann.propose("Once is enough"), company)
    assert "1 to change" in comment.out
    run = ann.merge()
    company.writes()
    assert carried(run, plan).code == 0
    assert [call for call in company.writes() if "skills" in call] == [f"POST /skills/{mine['id']}"]
    (now,) = [each for each in company.all("/skills") if each["id"] == mine["id"]]
    assert now["default_version"] == "1"
    assert run("apply", "--yes", "-e", "staging").code == 0
    settled(company)


# ── 11 ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_end_of_the_month(company: Company) -> None:
    """Everything goes, when somebody has seen it and said so, and exactly what is not ours stays."""
    company.later(days=4)
    run = company.runner()
    before = company.state()
    for stage in STAGES:
        blocked = run("destroy", "-e", stage, "--yes")
        assert blocked.code == 4
        assert "vector_store.handbook" in blocked.out
    assert company.state() == before

    ann = company.machine("ann")
    ann.begin("unprotect")
    ann.edit("assistants/desk.yaml", "{protect: true}  # the lawyers read it, too", "{protect: false}")
    ann.propose("The lawyers have their own copy")
    run = ann.merge()
    for stage in STAGES:
        assert run("apply", "-e", stage, "--yes").code == 0
    before = company.state()
    assert run("destroy", "-e", "staging").code == 64
    assert company.state() == before
    path = company.kept("end.json")
    shown = run("plan", "-e", "production", "--destroy", "--out", path)
    assert shown.code == 0
    company.dashboard(f"/assistants/{company.assistant('Billing')['id']}", name="Billing, do not delete")
    assert run("apply", path, "-e", "production").code == 3
    run("plan", "-e", "production", "--destroy", "--out", path)
    assert run("apply", path, "-e", "production").code == 0
    digest = run("plan", "-e", "staging", "--destroy").digest
    assert run("destroy", "-e", "staging", "--expect", digest).code == 0

    left = company.state()
    names = sorted(each["name"] for each in left["assistant"])
    assert names == ["Complaints", "Intern", "Intern", "Poet", "Trial"]
    assert [each["name"] for each in left["vector_store"]].count("Archive") == 2
    # What was retired ends by itself, and then there is nothing left but what is not ours.
    company.later(days=31)
    left = company.state()
    (marker,) = [each for each in left["vector_store"] if each["status"] != "expired"]
    assert marker["name"] == "retinue marker: lab"
    assert {kind for kind, held in left.items() if held} == {"assistant", "vector_store", "file", "attached"}
    assert company.runner(repository="lab")("plan", "--detailed-exitcode").code == 0
    assert company.leaks() == []
