"""Types of documents → the JSON Schema that is published of them.

A type says everything: docstrings of TypedDicts and texts in `Annotated` are descriptions, pairs in `Annotated` are
further keywords of a schema. Within one major format version fields are only added, so a schema does not forbid unknown
ones. Every schema resolves by itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

Schema = dict[str, Any]

_WORDS = {str: "string", int: "integer", float: "number", bool: "boolean", NoneType: "null"}


@dataclass(frozen=True, slots=True)
class Defined:
    """Gives a type that is no TypedDict a name in the schema; stands in `Annotated[Any, …]`.

    `type` is called for it, so that it may contain itself.
    """

    name: str
    description: str
    type: Callable[[], Any]


def document_schema(name: str, title: str, described: Any) -> Schema:
    """The schema of a type of documents, complete in itself."""
    made = _Definitions()
    top = made.fields(described) if is_typeddict(described) else made.schema(described)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:retinue:schema:{name}",
        "title": title,
        **top,
        "$defs": {each: made.found[each] for each in sorted(made.found)},
    }


class _Definitions:
    """Writes schemas of types, and collects what they refer to in `found`."""

    def __init__(self) -> None:
        self.found: dict[str, Schema] = {}

    def schema(self, described: Any) -> Schema:
        if is_typeddict(described):
            name = re.sub(r"(?<!^)(?=[A-Z])", "_", described.__name__.removesuffix("Document")).lower()
            return self._reference(name, lambda: self.fields(described))
        if isinstance(described, Defined):
            text = {"description": described.description}
            return self._reference(described.name, lambda: {**text, **self.schema(described.type())})
        if described in _WORDS:
            return {"type": _WORDS[described]}
        if described is Any:
            return {}
        origin, arguments = get_origin(described), get_args(described)
        if origin is NotRequired:
            return self.schema(arguments[0])
        if origin is Annotated:
            return self._annotated(*arguments)
        if origin in (Union, UnionType):
            return self._union(arguments)
        if origin is Literal:
            return {"const": arguments[0]} if len(arguments) == 1 else {"enum": [*arguments]}
        if origin is dict:
            return {"type": "object", "additionalProperties": self.schema(arguments[1])}
        if origin is list:
            return {"type": "array", "items": self.schema(arguments[0])}
        if origin is tuple:
            items, size = [*map(self.schema, arguments)], len(arguments)
            return {"type": "array", "prefixItems": items, "minItems": size, "maxItems": size}
        raise TypeError(f"no schema describes {described}")

    def fields(self, described: Any) -> Schema:
        """The schema of a TypedDict where it stands."""
        hints = get_type_hints(described, include_extras=True)
        return {
            "type": "object",
            **({"description": described.__doc__} if described.__doc__ else {}),
            "properties": {name: self.schema(hint) for name, hint in hints.items()},
            "required": [name for name, hint in hints.items() if get_origin(hint) is not NotRequired],
        }

    def _reference(self, name: str, make: Callable[[], Schema]) -> Schema:
        if name not in self.found:
            self.found[name] = {}  # what is being made may refer to itself
            self.found[name] = make()
        return {"$ref": f"#/$defs/{name}"}

    def _annotated(self, described: Any, *notes: str | tuple[str, Any] | Defined) -> Schema:
        named = next((each for each in notes if isinstance(each, Defined)), described)
        texts = [("description", each) for each in notes if isinstance(each, str)]
        return {**self.schema(named), **dict(texts), **dict(each for each in notes if isinstance(each, tuple))}

    def _union(self, arguments: tuple[Any, ...]) -> Schema:
        words = [_WORDS[each] for each in arguments if each in _WORDS]
        others = [self.schema(each) for each in arguments if each not in _WORDS]
        plain: list[Schema] = [{"type": words if len(words) > 1 else words[0]}] if words else []
        if not others:
            return plain[0]
        # Documents of several types exclude each other: they say which they are.
        return {"oneOf" if all(map(is_typeddict, arguments)) else "anyOf": [*others, *plain]}
