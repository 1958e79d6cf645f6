"""What the console asks for and the API does not tell: how much there is, lists of threads, responses and conversations
with what tells one from another, the content of files, whatever they are for, and where objects are declared."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

from retinue.emulator.agents.agent_endpoints import AGENTS
from retinue.emulator.assistants.assistant_endpoints import ASSISTANTS
from retinue.emulator.files.stored_files import FILES, require_file
from retinue.emulator.language_models.rehearsal import Rehearsal
from retinue.emulator.responses.response_objects import CONVERSATIONS, ITEMS, RESPONSES
from retinue.emulator.server.collection import Collection, page
from retinue.emulator.server.service import Call, Endpoint, Preparation, Rendered
from retinue.emulator.server.storage import JsonObject
from retinue.emulator.threads.thread_objects import MESSAGES, RUNS, THREADS
from retinue.emulator.vector_stores.store_endpoints import STORES

_COUNTED = (ASSISTANTS, AGENTS, STORES, FILES, THREADS, RESPONSES, CONVERSATIONS)
_LONGEST_TITLE = 200

_logger = logging.getLogger(__name__)


def _account(call: Call) -> JsonObject:
    return {
        "object": "account",
        "project": call.storage.project,
        "rehearsal": isinstance(call.services.language_model, Rehearsal),
        "counts": {each.object: _count(call, each) for each in _COUNTED},
    }


def _count(call: Call, collection: Collection) -> int:
    query = "SELECT count(*) FROM objects WHERE collection = ? AND parent = ''"
    return int(call.storage.db.execute(query, [collection.object]).fetchone()[0])


def _threads(call: Call) -> Rendered:
    def tell(thread: JsonObject) -> JsonObject:
        first = _one(call, MESSAGES, thread["id"])
        run = _one(call, RUNS, thread["id"], last=True)
        return {**thread, "title": _title(first.get("content")), "status": run.get("status", "")}

    return _listed(call, THREADS, tell)


def _responses(call: Call) -> Rendered:
    """Those that are kept: others are there for nobody."""

    def tell(response: JsonObject) -> JsonObject:
        first = _one(call, ITEMS, response["id"])
        members = ("id", "object", "created_at", "status", "model", "metadata", "previous_response_id")
        return {**{each: response.get(each) for each in members}, "title": _title(first.get("content"))}

    return _listed(call, RESPONSES, tell)


def _conversations(call: Call) -> Rendered:
    def tell(conversation: JsonObject) -> JsonObject:
        return {**conversation, "title": _title(_one(call, ITEMS, conversation["id"]).get("content"))}

    return _listed(call, CONVERSATIONS, tell)


def _content(call: Call) -> Rendered:
    """As it is, and for nobody to guess what it is: only the console's own script reads it."""
    file = require_file(call, call.path["id"])
    headers = {"x-content-type-options": "nosniff", "content-disposition": "attachment"}
    return Rendered(call.storage.blob(file.id).read_bytes(), "application/octet-stream", headers)


def _read_declarations(asked: Preparation) -> JsonObject:
    """By stack and address. Files may be in any state while somebody writes them, and the account does without."""
    declared = asked.services.declared
    try:
        return {stack: dict(places) for stack, places in (declared() if declared else {}).items()}
    except Exception:
        _logger.warning("where objects are declared is not known", exc_info=True)
        return {}


def _declarations(call: Call) -> JsonObject:
    return {"object": "declarations", "places": call.prepared}


def _listed(call: Call, collection: Collection, tell: Callable[[JsonObject], JsonObject]) -> Rendered:
    found = json.loads(page(call, collection.object).content)
    found["data"] = [tell(each) for each in found["data"] if each.get("store", True)]
    return Rendered(json.dumps(found, ensure_ascii=False).encode())


def _one(call: Call, collection: Collection, parent: str, *, last: bool = False) -> JsonObject:
    """The first or last object of those that belong to another, or nothing."""
    order = "DESC" if last else "ASC"
    query = f"SELECT body FROM objects WHERE collection = ? AND parent = ? ORDER BY seq {order} LIMIT 1"  # noqa: S608
    row = call.storage.db.execute(query, [collection.object, parent]).fetchone()
    return json.loads(row[0]) if row else {}


def _title(content: Any) -> str:
    """The beginning of what somebody said, whichever API it was said to."""
    if isinstance(content, str):
        return content[:_LONGEST_TITLE]
    for part in content or []:
        text = part.get("text")
        text = text.get("value") if isinstance(text, dict) else text
        if text:
            return str(text)[:_LONGEST_TITLE]
    return ""


ENDPOINTS = (
    Endpoint("GET", "/_internal/account", _account),
    Endpoint("GET", "/_internal/declarations", _declarations, prepare=_read_declarations),
    Endpoint("GET", "/_internal/threads", _threads),
    Endpoint("GET", "/_internal/responses", _responses),
    Endpoint("GET", "/_internal/conversations", _conversations),
    Endpoint("GET", "/_internal/files/{id}/content", _content),
)
