"""A file is let go and then deleted. Whoever goes on from another machine after an apply was cut off in between knows
which one, since it stands in the lease."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest

from retinue import engine
from retinue.commands.gc import collect
from retinue.emulator.server.quirks import Quirks
from retinue.errors import RetinueError
from retinue.model.values import Address
from retinue.planning.marker import GOING_KEY, GOING_KEYS, LONGEST_VALUE, Lease, Marker, read_marker, write_marker
from retinue.planning.policy import Approval
from tests.laws.test_laws import orphans
from tests.support.breaking import apply_alone
from tests.support.faults import CutAfter, Faulty
from tests.support.team import Team, Wrap

DETACH = "DELETE /vector_stores/[^/]+/files/[^/]+"
STORES = """\
vector_stores:
  one: {name: one, files: [terms.md, edited.md, gone.md]}
  two: {name: two, files: [terms.md, other.md]}
"""
LATER = """\
vector_stores:
  one: {name: one, files: [edited.md]}
  two: {name: two, files: [other.md]}
"""


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    team = Team(tmp_path_factory.mktemp("applied"), checked=False)
    team.write("s.yaml", STORES)
    for name in ("terms", "edited", "gone", "other"):
        team.write(f"{name}.md", f"# {name}\n")
    assert team.apply().converged
    return team.root


def prepared(applied: Path, root: Path, quirks: Quirks | None = None) -> Team:
    """One file gets new content, one goes, and one that two stores share goes from both."""
    team = Team(shutil.copytree(applied, root, dirs_exist_ok=True), quirks or Quirks(), checked=False)
    team.write("s.yaml", LATER)
    team.write("edited.md", "# Edited\n")
    return team


def elsewhere(team: Team) -> None:
    """A fresh clone, once the lease of the one that died has ended."""
    team.forget_memory()
    team.time.now += 3600


def going(team: Team) -> list[str]:
    return [value for each in team.markers() for key, value in each["metadata"].items() if GOING_KEY in key and value]


def destroy(team: Team, wrap: Wrap) -> object:
    return team.destroy(wrap)


def cut_at_each(applied: Path, root: Path, change: Callable[[Team, Wrap], object], quirks: Quirks) -> Iterator[Team]:
    """The team after the process died at each of the requests in turn, that one done."""
    whole = prepared(applied, root / "whole", quirks)
    change(whole, lambda inner: inner)
    for number in range(1, len(whole.calls) + 1):
        team = prepared(applied, root / str(number), quirks)
        with suppress(RetinueError):
            change(team, lambda inner, number=number: Faulty(inner, number, "dead"))  # type: ignore[misc]
        yield team


@pytest.mark.slow
@pytest.mark.parametrize("merges", [False, True], ids=["metadata replaced", "metadata merged"])
@pytest.mark.parametrize("change", [apply_alone, destroy], ids=["applied", "destroyed"])
def test_wherever_it_is_cut_off_a_fresh_clone_leaves_nothing_behind(
    applied: Path, tmp_path: Path, change: Callable[[Team, Wrap], object], *, merges: bool
) -> None:
    """Also where an account keeps metadata that is left out."""
    quirks = Quirks(merge_metadata=merges)
    for number, team in enumerate(cut_at_each(applied, tmp_path, change, quirks), 1):
        elsewhere(team)
        failure = engine.outcome(team.destroy() if change is destroy else team.apply())
        assert failure is None, (number, failure)
        assert orphans(team.state()) == [], number
        assert going(team) == [], number
        if change is destroy:
            assert team.listed("/files") == [], number
            assert team.markers() == [], number
        else:
            assert team.plan().empty, number


@pytest.fixture
def cut(applied: Path, tmp_path: Path) -> Team:
    """A team whose apply was cut off right after it detached a file."""
    team = prepared(applied, tmp_path / "cut")
    apply_alone(team, lambda inner: CutAfter(inner, DETACH))
    assert len(orphans(team.state())) == 1
    elsewhere(team)
    return team


def test_the_next_plan_names_what_it_is_going_to_delete(cut: Team) -> None:
    (orphan,) = orphans(cut.state())
    assert [f"{each.id} {each.name}" for each in cut.plan().removes if each.what == "file"] == [orphan]


def test_gc_knows_it_for_certain_and_deletes_it(cut: Team) -> None:
    with cut.session() as session:
        (found,) = collect(session, delete=True).orphans
    assert (found.certainty, found.recorded) == ("ours", "marker")
    assert orphans(cut.state()) == []


def test_what_somebody_took_into_use_meanwhile_stays(cut: Team) -> None:
    (orphan,) = (each.split()[0] for each in orphans(cut.state()))
    theirs = cut.send("post", "/vector_stores", {"name": "theirs"})["id"]
    cut.send("post", f"/vector_stores/{theirs}/files", {"file_id": orphan})
    assert cut.apply().converged
    assert [each["id"] for each in cut.listed(f"/vector_stores/{theirs}/files")] == [orphan]
    assert orphan in {each["id"] for each in cut.listed("/files")}


def test_an_apply_that_is_not_cut_off_lists_no_files_and_writes_it_down_once_for_each_object(
    applied: Path, tmp_path: Path
) -> None:
    team = prepared(applied, tmp_path / "whole")
    with team.session() as session:
        engine.plan(session)
        before = len(team.calls)
        assert session.lock.seen is not None
        marker = f"POST /vector_stores/{session.lock.seen.id}"
    assert before
    assert team.apply().converged
    assert "GET /files" not in team.calls
    assert team.calls.count(marker) == 2 + 2, "the lease is taken, two objects let files go, it is given back"
    assert going(team) == []


def test_more_than_there_is_room_for_are_the_first_of_them() -> None:
    ids = tuple(f"file-{number:032}" for number in range(1000))
    written = write_marker(Marker("test", lease=Lease("nonce", 1.0, "somebody", ids)))
    assert all(len(value) <= LONGEST_VALUE for value in written.values())
    assert len(written) == 4 + GOING_KEYS
    read = read_marker({"id": "vs_1"}, written, "vector_store")
    assert read.lease is not None
    assert len(read.lease.going) >= 100
    assert read.lease.going == ids[: len(read.lease.going)]
    cleared = write_marker(Marker("test", keys=read.keys))
    assert [cleared[key] for key in cleared if key.startswith(GOING_KEY)] == [""] * GOING_KEYS
    assert read_marker({"id": "vs_1"}, cleared, "vector_store").lease is None


def test_what_the_first_of_several_uploaded_is_not_forgotten_by_the_last(tmp_path: Path) -> None:
    """An apply takes over what a machine left that was thrown away, and is cut off twice itself: its own lease has to
    go on telling since when files may have come in."""
    team = Team(tmp_path, checked=False)
    team.write("s.yaml", STORES)
    for name in ("terms", "edited", "gone", "other"):
        team.write(f"{name}.md", f"# {name}\n")
    with suppress(RetinueError):
        team.apply(lambda inner: CutAfter(inner, "POST /files"))
    elsewhere(team)
    for _ in range(2):
        with suppress(RetinueError):
            team.apply(lambda inner: CutAfter(inner, "POST /vector_stores/[^/]+"))  # the lease, and nothing else
        team.time.now += 3600
    assert team.apply().converged
    assert orphans(team.state()) == []


class Refusing(httpx2.BaseTransport):
    """Lets nobody write to a store, unless it is a marker."""

    def __init__(self, inner: httpx2.BaseTransport) -> None:
        self.inner = inner

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        of_a_store = request.method == "POST" and request.url.path.startswith("/v1/vector_stores")
        if of_a_store and b"retinue.marker" not in request.read():
            body = {"error": {"message": "not now", "type": "invalid_request_error"}}
            return httpx2.Response(400, json=body, request=request)
        return self.inner.handle_request(request)

    def close(self) -> None:
        self.inner.close()


@pytest.mark.parametrize("second", ["fails", "is about something else"])
def test_what_was_uploaded_is_known_until_an_apply_of_everything_is_done(tmp_path: Path, second: str) -> None:
    team = Team(tmp_path, checked=False)
    team.write("s.yaml", STORES + "assistants: {a: {model: gpt-4o}}\n")
    for name in ("terms", "edited", "gone", "other"):
        team.write(f"{name}.md", f"# {name}\n")
    with suppress(RetinueError):
        team.apply(lambda inner: CutAfter(inner, "POST /files"))
    elsewhere(team)
    if second == "fails":
        assert not team.apply(Refusing).succeeded
    else:
        team.write("s.yaml", STORES + "assistants: {a: {model: gpt-4o, name: Another}}\n")
        with team.session() as session:
            made = engine.plan(session, targets=[Address("assistant", "a")])
            assert engine.apply(session, made, approval=Approval(person=True)).succeeded
    elsewhere(team)
    assert team.apply().converged
    assert orphans(team.state()) == []
    assert [each["metadata"]["retinue.lease"] for each in team.markers()] == [""]


class DeadForFiles(httpx2.BaseTransport):
    """No file can be deleted: the connection breaks each time."""

    def __init__(self, inner: httpx2.BaseTransport) -> None:
        self.inner = inner

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "DELETE" and request.url.path.startswith("/v1/files/"):
            raise httpx2.ConnectError("the network is gone", request=request)
        return self.inner.handle_request(request)


class Notes(engine.Audience):
    def __init__(self) -> None:
        self.heard: list[str] = []

    def note(self, text: str) -> None:
        self.heard.append(text)


def test_an_apply_that_cannot_clear_up_at_its_end_tells_how_it_went(applied: Path, tmp_path: Path) -> None:
    """What goes last is a file that two stores shared: all steps are done by then."""
    team = Team(shutil.copytree(applied, tmp_path / "untidy"), checked=False)
    team.write("s.yaml", STORES.replace("terms.md, ", ""))
    notes = Notes()
    with team.session(DeadForFiles) as session:
        done = engine.apply(session, engine.plan(session), approval=Approval(person=True), audience=notes)
    assert done.succeeded
    (note,) = notes.heard
    assert note.startswith("files that nothing uses any more are left until the next apply: ")
    assert len(orphans(team.state())) == 1
    assert team.apply().converged
    assert orphans(team.state()) == []
