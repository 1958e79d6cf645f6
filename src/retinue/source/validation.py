"""Data against a JSON Schema: quickly when it is valid, in our own words when it is not."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from retinue.core.model import Path, Problem
from retinue.source.accepting import compiled
from retinue.source.nodes import Tree

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator


class Validator:
    """One schema, prepared once for any number of values."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema
        self._accepts = compiled(schema)

    def problems(self, value: Any, tree: Tree, label: str) -> list[Problem]:
        """What is wrong with `value`; `label` names it as a whole. Never raises on deep or odd data."""
        if self._accepts is not None and self._accepts(value):
            return []
        from retinue.source.wording import Wording

        wording = Wording(label, lambda path: _written(tree, path))
        return [problem for error in self._validator.iter_errors(value) for problem in wording.problems(error)]

    @cached_property
    def _validator(self) -> Draft202012Validator:
        # jsonschema takes longer to import than a thousand valid declarations take to check.
        from jsonschema import Draft202012Validator

        return Draft202012Validator(self._schema)


def _written(tree: Tree, path: Path) -> str | None:
    """How a scalar without quotes stands in the file: `1.10` where the data has 1.1."""
    node = tree.node(path)
    return node.text if node is not None and node.shape == "scalar" and node.plain else None
