"""An automation of the Agents API (beta): sessions of an agent started by a schedule.

Source: SDK types/beta/agents/automation_create_params.py, automation_update_params.py, automation_target_param.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from retinue.kinds._shapes import FURTHER, METADATA, NAME_OR_ID, TEXT, in_any_order
from retinue.kinds.fields import ActionField, Field, KeyedField
from retinue.kinds.kind import Expansion, Inclusion, Kind, Reference
from retinue.kinds.stores import WithActions
from retinue.model.declared import Problem
from retinue.model.values import Path


def expand(spec: Mapping[str, Any]) -> Expansion:
    """Say by the schedule which type of automation it is, and by `paused` which status it is to have."""
    expanded = {key: value for key, value in spec.items() if key not in ("agent", "vaults", "input", "paused")}
    origins: dict[Path, Path] = {}
    expanded["type"] = "once" if "run_at" in spec else "periodic"
    expanded["target_type"] = "new_session"
    expanded["agent_id"] = spec["agent"]
    origins["agent_id",] = ("agent",)
    if "vaults" in spec:
        expanded["vault_ids"] = list(spec["vaults"])
        origins["vault_ids",] = ("vaults",)
    expanded["input"] = wire_input([spec["input"]])
    environment = dict(spec.get("environment") or {"type": "none"})
    if "template" in environment:
        environment["environment_template_id"] = environment.pop("template")
    expanded["environment"] = environment
    if "paused" in spec:
        expanded["status"] = "paused" if spec["paused"] else "active"
        origins["status",] = ("paused",)
    return expanded, origins


def compose(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what the schedule says by itself, and name the rest as an author does."""
    moved = ("type", "target_type", "agent_id", "vault_ids", "input", "status")
    written = {name: value for name, value in spec.items() if name not in moved}
    written["agent"] = spec.get("agent_id")
    if spec.get("vault_ids"):
        written["vaults"] = spec["vault_ids"]
    messages = spec.get("input", [])
    written["input"] = messages[0] if len(messages) == 1 else messages
    environment = dict(written.pop("environment", None) or {"type": "none"})
    if "environment_template_id" in environment:
        environment["template"] = environment.pop("environment_template_id")
    if environment != {"type": "none"}:
        written["environment"] = environment
    if spec.get("status") == "paused":
        written["paused"] = True
    return written


def canonical_input(messages: Iterable[Mapping[str, Any]]) -> list[Any]:
    """Messages as their texts; one that holds more than text stays as it is."""
    return [_text_of(message) for message in messages]


def _text_of(message: Mapping[str, Any]) -> Any:
    parts = message.get("content") or []
    if all(part.get("type") == "input_text" for part in parts):
        return "\n\n".join(str(part.get("text", "")) for part in parts)
    return dict(message)


def wire_input(messages: Iterable[Any]) -> list[Any]:
    """The inverse of `canonical_input`."""
    return [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": each}]}
        if isinstance(each, str)
        else each
        for each in messages
    ]


def canonical_environment(value: Mapping[str, Any]) -> dict[str, Any]:
    """Without what was left to the server: it comes back as null, or empty inside what was given. What is installed and
    may be reached is so in any order."""
    found = {
        key: {name: part for name, part in each.items() if part not in (None, [])}
        if isinstance(each, Mapping)
        else each
        for key, each in value.items()
        if each is not None
    }
    ordered: dict[str, Any] = in_any_order(found, ("allowed_domains", "python", "npm", "system"))
    return ordered


def canonical_status(value: Any) -> Any:
    """A one-time automation that has run is neither active nor paused, and asks for nothing."""
    return "active" if value == "completed" else value


_RANGES = (("minute", 0, 59), ("hour", 0, 23), ("day of month", 1, 31), ("month", 1, 12), ("day of week", 0, 7))


def check(spec: Mapping[str, Any]) -> Iterable[Problem]:
    expression = spec.get("expression")
    if expression is not None and len(expression.split()) != len(_RANGES):
        yield Problem(
            "bad-schedule",
            ("expression",),
            f"'{expression}' is not a cron expression of five fields",
            "write minute, hour, day of month, month and day of week: '0 9 * * 1-5'",
        )
    elif expression is not None:
        yield from _check_ranges(expression)


def _check_ranges(expression: str) -> Iterable[Problem]:
    """Whatever dialect the account reads, no minute is the 61st. What follows a slash is a step."""
    for given, (name, low, high) in zip(expression.split(), _RANGES, strict=True):
        for number in re.findall(r"(?<![/\w])[0-9]+", given):
            if not low <= int(number) <= high:
                message = f"'{given}' does not fit the {name} of a cron expression"
                yield Problem("bad-schedule", ("expression",), message, f"write a number from {low} to {high}, or '*'")
                break


