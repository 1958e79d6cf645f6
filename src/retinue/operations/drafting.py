"""Declarations that were written for objects there are: read as a project would be, and compared with the objects."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from retinue.core.compare import compare
from retinue.core.model import Address, Declaration, Declared, Diagnostic, Live, Path
from retinue.core.names import Named, live_spec
from retinue.core.resolve import resolve
from retinue.errors import DeclarationError
from retinue.operations.sessions import Session
from retinue.source import load
from retinue.source.project import PROJECT_FILE
from retinue.source.writing import write_yaml


@dataclass(frozen=True, slots=True)
class Kept:
    """A key of a declaration that was left out, so that what it holds stays as it is, and why."""

    key: str
    why: str


@dataclass(slots=True)
class Draft:
    """A declaration under way. `kept` are the keys that it does without, `skipped` why there can be none at all.

    `contents` are the files that the object is made of. `secrets` are the environment variables that hold what is
    never shown and has to be declared; `unseen` are the fields that are never shown and are not declared.
    """

    address: Address
    live: Live
    written: dict[str, Any] = field(default_factory=dict)
    kept: dict[str, Kept] = field(default_factory=dict)
    skipped: str | None = None
    contents: Mapping[str, bytes] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()


def judge(session: Session, files: Mapping[str, str | bytes], drafts: Mapping[Address, Draft], named: Named) -> bool:
    """Whether there is more to say in a draft: something had to be left out of it, since it is refused as a declaration
    or would be a change; or something of its object is never shown.

    Raises DeclarationError when what is wrong cannot be told apart.
    """
    loaded = _load(session, files)
    ours = [each for each in loaded.declarations if each.address in drafts]
    # What the project declares already counts only as something to refer to.
    known = [Declaration(*_slot(each.address), {}, each.places, broken=True) for each in session.reading.declared]
    resolved = resolve([*ours, *known], session.kinds, home=session.project.api)
    wrong = [each for each in (*loaded.diagnostics, *resolved.diagnostics) if each.severity == "error"]
    if wrong:
        places = {each.address: each for each in ours}
        for each in wrong:
            _leave_out(session, *_blamed(each, places, drafts), each.message)
        return True
    changed = False
    for declared in resolved.declared:
        draft, kind = drafts[declared.address], session.kinds[declared.address.kind]
        unseen = tuple(each.name for each in kind.fields if each.hidden and each.name not in declared.spec)
        if unseen != draft.unseen:
            draft.unseen, changed = unseen, True
        for key in _different(session, declared, draft.live, named):
            _leave_out(session, draft, key, "it cannot be written as it is")
            changed = True
    return changed


def _slot(address: Address) -> tuple[str, str]:
    return address.kind, address.name


def _load(session: Session, files: Mapping[str, str | bytes]) -> Any:
    """The texts as a project of their own."""
    with tempfile.TemporaryDirectory(prefix="retinue-") as scratch:
        root = FilePath(scratch)
        first = next(iter(files))
        project = write_yaml({"stack": "import", "include": ["declarations.yaml"]})
        (root / PROJECT_FILE).write_text(project, encoding="utf-8")
        for name, text in files.items():
            relative = FilePath(name).relative_to(FilePath(first).parent)
            path = root / ("declarations.yaml" if name == first else relative)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load(root, environ={}, kinds=session.kinds, stand_ins=("secret",))


def _blamed(
    wrong: Diagnostic, places: Mapping[Address, Declaration], drafts: Mapping[Address, Draft]
) -> tuple[Draft, str | None]:
    """The draft and the key in whose lines a mistake stands."""
    if wrong.position is not None:
        for address, each in sorted(places.items(), key=lambda pair: -pair[1].places.at((), key=True).line):
            if each.places.at((), key=True).line <= wrong.position.line:
                lines = {key: each.places.at((key,), key=True).line for key in drafts[address].written}
                before = [key for key, line in lines.items() if line <= wrong.position.line]
                return drafts[address], max(before, key=lambda key: lines[key]) if before else None
    raise DeclarationError.of([wrong])


def _leave_out(session: Session, draft: Draft, key: str | None, why: str) -> None:
    required = session.kinds[draft.address.kind].schema.get("required", ())
    if key is None or key in required or key not in draft.written:
        draft.skipped = why
    else:
        draft.kept[key] = Kept(key, why)


def _different(session: Session, declared: Declared, live: Live, named: Named) -> set[str]:
    """The keys that a plan would change, but for what is never shown: nobody knows whether that differs."""
    kind = session.kinds[live.kind]
    found = compare(declared, live, live_spec(live, kind, named), kind)
    shown = [change for change in found.changes if not (kind.has(change.field) and kind.field(change.field).hidden)]
    keys = {_key(declared, change.path) for change in shown}
    return keys | ({kind.attachments.field} if found.files and kind.attachments else set())


def _key(declared: Declared, path: Path) -> str:
    """The key of the declaration that a canonical path was written under."""
    for cut in range(len(path), 0, -1):
        origin = declared.origins.get(path[:cut])
        if origin:
            return str(origin[0])
    return str(path[0])
