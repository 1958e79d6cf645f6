"""What `render --explain` shows: a declaration as data again, and where each of its values was written."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from retinue.config.composition.composed import ComposedTree, expression_path
from retinue.config.interpolation import OPEN, OUTSIDE, Expression, used_in
from retinue.config.variables import Variables
from retinue.config.yaml.syntax_tree import Node, Tree
from retinue.config.yaml.writer import Noted, Verbatim
from retinue.kinds.kind import Kind
from retinue.model.declared import Declaration, Places, Position, Taken
from retinue.model.paths import fits
from retinue.model.printable import masked_data
from retinue.model.values import Path, Secret
from retinue.planning.redaction import SHORTEST_PLAIN

# What reading adds to an entry of a list of files.
_READ = ("sha256", "size", "entry")
# The forms of inclusions that are written as nothing but a path.
_BY_PATH = ("file", "folder", "base64")
_WORDS = ("*", "command")
"""The ends of places where secrets may stand among words that are none."""
Leaf = Callable[[Any, Path, Path], Any]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value was written. `also` are the files and the variables that it was taken from."""

    path: Path
    position: Position
    also: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ", ".join((str(self.position), *self.also))


def written(declaration: Declaration, kind: Kind) -> dict[str, Any]:
    """What an author could have written to the same effect, with everything in place; paths are from the project."""
    spec: dict[str, Any] = _walked(
        _whole(declaration, kind), kind, lambda value, _, there: _shown(declaration, kind, value, there)
    )
    return spec


def explained(declaration: Declaration, kind: Kind, variables: Variables) -> Noted:
    """The same, each value with its origin as a note."""
    data = _walked(
        _whole(declaration, kind),
        kind,
        lambda value, path, there: Noted(
            _shown(declaration, kind, value, there), str(_origin(declaration, path, there, variables))
        ),
    )
    return Noted(data, str(declaration.places.at((), key=True)))


def sources(declaration: Declaration, kind: Kind, variables: Variables) -> list[Origin]:
    """The origin of each value of `written`."""
    found: list[Origin] = []
    spec = _whole(declaration, kind)
    _walked(spec, kind, lambda _, path, there: found.append(_origin(declaration, path, there, variables)))
    return found


def _whole(declaration: Declaration, kind: Kind) -> dict[str, Any]:
    """All that there is of a declaration once it is read: what it comes to, and what it is chosen by."""
    spec: dict[str, Any] = _with_paths(declaration, kind)
    return {**spec, "labels": dict(declaration.labels)} if declaration.labels else spec


def _walked(value: Any, kind: Kind, leaf: Leaf, path: Path = (), there: Path = ()) -> Any:
    """The value with each of its leaves replaced. `path` leads to one in the outcome, `there` to where it was written;
    they differ since a glob stands for many files."""
    if isinstance(value, list) and any(each.form == "files" and fits(path, each.pattern) for each in kind.inclusions):
        return [
            _walked(_file(each), kind, leaf, (*path, index), (*there, each["entry"]))
            for index, each in enumerate(value)
        ]
    if isinstance(value, Mapping) and value:
        return {name: _walked(each, kind, leaf, (*path, name), (*there, name)) for name, each in value.items()}
    if isinstance(value, list) and any(isinstance(each, Mapping | list) for each in value):
        return [_walked(each, kind, leaf, (*path, index), (*there, index)) for index, each in enumerate(value)]
    return leaf(value, path, there)


def _with_paths(declaration: Declaration, kind: Kind) -> Any:
    """The specification with the paths of files and folders whose content nobody writes down, and with the labels."""
    spec = {**declaration.spec, "labels": declaration.labels} if declaration.labels else declaration.spec
    patterns = [each.pattern for each in kind.inclusions if each.form in _BY_PATH]
    tree = declaration.places

    def walk(value: Any, path: Path) -> Any:
        node = tree.node(path) if isinstance(tree, Tree) else None
        named = node.pair("path") if node is not None and node.shape == "mapping" else None
        node = named[1] if named else node
        if node is not None and node.shape == "scalar" and any(fits(path, each) for each in patterns):
            name = tree.filled(node.text) if isinstance(tree, ComposedTree) else node.text
            found = posixpath.normpath(posixpath.join(posixpath.dirname(node.source.name), name))
            return Verbatim(found) if OPEN in found else found
        if isinstance(value, Mapping):
            return {name: walk(each, (*path, name)) for name, each in value.items()}
        if isinstance(value, list):
            return [walk(each, (*path, index)) for index, each in enumerate(value)]
        return value

    return walk(spec, ()) if patterns else spec


def _file(entry: Mapping[str, Any]) -> Any:
    options = {name: each for name, each in entry.items() if name not in ("path", *_READ)}
    return {"path": entry["path"], **options} if options else entry["path"]


# ── what is not shown ─────────────────────────────────────────────────────────────────────────────────────────────────


def _shown(declaration: Declaration, kind: Kind, value: Any, there: Path) -> Any:
    """The value, or what its author wrote instead of a secret; `***` for plain text where the API never shows it. A
    list of texts may hold some of them."""
    if isinstance(value, list):
        return [_shown(declaration, kind, each, (*there, index)) for index, each in enumerate(value)]
    if not isinstance(value, Secret):
        # A short text in a map or a list is rather a word than a secret; under a name of its own it is one.
        hidden = isinstance(value, str) and any(
            fits(there, each) and (each[-1] not in _WORDS or len(value) >= SHORTEST_PLAIN) for each in kind.secrets
        )
        return Verbatim("***") if hidden else masked_data(value, str(there[-1]) if there else "")
    tree = declaration.places
    node = tree.node(there) if isinstance(tree, Tree) else None
    return _as_written(node, tree) if node is not None else Verbatim("***")


