"""Looking at declarations offline: what they come to, and how they differ between environments and revisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from retinue.config import Loaded, Project
from retinue.config.explain import Stretch, explained, sources, stretches, written
from retinue.config.git_revision import checked_out
from retinue.config.problems import did_you_mean, listed
from retinue.config.project import PROJECT_FILE, find, shared_directories
from retinue.config.yaml.writer import write_yaml
from retinue.errors import DeclarationError, UsageError
from retinue.kinds import all_kinds
from retinue.kinds.kind import Kind, Kinds
from retinue.model.declared import HOW_CHOSEN, Declaration, Diagnostic, Position
from retinue.model.selector import ALL, Selection
from retinue.model.values import Address
from retinue.planning.declaration_diff import Contrast, Side, contrast
from retinue.planning.redaction import printable_address
from retinue.planning.selection import candidates, pick
from retinue.session import Reading, Where, check_loaded, load_from, read, read_loaded


@dataclass(frozen=True, slots=True)
class Rendered:
    """Declarations with everything filled in, merged and read in its place."""

    reading: Reading
    loaded: Loaded
    declarations: tuple[Declaration, ...]
    kinds: Kinds

    def data(self) -> dict[str, Any]:
        """Sections, names and specifications, as in a file of declarations."""
        return self._sections(
            {each.address: written(each, self.kinds[each.address.kind]) for each in self.declarations}
        )

    def _kind(self, declaration: Declaration) -> Kind:
        return self.kinds[declaration.address.kind]

    def yaml(self, *, explain: bool = False) -> str:
        """A file of declarations that comes to the same; with `explain`, each line says where its value is from."""
        if not explain:
            return write_yaml(self.data(), comment=self._title(), printed=True)
        variables = self.loaded.variables
        noted = {each.address: explained(each, self._kind(each), variables) for each in self.declarations}
        return write_yaml(self._sections(noted), comment=self._title(), printed=True)

    def document(self, *, explain: bool = False) -> dict[str, Any]:
        """The same as JSON data."""
        if not explain:
            return self.data()
        return {
            "stack": self.reading.project.stack,
            "environment": self.reading.project.environment,
            "declarations": [self._explained(each) for each in self.declarations],
        }

    def field(self, name: str, *, explain: bool = False) -> Any:
        """One field of the one declaration. Raises UsageError where there are several, or no such field."""
        if len(self.declarations) != 1:
            hint = f"name it, such as 'retinue render assistant.NAME --only {name}'"
            raise UsageError("--only is about a field of one declaration", hint=hint)
        (declaration,) = self.declarations
        spec = written(declaration, self._kind(declaration))
        if name not in spec:
            meant = did_you_mean(name, spec, otherwise=f"it has: {listed(spec)}")
            raise UsageError(f"{declaration.address} has no field '{name}'", hint=meant)
        if not explain or isinstance(spec[name], str):
            return spec[name]
        return explained(declaration, self._kind(declaration), self.loaded.variables).value[name]

    def stretches(self, field: str) -> list[Stretch]:
        """Where the lines of a text of the one declaration come from."""
        return stretches(self.declarations[0], field)

    def _explained(self, declaration: Declaration) -> dict[str, Any]:
        kind = self._kind(declaration)
        place = declaration.places.at((), key=True)
        return {
            "address": str(declaration.address),
            "position": {"file": place.file, "line": place.line, "column": place.column},
            "spec": written(declaration, kind),
            "sources": [
                {
                    "path": list(each.path),
                    "file": each.position.file,
                    "line": each.position.line,
                    "column": each.position.column,
                    "also": list(each.also),
                }
                for each in sources(declaration, kind, self.loaded.variables)
            ],
        }

    def _title(self) -> str:
        project = self.reading.project
        chosen = HOW_CHOSEN.get(project.chosen_by or "", "")
        environment = f", environment {project.environment}{chosen}" if project.environment else ""
        return f"Stack {project.stack}{environment}. Paths are relative to the project."

    def _sections(self, specs: Mapping[Address, Any]) -> dict[str, Any]:
        sections: dict[str, Any] = {}
        for address, spec in specs.items():
            sections.setdefault(self.kinds[address.kind].section, {})[address.name] = spec
        return sections


def render(where: Where, selection: Selection = ALL) -> Rendered:
    """The declarations, or those that are selected, as they are in the environment.

    Raises DeclarationError when they hold mistakes, UsageError when there are none of those.
    """
    loaded = load_from(replace(where, offline=True))
    reading = read_loaded(loaded)
    kinds = all_kinds()
    among = candidates(loaded.declarations) if selection else ()
    meant = pick(selection, among, kinds, parts=True, left_out=loaded.left_out)
    chosen = [each for each in loaded.declarations if not selection or each.address in meant]
    order = list(kinds)
    chosen.sort(key=lambda each: (order.index(each.address.kind), each.address.name))
    return Rendered(reading, loaded, tuple(chosen), kinds)


# ── differences ───────────────────────────────────────────────────────────────────────────────────────────────────────


def diff_environments(where: Where, before: str, after: str, selection: Selection = ALL) -> Contrast:
    """How the declarations of the environment `after` differ from those of `before`, or those that are selected.

    Raises DeclarationError, UsageError for a selector that means nothing.
    """
    sides = [_side(name, read(replace(where, environment=name, offline=True))) for name in (before, after)]
    earlier, later = _narrowed(sides, selection)
    return contrast(earlier, later, all_kinds(), selection=selection)


def _narrowed(sides: list[Side], selection: Selection) -> list[Side]:
    """What is selected on either side, on both."""
    if not selection:
        return sides
    meant = pick(selection, [one for each in sides for one in candidates(each.declared)], all_kinds())
    return [replace(each, declared=tuple(one for one in each.declared if one.address in meant)) for each in sides]


def diff_base(where: Where, revision: str, selection: Selection = ALL) -> Contrast:
    """How the declarations of the working tree differ from those of a revision, or those that are selected.

    Raises DeclarationError when one of the two holds mistakes, RetinueError when there is no such revision.
    """
    where = replace(where, offline=True)
    now = read(where)
    file = find(where.start)
    name = file.name if file else PROJECT_FILE
    with checked_out(now.project.root, revision, lambda root: _shared(root / name)) as root:
        # Whatever was the default then, the two are compared in one environment.
        there = replace(where, start=root / (file.name if file else ""), environment=now.project.environment)
        then = _read_base(there, revision)
    before = Side(revision, None, now.project.environment, (), {}, now.project.chosen_by)
    if isinstance(then, Reading):
        before = replace(_side(revision, then), chosen_by=now.project.chosen_by)
    notes = () if isinstance(then, Reading) else (then,)
    before, after = _narrowed([before, _side("the working tree", now)], selection)
    return contrast(before, after, all_kinds(), settings=not selection, notes=notes, selection=selection)


def _shared(file: Path) -> tuple[str, ...]:
    return shared_directories(file) if file.is_file() else ()


def _side(name: str, reading: Reading) -> Side:
    project = reading.project
    declared, settings = reading.declared, _settings(project)
    return Side(name, project.stack, project.environment, declared, settings, project.chosen_by)


def _settings(project: Project) -> dict[str, Any]:
    """What the project file says besides declarations, without what may be a secret in it."""
    return {"stack": project.stack, "account": _shown_account(project.account), "api": project.api}


def _shown_account(account: Any) -> Any:
    if not isinstance(account, Mapping):
        return account
    known = ("local", "base_url", "api_key_env", "organization", "project")
    shown = {name: account[name] for name in known if name in account}
    if "base_url" in shown:
        try:
            shown["base_url"] = printable_address(str(shown["base_url"]))
        except ValueError:
            shown["base_url"] = "…"
    return {**shown, **{name: "…" for name in account if name not in known}}


def _read_base(where: Where, revision: str) -> Reading | str:
    """The declarations of a revision, or a sentence about why there are none."""
    if not where.start.is_file():
        return f"{revision} has no project here, so that everything is new"
    # A variable that is given now may not have been declared then.
    reading, found = check_loaded(load_from(where, strict=False))
    errors = [each for each in found if each.severity == "error"]
    if any(each.code == "unknown-environment" for each in errors):
        return f"{revision} has no environment '{where.environment}', so that everything is new"
    if reading is None:
        message = f"the declarations of {revision} hold mistakes, so that nothing can be compared with them"
        broken = Diagnostic(
            "error", "broken-base", message, None, "compare with another revision, or correct them there"
        )
        raise DeclarationError.of([*(_of_revision(each, revision) for each in found), broken])
    return reading


def _of_revision(each: Diagnostic, revision: str) -> Diagnostic:
    """A mistake that stands in a revision, said so: there it was, whatever the working tree has."""

    def there(place: Position) -> Position:
        return replace(place, file=f"{revision}:{place.file}")

    related = tuple((text, there(place)) for text, place in each.related)
    return replace(each, position=there(each.position) if each.position else None, related=related)
