"""The story of `retinue migrate`: where assistants are read, what is written of them, and the report.

sources ─ read ─→ [Original] ─ migrate.make ─→ Migration ─ texts ─→ files, checked by the loader before any is written
"""

from __future__ import annotations

import glob
import shutil
import tempfile
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from retinue import engine
from retinue.commands.migrate.mapping import make, prompt_text
from retinue.commands.migrate.original import Known, Migrated, Migration
from retinue.commands.migrate.rules import SECTIONS, Home
from retinue.commands.migrate.sources import Found, read_declared, read_files, read_live
from retinue.config.project import PROJECT_FILE, find
from retinue.config.yaml.writer import Commented, write_yaml
from retinue.errors import BlockedError, DeclarationError, RetinueError, UsageError, cannot_write
from retinue.model.paths import dig

OUT = "migrated"

__all__ = ["Found", "Prepared", "guard", "prepare", "read_declared", "read_files", "read_live", "to_document", "write"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A migration that could be written. `files` maps paths below `out` to texts; `warnings` are of what was read."""

    migration: Migration
    root: Path
    out: Path
    files: Mapping[str, str]
    warnings: tuple[str, ...] = ()


# ── deciding ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def prepare(
    where: engine.Where,
    found: Found,
    home: Home,
    *,
    out: Path | None = None,
    stores: Mapping[str, str] | None = None,
    model: str | None = None,
) -> Prepared:
    """Everything that would be written, checked as 'retinue validate' does. Nothing is written yet.

    Raises RetinueError when there is nothing to migrate, UsageError when a model is missing, and DeclarationError when
    what was read does not fit the home.
    """
    if not found.originals:
        raise RetinueError("there is no assistant to migrate", hint="give a JSON dump, --live, or declare some")
    without = next((each for each in found.originals if not each.raw.get("model")), None)
    if without is not None and model is None:
        raise UsageError(f"'{without.source}' names no model", hint="say which one to use: --model NAME")
    project_file = find(where.start)
    root = (project_file.parent if project_file else where.start).resolve()
    target = (out if out is not None else root / OUT).resolve()
    inside = target.is_relative_to(root)
    if not inside and any(each.origin for each in found.originals):
        raise UsageError(f"'{target}' is not in the project", hint="choose a directory of the project: --out DIR")
    below = target.relative_to(root).as_posix() if inside else OUT
    known = Known(stores=stores or {}, below=below)
    if project_file and inside:
        known = _known(where, found, home, known)
    _check_stores(found, stores or {}, known if project_file and inside else None)
    migration = make(found.originals, home, known, model=model)
    files = _texts(migration)
    _check(files, known, root, below, tuple(file for each in found.originals for file in each.files))
    return Prepared(migration, root, target, files, found.warnings)


def _known(where: engine.Where, found: Found, home: Home, given: Known) -> Known:
    """What the project declares, whether or not all of it is right."""
    loaded = engine.load_from(where)
    kind, _ = SECTIONS[home]
    replaced = {each.source for each in found.originals if each.origin}
    at = {each.address: each for each in loaded.declarations}
    return Known(
        names=frozenset(one.name for one in at if one.kind == kind and str(one) not in replaced),
        functions={one.name: each.spec for one, each in at.items() if one.kind == "function" and not each.broken},
        stores={**found.stores, **given.stores},
        declared_stores=frozenset(one.name for one in at if one.kind == "vector_store"),
        below=given.below,
    )


def _check_stores(found: Found, given: Mapping[str, str], known: Known | None) -> None:
    """Raises UsageError for a vector store that nobody searches, or whose name the project does not declare."""
    for store_id, name in given.items():
        searched = [dig(each.raw, ("tool_resources", "file_search", "vector_store_ids")) for each in found.originals]
        if not any(isinstance(ids, list) and store_id in ids for ids in searched):
            raise UsageError(f"no assistant searches the vector store '{store_id}'", hint="correct --store ID=NAME")
        if known is not None and name not in known.declared_stores:
            listed = ", ".join(sorted(known.declared_stores)) or "none"
            raise UsageError(f"there is no vector store '{name}'", hint=f"declare it first; declared: {listed}")


def _texts(migration: Migration) -> dict[str, str]:
    """The files by their paths below the directory that is written to."""
    sections: dict[str, Any] = {
        migration.section: {each.name: Commented(each.spec, _remark(each)) for each in migration.migrated}
    }
    if migration.functions:
        sections["functions"] = Commented(migration.functions, "Used by several of the above.")
    heading = f"Written by 'retinue migrate --to {migration.home}'."
    files = {f"{migration.section}.yaml": write_yaml(sections, comment=heading)}
    for each in migration.migrated:
        if each.prompt is not None:
            files[str(each.spec["instructions"]["file"])] = prompt_text(each.prompt)
    return files


def _remark(each: Migrated) -> str:
    lost = list(dict.fromkeys(note.field for note in each.of("lost")))
    remark = textwrap.wrap(f"Not carried over: {', '.join(lost)}.", 100, break_on_hyphens=False) if lost else []
    return "\n".join([f"From {each.original.source}.", *remark])


def _check(files: Mapping[str, str], known: Known, root: Path, below: str, used: Sequence[str]) -> None:
    """Load what would be written as a project of its own, with what it names beside it. Raises DeclarationError."""
    stubs: dict[str, Any] = {
        "vector_stores": {name: {} for name in known.stores.values()},
        "functions": known.functions,
    }
    section = next(iter(files))
    with tempfile.TemporaryDirectory(prefix="retinue-") as scratch:
        place = Path(scratch)
        included = [glob.escape(str(PurePosixPath(below, section))), "known.yaml"]
        _put(place / PROJECT_FILE, write_yaml({"stack": "check", "include": included}))
        _put(
            place / "known.yaml", write_yaml({name: each for name, each in stubs.items() if each} or {"functions": {}})
        )
        for name, text in files.items():
            _put(place / below / name, text)
        for name in used:
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / name, place / name)
        _, diagnostics = engine.check(engine.Where(place, environ={}))
    wrong = [each for each in diagnostics if each.severity == "error"]
    if wrong:
        raise DeclarationError.of(wrong)


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("x", encoding="utf-8", newline="") as stream:
        stream.write(text)


# ── writing ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def guard(prepared: Prepared, *, strict: bool) -> None:
    """Raises BlockedError when something would be lost that `strict` forbids, or a file is in the way."""
    losses = prepared.migration.losses
    if strict and losses:
        raise BlockedError(
            f"{losses} {'field is' if losses == 1 else 'fields are'} not carried over; nothing was written",
            hint="read the report, then run again without --strict",
        )
    taken = [name for name, text in prepared.files.items() if _stands(prepared.out / name, other_than=text)]
    if taken:
        raise BlockedError(
            f"'{prepared.out / taken[0]}' exists already, and nothing is overwritten",
            hint="move it away, or choose another directory: --out DIR",
        )


def _stands(path: Path, *, other_than: str) -> bool:
    """Whether something else than the text is at a path already; the same text need not be written again."""
    return path.exists() and not (path.is_file() and path.read_bytes() == other_than.encode())


def write(prepared: Prepared) -> tuple[Path, ...]:
    """Write the files that are not there yet. One that came into being meanwhile is left alone and ends the writing."""
    written: list[Path] = []
    for name, text in prepared.files.items():
        path = prepared.out / name
        if path.exists() and not _stands(path, other_than=text):
            continue
        try:
            _put(path, text)
        except OSError as error:
            raise cannot_write(path, error, hint="choose another directory: --out DIR") from error
        written.append(path)
    return tuple(written)


def to_document(prepared: Prepared, *, written: bool) -> dict[str, Any]:
    """The report as JSON data. `format_version` changes when a reader would have to."""
    migration = prepared.migration
    return {
        "format_version": "1.0",
        "to": migration.home,
        "written": written,
        "files": [_shown(prepared, name) for name in prepared.files],
        "losses": migration.losses,
        "functions": list(migration.functions),
        "warnings": list(prepared.warnings),
        "assistants": [_entry(each) for each in migration.migrated],
    }


def _shown(prepared: Prepared, name: str) -> str:
    path = prepared.out / name
    return (path.relative_to(prepared.root) if path.is_relative_to(prepared.root) else path).as_posix()


def _entry(each: Migrated) -> dict[str, Any]:
    replaces = each.original.origin if each.original.source == f"{each.kind}.{each.name}" else None
    return {
        "address": f"{each.kind}.{each.name}",
        "from": each.original.source,
        "replaces": replaces,
        "carried": [{"field": note.field, "message": note.message} for note in each.of("carried")],
        "changed": [{"field": note.field, "message": note.message} for note in each.of("changed")],
        "lost": [
            {"field": note.field, "value": note.value, "message": note.message, "instead": note.instead}
            for note in each.of("lost")
        ],
    }
