"""With an endpoint for embeddings, stores are searched by meaning: through the API, and by file_search in a run."""

from __future__ import annotations

import re
import sqlite3
import threading
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from retinue.emulator.embeddings.embedder import EmbeddingError
from retinue.emulator.embeddings.remote_embeddings import RemoteEmbeddings
from retinue.emulator.model_endpoints.remote_endpoint import RemoteEndpoint
from retinue.emulator.server.loopback import running_server
from retinue.emulator.server.quirks import NONE
from retinue.emulator.server.service import Hosted
from retinue.emulator.vector_stores import store_search
from retinue.emulator.vector_stores.store_search import search_store
from retinue.emulator.vector_stores.store_vectors import _cosines, _cosines_one_by_one, nearest
from tests.emulator.conftest import HEADERS, Account, Clock, OpenAccount
from tests.support.model_server import Asked, ModelServer, Step, serving_models, whole
from tests.support.scripted_model import ScriptedModel, calls, says

MEANINGS = {"cat": 0, "kitten": 0, "feline": 0, "dog": 1, "puppy": 1, "money": 2, "refund": 2, "cash": 2}
"""Words, and the direction that they point to."""
PASSAGES = (
    ("cats.md", b"A kitten purrs."),
    ("dogs.md", b"A puppy barks at night."),
    ("shop.md", b"A refund takes a week."),
)

ASKED = {"role": "user", "content": "Which feline purrs?"}


def vector_of(text: str) -> list[float]:
    vector = [0.0, 0.0, 0.0, 0.1]
    for word in re.findall(r"\w+", text.lower()):
        if word in MEANINGS:
            vector[MEANINGS[word]] += 1.0
    return vector


def embed(asked: Asked) -> Sequence[Step]:
    """In an order of its own, as the index of each allows."""
    texts = asked.body["input"]
    return whole({"data": [{"index": at, "embedding": vector_of(each)} for at, each in enumerate(texts)][::-1]})


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with serving_models() as served:
        served.compute = embed
        yield served


def embedder_at(server: ModelServer, **more: Any) -> RemoteEmbeddings:
    return RemoteEmbeddings(RemoteEndpoint(server.url), "tiny", **more)


def found(account: Account, store: str, query: Any, **more: Any) -> list[str]:
    return [each["filename"] for each in account.post(f"/vector_stores/{store}/search", query=query, **more)["data"]]


def embedded(server: ModelServer) -> list[str]:
    """The texts that the endpoint was asked for."""
    return [text for asked in server.asked for text in asked.body["input"]]


def settled(account: Account, store: str) -> Any:
    """The store once nothing is in progress, each look giving workers their turn."""
    for _ in range(1000):
        shown = account.get(f"/vector_stores/{store}")
        if shown["status"] == "completed":
            return shown
        threading.Event().wait(0.01)
    raise AssertionError("it is never completed")


def test_what_means_the_same_is_found_first(server: ModelServer, open_account: OpenAccount) -> None:
    account = open_account(embedder=embedder_at(server))
    store = account.add_store(*PASSAGES)
    assert settled(account, store)["file_counts"]["completed"] == 3
    assert found(account, store, "my feline")[0] == "cats.md"
    assert found(account, store, "cash back")[0] == "shop.md"
    best = account.post(f"/vector_stores/{store}/search", query="cat")["data"][0]
    assert (best["score"], best["content"][0]["text"]) == (1.0, "A kitten purrs.")
    assert found(account, store, "cat", ranking_options={"score_threshold": 0.5}) == ["cats.md"]
    assert set(found(account, store, ["cat", "dog"], max_num_results=2)) == {"cats.md", "dogs.md"}


def test_words_are_what_is_searched_without_an_embedder(server: ModelServer, open_account: OpenAccount) -> None:
    account = open_account()
    store = account.add_store(*PASSAGES)
    assert found(account, store, "my feline") == []
    assert server.asked == []


