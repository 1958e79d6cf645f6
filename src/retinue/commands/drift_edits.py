"""How changes that somebody made in the account are written into the declarations: which text becomes which.

What cannot be written is refused by itself, with its place. Nothing is written here; files() says what would be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from retinue.commands.composed_texts import part_edits
from retinue.config.declaration_sites import Site, UnwritableError, find_parts, find_site
from retinue.config.project_files import Folder
from retinue.config.yaml.editor import Edit, edited
from retinue.errors import RetinueError
from retinue.kinds.kind import Keyed, Kind
from retinue.model.declared import Declaration, Declared, Diagnostic
from retinue.model.paths import fits, show
from retinue.model.steps import FieldChange, Step
from retinue.model.values import ABSENT, Address, FileRef, Gone, Path, Ref, Sealed
from retinue.planning.matching import name_live
from retinue.planning.write_back import write_back
from retinue.session import Session

_MOST_NAMED = 5
"""Objects that one refusal names."""


@dataclass(slots=True)
class DriftEdits:
    """The edits so far. `refused` is everything that cannot be written, with the reason; `left` are texts in files that
    could not hold what is written elsewhere now."""

    session: Session
    declarations: Mapping[Address, Declaration]
    folder: Folder
    edits: dict[str, list[Edit]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    refused: list[tuple[tuple[Step, FieldChange], UnwritableError]] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def take_over(self, step: Step, change: FieldChange) -> None:
        declared = next(each for each in self.session.reading.declared if each.address == step.address)
        try:
            self._write(declared, step, change)
        except UnwritableError as error:
            self.refused.append(((step, change), error))

    def reasons(self) -> list[Diagnostic]:
        """Why what is refused cannot be written, with the place: of what several objects are made of, once."""
        folded: dict[tuple[object, ...], tuple[list[Address], UnwritableError]] = {}
        for (step, change), error in self.refused:
            shared = frozenset((step.address, *error.sharing)) if error.sharing else error.position
            key = (show(change.path), error.message, error.hint, shared)
            folded.setdefault(key, ([], error))[0].append(step.address)
        return [_refusal(str(path), addresses, error) for (path, *_), (addresses, error) in folded.items()]

    def _write(self, declared: Declared, step: Step, change: FieldChange) -> None:
        if change.field not in declared.spec:
            hint = "'retinue apply' resets it; declare it to keep it"
            raise UnwritableError("it is not declared any more", declared.position(), hint)
        kind = self.session.kinds[step.address.kind].at(step.home)
        declaration = self.declarations[step.address]
        origin, rest = _origin(declared, change.path)
        if kind.field(change.field).refs is not None:
            # Where several ids may stand in the API, the author may have to write one.
            rest = tuple(part for part in rest if isinstance(part, str))
        place: Path = (*origin, *rest)
        if origin == change.path[: len(origin)] or rest:
            value = ABSENT if change.before is ABSENT else _plain(change.before, declared, change.path)
        else:
            value = self._as_authors_write(declaration, kind, step.address, place)
        if not _is_text(value):
            message, hint = "it holds half of a surrogate pair, which no file can hold", "'retinue apply' sets it back"
            raise UnwritableError(message, declared.position(change.path), hint)
        if value is ABSENT or (value is None and len(place) == 1):
            self._remove(declaration, kind, place)
        elif self._set_parts(declaration, place, change.after, value):
            pass
        elif change.after is ABSENT and _keyed(kind, place[:-1]):
            self._append(declaration, kind, step.address, place)
        else:
            self._set(declaration, place, value)

    def _as_authors_write(self, declaration: Declaration, kind: Kind, address: Address, place: Path) -> Any:
        """What stands at a place of the declaration that would be written for the live object; ABSENT for nothing."""
        declared = {each.address: each for each in self.session.reading.declared}
        named = name_live(self.session.live, declared, self.session.kinds, self.session.project.stack)
        return _walk(write_back(named.owned[address], kind), declaration.spec, kind, place)

    def _remove(self, declaration: Declaration, kind: Kind, place: Path) -> None:
        # An entry of a list goes as a whole, whatever of it says what it is.
        entry = next((place[: at + 1] for at in range(1, len(place)) if _keyed(kind, place[:at])), place)
        site = self._site(declaration, entry if _is_identity(declaration, kind, place, entry) else place)
        if site.covers:
            self._add(site, _nested(site, None))
        elif not site.missing:
            self._add(site, Edit("remove", site.number, site.path))

    def _append(self, declaration: Declaration, kind: Kind, address: Address, place: Path) -> None:
        """An entry that somebody added to a list whose entries have an identity."""
        entries = self._as_authors_write(declaration, kind, address, place[:-1])
        keyed = _keyed(kind, place[:-1])
        found = [each for each in entries if keyed and keyed.key(each) == place[-1]] if entries is not ABSENT else []
        site = self._site(declaration, place[:-1])
        if not found or (site.missing and not site.covers):
            raise UnwritableError("it cannot be written as it is", site.position, "write it by hand")
        if site.missing:  # it adds up with what is below
            self._add(site, _nested(site, [found[0]]))
        else:
            self._add(site, Edit("append", site.number, site.path, found[0]))

    def _set_parts(self, declaration: Declaration, place: Path, declared: Any, value: Any) -> bool:
        """Edit the parts of a text that is put together of several; whether it is one."""
        kinds, known = self.session.kinds, self.declarations.values()
        parts = find_parts(declaration, place, kinds, self.folder)
        if not parts or not isinstance(declared, str) or not isinstance(value, str):
            return False
        found = part_edits(declaration, parts, declared, value, declarations=known, kinds=kinds, folder=self.folder)
        for part, text in found:
            site = part.site
            if site is None or (site.text is not None and not _fits_a_file(text)):
                message = f"no file holds the line ends of {part.name} as they are now"
                raise UnwritableError(message, part.node.position, "edit it by hand")
            _refuse_foreign(site)
            if site.text is not None:
                self._write_text(site, text)
            else:
                ended = f"{text}\n" if part.node.text.endswith("\n") else text
                self._add(site, Edit("set", site.number, site.path, ended))
        return True

    def _set(self, declaration: Declaration, place: Path, value: Any) -> None:
        site = self._site(declaration, place)
        if site.text is not None and isinstance(value, str) and not _fits_a_file(value):
            said = f"'{site.text}' as it is: no file holds such line ends or marks, so the text stands in place now"
            self.left += [said] if said not in self.left else []
            site = self._site(declaration, place, in_place=True)
        if site.text is not None:
            self._write_text(site, value)
        elif site.missing and isinstance(site.missing[0], int):
            self._add(site, Edit("append", site.number, site.path, value))
        elif len(site.missing) <= 1 or site.covers:
            self._add(site, _nested(site, value))
        else:
            message = f"there is no '{site.missing[0]}' to write it into"
            raise UnwritableError(message, site.position, "write it by hand")

    def _site(self, declaration: Declaration, place: Path, *, in_place: bool = False) -> Site:
        known = (self.declarations, self.session.kinds, self.folder)
        site = find_site(declaration, place, *known, in_place=in_place)
        _refuse_foreign(site)
        return site

    def _add(self, site: Site, edit: Edit) -> None:
        self.texts.setdefault(site.source.name, site.source.text)
        known = self.edits.setdefault(site.source.name, [])
        if edit not in known:
            known.append(edit)

    def _write_text(self, site: Site, value: Any) -> None:
        assert site.text is not None  # noqa: S101 - the caller looked
        if not isinstance(value, str):
            raise UnwritableError(f"it is a text in '{site.text}', and now is none", site.position, "write it by hand")
        before = self.folder.read(site.text).decode("utf-8")
        self.texts[site.text] = before
        end = "\r\n" if "\r\n" in before else "\n"
        mark = "\ufeff" if before.startswith("\ufeff") else ""
        # The line end that ends a file is no part of its text.
        text = f"{value}\n" if before.endswith("\n") or value.endswith("\n") else value
        self.edits[site.text] = [Edit("set", 0, (), mark + text.replace("\n", end))]

    def files(self) -> dict[str, tuple[bytes, bytes]]:
        """Path → the content as it is, and as it will be."""
        made = {}
        for name, edits in self.edits.items():
            before = self.folder.read(name)
            whole = next((each for each in edits if not each.path), None)
            if whole is not None:
                after = str(whole.value)
            else:
                mark = "\ufeff" if before.startswith(b"\xef\xbb\xbf") else ""
                try:
                    after = mark + edited(self.texts[name], edits)
                except (ValueError, LookupError, TypeError, AttributeError) as error:
                    hint = "edit it by hand, and run 'retinue drift' again"
                    raise RetinueError(f"'{name}' cannot be edited: {error}", hint=hint) from error
            made[name] = (before, after.encode("utf-8"))
        return made


def _refusal(path: str, addresses: list[Address], error: UnwritableError) -> Diagnostic:
    what = f"{path} of {_listed(addresses)}" if len(addresses) > 1 else f"{addresses[0]}.{path}"
    others = [each for each in error.sharing if each not in addresses]
    made = f", of which {_listed(others)} {'is' if len(others) == 1 else 'are'} made, too" if others else ""
    if error.sharing and not others:
        made = ", of which all of them are made"
    message = f"{what} cannot be accepted: {error.message}{made}"
    return Diagnostic("error", "not-acceptable", message, error.position, error.hint)


def _listed(addresses: Sequence[Address]) -> str:
    named = list(map(str, addresses[:_MOST_NAMED]))
    more = len(addresses) - len(named)
    return ", ".join(named) + (f" and {more:,} more" if more else "")


def _refuse_foreign(site: Site) -> None:
    """Raises UnwritableError for what is not the project's own."""
    name = site.text or site.source.name
    if name.startswith("../"):
        raise UnwritableError(f"'{name}' may be shared with other projects", site.position, f"edit '{name}' by hand")
    if site.source.given and site.text is None:
        raise UnwritableError(f"'{name}' is given on the command line", site.position, f"edit '{name}' by hand")


