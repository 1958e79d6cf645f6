"""An environment template of the Agents API (beta): what an environment that OpenAI hosts has before an agent starts.

A template has no metadata. It is recognised by a small file of its own, whose path is the ownership tag (_tag_file.py).

Sources: SDK types/beta/agents/environments/template_create_params.py and environment_template.py (what is shown).
Variables, setup commands and the archives of plugins are never returned.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from retinue.kinds import _tag_file
from retinue.kinds._shapes import FURTHER, NAME_OR_ID, TEXT_FILE
from retinue.kinds.fields import Field, HiddenField, UploadsField
from retinue.kinds.kind import Expansion, Inclusion, Kind, Reference, Schema
from retinue.kinds.stores import Marks, Plain
from retinue.model.declared import Problem
from retinue.model.values import FileRef, Path

# REC and the files guide (platform.md §4.4): what one request takes. One of the files is the marker.
MOST_FILES = 49
LARGEST_FILE = 50 * 1024 * 1024
RESERVED = ("PATH", "OPENAI_API_KEY")


def expand(spec: Mapping[str, Any]) -> Expansion:
    """Write the shorthands out. The list of files is always ours, since the ownership tag stands in it."""
    expanded = {key: value for key, value in spec.items() if key != "plugins"}
    origins: dict[Path, Path] = {}
    files: dict[str, Any] = {}
    for index, entry in enumerate(spec.get("files", [])):
        files[entry["path"]] = _file(entry)
        origins["files", entry["path"]] = ("files", index)
    expanded["files"] = files
    if "skills" in spec:
        expanded["skills"] = [_skill(each) for each in spec["skills"]]
    if "setup_commands" in spec:
        expanded["setup_commands"] = [
            {"command": each} if isinstance(each, str) else each for each in spec["setup_commands"]
        ]
    if "blocked_domains" in (spec.get("network") or {}):
        expanded["blocked_domains"] = spec["network"]["blocked_domains"]
        origins["blocked_domains",] = ("network", "blocked_domains")
    if "plugins" in spec:
        expanded["plugins"] = {each["name"]: {"description": each["description"]} for each in spec["plugins"]}
        expanded["plugin_archives"] = {each["name"]: each["archive"] for each in spec["plugins"]}
        origins["plugin_archives",] = ("plugins",)
    return expanded, origins


def compose(spec: Mapping[str, Any]) -> dict[str, Any]:
    """List files, skills and plugins. A plugin's archive is never shown, so nobody can write it back."""
    written = dict(spec)
    if "files" in spec:
        written["files"] = [{"path": path, "id": file} for path, file in sorted(spec["files"].items())]
    if "skills" in spec:
        written["skills"] = [_skill_entry(each) for each in spec["skills"]]
    if "plugins" in spec:
        written["plugins"] = [{"name": name, **described} for name, described in spec["plugins"].items()]
    return written


def _skill_entry(skill: Mapping[str, Any]) -> Any:
    """A skill by itself, or with its version, which is a number or a word."""
    version = skill.get("version")
    if version is None:
        return skill.get("skill_id")
    return {"skill": skill.get("skill_id"), "version": int(version) if str(version).isdecimal() else version}


def _file(entry: Mapping[str, Any]) -> FileRef | str:
    if "id" in entry:
        return str(entry["id"])
    file = entry["file"]
    return FileRef(file["path"], file["sha256"], file["size"])


def _skill(entry: Any) -> dict[str, Any]:
    options = entry if isinstance(entry, Mapping) and "skill" in entry else {"skill": entry}
    version = {"version": str(options["version"])} if "version" in options else {}
    return {"skill_id": options["skill"], **version}


def canonical_files(files: Any) -> dict[str, Any]:
    """Where each file lies → its id; of a file that somebody put in place, what is shown of it."""
    if isinstance(files, Mapping):
        return dict(files)
    return {
        each["path"]: each["file_id"] if each["type"] == "file_id" else {"inline": each.get("size_bytes")}
        for each in _tag_file.others(files)
    }


def wire_files(files: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"type": "file_id", "file_id": file_id, "path": path} for path, file_id in sorted(files.items())]