def test_only_what_a_filter_admits_is_found(server: ModelServer, open_account: OpenAccount) -> None:
    account = open_account(embedder=embedder_at(server))
    store = account.post("/vector_stores")["id"]
    for name, content in PASSAGES:
        file = account.add_file(name, content)
        account.post(f"/vector_stores/{store}/files", file_id=file, attributes={"name": name})
    wanted = {"type": "eq", "key": "name", "value": "dogs.md"}
    settled(account, store)
    assert found(account, store, "cat", filters=wanted) == ["dogs.md"]


class _Everything:
    def __contains__(self, _: object) -> bool:
        return True


def test_meaning_and_words_are_merged_by_their_ranks(server: ModelServer, open_account: OpenAccount) -> None:
    """What both find comes before what one of them finds; with one weight only, that one decides."""
    with_both: dict[tuple[float, float], list[str]] = {}
    services = Hosted([], embedder=(embedder := embedder_at(server)))
    account = open_account(embedder=embedder)
    store = account.add_store(("words.md", b"cat puppy at night"), *PASSAGES)
    settled(account, store)
    meanings = embedder.embed(["kitten night"], threading.Event(), as_query=True)
    transport: Any = account.http._transport
    app = getattr(transport, "inner", transport)._app  # the storage of the account, as a run has it
    storage = app._open_storage()
    try:
        with storage.transaction(write=True):
            call = replace(app._call_of_job(storage, {}), services=services, quirks=NONE)
            by_meaning = nearest(call, store, _Everything(), meanings)
            for weights in ((1.0, 0.0), (0.0, 1.0), (0.5, 0.5)):
                shown = search_store(call, store, ["kitten night"], by_meaning=by_meaning, weights=weights)
                with_both[weights] = [each["filename"] for each in shown if each["score"] > 0]
                assert all(0 <= each["score"] <= 1 for each in shown)
    finally:
        storage.close()
    assert with_both[1.0, 0.0][0] == "cats.md"
    assert with_both[0.0, 1.0][0] in ("cats.md", "words.md", "dogs.md")
    assert with_both[0.5, 0.5][0] == "cats.md"
    assert set(with_both[0.0, 1.0]) == {"cats.md", "dogs.md", "words.md"}


@pytest.mark.parametrize("by_run", [False, True])
def test_nobody_waits_while_vectors_are_compared(
    server: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_run: bool
) -> None:
    """Neither for an answer nor to write: in the middle of it, somebody does both."""
    served: list[int] = []
    model = ScriptedModel(calls(("file_search", '{"queries": ["feline"]}')), says("A cat."))

    with (
        running_server(tmp_path, embedder=embedder_at(server), language_model=model) as base_url,
        httpx2.Client(base_url=base_url, headers=HEADERS, verify=False, timeout=10) as http,
        httpx2.Client(base_url=base_url, headers=HEADERS, verify=False, timeout=10) as other,
    ):

        def compared(*arguments: Any) -> Any:
            served.append(other.post("/assistants", json={"model": "gpt-4o"}).status_code)
            return nearest(*arguments)

        monkeypatch.setattr(store_search, "nearest", compared)
        account = Account(http, Clock())
        store = account.add_store(*PASSAGES)
        settled(account, store)
        if by_run:
            resources = {"file_search": {"vector_store_ids": [store]}}
            tools = [{"type": "file_search"}]
            assistant = account.post("/assistants", model="gpt-4o", tools=tools, tool_resources=resources)["id"]
            asked = {"assistant_id": assistant, "stream": True, "thread": {"messages": [ASKED]}}
            assert "thread.run.completed" in http.post("/threads/runs", json=asked).text
        else:
            assert found(account, store, "feline")[0] == "cats.md"
    assert served == [200]


