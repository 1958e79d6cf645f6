"""Search in a vector store: by words, or by meaning where the account has an embedder.

Chunks that share a word with the query, or another form of an English one, are found with SQLite's FTS5 and scored by
how many of the query's words they have, a word itself counting for more than its forms, and by bm25. Scores lie between
0 and 1 as the API's do, but mean something else. ``rewrite_query`` and the choice of ranker change nothing. A script
written without spaces is matched by whole runs of characters.

By meaning, every chunk is compared with the query, and its score is the cosine between the two vectors. Both together
are merged by their ranks. Where the vectors of a store are not complete, or there is none of the query, it is searched
by words.
"""

from __future__ import annotations

import json
import logging
import re
import threading
import unicodedata
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from heapq import nlargest
from itertools import islice
from typing import Any

from retinue.emulator.embeddings.embedder import Embedder, EmbeddingError, Vector
from retinue.emulator.files.stored_files import require_file
from retinue.emulator.server.api_errors import invalid, missing_parameter, unsupported_value, wrong_type
from retinue.emulator.server.collection import require
from retinue.emulator.server.request_checks import (
    Check,
    Field,
    any_object,
    anything,
    array,
    boolean,
    choice,
    integer,
    number,
    record,
    text,
)
from retinue.emulator.server.service import Call, Endpoint, Preparation, Reading
from retinue.emulator.server.storage import JsonObject
from retinue.emulator.vector_stores.store_endpoints import require_store, touch
from retinue.emulator.vector_stores.store_index import STORE_FILES, settle
from retinue.emulator.vector_stores.store_vectors import Scores, has_vectors, nearest

_logger = logging.getLogger(__name__)

_WORD = re.compile(r"\w+")

_MAX_QUERIES = 100
_MAX_WORDS = 200
"""Of a query; the rest is passed over. How many and how long queries may be is not published."""

_MOST_SCORED = 500
"""Chunks whose text is looked at for one query."""

_MOST_RANKED = 1000
"""Chunks that are ranked by meaning: at most 50 are shown, and of ranks beyond nothing comes when two are merged."""

_RANKS = 60
"""What is added to ranks, so that the first few do not outweigh all others: the usual number."""

_FORM = 0.75
"""What another form of a word is worth beside the word itself."""


def _query(value: Any, at: str) -> list[str]:
    if isinstance(value, str):
        return [value]
    queries: list[str] = array(text(), minimum=1, maximum=_MAX_QUERIES)(value, at)
    return queries


_ORDERED: dict[str, Callable[[Any, Any], bool]] = {
    "gt": lambda left, right: left > right,
    "gte": lambda left, right: left >= right,
    "lt": lambda left, right: left < right,
    "lte": lambda left, right: left <= right,
}
_COMPARISONS = ("eq", "ne", "gt", "gte", "lt", "lte", "in", "nin")


def _comparison_value(value: Any, at: str) -> Any:
    if not isinstance(value, str | int | float | bool | list):
        raise wrong_type(at, "a string, number, boolean or array", value)
    return value


_comparison = record(
    {"type": anything, "key": Field(text(), required=True), "value": Field(_comparison_value, required=True)}
)


def attribute_filter(value: Any, at: str) -> Any:
    kind = any_object(value, at).get("type")
    if kind is None:
        raise missing_parameter(f"{at}.type")
    if kind in ("and", "or"):
        compound = record({"type": anything, "filters": Field(array(attribute_filter), required=True)})
        return compound(value, at)
    if kind not in _COMPARISONS:
        raise unsupported_value(f"{at}.type", kind, [*_COMPARISONS, "and", "or"])
    checked = _comparison(value, at)
    if (kind in ("in", "nin")) != isinstance(checked["value"], list):
        raise invalid(f"Invalid '{at}.value': an array goes with 'in' and 'nin', and only with them.", f"{at}.value")
    return checked


def matches(wanted: JsonObject | None, attributes: JsonObject) -> bool:
    """Whether a file's attributes satisfy a filter. A key the file does not have equals nothing."""
    if wanted is None:
        return True
    kind = wanted["type"]
    if kind == "and":
        return all(matches(each, attributes) for each in wanted["filters"])
    if kind == "or":
        return any(matches(each, attributes) for each in wanted["filters"])
    has, value = attributes.get(wanted["key"]), wanted["value"]
    if kind in ("in", "nin"):
        return bool(kind == "in") == any(_same(has, each) for each in value)
    if kind in ("eq", "ne"):
        return bool(kind == "eq") == _same(has, value)
    return _sort(has) == _sort(value) != "other" and _ORDERED[kind](has, value)


