"""Files that nothing uses: told apart by how it is known whose they are, and deleted only where that is certain."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from retinue.commands import gc
from retinue.errors import LeaseError
from retinue.planning.marker import Lease, new_nonce
from retinue.report.account.orphan_text import render_orphans
from retinue.state.process_lock import process_lock
from tests.cli.conftest import Shell
from tests.support.faults import CutAfter
from tests.support.team import Team

STACK = "vector_stores:\n  kb:\n    name: Prices\n    files: [prices.md]\n"
PRICES = "# Prices\n\nAll of them.\n"


@pytest.fixture
def team(shell: Shell) -> Team:
    """A stack with one file."""
    shell.write("s.yaml", STACK)
    shell.write("prices.md", PRICES)
    return shell.team


def upload(team: Team, content: str = PRICES, name: str = "prices.md") -> str:
    with team.client() as client:
        return client.files.create(file=(name, content.encode()), purpose="assistants").id


def killed_after(team: Team, request: str) -> None:
    """An apply whose process died once the account had done a request and before its answer came."""
    team.apply(lambda inner: CutAfter(inner, request))


def later(team: Team, seconds: float = 3600.0) -> None:
    team.time.sleep(seconds)


def files(team: Team) -> list[str]:
    return [each["id"] for each in team.listed("/files")]


def found(shell: Shell, *options: str) -> list[dict[str, Any]]:
    result = shell("gc", "--json", *options)
    assert result.code == 0, result.err
    rows: list[dict[str, Any]] = json.loads(result.out)["files"]
    return rows


def sorts(rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(each["certainty"], each["recorded"].partition(".")[0]) for each in rows]


# ── what is the stack's for certain ───────────────────────────────────────────────────────────────────────────────────


def test_what_the_stack_uses_is_never_listed(shell: Shell, team: Team) -> None:
    assert team.apply().converged
    assert found(shell) == []
    assert found(shell, "--delete") == []
    assert len(files(team)) == 1
    assert "Nothing of this stack" in shell("gc").out


def test_an_upload_whose_answer_was_lost_is_ours(shell: Shell, team: Team) -> None:
    killed_after(team, "POST /files")
    assert sorts(found(shell)) == [("ours", "files")]
    assert len(files(team)) == 1  # looking deletes nothing
    rows = found(shell, "--delete")
    assert [each["deleted"] for each in rows] == [True]
    assert files(team) == []
    assert found(shell) == []
    assert team.apply().converged
    assert len(files(team)) == 1


def test_of_two_alike_nobody_knows_which_is_ours(shell: Shell, team: Team) -> None:
    killed_after(team, "POST /files")
    upload(team)
    assert "ours" not in {each["certainty"] for each in found(shell, "--delete")}
    assert len(files(team)) == 2


def test_a_file_that_was_to_be_deleted_is_ours(shell: Shell, team: Team) -> None:
    assert team.apply().converged
    shell.write("prices.md", PRICES + "And one more.\n")
    killed_after(team, "DELETE /vector_stores/.*/files/.*")
    before = files(team)
    rows = found(shell, "--delete")
    assert sorts(rows) == [("ours", "files")]
    assert "was to be deleted" in rows[0]["reason"]
    assert files(team) == [each for each in before if each != rows[0]["id"]]


def test_what_somebody_detached_is_ours(shell: Shell, team: Team) -> None:
    assert team.apply().converged
    store, [file] = team.listed("/vector_stores")[0]["id"], files(team)
    team.send("delete", f"/vector_stores/{store}/files/{file}")
    assert sorts(found(shell)) == [("ours", "ids")]
    assert found(shell, "--delete")[0]["id"] == file
    assert files(team) == []
    assert found(shell) == []
    assert team.apply().converged


def holds_in_a_store(team: Team, file: str) -> None:
    store = team.send("post", "/vector_stores", {"name": "theirs"})["id"]
    team.send("post", f"/vector_stores/{store}/files", {"file_id": file})


def holds_in_an_assistant(team: Team, file: str) -> None:
    resources = {"code_interpreter": {"file_ids": [file]}}
    team.send(
        "post", "/assistants", {"model": "gpt-4o", "tools": [{"type": "code_interpreter"}], "tool_resources": resources}
    )


def holds_in_a_lock_file(team: Team, file: str) -> None:
    team.write("retinue.lock.other.json", json.dumps({"assistants": {"bot": {"files": [file]}}}))


@pytest.mark.parametrize("hold", [holds_in_a_store, holds_in_an_assistant, holds_in_a_lock_file])
def test_what_anybody_holds_is_left_alone(shell: Shell, team: Team, hold: Callable[[Team, str], None]) -> None:
    assert team.apply().converged
    store, [file] = team.listed("/vector_stores")[0]["id"], files(team)
    team.send("delete", f"/vector_stores/{store}/files/{file}")
    hold(team, file)
    assert found(shell, "--delete") == []
    assert files(team) == [file]


# ── what only looks like it ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_fresh_clone_tells_what_a_killed_apply_left(shell: Shell, team: Team) -> None:
    killed_after(team, "POST /files")
    team.forget_memory()
    later(team)
    [row] = found(shell, "--delete")
    assert (row["certainty"], row["recorded"], row["deleted"]) == ("likely", "marker", False)
    assert "cut off" in row["reason"]
    assert len(files(team)) == 1


def test_a_file_of_another_time_or_size_only_looks_alike(shell: Shell, team: Team) -> None:
    early = upload(team)
    later(team)
    killed_after(team, "POST /files")
    team.forget_memory()
    other = upload(team, "another content")
    upload(team, PRICES, "notes.md")
    later(team)
    late = upload(team)
    rows = {each["id"]: each for each in found(shell, "--delete")}
    assert {rows[each]["certainty"] for each in (early, other, late)} == {"alike"}
    assert "another size" in rows[other]["reason"]
    assert [each["certainty"] for each in rows.values()].count("likely") == 1
    assert len(rows) == 4  # the notes are nobody's business
    assert len(files(team)) == 5


def ended(team: Team) -> None:
    """The lease of the killed apply ran out."""
    later(team)


def test_an_apply_in_a_fresh_clone_uses_what_a_killed_one_left(shell: Shell, team: Team) -> None:
    killed_after(team, "POST /files")
    [left] = files(team)
    team.forget_memory()
    ended(team)
    assert team.apply().converged
    assert files(team) == [left]
    assert "POST /files" not in team.calls
    assert found(shell) == []


@pytest.mark.parametrize("content", [PRICES, "Other.\n"])
def test_a_fresh_clone_takes_nothing_that_may_be_somebody_elses(shell: Shell, team: Team, content: str) -> None:
    killed_after(team, "POST /files")
    theirs = upload(team)
    team.forget_memory()
    shell.write("prices.md", content)
    ended(team)
    before = set(files(team))
    assert team.apply().converged
    made = set(files(team)) - before
    assert len(made) == 1
    assert before < set(files(team))
    assert {each["certainty"] for each in found(shell, "--delete")} == {"alike"}
    assert theirs in files(team)


def test_what_is_declared_twice_may_be_there_twice(shell: Shell, team: Team) -> None:
    again = "  more:\n    name: More\n    files: [prices.md]\n"
    shell.write("s.yaml", STACK + again)
    team.apply(lambda inner: CutAfter(inner, "POST /files"), parallelism=1)
    left = [*files(team), upload(team)]
    team.forget_memory()
    ended(team)
    assert team.apply().converged
    assert sorted(files(team)) == sorted(left)


def test_a_file_of_a_fresh_clone_that_somebody_holds_is_theirs(team: Team) -> None:
    killed_after(team, "POST /files")
    [left] = files(team)
    holds_in_a_store(team, left)
    team.forget_memory()
    ended(team)
    assert team.apply().converged
    assert len(files(team)) == 2


def test_a_lease_says_when_its_apply_began() -> None:
    assert Lease(new_nonce("0a1b", 1_795_000_000.7), 0.0, "me").began == 1_795_000_000
    assert Lease("0a1b2c3d4e5f6071", 0.0, "an older version").began is None


# ── guards, codes and text ────────────────────────────────────────────────────────────────────────────────────────────


def test_nothing_is_deleted_while_somebody_applies(shell: Shell, team: Team) -> None:
    team.time.now = time.time()  # what the command goes by
    killed_after(team, "POST /files")
    (team.root / ".retinue" / "ids.json").unlink()  # which knew the lease for one of this directory
    told = shell("gc")
    assert told.code == 0
    assert "being applied: somebody" in told.out
    refused = shell("gc", "--delete")
    assert refused.code == LeaseError.exit_code, refused.out
    assert len(files(team)) == 1


def test_nothing_is_deleted_while_an_apply_runs_on_this_machine(shell: Shell, team: Team) -> None:
    killed_after(team, "POST /files")
    with process_lock(team.root / ".retinue"):
        assert "another process on this machine" in shell("gc").out
        assert shell("gc", "--delete").code == LeaseError.exit_code
    assert len(files(team)) == 1


def test_the_exit_code_says_whether_there_is_something_to_delete(shell: Shell, team: Team) -> None:
    assert shell("gc", "--detailed-exitcode").code == 0
    killed_after(team, "POST /files")
    assert shell("gc", "--detailed-exitcode").code == 2
    assert shell("gc", "--detailed-exitcode", "--delete").code == 0
    upload(team)
    assert shell("gc", "--detailed-exitcode").code == 0


def test_people_read_what_each_file_is(shell: Shell, team: Team) -> None:
    killed_after(team, "POST /files")
    [row] = found(shell)
    said = shell("gc").out
    assert f"- {row['id']}  prices.md, 23 bytes" in said
    assert "ours: it was uploaded" in said
    assert "'retinue gc --delete' deletes it." in said
    assert "Deleted 1 file, 23 bytes." in shell("gc", "--delete").out
    upload(team)
    assert "1 file may be of this stack, and only people can tell" in shell("gc").out


class RefusesDeletion(httpx2.BaseTransport):
    """Answers 403 to whoever wants a file deleted."""

    def __init__(self, inner: httpx2.BaseTransport) -> None:
        self.inner = inner

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "DELETE":
            body = {"error": {"message": "not allowed", "type": "x", "param": None, "code": None}}
            return httpx2.Response(403, json=body, request=request)
        return self.inner.handle_request(request)


def test_what_cannot_be_deleted_is_told_and_stays_noted(shell: Shell, team: Team) -> None:
    killed_after(team, "POST /files")
    with team.session(RefusesDeletion) as session:
        collected = gc.collect(session, delete=True)
    assert ["not allowed" in each for each in collected.failures.values()] == [True]
    assert "not deleted: " in render_orphans(gc.to_document(collected), delete=True)
    assert sorts(found(shell)) == [("ours", "files")]
