"""A raw answer is known only where requests are: read once at the door, and never looked at above it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.house.source import modules, place, tree

# The local account imports nothing of the engine; its answers are what it sends.
ABOVE = [path for path in modules() if not place(path).startswith(("providers/", "emulator/"))]


def uses_of_raw_answers(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Attribute) and node.attr == "answer":
            yield f"{place(path)}:{node.lineno} takes the raw answer of a live object"
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(called, ast.Attribute) and called.attr == "read" and _is_kind(called.value):
            yield f"{place(path)}:{called.lineno} reads a raw answer"


def _is_kind(node: ast.expr) -> bool:
    """Whether an expression says that it is a kind: `kind`, `self.kind`, `kinds[…]`, `all_kinds()[…]`, `kind.at(…)`."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.lower().endswith("kind")
        case ast.Subscript(value=ast.Name(id=name) | ast.Attribute(attr=name) | ast.Call(func=ast.Name(id=name))):
            return name.lower().endswith("kinds")
        case ast.Call(func=ast.Attribute(value=inner, attr="at")):
            return _is_kind(inner)
    return False


def test_raw_answers_stay_where_requests_are() -> None:
    found = [each for path in ABOVE for each in uses_of_raw_answers(path)]
    assert not found, "\n".join(found)
