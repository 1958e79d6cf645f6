"""One apply at a time, in the right account: the marker of a stack and the lease in it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from retinue import applying, engine
from retinue.cli.apply_output import InWords
from retinue.cli.audience import CommandLine
from retinue.cli.terminal import Terminal
from retinue.emulator.server.loopback import running_server
from retinue.emulator.server.quirks import Quirks
from retinue.errors import AccountError, BlockedError, LeaseError, OvertakenError
from retinue.model.steps import Plan
from retinue.session import owner_of
from tests.cli.conftest import Shell
from tests.support.faults import At, CutAfter, writes_a_marker
from tests.support.team import Team, colleague, is_marker

BOTS = "assistants:\n  a: {{model: gpt-4o, name: {0}}}\n  b: {{model: gpt-4o, name: {0}}}\n"


def writes_an_assistant(request: httpx2.Request) -> bool:
    return request.method == "POST" and request.url.path.startswith("/v1/assistants")


@pytest.fixture
def team(tmp_path: Path) -> Team:
    team = Team(tmp_path / "one")
    team.write("bots.yaml", BOTS.format("Bot"))
    return team


class Noting(engine.Audience):
    """Keeps what a person should know."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def marker(team: Team) -> dict[str, str]:
    (found,) = team.markers()
    metadata: dict[str, str] = found["metadata"]
    return metadata


def edit_marker(team: Team, **values: str) -> None:
    (found,) = team.markers()
    metadata = {**found["metadata"], **{f"retinue.{key}": value for key, value in values.items()}}
    team.send("post", f"/vector_stores/{found['id']}", {"metadata": metadata})


# ── the marker ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_first_apply_makes_the_marker_and_destroy_removes_it(team: Team) -> None:
    assert team.plan().unowned == {}
    assert team.markers() == []
    team.apply()
    (found,) = team.markers()
    assert found["name"] == "retinue marker: test"
    assert found["metadata"]["retinue.marker"] == "1;s=test"
    assert found["metadata"]["retinue.inventory"].startswith("2 ")
    assert found["metadata"]["retinue.lease"] == ""
    team.destroy()
    assert team.markers() == []


def test_a_marker_is_nobodys_object(team: Team) -> None:
    """Neither a step nor a stranger, in the plans of its own stack and of others."""
    team.apply()
    other = colleague(team)
    other.write("retinue.yaml", "stack: other\ninclude: ['*.yaml']\n")
    made = other.plan()
    assert (made.unowned, made.foreign) == ({}, {"assistant": 2})
    other.apply()
    assert len(team.markers()) == 2
    made = team.plan()
    assert made.empty
    assert (made.unowned, made.foreign) == ({}, {"assistant": 2})
    team.destroy()
    assert [each["metadata"]["retinue.marker"] for each in other.markers()] == ["1;s=other"]


def test_a_marker_costs_few_requests(team: Team) -> None:
    team.apply()
    team.plan()
    assert len(team.calls) == len({call for call in team.calls if call.startswith("GET")})  # lists, each once
    team.apply()
    assert [call for call in team.calls if not call.startswith("GET")] == []  # nothing to do, nothing written
    team.write("bots.yaml", BOTS.format("Robot"))
    team.apply()
    assert len([call for call in team.calls if call.startswith("POST /vector_stores")]) == 2


def test_an_account_without_vector_stores_keeps_the_marker_in_a_vault(team: Team) -> None:
    def without_stores(inner: httpx2.BaseTransport) -> httpx2.BaseTransport:
        class Without(httpx2.BaseTransport):
            def handle_request(self, request: httpx2.Request) -> httpx2.Response:
                if request.url.path.startswith("/v1/vector_stores"):
                    body = {"error": {"message": "no", "type": "x", "param": None, "code": "missing_scope"}}
                    return httpx2.Response(403, json=body, request=request)
                return inner.handle_request(request)

        return Without()

    assert team.apply(without_stores).converged
    (found,) = team.markers()
    assert (found["object"], found["name"]) == ("vault", "retinue marker: test")


def test_a_key_that_may_not_write_a_marker_applies_all_the_same(team: Team) -> None:
    class Refusing(httpx2.BaseTransport):
        def __init__(self, inner: httpx2.BaseTransport) -> None:
            self.inner = inner

        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            if writes_a_marker(request):
                body = {"error": {"message": "no", "type": "x", "param": None, "code": "missing_scope"}}
                return httpx2.Response(403, json=body, request=request)
            return self.inner.handle_request(request)

    audience = Noting()
    with team.session(Refusing) as session:
        assert engine.apply(session, engine.plan(session), audience=audience).converged
    assert team.markers() == []
    (note,) = audience.notes
    assert "the stack has no marker" in note


