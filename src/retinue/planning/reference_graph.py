"""What declarations refer to: pure, from what is written alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any

from retinue.kinds.kind import Kind, Kinds
from retinue.model.declared import Declaration
from retinue.model.paths import matches
from retinue.model.values import Address


@dataclass(frozen=True, slots=True, order=True)
class Node:
    """A declaration, or a live id that one names (`declared` is then False). `files` is how many it holds."""

    name: str
    declared: bool = True
    files: int = 0


@dataclass(frozen=True, slots=True)
class ReferenceGraph:
    """Who refers to what. Both are sorted, and nothing is in them twice."""

    nodes: tuple[Node, ...]
    links: tuple[tuple[str, str], ...]

    def around(self, chosen: Set[str]) -> ReferenceGraph:
        """The part with what is chosen, with all that it refers to and all that refers to it, at any distance."""
        below = _reached(chosen, self.links)
        above = _reached(chosen, [(target, source) for source, target in self.links])
        kept = below | above
        links = tuple(
            (source, target) for source, target in self.links if {source, target} <= below or {source, target} <= above
        )
        return ReferenceGraph(tuple(each for each in self.nodes if each.name in kept), links)


def reference_graph(declarations: Iterable[Declaration], kinds: Kinds) -> ReferenceGraph:
    """The graph of all declarations."""
    nodes: dict[str, Node] = {}
    links: set[tuple[str, str]] = set()
    for each in declarations:
        kind = kinds[each.address.kind]
        name = str(each.address)
        nodes[name] = Node(name, files=sum(_files(each.spec, kind)))
        for target, declared in _targets(each.spec, kind):
            links.add((name, target))
            if not declared:
                nodes[target] = Node(target, declared=False)
    return ReferenceGraph(tuple(sorted(nodes.values())), tuple(sorted(links)))


def _targets(spec: Mapping[str, Any], kind: Kind) -> Iterator[tuple[str, bool]]:
    for reference in kind.references:
        for _, value in matches(spec, reference.pattern):
            if isinstance(value, str):
                yield str(Address(reference.kind, value)), True
            elif reference.allow_id and isinstance(value, Mapping) and isinstance(value.get("id"), str):
                yield value["id"], False


def _files(spec: Mapping[str, Any], kind: Kind) -> Iterator[int]:
    for inclusion in kind.inclusions:
        if inclusion.form in ("file", "files", "folder"):
            for _, value in matches(spec, inclusion.pattern):
                yield len(value) if inclusion.form != "file" and isinstance(value, list | Mapping) else 1


def _reached(start: Set[str], links: Iterable[tuple[str, str]]) -> set[str]:
    targets: dict[str, list[str]] = {}
    for source, target in links:
        targets.setdefault(source, []).append(target)
    found, waiting = set(start), list(start)
    while waiting:
        new = [each for each in targets.get(waiting.pop(), ()) if each not in found]
        found.update(new)
        waiting += new
    return found