def test_vectors_are_compared_alike_with_numpy_and_without() -> None:
    pytest.importorskip("numpy", reason="it comes with retinue[semantic]")
    kept = [array("f", [at / 10, 1 - at / 10]).tobytes() for at in range(10)]
    sought = [array("f", [1.0, 0.0]), array("f", [0.0, 1.0])]
    assert list(_cosines(kept, sought)) == pytest.approx(list(_cosines_one_by_one(kept, sought)))
    assert list(_cosines([], sought)) == []


def test_a_file_that_gets_no_vectors_has_failed(server: ModelServer, open_account: OpenAccount) -> None:
    server.compute = None
    server.answer(whole({"error": "no such model"}, "404 Not Found"))
    account = open_account(embedder=embedder_at(server))
    store = account.add_store(PASSAGES[0])
    assert settled(account, store)["file_counts"]["failed"] == 1
    file = account.get(f"/vector_stores/{store}/files")["data"][0]
    told = f"No vectors: the model 'tiny' at {server.url} answered 404: no such model."
    assert file["last_error"] == {"code": "server_error", "message": told}


def test_a_search_without_a_vector_is_by_words(server: ModelServer, open_account: OpenAccount) -> None:
    account = open_account(embedder=embedder_at(server))
    store = account.add_store(*PASSAGES)
    settled(account, store)
    server.compute = None
    server.answer(whole({"error": "gone"}, "404 Not Found"))
    assert found(account, store, "my feline") == []
    assert found(account, store, "puppy") == ["dogs.md"]


def test_what_was_indexed_before_is_embedded_once_it_is_searched(
    server: ModelServer, open_account: OpenAccount
) -> None:
    store = (before := open_account()).add_store(*PASSAGES)
    settled(before, store)
    account = open_account(embedder=embedder_at(server))
    assert found(account, store, "puppy") == ["dogs.md"], "by words, until every chunk has its vector"
    for _ in range(1000):
        if found(account, store, "my feline"):
            break
        threading.Event().wait(0.01)
    assert found(account, store, "my feline")[0] == "cats.md"
    assert [embedded(server).count(content.decode()) for _, content in PASSAGES] == [1, 1, 1], "each only once"


def test_vectors_of_another_model_are_not_compared(server: ModelServer, open_account: OpenAccount) -> None:
    store = (first := open_account(embedder=embedder_at(server))).add_store(*PASSAGES)
    settled(first, store)
    other = open_account(embedder=replace(embedder_at(server), model="other"))
    assert found(other, store, "my feline") == [], "by words"


def test_vectors_go_with_their_chunks(server: ModelServer, open_account: OpenAccount, tmp_path: Path) -> None:
    account = open_account(embedder=embedder_at(server))
    store = account.add_store(*PASSAGES)
    settled(account, store)
    account.delete(f"/vector_stores/{store}")
    with sqlite3.connect(tmp_path / "account" / "account.sqlite3") as db:
        chunks, vectors = (db.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in ("chunks", "vectors"))
    db.close()
    assert (chunks, vectors) == (0, 0)


def test_file_search_of_a_run_is_by_meaning(server: ModelServer, open_account: OpenAccount) -> None:
    """The rehearsal model repeats the passages that it was given, best first."""
    account = open_account(embedder=embedder_at(server))
    store = account.add_store(*PASSAGES)
    settled(account, store)
    resources = {"file_search": {"vector_store_ids": [store]}}
    assistant = account.post("/assistants", model="gpt-4o", tools=[{"type": "file_search"}], tool_resources=resources)
    thread = {"messages": [{"role": "user", "content": "my feline"}]}
    run = {"assistant_id": assistant["id"], "thread": thread, "stream": True}
    with account.http.stream("POST", "/threads/runs", json=run) as told:
        shown = "".join(told.iter_text())
    assert "A kitten purrs." in shown


