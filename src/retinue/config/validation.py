"""Data against a JSON Schema: quickly when it is valid, in our own words when it is not."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from retinue.config.accepting import Accepts, compiled
from retinue.config.nodes import Tree
from retinue.model.declared import Problem
from retinue.model.values import Path

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator


class Validator:
    """One schema, prepared once for any number of values, when the first comes: most kinds are declared nowhere."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._raw = schema

    def problems(self, value: Any, tree: Tree, label: str, *, secret: Collection[Path] = frozenset()) -> list[Problem]:
        """What is wrong with `value`; `label` names it as a whole. Values at `secret` paths are not quoted."""
        if self._accepts is not None and self._accepts(value):
            return []
        from retinue.config.wording import Wording

        wording = Wording(label, lambda path: _written(tree, path), secret)
        return [problem for error in self._validator.iter_errors(value) for problem in wording.problems(error)]

    @cached_property
    def _schema(self) -> Any:
        return _locatable(self._raw)

    @cached_property
    def _accepts(self) -> Accepts | None:
        return compiled(self._schema)

    @cached_property
    def _validator(self) -> Draft202012Validator:
        # jsonschema takes longer to import than a thousand valid declarations take to check.
        from jsonschema import Draft202012Validator

        return Draft202012Validator(self._schema)


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