def test_markers_that_a_lost_answer_doubled_become_one(team: Team) -> None:
    team.apply()
    metadata = marker(team)
    team.send("post", "/vector_stores", {"name": "retinue marker: test", "metadata": metadata})
    assert len(team.markers()) == 2
    team.write("bots.yaml", BOTS.format("Robot"))
    team.apply()
    assert len(team.markers()) == 1


def test_a_marker_of_a_newer_version_stops_everything(team: Team) -> None:
    team.apply()
    edit_marker(team, marker="2;s=test;x=y")
    with pytest.raises(BlockedError, match="the marker of the stack"):
        team.plan()


# ── everything seems to be gone ───────────────────────────────────────────────────────────────────────────────────────


def test_an_account_where_everything_is_gone_is_not_believed(project: Shell) -> None:
    project("apply", "--yes")
    for path in ("/assistants", "/vector_stores"):
        for each in project.team.listed(path):
            project.team.send("delete", f"{path}/{each['id']}")
    project.team.forget_memory()
    for command in (("plan",), ("apply", "--yes"), ("plan",)):
        stopped = project(*command)
        assert stopped.code == 4
        assert "the marker tells of 2 objects of the stack, and none of them can be found" in stopped.out
        assert "--allow-missing" in stopped.out
    assert project.team.listed("/assistants") == []
    assert project("plan", "--allow-missing").code == 0
    assert project("apply", "--yes", "--allow-missing").code == 0
    assert project("plan", "--detailed-exitcode").code == 0


def test_an_account_where_most_is_gone_is_not_believed(team: Team) -> None:
    team.write("bots.yaml", "assistants:\n" + "".join(f"  {name}: {{model: gpt-4o}}\n" for name in "abcde"))
    team.apply()
    found = team.listed("/assistants")
    for each in found[:2]:
        team.send("delete", f"/assistants/{each['id']}")
    assert team.plan().blocks == ()  # somebody deleted them, and they come back
    team.send("delete", f"/assistants/{found[2]['id']}")
    (block,) = team.plan().blocks
    assert block.code == "missing"
    assert "the marker tells of 5 objects of the stack, and only 2 of them can be found" in block.message


def test_the_inventory_tells_other_objects_from_as_many(team: Team) -> None:
    team.apply()
    number, before, _ = marker(team)["retinue.inventory"].split(" ")
    team.send("delete", f"/assistants/{team.listed('/assistants')[0]['id']}")
    team.apply()
    again, after, _ = marker(team)["retinue.inventory"].split(" ")
    assert (number, again) == ("2", "2")
    assert "-" not in (before, after)
    assert before != after


def test_what_a_machine_remembers_is_a_guard_without_a_marker(project: Shell) -> None:
    """The key of another project: the account has nothing of ours, not even the marker."""
    project("apply", "--yes")
    shutil.rmtree(project.team.account_directory)
    for _ in range(2):
        stopped = project("apply", "--yes")
        assert stopped.code == 4
        assert "this machine remembers 2 objects of the stack, and none of them can be found" in stopped.out
    assert project("apply", "--yes", "--allow-missing").code == 0
    assert project("plan", "--detailed-exitcode").code == 0


def test_an_apply_that_was_cut_off_while_deleting_is_continued(team: Team) -> None:
    """The marker must not tell of objects that this very apply deleted."""
    names = "abcdefgh"
    team.write("bots.yaml", "assistants:\n" + "".join(f"  {name}: {{model: gpt-4o}}\n" for name in names))
    team.apply()
    team.write("bots.yaml", "assistants:\n  a: {model: gpt-4o}\n")
    done: list[int] = []

    class Dying(httpx2.BaseTransport):
        """Loses everything after seven deletions."""

        def __init__(self, inner: httpx2.BaseTransport) -> None:
            self.inner = inner

        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            if len(done) >= 7:
                raise httpx2.ConnectError("the network is gone", request=request)
            if request.method == "DELETE":
                done.append(1)
            return self.inner.handle_request(request)

    team.apply(Dying)
    team.forget_memory()
    assert team.plan().blocks == ()


