"""Functions that several assistants have become `functions:`, declared once and named; others stay where they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from retinue.core.canonical import canonical_json
from retinue.kinds._shapes import canonical_function
from retinue.migrate.draft import Draft

Function = Mapping[str, Any]


def share(drafts: Sequence[Draft], declared: Mapping[str, Function]) -> dict[str, Function]:
    """The functions to declare. Where one is used, or declared by the project already, its name takes its place.

    Of several functions with one name, the one that most assistants have is shared.
    """
    found: dict[str, list[Function]] = {}
    for made in drafts:
        for _, function in _functions(made):
            found.setdefault(str(function.get("name")), []).append(function)
    shared: dict[str, Function] = {}
    for name, functions in found.items():
        bodies = Counter(_body(each) for each in functions)
        body, users = bodies.most_common(1)[0]
        if name not in declared and users > 1:
            chosen = next(each for each in functions if _body(each) == body)
            shared[name] = {part: value for part, value in chosen.items() if part != "name"}
    for made in drafts:
        _name(made, {name: _body(each) for name, each in shared.items()}, by="tools.shared")
        _name(made, {name: _body(each, home=made.home) for name, each in declared.items()}, by="tools.declared")
    return shared


def _functions(made: Draft) -> Iterator[tuple[int, Function]]:
    for index, tool in enumerate(made.spec.get("tools", ())):
        if isinstance(tool, Mapping) and isinstance(tool.get("function"), Mapping):
            yield index, tool["function"]


def _name(made: Draft, bodies: Mapping[str, str], *, by: str) -> None:
    for index, function in list(_functions(made)):
        name = str(function.get("name"))
        if bodies.get(name) == _body(function):
            made.spec["tools"][index] = {"function": name}
            made.note(f"tools.function/{name}", by=by)


def _body(function: Function, *, home: str = "") -> str:
    """What makes functions the same. Agents have no strict mode, so there it makes no difference."""
    body = canonical_function(function)
    if home == "agents":
        body.pop("strict", None)
    return canonical_json(body)
