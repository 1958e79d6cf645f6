"""How the objects of a kind are kept in an account."""

from __future__ import annotations

from retinue.kinds.kind import Kind
from retinue.kinds.stores import Plain, Versioned


def form(kind: Kind) -> Plain:
    """Where the objects of a kind stand; only for kinds that have some."""
    assert isinstance(kind.store, Plain), f"a {kind.name} has no objects"
    return kind.store


def is_versioned(kind: Kind) -> bool:
    """Whether objects of the kind consist of files in immutable versions."""
    return isinstance(kind.store, Versioned)