@pytest.mark.parametrize(("weights", "best"), [((1, 0), "cats.md"), ((0, 1), "words.md"), (None, "cats.md")])
def test_hybrid_search_is_weighed_as_declared(
    server: ModelServer, open_account: OpenAccount, weights: tuple[int, int] | None, best: str
) -> None:
    """By a run and by a response: only words put the file first that has those of the question."""
    account = open_account(embedder=embedder_at(server))
    store = account.add_store(("words.md", b"my my my own"), *PASSAGES)
    settled(account, store)
    named = dict(zip(("embedding_weight", "text_weight"), weights, strict=True)) if weights else None
    ranking = {"score_threshold": 0.0, **({"hybrid_search": named} if named else {})}
    resources = {"file_search": {"vector_store_ids": [store]}}
    tool: Any = {"type": "file_search", "file_search": {"ranking_options": ranking}}
    assistant = account.post("/assistants", model="gpt-4o", tools=[tool], tool_resources=resources)
    thread = {"messages": [{"role": "user", "content": "my own feline"}]}
    run = {"assistant_id": assistant["id"], "thread": thread, "stream": True}
    told = account.http.post("/threads/runs", json=run).raise_for_status().text
    asked = next(line for line in told.split("\n") if '"object":"thread.run.step"' in line and '"results"' in line)
    assert asked.partition('"file_name":"')[2].partition('"')[0] == best
    tool = {"type": "file_search", "vector_store_ids": [store], "ranking_options": ranking}
    include = ["file_search_call.results"]
    response = account.post("/responses", model="gpt-4o", input="my own feline", tools=[tool], include=include)
    assert response["output"][0]["results"][0]["filename"] == best


# What the endpoint is asked


def test_many_texts_are_asked_for_in_parts(server: ModelServer) -> None:
    texts = [f"cat {number}" for number in range(70)]
    assert len(embedder_at(server).embed(texts, threading.Event())) == 70
    assert [len(each.body["input"]) for each in server.asked] == [32, 32, 6]
    assert {each.path for each in server.asked} == {"/v1/embeddings"}


def test_long_texts_go_alone(server: ModelServer) -> None:
    embedder_at(server).embed(["x" * 90_000, "y" * 90_000, "z"], threading.Event())
    assert [len(each.body["input"]) for each in server.asked] == [1, 2]


def test_prefixes_stand_before_texts_and_queries(server: ModelServer) -> None:
    embedder = embedder_at(server, query_prefix="query: ", text_prefix="passage: ")
    embedder.embed(["a"], threading.Event())
    embedder.embed(["b"], threading.Event(), as_query=True)
    assert embedded(server) == ["passage: a", "query: b"]


def test_nobody_waits_for_what_is_searched_for(server: ModelServer) -> None:
    """A busy endpoint is asked once."""
    server.compute = None
    server.answer(whole({"error": "busy"}, "503 X", retry_after="0"))
    with pytest.raises(EmbeddingError, match="answered 503: busy"):
        embedder_at(server).embed(["a"], threading.Event(), as_query=True)
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", ["429 X", "503 X"])
def test_a_busy_endpoint_is_asked_again(server: ModelServer, status: str) -> None:
    answers = [whole({"error": "busy"}, status, retry_after="0"), whole({"data": [{"index": 0, "embedding": [3, 4]}]})]
    server.compute = None
    server.answer(*answers)
    (vector,) = embedder_at(server).embed(["a"], threading.Event())
    assert vector.tolist() == pytest.approx([0.6, 0.8])


@pytest.mark.parametrize(
    "answered",
    [
        {"data": []},
        {"data": [{"index": 0, "embedding": [0, 0]}]},
        {"data": [{"index": 0, "embedding": "AAAA"}]},
        {"data": [{"index": 0, "embedding": [1e999]}]},
        {"data": [{"index": 1, "embedding": [1]}]},
        {"embeddings": []},
        [],
    ],
)
def test_what_are_no_vectors_is_refused(server: ModelServer, answered: Any) -> None:
    server.compute = None
    server.answer(whole(answered))
    with pytest.raises(EmbeddingError, match=rf"the model 'tiny' at {server.url} answered "):
        embedder_at(server).embed(["a"], threading.Event())
