"""Skills: bundles of files in immutable versions, with a pointer to the default one.

Recorded: ids, members, versions as strings from "1", that a new version is not the default unless asked, and that a new
skill is missing from lists for a while. Not known, and chosen here: a skill shows the name and description of its
default version; a number is never used again; the id of a deletion is that of the version.
"""

from __future__ import annotations

from typing import Any

from retinue.emulator.server.api_errors import invalid, not_found, wrong_type
from retinue.emulator.server.collection import Bounds, Collection, create, deletion, page, require, standard_endpoints
from retinue.emulator.server.request_checks import Field, record, text
from retinue.emulator.server.service import Call, Endpoint, Rendered
from retinue.emulator.server.storage import JsonObject, Stored
from retinue.emulator.skills.skill_bundles import Bundle, read_bundle

_FROM_NONE = Bounds(minimum=0)
"""The published description lets a page have no object at all."""

SKILLS = Collection("skill", "skill_", "skill", "skill_id", bounds=_FROM_NONE, checks_prefix=False)
VERSIONS = Collection("skill.version", "skillver_", "skill version", "version", bounds=_FROM_NONE, checks_prefix=False)


def require_skill(call: Call, skill_id: str, *, version: str | None = None) -> Stored:
    """The skill, which must have the version when one is named; ``latest`` is one every skill has."""
    skill = require(call, SKILLS, skill_id)
    if version not in (None, "latest"):
        _require_version(call, skill, version)
    return skill


def _require_version(call: Call, skill: Stored, version: str) -> Stored:
    found = call.storage.select(VERSIONS.object, parent=skill.id, facet=version)
    if not found:
        raise not_found(VERSIONS.noun, version, VERSIONS.id_param)
    return found[0]


def _flag(value: Any, at: str) -> bool:
    """A boolean in a form is a word."""
    if value not in ("true", "false"):
        raise wrong_type(at, "a boolean", value)
    return bool(value == "true")


def _create(call: Call) -> JsonObject:
    bundle = read_bundle(call.files)
    body: JsonObject = {
        "id": call.new_id(SKILLS.prefix),
        "object": SKILLS.object,
        "created_at": call.now,
        "default_version": "1",
        "description": bundle.description,
        "latest_version": "1",
        "name": bundle.name,
    }
    create(call, SKILLS, body, hidden={"versions": 1})
    _add_version(call, body["id"], "1", bundle)
    return body


def _add_version(call: Call, skill_id: str, version: str, bundle: Bundle) -> JsonObject:
    body: JsonObject = {
        "id": call.new_id(VERSIONS.prefix),
        "object": VERSIONS.object,
        "created_at": call.now,
        "description": bundle.description,
        "name": bundle.name,
        "skill_id": skill_id,
        "version": version,
    }
    create(call, VERSIONS, body, parent=skill_id, facet=version)
    scratch = call.storage.scratch()
    scratch.write_bytes(bundle.content)
    call.storage.keep_blob(scratch, body["id"])
    return body


def _create_version(call: Call) -> JsonObject:
    skill = require(call, SKILLS, call.path["id"])
    bundle = read_bundle(call.files)
    skill.hidden["versions"] += 1
    version = _add_version(call, skill.id, str(skill.hidden["versions"]), bundle)
    skill.body["latest_version"] = version["version"]
    if call.body.get("default"):
        _point(skill, version)
    call.storage.save(skill)
    return version


def _point(skill: Stored, version: JsonObject) -> None:
    skill.body.update(default_version=version["version"], name=version["name"], description=version["description"])


def _update(call: Call, skill: Stored) -> None:
    _point(skill, _require_version(call, skill, call.body["default_version"]).body)


def _forget(call: Call, skill: Stored) -> None:
    for version in call.storage.select(VERSIONS.object, parent=skill.id):
        _drop(call, version)


def _drop(call: Call, version: Stored) -> None:
    call.storage.remove(version)
    call.storage.drop_blob(version.id)


def _list_versions(call: Call) -> Rendered:
    skill = require(call, SKILLS, call.path["id"])
    return page(call, VERSIONS.object, parent=skill.id, bounds=VERSIONS.bounds)


def _path_version(call: Call) -> Stored:
    return _require_version(call, require(call, SKILLS, call.path["id"]), call.path["version"])


def _delete_version(call: Call) -> JsonObject:
    """The default cannot be deleted while there are others; with the last version goes the skill (skills guide)."""
    version = _path_version(call)
    skill = require(call, SKILLS, call.path["id"])
    others = [each for each in call.storage.select(VERSIONS.object, parent=skill.id) if each.id != version.id]
    if others and skill.body["default_version"] == version.facet:
        raise invalid(f"Version {version.facet} is the default version of the skill and cannot be deleted.", "version")
    _drop(call, version)
    if others:
        skill.body["latest_version"] = others[-1].facet
        call.storage.save(skill)
    else:
        call.storage.remove(skill)
    return {**deletion(VERSIONS, version.id), "version": version.facet}


def _zip(call: Call, version: Stored) -> Rendered:
    return Rendered(call.storage.blob(version.id).read_bytes(), "application/zip")


def _content(call: Call) -> Rendered:
    skill = require(call, SKILLS, call.path["id"])
    return _zip(call, _require_version(call, skill, skill.body["default_version"]))


ENDPOINTS = (
    *standard_endpoints(
        SKILLS,
        "/skills",
        create=_create,
        creates=record({}),
        form=True,
        update=_update,
        updates=record({"default_version": Field(text(), required=True)}),
        forget=_forget,
    ),
    Endpoint("GET", "/skills/{id}/content", _content),
    Endpoint("POST", "/skills/{id}/versions", _create_version, body=record({"default": _flag}), form=True),
    Endpoint("GET", "/skills/{id}/versions", _list_versions),
    Endpoint("GET", "/skills/{id}/versions/{version}", lambda call: _path_version(call).body),
    Endpoint("DELETE", "/skills/{id}/versions/{version}", _delete_version),
    Endpoint("GET", "/skills/{id}/versions/{version}/content", lambda call: _zip(call, _path_version(call))),
)
