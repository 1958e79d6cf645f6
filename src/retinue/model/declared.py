"""What files declare: places, mistakes, declarations, lifecycles. Data; nothing is decided here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from retinue.model.values import Address, Path

MOST_GUESSES = 50
"""How often a name is looked for that was meant, among names of which there may be as many as there are mistakes:
that takes longer than all else."""

Severity = Literal["error", "warning"]

ChosenBy = Literal["option", "variable", "default"]
"""Who chose the environment: -e on the command line, the environment variable, or the project file."""
HOW_CHOSEN: Mapping[str, str] = {"variable": " (by RETINUE_ENVIRONMENT)", "default": " (the default)"}
"""What is said behind the name of an environment that was not named on the command line."""


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a declared file. `file` is relative to the project; line and column count from 1."""

    file: str
    line: int
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Places(Protocol):
    """Turns a path inside one declaration into a position; the nearest parent answers for a path that is absent."""

    def at(self, path: Path, *, key: bool = False) -> Position: ...


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One thing to tell the person who wrote the files: what, where, and what to do about it.

    `excerpt` is the line of the file at `position`, without its line end. `related` are further places of the same
    problem, each with a few words. `details` say for programs what the message says for people, as JSON data.
    """

    severity: Severity
    code: str
    message: str
    position: Position | None = None
    hint: str | None = None
    excerpt: str | None = None
    related: tuple[tuple[str, Position], ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Problem:
    """A mistake found by pure code inside one declaration: it knows the path, its caller knows the file."""

    code: str
    path: Path
    message: str
    hint: str | None = None
    severity: Severity = "error"
    key: bool = False


class LeftOut(NamedTuple):
    """Why something that is written is not declared, such as "not enabled", and where that is said."""

    why: str
    position: Position

    def __str__(self) -> str:
        return f"is {self.why} in this environment ({self.position})"


class Taken(NamedTuple):
    """A file that a text was taken from by another one, and where that one names it."""

    file: str
    named: Position


class TextPart(NamedTuple):
    """One of the texts that a text of a declaration is joined of, named at `path`. One from a `file` may have `taken`
    in others, and `used` expressions."""

    text: str
    path: Path
    file: str | None = None
    taken: tuple[Taken, ...] = ()
    used: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Declaration:
    """One entry of a section as its author wrote it: variables filled in, included files read, nothing resolved.

    `spec` is plain JSON data in the form of the kind's schema. A `broken` one has mistakes that are reported already:
    its name and what it refers to count, its content may have any shape. `labels` are what it is chosen by on the
    command line; they are never sent. `texts` are the parts of those texts that are made of some, by their places.
    """

    address: Address
    spec: Mapping[str, Any]
    places: Places
    broken: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[Path, tuple[TextPart, ...]] = field(default_factory=dict)


OnDelete = Literal["delete", "retire", "keep"]


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """What an author says about the life of an object, rather than about the object.

    `ignore` names what is written on creation only and never looked at again: fields, or `field.key` of a field that is
    owned key by key. `on_delete` is what happens to an object that is declared no more or replaced: it is deleted, let
    expire (`retire`), or left without an owner (`keep`).
    """

    protect: bool = False
    on_delete: OnDelete = "delete"
    ignore: tuple[str, ...] = ()

    def ignores(self, name: str, key: str | None = None) -> bool:
        """Whether a field, or one key of it, is none of our business once the object exists."""
        return name in self.ignore or (key is not None and f"{name}.{key}" in self.ignore)

    def heeded(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        """The part of a specification that is compared and written when the object exists."""
        if not self.ignore:
            return dict(spec)
        rest = {name: value for name, value in spec.items() if not self.ignores(name)}
        for each in self.ignore:
            name, dot, key = each.partition(".")
            if dot and name in rest:
                rest[name] = {one: value for one, value in rest[name].items() if one != key}
        return rest


@dataclass(frozen=True, slots=True)
class Declared:
    """One object as the declarations want it. `spec` maps field names of the kind to canonical values.

    `home` is where it is to live, when that is another of the homes of its kind than the first. `handlers` name the
    Python code that carries its functions out on this machine, by the names of the functions; it is never sent.
    `labels` are what it is chosen by, and never sent or compared.
    """

    address: Address
    spec: Mapping[str, Any]
    places: Places
    origins: Mapping[Path, Path] = field(default_factory=dict)
    lifecycle: Lifecycle = Lifecycle()
    home: str | None = None
    handlers: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)

    def position(self, path: Path = ()) -> Position:
        """Where the canonical `path` was written; the nearest enclosing part, or the entry itself, stands in."""
        for cut in range(len(path), 0, -1):
            origin = self.origins.get(path[:cut])
            if origin is not None:
                return self.places.at((*origin, *path[cut:]))
        return self.places.at(path, key=not path)


Verb = Literal["adopt", "moved", "release", "takeover"]
"""What an author says about whose an object is, by the section it stands in."""


@dataclass(frozen=True, slots=True)
class Handover:
    """One entry of `adopt:`, `moved:`, `release:` or `takeover:`: an object gets another owner or another name.

    `address` is the one that the object is to have; of a release, the one it has had. `origin` is the address it is
    moved from, `id` the live object to adopt, `stack` the one it is taken from.
    """

    verb: Verb
    address: Address
    position: Position
    origin: Address | None = None
    id: str | None = None
    stack: str | None = None