def _nested(site: Site, value: Any) -> Edit:
    """What sets the value at a site, with the maps that are missing around it."""
    for part in reversed(site.missing[1:]):
        value = {part: value}
    return Edit("set", site.number, (*site.path, *site.missing[:1]), value)


def _fits_a_file(text: str) -> bool:
    """Whether a text comes back from a file as it is: line ends are made alike there, and a mark is dropped."""
    return "\r" not in text and not text.startswith("\ufeff")


def _is_text(value: Any) -> bool:
    """Whether all of a value can be written to a file."""
    if isinstance(value, str):
        return value.isascii() or not any("\ud800" <= each <= "\udfff" for each in value)
    if isinstance(value, Mapping):
        return all(_is_text(each) for pair in value.items() for each in pair)
    return all(_is_text(each) for each in value) if isinstance(value, list) else True


def _origin(declared: Declared, path: Path) -> tuple[Path, Path]:
    """Where the author wrote the longest known part of a canonical path, and the rest of the path."""
    for cut in range(len(path), 0, -1):
        origin = declared.origins.get(path[:cut])
        if origin is not None:
            return origin, path[cut:]
    return path[:1], path[1:]


def _keyed(kind: Kind, place: Path) -> Keyed | None:
    """What identifies the entries of the list at a place of a declaration."""
    return next((each for each in kind.keyed if fits(place, each.pattern)), None)