def _as_written(node: Node, tree: Places) -> Any:
    """A text as its author wrote it: a string, a file to be filled, or a list of them."""
    if node.shape == "sequence":
        return [_as_written(each, tree) for each in node.entries]
    if node.shape == "mapping":
        return {"file": next(_files(node, tree)), "render": True}
    return Verbatim(node.text)


# ── where it was written ──────────────────────────────────────────────────────────────────────────────────────────────


def _origin(declaration: Declaration, path: Path, there: Path, variables: Variables) -> Origin:
    tree = declaration.places
    node = tree.node(there) if isinstance(tree, Tree) else None
    also = [f"from {each}" for each in _elsewhere(node)] if node else []
    also += _taken(declaration, there)
    used = (*(_expressions([node], tree, variables) if node else ()), *_used(declaration, there, variables))
    also += [f"{name} from {place}" for name, place in used]
    return Origin(path, tree.at(there), tuple(dict.fromkeys(also)))


def _taken(declaration: Declaration, there: Path) -> Iterator[str]:
    """The files that a text is joined of, and those that they take in, each with the line that names it where that is
    not the line of the text."""
    own = declaration.places.at(there)
    for part in declaration.texts.get(there, ()):
        if part.file is not None:
            place = declaration.places.at(part.path)
            yield f"from {part.file}" + (f" ({place})" if (place.file, place.line) != (own.file, own.line) else "")
            yield from (f"from {each.file} ({each.named})" for each in part.taken)


def _used(declaration: Declaration, there: Path, variables: Variables) -> Iterator[tuple[str, str]]:
    """What is filled into the files that a text is joined of, each with its origin."""
    tree = declaration.places
    for part in declaration.texts.get(there, ()):
        for each in part.used:
            namespace, name, *rest = each.split(".")
            expression = Expression(namespace, name, 0, tuple(rest))
            own = tree.node((*part.path[:-1], "with", name)) if namespace == "with" and isinstance(tree, Tree) else None
            if own is not None:
                yield each, str(own.position)
                yield from _expressions([own], tree, variables)
            else:
                yield from _origins(expression, tree, variables)


@dataclass(frozen=True, slots=True)
class Stretch:
    """The lines of a text that come from one place: `file` is None for what the declaration says itself. `taken` are
    the files that were taken in there."""

    first: int
    last: int
    position: Position
    file: str | None = None
    taken: tuple[Taken, ...] = ()


def stretches(declaration: Declaration, field: str) -> list[Stretch]:
    """Where the lines of a text come from, from the first to the last."""
    parts = declaration.texts.get((field,))
    if parts is None:
        text = declaration.spec.get(field)
        last = text.count("\n") + 1 if isinstance(text, str) else 1
        return [Stretch(1, last, declaration.places.at((field,)))]
    found, line = [], 1
    for part in parts:
        last = line + part.text.removesuffix("\n").count("\n")
        found.append(Stretch(line, last, declaration.places.at(part.path), part.file, part.taken))
        line = last + 2
    return found


def _elsewhere(node: Node) -> Iterator[Position]:
    """Where entries of a list of texts were written that a variable brought in."""
    for each in node.entries:
        elsewhere = each.source is not node.source or not node.start <= each.start <= node.end
        if each.shape == "scalar" and elsewhere:
            yield each.position


def _parts(node: Node) -> tuple[Node, ...]:
    """The texts that a value is joined of, or the one that it is."""
    return tuple(node.entries) if node.shape == "sequence" else (node,)


def _files(node: Node, tree: Places) -> Iterator[str]:
    """The files whose text a value is, or is joined of."""
    for each in _parts(node):
        found = each.pair("file") if each.shape == "mapping" else None
        if found:
            name = tree.filled(found[1].text) if isinstance(tree, ComposedTree) else found[1].text
            yield posixpath.normpath(posixpath.join(posixpath.dirname(found[1].source.name), name))


def _expressions(nodes: Iterable[Node], tree: Places, variables: Variables) -> Iterator[tuple[str, str]]:
    """What the expressions of values are, each with the place of what it stands for; those that it is made of, too."""
    for node in nodes:
        texts = (each.text for each in _parts(node) if each.shape == "scalar")
        for each in (used for text in texts if OPEN in text for used in used_in(text)):
            yield from _origins(each, tree, variables)


def _origins(expression: Expression, tree: Places, variables: Variables) -> Iterator[tuple[str, str]]:
    """The place of what an expression stands for, and of what that is made of."""
    waiting = [expression]
    told: set[str] = set()
    while waiting:
        each = waiting.pop(0)
        if str(each) in told:
            continue
        told.add(str(each))
        if each.namespace == "var":
            yield str(each), variables.origin(each.name)
        elif each.namespace in OUTSIDE:
            yield str(each), "the environment"
        elif isinstance(tree, Tree) and (path := expression_path(tree, each)) is not None:
            yield str(each), str(tree.at(path))
            found = tree.node(path)
            texts = [part.text for part in (_parts(found) if found is not None else ()) if part.shape == "scalar"]
            waiting += [used for text in texts if OPEN in text for used in used_in(text)]
