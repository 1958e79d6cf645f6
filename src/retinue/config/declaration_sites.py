"""Where a part of a declaration is written, so that another value can be written there and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from retinue.config.composition.composed import ComposedTree
from retinue.config.interpolation import OPEN, has_expressions
from retinue.config.problems import Diagnostics, RefusedError
from retinue.config.project_files import Folder, Source
from retinue.config.yaml.parser import compose
from retinue.config.yaml.syntax_tree import Node, Tree
from retinue.kinds.kind import Kinds
from retinue.model.declared import Declaration, Position
from retinue.model.paths import fits
from retinue.model.values import Address, Path


class UnwritableError(Exception):
    """A part that cannot be written by a program: where it comes from, and what to do instead."""

    def __init__(self, message: str, position: Position, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.position = position
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Site:
    """A place in the YAML text of `source`: `path` in its document `number`, as it stands there. `missing` are the last
    parts of the path asked for, which are not written. With `text`, the value is the content of that file instead.
    `covers` says that what stands here covers what a template or defaults give, which stay as they are."""

    source: Source
    number: int
    path: Path
    position: Position
    missing: Path = ()
    text: str | None = None
    covers: bool = False


def find_site(
    declaration: Declaration,
    path: Path,
    declarations: Mapping[Address, Declaration],
    kinds: Kinds,
    folder: Folder,
    *,
    in_place: bool = False,
) -> Site:
    """Where the part of a declaration at `path` is written, in its author's own form; `in_place`, a text in a file of
    its own is to stand in the place of the file's name. Raises UnwritableError."""
    kind, tree = kinds[declaration.address.kind], declaration.places
    if not isinstance(tree, Tree):
        raise TypeError(f"{declaration.address} has no tree")
    written = path
    for length in range(1, len(path) + 1):
        part = path[:length]
        node = tree.node(part)
        if node is None:
            written = path[: length - 1]
            break
        for inclusion in kind.inclusions:
            if fits(part, inclusion.pattern) and node.shape != "scalar":
                file = _named_file(node, inclusion.form)
                if file is not None and not (in_place and part == path):
                    return _file_site(file, node, tree, folder, whole=inclusion.form == "text" and part == path)
        for reference in kind.references:
            if reference.inline and fits(part, reference.pattern) and node.shape == "scalar":
                target = declarations[Address(reference.kind, node.text)]
                return find_site(target, path[length:], declarations, kinds, folder, in_place=in_place)
    node = tree.node(written)
    if node is None:
        raise TypeError(f"{declaration.address} is not written anywhere")
    if isinstance(tree, ComposedTree) and not (written and tree.is_alone(node)):
        return _covering(declaration.address, tree, path, node)
    _refuse_expressions(node)
    number, place = _physical(node)
    return Site(node.source, number, place, node.position, path[len(written) :])


def _covering(address: Address, tree: ComposedTree, path: Path, node: Node) -> Site:
    """Where a declaration can say otherwise than what it is made of, which others are made of, too. Raises
    UnwritableError."""
    if not tree.alone:
        others = "another one of its matrix is" if tree.siblings == 1 else f"{tree.siblings} others of its matrix are"
        message = f"{others} made of the same line"
        hint = f"write what differs below '{address.name}' of an environment, or change the line for all of them"
        raise UnwritableError(message, node.position, hint)
    index = next((part for part in path if isinstance(part, int)), None)
    if index is not None:
        message = "it comes from a template or from defaults, which others may be made of, too"
        raise UnwritableError(message, node.position, "write it into the declaration by hand, or change it there")
    own = Tree(tree.alone[0])
    length = next(cut for cut in range(len(path), -1, -1) if own.node(path[:cut]) is not None)
    there = own.node(path[:length])
    assert there is not None  # noqa: S101 - the top of the declaration is there
    if length == len(path):
        _refuse_expressions(there)
    number, place = _physical(there)
    return Site(there.source, number, place, there.position, path[length:], covers=True)


def _named_file(node: Node, form: str) -> Node | None:
    """The name of the file that stands in the place of a value. Raises UnwritableError where several parts make one."""
    if node.shape == "sequence" and form == "text":
        message = "it is put together of several parts"
        raise UnwritableError(message, node.position, "edit the parts by hand")
    found = node.pair("file") if node.shape == "mapping" else None
    return found[1] if found else None


def _file_site(file: Node, node: Node, tree: Tree, folder: Folder, *, whole: bool) -> Site:
    render = node.pair("render")
    if render is not None and render[1].text == "true":
        hint = f"edit '{file.text}' by hand"
        raise UnwritableError(f"'{file.text}' is rendered: its text comes from variables, too", file.position, hint)
    text = tree.filled(file.text) if isinstance(tree, ComposedTree) else file.text
    if not whole or OPEN in text:
        raise UnwritableError(f"it stands in '{text}'", file.position, "edit that file by hand")
    try:
        name = folder.file(file.source.name.rpartition("/")[0], text)
    except RefusedError as refused:
        raise UnwritableError(refused.message, file.position, refused.hint or "correct the path") from refused
    return replace(Site(file.source, 0, (), file.position), text=name)


def _refuse_expressions(node: Node) -> None:
    for each in _scalars(node):
        if has_expressions(each.text):
            shown = each.text if len(each.text) <= 60 else f"{each.text[:60]}…"
            hint = "change the variable, or write the value here first"
            raise UnwritableError(f"its value comes from '{shown}'", each.position, hint)


def _scalars(node: Node) -> Iterator[Node]:
    if node.shape == "scalar":
        yield node
    for _, value in node.pairs:
        yield from _scalars(value)
    for each in node.entries:
        yield from _scalars(each)


def _physical(node: Node) -> tuple[int, Path]:
    """The document and the path in the file itself, where an alias or an overlay may have brought the node from."""
    documents, _ = compose(node.source, Diagnostics())
    for number, document in enumerate(documents):
        for path, each in _values(document):
            if (each.start, each.end, each.shape) == (node.start, node.end, node.shape):
                return number, path
    raise UnwritableError("it is put together of several places", node.position, "edit them by hand")


def _values(node: Node, path: Path = ()) -> Iterator[tuple[Path, Node]]:
    yield path, node
    for key, value in node.pairs:
        if not key.merges:
            yield from _values(value, (*path, key.text))
    for index, each in enumerate(node.entries):
        yield from _values(each, (*path, index))
