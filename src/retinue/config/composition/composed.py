"""The places of a declaration that was written in several places."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from retinue.config.composition.merging import Part
from retinue.config.interpolation import Expression
from retinue.config.sections import Entry
from retinue.config.yaml.syntax_tree import Node, Tree
from retinue.model.values import Path

_NONE: Mapping[str, Path] = MappingProxyType({})


class ComposedTree(Tree):
    """Its top is where the declaration is written; everything below it is where it comes from.

    `own` are the entries that are about this declaration alone, itself and what an environment changes in it; all else
    is shared with others. `matrix` says where the values of a matrix stand, by name, and is empty for a declaration
    that stands for itself; `siblings` is how many others the same matrix makes.
    """

    __slots__ = ("matrix", "own", "siblings")

    def __init__(
        self,
        node: Node,
        key: Node | None,
        own: Iterable[Node],
        matrix: Mapping[str, Path] = _NONE,
        siblings: int = 0,
    ) -> None:
        super().__init__(node, key)
        self.own = tuple(own)
        self.matrix = matrix
        self.siblings = siblings

    @property
    def shared(self) -> bool:
        """Whether other declarations are made of the same lines."""
        return self.siblings > 0

    def is_own(self, node: Node) -> bool:
        """Whether a value is written in one of the entries that are about this declaration alone."""
        return any(
            each.source is node.source and each.start <= node.start and node.end <= each.end for each in self.own
        )


def expression_path(tree: Tree, expression: Expression) -> Path | None:
    """Where the value of an expression is written in the declaration; None for one that is not."""
    if expression.namespace == "with":
        path: Path | None = ("with", expression.name)
    elif expression.namespace == "matrix" and isinstance(tree, ComposedTree):
        path = tree.matrix.get(expression.name)
    else:
        return None
    return (*path, *expression.path) if path is not None else None


def own_nodes(tree: Tree) -> tuple[Node, ...]:
    """The entries that are about one declaration alone."""
    if isinstance(tree, ComposedTree):
        return tree.own
    node = tree.node(())
    return (node,) if node is not None else ()


def laid_over(entry: Entry, part: Part, trees: Iterable[Tree]) -> Entry:
    """An entry with what was merged from several of them; its place stays where it is."""
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
    own = (each for tree in trees for each in own_nodes(tree))
    return replace(entry, data=part.data, tree=ComposedTree(node, tree.key(), own, matrix, siblings), merged=True)
