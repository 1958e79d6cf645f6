"""Names say what is inside, and say it once."""

from __future__ import annotations

import ast
import builtins
from collections import defaultdict

from tests.house.source import modules, place, tree

EMPTY_WORDS = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc"}
NO_ERRORS = {
    "Interrupted": "named for what happened: a person asked to stop, which is no fault",
}
"""The exceptions whose name does not end in Error, and why."""


def test_no_two_modules_have_one_name() -> None:
    """Whoever looks for a module by its name finds one."""
    named: dict[str, list[str]] = defaultdict(list)
    for path in modules():
        if path.stem not in ("__init__", "__main__"):
            named[path.stem].append(place(path))
    twice = {name: places for name, places in named.items() if len(places) > 1}
    assert not twice, f"one name, several modules: {twice}"


def test_no_name_says_nothing() -> None:
    named = {place(path) for path in modules() if {path.stem.strip("_"), *path.parent.parts[-2:]} & EMPTY_WORDS}
    assert not named, f"these names say nothing of what is inside: {sorted(named)}"


def test_exceptions_end_in_error() -> None:
    classes = [(path, node) for path in modules() for node in ast.walk(tree(path)) if isinstance(node, ast.ClassDef)]
    bases = {node.name: {ast.unparse(base).rpartition(".")[2] for base in node.bases} for _, node in classes}

    def is_exception(name: str, seen: frozenset[str] = frozenset()) -> bool:
        known = getattr(builtins, name, None)
        if name.endswith(("Error", "Exception")) or (isinstance(known, type) and issubclass(known, BaseException)):
            return True
        return any(is_exception(base, seen | {name}) for base in bases.get(name, set()) - seen - {name})

    raised = {f"{place(path)}: {node.name}": node.name for path, node in classes if is_exception(node.name)}
    wrong = [where for where, name in raised.items() if not name.endswith("Error") and name not in NO_ERRORS]
    assert not wrong, f"their names do not end in Error: {wrong}"
    assert NO_ERRORS.keys() <= set(raised.values()), "an exception to the rule is no more"
