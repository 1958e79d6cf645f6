"""How a diagnostic looks: the caret stands below the character it is about, whatever the line holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from retinue.model.declared import Diagnostic, Position
from retinue.report.diagnostics.diagnostic_text import render_diagnostics


def rendered(excerpt: str, column: int, *, width: int | None = None, line: int = 5) -> list[str]:
    diagnostic = Diagnostic("error", "code", "message", Position("a.yaml", line, column), excerpt=excerpt)
    return render_diagnostics([diagnostic], width=width).splitlines()


def test_the_form() -> None:
    diagnostic = Diagnostic(
        "error",
        "unknown-field",
        "unknown field 'instruction'",
        Position("assistants/support.yaml", 5, 3),
        "did you mean 'instructions'?",
        "  instruction: |",
        (("first written here", Position("a.yaml", 1, 2)),),
    )
    assert render_diagnostics([diagnostic, Diagnostic("warning", "w", "careful")]) == (
        "assistants/support.yaml:5:3: error[unknown-field]: unknown field 'instruction'\n"
        "    5 |   instruction: |\n"
        "      |   ^\n"
        "  first written here: a.yaml:1:2\n"
        "  hint: did you mean 'instructions'?\n"
        "\n"
        "warning[w]: careful\n"
        "\n"
        "1 error, 1 warning\n"
    )


def test_nothing_to_say() -> None:
    assert render_diagnostics([]) == ""


@pytest.mark.parametrize(
    ("excerpt", "column", "shown", "cells"),
    [
        ("key: x", 6, "key: x", 5),
        ("\tkey: x", 2, "    key: x", 4),
        ("数学: x", 5, "数学: x", 6),
        ("😀: x", 4, "😀: x", 4),
        ("e\u0301: x", 5, "e\u0301: x", 3),
        ("\x1b[31m: x", 8, "\\x1b[31m: x", 10),
        ("a\u202eb: x", 6, "a\\u202eb: x", 10),
        ("short", 40, "short", 5),
        ("", 1, "", 0),
    ],
)
def test_the_caret_is_below_its_character(excerpt: str, column: int, shown: str, cells: int) -> None:
    _, line, caret, *_ = rendered(excerpt, column)
    assert line == f"    5 | {shown}".rstrip()
    assert caret == f"      | {' ' * cells}^"


def test_long_line_numbers_keep_the_bar_in_line() -> None:
    _, line, caret, *_ = rendered("key: x", 6, line=123_456)
    assert line.index("|") == caret.index("|")


@given(st.text(st.characters(codec="utf-8"), max_size=300), st.integers(1, 310), st.integers(20, 120))
def test_no_line_is_wider_than_the_terminal_or_breaks_out(excerpt: str, column: int, width: int) -> None:
    _, line, caret, *_ = rendered(excerpt.replace("\n", ""), column, width=width)
    assert cell_len(line) <= width
    assert cell_len(caret) <= width + 1
    assert "\x1b" not in line
    assert line.startswith("    5 |")


def test_only_colour_adds_escapes_and_nothing_else() -> None:
    diagnostic = Diagnostic("error", "code", "a \x1b[2J message", Position("a.yaml", 1, 1), "hint", "excerpt")
    plain, colored = render_diagnostics([diagnostic]), render_diagnostics([diagnostic], color=True)
    assert "\x1b" not in plain
    assert "\x1b[" in colored
    assert "\x1b[2J" not in colored
