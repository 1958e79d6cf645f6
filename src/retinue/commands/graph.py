"""What the declarations of a project refer to, offline."""

from __future__ import annotations

from retinue.kinds import all_kinds
from retinue.model.selector import Selection, Selector
from retinue.planning.reference_graph import ReferenceGraph, reference_graph
from retinue.planning.selection import candidates, pick
from retinue.session import Where, load_from, read_loaded


def graph(where: Where, selector: Selector | None = None) -> ReferenceGraph:
    """The graph of all declarations, or of what has to do with those that a selector means.

    Raises DeclarationError where there are mistakes, UsageError where nothing fits.
    """
    loaded = load_from(where)
    read_loaded(loaded)
    kinds = all_kinds()
    made = reference_graph(loaded.declarations, kinds)
    if selector is None:
        return made
    meant = pick(Selection((selector,)), candidates(loaded.declarations), kinds, parts=True)
    return made.around(set(map(str, meant)))
