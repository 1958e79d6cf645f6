"""How the objects of a kind are kept in an account, as its store says: no kind is known by its name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from retinue.kinds import all_kinds
from retinue.kinds.kind import Kind
from retinue.kinds.stores import Plain, Versioned, WithFiles


def form(kind: Kind) -> Plain:
    """Where the objects of a kind stand; only for kinds that have some."""
    assert isinstance(kind.store, Plain), f"a {kind.name} has no objects"
    return kind.store


def is_versioned(kind: Kind) -> bool:
    """Whether objects of the kind consist of files in immutable versions."""
    return isinstance(kind.store, Versioned)


def forms() -> list[Plain]:
    """The stores of every kind that has objects."""
    return [form(kind) for kind in all_kinds().values() if kind.stored]


def forms_with_files() -> list[WithFiles]:
    """Those whose objects have files attached."""
    return [each for each in forms() if isinstance(each, WithFiles)]


def collection_name(store: Plain) -> str:
    """What a collection is called in the state of an account."""
    return store.path.strip("/")


def beta(path: str) -> dict[str, str]:
    """The header that the endpoints of `path` ask for: that of the kinds whose collections begin alike."""
    first = path.split("/")[1]
    asked = [each.beta for each in forms() if each.beta and each.path.split("/")[1] == first]
    return {"OpenAI-Beta": asked[0]} if asked else {}


def held_files(kind: Kind, raw: Mapping[str, Any]) -> Iterator[str]:
    """The ids of the files that an object carries by their ids."""
    spec = kind.read(raw) if kind.uploads else {}
    for each in kind.uploads:
        held = spec[each.name]
        yield from (file for file in (held.values() if isinstance(held, Mapping) else held) if isinstance(file, str))
