"""Files of a project in their canonical form, which never says anything else than before."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from retinue.commands.name_scan import OVERLAYS, NameScan
from retinue.config.project import PROJECT_FILE
from retinue.config.schema.declaration_schema import HANDOVERS, declaration
from retinue.config.schema.project_schema import with_overlays
from retinue.config.yaml.canonical_form import Order, canonical, is_sound, schema_order
from retinue.errors import RetinueError, reason_of
from retinue.kinds import all_kinds
from retinue.session import Where, load_from
from retinue.state.atomic_file import replace_files

SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Formatted:
    """A file as it is and as it would be. `kept` says why it stays as it is, where it could have another form; `faulty`
    that it holds mistakes."""

    path: Path
    before: str
    after: str
    kept: str | None = None
    faulty: bool = False

    @property
    def changed(self) -> bool:
        return self.kept is None and self.before != self.after

    def diff(self) -> str:
        """What would change, as a unified diff."""
        name = self.path.as_posix()
        lines = difflib.unified_diff(
            self.before.splitlines(keepends=True), self.after.splitlines(keepends=True), f"a/{name}", f"b/{name}"
        )
        return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def format_text(text: str, *, project_file: bool = False) -> str:
    """A text in its form. Raises RetinueError for one with mistakes."""
    if not is_sound(text):
        raise RetinueError(
            "what was read is not YAML, or holds mistakes", hint="'retinue validate' shows those of files"
        )
    return canonical(text, order_of(project_file=project_file))


def format_project(start: Path, paths: Sequence[Path]) -> list[Formatted]:
    """The files in their form: those named, what is below the folders named, or all that the project reads. Nothing is
    written. Raises RetinueError for what is not there."""
    made = [_formatted(each) for each in _files(start, paths)]
    changed = {each.path.resolve(): each.after for each in made if each.changed}
    guilty = _content(start, changed) if changed else frozenset()
    kept = "what it holds is content of a declaration"
    return [each if each.path.resolve() not in guilty else _kept(each, kept) for each in made]


def write(made: Sequence[Formatted]) -> None:
    """Write what has changed, all of it or nothing. Raises RetinueError."""
    try:
        replace_files({each.path: each.after.encode() for each in made if each.changed})
    except OSError as error:
        raise RetinueError(f"the files cannot be written: {reason_of(error)}") from error


def _kept(each: Formatted, why: str) -> Formatted:
    return Formatted(each.path, each.before, each.before, why)


def _formatted(path: Path) -> Formatted:
    try:
        before = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return Formatted(path, "", "", "it is not UTF-8", faulty=True)
    except OSError as error:
        raise RetinueError(f"'{path}' cannot be read: {reason_of(error)}") from error
    if not is_sound(before):
        return Formatted(path, before, before, "it holds mistakes, which 'retinue validate' shows", faulty=True)
    return Formatted(path, before, canonical(before, order_of(project_file=path.name == PROJECT_FILE)))


@cache
def order_of(*, project_file: bool) -> Order:
    """The order of keys in the project file, or in a file of declarations."""
    one = {each.section: declaration(each) for each in all_kinds().values()}
    many = {section: {"additionalProperties": schema} for section, schema in one.items()}
    layers: dict[str, Any] = {"defaults": {"properties": one}, "templates": {"properties": many}}
    declared = {**many, **HANDOVERS}
    return schema_order(with_overlays(declared, layers) if project_file else {"properties": {**layers, **declared}})


def _files(start: Path, paths: Sequence[Path]) -> list[Path]:
    scan = NameScan(start)
    every: list[Path] = []
    if scan.root is not None:
        overlays = sorted(each for end in SUFFIXES for each in (scan.root / OVERLAYS).glob(f"*{end}"))
        every = [scan.root / PROJECT_FILE, *(scan.root / each for each in scan.files()), *overlays]
    if not paths:
        if scan.root is None:
            raise RetinueError(f"there is no {PROJECT_FILE} here or above", hint="name files: retinue fmt team.yaml")
        return list(dict.fromkeys(map(_shown, every)))  # two links may lead to one file
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            found.update((_shown(each), None) for each in every if each.resolve().is_relative_to(path.resolve()))
        else:
            found[path] = None
    return list(found)


def _shown(path: Path) -> Path:
    """The path as a person at this place would write it."""
    here = Path.cwd()
    return path.resolve().relative_to(here) if path.resolve().is_relative_to(here) else path


def _content(start: Path, changed: Mapping[Path, str]) -> frozenset[Path]:
    """Those of the files that are themselves content of a declaration, which another form would change."""
    scan = NameScan(start)
    if scan.root is None:
        return frozenset()
    root = scan.root.resolve()
    inside = {path.relative_to(root).as_posix(): path for path in changed if path.is_relative_to(root)}
    before = _declared(start, {})
    if _declared(start, {name: changed[path].encode() for name, path in inside.items()}) == before:
        return frozenset()
    return frozenset(
        path for name, path in inside.items() if _declared(start, {name: changed[path].encode()}) != before
    )


def _declared(start: Path, instead: Mapping[str, bytes]) -> Any:
    """What the project declares, the order in which it does aside."""
    loaded = load_from(Where(start, offline=True), instead=instead)
    handed = sorted(str((each.verb, each.address, each.id, each.stack)) for each in loaded.handovers)
    return loaded.project and (loaded.project.stack, loaded.project.account), _specs(loaded.declarations), handed


def _specs(declarations: Sequence[Any]) -> dict[str, Any]:
    return {str(each.address): dict(each.spec) for each in declarations}


def told(made: Sequence[Formatted]) -> Iterator[str]:
    """Why files stay as they are."""
    for each in made:
        if each.kept:
            yield f"{each.path} stays as it is: {each.kept}"
