"""What a plan relies on is looked at again: all of it before the first write, each object before its own."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from retinue import engine
from retinue.errors import StaleError
from retinue.planning.policy import Approval
from tests.support.faults import At, writes_a_marker
from tests.support.team import Team

TWO = """\
assistants:
  bot: {name: Bot, model: gpt-4o, tools: [file_search: {vector_store: kb}]}
vector_stores:
  kb: {name: Handbook, files: [a.md]}
"""


def writes(team: Team) -> list[str]:
    return [each for each in team.calls if not each.startswith("GET")]


@pytest.fixture
def two(tmp_path: Path) -> Team:
    """Two objects that were applied, and that the files now want changed both."""
    team = Team(tmp_path)
    team.write("a.md", "Money comes back within thirty days.\n")
    team.write("a.yaml", TWO)
    team.apply()
    team.write("a.yaml", TWO.replace("Bot", "Robot").replace("Handbook", "Manual"))
    return team


def edit_name(team: Team) -> None:
    team.send("post", f"/assistants/{team.listed('/assistants')[0]['id']}", {"name": "Theirs"})


def take_tag(team: Team) -> None:
    team.send("post", f"/assistants/{team.listed('/assistants')[0]['id']}", {"metadata": {"retinue": ""}})


def delete_assistant(team: Team) -> None:
    team.send("delete", f"/assistants/{team.listed('/assistants')[0]['id']}")


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (edit_name, "assistant.bot: 'name' changed in the account after the plan was made"),
        (take_tag, "no longer carries the tag that it had"),
        (delete_assistant, "assistant.bot: it was deleted after the plan was made"),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_nothing_is_sent_when_something_changed_between_plan_and_apply(
    two: Team, edit: Callable[[Team], None], said: str
) -> None:
    """The whole plan is looked at before its first write, not only the step that it concerns."""
    with two.session() as session:
        made = engine.plan(session)
        assert len(made.steps) == 2
        edit(two)
        before = two.state()
        with pytest.raises(StaleError, match=re.escape(said)):
            engine.apply(session, made)
    assert writes(two) == []
    assert two.state() == before


def test_a_plan_is_looked_at_again_where_the_marker_has_to_be_made_anew(two: Team) -> None:
    (marker,) = two.markers()
    two.send("delete", f"/vector_stores/{marker['id']}")
    with two.session() as session:
        made = engine.plan(session)
        edit_name(two)
        with pytest.raises(StaleError, match="'name' changed in the account after the plan was made"):
            engine.apply(session, made)
    assert writes(two) == []


def test_an_edit_while_an_apply_is_under_way_is_not_overwritten(two: Team) -> None:
    """Each object is looked at again right before its own write."""

    class Meddling(httpx2.BaseTransport):
        def __init__(self, inner: httpx2.BaseTransport) -> None:
            self.inner = inner

        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            if request.method == "POST" and "/vector_stores/" in request.url.path:
                edit_name(two)
            return self.inner.handle_request(request)

    applied = two.apply(Meddling)
    (failed,) = [event for event in applied.events if event.status == "failed"]
    assert "'name' changed in the account after the plan was made" in str(failed.error)
    assert two.listed("/assistants")[0]["name"] == "Theirs"
    assert two.listed("/vector_stores")[0]["name"] == "Manual"


@pytest.mark.parametrize("files", ["[b.md]", "[]"])
def test_a_file_that_somebody_else_attached_stops_what_would_remove_it(two: Team, files: str) -> None:
    """A removal removes the files that the plan saw, and no others."""
    two.write("b.md", "Parcels leave on weekdays.\n")
    two.write("a.yaml", TWO.replace("[a.md]", files))
    with two.session() as session:
        made = engine.plan(session)
        (store,) = two.listed("/vector_stores")
        (attached,) = two.state()["attached"][store["id"]]
        with two.client() as client:
            other = client.files.create(file=("a.md", b"Theirs."), purpose="assistants")
            client.vector_stores.files.create(store["id"], file_id=other.id, attributes=attached["attributes"])
        with pytest.raises(StaleError, match=r"its files changed .*: 'a\.md'"):
            engine.apply(session, made, approval=Approval(allow_deletes=1))
    assert writes(two) == []


def test_an_edit_of_what_is_about_to_be_deleted_stops_the_deletion(two: Team) -> None:
    with two.session() as session:
        made = engine.plan_destroy(session)
        edit_name(two)
        with pytest.raises(StaleError, match="'name' changed in the account after the plan was made"):
            engine.apply(session, made, approval=Approval(destroy=True))
    assert writes(two) == []


def test_what_is_to_be_deleted_may_be_gone_already(two: Team) -> None:
    with two.session() as session:
        made = engine.plan_destroy(session)
        delete_assistant(two)
        applied = engine.apply(session, made, approval=Approval(destroy=True))
    assert applied.converged


def attach_theirs(team: Team) -> None:
    """Somebody attaches a file under the path of ours."""
    (store,) = team.listed("/vector_stores")
    (attached,) = team.state()["attached"][store["id"]]
    with team.client() as client:
        other = client.files.create(file=("a.md", b"Theirs."), purpose="assistants")
        client.vector_stores.files.create(store["id"], file_id=other.id, attributes=attached["attributes"])


MEANWHILE = {
    "edited": (edit_name, "assistant.bot", "'name' changed in the account after the plan was made"),
    "untagged": (take_tag, "assistant.bot", "no longer carries the tag of assistant.bot"),
    "attached": (attach_theirs, "vector_store.kb", "its files changed in the account after the plan was made: 'a.md'"),
}


@pytest.mark.parametrize("case", MEANWHILE)
@pytest.mark.parametrize("destroy", [False, True], ids=["update", "delete"])
def test_what_happens_after_the_first_look_stops_the_step_that_it_concerns(two: Team, case: str, destroy: bool) -> None:
    """Once the lease is taken, the plan has been looked at as a whole: what comes then, each step finds for itself."""
    act, address, said = MEANWHILE[case]
    two.write("b.md", "Parcels leave on weekdays.\n")
    two.write("a.yaml", TWO.replace("Bot", "Robot").replace("[a.md]", "[b.md]"))
    seen: list[dict[str, Any]] = []

    def meanwhile() -> None:
        act(two)
        seen.append(two.state())

    with two.session(lambda inner: At(inner, writes_a_marker, meanwhile)) as session:
        made = engine.plan_destroy(session) if destroy else engine.plan(session)
        applied = engine.apply(session, made, approval=Approval(destroy=destroy, allow_deletes=1))
    (failed,) = [event for event in applied.events if event.status == "failed"]
    assert str(failed.step.address) == address
    assert said in str(failed.error)
    if case == "attached":
        assert {each["id"] for each in seen[0]["files"]} <= {each["id"] for each in two.listed("/files")}
    else:
        assert two.listed("/assistants") == seen[0]["assistants"]
