"""References between declarations, for kinds that do not exist yet as well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from retinue.kinds.fields import Field, KeyedField
from retinue.kinds.kind import Kind, Reference
from retinue.kinds.stores import Plain
from retinue.model.declared import Declaration, Position
from retinue.model.steps import AccountInfo
from retinue.model.values import Address, Path, Ref
from retinue.planning.planner import make_plan
from retinue.planning.resolve import resolve

NODE = Kind(
    "node",
    "nodes",
    "node",
    {},
    store=Plain("/nodes"),
    fields=(KeyedField("metadata"), Field("next", refs="node"), Field("name")),
    references=(Reference(("next",), "node"),),
)
KINDS = {"node": NODE}


@dataclass(frozen=True)
class Line:
    number: int

    def at(self, path: Path, *, key: bool = False) -> Position:
        return Position("nodes.yaml", self.number)


def nodes(**links: str | None) -> list[Declaration]:
    return [
        Declaration(Address("node", name), {"next": target} if target else {}, Line(number))
        for number, (name, target) in enumerate(links.items(), start=1)
    ]


def codes(declarations: list[Declaration]) -> list[tuple[str, Any]]:
    return [(each.code, each.position and each.position.line) for each in resolve(declarations, KINDS).diagnostics]


def test_a_reference_becomes_an_address() -> None:
    declared = {each.address.name: each for each in resolve(nodes(a="b", b=None), KINDS).declared}
    assert declared["a"].spec == {"next": Ref(declared["b"].address)}


def test_a_cycle_is_reported_once_with_its_way() -> None:
    (found,) = resolve(nodes(a="b", b="c", c="a"), KINDS).diagnostics
    assert found.code == "reference-cycle"
    assert "node.a → node.b → node.c → node.a" in found.message


def test_an_object_that_refers_to_itself_is_a_cycle() -> None:
    assert codes(nodes(a="a")) == [("reference-cycle", 1)]


def test_an_unknown_reference_says_what_was_meant() -> None:
    (found,) = resolve(nodes(first="secnd", second=None), KINDS).diagnostics
    assert (found.code, found.hint) == ("unknown-reference", "did you mean 'second'?")


def test_a_name_declared_twice_shows_both_places() -> None:
    (found,) = resolve([*nodes(a=None), *nodes(x=None, a=None)[1:]], KINDS).diagnostics
    assert found.code == "duplicate-name"
    assert found.position == Position("nodes.yaml", 2)
    assert found.related == (("first declared here", Position("nodes.yaml", 1)),)


def test_long_chains_are_planned_in_order() -> None:
    """Creation follows the references, however deep; nothing recurses without end."""
    links = {f"n{number:03}": f"n{number + 1:03}" for number in range(400)}
    declared = resolve(nodes(**links, n400=None), KINDS).declared
    steps = make_plan(declared, [], KINDS, stack="s", account=AccountInfo("test")).steps
    assert [step.address.name for step in steps] == [f"n{number:03}" for number in range(400, -1, -1)]
    assert steps[1].needs == (steps[0].key,)
