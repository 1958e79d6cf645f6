"""Every code that the product can print has its meaning, and no other; hints say what to do."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from retinue.config.problems import CODES, pattern_hint
from retinue.kinds._shapes import HANDLER
from retinue.model.values import DURATION

ROOT = Path(__file__).parents[2]
# The local account has codes of the API.
ELSEWHERE = ("local", "emulator", "report")

# Where the code stands among the arguments of everything that makes or reports a mistake.
PLACES = {"Problem": 0, "RefusedError": 0, "error": 0, "warning": 0, "Fault": 1, "YamlSyntaxError": 1, "Diagnostic": 1}


def codes_in(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        place = PLACES.get(name)
        if place is not None and len(node.args) > place:
            argument = node.args[place]
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                yield argument.value


def test_every_code_is_explained_and_every_explanation_has_its_code() -> None:
    source = ROOT / "src" / "retinue"
    files = [each for each in source.rglob("*.py") if each.relative_to(source).parts[0] not in ELSEWHERE]
    used = {code for each in files for code in codes_in(ast.parse(each.read_text(encoding="utf-8")))}
    assert used == set(CODES)
    assert list(CODES) == sorted(CODES)


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        (r"^https://[^/\s]", "start it with https://"),
        ("^/workspace/[^/]", "start it with /workspace/"),
        ("^/", "start it with /"),
        (r"^https?://\S+$", "start it with https:// or http://"),
        ("^[A-Za-z_][A-Za-z0-9_]*$", "use A-Z, a-z, 0-9 and _, starting with A-Z, a-z or _"),
        ("^a|b$", "it must match ^a|b$"),
        (f"^{DURATION.pattern}$", "write a whole number of seconds, minutes or hours, such as 45m"),
        (HANDLER["pattern"], "write package.module:function"),
    ],
)
def test_a_pattern_is_told_in_words(pattern: str, hint: str) -> None:
    assert pattern_hint(pattern).replace("a-z, A-Z", "A-Z, a-z") == hint