def canonical_skills(skills: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """References as declared; a skill that somebody put in place keeps all that is shown of it."""
    return [
        {key: each[key] for key in ("skill_id", "version") if each.get(key)} if "skill_id" in each else dict(each)
        for each in skills
    ]


def wire_skills(skills: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{"type": "skill_reference", **each} for each in skills]


def canonical_packages(packages: Mapping[str, Any]) -> dict[str, list[str]]:
    """What is installed, in any order, without the managers that install nothing."""
    return {name: sorted(listed) for name, listed in packages.items() if listed}


def canonical_network(network: Mapping[str, Any]) -> dict[str, Any] | None:
    """Without empty lists and what is never shown; the default policy of this version of the API is no policy."""
    shown = {key: each for key, each in network.items() if each and key != "blocked_domains"}
    found = {key: sorted(each) if isinstance(each, list) else each for key, each in shown.items()}
    return None if found == {"access": "enabled"} else found


def canonical_desktop(desktop: Mapping[str, Any]) -> dict[str, Any] | None:
    return dict(desktop) if desktop.get("enabled") else None


def canonical_plugins(plugins: Any) -> dict[str, Any]:
    if isinstance(plugins, Mapping):
        return dict(plugins)
    return {each["name"]: {"description": each["description"]} for each in plugins}


def assemble(body: dict[str, Any], spec: Mapping[str, Any], live: Mapping[str, Any] | None) -> dict[str, Any]:  # noqa: ARG001
    """A plugin's archive travels with its name and description, blocked domains with the policy."""
    hidden = {name for name in ("plugin_archives", "blocked_domains") if name in body}
    body = {key: value for key, value in body.items() if key not in hidden}
    if "network" in body or "blocked_domains" in hidden:
        blocked = spec.get("blocked_domains")
        network = spec.get("network")
        body["network"] = {**network, "blocked_domains": blocked} if network and blocked else network
    if "plugins" in body or "plugin_archives" in hidden:
        archives = spec.get("plugin_archives") or {}
        body["plugins"] = [
            {
                "type": "inline",
                "name": name,
                **described,
                "source": {"type": "base64", "media_type": "application/zip", "data": archives[name]},
            }
            for name, described in (spec.get("plugins") or {}).items()
        ]
    return body


def check(spec: Mapping[str, Any]) -> Iterable[Problem]:
    for path in spec["files"]:
        where: Path = ("files", path)
        if any(part in ("", ".", "..") for part in path.split("/")[2:]) or path.startswith(_tag_file.FOLDER):
            yield Problem("invalid-value", where, f"'{path}' is not a path that a file can have in an environment")
    for name in spec.get("env") or {}:
        if name in RESERVED or name.startswith("CODEX_"):
            yield Problem("invalid-value", ("env", name), f"the variable '{name}' is reserved", key=True)
    network = spec.get("network") or {}
    domains = [key for key in ("allowed_domains", "blocked_domains") if network.get(key)]
    if network.get("access") == "restricted" and len(domains) != 1:
        message = "restricted access needs either 'allowed_domains' or 'blocked_domains'"
        yield Problem("invalid-value", ("network",), message)


_NAMES = {"type": "array", "items": {"type": "string", "minLength": 1}}
_SKILL = {
    "anyOf": [
        *NAME_OR_ID,
        {
            "type": "object",
            "properties": {
                "skill": {"anyOf": NAME_OR_ID},
                "version": {
                    "description": "A version, or 'latest'. Default: the skill's default version.",
                    "anyOf": [{"type": "integer", "minimum": 1}, {"enum": ["latest"]}],
                },
            },
            "required": ["skill"],
            "additionalProperties": False,
        },
    ]
}
_FILE = {
    "type": "object",
    "properties": {
        "path": {"type": "string", "pattern": "^/workspace/[^/]", "maxLength": 4096, "description": "Where it lies."},
        "file": {"type": "string", "minLength": 1, "description": "A file of the project, relative to this file."},
        "id": {"type": "string", "minLength": 1, "description": "Instead: an uploaded file that is kept elsewhere."},
    },
    "required": ["path"],
    "additionalProperties": False,
    "if": {"required": ["id"]},
    "then": {"properties": {"file": False}},
    "else": {"required": ["file"]},
}
_LINES: Schema = {"type": "string", "minLength": 1, "maxLength": 65_536}
_COMMAND = {
    "anyOf": [
        _LINES,
        TEXT_FILE,
        {
            "type": "object",
            "properties": {"command": {"anyOf": [_LINES, TEXT_FILE]}, "cwd": {"type": "string", "pattern": "^/"}},
            "required": ["command"],
            "additionalProperties": False,
        },
    ]
}
_PLUGIN = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 64},
        "description": {"type": "string"},
        "archive": {"type": "string", "minLength": 1, "description": "A ZIP file of the project."},
    },
    "required": ["name", "description", "archive"],
    "additionalProperties": False,
}

