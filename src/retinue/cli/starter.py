"""The project that `retinue init` writes. Nothing that exists is overwritten; a .gitignore gets a missing line."""

from __future__ import annotations

import json
import os
import re
import unicodedata
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Literal

from retinue.errors import RetinueError, cannot_write

Outcome = Literal["wrote", "kept", "extended"]

PROJECT_FILE = "retinue.yaml"
IGNORED = ".retinue/"
EXAMPLE = (
    "assistants/concierge.yaml",
    "assistants/prompts/concierge.md",
    "assistants/handbook/meeting-rooms.md",
    "assistants/handbook/opening-hours.md",
)
SCHEMAS = ("retinue.schema.json", "declarations.schema.json")

_SAME_AS_IGNORED = frozenset({".retinue", ".retinue/", "/.retinue", "/.retinue/"})
_LONGEST_NAME = 63
_FALLBACK = "my-stack"


def write_starter(directory: Path) -> Iterator[tuple[Path, Outcome]]:
    """Write the project, and tell of every file what became of it.

    A directory that is a project already gets no example assistants: they would become part of its stack.
    Raises RetinueError when something cannot be written.
    """
    name = stack_name(directory)
    project = _template(PROJECT_FILE).replace("stack: STACK", f"stack: {_as_yaml(name)}").replace("STACK", name)
    path, outcome = _write(directory, PROJECT_FILE, project)
    yield path, outcome
    for each in EXAMPLE if outcome == "wrote" else ():
        yield _write(directory, each, _template(each))
    for each, text in _schemas():
        yield _write(directory, each, text)
    yield _ignore(directory)


def stack_name(directory: Path) -> str:
    """A valid name for the stack, as close to the directory's as can be."""
    plain = unicodedata.normalize("NFKD", directory.resolve().name)
    letters = "".join(each for each in plain if not unicodedata.combining(each)).lower()
    return re.sub(r"[^a-z0-9_]+", "-", letters).strip("-_")[:_LONGEST_NAME].rstrip("-_") or _FALLBACK


def _as_yaml(name: str) -> str:
    """The name as YAML that reads as a string even where it looks like a number or a word of YAML."""
    from retinue.config.yaml.constructor import scalar

    return name if scalar(name) == name else f'"{name}"'


def _template(name: str) -> str:
    return files("retinue.cli").joinpath("starter_files", name).read_text(encoding="utf-8")


def _schemas() -> Iterator[tuple[str, str]]:
    from retinue.config.schema.declaration_schema import documents
    from retinue.kinds import all_kinds

    made = documents(all_kinds())
    for name in SCHEMAS:
        yield f"schemas/{name}", json.dumps(made[name], indent=2, ensure_ascii=False) + "\n"


def _write(directory: Path, name: str, text: str) -> tuple[Path, Outcome]:
    path = directory / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
    except FileExistsError as error:
        if not path.is_file():
            raise _refused(path, error) from error
        return path, "kept"
    except OSError as error:
        raise _refused(path, error) from error
    return path, "wrote"


def _ignore(directory: Path) -> tuple[Path, Outcome]:
    """Keep the local account out of version control: the one thing that is added to a file that exists."""
    path, outcome = _write(directory, ".gitignore", _template("gitignore"))
    if outcome == "wrote":
        return path, outcome
    try:
        lines = path.read_bytes().decode("utf-8", "surrogateescape").splitlines(keepends=True)
        if any(line.strip() in _SAME_AS_IGNORED for line in lines):
            return path, "kept"
        end = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
        before = end if lines and not lines[-1].endswith(("\n", "\r")) else ""
        with path.open("ab") as stream:
            stream.write(f"{before}{IGNORED}{end}".encode())
    except OSError as error:
        raise _refused(path, error) from error
    return path, "extended"


def _refused(path: Path, error: OSError) -> RetinueError:
    """Why a file could not be written, naming whatever stands in the way."""
    hint = "rename it, or choose another directory"
    for each in reversed(path.parents):
        if os.path.isfile(each):  # noqa: PTH113 - pathlib raises where the name is too long
            return RetinueError(f"cannot write '{path}': '{each}' is a file, not a directory", hint=hint)
    if isinstance(error, FileExistsError):
        return RetinueError(f"cannot write '{path}': something else has its name", hint=hint)
    return cannot_write(path, error, hint="choose a directory you may write to")
