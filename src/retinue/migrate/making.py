"""[Original] → Migration: every declaration with its name, its prompt and its notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from retinue.core.model import NAME
from retinue.core.ownership import TAG_KEY, TagError, read_tag
from retinue.migrate.draft import Draft
from retinue.migrate.mapping import draft
from retinue.migrate.model import Home, Known, Migrated, Migration, Note, Original
from retinue.migrate.names import name_from, unique
from retinue.migrate.sharing import share
from retinue.migrate.tables import SECTIONS, rule

PROMPTS = "prompts"
_BYTE_ORDER_MARK = "\ufeff"


def make(originals: Sequence[Original], home: Home, known: Known, *, model: str | None = None) -> Migration:
    """Declarations for all of them. `model` is for prompts that name none."""
    kind, section = SECTIONS[home]
    drafts = [draft(each, home, known, model=model) for each in originals]
    functions = share(drafts, known.functions)
    names = _names(originals, known, otherwise=kind)
    migrated = tuple(_migrated(made, kind, name) for made, name in zip(drafts, names, strict=True))
    return Migration(home, section, migrated, functions)


def _migrated(made: Draft, kind: str, name: str) -> Migrated:
    spec, notes, prompt = dict(made.spec), made.notes, None
    text = spec.get("instructions")
    if isinstance(text, str) and text.strip():
        if "\r" in text or text.startswith(_BYTE_ORDER_MARK):
            found = rule(made.home, "carriage")
            notes.append(Note("instructions", found.outcome, found.message))
        else:
            spec["instructions"] = {"file": f"{PROMPTS}/{name}.md"}
            prompt = text
    return Migrated(made.original, kind, name, spec, tuple(notes), prompt)


def _names(originals: Sequence[Original], known: Known, *, otherwise: str) -> list[str]:
    """A name for each: those that are declared by one keep it, and the others make room."""
    kept = {str(each.name) for each in originals if each.origin} - known.names
    taken = set(known.names) | kept
    names: list[str] = []
    for each in originals:
        name = str(each.name) if each.origin and each.name in kept else unique(_wanted(each, otherwise), taken)
        taken.add(name)
        names.append(name)
    return names


def _wanted(original: Original, otherwise: str) -> str:
    """The name it had, the one in its ownership tag, or the one that people see."""
    for name in (original.name, _tagged(original.raw)):
        if name and NAME.fullmatch(name):
            return name
    shown = original.raw.get("name") or original.name
    return name_from(shown if isinstance(shown, str) else "", otherwise=otherwise)


def _tagged(raw: Mapping[str, Any]) -> str | None:
    metadata = raw.get("metadata")
    tag = metadata.get(TAG_KEY) if isinstance(metadata, Mapping) else None
    try:
        return read_tag(tag).address.name if isinstance(tag, str) else None
    except TagError:
        return None


def prompt_text(prompt: str) -> str:
    """A prompt as the text of its file, whose last line end is not part of what is read."""
    return prompt + "\n"
