"""`${{ … }}` in strings: types, escapes, precedence, and where values come from."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinue.config.interpolation import (
    MOST_FAULTS,
    MOST_FILLED,
    Expression,
    Fault,
    UnfilledError,
    escaped,
    fill,
    has_expressions,
    slips,
)

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
        ("$$${{ var.n }}", "$0.5"),
        ("$$$${{ var.n }}", "$${{ var.n }}"),
        ("$$$$${{ var.n }}", "$$0.5"),
        ("costs $$${{ var.i }}, not $$ or $$$", "costs $3, not $$ or $$$"),
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


@given(st.text(alphabet="${} av.", max_size=30) | st.text())
def test_an_escaped_string_has_no_expressions(text: str) -> None:
    assert not has_expressions(escaped(text))


# ── what is easily written for an expression ──────────────────────────────────────────────────────────────────────────

SLIPS = {
    "The fee is $${{ var.fee }}.": "for a dollar before the value, write $$${{ var.fee }}",
    "$${{var.fee}}": "for a dollar before the value, write $$${{ var.fee }}",
    "$$$${{ var.fee }}": "for a dollar before the value, write $$${{ var.fee }}",
    "$${{ env.FEE }}": "for a dollar before the value, write $$${{ env.FEE }}",
    "{{ var.fee }}": "write ${{ var.fee }} for the value",
    "a {{var.fee}} month": "write ${{ var.fee }} for the value",
    "$ {{ var.fee }}": "write ${{ var.fee }} for the value",
    "${ var.fee }": "write ${{ var.fee }} for the value",
    "${var.fee}": "write ${{ var.fee }} for the value",
    "{{ secret.FEE }}": "write ${{ secret.FEE }} for the value",
}
MEANT = ["${{ var.fee }}", "$$${{ var.fee }}", "{{ var.other }}", "$${{ github.ref }}", "{{ fee }}", "${FEE}", "$${{"]


def declared(expression: Expression) -> bool:
    return expression.name.lower() == "fee"


@pytest.mark.parametrize("text", SLIPS)
def test_a_likely_slip_is_told_with_what_was_meant(text: str) -> None:
    (slip,) = slips(text, declared)
    assert slip.hint == SLIPS[text]
    assert text[slip.offset :].startswith(slip.written)


@pytest.mark.parametrize("text", MEANT)
def test_what_can_be_meant_is_no_slip(text: str) -> None:
    assert list(slips(text, declared)) == []


@pytest.mark.parametrize(
    "instructions", ["'{{ var.fee }}'", "{file: p.md, render: true}", "{file: q.md}", "[a, '${var.fee}']"]
)
def test_slips_are_warnings_wherever_a_text_may_stand(loaded: Load, instructions: str) -> None:
    found = loaded(
        {
            "retinue.yaml": "stack: demo\nvariables: {fee: 9}\n",
            "assistants/a.yaml": f"assistants:\n  a: {{model: x, instructions: {instructions}}}\n",
            "assistants/p.md": "It is\n$${{ var.fee }}.\n",
            "assistants/q.md": "It is ${{ var.fee }}, and ${{ env.HOME }}.\n",
        },
        environ={"HOME": "/home/ann"},
    )
    assert [(each.severity, each.code) for each in found.diagnostics] == [("warning", "likely-slip")]
    assert found.diagnostics[0].position is not None
    assert found.diagnostics[0].position.line == 2


# ── what the environment gives ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("wanted", "text", "value"),
    [
        ("number", "0.2", 0.2),
        ("number", "3", 3),
        ("number", "-1e3", -1000.0),
        ("number", "warm", None),
        ("number", "true", None),
        ("number", ".inf", None),
        ("boolean", "true", True),
        ("boolean", "false", False),
        ("boolean", "yes", None),
        ("boolean", "1", None),
        ("string", "0.2", "0.2"),
        ("string", "true", "true"),
    ],
)
def test_a_text_from_outside_is_read_alike_wherever_it_comes_from(
    loaded: Load, wanted: str, text: str, value: Any
) -> None:
    def values(default: str, **options: Any) -> list[Any]:
        again = f"{{default: '${{{{ var.x }}}}', type: {wanted}}}"
        variables = f"variables: {{x: {{default: {default}, type: {wanted}}}, y: {again}}}\n"
        declared = "assistants: {a: {model: x, metadata: {x: '<${{ var.x }}>'}, instructions: '<${{ var.y }}>'}}\n"
        found = loaded({"retinue.yaml": f"stack: demo\n{variables}", "assistants/a.yaml": declared}, **options)
        assert all(each.code == "wrong-type" for each in found.diagnostics)
        assert not any(text in each.message for each in found.diagnostics if each.position), "it may be a secret"
        failed = bool(found.diagnostics)
        return [None if failed else found.variables(Expression("var", name, 0)) for name in ("x", "y")]

    default = {"number": "7", "boolean": "true", "string": "no"}[wanted]
    for got in (values("'${{ env.X }}'", environ={"X": text}), values(default, variables={"x": text})):
        assert got == [value, value]
        assert all(type(each) is type(value) for each in got)


@pytest.mark.parametrize(("field", "word"), [("temperature", "number"), ("lifecycle: {protect", "boolean")])
def test_a_number_in_place_is_told_how_to_be_one(loaded: Load, field: str, word: str) -> None:
    end = "}" * (2 + field.count("{"))
    text = f"assistants: {{a: {{model: x, {field}: '${{{{ env.X }}}}'{end}\n"
    (found,) = loaded({"assistants/a.yaml": text}, environ={"X": "0.2"}).diagnostics
    assert (found.code, found.hint) == (
        "wrong-type",
        f"give it to a variable with 'type: {word}' as its default, and use that here",
    )


def test_pipelines_can_be_written_without_the_number(loaded: Load) -> None:
    variables = "variables: {x: {default: '${{ env.X }}', type: number}, y: {default: '${{ env.Y }}', type: boolean}}\n"
    found = loaded({"retinue.yaml": f"stack: demo\n{variables}"}, stand_ins=("env", "secret"))
    assert [each for each in found.diagnostics if each.severity == "error"] == []


# ── how much work a text can ask for ──────────────────────────────────────────────────────────────────────────────────


ONCE = ["${{ ", "${{}}", "${{ x }}", "${{ nope.x }}", "${{ var.nope }}", "$${{ var.fee }}", "${ var.fee }"]


@pytest.mark.parametrize("piece", ONCE)
def test_a_mistake_made_a_thousand_times_is_told_a_few_times(loaded: Load, piece: str) -> None:
    for form in ("instructions: '{}'", "instructions: {{file: p.md, render: true}}"):
        found = loaded(
            {
                "retinue.yaml": "stack: demo\nvariables: {fee: 9}\n",
                "assistants/a.yaml": f"assistants:\n  a: {{model: x, {form.format(piece * 1000)}}}\n",
                "assistants/p.md": piece * 1000,
            }
        )
        assert 0 < len(found.diagnostics) <= MOST_FAULTS


def test_looking_up_stops_with_the_last_mistake_that_is_told() -> None:
    asked = 0

    def unknown(_: Expression) -> Any:
        nonlocal asked
        asked += 1
        raise UnfilledError(Fault(0, "unknown-variable", "x"))

    assert len(fill("${{ var.x }}" * 1000, unknown).faults) == asked == MOST_FAULTS


def test_variables_of_variables_do_not_grow_without_limit(loaded: Load) -> None:
    doubled = "".join(f"  v{each}: '${{{{ var.v{each + 1} }}}}${{{{ var.v{each + 1} }}}}'\n" for each in range(60))
    found = loaded({"retinue.yaml": f"stack: demo\nvariables:\n{doubled}  v60: xx\n"})
    assert {each.code for each in found.diagnostics if each.severity == "error"} == {"too-large"}


def test_neither_does_what_many_places_fill_in(loaded: Load) -> None:
    big = "x" * (MOST_FILLED - 10)
    entries = "".join(f"  a{each}: {{model: 'm${{{{ var.big }}}}'}}\n" for each in range(100))
    found = loaded(
        {"retinue.yaml": f"stack: demo\nvariables: {{big: {big}}}\n", "assistants/a.yaml": f"assistants:\n{entries}"}
    )
    assert {each.code for each in found.diagnostics} == {"too-large"}
    assert sum(len(each.spec.get("model", "")) for each in found.declarations) < 70 * MOST_FILLED


# ── values of one declaration ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_declaration_knows_its_name_and_its_environment(loaded: Load) -> None:
    found = loaded(
        {
            "retinue.yaml": "stack: demo\nenvironments: {staging: {}}\n",
            "assistants/a.yaml": """
                assistants:
                  a: &same
                    model: gpt-4o
                    name: ${{ self.name }} in ${{ environment.name }}
                    instructions: {file: who.md, render: true}
                  b: *same
            """,
            "assistants/who.md": "I am ${{ self.address }}, and ask {{ user }}.",
        },
        environment="staging",
    )
    assert not found.diagnostics
    assert [each.spec["name"] for each in found.declarations] == ["a in staging", "b in staging"]
    assert [each.spec["instructions"].split(",")[0] for each in found.declarations] == [
        "I am assistant.a",
        "I am assistant.b",
    ]


def test_what_a_declaration_has_beside_its_fields_is_no_field(loaded: Load) -> None:
    found = loaded(
        {
            "retinue.yaml": "stack: demo\n",
            "assistants/a.yaml": """
                assistants:
                  a: {model: gpt-4o, labels: {team: support, tier: 1}, enabled: true}
            """,
        }
    )
    assert not found.diagnostics
    assert found.declarations[0].spec == {"model": "gpt-4o"}
    assert found.declarations[0].labels == {"team": "support", "tier": "1"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${{ var.team.lead }}", "Kim"),
        ("ask ${{ var.team.leads.2 }}", "ask Jo"),
        ("${{ var.team.leads }}", {"2": "Jo"}),
    ],
)
def test_dots_go_on_into_maps(text: str, value: Any) -> None:
    team = {"lead": "Kim", "leads": {"2": "Jo"}}
    assert fill(text, lambda expression: {"team": team}[expression.name]).value == value


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("${{ var.team.led }}", "there is no 'led' in 'var.team'", "did you mean 'lead'?"),
        ("${{ var.team.lead.x }}", "'var.team.lead' is no map, so it has no 'x'", "write ${{ var.team.lead }}"),
        ("${{ env.A.b }}", "'env.A.b' is no expression", "write ${{ env.A }}"),
    ],
)
def test_dots_that_lead_nowhere(text: str, message: str, hint: str) -> None:
    (fault,) = fill(text, lambda _: {"lead": "Kim"}).faults
    assert fault.message == message
    assert fault.hint is not None
    assert fault.hint.startswith(hint)
