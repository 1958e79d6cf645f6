"""Where a part of a declaration is written, so that it can be written otherwise: a place in a YAML text, or a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from retinue.config.compose import compose
from retinue.config.folder import Folder
from retinue.config.interpolation import OPEN
from retinue.config.mistakes import Mistakes, Refused
from retinue.config.nodes import Node, Tree
from retinue.config.texts import Source
from retinue.kinds.kind import Kinds
from retinue.model.declared import Declaration, Position
from retinue.model.paths import fits
from retinue.model.values import Address, Path


class Unwritable(Exception):  # noqa: N818 - named for the part it is about
    """A part that cannot be written by a program: where it comes from, and what to do instead."""

    def __init__(self, message: str, position: Position, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.position = position
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Site:
    """A place in the YAML text of `source`: `path` in its document `number`, as it stands there. `missing` are the last
    parts of the path asked for, which are not written. With `text`, the value is the content of that file instead."""

    source: Source
    number: int
    path: Path
    position: Position
    missing: Path = ()
    text: str | None = None


def find_site(
    declaration: Declaration, path: Path, declarations: Mapping[Address, Declaration], kinds: Kinds, folder: Folder
) -> Site:
    """Where the part of a declaration at `path` is written, in its author's own form. Raises Unwritable."""
    kind, tree = kinds[declaration.kind], declaration.places
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
                if file is not None:
                    return _file_site(file, node, folder, whole=inclusion.form == "text" and part == path)
        for reference in kind.references:
            if reference.inline and fits(part, reference.pattern) and node.shape == "scalar":
                target = declarations[Address(reference.kind, node.text)]
                return find_site(target, path[length:], declarations, kinds, folder)
    node = tree.node(written)
    if node is None:
        raise TypeError(f"{declaration.address} is not written anywhere")
    _refuse_expressions(node)
    number, place = _physical(node)
    return Site(node.source, number, place, node.position, path[len(written) :])


def _named_file(node: Node, form: str) -> Node | None:
    """The name of the file that stands in the place of a value. Raises Unwritable where several parts make one."""
    if node.shape == "sequence" and form == "text":
        message = "it is put together of several parts"
        raise Unwritable(message, node.position, "edit the parts by hand")
    found = node.pair("file") if node.shape == "mapping" else None
    return found[1] if found else None


def _file_site(file: Node, node: Node, folder: Folder, *, whole: bool) -> Site:
    render = node.pair("render")
    if render is not None and render[1].text == "true":
        hint = f"edit '{file.text}' by hand"
        raise Unwritable(f"'{file.text}' is rendered: its text comes from variables, too", file.position, hint)
    if not whole or OPEN in file.text:
        raise Unwritable(f"it stands in '{file.text}'", file.position, "edit that file by hand")
    try:
        name = folder.file(file.source.name.rpartition("/")[0], file.text)
    except Refused as refused:
        raise Unwritable(refused.message, file.position, refused.hint or "correct the path") from refused
    return replace(Site(file.source, 0, (), file.position), text=name)


def _refuse_expressions(node: Node) -> None:
    for each in _scalars(node):
        if OPEN in each.text.replace("$${{", ""):
            shown = each.text if len(each.text) <= 60 else f"{each.text[:60]}…"
            hint = "change the variable, or write the value here first"
            raise Unwritable(f"its value comes from '{shown}'", each.position, hint)


def _scalars(node: Node) -> Iterator[Node]:
    if node.shape == "scalar":
        yield node
    for _, value in node.pairs:
        yield from _scalars(value)
    for each in node.entries:
        yield from _scalars(each)


def _physical(node: Node) -> tuple[int, Path]:
    """The document and the path in the file itself, where an alias or an overlay may have brought the node from."""
    documents, _ = compose(node.source, Mistakes())
    for number, document in enumerate(documents):
        for path, each in _values(document):
            if (each.start, each.end, each.shape) == (node.start, node.end, node.shape):
                return number, path
    raise Unwritable("it is put together of several places", node.position, "edit them by hand")


def _values(node: Node, path: Path = ()) -> Iterator[tuple[Path, Node]]:
    yield path, node
    for key, value in node.pairs:
        if not key.merges:
            yield from _values(value, (*path, key.text))
    for index, each in enumerate(node.entries):
        yield from _values(each, (*path, index))
