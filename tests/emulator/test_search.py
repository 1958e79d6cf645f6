"""Search ranks by words, keeps to one store and to what its filter admits."""

from __future__ import annotations

from typing import Any

import pytest

from retinue.emulator.vector_stores.store_search import matches
from tests.emulator.conftest import Account

PASSAGES = (
    ("cats.md", b"Cats sleep most of the day. A cat purrs."),
    ("dogs.md", b"Dogs guard the house and bark at cats."),
    ("fish.md", b"Fish swim. They have no fur."),
    ("accents.md", "Le café est fermé.".encode()),
)


def found(account: Account, store: str, query: Any, **more: Any) -> list[str]:
    results = account.post(f"/vector_stores/{store}/search", query=query, **more)
    assert results["object"] == "vector_store.search_results.page"
    scores = [result["score"] for result in results["data"]]
    assert scores == sorted(scores, reverse=True)
    return [result["filename"] for result in results["data"]]


def test_more_of_the_query_ranks_higher(account: Account) -> None:
    store = account.add_store(*PASSAGES)
    assert found(account, store, "dogs bark at cats") == ["dogs.md", "cats.md"]
    assert found(account, store, "CAFE") == ["accents.md"]
    assert found(account, store, "nothing of it") == ["cats.md"]
    assert found(account, store, "?!") == []


def test_several_queries_and_a_limit(account: Account) -> None:
    store = account.add_store(*PASSAGES)
    assert set(found(account, store, ["fish swim", "cat purrs"])) == {"fish.md", "cats.md"}
    assert len(found(account, store, ["fish swim", "cat purrs"], max_num_results=1)) == 1
    assert found(account, store, "dogs bark loudly at night", ranking_options={"score_threshold": 0.9}) == []


def test_words_that_mean_something_to_the_index_are_only_words(account: Account) -> None:
    store = account.add_store(("a.txt", b"NOT OR AND NEAR text: col*"))
    for query in ('"', "NOT", "text:", "col*", "a AND (b", "^x", "-"):
        found(account, store, query)


def test_a_store_is_searched_on_its_own_and_without_what_left_it(account: Account) -> None:
    one, other = (account.add_store((f"{name}.md", b"the same words")) for name in ("one", "other"))
    assert found(account, one, "same words") == ["one.md"]
    [file] = account.ids(f"/vector_stores/{one}/files")
    account.delete(f"/vector_stores/{one}/files/{file}")
    assert found(account, one, "same words") == []
    account.delete(f"/files/{account.ids(f'/vector_stores/{other}/files')[0]}")
    assert found(account, other, "same words") == []


def test_long_text_is_cut_into_overlapping_chunks(account: Account) -> None:
    words = " ".join(f"word{number}" for number in range(500)).encode()
    chunking = {"type": "static", "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 50}}
    store = account.add_store(("long.txt", words), chunking_strategy=chunking)
    results = account.post(f"/vector_stores/{store}/search", query="word250")["data"]
    assert len(results) == 2
    assert all(len(result["content"][0]["text"]) <= 400 for result in results)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"type": "eq", "key": "n", "value": 5}, True),
        ({"type": "eq", "key": "n", "value": "5"}, False),
        ({"type": "eq", "key": "yes", "value": True}, True),
        ({"type": "eq", "key": "yes", "value": 1}, False),
        ({"type": "ne", "key": "n", "value": 4}, True),
        ({"type": "ne", "key": "absent", "value": 4}, True),
        ({"type": "gt", "key": "n", "value": 4.5}, True),
        ({"type": "gte", "key": "n", "value": 5}, True),
        ({"type": "lt", "key": "n", "value": 5}, False),
        ({"type": "lte", "key": "s", "value": "b"}, True),
        ({"type": "gt", "key": "s", "value": 1}, False),
        ({"type": "gt", "key": "absent", "value": 1}, False),
        ({"type": "in", "key": "s", "value": ["a", "b"]}, True),
        ({"type": "nin", "key": "s", "value": ["a", "b"]}, False),
        ({"type": "and", "filters": [{"type": "eq", "key": "n", "value": 5}]}, True),
        ({"type": "and", "filters": []}, True),
        ({"type": "or", "filters": [{"type": "eq", "key": "n", "value": 6}]}, False),
        (
            {
                "type": "or",
                "filters": [
                    {"type": "eq", "key": "n", "value": 6},
                    {"type": "and", "filters": [{"type": "eq", "key": "s", "value": "a"}]},
                ],
            },
            True,
        ),
    ],
)
def test_filters(wanted: dict[str, Any], expected: bool) -> None:
    assert matches(wanted, {"n": 5, "s": "a", "yes": True}) is expected


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"type": "like", "key": "a", "value": "b"},
        {"type": "eq", "key": "a"},
        {"type": "eq", "key": "a", "value": ["b"]},
        {"type": "in", "key": "a", "value": "b"},
        {"type": "and"},
        {"type": "and", "filters": [{"type": "eq"}]},
        {"type": ["eq"], "key": "a", "value": "b"},
    ],
)
def test_a_filter_that_is_none_is_refused(account: Account, filters: dict[str, Any]) -> None:
    store = account.post("/vector_stores")["id"]
    response = account.http.post(f"/vector_stores/{store}/search", json={"query": "x", "filters": filters})
    assert response.status_code == 400
    assert response.json()["error"]["param"].startswith("filters")