def _same(left: Any, right: Any) -> bool:
    return _sort(left) == _sort(right) and bool(left == right)


def _sort(value: Any) -> str:
    match value:
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case _:
            return "other"


def _search(call: Call) -> JsonObject:
    asked = call.body
    data = search_store(
        call,
        call.path["id"],
        asked["query"],
        wanted=asked.get("filters"),
        threshold=asked.get("ranking_options", {}).get("score_threshold", 0.0),
        most=asked.get("max_num_results", 10),
        by_meaning=call.prepared,
    )
    return {
        "object": "vector_store.search_results.page",
        "search_query": asked["query"],
        "data": data,
        "has_more": False,
        "next_page": None,
    }


def _prepare(asked: Preparation) -> Scores | None:
    meanings = meanings_of(asked.services.embedder, asked.body["query"], threading.Event())
    return compare(asked.reading, asked.path["id"], meanings, wanted=asked.body.get("filters"))


def meanings_of(embedder: Embedder | None, queries: Sequence[str], stop: threading.Event) -> list[Vector]:
    """The vectors of queries, to be had outside of any transaction; none where the search is by words."""
    if embedder is None:
        return []
    try:
        found = embedder.embed(queries, stop, as_query=True)
    except EmbeddingError as error:
        _logger.warning("searched by words, since there are no vectors: %s", error)
        return []
    return found if len(found) == len(queries) else []


def compare(
    reading: Reading, store_id: str, meanings: Sequence[Vector], *, wanted: JsonObject | None = None
) -> Scores | None:
    """How much the chunks of a store have to do with what is meant, by those who may take their time for it; None where
    the store is searched by words."""
    if not meanings:
        return None
    with reading() as call:
        scores = nearest(call, store_id, _admitted(call, store_id, wanted), meanings)
    return dict(nlargest(_MOST_RANKED, scores.items(), key=lambda each: each[1]))


def search_store(
    call: Call,
    store_id: str,
    queries: Sequence[str],
    *,
    wanted: JsonObject | None = None,
    threshold: float = 0.0,
    most: int = 10,
    by_meaning: Scores | None = None,
    weights: tuple[float, float] | None = None,
) -> list[JsonObject]:
    """The chunks that fit best, as the search shows them; the store was used by that.

    ``wanted`` is a filter of attributes, ``threshold`` the least score. ``by_meaning`` is what ``compare`` gave just
    before; ``weights`` are those of meaning and words when both are to count. Raises ApiError for a store that is not
    there or has expired.
    """
    settle(call, parent=store_id)
    store = require_store(call, store_id)
    admitted = _admitted(call, store.id, wanted)
    if by_meaning is not None and has_vectors(call, store.id):
        best = {place: score for place, score in by_meaning.items() if place[0] in admitted}
        if weights is not None:
            best = _fused(best, _by_words(call, store.id, queries, admitted), weights)
    else:
        best = _by_words(call, store.id, queries, admitted)
    ranked = sorted(best.items(), key=lambda item: (-item[1], item[0]))[:most]
    found = [(file, score, _text_at(call, store.id, file, at)) for (file, at), score in ranked if score >= threshold]
    data = [
        {
            "file_id": file,
            "filename": require_file(call, file).body["filename"],
            "score": score,
            "attributes": require(call, STORE_FILES, file, parent=store.id).body["attributes"],
            "content": [{"type": "text", "text": chunk}],
        }
        for file, score, chunk in found
        if chunk is not None
    ]
    touch(call, store)
    return data


def _text_at(call: Call, store: str, file: str, position: int) -> str | None:
    """None of one that was there when the store was compared, and is not any more."""
    found = call.storage.db.execute(
        "SELECT text FROM chunks WHERE store = ? AND file = ? AND position = ?", [store, file, position]
    )
    return next((str(text) for (text,) in found), None)


def _by_words(call: Call, store: str, queries: Sequence[str], admitted: Container[str]) -> Scores:
    best: Scores = {}
    for query in queries:
        for file, position, score in _hits(call, store, query, admitted):
            best[file, position] = max(score, best.get((file, position), 0.0))
    return best


