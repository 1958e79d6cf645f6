"""Search ranks by words, keeps to one store and to what its filter admits."""

from __future__ import annotations

import sqlite3
import unicodedata
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from retinue.emulator.vector_stores.store_search import matches
from tests.emulator.conftest import Account, OpenAccount

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
    assert set(found(account, store, ["fish swim", "purrs"])) == {"fish.md", "cats.md"}
    assert len(found(account, store, ["fish swim", "purrs"], max_num_results=1)) == 1
    assert found(account, store, "dogs bark loudly at night", ranking_options={"score_threshold": 0.9}) == []


@pytest.mark.parametrize(
    ("text", "query"),
    [
        *(("Refunds are paid.", "refund"), ("We refund it.", "REFUNDS"), ("It was refunded.", "refunding")),
        *(
            ("Opening hours", "opens"),
            ("two policies", "policy"),
            ("He is running", "runs"),
            ("connected", "connection"),
        ),
        *(("Die Häuser am Markt", "Häuser"), ("les cafés fermés", "cafe"), ("Условия возврата", "возврата")),
        *(
            ("Η επιστροφή χρημάτων", "ΕΠΙΣΤΡΟΦΉ"),
            ("чай и край", "край"),
            (unicodedata.normalize("NFD", "чай и край, café"), "край"),
            ("退款政策", "退款政策"),
            ("İade koşulları", "koşulları"),
            ("x-ray", "ray"),
        ),
    ],
)
def test_words_are_found_in_their_forms(account: Account, text: str, query: str) -> None:
    """English ones in any; those of other languages as they are."""
    store = account.add_store(("a.md", text.encode()), ("b.md", b"Nothing of this."))
    assert found(account, store, query) == ["a.md"]


def test_a_word_itself_counts_for_more_than_its_forms(account: Account) -> None:
    store = account.add_store(("one.md", b"A refund is paid here."), ("many.md", b"All refunds are paid here."))
    assert found(account, store, "refund") == ["one.md", "many.md"]
    assert found(account, store, "refunds") == ["many.md", "one.md"]
    assert found(account, store, "refunds", ranking_options={"score_threshold": 0.75}) == ["many.md"]


def test_forms_are_found_in_what_an_older_version_indexed(open_account: OpenAccount, tmp_path: Path) -> None:
    account = open_account()
    store = account.add_store(("a.md", b"Refunds are paid."), ("b.md", "Der Rückgabe folgt nichts.".encode()))
    assert found(account, store, "refund") == ["a.md"]
    account.http.close()
    with closing(sqlite3.connect(tmp_path / "account" / "account.sqlite3")) as db, db:
        db.execute("DROP TABLE chunk_words")
        columns = "text, content='chunks', content_rowid='id', tokenize='unicode61 remove_diacritics 2'"
        db.execute(f"CREATE VIRTUAL TABLE chunk_words USING fts5 ({columns})")
        db.execute("INSERT INTO chunk_words (chunk_words) VALUES ('rebuild')")
    account = open_account()
    assert found(account, store, "refund") == ["a.md"]
    assert found(account, store, "rückgabe") == ["b.md"]
    [file] = [each for each in account.ids("/files") if account.get(f"/files/{each}")["filename"] == "a.md"]
    account.delete(f"/vector_stores/{store}/files/{file}")
    assert found(account, store, "refund") == []


def test_a_query_may_be_long(account: Account) -> None:
    store = account.add_store(*PASSAGES)
    many = " ".join(f"word{number}" for number in range(20_000))
    assert found(account, store, f"dogs {many}") == ["dogs.md"]
    response = account.http.post(f"/vector_stores/{store}/search", json={"query": ["x"] * 101})
    assert response.status_code == 400


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
