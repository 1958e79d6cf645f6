"""Replaces what names files of the project by what is in them, where the kind says that files may stand.

JSON Schemas, there or in place, are checked and put together (json_schemas.py).
"""

from __future__ import annotations

import base64
import glob
import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from retinue.config.globs import LEAVE_OUT, Exclusion, Matched
from retinue.config.interpolation import OUTSIDE, Interpolator, Values, has_expressions
from retinue.config.json_schemas import JsonSchemas
from retinue.config.problems import RefusedError
from retinue.config.scope import Scope
from retinue.config.text_files import TextFiles
from retinue.config.yaml.parser import FileReader
from retinue.config.yaml.syntax_tree import Tree
from retinue.kinds.kind import Inclusion, Kind
from retinue.model.canonical import content_value
from retinue.model.declared import TextPart
from retinue.model.paths import matches, replaced
from retinue.model.recalled import Recalled
from retinue.model.values import Path, Secret

# DOC guides/tools-skills: a bundle of files may have 50 MB.
LARGEST_ARCHIVE = 50 * 1024 * 1024
MOST_NAMED = 4
"""How many files a message looks at, of which it names all but the last."""

_Unfit = Callable[[str, int], str | None]
_File = dict[str, Any]


class Included(NamedTuple):
    """A declaration with its files read: whether all of them could be, whether one was filled with a secret, and of
    which parts its texts are joined, by where they stand."""

    spec: dict[str, Any]
    complete: bool
    secret: bool
    texts: Mapping[Path, tuple[TextPart, ...]]


@dataclass(slots=True)
class Inclusions:
    """Reads the files that declarations name. A file that many name is read once, and its text is kept once."""

    reader: FileReader
    schemas: JsonSchemas
    texts: TextFiles
    _joined: dict[tuple[str, ...], str] = field(default_factory=dict)
    _matched: dict[tuple[str, str], Matched] = field(default_factory=dict)

    def matched(self, directory: str, written: str, without: Sequence[Exclusion]) -> Matched:
        """The files that a path or a glob names. Many declarations may have the same one. Raises RefusedError."""
        if without:  # which is to be told whether it leaves anything out
            return self.reader.folder.files(directory, written, without=without)
        if (directory, written) not in self._matched:
            self._matched[directory, written] = self.reader.folder.files(directory, written)
        return self._matched[directory, written]

    def joined(self, parts: tuple[str, ...]) -> str:
        """Texts with a blank line between them. Many declarations may have the same ones."""
        if parts not in self._joined:
            self._joined[parts] = _joined(parts)
        return self._joined[parts]

    def include(
        self, kind: Kind, spec: dict[str, Any], tree: Tree, lookup: Values, *, filling: Interpolator
    ) -> Included:
        """The declaration with its files read, filled with the values of `lookup` where they are to be. `filling` has
        filled the declaration, and knows which places hold no value, or one that no message may quote."""
        one = _DeclarationFiles(self, spec, tree, lookup, filling)
        for inclusion in kind.inclusions:
            read = getattr(one, inclusion.form)
            one.inclusion = inclusion
            for path, value in list(matches(spec, inclusion.pattern)):
                spec = replaced(spec, path, read(value, path))
        return Included(spec, one.complete, one.secret, one.texts)


