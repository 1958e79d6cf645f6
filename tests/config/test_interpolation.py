"""`${{ … }}` in strings: types, escapes, precedence, and where values come from."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinue.config.interpolation import Expression, escaped, fill

from .conftest import Load


def values(expression: Expression) -> Any:
    return {"n": 0.5, "i": 3, "b": True, "s": "text", "tricky": "${{ var.n }}"}[expression.name]


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("plain", "plain"),
        ("${{ var.s }}", "text"),
        ("${{var.s}}", "text"),
        ("${{ var.n }}", 0.5),
        ("${{ var.b }}", True),
        (" ${{ var.n }}", " 0.5"),
        ("a ${{ var.i }} b ${{ var.b }}", "a 3 b true"),
        ("$${{ var.n }}", "${{ var.n }}"),
        ("$$${{ var.n }}", "$${{ var.n }}"),
        ("${{ var.s }}$${{", "text${{"),
        ("$ { {", "$ { {"),
        ("$${", "$${"),
        ("}}", "}}"),
        # What a value holds is not looked at again.
        ("${{ var.tricky }}", "${{ var.n }}"),
        ("a ${{ var.tricky }}", "a ${{ var.n }}"),
    ],
)
def test_filling(text: str, filled: Any) -> None:
    assert fill(text, values).value == filled
    assert type(fill(text, values).value) is type(filled)


@given(st.text(alphabet="${} av.", max_size=30) | st.text())
def test_an_escaped_string_comes_out_as_it_was(text: str) -> None:
    assert fill(escaped(text), values).value == text


@given(st.text(alphabet="${} var.n", max_size=30))
def test_no_string_makes_filling_fail_silently(text: str) -> None:
    def unknown(_: Expression) -> str:
        return "x"

    filled = fill(text, unknown)
    assert filled.complete != bool(filled.faults)
    assert all(0 <= fault.offset <= len(text) for fault in filled.faults)


ASSISTANT = "assistants:\n  tutor: {model: '${{ var.model }}', name: 'x${{ env.HOME_TOWN }}'}\n"
PROJECT = """\
stack: demo
variables:
  base: gpt
  model: {default: "${{ var.base }}-4o"}
environments:
  staging: {variables: {model: "${{ var.base }}-mini"}}
  production: {stack: live, account: openai, include: other/*.yaml}
"""


@pytest.mark.parametrize(
    ("options", "model"),
    [
        ({}, "gpt-4o"),
        ({"environment": "staging"}, "gpt-mini"),
        ({"environment": "staging", "variables": {"model": "mine"}}, "mine"),
        ({"variables": {"base": "o"}}, "o-4o"),
        ({"variables": {"model": "${{ var.base }}"}}, "${{ var.base }}"),
    ],
)
def test_the_command_line_comes_before_the_environment_and_that_before_the_default(
    loaded: Load, options: dict[str, Any], model: str
) -> None:
    found = loaded({"retinue.yaml": PROJECT, "assistants/a.yaml": ASSISTANT}, environ={"HOME_TOWN": "Ulm"}, **options)
    assert found.diagnostics == ()
    assert found.declarations[0].spec == {"model": model, "name": "xUlm"}


def test_an_environment_has_its_own_stack_account_and_files(loaded: Load) -> None:
    files: dict[str, str | bytes] = {
        "retinue.yaml": PROJECT,
        "assistants/a.yaml": ASSISTANT,
        "other/b.yaml": "assistants:\n  b: {model: x}\n",
    }
    production = loaded(files, environment="production", environ={"HOME_TOWN": "Ulm"})
    assert production.project is not None
    assert (production.project.stack, production.project.account) == ("live", "openai")
    assert [each.address.name for each in production.declarations] == ["b"]
    staging = loaded(files, environment="staging", environ={"HOME_TOWN": "Ulm"})
    assert staging.project is not None
    assert (staging.project.stack, staging.project.account) == ("demo-staging", "local")
    assert (staging.project.environment, staging.project.environments) == ("staging", ("staging", "production"))


def test_the_account_may_come_from_the_environment(loaded: Load) -> None:
    text = "stack: demo-${{ env.WHO }}\naccount: {organization: '${{ env.ORG }}'}\n"
    environ = {"WHO": "ann", "ORG": "org-1"}
    found = loaded({"retinue.yaml": text, "assistants/a.yaml": "functions: {}\n"}, environ=environ)
    assert found.project is not None
    assert (found.project.stack, found.project.account) == ("demo-ann", {"organization": "org-1"})


@pytest.mark.parametrize(
    ("scalar", "column"),
    [
        ("${{ var.nope }}", 16),
        ("'${{ var.nope }}'", 17),
        ('"a\\tb ${{ var.nope }}"', 22),
        ("a ${{ env.HERE }} $${{ x ${{ var.nope }}", 41),
    ],
)
def test_an_expression_is_placed_to_the_column(loaded: Load, scalar: str, column: int) -> None:
    found = loaded({"assistants/a.yaml": f"assistants:\n  a:\n    model: {scalar}\n"}, environ={"HERE": "1"})
    places = [(each.code, each.position and each.position.column) for each in found.diagnostics]
    assert places == [("unknown-variable", column)]


def test_expressions_in_keys_and_in_files_are_left_alone(loaded: Load) -> None:
    found = loaded(
        {
            "assistants/a.yaml": "assistants:\n  a:\n    model: x\n    instructions: {file: p.md}\n"
            "    metadata: {'${{ var.x }}': y}\n",
            "assistants/p.md": "${{ var.x }}\n",
        }
    )
    assert found.diagnostics == ()
    assert found.declarations[0].spec["instructions"] == "${{ var.x }}"
    assert found.declarations[0].spec["metadata"] == {"${{ var.x }}": "y"}
