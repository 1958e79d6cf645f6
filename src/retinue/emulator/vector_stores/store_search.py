"""Search in a vector store: words, not meaning.

Chunks that share a word with the query are found with SQLite's FTS5 and scored by how many of the query's words they
have and by bm25. Scores lie between 0 and 1 as the API's do, but mean something else. ``rewrite_query`` and
the choice of ranker change nothing. A script written without spaces is matched by whole runs of characters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Any

from retinue.emulator.files.stored_files import require_file
from retinue.emulator.server.api_errors import invalid, missing_parameter, unsupported_value, wrong_type
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
from retinue.emulator.server.service import Call, Endpoint
from retinue.emulator.server.storage import JsonObject
from retinue.emulator.vector_stores.store_endpoints import require_store, touch
from retinue.emulator.vector_stores.store_index import STORE_FILES, settle

_WORD = re.compile(r"\w+")


def _query(value: Any, at: str) -> list[str]:
    if isinstance(value, str):
        return [value]
    queries: list[str] = array(text(), minimum=1)(value, at)
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


def _filter(value: Any, at: str) -> Any:
    kind = any_object(value, at).get("type")
    if kind is None:
        raise missing_parameter(f"{at}.type")
    if kind in ("and", "or"):
        compound = record({"type": anything, "filters": Field(array(_filter), required=True)})
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
    settle(call, parent=call.path["id"])
    store = require_store(call)
    asked = call.body
    attached = {
        each.id: each.body["attributes"]
        for each in call.storage.select(STORE_FILES.object, parent=store.id, facet="completed")
        if matches(asked.get("filters"), each.body["attributes"])
    }
    best: dict[tuple[str, int], tuple[float, str]] = {}
    for query in asked["query"]:
        for file, position, score, chunk in _hits(call, store.id, query):
            if file in attached and score > best.get((file, position), (0.0, ""))[0]:
                best[file, position] = (score, chunk)
    threshold = asked.get("ranking_options", {}).get("score_threshold", 0.0)
    ranked = sorted(best.items(), key=lambda item: (-item[1][0], item[0]))
    found = [(file, score, chunk) for (file, _), (score, chunk) in ranked if score >= threshold]
    data = [
        {
            "file_id": file,
            "filename": require_file(call, file).body["filename"],
            "score": score,
            "attributes": attached[file],
            "content": [{"type": "text", "text": chunk}],
        }
        for file, score, chunk in found[: asked.get("max_num_results", 10)]
    ]
    touch(call, store)
    return {
        "object": "vector_store.search_results.page",
        "search_query": asked["query"],
        "data": data,
        "has_more": False,
        "next_page": None,
    }


def _hits(call: Call, store: str, query: str) -> list[tuple[str, int, float, str]]:
    words = list(dict.fromkeys(_folded(word) for word in _WORD.findall(query)))
    if not words:
        return []
    rows = call.storage.db.execute(
        "SELECT chunks.file, chunks.position, chunks.text, bm25(chunk_words) FROM chunk_words "
        "JOIN chunks ON chunks.id = chunk_words.rowid WHERE chunk_words MATCH ? AND chunks.store = ?",
        [" OR ".join(f'"{word}"' for word in words), store],
    )
    return [(file, position, _score(words, chunk, -rank), chunk) for file, position, chunk, rank in rows]


def _folded(word: str) -> str:
    """Without case and accents, as the index of the words has it."""
    return "".join(each for each in unicodedata.normalize("NFKD", word.lower()) if not unicodedata.combining(each))


def _score(words: list[str], chunk: str, rank: float) -> float:
    present = {_folded(word) for word in _WORD.findall(chunk)}
    covered = sum(word in present for word in words) / len(words)
    weight = max(rank, 0.0)
    return round(0.8 * covered + 0.2 * weight / (1 + weight), 6)


_request: Check = record(
    {
        "query": Field(_query, required=True),
        "rewrite_query": boolean,
        "max_num_results": integer(1, 50),
        "filters": _filter,
        "ranking_options": record(
            {"ranker": choice("none", "auto", "default-2024-11-15"), "score_threshold": number(0, 1)}
        ),
    }
)

ENDPOINTS = (Endpoint("POST", "/vector_stores/{id}/search", _search, body=_request),)
