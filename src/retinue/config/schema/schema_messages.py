"""jsonschema's findings → problems in our words: what is wrong, in which field, and what to write instead."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from retinue.config.problems import did_you_mean, listed, pattern_hint
from retinue.model.declared import Problem
from retinue.model.slips import near
from retinue.model.values import Path

# jsonschema's own ValidationError; its stubs call most attributes possibly unset, which they are not once it is raised.
Finding = Any

_ARTICLES = {
    "string": "a string",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "nothing",
}
_ACTUAL = {**_ARTICLES, "integer": "a number", "boolean": "a boolean", "null": "empty"}
_SWITCHES = frozenset(("yes", "no", "on", "off", "y", "n"))


class SchemaMessages:
    """Puts errors about one value into words. `label` names the value as a whole: "the assistant 'tutor'".

    `written` gives the characters of a scalar without quotes, None for anything else. `secret` are the paths
    of values that must not be shown.
    """

    def __init__(
        self, label: str, written: Callable[[Path], str | None], secret: Collection[Path] = frozenset()
    ) -> None:
        self._label = label
        self._written = written
        self._secret = secret

    def problems(self, error: Finding) -> Iterator[Problem]:
        path: Path = tuple(error.absolute_path)
        if error.validator in ("anyOf", "oneOf"):
            yield from self._of_branches(error, path)
        elif _is_of_key(error, path):
            yield self._bad_key(error, (*path, error.instance))
        elif error.validator == "additionalProperties" and isinstance(error.instance, Mapping):
            yield from self._unknown_fields(error, path)
        elif error.validator == "required":
            missing = re.findall(r"^'(.*)' is a required", error.message)[0]
            if missing in self._meant(error):
                return
            yield Problem(
                "missing-field",
                path,
                f"'{missing}' is missing in {self._subject(path)}",
                f"add '{missing}: …'{error.schema.get('$comment', '')}",
                key=True,
            )
        else:
            yield self._plain(error, path)

    @staticmethod
    def _meant(error: Finding) -> set[str]:
        """The fields that unknown ones were probably meant to be: it is enough to say so."""
        known = error.schema.get("properties", {})
        unknown = [name for name in error.instance if name not in known]
        return {each for name in unknown for each in near(name, known)[:1]}

    # ── choices ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _of_branches(self, error: Finding, path: Path) -> Iterator[Problem]:
        """Speak about the branch the author meant: the one whose shape is right and whose fields are known."""
        by_branch: dict[int, list[Finding]] = defaultdict(list)
        for each in error.context or ():
            by_branch[int(each.relative_schema_path[0])].append(each)
        branches: list[Any] = error.validator_value
        fitting = [index for index, errors in by_branch.items() if not any(_is_of_other_shape(each) for each in errors)]
        if not fitting:
            yield self._wrong_type(error.instance, {"anyOf": branches}, path)
            return
        chosen = max(fitting, key=lambda index: (_known_keys(error.instance, branches[index]), -len(by_branch[index])))
        for each in by_branch[chosen]:
            if each.validator == "enum" and not each.relative_path and len(branches) > 1:
                yield self._not_allowed(each, path, branches)
            else:
                yield from self.problems(each)

    # ── one error ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _plain(self, error: Finding, path: Path) -> Problem:
        value, limit, name = error.instance, error.validator_value, self._subject(path)
        match error.validator:
            case "type":
                return self._wrong_type(value, error.schema, path)
            case "enum" | "const":
                return self._not_allowed(error, path, [error.schema])
            case "not":
                hint = error.schema.get("$comment", "remove it")
                return Problem("misplaced-field", path, f"{name} is not allowed here", hint, key=True)
            case "maxLength":
                message = f"{name} has {len(value):,} characters, but {limit:,} is the most"
                return Problem("too-long", path, message, f"cut {len(value) - limit:,} or more of them")
            case "minLength":
                return Problem("too-short", path, f"{name} is empty", "write something, or remove it")
            case "maxItems" | "maxProperties":
                return self._too_many(value, limit, path)
            case "minItems" | "minProperties":
                word = "an empty list" if isinstance(value, list) else "an empty mapping"
                return Problem("too-few", path, f"{name} is {word}", "write something into it, or remove it")
            case "minimum" | "exclusiveMinimum":
                return Problem("out-of-range", path, f"{name} is {value}, but {limit} is the least", None)
            case "maximum" | "exclusiveMaximum":
                return Problem("out-of-range", path, f"{name} is {value}, but {limit} is the most", None)
            case "pattern":
                code = "not-allowed-value" if "://" in limit else "bad-name"
                return Problem(code, path, f"{name} cannot be {self._value(value, path)}", pattern_hint(limit))
            case "uniqueItems":
                return Problem("duplicate-value", path, f"{name} holds a value twice", "remove one of the two")
            case _:
                return Problem("invalid-value", path, f"{name} is not valid: {_short(error.message)}", None)

    def _wrong_type(self, value: Any, schema: Any, path: Path) -> Problem:
        expected = _expectations(schema)
        either = f"{', '.join(expected[:-1])} or {expected[-1]}" if len(expected) > 1 else expected[0]
        wants_whole = "a whole number" in expected and isinstance(value, float)
        actual = self._value(value, path) if wants_whole else _ACTUAL[_word_of(value)]
        message = f"{self._subject(path)} is {actual}, but {either} is expected"
        return Problem("wrong-type", path, message, self._type_hint(value, _types(schema), path))

    def _type_hint(self, value: Any, wanted: set[str], path: Path) -> str | None:
        written = self._written(path)
        if value is None:
            return "write a value, or remove the line"
        if path in self._secret:
            typed = "number" if wanted & {"number", "integer"} else "boolean" if "boolean" in wanted else None
            return f"give it to a variable with 'type: {typed}' as its default, and use that here" if typed else None
        if isinstance(value, str):
            if "boolean" in wanted and value.lower() in (*_SWITCHES, "true", "false"):
                return "write true or false" + ("" if written is not None else ", without quotes")
            if wanted & {"number", "integer"} and re.fullmatch(r"-?[0-9.]+", value):
                return f"remove the quotes: {value}"
            if "array" in wanted:
                return "start the line below with '- '" if len(value) > 40 else f"write a list: [{_in_yaml(value)}]"
            return None
        if "string" in wanted and not isinstance(value, (list, dict)):
            return f'quote it: "{written}"' if written is not None and "${{" not in written else None
        return None

    def _not_allowed(self, error: Finding, path: Path, branches: Iterable[Any]) -> Problem:
        value = error.instance
        allowed = [error.validator_value] if error.validator == "const" else list(error.validator_value or ())
        name = self._subject(path)
        if not isinstance(value, str):
            wanted = listed((str(each) for each in allowed), conjunction="or")
            return Problem("not-allowed-value", path, f"{name} cannot be {self._value(value, path)}", f"use {wanted}")
        strings = [each for each in allowed if isinstance(each, str)]
        hint = did_you_mean(value, strings)
        for branch in branches if hint is None else ():
            options = branch.get("properties", {}) if isinstance(branch, Mapping) else {}
            if value in options.get("type", {}).get("enum", ()):
                hint = f"write {{type: {value}}}"
        others = [branch for branch in branches if "enum" not in branch]
        words = (word for each in others for word in _shapes(each))
        choice = list(dict.fromkeys((*(f"'{each}'" for each in strings), *words)))
        hint = hint or (f"use {' or '.join(choice)}" if len(choice) <= 2 else f"use one of {', '.join(choice)}")
        return Problem("not-allowed-value", path, f"{name} cannot be {self._value(value, path)}", hint)

    def _too_many(self, value: Any, limit: int, path: Path) -> Problem:
        what = "entries" if isinstance(value, list) else "keys"
        message = f"{self._subject(path)} has {len(value):,} {what}, but {limit:,} is the most"
        hint = "start each with its own '- '" if limit == 1 and path and isinstance(path[-1], int) else None
        return Problem("too-many", path, message, hint or f"remove {len(value) - limit:,}")

    def _unknown_fields(self, error: Finding, path: Path) -> Iterator[Problem]:
        properties = error.schema.get("properties", {})
        known = [name for name, each in properties.items() if not (isinstance(each, Mapping) and "not" in each)]
        free = [each for each in known if each not in error.instance]
        for name in error.instance:
            if name not in known:
                otherwise = error.schema.get("$comment") or f"known: {listed(sorted(known), most=18)}"
                hint = did_you_mean(name, free or known, otherwise=otherwise)
                yield Problem("unknown-field", (*path, name), f"unknown field '{name}'", hint, key=True)

    def _bad_key(self, error: Finding, path: Path) -> Problem:
        key = str(error.instance)
        match error.validator:
            case "maxLength":
                message = f"the key '{_short(key)}' has {len(key)} characters, but {error.validator_value} is the most"
                return Problem("too-long", path, message, "shorten it", key=True)
            case "minLength":
                return Problem("too-short", path, "a key is empty", "give it a name", key=True)
            case "not":
                return Problem("reserved-key", path, f"the key '{key}' is kept for Retinue", "choose another", key=True)
            case _:
                hint = pattern_hint(str(error.validator_value))
                return Problem("bad-name", path, f"'{_short(key)}' is not a valid name", hint, key=True)

    def _value(self, value: Any, path: Path) -> str:
        """A value as it is quoted in a message, unless it came from where secrets come from."""
        if path in self._secret:
            return "what the environment variable holds"
        return f"'{_short(value)}'" if isinstance(value, str) else _short(json.dumps(value))

    def _subject(self, path: Path) -> str:
        if not path:
            return self._label
        last = path[-1]
        if isinstance(last, str):
            return f"'{last}'"
        owner = next((each for each in reversed(path) if isinstance(each, str)), None)
        return f"entry {last + 1} of '{owner}'" if owner else f"entry {last + 1}"


def _word_of(value: Any) -> str:
    """The JSON type of a value."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):  # a secret, too
        return "string"
    words = {int: "integer", float: "number", list: "array", dict: "object", type(None): "null"}
    return words[type(value)]