KIND = Kind(
    name="environment_template",
    section="environment_templates",
    title="environment template",
    store=Plain(
        path="/agents/environments/templates",
        beta="agents=v1",
        tagged=Marks("files", _tag_file.read, _tag_file.write, room=None, lost=_tag_file.lost),
    ),
    schema={
        "type": "object",
        "description": "What an environment that OpenAI hosts has before an agent starts in it.",
        "properties": {
            "name": {"type": "string", "minLength": 1, "maxLength": 256, "description": "The name people see."},
            "packages": {
                "type": "object",
                "description": "What is installed, by package manager.",
                "properties": {"python": _NAMES, "npm": _NAMES, "system": _NAMES},
                "additionalProperties": False,
            },
            "files": {"type": "array", "maxItems": MOST_FILES, "items": _FILE},
            "skills": {"type": "array", "maxItems": 200, "description": "Skills by name.", "items": _SKILL},
            "plugins": {"type": "array", "maxItems": 32, "items": _PLUGIN},
            "env": {
                "type": "object",
                "description": "Environment variables. Never shown; values may be secrets.",
                "propertyNames": {"minLength": 1, "maxLength": 256},
                "additionalProperties": {"type": "string", "maxLength": 1024},
            },
            "setup_commands": {
                "type": "array",
                "maxItems": 16,
                "description": "What runs first, in this order. Never shown.",
                "items": _COMMAND,
            },
            "network": {
                "type": "object",
                "description": "What the environment may reach. Default: everything.",
                "properties": {
                    "access": {"enum": ["enabled", "disabled", "restricted"]},
                    "allowed_domains": {**_NAMES, "maxItems": 100},
                    "blocked_domains": {**_NAMES, "maxItems": 100},
                },
                "required": ["access"],
                "additionalProperties": False,
            },
            "desktop": {
                "type": "object",
                "properties": {"enabled": {"type": "boolean"}},
                "required": ["enabled"],
                "additionalProperties": False,
            },
            "capability_directories": {**_NAMES, "maxItems": 32},
        },
        "additionalProperties": False,
    },
    fields=(
        Field("name"),
        Field("packages", default={}, canonical=canonical_packages),
        UploadsField("files", default={}, canonical=canonical_files, wire=wire_files, purpose="user_data", placed=True),
        Field(
            "skills", default=[], canonical=canonical_skills, wire=wire_skills, refs="skill", ref_at=("*", "skill_id")
        ),
        Field("plugins", default={}, canonical=canonical_plugins),
        HiddenField("plugin_archives", default={}),
        HiddenField("env", default={}),
        HiddenField("setup_commands", default=[]),
        Field("network", canonical=canonical_network),
        HiddenField("blocked_domains", default=[]),
        Field("desktop", canonical=canonical_desktop),
        Field("capability_directories", default=[]),
        FURTHER,
    ),
    references=(
        Reference(("skills", "*"), "skill", allow_id=True),
        Reference(("skills", "*", "skill"), "skill", allow_id=True),
    ),
    inclusions=(
        Inclusion(("files", "*", "file"), "file", largest=LARGEST_FILE),
        Inclusion(("plugins", "*", "archive"), "base64"),
        Inclusion(("setup_commands", "*"), "text"),
        Inclusion(("setup_commands", "*", "command"), "text"),
    ),
    secrets=(("env", "*"), ("setup_commands", "*"), ("setup_commands", "*", "command")),
    expand=expand,
    compose=compose,
    check=check,
    assemble=assemble,
)
