"""A skill: a folder with a SKILL.md and what it needs, kept by the account in immutable versions.

A skill has no metadata. Retinue adds a file of its own to each version that it uploads, which holds the ownership tag.

Sources: SDK types/skill.py, skills/skill_version.py; the limits are those of the skills guide (platform.md §5).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from retinue.kinds._shapes import EXCLUDE
from retinue.kinds.fields import Field, PolicyField, VersionField
from retinue.kinds.kind import Expansion, Inclusion, Kind
from retinue.kinds.stores import Marks, Versioned
from retinue.model.declared import Problem
from retinue.model.values import FileRef, Path

MARKER = ".retinue"
# DOC guides/tools-skills: 500 files a version, of 25 MB each; one of them is the marker, one SKILL.md.
MOST_FILES = 499
LARGEST_FILE = 25 * 1024 * 1024
_HEAD = re.compile(r"\ufeff?---[ \t]*\n(.*?)\n---[ \t]*(\n|$)", re.S)
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def read_marks(files: Mapping[str, Any] | None) -> dict[str, str]:
    text = (files or {}).get(MARKER)
    if not isinstance(text, str):
        return {}
    return {key: value.strip() for key, _, value in (line.partition(" =") for line in text.splitlines())}


def write_marks(files: Mapping[str, Any] | None, pairs: Mapping[str, str]) -> dict[str, Any]:
    others = {path: content for path, content in (files or {}).items() if path != MARKER}
    text = "".join(f"{key} = {value}\n" for key, value in sorted(pairs.items()))
    return {**others, MARKER: text} if pairs else others


def canonical_files(files: Mapping[str, Any]) -> dict[str, Any]:
    return {path: content for path, content in sorted(files.items()) if path != MARKER}


def expand(spec: Mapping[str, Any]) -> Expansion:
    """The folder as its files. Which version is the default is always ours: the newest, unless one is named."""
    expanded = {key: value for key, value in spec.items() if key not in ("folder", "version")}
    expanded["files"] = spec["folder"]
    version = spec.get("version", "latest")
    expanded["version"] = None if version == "latest" else str(version)
    origins: dict[Path, Path] = {("files",): ("folder",), ("version",): ("version",)}
    return expanded, origins


def compose(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The folder with its files, and the version where another one than the newest is the default."""
    written: dict[str, Any] = {"folder": spec.get("files", {})}
    version = str(spec.get("version") or "")
    return {**written, "version": int(version)} if version.isdecimal() else written


def check(spec: Mapping[str, Any]) -> Iterable[Problem]:
    files = spec["files"]
    where: Path = ("files",)
    manifests = [path for path in files if PurePosixPath(path).name.lower() == "skill.md"]
    if len(manifests) != 1:
        found = f"it has {', '.join(manifests)}" if manifests else "it has none"
        yield Problem("invalid-value", where, f"a skill's folder needs exactly one SKILL.md, and {found}")
    else:
        yield from _check_head(manifests[0], files[manifests[0]])
    if len(files) > MOST_FILES:
        yield Problem("too-many", where, f"the folder has {len(files)} files, but the API takes {MOST_FILES}")
    for path, content in files.items():
        if isinstance(content, FileRef) and content.size > LARGEST_FILE:
            yield Problem("file-too-large", where, f"'{path}' has {content.size:,} bytes, over the API's 25 MB")


def _check_head(path: str, text: Any) -> Iterable[Problem]:
    """What the API reads of a SKILL.md. Values that YAML spreads over several lines are left to it."""
    head = _HEAD.match(text.replace("\r\n", "\n")) if isinstance(text, str) else None
    where: Path = ("files", path)
    if head is None:
        hint = "write: ---, name: …, description: …, ---"
        yield Problem("invalid-value", where, f"'{path}' does not begin with front matter between lines of '---'", hint)
        return
    for field in ("name", "description"):
        found = re.search(rf"^{field}:[ \t]*(.*)$", head[1], re.M)
        if found is None:
            yield Problem(
                "missing-field", where, f"the front matter of '{path}' has no '{field}'", f"write: {field}: …"
            )
        elif field == "name" and not (_NAME.fullmatch(found[1].strip(" \t\"'")) and len(found[1].strip()) <= 66):
            message = f"the name in '{path}' must be 1 to 64 lowercase letters, digits and single hyphens"
            yield Problem("bad-name", where, message)


KIND = Kind(
    name="skill",
    section="skills",
    title="skill",
    store=Versioned(path="/skills", tagged=Marks("files", read_marks, write_marks, room=None)),
    schema={
        "type": "object",
        "description": "A folder with a SKILL.md, kept in versions.",
        "properties": {
            "folder": {
                "description": "The folder, relative to this file, or a mapping that leaves some of its files out.",
                "anyOf": [
                    {"type": "string", "minLength": 1},
                    {
                        "type": "object",
                        "properties": {"path": {"type": "string", "minLength": 1}, "exclude": EXCLUDE},
                        "required": ["path"],
                        "additionalProperties": False,
                    },
                ],
            },
            "version": {
                "description": "Which version is the default: a number, to roll back, or 'latest', the default.",
                "anyOf": [{"type": "integer", "minimum": 1}, {"enum": ["latest"]}],
            },
            "keep_versions": {
                "type": "integer",
                "minimum": 1,
                "description": "How many versions stay; older ones of ours are deleted. Default: all.",
            },
        },
        "required": ["folder"],
        "additionalProperties": False,
    },
    fields=(
        Field("files", default={}, canonical=canonical_files),
        VersionField("version"),
        PolicyField("keep_versions"),
    ),
    inclusions=(Inclusion(("folder",), "folder"),),
    expand=expand,
    compose=compose,
    check=check,
)