# ── one apply at a time ───────────────────────────────────────────────────────────────────────────────────────────────


def test_two_runners_do_not_apply_one_stack_at_once(team: Team) -> None:
    team.apply()
    other = colleague(team)
    for each in (team, other):
        each.write("bots.yaml", BOTS.format(each.root.name))
    refused: list[LeaseError] = []

    def meanwhile() -> None:
        with other.session() as session:
            made = engine.plan(session)
            with pytest.raises(LeaseError) as caught:
                engine.apply(session, made)
            refused.append(caught.value)

    applied = team.apply(lambda inner: At(inner, writes_an_assistant, meanwhile))
    assert applied.converged
    (error,) = refused
    assert error.exit_code == 6
    assert "another apply of the stack 'test' is under way: somebody" in error.message
    assert {each["name"] for each in team.listed("/assistants")} == {"one"}
    assert other.apply().converged


def test_who_wrote_last_into_the_marker_holds_it(team: Team) -> None:
    """Both read that nobody holds the lease; both write; only one of them goes on."""
    team.apply()
    other = colleague(team)
    for each in (team, other):
        each.write("bots.yaml", BOTS.format(each.root.name))
    nonce: list[str] = []

    def meanwhile() -> None:
        # The other runner has read the marker before our write, and writes right after it.
        edit_marker(team, lease=f"theirs {team.time.now + 600:.0f} them")
        nonce.append("theirs")

    class After(At):
        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            answer = self.inner.handle_request(request)
            if self.act and self.wanted(request):
                act, self.act = self.act, None
                act()
            return answer

    with pytest.raises(LeaseError, match="them"):
        team.apply(lambda inner: After(inner, writes_a_marker, meanwhile))
    assert nonce
    assert {each["name"] for each in team.listed("/assistants")} == {"Bot"}


def test_the_first_of_two_first_applies_wins(team: Team) -> None:
    other = colleague(team)

    def meanwhile() -> None:
        with other.session() as session:
            session.lock.sight(*_sighting(session))
            session.lock.acquire(0, alone=True)

    with pytest.raises(LeaseError):
        team.apply(lambda inner: At(inner, writes_a_marker, meanwhile))
    assert team.listed("/assistants") == []
    assert len(team.markers()) == 1


def _sighting(session: engine.Session) -> Any:
    from retinue.providers.port import Wanted

    snapshot = session.providers[None].snapshot(Wanted())
    return snapshot.served, snapshot.markers


def test_a_plan_from_before_somebody_elses_apply_is_not_carried_out(team: Team) -> None:
    """Both planned to create the same objects: the second would double them."""
    other = colleague(team)
    with team.session() as session:
        made = engine.plan(session)
        other.apply()
        with pytest.raises((OvertakenError, LeaseError)):
            engine.apply(session, made)
    assert len(team.listed("/assistants")) == 2
    team.write("bots.yaml", BOTS.format("Robot"))
    other.write("bots.yaml", BOTS.format("Android"))
    with team.session() as session:
        made = engine.plan(session)
        other.apply()
        with pytest.raises(OvertakenError, match="somebody else applied the stack"):
            engine.apply(session, made)


def test_a_plan_from_before_an_apply_that_was_cut_off_is_not_carried_out(team: Team) -> None:
    """It gave nothing back, and its lease has ended: what it created was created once more, and nobody would delete
    what it had let go."""
    team.write("bots.yaml", "assistants:\n  z: {model: gpt-4o}\n")
    team.apply()
    team.write("bots.yaml", BOTS.format("Bot") + "  z: {model: gpt-4o}\n")
    other = colleague(team)
    with team.session() as session:
        made = engine.plan(session)
        with suppress(AccountError):
            other.apply(lambda inner: CutAfter(inner, "POST /assistants"), parallelism=1)
        team.time.now += 3600
        with pytest.raises(OvertakenError, match="somebody else applied the stack"):
            engine.apply(session, made)
    assert team.apply().converged
    assert len(team.listed("/assistants")) == 3


