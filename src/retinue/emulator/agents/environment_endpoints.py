"""Environment templates (Agents API v1), and the configuration they have in common with automations.

No environment is ever made here. A template has no metadata and its name is not unique. Every member that is sent
replaces the old one; ``network`` null is the default policy and ``desktop`` null is none. Files and skills must exist
when they are named; they may go later.

Write-only, and shown nowhere: variables, setup commands, the content of inline files, skills and plugins. Nothing is
ever provisioned, so they are checked and dropped. Limits are those of the files guide and of the API reference. Not
known, and chosen here: domains beside an access other than ``restricted`` are kept, the archive of an inline skill or
plugin must be a zip and is not looked into, and an update to null gives each list its default.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
import zipfile
from collections.abc import Callable
from typing import Any

from retinue.emulator.files.stored_files import require_file
from retinue.emulator.server.api_errors import invalid
from retinue.emulator.server.collection import Collection, create, standard_endpoints
from retinue.emulator.server.quirks import AGENTS as BETA
from retinue.emulator.server.request_checks import (
    TYPE,
    Check,
    Field,
    array,
    boolean,
    choice,
    hostname,
    nullable,
    record,
    string_map,
    text,
    variant,
)
from retinue.emulator.server.service import Call
from retinue.emulator.server.storage import JsonObject, Stored
from retinue.emulator.skills.skill_bundles import MAX_BUNDLE
from retinue.emulator.skills.skill_endpoints import require_skill

MAX_INLINE = 5 * 1024 * 1024
MAX_INLINE_TOTAL = 10 * 1024 * 1024
MAX_COPIED = 50 * 1024 * 1024

_strings = nullable(array(text()))


def decoded(value: str, at: str, maximum: int) -> bytes:
    """Standard base64 with its padding, of at most so many bytes."""
    try:
        content = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise invalid(f"Invalid '{at}': expected standard base64.", at, "invalid_base64") from None
    if len(content) > maximum:
        message = f"Invalid '{at}': {len(content)} bytes are too many, the maximum is {maximum}."
        raise invalid(message, at, "file_above_max_size")
    return content


def _path(value: Any, at: str) -> str:
    path: str = text(minimum=1, maximum=4096)(value, at)
    if not path.startswith("/workspace/") or any(part in ("", ".", "..") for part in path.split("/")[2:]):
        raise invalid(f"Invalid '{at}': expected an absolute path inside '/workspace'.", at, "invalid_value")
    return path


def _absolute(value: Any, at: str) -> str:
    path: str = text(maximum=4096)(value, at)
    if not path.startswith("/"):
        raise invalid(f"Invalid '{at}': expected an absolute path.", at, "invalid_value")
    return path


_inline_fields = record({"type": TYPE, "data": Field(text(), required=True), "path": Field(_path, required=True)})


def _inline_file(value: Any, at: str) -> JsonObject:
    """Only its path and size are kept."""
    asked = _inline_fields(value, at)
    size = len(decoded(asked["data"], f"{at}.data", MAX_INLINE))
    return {"type": "inline", "path": asked["path"], "size_bytes": size}


_file_id = record(
    {"type": TYPE, "file_id": Field(text(minimum=1, maximum=256), required=True), "path": Field(_path, required=True)}
)
_listed_files = array(variant({"file_id": _file_id, "inline": _inline_file}), maximum=50)


def _files(value: Any, at: str) -> Any:
    files = _listed_files(value, at)
    total = sum(each.get("size_bytes", 0) for each in files)
    if total > MAX_INLINE_TOTAL:
        message = f"Invalid '{at}': the inline files have {total} bytes, the maximum is {MAX_INLINE_TOTAL}."
        raise invalid(message, at, "file_above_max_size")
    return files


def _archive(value: Any, at: str) -> None:
    content = decoded(text(minimum=1)(value, at), at, MAX_BUNDLE)
    if not zipfile.is_zipfile(io.BytesIO(content)):
        raise invalid(f"Invalid '{at}': expected a zip archive.", at, "invalid_value")


_source = record(
    {
        "type": Field(choice("base64"), required=True),
        "media_type": Field(choice("application/zip"), required=True),
        "data": Field(_archive, required=True),
    }
)
_capability = record(
    {
        "type": TYPE,
        "name": Field(text(minimum=1, maximum=64), required=True),
        "description": Field(text(), required=True),
        "source": Field(_source, required=True),
    }
)


def _inline(value: Any, at: str) -> JsonObject:
    """Of a skill or plugin only what it is called."""
    asked = _capability(value, at)
    return {key: asked[key] for key in ("type", "name", "description")}


def _skill_version(value: Any, at: str) -> str:
    version: str = text()(value, at)
    if version != "latest" and not re.fullmatch("[1-9][0-9]*", version):
        raise invalid(f"Invalid '{at}': expected a positive integer or 'latest'.", at, "invalid_value")
    return version


_reference_fields = record(
    {"type": TYPE, "skill_id": Field(text(minimum=1, maximum=64), required=True), "version": nullable(_skill_version)}
)


def _skill_reference(value: Any, at: str) -> JsonObject:
    return {"version": None, **_reference_fields(value, at)}


_network_fields = record(
    {
        "access": Field(choice("enabled", "disabled", "restricted"), required=True),
        "allowed_domains": nullable(array(hostname, maximum=100)),
        "blocked_domains": nullable(array(hostname, maximum=100)),
    }
)


def _network(value: Any, at: str) -> JsonObject:
    """Shown without the blocked domains, which the response type does not have."""
    asked = _network_fields(value, at)
    allowed, blocked = asked.get("allowed_domains") or [], asked.get("blocked_domains") or []
    restricted = asked["access"] == "restricted"
    if blocked and (allowed or not restricted):
        message = "blocked domains need the access 'restricted' and no allowed domains"
        raise invalid(f"Invalid '{at}.blocked_domains': {message}.", f"{at}.blocked_domains", "invalid_value")
    if restricted and not allowed and not blocked:
        message = "the access 'restricted' needs at least one domain"
        raise invalid(f"Invalid '{at}.allowed_domains': {message}.", f"{at}.allowed_domains", "invalid_value")
    return {"access": asked["access"], "allowed_domains": allowed}


def _packages(value: Any, at: str) -> JsonObject:
    asked = record(dict.fromkeys(("npm", "python", "system"), _strings))(value, at)
    return {name: asked.get(name) or [] for name in ("npm", "python", "system")}


def _env(value: Any, at: str) -> None:
    """Checked and not kept. The refused names are those the guide of hosted environments refuses."""
    for name in string_map(maximum=1024, key_maximum=256)(value, at):
        if name in ("PATH", "OPENAI_API_KEY") or name.startswith("CODEX_"):
            raise invalid(f"Invalid '{at}': the variable '{name}' is reserved.", f"{at}.{name}", "invalid_value")


_setup_command = record({"command": Field(text(maximum=65_536), required=True), "cwd": nullable(_absolute)})

CHECKS: dict[str, Field | Check] = {
    "capability_directories": nullable(array(text(), maximum=32)),
    "desktop": nullable(record({"enabled": Field(boolean, required=True)})),
    "env": nullable(_env),
    "files": nullable(_files),
    "network": nullable(_network),
    "packages": nullable(_packages),
    "plugins": nullable(array(variant({"inline": _inline}), maximum=32)),
    "setup_commands": nullable(array(_setup_command, maximum=16)),
    "skills": nullable(array(variant({"skill_reference": _skill_reference, "inline": _inline}), maximum=200)),
}
"""Every member of the configuration; what a check gives is the shown form."""

DEFAULTS: dict[str, Callable[[], Any]] = {
    "capability_directories": list,
    "desktop": lambda: {"enabled": False},
    "files": list,
    "network": lambda: {"access": "enabled", "allowed_domains": []},
    "packages": lambda: {"npm": [], "python": [], "system": []},
    "plugins": list,
    "skills": list,
}
"""What omission and null mean. Network access is the default of the beta the header names."""


def require_referenced(call: Call, asked: JsonObject, at: str = "") -> None:
    """Refuse a file or skill that does not exist, and a file too large to be copied."""
    for number, file in enumerate(asked.get("files") or []):
        if file["type"] == "file_id":
            param = f"{at}files[{number}].file_id"
            size = require_file(call, file["file_id"], param=param).body["bytes"]
            if size > MAX_COPIED:
                message = f"Invalid '{param}': the file has {size} bytes, the maximum is {MAX_COPIED}."
                raise invalid(message, param, "file_above_max_size")
    for skill in asked.get("skills") or []:
        if skill["type"] == "skill_reference":
            require_skill(call, skill["skill_id"], version=skill["version"])


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
