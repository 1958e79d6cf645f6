"""Whatever an account answers, a plan is made or an error names the request: never a traceback, a wait, or a flood."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest

from retinue import engine
from retinue.errors import AccountError, RetinueError
from retinue.kinds import all_kinds
from retinue.planning.documents.plan_document import to_document
from retinue.report.plan.plan_text import render_plan
from tests.laws.conftest import LIVE_KINDS, Sample
from tests.support.breaking import meaning
from tests.support.faults import Answers
from tests.support.forms import form
from tests.support.team import Team

Odd = Callable[[httpx2.Request, httpx2.Response], httpx2.Response]


def content(text: str | bytes, status: int = 200) -> Odd:
    return lambda request, _: httpx2.Response(status, content=text, request=request)


def changed(change: Callable[[Any], Any]) -> Odd:
    """What the account says, in another shape; what is no JSON becomes JSON."""

    def answer(request: httpx2.Request, said: httpx2.Response) -> httpx2.Response:
        try:
            value = change(said.json())
        except ValueError:
            value = {}
        return httpx2.Response(200, content=json.dumps(value), request=request)

    return answer


def of_objects(change: Callable[[dict[str, Any]], Any]) -> Odd:
    """The same of a single object, or of each in a list."""

    def whole(value: dict[str, Any]) -> Any:
        if isinstance(value.get("data"), list):
            return {**value, "data": [change(each) for each in value["data"]]}
        return change(value)

    return changed(whole)


def page(objects: list[Any], **more: Any) -> str:
    return json.dumps({"object": "list", "data": objects, **more})


DEEP = "[" * 20_000 + "]" * 20_000
ODD: dict[str, Odd] = {
    "nothing": content(b""),
    "no content": content(b"", 204),
    "null": content("null"),
    "a list": content("[]"),
    "a number": content("5"),
    "a text": content('"x"'),
    "an empty object": content("{}"),
    "a web page": content("<!doctype html><title>Sign in</title>"),
    "bytes": content(b"\xff\xfe\x00\xd8"),
    "half": lambda request, said: httpx2.Response(200, content=said.content[: len(said.content) // 2], request=request),
    "deep": content(DEEP),
    "deep data": content('{"data": ' + DEEP[10_000:-10_000] + "}"),
    "deep metadata": of_objects(lambda each: {**each, "metadata": json.loads("[" * 300 + "]" * 300)}),
    "not a number": content('{"data": [{"id": "x", "created_at": NaN}]}'),
    "too large a number": content('{"data": [{"id": "x", "created_at": 1e999}]}'),
    "half a character": of_objects(lambda each: {**each, "name": "\ud800", "id": each["id"]}),
    "data that is none": content('{"object": "list", "data": {}}'),
    "no data": content('{"object": "list"}'),
    "a text for whether there is more": content('{"object": "list", "data": [], "has_more": "false"}'),
    "not packed as it says": lambda request, said: httpx2.Response(
        200, stream=httpx2.ByteStream(b"plain"), headers={"content-encoding": "gzip"}, request=request
    ),
    "refused as wrong": content('{"error": {"message": "no"}}', 400),
    "a null in a list": content(page([None])),
    "a text in a list": content(page(["x"])),
    "a list in a list": content(page([[]])),
    "an object without an id": of_objects(lambda each: {name: one for name, one in each.items() if name != "id"}),
    "a number for an id": of_objects(lambda each: {**each, "id": 7}),
    "a path for an id": of_objects(lambda each: {**each, "id": "../files"}),
    "numbers as texts": of_objects(
        lambda each: {name: str(one) if isinstance(one, int | float) else one for name, one in each.items()}
    ),
    "only an id": of_objects(lambda each: {"id": each["id"]}),
    "only nulls": of_objects(lambda each: {**dict.fromkeys(each), "id": each["id"]}),
    "metadata in a list": of_objects(lambda each: {**each, "metadata": ["retinue"]}),
    "metadata in a text": of_objects(lambda each: {**each, "metadata": "retinue.marker"}),
    "attributes in a list": of_objects(lambda each: {**each, "attributes": [], "last_error": "no"}),
    "an error": content('{"error": {"message": "no"}}', 500),
    "an error in a page": content("<html><body>Bad gateway</body></html>", 502),
    "an error in a text": content("x" * 5_000_000, 500),
    "an error in a list": content("[1]", 404),
    "a deep error": content(DEEP, 500),
    "no such method": content("", 405),
    "elsewhere": lambda request, _: httpx2.Response(302, headers={"location": "/login"}, request=request),
    "a list that goes on": lambda request, _: httpx2.Response(
        200, content=page([{"id": "same"}], has_more=True), request=request
    ),
}
NUMBERED = re.compile(r"[^/]*_[0-9a-f]{6,}[^/]*|file-[^/]+|[0-9]+")


@pytest.fixture
def applied(sample: Sample, tmp_path: Path) -> Team:
    team = sample.team(tmp_path, checked=False)
    assert team.apply().converged
    team.retries = 0
    return team


@pytest.mark.slow
def test_a_plan_ends_whatever_is_answered(sample: Sample, applied: Team) -> None:
    sample.declare(applied, "edited")
    with applied.session() as session:
        engine.plan(session)
    read = {NUMBERED.sub("[^/]+", each) for each in applied.calls if each.startswith("GET ")}
    mine = sorted(each for each in read if owner(each) in (sample.kind, None))
    assert f"GET {collection(sample.kind)}" in mine
    for pattern in mine:
        for name, odd in ODD.items():
            told = planned(applied, pattern, odd)
            where = f"{pattern} answered with {name}"
            assert told is None or re.search(r"(GET|for) /v1/|serve|does not know|HTTP 4", told), f"{where}: {told}"
            assert len(told or "") < 3_000, where
            if pattern == f"GET {collection(sample.kind)}" and name in ("a list", "a web page", "half", "a text"):
                assert told, f"{where}, and nobody noticed"


@pytest.mark.slow
@pytest.mark.parametrize("kind", [each for each in LIVE_KINDS if each != "vector_store"])
def test_an_odd_answer_about_what_nobody_uses_stops_nobody(kind: str, tmp_path: Path) -> None:
    """The kind counts as not served, and unless the account said so in its own words, a note names the request."""
    team = Team(tmp_path, checked=False, retries=0)
    team.write("all.yaml", "vector_stores:\n  one: {}\n")
    above = getattr(all_kinds()[kind].store, "parent", None)
    if above:
        team.send("post", collection(above), {"name": "theirs"})
    for name, odd in ODD.items():
        with team.session(partial(Answers, pattern=f"GET {collection(kind)}", answer=odd)) as session:
            made = engine.plan(session)
        assert [str(step.address) for step in made.steps] == ["vector_store.one"], name
        notes = [each.message for each in made.warnings]
        assert all(re.search(f"(GET|for) .*/v1{collection(kind)}", each) for each in notes), notes
        if name in ("a list", "a web page", "half", "an error", "elsewhere", "no data", "deep"):
            assert len(notes) == 1, name


WRITES = ("a list", "an empty object", "a number for an id", "metadata in a list", "only an id", "no content")


@pytest.mark.slow
def test_an_apply_ends_whatever_a_write_is_answered(sample: Sample, tmp_path: Path) -> None:
    """What was done is found by the next apply, and done once."""
    whole = sample.team(tmp_path / "whole", checked=False)
    assert whole.apply().converged
    wanted = meaning(whole.state())
    written = {NUMBERED.sub("[^/]+", each) for each in whole.calls if each.startswith("POST ")}
    mine = sorted(each for each in written if owner(each) in (sample.kind, None))
    assert f"POST {collection(sample.kind)}" in mine
    for number, pattern in enumerate(mine):
        for name in WRITES:
            where = f"{pattern} answered with {name}"
            team = sample.team(tmp_path / f"{number} {name}", checked=False, retries=0)
            try:
                applied = team.apply(partial(Answers, pattern=pattern, answer=ODD[name]))
                bugs = [each.error for each in applied.events if "a bug" in (each.error or "")]
            except RetinueError as error:
                bugs = [] if "POST /v1/" in error.message else [error.message]
            assert bugs == [], where
            assert team.apply().converged, where
            assert meaning(team.state()) == wanted, where


def collection(kind: str) -> str:
    return form(all_kinds()[kind]).path.replace("{within}", "[^/]+")


def owner(request: str) -> str | None:
    """The kind that a request is about."""
    about = [name for name in LIVE_KINDS if f"{request.partition(' ')[2]}/".startswith(f"{collection(name)}/")]
    return max(about, key=lambda name: len(collection(name)), default=None)


def planned(team: Team, pattern: str, odd: Odd) -> str | None:
    """What a plan says is wrong; None when it is made, and can be shown."""
    try:
        with team.session(lambda inner: Answers(inner, pattern, odd)) as session:
            made = engine.plan(session)
        render_plan(to_document(made)).encode()
    except AccountError as error:
        return f"{error.message} {error.hint}".encode().decode()
    except RetinueError:
        return None  # an answer that can be read and says something else, such as an account that is another one
    return None


VALUES: tuple[Any, ...] = (None, 5, "x", True, [], {}, [5], ["x"], [[]], [{}], {"x": 5}, {"type": 5}, [{"type": "x"}])


@pytest.mark.slow
def test_an_object_is_read_or_refused_whatever_its_parts_are(applied: Team) -> None:
    """And what is read can be planned with, and shown."""
    with applied.session() as session:
        engine.plan(session)
        stores = getattr(session.providers[None], "stores")  # noqa: B009 - what only this provider has
        there = [live for live in session.live if live.home is None]
        for live in there:
            raw = dict(live.answer)
            for path in paths(raw):
                for value in VALUES:
                    replan(session, stores[live.kind], live.id, replaced(raw, path, value))


def paths(value: Any, depth: int = 3) -> list[tuple[Any, ...]]:
    """The places in an answer, not too deep."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found: list[tuple[Any, ...]] = []
    for key, each in inner:
        if key != "id":
            found += [(key,), *((key, *rest) for rest in (paths(each, depth - 1) if depth else ()))]
    return found


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(copy[path[0]], path[1:], new)
    return copy


def replan(session: engine.Session, store: Any, live_id: str, raw: dict[str, Any]) -> None:
    """Plan as if the account had answered with `raw`."""
    from retinue.planning.planner import make_plan

    where = json.dumps(raw)
    try:
        odd = store.read(raw)
    except AccountError as error:
        if " /v1/" not in error.message:
            raise AssertionError(where) from error
        return
    others = [each for each in session.live if each.id != live_id]
    try:
        made = make_plan(
            session.reading.declared,
            [*others, odd],
            session.kinds,
            stack=session.project.stack,
            account=session.account.info,
        )
        render_plan(to_document(made)).encode()
    except RetinueError:
        pass
    except Exception as error:
        raise AssertionError(f"{where}: {error!r}") from error
