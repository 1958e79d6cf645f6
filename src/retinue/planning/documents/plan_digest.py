"""Plan → the digest by which somebody approves it: what would be done to which account, and what was found there.

Two plans have one digest when carrying out one is carrying out the other. What a plan only says about itself (places,
reasons, warnings, the order) does not count; every other part does, those that are added later included.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, fields
from typing import Any

from retinue.model.canonical import plain
from retinue.model.printable import masked_data
from retinue.model.steps import FieldChange, FileChange, Plan, Removal, Step
from retinue.model.tag import Tag, write_tag
from retinue.model.values import ABSENT, Address, FileRef

VERSION = "pd1"
DIGEST = re.compile(rf"{VERSION}:[0-9a-f]{{4}}(?:-[0-9a-f]{{4}}){{3}}")

_SAID: dict[type, frozenset[str]] = {
    # Of what is there before, only what is written over counts: `changes` and `expects` hold that.
    Step: frozenset({"before", "reason", "position", "needs", "protected"}),
    FieldChange: frozenset({"cause", "position"}),
    FileChange: frozenset({"cause", "position", "reason"}),
    Removal: frozenset(),
}
"""The parts of each type that say something and do nothing."""
_ADDED: Mapping[type, frozenset[str]] = {Step: frozenset({"held", "removes"}), FileChange: frozenset({"expects"})}
"""The parts that came later: they count where they say something, so that other plans keep their digests."""

_KEPT = 4_000
"""Characters of a text that is kept while others are made."""


def plan_digest(plan: Plan) -> str:
    """Such as `pd1:7c41-d2f0-93be-aa18`: 64 bits over the steps, the stack, and whose account it is.

    Retags do not count: they change nothing that anybody sees.
    """
    # The text is that of one JSON object, and of many long prompts it would be longer than all else there is: it is
    # never there as a whole.
    hashed = hashlib.sha256(
        f'{VERSION}\n{{"account":{_text(asdict(plan.account))},"stack":{_text(plan.stack)}'.encode()
    )
    lead = ',"steps":['
    for each in _in_order(plan.steps):
        hashed.update(f"{lead}{_text(each)}".encode())
        lead = ","
    hashed.update(b"]}" if plan.steps else b',"steps":[]}')
    hexadecimal = hashed.hexdigest()
    return f"{VERSION}:{'-'.join(hexadecimal[start : start + 4] for start in range(0, 16, 4))}"


def _in_order(steps: Iterable[Step]) -> Iterator[str]:
    """The texts of steps, sorted. Long ones are made again when they are needed, instead of being kept."""
    found: dict[str, list[str | Step]] = {}
    for step in steps:
        text = _text(_part(step))
        found.setdefault(text[:_KEPT], []).append(text if len(text) <= _KEPT else step)
    for beginning in sorted(found):
        yield from sorted(each if isinstance(each, str) else _text(_part(each)) for each in found[beginning])


def step_parts(step: Step) -> dict[str, Any]:
    """What counts of a step, by the names of its parts, as JSON data."""
    return _part(step)


def _part(part: Step | FieldChange | FileChange | Removal) -> dict[str, Any]:
    """What a part of a plan does, as JSON data."""
    done: dict[str, Any] = {}
    for each in fields(part):
        value = getattr(part, each.name)
        later = each.name in _ADDED.get(type(part), ())
        if each.name in _SAID[type(part)] or value is ABSENT or (later and not value):
            continue
        # A path is a tuple that has an order; the others are changes, files, ids.
        several = isinstance(value, tuple) and each.name != "path"
        named = str(part.path[-1]) if isinstance(part, FieldChange) else ""
        done[each.name] = _unordered(map(_value, filter(_counts, value))) if several else _value(value, named)
    return done


def _counts(part: Any) -> bool:
    """Whether a file is still being indexed depends on when somebody looked."""
    return not (isinstance(part, FileChange) and part.action == "wait")


def _value(value: Any, name: str = "") -> Any:
    match value:
        case FieldChange() | FileChange() | Removal():
            return _part(value)
        case Tag():
            return write_tag(value)
        case Address():
            return str(value)
        case FileRef():
            return {"retinue.file": value.path, "sha256": value.sha256}
        case Mapping():
            return {str(key): _value(each, str(key)) for key, each in value.items()}
        case list() | tuple():
            return [_value(each) for each in value]
    # A key counts as it is shown, so that a plan that was read from its document has its digest.
    return masked_data(plain(value), name)


def _unordered(parts: Iterable[Any]) -> list[str]:
    return sorted(_text(each) for each in parts)


def _text(data: Any) -> str:
    return json.dumps(data, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
