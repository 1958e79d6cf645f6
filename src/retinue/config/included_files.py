"""Which files are read as declarations: those that `include` matches, but for the overlays of environments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from glob import escape

from retinue.config.environment_overlays import environment_of
from retinue.config.globs import LEAVE_OUT, Exclusion, Pattern, left_out
from retinue.config.problems import Diagnostics, RefusedError, listed
from retinue.config.project import PROJECT_FILE
from retinue.config.project_files import Folder
from retinue.config.schema.project_schema import DEFAULT_INCLUDE
from retinue.model.declared import Position


def declaration_files(
    folder: Folder,
    included: Sequence[tuple[str, Position | None]],
    diagnostics: Diagnostics,
    *,
    own_name: str = PROJECT_FILE,
) -> list[str]:
    """The declaration files, sorted, each once. `included` are the globs, with the place where each was written."""
    found: set[str] = set()
    without = list(_exclusions(folder, included, diagnostics))
    wanted = [each for each in included if not each[0].startswith(LEAVE_OUT)]
    # Who only leaves something out means it to be left out of what there would be otherwise.
    refused: list[tuple[RefusedError, Position | None]] = []
    for glob, position in wanted or [(each, None) for each in DEFAULT_INCLUDE]:
        try:
            matched = folder.files("", glob, without=without)
        except RefusedError as error:
            refused.append((error, position))
            continue
        found.update(_without_overlays(matched.files, glob, position, diagnostics))
        refused += [(each, position) for each in matched.refused]
    for each, position in refused:
        # Nobody wrote the default globs, so nobody is wrong when one of them matches nothing.
        if position is not None or each.code != "no-match":
            out = f", or leave it out of 'include': '{LEAVE_OUT}{escape(each.link)}'" if each.link else ""
            hint = f"{each.hint}{out}" if each.hint else None
            diagnostics.error(each.code, each.message, position or Position(own_name, 1, 1), hint)
    found.discard(own_name)
    if not found and included and all(position is None for _, position in included):
        globs = listed((glob for glob, _ in included), conjunction="or")
        place = Position(own_name, 1, 1)
        diagnostics.warning("no-match", f"no file matches {globs}", place, "write a declaration, or set 'include:'")
    return sorted(found)


def _exclusions(
    folder: Folder, included: Sequence[tuple[str, Position | None]], diagnostics: Diagnostics
) -> Iterator[Exclusion]:
    """What `include` leaves out."""
    for glob, position in included:
        if glob.startswith(LEAVE_OUT):
            try:
                yield folder.exclusion("", glob.removeprefix(LEAVE_OUT))
            except RefusedError as refused:
                diagnostics.error(refused.code, refused.message, position, refused.hint)


def _without_overlays(
    files: list[str], glob: str, position: Position | None, diagnostics: Diagnostics
) -> Iterator[str]:
    """What a glob of `include` matches: overlays are found by their environment, and declare nothing without it."""
    if files == [glob] and environment_of(glob):
        message = f"'{glob}' is what an environment changes, which is found by its name"
        diagnostics.error("overlay-included", message, position, "take it out of 'include:', or move it")
    yield from (each for each in files if environment_of(each) is None)


def is_included(folder: Folder, include: Iterable[str], path: str) -> bool:
    """Whether a file, which need not be there, would be read as one of declarations."""
    globs = [each for each in include if not each.startswith(LEAVE_OUT)] or DEFAULT_INCLUDE
    out = [folder.exclusion("", each.removeprefix(LEAVE_OUT)) for each in include if each.startswith(LEAVE_OUT)]
    return any(Pattern(folder.inside("", each)).covers(path) for each in globs) and not left_out(path, out)