def _fused(by_meaning: Scores, by_words: Scores, weights: tuple[float, float]) -> Scores:
    """Reciprocal rank fusion, as published for ``hybrid_search``, brought to 0 to 1; how the API does that is not."""
    fused: Scores = {}
    for scores, weight in zip((by_meaning, by_words), weights, strict=True):
        ranked = sorted(scores, key=lambda each: (-scores[each], each))
        for rank, place in enumerate(ranked, start=1):
            fused[place] = fused.get(place, 0.0) + weight / (_RANKS + rank)
    top = sum(weights) / (_RANKS + 1)
    return {place: round(score / top, 6) for place, score in fused.items()} if top else {}


def _admitted(call: Call, store: str, wanted: JsonObject | None) -> frozenset[str]:
    """The files that can be searched and satisfy the filter. Attributes are read only if there is one."""
    shown = "NULL" if wanted is None else "json_extract(body, '$.attributes')"
    rows = call.storage.db.execute(
        f"SELECT id, {shown} FROM objects WHERE collection = ? AND parent = ? AND facet = 'completed'",  # noqa: S608
        [STORE_FILES.object, store],
    )
    return frozenset(file for file, told in rows if wanted is None or matches(wanted, json.loads(told)))


def _hits(call: Call, store: str, query: str, files: Container[str]) -> Iterator[tuple[str, int, float]]:
    words = dict(_query_words(query))
    if not words:
        return
    db = call.storage.db
    # CROSS: the index first, once. SQLite would rather ask it anew for each chunk of the store.
    found = db.execute(
        "SELECT chunks.id, chunks.file, -bm25(chunk_words) FROM chunk_words "
        "CROSS JOIN chunks ON chunks.id = chunk_words.rowid WHERE chunk_words MATCH ? AND chunks.store = ?",
        [" OR ".join(words.values()), store],
    )
    rows = [row for row in found if row[1] in files]
    forms = [_having(call, sought) for sought in words.values()] if rows else []
    # Looking at a text takes longer than all the rest: only at those that most of the words are in, in any form.
    likely = nlargest(_MOST_SCORED, rows, key=lambda row: (sum(row[0] in each for each in forms), row[2]))
    patterns = {word: re.compile(rf"(?<!\w){re.escape(word)}(?!\w)") for word in words}
    for chunk_id, file, rank in likely:
        position, chunk = db.execute("SELECT position, text FROM chunks WHERE id = ?", [chunk_id]).fetchone()
        yield file, position, _score(patterns, [chunk_id in each for each in forms], chunk, rank)


def _query_words(query: str) -> Iterator[tuple[str, str]]:
    """Each word without case and accents, and how the index is asked for it.

    The index leaves the accents of some scripts where they are, so it is asked for the word with them and without.
    """
    for word in islice(dict.fromkeys(_WORD.findall(unicodedata.normalize("NFC", query.lower()))), _MAX_WORDS):
        folded = _folded(word)
        forms = dict.fromkeys((word, folded))
        yield folded, " OR ".join(f'"{form}"' for form in forms)


def _having(call: Call, sought: str) -> frozenset[int]:
    """The chunks that have a word in any form: only the index knows which words are forms of each other."""
    rows = call.storage.db.execute("SELECT rowid FROM chunk_words WHERE chunk_words MATCH ?", [sought])
    return frozenset(number for (number,) in rows)


def _folded(text: str) -> str:
    """Without case and accents."""
    if text.isascii():
        return text.lower()
    return "".join(each for each in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(each))


def _score(words: Mapping[str, re.Pattern[str]], in_any_form: list[bool], chunk: str, rank: float) -> float:
    text, each = _folded(chunk), zip(words.values(), in_any_form, strict=True)
    covered = sum(1.0 if word.search(text) else _FORM if has_form else 0.0 for word, has_form in each) / len(words)
    weight = max(rank, 0.0)
    return round(0.8 * covered + 0.2 * weight / (1 + weight), 6)


_request: Check = record(
    {
        "query": Field(_query, required=True),
        "rewrite_query": boolean,
        "max_num_results": integer(1, 50),
        "filters": attribute_filter,
        "ranking_options": record(
            {"ranker": choice("none", "auto", "default-2024-11-15"), "score_threshold": number(0, 1)}
        ),
    }
)

ENDPOINTS = (Endpoint("POST", "/vector_stores/{id}/search", _search, body=_request, prepare=_prepare),)
