"""What the declarations of a project refer to, offline."""

from __future__ import annotations

from fnmatch import fnmatchcase

from retinue.errors import UsageError
from retinue.kinds import all_kinds
from retinue.model.slips import near
from retinue.planning.reference_graph import ReferenceGraph, reference_graph
from retinue.session import Where, load_from, read_loaded


def graph(where: Where, selector: str | None = None) -> ReferenceGraph:
    """The graph of all declarations, or of what an address, or a pattern of addresses, has to do with.

    Raises DeclarationError where there are mistakes, UsageError where nothing fits.
    """
    loaded = load_from(where)
    read_loaded(loaded)
    made = reference_graph(loaded.declarations, all_kinds())
    if selector is None:
        return made
    part = made.around(lambda name: fnmatchcase(name, selector))
    if not part.nodes:
        close = near(selector, [each.name for each in made.nodes])
        hint = f"did you mean {close[0]}?" if close else "'retinue graph' shows all"
        raise UsageError(f"nothing that is declared is called '{selector}'", hint=hint)
    return part
