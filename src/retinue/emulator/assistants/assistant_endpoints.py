"""Assistants (API v2): stored configuration, with the defaults the server was recorded to fill in."""

from __future__ import annotations

from retinue.emulator.assistants.assistant_tools import (
    response_format,
    search_on_create,
    search_on_update,
    set_resources,
    show_resources_of_enabled_tools,
    shown_tool,
    tool,
    tool_resources,
)
from retinue.emulator.models.model_table import EFFORTS, require_model
from retinue.emulator.server.collection import Collection, asked_changes, create, standard_endpoints
from retinue.emulator.server.quirks import ASSISTANTS as ASSISTANTS_BETA
from retinue.emulator.server.request_checks import Check, Field, array, choice, metadata, nullable, number, record, text
from retinue.emulator.server.service import Call
from retinue.emulator.server.storage import JsonObject, Stored

ASSISTANTS = Collection("assistant", "asst_", "assistant", "assistant_id")


def _fields(file_search: Check, *, model_required: bool) -> Check:
    return record(
        {
            "model": Field(text(minimum=1), required=model_required),
            "name": nullable(text(maximum=256)),
            "description": nullable(text(maximum=512)),
            "instructions": nullable(text(maximum=256_000)),
            "tools": array(tool, maximum=128),
            "tool_resources": tool_resources(file_search),
            "metadata": metadata,
            "temperature": nullable(number(0, 2)),
            "top_p": nullable(number(0, 1)),
            "response_format": nullable(response_format),
            "reasoning_effort": nullable(choice(*EFFORTS)),
        }
    )


def _create(call: Call) -> JsonObject:
    body: JsonObject = {
        "id": call.new_id(ASSISTANTS.prefix),
        "object": ASSISTANTS.object,
        "created_at": call.now,
        "name": None,
        "description": None,
        "model": None,
        "instructions": None,
        "tools": [],
        "top_p": 1.0,
        "temperature": 1.0,
        "reasoning_effort": None,
        "tool_resources": {},
        "metadata": {},
        "response_format": "auto",
    }
    _set(call, body, call.body)
    return create(call, ASSISTANTS, body)


def _update(call: Call, stored: Stored) -> None:
    _set(call, stored.body, asked_changes(call, stored))


def _set(call: Call, body: JsonObject, asked: JsonObject) -> None:
    """Put what was sent into the object, in the form the server shows it. A field that was not sent stays."""
    for name, value in asked.items():
        match name:
            case "model":
                body[name] = require_model(value)
            case "tools":
                body[name] = [shown_tool(each) for each in value]
            case "top_p" | "temperature":
                body[name] = 1.0 if value is None else value
            case "response_format":
                body[name] = "auto" if value is None else value
            case "tool_resources":
                set_resources(call, body, value or {})
            case _:
                body[name] = value
    show_resources_of_enabled_tools(body)


ENDPOINTS = standard_endpoints(
    ASSISTANTS,
    "/assistants",
    create=_create,
    creates=_fields(search_on_create, model_required=True),
    update=_update,
    updates=_fields(search_on_update, model_required=False),
    beta=ASSISTANTS_BETA,
)
