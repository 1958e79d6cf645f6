"""An assistant as the arguments of `responses.create`, and back. Pure; ids are live ids on both sides.

The body of the Assistants API v2 is one side, the arguments are the other (SDK response_create_params). What this
version has no field for is kept in `extra`: arguments by name, and options of a tool as `tools.<tool>`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from retinue.kinds.fields import Convert, Field
from retinue.kinds.kind import Expansion, Kind
from retinue.kinds.stores import EDITED, Rendered
from retinue.model.declared import Problem
from retinue.model.paths import without_defaults
from retinue.model.values import Path

Json = dict[str, Any]

SAME = ("model", "instructions", "temperature", "top_p", "metadata")
# SDK file_search_tool_param: the one dated ranker has another name than in the Assistants API.
RANKERS = {"default_2024_08_21": "default-2024-11-15"}
_OLD_RANKERS = {new: old for old, new in RANKERS.items()}
# What a function without parameters is sent with: `parameters` is a required key (SDK function_tool_param).
_EMPTY: Json = {"type": "object", "properties": {}}
_EMPTY_STRICT: Json = {**_EMPTY, "additionalProperties": False}
_NOT_EXTRA = (*SAME, "input", "name", "description")
_INPUT = "the application gives it with each call"


def render(body: Mapping[str, Any]) -> Json:
    """The arguments for a body of the Assistants API v2."""
    extra = dict(body.get("extra") or {})
    arguments: Json = {key: body[key] for key in SAME if body.get(key) not in (None, {})}
    if body.get("reasoning_effort") is not None:
        arguments["reasoning"] = {"effort": body["reasoning_effort"]}
    chosen = body.get("response_format")
    if isinstance(chosen, Mapping):
        # Flattened, and strict is said as explicitly as for functions.
        schema = {"strict": False, **chosen["json_schema"]} if "json_schema" in chosen else {}
        arguments["text"] = {"format": {"type": chosen["type"], **schema}}
    listed = sorted(body.get("tools") or (), key=_part)
    tools = [_merged(_rendered_tool(each, body), extra.pop(_part(each), {})) for each in listed]
    tools += extra.pop("tools", [])
    if tools:
        arguments["tools"] = tools
    merged: Json = _merged(arguments, extra)
    return merged


def _rendered_tool(tool: Mapping[str, Any], body: Mapping[str, Any]) -> Json:
    kind = tool["type"]
    resources = (body.get("tool_resources") or {}).get(kind) or {}
    if kind == "function":
        function = tool["function"]
        strict = bool(function.get("strict"))
        empty = _EMPTY_STRICT if strict else _EMPTY
        return {**function, "type": kind, "parameters": function.get("parameters") or empty, "strict": strict}
    if kind == "file_search":
        options = dict(tool.get("file_search") or {})
        ranking = dict(options.get("ranking_options") or {})
        if "ranker" in ranking:
            ranking["ranker"] = RANKERS.get(ranking["ranker"], ranking["ranker"])
        options |= {"ranking_options": ranking} if ranking else {}
        return {"type": kind, "vector_store_ids": list(resources.get("vector_store_ids") or ()), **options}
    if kind == "code_interpreter":
        file_ids = list(resources.get("file_ids") or ())
        return {"type": kind, "container": {"type": "auto", **({"file_ids": file_ids} if file_ids else {})}}
    return dict(tool)


def read(arguments: Mapping[str, Any]) -> Json:
    """The body whose rendering these are; the inverse of `render`."""
    body: Json = {key: arguments[key] for key in SAME if key in arguments}
    extra: Json = {
        key: value for key, value in arguments.items() if key not in (*SAME, "tools", "reasoning", "text", "extra")
    }
    extra |= {"extra": arguments["extra"]} if "extra" in arguments else {}
    for part, key in (("reasoning", "effort"), ("text", "format")):
        rest = dict(arguments.get(part) or {})
        value = rest.pop(key, None)
        if part == "reasoning":
            body["reasoning_effort"] = value
        elif value is not None:
            body["response_format"] = _response_format(value)
        extra |= {part: rest} if rest else {}
    tools: list[Json] = []
    resources: Json = {}
    for tool in arguments.get("tools") or ():
        found = _read_tool(dict(tool), resources)
        if found is None:
            extra.setdefault("tools", []).append(dict(tool))
        else:
            tools.append(found)
            rest = _rest(dict(tool), _rendered_tool(found, {"tool_resources": resources}))
            extra |= {_part(found): rest} if rest else {}
    return {**body, "tools": tools, "tool_resources": resources, "extra": extra}


def _response_format(value: Mapping[str, Any]) -> Json:
    rest = {key: each for key, each in value.items() if key != "type"}
    return {"type": value.get("type"), **({"json_schema": rest} if rest else {})}


def _read_tool(tool: Json, resources: Json) -> Json | None:
    """The tool as the Assistants API has it; None for one it does not know."""
    kind = tool.get("type")
    if kind == "function":
        function = {key: tool[key] for key in ("name", "description", "parameters", "strict") if key in tool}
        return {"type": kind, "function": function}
    if kind == "file_search":
        resources[kind] = {"vector_store_ids": tool.get("vector_store_ids") or []}
        ranking = {
            key: each
            for key, each in (tool.get("ranking_options") or {}).items()
            if key in ("ranker", "score_threshold")
        }
        if "ranker" in ranking:
            ranking["ranker"] = _OLD_RANKERS.get(ranking["ranker"], ranking["ranker"])
        options = {"max_num_results": tool.get("max_num_results"), "ranking_options": ranking or None}
        return {"type": kind, kind: {key: each for key, each in options.items() if each is not None}}
    if kind == "code_interpreter":
        container = tool.get("container")
        resources[kind] = {"file_ids": (container.get("file_ids") or []) if isinstance(container, Mapping) else []}
        return {"type": kind}
    return None


def _rest(value: Mapping[str, Any], known: Mapping[str, Any]) -> Json:
    """What `value` has beyond `known`, part by part."""
    rest: Json = {}
    for key, each in value.items():
        if isinstance(each, Mapping) and isinstance(known.get(key), Mapping):
            inner = _rest(each, known[key])
            rest |= {key: inner} if inner else {}
        elif key not in known or known[key] != each:
            rest[key] = each
    return rest


def _merged(value: Any, more: Any) -> Any:
    if not (isinstance(value, Mapping) and isinstance(more, Mapping)):
        return more
    return {**value, **{key: _merged(value[key], each) if key in value else each for key, each in more.items()}}


def _part(tool: Mapping[str, Any]) -> str:
    """The key of `extra` for further options of a tool."""
    kind = str(tool["type"])
    return f"tools.{kind}/{tool['function'].get('name')}" if kind == "function" else f"tools.{kind}"


# ── the home ──────────────────────────────────────────────────────────────────────────────────────────────────────────

EXTRA = {
    "type": "object",
    "description": "What Retinue has no field for: further fields, or with 'api: responses' arguments, by name.",
    "propertyNames": {"minLength": 1},
}


def responses_home(kind: Kind) -> Kind:
    """The same kind of assistant, kept as arguments of calls."""
    fields = tuple(
        replace(each, canonical=_canonical_tools(each.canonical or dict), carry_over=None)
        if each.name == "tools"
        else each
        for each in kind.fields
        if not each.rest
    )

    def check(spec: Mapping[str, Any]) -> Iterable[Problem]:
        # Metadata has room for all that is declared: the tag and the record of files stand beside the arguments.
        yield from kind.check({key: value for key, value in spec.items() if key not in ("metadata", "extra")})
        yield from _check(spec)

    def expand(spec: Mapping[str, Any]) -> Expansion:
        expanded, origins = kind.expand(spec)
        if "tools" in expanded:
            expanded["tools"] = [_with_old_ranker(each) for each in expanded["tools"]]
        return expanded, origins

    return replace(
        kind,
        home="responses",
        talk="responses",
        fields=(*fields, Field("extra", default={}, canonical=_canonical_extra), Field(EDITED)),
        expand=expand,
        check=check,
        store=Rendered(render=render, read=read, title="the Responses API", home="responses"),
    )


def _with_old_ranker(tool: Mapping[str, Any]) -> Json:
    """Both names of a ranker mean the same; compared is the one that both homes have."""
    options = tool.get("file_search") or {}
    ranking = options.get("ranking_options") or {}
    if ranking.get("ranker") not in _OLD_RANKERS:
        return dict(tool)
    ranking = {**ranking, "ranker": _OLD_RANKERS[ranking["ranker"]]}
    return {**tool, "file_search": {**options, "ranking_options": ranking}}


def _canonical_extra(extra: Mapping[str, Any]) -> Json:
    """Without additions of nothing, which leave no trace in the arguments."""
    parts = ("reasoning", "text", "tools")
    return {key: each for key, each in extra.items() if each or not (key in parts or key.startswith("tools."))}


def _canonical_tools(convert: Convert | None) -> Convert:
    """As the Assistants API has them, but nobody fills in rankers here: the dated one was chosen."""

    def canonical(tools: Iterable[Mapping[str, Any]]) -> Json:
        listed = list(tools)
        found: Json = convert(listed) if convert else {}
        for tool in listed:
            options = tool.get("file_search") or {}
            ranker = (options.get("ranking_options") or {}).get("ranker")
            if ranker in RANKERS:
                place = found["file_search"].setdefault("ranking_options", {})
                place["ranker"] = ranker
        for key, function in found.items():
            if key.startswith("function/") and function.get("strict"):
                found[key] = without_defaults(function, {"parameters": _EMPTY_STRICT})
        return found

    return canonical


def _check(spec: Mapping[str, Any]) -> Iterable[Problem]:
    listed = spec.get("tools", [])
    searches = any(each.get("type") == "file_search" for each in listed)
    if searches and not spec.get("vector_store_ids"):
        yield Problem(
            "missing-field",
            ("tools", "file_search"),
            "file_search needs a 'vector_store' with 'api: responses'",
            "name a declared vector store, or {id: vs_…}",
        )
    chosen = spec.get("response_format")
    schema = chosen.get("json_schema") if isinstance(chosen, Mapping) else None
    if schema is not None and "schema" not in schema:
        yield Problem(
            "missing-field",
            ("response_format", "json_schema"),
            "a json_schema needs a 'schema' with 'api: responses'",
            "write the schema, or {file: name.schema.json}",
        )
    extra = _canonical_extra(spec.get("extra") or {})
    problems = list(_check_extra(extra, {_part(each) for each in listed}))
    body = {"tools": listed, "extra": extra}
    if not problems and _canonical_extra(read(render(body))["extra"]) != extra:
        problems = [Problem("misplaced-field", ("extra",), "'extra' says again, or otherwise, what other fields say")]
    yield from problems


def _check_extra(extra: Mapping[str, Any], parts: set[str]) -> Iterable[Problem]:
    nested = {("reasoning", "effort"): "reasoning_effort", ("text", "format"): "response_format"}
    for key, value in extra.items():
        path: Path = ("extra", key)
        if key in _NOT_EXTRA:
            where = _INPUT if key == "input" else f"declare it as the field '{key}'"
            yield Problem("misplaced-field", path, f"'{key}' cannot be given as extra", where, key=True)
        elif key.startswith("tools.") and key not in parts:
            known = ", ".join(sorted(parts))
            yield Problem(
                "unknown-field",
                path,
                f"there is no tool '{key.removeprefix('tools.')}' to give options to",
                f"tools: {known}" if known else "list the tool under 'tools' first",
                key=True,
            )
        elif key == "tools" and not _are_other_tools(value):
            yield Problem(
                "wrong-type",
                path,
                "extra tools must be a list of tools with a 'type' that 'tools' does not know",
                "write [{type: web_search}]",
            )
        for (part, inner), name in nested.items():
            if key == part and isinstance(value, Mapping) and inner in value:
                yield Problem("misplaced-field", (*path, inner), f"'{part}.{inner}' is the field '{name}'")


def _are_other_tools(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(each, Mapping)
        and isinstance(each.get("type"), str)
        and each["type"] not in ("function", "file_search", "code_interpreter")
        for each in value
    )