def test_a_plan_made_during_an_apply_that_was_cut_off_is_not_carried_out(team: Team) -> None:
    team.write("bots.yaml", "assistants:\n  z: {model: gpt-4o}\n")
    team.apply()
    team.write("bots.yaml", BOTS.format("Bot") + "  z: {model: gpt-4o}\n")
    other = colleague(team)
    with team.session() as session:
        plans: list[Plan] = []

        def plan(inner: httpx2.BaseTransport) -> httpx2.BaseTransport:
            return At(
                CutAfter(inner, "POST /assistants"), writes_an_assistant, lambda: plans.append(engine.plan(session))
            )

        with suppress(AccountError):
            other.apply(plan, parallelism=1)
        team.time.now += 3600
        with pytest.raises(OvertakenError, match="somebody else applied the stack"):
            engine.apply(session, plans[0])
    assert team.apply().converged
    assert len(team.listed("/assistants")) == 3


def test_a_marker_that_was_deleted_since_the_plan_makes_it_outdated(team: Team) -> None:
    team.apply()
    team.write("bots.yaml", BOTS.format("Robot"))
    with team.session() as session:
        made = engine.plan(session)
        team.send("delete", f"/vector_stores/{team.markers()[0]['id']}")
        with pytest.raises(OvertakenError, match="the marker of the stack was deleted after the plan was made"):
            engine.apply(session, made)
    assert {each["name"] for each in team.listed("/assistants")} == {"Bot"}


def test_a_lease_that_nobody_renews_ends_by_itself(team: Team) -> None:
    team.apply()
    edit_marker(team, lease=f"dead {team.time.now + 600:.0f} gone@nowhere")
    team.write("bots.yaml", BOTS.format("Robot"))
    with pytest.raises(LeaseError, match="gone@nowhere"):
        team.apply()
    team.time.now += 601
    assert team.apply().converged


def test_a_wrong_clock_here_does_not_matter(team: Team) -> None:
    """The account's clock decides: a runner whose clock is an hour ahead must not think that the lease has ended."""
    team.apply()
    edit_marker(team, lease=f"alive {team.time.now + 600:.0f} them")
    team.write("bots.yaml", BOTS.format("Robot"))
    with team.session() as session:
        account = session.account
        truth = account.clock
        account.clock = lambda: truth() + 3600
        made = engine.plan(session)
        with pytest.raises(LeaseError):
            engine.apply(session, made)


def test_the_lease_is_renewed_while_there_is_work(team: Team) -> None:
    team.apply()
    team.write("bots.yaml", BOTS.format("Robot"))
    seen: list[float] = []

    class Slow(httpx2.BaseTransport):
        """Every request takes a minute and a half by the clock."""

        def __init__(self, inner: httpx2.BaseTransport) -> None:
            self.inner = inner

        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            team.time.now += 90
            if writes_an_assistant(request):
                ends = float(marker(team)["retinue.lease"].split()[1])
                seen.append(ends - team.time.now)
            return self.inner.handle_request(request)

    assert team.apply(Slow, parallelism=1).converged
    assert len(seen) == 2
    assert min(seen) > 0
    assert marker(team)["retinue.lease"] == ""


def test_an_apply_whose_lease_was_taken_over_stops(team: Team) -> None:
    team.apply()
    team.write("bots.yaml", BOTS.format("Robot"))

    def taken_over() -> None:
        team.time.now += 700
        edit_marker(team, lease=f"theirs {team.time.now + 600:.0f} them")

    with team.session(lambda inner: At(inner, writes_an_assistant, taken_over)) as session:
        session.parallelism = 1
        applied = engine.apply(session, engine.plan(session))
    assert not applied.succeeded
    failure = engine.outcome(applied)
    assert failure is not None
    assert failure.exit_code == 5
    assert "them" in failure.message
    assert marker(team)["retinue.lease"].startswith("theirs ")


def test_an_apply_that_was_killed_is_continued_at_once_where_it_ran(team: Team) -> None:
    """Nobody waits for a lease that a dead process of this very directory left behind."""
    team.apply()
    team.write("bots.yaml", BOTS.format("Robot"))
    team.apply(lambda inner: CutAfter(inner, "POST /assistants/.*"), parallelism=1)
    assert marker(team)["retinue.lease"] != ""
    with pytest.raises(LeaseError):
        colleague(team).apply()
    assert team.apply().converged
    assert marker(team)["retinue.lease"] == ""


def test_a_lease_left_behind_is_given_back_when_nothing_is_left_to_do(team: Team) -> None:
    """The run was killed after its last step: others need not wait, and what the marker remembers is right again."""
    team.apply()
    team.write("more.yaml", "assistants:\n  c: {model: gpt-4o}\n")
    team.apply(lambda inner: CutAfter(inner, "POST /assistants"))
    assert marker(team)["retinue.lease"] != ""
    applied = team.apply()
    assert (applied.plan.empty, applied.converged) == (True, True)
    assert marker(team)["retinue.lease"] == ""
    assert marker(team)["retinue.inventory"].startswith("3 ")


