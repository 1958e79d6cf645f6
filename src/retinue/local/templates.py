"""Environment templates (Agents API v1): configuration for environments, none of which is ever made here.

A template has no metadata and its name is not unique. Every member that is sent replaces the old one; ``network`` null
is the default policy and ``desktop`` null is none. Files and skills must exist when they are named; they may go later.
"""

from __future__ import annotations

from retinue.local.collection import Collection, create, standard_endpoints
from retinue.local.endpoint import Call
from retinue.local.environments import CHECKS, DEFAULTS, require_referenced
from retinue.local.quirks import AGENTS as BETA
from retinue.local.storage import JsonObject, Stored
from retinue.local.validate import nullable, record, text

TEMPLATES = Collection(
    "agent.environment.template", "envtmpl_", "environment template", "environment_template_id", checks_prefix=False
)

_fields = record({"name": nullable(text(minimum=1, maximum=256)), **CHECKS})


def _create(call: Call) -> JsonObject:
    body: JsonObject = {
        "id": call.new_id(TEMPLATES.prefix),
        "object": TEMPLATES.object,
        "created_at": call.now,
        "updated_at": call.now,
        "name": None,
        **{name: default() for name, default in DEFAULTS.items()},
    }
    _set(call, body)
    return create(call, TEMPLATES, body)


def _update(call: Call, stored: Stored) -> None:
    _set(call, stored.body)
    stored.body["updated_at"] = call.now


def _set(call: Call, body: JsonObject) -> None:
    require_referenced(call, call.body)
    if "name" in call.body:
        body["name"] = call.body["name"]
    for name, default in DEFAULTS.items():
        if name in call.body:
            given = call.body[name]
            body[name] = default() if given is None else given


ENDPOINTS = standard_endpoints(
    TEMPLATES,
    "/agents/environments/templates",
    create=_create,
    creates=_fields,
    update=_update,
    updates=_fields,
    beta=BETA,
    status=201,
)
