"""What an automation does when it runs: the session it would start. Confidential parts are checked and dropped.

Whatever a target names must exist: the agent, the vaults, the template, files and skills. That holds when it is sent;
what the service does when they go later is not known, here nothing happens.
"""

from __future__ import annotations

from typing import Any

from retinue.local import agent_settings, environments
from retinue.local.agent_tools import session_tools, shown_tools
from retinue.local.agents import AGENTS
from retinue.local.collection import require
from retinue.local.endpoint import Call
from retinue.local.errors import invalid, missing_parameter, not_found
from retinue.local.storage import JsonObject
from retinue.local.templates import TEMPLATES
from retinue.local.validate import Field, anything, array, choice, metadata, nullable, record, text, variant
from retinue.local.vaults import VAULTS

_type = Field(anything, required=True)
_needed = Field(text(), required=True)

_environment = variant(
    {
        "none": record({"type": _type}),
        "openai_hosted": record(
            {
                "type": _type,
                **environments.CHECKS,
                "container_size": choice("small", "medium", "large"),
                "environment_id": text(),
                "environment_template_id": text(),
            }
        ),
        "self_hosted": record(
            {
                "type": _type,
                "workspace_directory": _needed,
                "capability_directories": environments.CHECKS["capability_directories"],
            }
        ),
    }
)
_message = record(
    {
        "type": choice("message"),
        "role": Field(choice("user"), required=True),
        "content": Field(
            array(
                variant(
                    {
                        "input_text": record({"type": _type, "text": _needed}),
                        "input_image": record({"type": _type, "image_url": _needed}),
                    }
                )
            ),
            required=True,
        ),
    }
)
target = variant(
    {
        "new_session": record(
            {
                "type": _type,
                "environment": Field(_environment, required=True),
                "input": Field(array(_message), required=True),
                "agent": record({**agent_settings.CHECKS, "tools": session_tools}),
                "agent_id": text(),
                "metadata": metadata,
                "vault_ids": nullable(array(text())),
            }
        ),
        "existing_session": record({"type": _type, "instructions": _needed, "session_id": _needed}),
    }
)


def shown_target(call: Call, asked: JsonObject) -> JsonObject:
    """Resolved, without what is confidential. Refuses what does not exist."""
    if asked["type"] == "existing_session":
        raise not_found("session", asked["session_id"], "target.session_id")
    if ("agent" in asked) == ("agent_id" in asked):
        raise invalid("Provide exactly one of 'target.agent' and 'target.agent_id'.", "target.agent_id")
    vault_ids = asked.get("vault_ids") or []
    return {
        "type": "new_session",
        "agent": _agent(asked["agent"]) if "agent" in asked else None,
        "agent_id": require(call, AGENTS, asked["agent_id"]).id if "agent_id" in asked else None,
        "environment": _shown_environment(call, asked["environment"]),
        "input": [{**message, "type": "message"} for message in asked["input"]],
        "metadata": asked.get("metadata", {}),
        "vault_ids": [require(call, VAULTS, each).id for each in vault_ids],
    }


def _agent(asked: JsonObject) -> JsonObject:
    if "model" not in asked:
        raise missing_parameter("target.agent.model")
    body: JsonObject = agent_settings.default_settings()
    agent_settings.set_settings(body, {"reasoning": None, **asked})
    return {**body, "tools": shown_tools(asked.get("tools") or [], for_session=True)}


def _shown_environment(call: Call, asked: JsonObject) -> JsonObject:
    match asked["type"]:
        case "none":
            return asked
        case "self_hosted":
            shown: dict[str, Any] = {"environment_id": None, **asked}
            return {**shown, "capability_directories": asked.get("capability_directories") or []}
        case _:
            return _shown_hosted(call, asked)


def _shown_hosted(call: Call, asked: JsonObject) -> JsonObject:
    """What was not sent is null: it is inherited. An environment of its own right cannot exist here."""
    if "environment_id" in asked:
        raise not_found("environment", asked["environment_id"], "target.environment.environment_id")
    if "environment_template_id" in asked:
        require(call, TEMPLATES, asked["environment_template_id"])
    environments.require_referenced(call, asked, "target.environment.")
    shown = (*environments.DEFAULTS, "container_size", "environment_id", "environment_template_id")
    return {"type": asked["type"], **{name: asked.get(name) for name in shown}}
