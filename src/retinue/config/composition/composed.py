"""The places of a declaration that was written in several places."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from retinue.config.composition.merging import Part
from retinue.config.interpolation import Expression, Lookup, Values, fill
from retinue.config.sections import Entry
from retinue.config.splices import Spliced, Written, of_values
from retinue.config.yaml.syntax_tree import Node, Tree
from retinue.model.values import Path

_NONE: Mapping[str, Path] = MappingProxyType({})


class ComposedTree(Tree):
    """Its top is where the declaration is written; everything below it is where it comes from.

    `own` are the entries that it is written in, itself and what an environment changes in it; of those, `alone` are
    about no other declaration. `matrix` says where the values of a matrix stand, by name, and is empty for a
    declaration that stands for itself; `siblings` is how many others the same matrix makes.
    """

    __slots__ = ("alone", "lookup", "matrix", "own", "siblings")

    def __init__(
        self,
        node: Node,
        key: Node | None,
        own: Iterable[Node],
        matrix: Mapping[str, Path] = _NONE,
        siblings: int = 0,
        alone: Iterable[Node] | None = None,
    ) -> None:
        super().__init__(node, key)
        self.own = tuple(own)
        self.alone = self.own if alone is None else tuple(alone)
        self.matrix = matrix
        self.siblings = siblings
        self.lookup: Lookup | None = None
        """The values of its expressions, once they are known."""

    def with_top(self, node: Node) -> ComposedTree:
        """The same places with another value at the top; what is put in from elsewhere is not its own."""
        tree = ComposedTree(node, self.key(), self.own, self.matrix, self.siblings, self.alone)
        tree.lookup = self.lookup
        return tree

    def filled(self, text: str) -> str:
        """A text with the values of its expressions, as it is where one has none."""
        filled = fill(text, self.lookup) if self.lookup is not None else None
        return str(filled.value) if filled is not None and filled.complete else text

    def is_own(self, node: Node) -> bool:
        """Whether a value is written in the declaration, and not in what that is made of."""
        return _inside(node, self.own)

    def is_alone(self, node: Node) -> bool:
        """Whether a value is written where it changes no other declaration."""
        return _inside(node, self.alone)


def _inside(node: Node, those: Iterable[Node]) -> bool:
    return any(each.source is node.source and each.start <= node.start and node.end <= each.end for each in those)


def expression_path(tree: Tree, expression: Expression) -> Path | None:
    """Where the value of an expression is written in the declaration; None for one that is not."""
    if expression.namespace == "with":
        path: Path | None = ("with", expression.name)
    elif expression.namespace == "matrix" and isinstance(tree, ComposedTree):
        path = tree.matrix.get(expression.name)
    else:
        return None
    return (*path, *expression.path) if path is not None else None


def of_declaration(tree: Tree, lookup: Values, written: Callable[[Expression], Spliced | None]) -> Written:
    """What expressions of a declaration stand for. Its own values, as those under `with`, keep the places they were
    written at."""

    def place(expression: Expression) -> Node | None:
        path = expression_path(tree, expression)
        return tree.node(path) if path is not None else None

    return of_values(lookup, written, place)


def own_nodes(tree: Tree) -> tuple[Node, ...]:
    """The entries that a declaration is written in."""
    if isinstance(tree, ComposedTree):
        return tree.own
    node = tree.node(())
    return (node,) if node is not None else ()


def laid_over(entry: Entry, part: Part, trees: Iterable[Tree], shared: Tree | None = None) -> Entry:
    """An entry with what was merged from several of them, of which one may be `shared` with other declarations; its
    place stays where it is."""
    top = entry.part.node
    node = Node("mapping", top.source, top.start, top.end)
    for pair in part.node.pairs:
        node.add(*pair)
    for word in ("extends", "matrix"):  # used up already, and asked for when a value is explained
        used = top.pair(word) if part.node.pair(word) is None else None
        if used is not None:
            node.add(*used)
    tree = entry.tree
    matrix, siblings = (tree.matrix, tree.siblings) if isinstance(tree, ComposedTree) else (_NONE, 0)
    own = [each for tree in trees for each in own_nodes(tree)]
    others = own_nodes(shared) if shared is not None else ()
    alone = [each for each in own if each not in others]
    if isinstance(tree, ComposedTree):
        alone = [*tree.alone, *(each for each in alone if each not in tree.own)]
    composed = ComposedTree(node, tree.key(), own, matrix, siblings, alone)
    return replace(entry, data=part.data, tree=composed, merged=True)
