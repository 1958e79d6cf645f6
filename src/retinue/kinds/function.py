"""A function an assistant may call: declared once, inlined into every assistant that names it."""

from retinue.kinds._shapes import FUNCTION_NAME, FUNCTION_PROPERTIES
from retinue.kinds.kind import Inclusion, Kind

KIND = Kind(
    name="function",
    section="functions",
    title="function",
    pattern=FUNCTION_NAME,
    schema={
        "type": "object",
        "description": "A function that assistants call by its name.",
        "properties": FUNCTION_PROPERTIES,
        "additionalProperties": False,
    },
    inclusions=(Inclusion(("parameters",), "schema"),),
)