def test_the_lease_of_others_is_left_to_them(team: Team) -> None:
    """An apply without changes gives nothing back that it did not take."""
    team.apply()
    edit_marker(team, lease=f"deadbeef {int(team.time.now) + 300} somebody@else")
    before = marker(team)
    assert team.apply().converged
    assert marker(team) == before


def test_a_lease_is_given_back_when_steps_fail(team: Team) -> None:
    team.apply()
    team.write("bots.yaml", BOTS.format("Robot"))

    def edited() -> None:
        for each in team.listed("/assistants"):
            team.send("post", f"/assistants/{each['id']}", {"name": "Theirs"})

    def reads(request: httpx2.Request) -> bool:
        """Of an assistant, once the lease is taken: right before it is written."""
        return request.method == "GET" and "/assistants/" in request.url.path and marker(team)["retinue.lease"] != ""

    applied = team.apply(lambda inner: At(inner, reads, edited), parallelism=1)
    assert not applied.succeeded
    assert marker(team)["retinue.lease"] == ""


def test_objects_that_the_last_apply_did_not_leave_are_pointed_out(project: Shell) -> None:
    """As many as before, and not the same: somebody deleted one and copied another, its tag included."""
    project("apply", "--yes")
    told = "These are not the objects that the last apply left (2 objects)."
    assert told not in project("show").out
    assert json.loads(project("show", "--json").out)["marker"]["as_left"] is True
    [assistant] = project.team.listed("/assistants")
    project.team.send("post", "/assistants", {part: assistant[part] for part in ("model", "name", "metadata")})
    project.team.send("delete", f"/assistants/{assistant['id']}")
    assert told in project("show").out
    assert json.loads(project("show", "--json").out)["marker"]["as_left"] is False


def test_reading_takes_no_lease(project: Shell) -> None:
    project("apply", "--yes")
    edit_marker(project.team, lease="alive 9999999999 https://ci.example.com/run/7")
    shown = project("show")
    assert shown.code == 0
    assert f"Marker of the stack: {project.team.markers()[0]['id']}." in shown.out
    assert "It is being applied: https://ci.example.com/run/7." in shown.out
    planned = project("plan")
    assert planned.code == 0
    assert "an apply of this stack is under way: https://ci.example.com/run/7" in planned.err
    assert project("apply", "--yes").code == 0  # nothing to do, nothing to keep out


def test_whoever_waits_is_told_for_whom_and_plans_anew(project: Shell) -> None:
    project("apply", "--yes")
    edit_marker(project.team, lease="alive 9999999999 https://ci.example.com/run/7")
    project.write("tutor.md", "Be kind.\n")
    refused = project("apply", "--yes")
    assert refused.code == 6
    assert "another apply of the stack 'test' is under way: https://ci.example.com/run/7" in refused.err
    assert "--wait-lease" in refused.err
    assert project("apply").code == 6  # before anybody is asked
    assert project("apply", "--yes", "--wait-lease", "0s").code == 6
    assert project("apply", "--yes", "--wait-lease", "soon").code == 64


def test_an_apply_goes_on_once_the_lease_it_waits_for_has_ended(team: Team, capsys: pytest.CaptureFixture[str]) -> None:
    team.apply()
    team.write("bots.yaml", BOTS.format("Robot"))
    edit_marker(team, lease=f"alive {team.time.now + 95:.0f} them")
    telling = InWords(Terminal.detect(), "hunks", "Settled.")
    with team.session() as session:
        audience = CommandLine(session, telling, "?")
        assert engine.apply(session, engine.plan(session), audience=audience, wait_lease=300.0).converged
    assert {each["name"] for each in team.listed("/assistants")} == {"Robot"}
    told = capsys.readouterr().err
    assert "waiting up to 300s: another apply of the stack 'test' is under way: them" in told
    assert "planning again, since somebody else applied the stack" in told


def test_waiting_ends_when_the_lease_does(team: Team) -> None:
    team.apply()
    edit_marker(team, lease=f"alive {team.time.now + 95:.0f} them")
    with team.session() as session:
        engine.plan(session)
        assert not applying.wait_for_lease(session, 30)
        assert applying.wait_for_lease(session, 300)
    assert team.time.now < 1_795_000_000 + 200


