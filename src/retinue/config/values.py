"""Where the value of a variable comes from: `--var`, else `--var-file`, else the environment, else its default."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from typing import Any

from retinue.config.json_schemas import read_json_document
from retinue.config.json_text import NotJson
from retinue.config.mistakes import Mistakes, did_you_mean, listed
from retinue.config.nodes import Tree
from retinue.config.project_schema import VARIABLE_TYPES
from retinue.config.reading import Desk, Document, parse
from retinue.config.texts import Source, Undecodable, decode
from retinue.config.variables import Variable, type_of
from retinue.model.declared import Position
from retinue.model.values import Path


@dataclass(frozen=True, slots=True)
class Filed:
    """A value out of a file; it stands below its name at the top of `tree`."""

    value: Any
    tree: Tree


@dataclass(frozen=True, slots=True)
class Given:
    """What the command line says of variables: texts by name, and the values of files.

    Unless `strict`, some of them may not be declared. Environment
    variables of the namespaces in `stand_ins` need not be there.
    """

    texts: Mapping[str, str]
    filed: Mapping[str, Filed]
    strict: bool = True
    stand_ins: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen environment and what the project file says of it. One that is not `known` is a mistake already."""

    name: str | None
    data: Mapping[str, Any]
    known: bool = True


def project_variables(
    data: Mapping[str, Any], tree: Tree, chosen: Choice, given: Given, mistakes: Mistakes
) -> dict[str, Variable]:
    """The variables of a project file, each with the value in force and the place where that was written."""
    written = _mapping(data.get("variables"))
    _check_names(data, tree, given, mistakes)
    found = {name: _variable(name, each, chosen, given) for name, each in written.items()}
    if not chosen.known:
        return {name: replace(each, choices=None) for name, each in found.items()}
    if chosen.name is None:
        return {name: replace(each, choices=_giving(name, data)) for name, each in found.items()}
    return found


def _giving(name: str, data: Mapping[str, Any]) -> tuple[str, ...]:
    """The environments that give a variable a value."""
    environments = _mapping(data.get("environments"))
    return tuple(each for each, details in environments.items() if name in _mapping(_mapping(details).get("variables")))


def _variable(name: str, written: Any, chosen: Choice, given: Given) -> Variable:
    details = written if isinstance(written, dict) else {"default": written}
    kind, typed = details.get("type"), True
    if kind not in VARIABLE_TYPES:
        kind, typed = type_of(details.get("default")), False
    if name in given.texts:
        return Variable(name, kind, given.texts[name], given=True)
    if name in given.filed:
        filed = given.filed[name]
        return Variable(name, kind, filed.value, (name,), typed=typed, tree=filed.tree)
    values = _mapping(chosen.data.get("variables"))
    if name in values:
        return Variable(name, kind, values[name], ("environments", str(chosen.name), "variables", name), typed=typed)
    if "default" in details:
        inner: Path = ("default",) if isinstance(written, dict) else ()
        return Variable(name, kind, details["default"], ("variables", name, *inner), typed=typed)
    return Variable(name, kind)


def _check_names(data: Mapping[str, Any], tree: Tree, given: Given, mistakes: Mistakes) -> None:
    """Only declared variables may be set, on the command line, in a file or by an environment, chosen or not."""
    declared = _mapping(data.get("variables"))
    known = f"declared: {listed(declared)}" if declared else "declare it under 'variables:' in retinue.yaml"
    places: list[tuple[str, Position | None]] = []
    if given.strict:
        places += [(name, None) for name in given.texts]
        places += [(name, filed.tree.at((name,), key=True)) for name, filed in given.filed.items()]
    for environment, details in _mapping(data.get("environments")).items():
        for name in _mapping(_mapping(details).get("variables")):
            path: Path = ("environments", environment, "variables", name)
            places.append((name, tree.at(path, key=True)))
    for name, position in places:
        if name not in declared:
            hint = did_you_mean(name, declared, otherwise=known)
            mistakes.error("unknown-variable", f"there is no variable '{name}' to set", position, hint)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


# ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_var_files(desk: Desk, files: Iterable[FilePath]) -> dict[str, Filed]:
    """The values of all the files; later files win. What is wrong with a file is reported, and its rest counts."""
    found: dict[str, Filed] = {}
    for file in files:
        source = _source(desk, file)
        for document in _documents(desk, source) if source else ():
            if not isinstance(document.data, dict):
                message, hint = f"'{file}' must be a map of variables", "write lines such as 'model: gpt-4o'"
                desk.mistakes.error("wrong-type", message, document.tree.at(()), hint)
                continue
            for name, value in document.data.items():
                if isinstance(value, str | int | float):
                    found[name] = Filed(value, document.tree)
                    continue
                message = f"the variable '{name}' must be one of: {', '.join(VARIABLE_TYPES)}"
                desk.mistakes.error("wrong-type", message, document.tree.at((name,)), "write a single value")
    return found


def _source(desk: Desk, file: FilePath) -> Source | None:
    """The text of a file, which may lie outside of the project: whoever gives the command names it."""
    try:
        source = decode(str(file), file.read_bytes())
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        desk.mistakes.error("unreadable-file", f"'{file}' cannot be read: {reason}", None, "correct --var-file")
        return None
    except Undecodable as error:
        desk.excerpts.keep(error.source)
        desk.mistakes.error("not-utf8", error.message, error.source.position(error.offset), error.hint)
        return None
    desk.excerpts.keep(source)
    return source


def _documents(desk: Desk, source: Source) -> list[Document]:
    if not source.name.lower().endswith(".json"):
        documents, _ = parse(source, desk.mistakes)
        return documents
    try:
        return [read_json_document(source)]
    except NotJson as found:
        place: Position = source.position(found.offset)
        desk.mistakes.error("bad-json", found.message, place, found.hint)
        return []
