"""Nodes → plain data: strings, numbers, booleans, nulls, lists, and mappings with string keys.

What a plain scalar means is the core schema of YAML 1.2, in which `no`, `on` and dates are strings. The API speaks
JSON, so the numbers JSON cannot say (infinity, not-a-number) are refused here.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from retinue.config.problems import Diagnostics
from retinue.config.source_text import Source
from retinue.config.yaml.syntax_tree import Node, Tree

_CORE = "tag:yaml.org,2002:"
_KNOWN_TAGS = frozenset(f"{_CORE}{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq"))
_STRING_TAGS = frozenset((f"{_CORE}str", "!"))


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document: plain data, and where each part of it stands."""

    data: Any
    tree: Tree


def construct(source: Source, node: Node, diagnostics: Diagnostics) -> Any:
    """The data of one document. What cannot be taken is reported and left out."""
    return _Constructor(source, diagnostics).value(node)


class _Constructor:
    def __init__(self, source: Source, diagnostics: Diagnostics) -> None:
        self._source = source
        self._diagnostics = diagnostics

    def value(self, node: Node) -> Any:
        if node.tag is not None:
            self._check_tag(node)
        if node.shape == "scalar":
            return self._scalar(node)
        if node.shape == "sequence":
            return [self.value(each) for each in node.entries]
        return self._mapping(node)

    def _scalar(self, node: Node) -> Any:
        if not node.plain and (node.tag is None or node.tag in _STRING_TAGS or node.tag not in _KNOWN_TAGS):
            return node.text
        try:
            return scalar(node.text)
        except BadNumberError:
            node.faulty = True
            shown = node.text if len(node.text) <= 40 else node.text[:40] + "…"
            message = f"'{shown}' is not a number that JSON has"
            self._diagnostics.error("bad-number", message, self._place(node), "quote it if it is a text")
            return node.text

    def _mapping(self, node: Node) -> dict[str, Any]:
        data: dict[str, Any] = {}
        first: dict[str, Node] = {}
        for key, value in node.pairs:
            if key.merges:
                continue
            if not self._is_name(key):
                continue
            if key.text in first:
                self._report_duplicate(key, first[key.text])
                continue
            first[key.text] = key
            data[key.text] = self.value(value)
        for other in node.merged():
            if other.shape == "mapping":
                data = {**self._mapping(other), **data}
            else:
                self._diagnostics.error(
                    "wrong-type",
                    "only a mapping can be merged with '<<'",
                    self._place(other),
                    "give it an alias of a mapping",
                )
        return data

    def _is_name(self, key: Node) -> bool:
        if key.shape != "scalar":
            self._diagnostics.error(
                "bad-key",
                "a key must be a string, this is a " + ("list" if key.shape == "sequence" else "mapping"),
                self._place(key),
            )
            return False
        if key.tag is not None:
            self._check_tag(key)
        if not key.plain:
            return True
        try:
            value = scalar(key.text)
        except BadNumberError:
            value = 0
        if isinstance(value, str):
            return True
        word = "empty" if value is None else "a boolean" if isinstance(value, bool) else "a number"
        message = f"a key must be a string, '{key.text}' is {word}" if key.text else "a key is missing before the ':'"
        self._diagnostics.error("bad-key", message, self._place(key), f'quote it: "{key.text}"' if key.text else None)
        return False

    def _report_duplicate(self, key: Node, first: Node) -> None:
        self._diagnostics.error(
            "duplicate-key",
            f"the key '{key.text}' stands here twice",
            self._place(key),
            "remove or rename one of the two",
            related=(("first written here", self._place(first)),),
        )

    def _check_tag(self, node: Node) -> None:
        if node.tag not in _KNOWN_TAGS and node.tag != "!":
            written = str(node.tag).replace(_CORE, "!!")
            self._diagnostics.error("yaml-tag", f"the tag '{written}' is not known", self._place(node), "remove it")

    def _place(self, node: Node) -> Any:
        return self._source.position(node.start)


# ── scalars ───────────────────────────────────────────────────────────────────────────────────────────────────────────


Scalar = str | int | float | bool | None

_WORDS: dict[str, bool | None] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
# A number starts with one of these; everything else is a string at first sight.
_NUMBER_START = frozenset("+-.0123456789")
_INTEGER = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_JSON = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")

# Python refuses to convert longer runs of digits, and no field of the API needs them.
_MOST_DIGITS = 300


class BadNumberError(ValueError):
    """Written like a number, but no JSON number."""


def scalar(text: str) -> Scalar:
    """The value of a plain scalar. Raises BadNumberError for a number that JSON does not have."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_START:
        return text
    if _NOT_JSON.fullmatch(text):
        raise BadNumberError(text)
    if _INTEGER.fullmatch(text):
        return int(_short(text))
    if _BASED.fullmatch(text):
        return int(_short(text), 0)
    if _FLOAT.fullmatch(text):
        number = float(text)
        if math.isinf(number):
            raise BadNumberError(text)
        return number
    return text


def _short(text: str) -> str:
    if len(text) > _MOST_DIGITS:
        raise BadNumberError(text)
    return text
