"""Reads one YAML file: bytes → text → documents with their places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from retinue.config.compose import compose
from retinue.config.construct import construct
from retinue.config.folder import Folder
from retinue.config.mistakes import Mistakes, Refused
from retinue.config.nodes import Tree
from retinue.config.texts import Excerpts, Source, Undecodable, decode
from retinue.model.declared import Position


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document: plain data, and where each part of it stands."""

    data: Any
    tree: Tree


@dataclass(slots=True)
class Desk:
    """What every step of loading has at hand."""

    folder: Folder
    mistakes: Mistakes
    excerpts: Excerpts
    complete: bool = True
    """Whether every file could be read to its end; if not, names may be missing that are declared."""

    def text(self, path: str, *, asked: Position | None = None) -> Source | None:
        """The text of a file; None, reported, when there is none to be had. `asked` is where the file was named."""
        try:
            data = self.folder.read(path)
        except Refused as refused:
            self.mistakes.error(refused.code, refused.message, asked, refused.hint)
            return None
        try:
            source = decode(path, data)
        except Undecodable as error:
            self.excerpts.keep(error.source)
            related = (("named here", asked),) if asked and asked.file != path else ()
            place = error.source.position(error.offset)
            self.mistakes.error("not-utf8", error.message, place, error.hint, related=related)
            return None
        self.excerpts.keep(source)
        return source

    def documents(self, path: str) -> tuple[list[Document], bool]:
        """The documents of a YAML file, and whether it could be read to its end."""
        source = self.text(path, asked=Position(path, 1, 1))
        documents, complete = parse(source, self.mistakes) if source is not None else ([], False)
        self.complete &= complete
        return documents, complete


def parse(source: Source, mistakes: Mistakes) -> tuple[list[Document], bool]:
    """The documents of a text, and whether it could be read to its end."""
    nodes, complete = compose(source, mistakes)
    return [Document(construct(source, node, mistakes), Tree(node)) for node in nodes], complete
