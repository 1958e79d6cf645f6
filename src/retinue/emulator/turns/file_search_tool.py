"""file_search: the passages of vector stores that have to do with what the model asks for, each with a mark to cite."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from retinue.emulator.language_models.language_model import ModelError, Tool
from retinue.emulator.model_endpoints.whole_characters import mend
from retinue.emulator.server.api_errors import ApiError
from retinue.emulator.server.service import Call, Reading
from retinue.emulator.server.storage import JsonObject
from retinue.emulator.turns.text_marks import mark
from retinue.emulator.turns.turn import Result
from retinue.emulator.turns.turn_events import Passage, Searched, Source
from retinue.emulator.vector_stores.store_endpoints import require_store
from retinue.emulator.vector_stores.store_index import settle
from retinue.emulator.vector_stores.store_search import compare, meanings_of, search_store

MOST_RESULTS = 20
"""Passages that are given to the model when nobody says how many (published for every model but the oldest)."""

_MOST_QUERIES = 10

_PATIENCE = 60.0
"""Seconds that a search waits for files that are in progress, as runs do (file search guide)."""
_LOOK = 0.05
"""Seconds between two looks."""

_TOOL = Tool(
    "file_search",
    "Searches the files that were given for passages. Ask in a few different wordings. Cite a passage you use by "
    "writing its mark, such as 【4:0†handbook.md】, right after what you take from it.",
    {
        "type": "object",
        "properties": {"queries": {"type": "array", "items": {"type": "string"}}},
        "required": ["queries"],
        "additionalProperties": False,
    },
    kind="file_search",
)


@dataclass(frozen=True)
class FileSearch:
    """Searches these stores."""

    store_ids: Sequence[str]
    transaction: Callable[[], AbstractContextManager[Call]]
    reading: Reading
    most: int = MOST_RESULTS
    threshold: float = 0.0
    filters: JsonObject | None = None
    weights: tuple[float, float] | None = None
    """Of meaning and words, when both are to count."""
    tool: Tool = _TOOL

    def shown(self, arguments: str) -> str:  # noqa: ARG002 - what is searched for is not shown while it comes
        return ""

    def run(self, arguments: str, *, place: int, stop: threading.Event) -> Result:
        queries = _queries(arguments)
        with self.transaction() as call:
            embedder = call.services.embedder
        meanings = meanings_of(embedder, queries, stop)
        found: list[JsonObject] = []
        deadline = time.monotonic() + _PATIENCE
        try:
            for store_id in self.store_ids:
                while not self._is_ready(store_id) and time.monotonic() < deadline and not stop.wait(_LOOK):
                    pass
                by_meaning = compare(self.reading, store_id, meanings, wanted=self.filters)
                with self.transaction() as call:
                    found += search_store(
                        call,
                        store_id,
                        queries,
                        wanted=self.filters,
                        threshold=self.threshold,
                        most=self.most,
                        by_meaning=by_meaning,
                        weights=self.weights,
                    )
        except ApiError as refusal:
            raise ModelError(f"file_search could not be carried out: {refusal.message}") from None
        found.sort(key=lambda each: -float(each["score"]))
        passages = tuple(
            _passage(each, mark(place, index, each["filename"])) for index, each in enumerate(found[: self.most])
        )
        return Result(
            _told(passages),
            Searched(tuple(queries), passages),
            {each.mark: Source(each.file_id, each.filename) for each in passages},
        )

    def _is_ready(self, store_id: str) -> bool:
        """Whether none of its files is in progress. Raises ApiError when it is gone or has expired."""
        with self.transaction() as call:
            settle(call, parent=store_id)
            return bool(require_store(call, store_id).body["file_counts"]["in_progress"] == 0)


def hybrid_weights(ranking_options: Mapping[str, Any]) -> tuple[float, float] | None:
    """What ``FileSearch`` takes as weights, as ``ranking_options.hybrid_search`` has it; None without it."""
    asked = ranking_options.get("hybrid_search")
    return (float(asked["embedding_weight"]), float(asked["text_weight"])) if asked else None


def _queries(arguments: str) -> list[str]:
    """What to look for, however the model wrote it."""
    try:
        given: Any = json.loads(arguments or "{}")
    except json.JSONDecodeError:
        given = arguments
    if isinstance(given, dict):
        given = given.get("queries", given.get("query", ""))
    listed = given if isinstance(given, list) else [given]
    return [mend(each) for each in listed if isinstance(each, str) and each.strip()][:_MOST_QUERIES]


def _passage(found: JsonObject, marked: str) -> Passage:
    text = "\n".join(each["text"] for each in found["content"])
    return Passage(
        found["file_id"],
        found["filename"],
        found["score"],
        text,
        marked,
        tuple(sorted((found["attributes"] or {}).items())),
    )


def _told(passages: Sequence[Passage]) -> str:
    return "\n".join(f"{each.mark}\n{each.text}" for each in passages) or "No passages were found."