@dataclass(slots=True)
class _DeclarationFiles:
    """The inclusions of one declaration. Paths are relative to the file that names them, its own or an overlay."""

    all: Inclusions
    spec: Mapping[str, Any]
    tree: Tree
    lookup: Values
    filling: Interpolator
    complete: bool = True
    secret: bool = False
    inclusion: Inclusion | None = None
    texts: dict[Path, tuple[TextPart, ...]] = field(default_factory=dict)

    def text(self, value: Any, path: Path) -> Any:
        """A string, a file, a glob, or a list of them → a string. Other shapes are the schema's to refuse."""
        if isinstance(value, str) or not isinstance(value, list | dict):
            return value
        entries = [((*path, index), each) for index, each in enumerate(value)] if isinstance(value, list) else []
        found = [self._parts(each, where) for where, each in entries or [(path, value)]]
        parts = tuple(part for each in found if each is not None for part in each)
        if None in found or not parts:
            return value
        self.texts[path] = parts
        texts = tuple(part.text for part in parts)
        if any(isinstance(each, Secret) for each in texts):
            return Secret(_joined(texts))
        return texts[0] if len(texts) == 1 and isinstance(value, dict) else self.all.joined(texts)

    def _parts(self, value: Any, path: Path) -> list[TextPart] | None:
        """What one part of a text comes to: several where it is a glob; None where there is no text."""
        if isinstance(value, str):
            return [TextPart(value, path)]
        if not (isinstance(value, dict) and isinstance(value.get("file"), str) and value["file"]):
            return None
        where: Path = (*path, "file")
        without = self._excluded(value, path)
        try:
            matched = self.all.matched(self._directory(where), value["file"], [each for each, _ in without])
        except RefusedError as refused:
            self._report(refused, where)
            return None
        self._tell_of_links(matched, where)
        self._tell_of_useless(without)
        lookup = self._lookup(value, path)
        found = [self._text(name, value, where, lookup) for name in matched.files]
        parts = [each for each in found if each is not None]
        if len(parts) < len(found) or not found:
            self.complete = False
            return None
        return parts

    def _lookup(self, value: Mapping[str, Any], path: Path) -> Values:
        """The values that a file is filled with: those that its `with` gives come before those of the declaration."""
        given = value.get("with")
        if not isinstance(given, dict):
            return self.lookup
        if value.get("render") is not True:
            message = "'with' gives values to a file that is not rendered"
            where = self.tree.at((*path, "with"), key=True)
            self.all.reader.diagnostics.error("misplaced-field", message, where, "add 'render: true'")
            self.complete = False
        return self.lookup.narrowed(given) if isinstance(self.lookup, Scope) else self.lookup

    def _text(self, name: str, value: Mapping[str, Any], where: Path, lookup: Values) -> TextPart | None:
        reader, texts = self.all.reader, self.all.texts
        place = self.tree.at(where)
        source = reader.text(name, asked=place)
        if source is None:
            return None
        render = value.get("render") is True
        text = texts.rendered(source, lookup, place) if render else texts.plain(source)
        if text is None:
            return None
        # One that stands for itself is called as its author calls it.
        written = value["file"] if reader.folder.inside(self._directory(where), value["file"]) == name else name
        meant = None if render else texts.meant(source, lookup)
        if meant is not None and meant.namespace not in OUTSIDE:
            message = f"'{written}' has '${{{{ {meant} }}}}' in it, which stays as it is"
            hint = "write 'render: true' beside 'file' for its value"
            reader.diagnostics.warning("likely-slip", message, self.tree.at(where), hint)
        if not text.value or text.value.isspace():
            message = f"'{written}' is empty"
            reader.diagnostics.warning("empty-file", message, self.tree.at(where), "write something into it")
        self.secret |= isinstance(text.value, Secret)
        return TextPart(text.value, where, name, text.taken, tuple(map(str, text.used)))

    def schema(self, value: Any, path: Path) -> Any:
        """A JSON Schema in place, or the one in a file."""
        if not isinstance(value, dict):
            return value
        if not isinstance(value.get("file"), str):
            bundled = self.all.schemas.inline(value, self.tree, path)
            self.complete &= bundled is not None
            return value if bundled is None else bundled
        for extra in value.keys() - {"file"}:
            where = self.tree.at((*path, extra), key=True)
            self.all.reader.diagnostics.error(
                "unknown-field", f"'{extra}' cannot stand beside 'file'", where, "remove it"
            )
            self.complete = False
        name = self._file(value["file"], (*path, "file"))
        loaded = self.all.schemas.load(name, self.tree.at((*path, "file"))) if name is not None else None
        if loaded is None:
            self.complete = False
            return value
        self.tree.graft(path, loaded.tree)
        return loaded.data

    def file(self, value: Any, path: Path) -> Any:
        """A path → the file's path from the project's root, its digest and its size."""
        return self._single(value, path, self._digest)

    def base64(self, value: Any, path: Path) -> Any:
        """A path → the file's content."""
        folder = self.all.reader.folder
        return self._single(
            value, path, lambda name: base64.b64encode(folder.read(name, most=LARGEST_ARCHIVE)).decode("ascii")
        )

    def _single(self, value: Any, path: Path, read: Callable[[str], Any]) -> Any:
        """What `read` makes of the one file that `value` names. Other shapes are the schema's to refuse."""
        name = self._file(value, path) if isinstance(value, str) and value else None
        if name is None:
            return value
        try:
            return read(name)
        except RefusedError as refused:
            self._report(refused, path)
            return value

    def folder(self, value: Any, path: Path) -> Any:
        """A directory, or `{path, exclude}` → what is in it, without hidden files."""
        written = value.get("path") if isinstance(value, dict) else value
        if not isinstance(written, str) or not written:
            return value
        where: Path = (*path, "path") if isinstance(value, dict) else path
        folder, directory = self.all.reader.folder, self._directory(where)
        without = self._excluded(value, path)
        found: dict[str, Any] = {}
        try:
            top = folder.inside(directory, written)
            matched = folder.files(directory, f"{written.rstrip('/')}/**/*", without=[each for each, _ in without])
            for name in matched.files:
                content = folder.read(name, most=LARGEST_ARCHIVE)
                found[name.removeprefix(f"{top}/")] = content_value(name, content)
        except RefusedError as refused:
            self._report(refused, where)
            return value
        self._tell_of_links(matched, where)
        self._tell_of_useless(without)
        return found

    def files(self, value: Any, path: Path) -> Any:
        """Globs and paths → the files, by path. A file named twice is one; what is said of it later is added.

        One that is named by its id is the account's, and nothing is read of it here. A glob with `!` before it takes
        files out, wherever it stands.
        """
        if not isinstance(value, list):
            return value
        found: dict[str, dict[str, Any]] = {}
        without = [each for index, entry in enumerate(value) for each in self._exclusion(entry, (*path, index))]
        for index, entry in enumerate(value):
            written = entry.get("path") if isinstance(entry, dict) else entry
            if isinstance(entry, dict) and isinstance(entry.get("id"), str):
                found[entry["id"]] = {"id": entry["id"], "entry": index}
            if not isinstance(written, str) or not written or (entry is written and _takes_out(written)):
                continue
            where: Path = (*path, index, "path") if isinstance(entry, dict) else (*path, index)
            options = entry if isinstance(entry, dict) else {}
            extra = {key: each for key, each in options.items() if key not in ("path", "exclude")}
            own = self._excluded(entry, (*path, index))
            files = self._digests(written, where, [each for each, _ in (*without, *own)])
            for file in files.values():
                file["entry"] = index
            if extra or not found.keys().isdisjoint(files):
                files = {name: {**found.get(name, {}), **extra, **file} for name, file in files.items()}
            found.update(files)
            self._tell_of_useless(own)
        self._tell_of_useless(without)
        return list(map(found.__getitem__, sorted(found)))

    def _digests(self, written: str, where: Path, without: Sequence[Exclusion]) -> dict[str, _File]:
        """The files that are named, by path. What a glob brings along that the account does not take is left out, and
        not even read; if there is nothing else, it is the glob that is wrong, and the kind says so."""
        folder, directory = self.all.reader.folder, self._directory(where)
        try:
            matched = folder.files(directory, written, without=without)
            is_glob = folder.is_glob(directory, written)
        except RefusedError as refused:
            self._report(refused, where)
            return {}
        self._tell_of_links(matched, where)
        unfit = self.inclusion.unfit if self.inclusion and is_glob else None
        reasons: dict[str, str] = {}
        found, names = self._unchanged(matched, unfit), matched.files
        if len(found) < len(names):
            found.update(self._digested([each for each in names if each not in found], where, unfit, reasons))
        if len(reasons) == len(names):
            return dict(self._digested(names, where))
        self._tell_of_unfit(reasons, found, written, where)
        return found

    def _unchanged(self, matched: Matched, unfit: _Unfit | None) -> dict[str, _File]:
        """Those of the files that were read before and about which there is nothing to say. Nothing is done for each of
        them beside this: there may be a hundred thousand."""
        recalled = self.all.reader.folder.recalled(matched)
        if recalled is None:
            return {}
        found: dict[str, _File] = {
            name: {"path": name, "sha256": sha256, "size": size}
            for name, sha256, size in zip(recalled.paths, recalled.sha256s, recalled.sizes, strict=True)
        }
        for name in (*self._odd(recalled, unfit), *recalled.changed()):
            found.pop(name, None)
        return found

    def _odd(self, recalled: Recalled, unfit: _Unfit | None) -> Iterator[str]:
        """The files about which there is something to say."""
        inclusion, sizes = self.inclusion, recalled.on_disk
        most = inclusion.largest if inclusion else None
        if most is not None and max(sizes, default=0) > most:
            yield from (name for name, size in zip(recalled.paths, sizes, strict=True) if size > most)
        if unfit is not None and not (inclusion and inclusion.all_fit(recalled.paths, sizes)):
            yield from (name for name, size in zip(recalled.paths, sizes, strict=True) if unfit(name, size))

    def _digested(
        self, names: Iterable[str], where: Path, unfit: _Unfit | None = None, reasons: dict[str, str] | None = None
    ) -> Iterator[tuple[str, _File]]:
        """Files with their digests, but for those that are `unfit`, whose reasons are noted, or refused."""
        folder, largest = self.all.reader.folder, self.inclusion.largest if self.inclusion else None
        status_of, digest_of = folder.status, folder.digest
        for name in names:
            try:
                status = status_of(name)
                reason = unfit(name, status.st_size) if unfit else None
                if reason and reasons is not None:
                    reasons[name] = reason
                    continue
                if largest is not None and status.st_size > largest:
                    raise _too_large(name, status.st_size, largest)
                sha256, size = digest_of(name, status)
            except RefusedError as refused:
                self._report(refused, where)
            else:
                yield name, {"path": name, "sha256": sha256, "size": size}

    def _digest(self, name: str) -> _File:
        """Raises RefusedError for a file that is larger than the account takes, which is not read to find that out."""
        folder = self.all.reader.folder
        status = folder.status(name)
        largest = self.inclusion.largest if self.inclusion else None
        if largest is not None and status.st_size > largest:
            raise _too_large(name, status.st_size, largest)
        sha256, size = folder.digest(name, status)
        return {"path": name, "sha256": sha256, "size": size}

    def _tell_of_unfit(self, unfit: Mapping[str, str], fitting: Iterable[str], written: str, where: Path) -> None:
        """Nobody named the files that are left out, so there is a word about it."""
        directory = self._directory(where) or "."
        for reason in sorted(set(unfit.values())):
            names = [name for name, each in unfit.items() if each == reason]
            first, *others = (posixpath.relpath(name, directory) for name in names[:MOST_NAMED])
            several = f"{len(names)} files of '{written}' are {reason}, such as '{first}'; they are left out"
            message = several if others else f"'{first}' of '{written}' is {reason}, and is left out"
            suffixes = sorted({posixpath.splitext(name)[1] for name in names})
            ending = tuple(suffixes)
            by_type = others and all(suffixes) and not any(each.endswith(ending) for each in fitting)
            patterns = [f"*{each}" for each in suffixes] if by_type else [first, *others]
            shown = ", ".join(f"'{LEAVE_OUT}{each}'" for each in patterns[: MOST_NAMED - 1])
            hint = f"to say so, add {shown}{', …' if len(patterns) >= MOST_NAMED else ''} to the list"
            self.all.reader.diagnostics.warning("left-out", message, self.tree.at(where), hint)

    # ── what is left out ──────────────────────────────────────────────────────────────────────────────────────────────

    def _exclusion(self, entry: Any, where: Path) -> Iterator[tuple[Exclusion, Path]]:
        """The exclusion that an entry of a list is, where it is one."""
        if isinstance(entry, str) and _takes_out(entry):
            yield from self._patterns([(entry.removeprefix(LEAVE_OUT), where)])

    def _excluded(self, entry: Any, path: Path) -> list[tuple[Exclusion, Path]]:
        """The exclusions of one entry."""
        written = entry.get("exclude", ()) if isinstance(entry, dict) else ()
        if isinstance(written, str):
            return list(self._patterns([(written, (*path, "exclude"))]))
        return list(self._patterns((each, (*path, "exclude", at)) for at, each in enumerate(written)))

    def _patterns(self, written: Iterable[tuple[Any, Path]]) -> Iterator[tuple[Exclusion, Path]]:
        for each, where in written:
            if isinstance(each, str) and each:
                try:
                    yield self.all.reader.folder.exclusion(self._directory(where), each), where
                except RefusedError as refused:
                    self._report(refused, where)

    def _tell_of_useless(self, exclusions: Iterable[tuple[Exclusion, Path]]) -> None:
        """A name that leaves nothing out was probably meant to; a glob may wait for what is to come."""
        for exclusion, where in exclusions:
            if exclusion.literal and not exclusion.used and not self.filling.covers(where):
                written = self._as_written(where)
                shown = exclusion.written if written is None else written.removeprefix(LEAVE_OUT)
                message = f"there is nothing for '{LEAVE_OUT}{shown}' to leave out"
                hint = None
                if written is None:
                    hint = self.all.reader.folder.similar(self._directory(where), exclusion.written)
                hint = hint.replace("'", f"'{LEAVE_OUT}", 1) if hint else "correct it, or remove it"
                self.all.reader.diagnostics.warning("left-out", message, self.tree.at(where), hint)

    def _tell_of_links(self, matched: Matched, where: Path) -> None:
        for refused in matched.refused:
            self._report(refused, where)
        for message in matched.passed:
            hint = "name what you want of it, or leave the link out with a pattern that begins with '!'"
            self.all.reader.diagnostics.warning("linked-folder", message, self.tree.at(where), hint)

    # ── where they are ────────────────────────────────────────────────────────────────────────────────────────────────

    def _directory(self, path: Path) -> str:
        source = self.tree.source(path)
        return "" if source.given else source.name.rpartition("/")[0]

    def _file(self, written: str, path: Path) -> str | None:
        try:
            return self.all.reader.folder.file(self._directory(path), written)
        except RefusedError as refused:
            self._report(refused, path)
            return None

    def _as_written(self, path: Path) -> str | None:
        """What stands at a place in the stead of its value, where that came from the environment; else None."""
        if not any(path[: len(each)] == each for each in self.filling.secret):
            return None
        node = self.tree.node(path)
        return node.text if node is not None and has_expressions(node.text) else "…"

    def _report(self, refused: RefusedError, path: Path) -> None:
        self.complete = False
        if self.filling.covers(path):  # what is wrong with it is told already
            return
        message, hint = refused.message, refused.hint
        written = self._as_written(path)
        if written is not None:
            quoted = f"'{_at(self.spec, path)}'"
            message = message.replace(quoted, f"'{written}'") if quoted in message else f"'{written}' cannot be used"
            hint = "correct it, or what the environment variable holds"
        elif refused.link is not None:
            # As a pattern from where the file stands, and not from the project's directory, as the link is named.
            name = glob.escape(posixpath.relpath(refused.link, self._directory(path) or "."))
            in_list = self.inclusion is not None and self.inclusion.form == "files"
            entry = f"'{LEAVE_OUT}{name}'" if in_list else f"exclude: ['{name}']"
            hint = f"{hint}, or leave it out: {entry}"
        self.all.reader.diagnostics.error(refused.code, message, self.tree.at(path), hint)


def _at(value: Any, path: Path) -> Any:
    for part in path:
        value = value[part]
    return value


def _too_large(name: str, size: int, largest: int) -> RefusedError:
    message = f"'{name}' has {size:,} bytes, over the API's {largest // 2**20} MiB"
    return RefusedError("file-too-large", message, "split it, or leave it out")


def _takes_out(written: str) -> bool:
    return len(written) > 1 and written.startswith(LEAVE_OUT)


def _joined(parts: Iterable[str]) -> str:
    return "\n\n".join(map(_without_last_line_end, parts))


def _without_last_line_end(text: str) -> str:
    return text.removesuffix("\n")
