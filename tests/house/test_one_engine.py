"""An apply is told in one place: the engine and its `applying` alone approve, lock and carry plans out."""

from __future__ import annotations

import ast

import pytest

from tests.house.source import modules, place, tree

OF_THE_ENGINE = ("execute", "check_plan", "is_approved", "refusals", "acquire", "process_lock")


@pytest.mark.parametrize("name", OF_THE_ENGINE)
def test_only_the_engine_carries_plans_out(name: str) -> None:
    callers = set()
    for path in modules():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call):
                called = node.func
                if getattr(called, "attr", None) == name or getattr(called, "id", None) == name:
                    callers.add(place(path))
    # Locks of threads have methods of these names, too.
    outside = {each for each in callers if not each.startswith(("providers/", "state/", "emulator/"))}
    assert outside <= {"engine.py", "applying.py"}
