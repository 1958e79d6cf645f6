"""Saved agents (Agents API v1): a configuration that sessions start from. There are no sessions here.

From the types of the openai package. A creation answers 201, and a name has at most 128 characters, as the published
reference says. Lists cannot be narrowed. Every update is a new ``updated_at``, the only mark of a change.
"""

from __future__ import annotations

from retinue.local.agent_settings import CHECKS, default_settings, set_settings
from retinue.local.agent_tools import saved_tools, shown_tools
from retinue.local.collection import Collection, create, replaced_pairs, standard_endpoints
from retinue.local.endpoint import Call
from retinue.local.quirks import AGENTS as BETA
from retinue.local.storage import JsonObject, Stored
from retinue.local.validate import Check, Field, metadata, nullable, record, text

AGENTS = Collection("agent", "agent_", "agent", "agent_id", checks_prefix=False)
"""Whether the API looks at the prefix of an id is not known: here every id that is not there is a 404."""

RESERVED = ("automations", "environments", "sessions")
"""Collections of the API below ``/agents``, whether they are served here or not."""


def _fields(*, model_required: bool) -> Check:
    model = CHECKS["model"]
    return record(
        {
            **CHECKS,
            "model": Field(model.check if isinstance(model, Field) else model, required=model_required),
            "name": nullable(text(maximum=128)),
            "metadata": metadata,
            "tools": saved_tools,
        }
    )


def _create(call: Call) -> JsonObject:
    body: JsonObject = {
        "id": call.new_id(AGENTS.prefix),
        "object": AGENTS.object,
        "created_at": call.now,
        "updated_at": call.now,
        "name": None,
        "metadata": {},
        **default_settings(),
    }
    _set(body, {"reasoning": None, **call.body})
    return create(call, AGENTS, body)


def _update(call: Call, stored: Stored) -> None:
    asked = dict(call.body)
    if "metadata" in asked:
        asked["metadata"] = replaced_pairs(call, stored.body["metadata"], asked["metadata"])
    _set(stored.body, asked)
    stored.body["updated_at"] = call.now


def _set(body: JsonObject, asked: JsonObject) -> None:
    set_settings(body, asked)
    body.update({name: asked[name] for name in ("name", "metadata") if name in asked})
    if "tools" in asked:
        body["tools"] = shown_tools(asked["tools"] or [])


ENDPOINTS = standard_endpoints(
    AGENTS,
    "/agents",
    create=_create,
    creates=_fields(model_required=True),
    update=_update,
    updates=_fields(model_required=False),
    beta=BETA,
    status=201,
    reserved=RESERVED,
)
