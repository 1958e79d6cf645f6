"""The sections that say whose an object is to be: adopt, moved, release, takeover."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from retinue.config.interpolation import Interpolator, Values
from retinue.config.problems import Diagnostics
from retinue.config.schema.declaration_schema import HANDOVERS
from retinue.config.schema.validator import Validator
from retinue.config.yaml.syntax_tree import Tree
from retinue.model.declared import Handover, Verb
from retinue.model.values import Address


def read_handovers(
    sections: Iterable[tuple[str, Any, Tree]], lookup: Values, diagnostics: Diagnostics
) -> Iterator[Handover]:
    """The entries of all sections, but for those with mistakes, which are reported. Null is an empty section."""
    for section, written, tree in sections:
        if written is None:
            continue
        interpolator = Interpolator(tree, lookup, diagnostics)
        entries = interpolator.shown(written, why="addresses and ids are printed", label=section)
        problems = Validator(HANDOVERS[section]).problems(entries, tree, f"'{section}'", secret=interpolator.secret)
        interpolator.report(problems)
        broken = {each.path[:1] for each in problems} | {path[:1] for path in interpolator.unfilled}
        if () not in broken:
            for index, entry in enumerate(entries):
                if (index,) not in broken:
                    yield _handover(section, entry, tree, index)


def _handover(section: Any, entry: Any, tree: Tree, index: int) -> Handover:
    verb: Verb = section
    position = tree.at((index,))
    if isinstance(entry, str):
        return Handover(verb, Address.parse(entry), position)
    if verb == "moved":
        return Handover(verb, Address.parse(entry["to"]), position, origin=Address.parse(entry["from"]))
    return Handover(verb, Address.parse(entry["address"]), position, id=entry.get("id"), stack=entry.get("from_stack"))
