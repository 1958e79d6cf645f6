"""Where a part of a declaration is written, so that another value can be written there and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from retinue.config.composition.composed import ComposedTree
from retinue.config.interpolation import OPEN, has_expressions
from retinue.config.problems import Diagnostics, RefusedError
from retinue.config.project_files import Folder
from retinue.config.source_text import Source
from retinue.config.yaml.parser import compose
from retinue.config.yaml.syntax_tree import Node, Tree
from retinue.kinds.kind import Kinds
from retinue.model.declared import Declaration, Position
from retinue.model.paths import fits, matches
from retinue.model.values import Address, Path


class UnwritableError(Exception):
    """A part that cannot be written by a program: where it comes from, and what to do instead. `sharing` are the other
    declarations that are made of it."""

    def __init__(self, message: str, position: Position, hint: str, *, sharing: tuple[Address, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.position = position
        self.hint = hint
        self.sharing = sharing


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
    kind, tree = kinds[declaration.address.kind], _tree(declaration)
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
        return _covering(tree, path, node)
    _refuse_expressions(node)
    number, place = _physical(node)
    return Site(node.source, number, place, node.position, path[len(written) :])


def _tree(declaration: Declaration) -> Tree:
    if not isinstance(declaration.places, Tree):
        raise TypeError(f"{declaration.address} has no tree")
    return declaration.places


def _covering(tree: ComposedTree, path: Path, node: Node) -> Site:
    """Where a declaration can say otherwise than what it is made of, which others are made of, too. Raises
    UnwritableError."""
    if not tree.alone:
        others = "another one of its matrix is" if tree.siblings == 1 else f"{tree.siblings} others of its matrix are"
        message = f"{others} made of the same line"
        hint = "write what differs below its name in an environment, or change the line for all of them"
        raise UnwritableError(message, node.position, hint)
    if tree.is_own(node):
        message = "it comes from a pattern of the environment, which changes others, too"
        hint = "write what differs below its name in the environment, or change it for all of them"
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


TextPlace = tuple[str, int, int]
BETWEEN = "\n\n"
"""What stands between two parts (inclusions.py)."""


@dataclass(frozen=True, slots=True)
class TextPart:
    """One of several parts that a text is put together of: what people call it, and where in the YAML its node is.

    `text` is what it comes to, without the line end that ends it, and `site` where it can be written: None for one that
    cannot, of which `why` says so.
    """

    name: str
    node: Node
    text: str | None = None
    site: Site | None = None
    why: str = ""


def find_parts(declaration: Declaration, path: Path, kinds: Kinds, folder: Folder) -> list[TextPart]:
    """The parts of the text at `path`, in order; none where it is not put together of several."""
    node = next((each for place, each in _texts(declaration, kinds) if place == path), None)
    if node is None:
        return []
    texts: dict[int, list[str]] = {}
    for part in declaration.texts.get(path, ()):  # one of these may stand for several files
        index = part.path[len(path)] if len(part.path) > len(path) else None
        if isinstance(index, int):
            texts.setdefault(index, []).append(part.text.removesuffix("\n"))
    made = (_part(each, _tree(declaration), folder) for each in node.entries)
    known = (BETWEEN.join(texts[index]) if index in texts else None for index in range(len(node.entries)))
    return [each if each.site is not None else replace(each, text=text) for each, text in zip(made, known, strict=True)]


def text_places(declaration: Declaration, kinds: Kinds, folder: Folder) -> set[TextPlace]:
    """Where everything is written that texts of a declaration are made of."""
    nodes = (each for _, node in _texts(declaration, kinds) for each in node.entries or [node])
    found = {text_place(each, declaration, folder) for each in nodes}
    for part in (each for parts in declaration.texts.values() for each in parts):
        files = (part.file, *(each.file for each in part.taken))
        found |= {(each, 0, 0) for each in files if each is not None}
    return found


def text_place(node: Node, declaration: Declaration, folder: Folder) -> TextPlace:
    """The file that a node names, or its own place in the YAML: two that have it in common share a text."""
    named = node.pair("file")
    if named is not None:
        with suppress(RefusedError):
            return (folder.file(_directory(named[1]), _filled(named[1], _tree(declaration))), 0, 0)
    return (node.source.name, node.start, node.end)


def _texts(declaration: Declaration, kinds: Kinds) -> Iterator[tuple[Path, Node]]:
    tree = _tree(declaration)
    for inclusion in kinds[declaration.address.kind].inclusions:
        if inclusion.form == "text":
            for path, _ in matches(declaration.spec, inclusion.pattern):
                node = tree.node(path)
                if node is not None:
                    yield path, node


def _part(node: Node, tree: Tree, folder: Folder) -> TextPart:
    named = node.pair("file")
    name = f"'{named[1].text}'" if named else f"the text at {node.position.file}:{node.position.line}"
    try:
        if named is not None:
            site = _file_site(named[1], node, tree, folder, whole=True)
            content = folder.read(str(site.text)).decode("utf-8-sig")
            text = content.replace("\r\n", "\n").replace("\r", "\n")
        else:
            _refuse_expressions(node)
            text, (number, place) = node.text, _physical(node)
            site = Site(node.source, number, place, node.position)
    except UnwritableError as error:
        return TextPart(name, node, why=error.message)
    except (RefusedError, UnicodeDecodeError):  # a pattern, or what is no text: told where it is read
        return TextPart(name, node, why=f"{name} is no single file")
    return TextPart(name, node, text.removesuffix("\n"), site)


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
    text = _filled(file, tree)
    if not whole or OPEN in text:
        raise UnwritableError(f"it stands in '{text}'", file.position, "edit that file by hand")
    try:
        if folder.is_glob(_directory(file), text):
            message = f"it is put together of the files of '{text}'"
            raise UnwritableError(message, file.position, "edit the parts by hand")
        name = folder.file(_directory(file), text)
    except RefusedError as refused:
        raise UnwritableError(refused.message, file.position, refused.hint or "correct the path") from refused
    return replace(Site(file.source, 0, (), file.position), text=name)


def _directory(file: Node) -> str:
    """The directory that the name of a file is relative to; that of the project in what the command line gives."""
    return "" if file.source.given else file.source.name.rpartition("/")[0]


def _filled(file: Node, tree: Tree) -> str:
    """The name of a file, in which there may be values of the declaration itself."""
    return tree.filled(file.text) if isinstance(tree, ComposedTree) else file.text


def _refuse_expressions(node: Node) -> None:
    """Raises UnwritableError for what is not written out. A list or map that stands for an expression has its text."""
    for each in (node, *_scalars(node)):
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