_NAMES = {"type": "array", "items": {"type": "string"}}
_HOSTED = {
    "type": "object",
    "description": "An environment that OpenAI hosts.",
    "properties": {
        "type": {"enum": ["openai_hosted"]},
        "template": {
            "description": "The name of a declared environment template, or {id: envtmpl_…} of one kept elsewhere.",
            "anyOf": NAME_OR_ID,
        },
        "container_size": {"enum": ["small", "medium", "large"]},
        "capability_directories": _NAMES,
        "desktop": {
            "type": "object",
            "properties": {"enabled": {"type": "boolean"}},
            "required": ["enabled"],
            "additionalProperties": False,
        },
        "network": {
            "type": "object",
            "properties": {"access": {"enum": ["enabled", "disabled", "restricted"]}, "allowed_domains": _NAMES},
            "required": ["access"],
            "additionalProperties": False,
        },
        "packages": {
            "type": "object",
            "properties": {"python": _NAMES, "npm": _NAMES, "system": _NAMES},
            "additionalProperties": False,
        },
    },
    "required": ["type"],
    "additionalProperties": False,
}
_OTHER = {
    "type": "object",
    "description": "No environment, or one of your own.",
    "properties": {
        "type": {"enum": ["none", "self_hosted"]},
        "workspace_directory": {"type": "string", "minLength": 1},
        "capability_directories": _NAMES,
    },
    "required": ["type"],
    "additionalProperties": False,
}

KIND = Kind(
    name="automation",
    section="automations",
    title="automation",
    # Agents make automations for themselves (SDK Automation.created_by).
    store=WithActions(path="/agents/automations", beta="agents=v1", theirs=(("created_by", "type"), "agent")),
    schema={
        "type": "object",
        "description": "Sessions of an agent, started by a schedule or once.",
        "properties": {
            "name": {"type": "string", "minLength": 1, "maxLength": 256, "description": "The name people see."},
            "expression": {"type": "string", "minLength": 1, "description": "When, as cron: '0 9 * * 1-5'."},
            "timezone": {"type": "string", "minLength": 1, "description": "The IANA time zone: Europe/Berlin."},
            "run_at": {"type": "integer", "minimum": 0, "description": "Once, at this Unix time in seconds."},
            "agent": {
                "description": "The name of a declared agent, or {id: agent_…} of one kept elsewhere.",
                "anyOf": NAME_OR_ID,
            },
            "input": {**TEXT, "description": "What each session is asked to do."},
            "environment": {"description": "Where each session runs. Default: none.", "anyOf": [_HOSTED, _OTHER]},
            "vaults": {
                "type": "array",
                "items": {"anyOf": NAME_OR_ID},
                "description": "Names of declared vaults that each session may use, or {id: vault_…} of others.",
            },
            "session_metadata": {**METADATA, "maxProperties": 16, "description": "Metadata of each session."},
            "paused": {"type": "boolean", "description": "Whether the schedule rests."},
            "metadata": METADATA,
        },
        "required": ["name", "agent", "input"],
        "additionalProperties": False,
        "if": {"required": ["run_at"]},
        "then": {"properties": {"expression": False, "timezone": False}},
        # A comment beside `required` ends the hint that says to add what is missing.
        "else": {"required": ["expression", "timezone"], "$comment": ", or only 'run_at: …' to run it once"},
    },
    fields=(
        Field("type", mutable=False),
        Field("name"),
        Field("expression"),
        Field("timezone"),
        Field("run_at"),
        Field("agent_id", ("target", "agent_id"), refs="agent"),
        Field("target_type", ("target", "type")),
        Field("input", ("target", "input"), default=[], canonical=canonical_input, wire=wire_input),
        Field(
            "environment",
            ("target", "environment"),
            canonical=canonical_environment,
            refs="environment_template",
            ref_at=("environment_template_id",),
        ),
        Field("vault_ids", ("target", "vault_ids"), default=[], refs="vault"),
        Field("session_metadata", ("target", "metadata"), default={}),
        ActionField(
            "status", default="active", canonical=canonical_status, actions={"paused": "pause", "active": "resume"}
        ),
        KeyedField("metadata"),
        FURTHER,
    ),
    references=(
        Reference(("agent",), "agent", allow_id=True),
        Reference(("vaults", "*"), "vault", allow_id=True),
        Reference(("environment", "template"), "environment_template", allow_id=True),
    ),
    inclusions=(Inclusion(("input",), "text"),),
    expand=expand,
    compose=compose,
    check=check,
)