def _is_identity(declaration: Declaration, kind: Kind, place: Path, entry: Path) -> bool:
    """Whether what stands at `place` is all that its entry of a list says, so that the entry goes with it."""
    if place == entry:
        return True
    keyed, written = _keyed(kind, entry[:-1]), _at(declaration.spec, entry)
    options = keyed.options(keyed.key(written) or "") if keyed else ()
    return place[len(entry) :] == tuple(options)


def _at(value: Any, path: Path) -> Any:
    for part in path:
        value = value[part]
    return value


def _plain(value: Any, declared: Declared, path: Path) -> Any:
    """A canonical value as its author writes it. Raises UnwritableError for what stands for something else."""
    if isinstance(value, Ref):
        return value.address.name
    if isinstance(value, Gone | FileRef | Sealed):
        message = f"it names {value.id}, which is gone" if isinstance(value, Gone) else "it is a file of the project"
        raise UnwritableError(message, declared.position(path), "'retinue apply' sets it back")
    if isinstance(value, Mapping):
        return {key: _plain(each, declared, path) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each, declared, path) for each in value]
    return value


def _walk(live: Any, declared: Any, kind: Kind, place: Path, done: Path = ()) -> Any:
    """What stands at a place of a declaration in one that was written for the live object. Entries of lists are found
    by what identifies them."""
    if not place:
        return live
    part, rest = place[0], place[1:]
    if isinstance(part, int):
        keyed = _keyed(kind, done)
        if not isinstance(live, list) or not isinstance(declared, list) or keyed is None:
            return ABSENT
        wanted = keyed.key(declared[part])
        found = next((each for each in live if keyed.key(each) == wanted), ABSENT)
        return ABSENT if found is ABSENT else _walk(found, declared[part], kind, rest, (*done, part))
    if not isinstance(live, Mapping) or part not in live:
        return ABSENT
    below = declared.get(part) if isinstance(declared, Mapping) else None
    return _walk(live[part], below, kind, rest, (*done, part))