def _is_of_key(error: Finding, path: Path) -> bool:
    """Whether the error is about a key. Its path then ends at the mapping; in a schema of schemas it might go on."""
    return "propertyNames" in list(error.schema_path)[-2:-1] and path[-1:] != ("propertyNames",)


def _is_of_other_shape(error: Finding) -> bool:
    """Whether the error says that the value as a whole is of another shape than the branch is about."""
    if error.relative_path:
        return False
    if error.validator == "enum":
        return all(_word_of(each) != _word_of(error.instance) for each in error.validator_value)
    return bool(error.validator == "type")


def _types(schema: Any) -> set[str]:
    """The JSON types a schema takes any value of."""
    if not isinstance(schema, Mapping):
        return set()
    if "type" in schema:
        return {schema["type"]} if isinstance(schema["type"], str) else set(schema["type"])
    return {each for branch in schema.get("anyOf", ()) for each in _types(branch)}


def _expectations(schema: Any) -> list[str]:
    """What a schema asks for, in words."""
    if "enum" in schema:
        return [f"'{each}'" for each in schema["enum"]]
    names = schema.get("type", ())
    words = [_ARTICLES[each] for each in ([names] if isinstance(names, str) else names) if each != "null"]
    words += [each for branch in schema.get("anyOf", ()) for each in _expectations(branch)]
    words = list(dict.fromkeys(words))
    return ["a boolean" if each == "true or false" else each for each in words] if len(words) > 1 else words


def _shapes(schema: Any) -> list[str]:
    """The same; a mapping by what it has to hold, or by the first of what it may."""
    if schema.get("type") != "object" or not schema.get("properties"):
        return _expectations(schema)
    fields = schema.get("required") or list(schema["properties"])[:2]
    return [f"{{{', '.join(f'{each}: …' for each in fields)}}}"]


def _known_keys(value: Any, schema: Mapping[str, Any]) -> int:
    return len(set(value) & set(schema.get("properties", {}))) if isinstance(value, Mapping) else 0


def _in_yaml(text: str) -> str:
    """A string as it may stand inside of brackets."""
    return text if re.fullmatch(r"[A-Za-z][\w ./*-]*", text) else json.dumps(text, ensure_ascii=False)


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:60] + "…"
