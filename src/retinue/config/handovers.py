"""The sections that say whose an object is to be: their schemas, and their entries with places."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from retinue.config.filling import Filling
from retinue.config.interpolation import Values
from retinue.config.mistakes import Mistakes
from retinue.config.nodes import Tree
from retinue.config.patterns import ADDRESS
from retinue.config.validation import Validator
from retinue.model.declared import Handover, Verb
from retinue.model.values import NAME, Address

_ADDRESS = {
    "type": "string",
    "pattern": ADDRESS,
    "description": "kind.name, such as assistant.math-tutor.",
}


def _entries(description: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    item = {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }
    return {"type": "array", "description": description, "items": item}


HANDOVERS: dict[str, dict[str, Any]] = {
    "adopt": _entries(
        "Live objects that nobody owns and that become declared ones.",
        {"address": _ADDRESS, "id": {"type": "string", "minLength": 1, "description": "The live id: asst_…, vs_…."}},
    ),
    "moved": _entries(
        "Declared objects that have another name now; their live objects stay.",
        {"from": {**_ADDRESS, "description": "The old address."}, "to": {**_ADDRESS, "description": "The new one."}},
    ),
    "release": {
        "type": "array",
        "description": "Addresses that are declared no more and whose live objects stay, without an owner.",
        "items": _ADDRESS,
    },
    "takeover": _entries(
        "Objects of another stack that become this stack's.",
        {
            "address": _ADDRESS,
            "from_stack": {"type": "string", "pattern": f"^{NAME.pattern}$", "description": "The stack that has it."},
        },
    ),
}


def read_handovers(sections: Iterable[tuple[str, Any, Tree]], lookup: Values, mistakes: Mistakes) -> Iterator[Handover]:
    """The entries of all sections, but for those with mistakes, which are reported. Null is an empty section."""
    for section, written, tree in sections:
        if written is None:
            continue
        filling = Filling(tree, lookup, mistakes)
        entries = filling.shown(written, why="addresses and ids are printed", label=section)
        problems = Validator(HANDOVERS[section]).problems(entries, tree, f"'{section}'", secret=filling.secret)
        mistakes.place((each for each in problems if not (filling.covers(each.path) or tree.faulty(each.path))), tree)
        broken = {each.path[:1] for each in problems} | {path[:1] for path in filling.unfilled}
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
