"""A function an assistant may call: declared once, inlined into every assistant that names it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from retinue.kinds._shapes import FUNCTION_NAME, FUNCTION_PROPERTIES, HANDLER
from retinue.kinds.kind import Inclusion, Kind
from retinue.kinds.strict_schema import strict_function_problems
from retinue.model.declared import Problem


def check(spec: Mapping[str, Any]) -> Iterable[Problem]:
    return strict_function_problems(spec, ("parameters",))


KIND = Kind(
    name="function",
    section="functions",
    title="function",
    pattern=FUNCTION_NAME,
    schema={
        "type": "object",
        "description": "A function that assistants call by its name.",
        "properties": {**FUNCTION_PROPERTIES, "handler": HANDLER},
        "additionalProperties": False,
    },
    inclusions=(Inclusion(("parameters",), "schema"),),
    check=check,
)
