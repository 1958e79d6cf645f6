"""Data against a JSON Schema: quickly when it is valid, in our own words when it is not.

jsonschema-rs says yes at once and is believed; whatever it does not take, jsonschema looks at again and has the last
word, since only its findings say enough to be put into words. So a false no costs time, and a test looks for a false
yes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from retinue.config.schema.schema_messages import SchemaMessages
from retinue.config.yaml.syntax_tree import Tree
from retinue.model.declared import Problem
from retinue.model.values import Path

if TYPE_CHECKING:
    import jsonschema
    import jsonschema_rs


class Validator:
    """One schema, prepared once for any number of values, when the first comes: most kinds are declared nowhere."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._raw = schema

    def problems(self, value: Any, tree: Tree, label: str, *, secret: Collection[Path] = frozenset()) -> list[Problem]:
        """What is wrong with `value`; `label` names it as a whole. Values at `secret` paths are not quoted."""
        if _is_valid(self._fast, value):
            return []
        messages = SchemaMessages(label, lambda path: _written(tree, path), secret)
        return [problem for error in self._thorough.iter_errors(value) for problem in messages.problems(error)]

    @cached_property
    def _fast(self) -> jsonschema_rs.Draft202012Validator:
        import jsonschema_rs

        return jsonschema_rs.Draft202012Validator(dict(self._raw))

    @cached_property
    def _thorough(self) -> jsonschema.Draft202012Validator:
        # It takes longer to import than a thousand valid declarations take to check.
        from jsonschema import Draft202012Validator

        return Draft202012Validator(_locatable(self._raw))


def schema_problems(schema: Any, path: Path) -> list[Problem]:
    """What keeps a value, which stands at `path`, from being a JSON Schema: what the meta-schema has against it."""
    if _is_valid(_meta_schema(), schema):
        return []
    from jsonschema import Draft202012Validator

    messages = SchemaMessages("the schema", lambda _: None)
    meta = Draft202012Validator(Draft202012Validator.META_SCHEMA)
    try:
        found = [problem for error in meta.iter_errors(schema) for problem in messages.problems(error)]
    except RecursionError:
        return [Problem("too-deep", path, "the schema is nested too deep to check", "flatten it")]
    return [
        Problem("bad-json-schema", (*path, *each.path), f"not a JSON Schema: {each.message}", each.hint, key=each.key)
        for each in dict.fromkeys(found)
    ]


@cache
def _meta_schema() -> jsonschema_rs.Draft202012Validator:
    import jsonschema_rs

    return jsonschema_rs.Draft202012Validator({"$ref": "https://json-schema.org/draft/2020-12/schema"})


def _is_valid(validator: jsonschema_rs.Draft202012Validator, value: Any) -> bool:
    try:
        return validator.is_valid(value)
    except ValueError:  # a value that it does not know, such as a secret, which is a string of a class of its own
        return False


def _locatable(schema: Any) -> Any:
    """The schema with `not: {}` for every `false`: jsonschema does not say which property a `false` refused."""
    if schema is False:
        return {"not": {}}
    if isinstance(schema, Mapping):
        return {word: _locatable_below(word, value) for word, value in schema.items()}
    return schema


def _locatable_below(word: str, value: Any) -> Any:
    if word == "properties":
        return {name: _locatable(each) for name, each in value.items()}
    if word in ("anyOf", "allOf", "oneOf"):
        return [_locatable(each) for each in value]
    if word in ("items", "then", "else") or (word == "additionalProperties" and value is not False):
        return _locatable(value)
    return value


def _written(tree: Tree, path: Path) -> str | None:
    """How a scalar without quotes stands in the file: `1.10` where the data has 1.1."""
    node = tree.node(path)
    return node.text if node is not None and node.shape == "scalar" and node.plain else None
