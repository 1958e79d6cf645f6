"""From Python, as from the command line, nothing is done that nobody agreed to."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from retinue import engine
from retinue.errors import BlockedError, Interrupted, RetinueError, StaleError, UsageError
from retinue.model.steps import Event, Plan
from retinue.planning.documents.plan_digest import plan_digest
from retinue.planning.policy import Approval
from tests.support.team import Team

BOTS = "assistants:\n" + "".join(f"  {name}: {{model: gpt-4o, name: {name}}}\n" for name in "abcdefgh")
TARGET = "assistants:\n  b: {model: gpt-4o, name: b}\n"


@pytest.fixture
def team(tmp_path: Path) -> Team:
    """Eight applied assistants."""
    team = Team(tmp_path)
    team.write("bots.yaml", BOTS)
    team.apply()
    return team


def edit(team: Team, model: str = "gpt-4.1") -> None:
    team.send("post", f"/assistants/{ids(team)['a']}", {"model": model})


def ids(team: Team) -> dict[str, str]:
    return {each["name"]: each["id"] for each in team.listed("/assistants")}


def apply(team: Team, approval: Approval | None = None) -> engine.Applied:
    with team.session() as session:
        made = engine.plan(session)
        team.calls.clear()
        return engine.apply(session, made) if approval is None else engine.apply(session, made, approval=approval)


def refused(team: Team, approval: Approval | None = None) -> str:
    """Why nothing was done; that it was not, and that nobody was kept out meanwhile."""
    before, markers = team.state(), team.markers()
    with pytest.raises(BlockedError) as caught:
        apply(team, approval)
    assert team.calls == []
    assert (team.state(), team.markers()) == (before, markers)
    return caught.value.message


def test_what_harms_nobody_needs_no_approval(team: Team) -> None:
    team.write("bots.yaml", BOTS.replace("name: a", "name: Ada"))
    assert apply(team).converged
    assert "Ada" in ids(team)


@pytest.mark.parametrize("given", [None, Approval(), Approval(allow_deletes=8, destroy=True)], ids=str)
def test_nobody_overwrites_a_colleague_unasked(team: Team, given: Approval | None) -> None:
    edit(team)
    assert "changes made outside of retinue: assistant.a" in refused(team, given)


@pytest.mark.parametrize("given", [Approval(revert_drift=True), Approval(person=True)], ids=["said", "person"])
def test_drift_goes_when_somebody_says_so(team: Team, given: Approval) -> None:
    edit(team)
    assert apply(team, given).converged
    assert {each["model"] for each in team.listed("/assistants")} == {"gpt-4o"}


@pytest.mark.parametrize("given", [None, Approval(revert_drift=True), Approval(allow_deletes=0)], ids=str)
def test_nobody_deletes_unasked(team: Team, given: Approval | None) -> None:
    team.write("bots.yaml", BOTS.replace("  h: {model: gpt-4o, name: h}\n", ""))
    assert "would delete 1 object that nobody agreed to delete: assistant.h" in refused(team, given)
    assert apply(team, Approval(allow_deletes=1)).converged
    assert "h" not in ids(team)


def test_many_deletions_take_a_person(team: Team) -> None:
    team.write("bots.yaml", TARGET)
    assert "more than max_delete_percent (30)" in refused(team, Approval(allow_deletes=8))
    assert apply(team, Approval(person=True)).converged
    assert list(ids(team)) == ["b"]


def test_limits_of_the_project_hold(team: Team) -> None:
    team.write("retinue.yaml", "stack: test\ninclude: ['*.yaml']\nguards: {max_change_percent: 10}\n")
    team.write("bots.yaml", BOTS.replace("gpt-4o", "gpt-4.1"))
    assert "more than max_change_percent (10)" in refused(team)
    assert apply(team, Approval(person=True)).converged


def test_what_blocks_a_plan_blocks_whoever_agrees(team: Team) -> None:
    team.write("bots.yaml", "{}\n")
    assert "nothing is declared" in refused(team, Approval(person=True, allow_deletes=8, revert_drift=True))


def test_what_looks_renamed_is_not_deleted_unasked(team: Team) -> None:
    prompt = "Answer questions about the course in two sentences, kindly, and never give the solution away."
    one = "assistants:\n  {}: {{model: gpt-4o, name: Tutor, instructions: '" + prompt + "'}}\n"
    team.write("more.yaml", one.format("tutor"))
    apply(team)
    team.write("more.yaml", one.format("coach"))
    assert "looks renamed" in refused(team, Approval(allow_deletes=1))
    assert apply(team, Approval(person=True)).converged


def test_destroying_takes_its_own_word(team: Team) -> None:
    with team.session() as session:
        made = engine.plan_destroy(session)
        with pytest.raises(BlockedError, match="8 objects that nobody agreed to delete"):
            engine.apply(session, made)
        assert len(ids(team)) == 8
        assert engine.apply(session, made, approval=Approval(destroy=True)).converged
    assert ids(team) == {}


# ── plans that were approved before ───────────────────────────────────────────────────────────────────────────────────


def test_an_approved_digest_allows_that_plan_and_no_other(team: Team) -> None:
    edit(team)
    approved = Approval(digest=plan_digest(team.plan()))
    edit(team, "gpt-4.1-mini")
    before = team.state()
    with pytest.raises(StaleError, match="was approved; nothing was changed"):
        apply(team, approved)
    assert team.state() == before
    edit(team)
    assert apply(team, approved).converged
    assert {each["model"] for each in team.listed("/assistants")} == {"gpt-4o"}


def test_an_approved_plan_allows_what_is_left_of_it(team: Team) -> None:
    team.write("bots.yaml", BOTS.replace("gpt-4o", "gpt-4.1"))
    approved = Approval(plan=team.plan())
    team.send("post", f"/assistants/{ids(team)['b']}", {"name": "Theirs"})
    with pytest.raises(StaleError):
        apply(team, approved)
    team.send("post", f"/assistants/{ids(team)['Theirs']}", {"name": "b"})
    with team.session() as session:
        narrow = engine.plan(session, targets=[engine.plan(session).steps[0].address])
        assert engine.apply(session, narrow).succeeded
    applied = apply(team, approved)
    assert applied.converged
    assert len(applied.plan.steps) == 7


def test_a_plan_for_another_stack_approves_nothing(team: Team) -> None:
    team.write("bots.yaml", BOTS.replace("gpt-4o", "gpt-4.1"))
    approved = Approval(plan=team.plan())
    team.write("retinue.yaml", "stack: other\ninclude: ['*.yaml']\n")
    with pytest.raises(StaleError):
        apply(team, approved)


# ── the whole way ─────────────────────────────────────────────────────────────────────────────────────────────────────


class Listener(engine.Audience):
    """Notes what it hears, and asks to stop after so many steps."""

    def __init__(self, *, stop_after: int | None = None) -> None:
        self.heard: list[str] = []
        self.stop = threading.Event()
        self.left = stop_after

    def planned(self, made: Plan) -> None:
        self.heard.append(f"planned {len(made.steps)}")

    def differs(self, made: Plan, approved: Plan | None) -> None:
        self.heard.append("differs" if approved else "differs from something")

    def note(self, text: str) -> None:
        self.heard.append(text)

    def working(self) -> AbstractContextManager[threading.Event]:
        return nullcontext(self.stop)

    def event(self, event: Event) -> None:
        if event.status == "done" and self.left is not None:
            self.left -= 1
            if self.left == 0:
                self.stop.set()


def test_an_apply_that_was_stopped_is_resumed(team: Team) -> None:
    """Somebody approved the whole plan: what is left of it needs no other approval."""
    edit(team)
    team.write("bots.yaml", BOTS.replace("gpt-4o", "gpt-5"))
    approved = Approval(plan=team.plan(), name="monday's plan")
    with team.session() as session:
        session.parallelism = 1
        applied = engine.resume(session, approved, audience=Listener(stop_after=3))
    assert applied.stopped
    assert isinstance(engine.outcome(applied), Interrupted)
    listener = Listener()
    with team.session() as session:
        applied = engine.resume(session, approved, audience=listener)
    assert engine.outcome(applied) is None
    assert applied.converged
    left = len(applied.plan.steps)
    assert 0 < left < 8
    assert listener.heard == [
        f"planned {left}",
        f"going on with the approved plan: {left} of its 8 steps {'is' if left == 1 else 'are'} left",
    ]


def test_what_differs_from_an_approved_plan_is_told(team: Team) -> None:
    team.write("bots.yaml", BOTS.replace("gpt-4o", "gpt-5"))
    approved = team.plan()
    team.write("bots.yaml", BOTS.replace("gpt-4o", "gpt-4.1"))
    for approval, heard in (
        (Approval(plan=approved), "differs"),
        (Approval(digest=plan_digest(approved)), "differs from something"),
    ):
        listener = Listener()
        with team.session() as session, pytest.raises(StaleError):
            engine.apply(session, engine.plan(session), approval=approval, audience=listener)
        assert listener.heard == [heard]


def test_a_plan_of_another_stack_is_not_resumed(team: Team) -> None:
    saved = team.plan()
    team.write("retinue.yaml", "stack: other\ninclude: ['*.yaml']\n")
    with team.session() as session:
        with pytest.raises(UsageError, match="the approved plan is a plan for the stack 'test'"):
            engine.resume(session, Approval(plan=saved))
        with pytest.raises(UsageError, match="no plan was saved"):
            engine.resume(session, Approval(digest=plan_digest(saved)))
    assert team.calls == []


def test_destroy_refuses_and_destroys(team: Team) -> None:
    with team.session() as session:
        with pytest.raises(BlockedError, match="8 objects that nobody agreed to delete"):
            engine.destroy(session)
        applied = engine.destroy(session, approval=Approval(destroy=True))
    assert applied.converged
    assert ids(team) == {}


def under_way(team: Team) -> None:
    """Somebody else applies the stack for another 95 seconds."""
    (found,) = team.markers()
    lease = f"alive {team.time.now + 95:.0f} them"
    team.send("post", f"/vector_stores/{found['id']}", {"metadata": {**found["metadata"], "retinue.lease": lease}})


def test_a_person_who_is_not_asked_again_agreed_to_one_plan_only(team: Team) -> None:
    """While we wait, somebody changes what the person agreed to overwrite."""
    edit(team)
    under_way(team)

    class Meddler(Listener):
        def note(self, text: str) -> None:
            super().note(text)
            edit(team, "gpt-4.1-mini")

    meddler = Meddler()
    approval = Approval(person=True)
    with team.session() as session, pytest.raises(StaleError, match="was approved; nothing was changed"):
        engine.apply(session, engine.plan(session), approval=approval, audience=meddler, wait_lease=300)
    assert meddler.heard[0] == "planned 1"
    assert meddler.heard[1].startswith("waiting up to 300s: another apply of the stack 'test' is under way: them")
    assert meddler.heard[2:] == ["planning again, since somebody else applied the stack", "differs"]
    edit(team)
    under_way(team)
    with team.session() as session:
        assert engine.apply(session, engine.plan(session), approval=Approval(person=True), wait_lease=300).converged


def test_whoever_can_be_asked_is_asked_about_every_plan(team: Team) -> None:
    edit(team)
    asked: list[Plan] = []

    class Refuser(Listener):
        asks = True

        def confirm(self, made: Plan) -> None:
            asked.append(made)
            raise RetinueError("no")

    before = team.state()
    with team.session() as session, pytest.raises(RetinueError, match="no"):
        engine.apply(session, engine.plan(session), approval=Approval(person=True), audience=Refuser())
    assert len(asked) == 1
    assert team.state() == before


# ── a plan is for one account, at one time ────────────────────────────────────────────────────────────────────────────


def test_a_plan_is_not_carried_out_twice(team: Team) -> None:
    team.write("bots.yaml", BOTS + "  z: {model: gpt-4o, name: z}\n")
    with team.session() as session:
        made = engine.plan(session)
        assert engine.apply(session, made).converged
        before = team.state()
        with pytest.raises(StaleError, match="a new plan is another one; nothing was changed"):
            engine.apply(session, made)
    with team.session() as session, pytest.raises(StaleError, match="nothing was changed"):
        engine.apply(session, made)
    assert team.state() == before


def test_a_plan_of_another_session_is_carried_out_while_it_holds(team: Team) -> None:
    team.write("bots.yaml", BOTS + "  z: {model: gpt-4o, name: z}\n")
    with team.session() as session:
        made = engine.plan(session)
    with team.session() as session:
        assert engine.apply(session, made).converged


def test_a_plan_of_another_stack_is_not_carried_out(team: Team) -> None:
    team.write("bots.yaml", BOTS + "  z: {model: gpt-4o, name: z}\n")
    with team.session() as session:
        made = engine.plan(session)
    team.write("retinue.yaml", (team.root / "retinue.yaml").read_text().replace("stack: test", "stack: other"))
    before = team.state()
    told = "a plan for the stack 'test', and this is the stack 'other'"
    with team.session() as session, pytest.raises(UsageError, match=told):
        engine.apply(session, made)
    assert team.state() == before