@pytest.mark.parametrize(
    ("environ", "owner"),
    [
        (
            {"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "us/bots", "GITHUB_RUN_ID": "7"},
            "https://github.com/us/bots/actions/runs/7",
        ),
        ({"CI_JOB_URL": "https://gitlab.com/us/bots/-/jobs/8"}, "https://gitlab.com/us/bots/-/jobs/8"),
    ],
)
def test_a_pipeline_is_named_by_the_address_of_its_run(environ: dict[str, str], owner: str) -> None:
    assert owner_of(environ) == owner
    assert "@" in owner_of({})


def test_lagging_lists_do_not_double_the_marker(team: Team) -> None:
    team.quirks = Quirks(list_lag=3)
    for name in ("Bot", "Robot", "Android"):
        team.write("bots.yaml", BOTS.format(name))
        assert team.apply().converged
    assert len(team.markers()) == 1
    assert is_marker(team.markers()[0])


# ── the right account ─────────────────────────────────────────────────────────────────────────────────────────────────


def remote(url: str, **details: str) -> str:
    """A project whose account is somewhere on the network."""
    more = "".join(f", {key}: {value}" for key, value in details.items())
    return f"stack: test\ninclude: ['*.yaml']\naccount: {{base_url: '{url}', api_key_env: THE_KEY{more}}}\n"


@pytest.fixture
def there(project: Shell, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Shell, str, str]]:
    """A project, the address of an account, and the project that this account answers for."""
    monkeypatch.setenv("THE_KEY", "local")
    with running_server(project.team.root / "there") as url:
        answer = httpx2.get(f"{url}/models", headers={"Authorization": "Bearer local"})
        yield project, url, answer.headers["openai-project"]


def test_the_account_of_another_project_stops_everything(there: tuple[Shell, str, str]) -> None:
    project, url, answered = there
    project.write("retinue.yaml", remote(url, project="proj_ours"))
    for command in (("plan",), ("apply", "--yes", "--allow-missing"), ("destroy", "--yes"), ("show",)):
        stopped = project(*command)
        assert stopped.code == 4
        expected = f"the account answers for the project '{answered}', and the account of this stack is the project"
        assert f"{expected} 'proj_ours'" in stopped.err
    project.write("retinue.yaml", remote(url, project=answered, organization="org-ours"))
    assert project("apply", "--yes").code == 0  # this account names its organization by a short name


def test_another_account_than_last_time_is_noticed(there: tuple[Shell, str, str]) -> None:
    """The same address, and the key of another project: neither configuration nor marker tells, this machine does."""
    project, url, answered = there
    project.write("retinue.yaml", remote(url))
    assert project("apply", "--yes").code == 0
    memory = project.team.root / ".retinue" / "ids.json"
    memory.write_text(memory.read_text(encoding="utf-8").replace(answered, "proj_before"), encoding="utf-8")
    found = _stores(url)
    httpx2.delete(f"{url}/vector_stores/{found['id']}", headers=HEADERS)
    stopped = project("plan")
    assert stopped.code == 4
    assert f"this machine last saw the stack in project 'proj_before', and the account answers for '{answered}'" in (
        stopped.out
    )
    assert project("plan", "--allow-missing").code == 0


def test_a_marker_from_another_account_is_noticed(there: tuple[Shell, str, str]) -> None:
    """An account that was restored from another one, or a proxy that leads elsewhere now."""
    project, url, answered = there
    project.write("retinue.yaml", remote(url))
    assert project("apply", "--yes").code == 0
    found = _stores(url)
    assert found["metadata"]["retinue.account"] == f"local/{answered}"
    metadata = {**found["metadata"], "retinue.account": "local/proj_copied"}
    httpx2.post(f"{url}/vector_stores/{found['id']}", headers=HEADERS, json={"metadata": metadata})
    stopped = project("apply", "--yes")
    assert stopped.code == 4
    expected = f"the marker places the stack in project 'proj_copied', and the account answers for '{answered}'"
    assert expected in stopped.out


HEADERS = {"Authorization": "Bearer local", "OpenAI-Beta": "assistants=v2"}


def _stores(url: str) -> dict[str, Any]:
    listed = httpx2.get(f"{url}/vector_stores", headers=HEADERS).json()["data"]
    (found,) = [each for each in listed if is_marker(each)]
    return dict(found)
