"""The tools of one assistant in another home, with the store and the files that they use."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any

from retinue.commands.migrate.original import Draft, Known
from retinue.commands.migrate.rules import AGENT_TOOLS, ARGUMENT_TOOLS
from retinue.kinds._assistant_tools import (
    FILE_SEARCH_OPTIONS,
    RANKER_DEFAULTS,
    RANKING_OPTIONS,
    canonical_tools,
    tool_key,
)
from retinue.kinds._shapes import FUNCTION_PROPERTIES
from retinue.kinds.assistant import MOST_CODE_FILES
from retinue.model.paths import dig

_RESOURCES = {"file_search": "vector_store_ids", "code_interpreter": "file_ids"}
_DATED_RANKER = "default_2024_08_21"
# SDK responses/file_search_tool_param: the name of the same ranker in the Responses API.
_DATED_RANKER_THERE = "default-2024-11-15"


class Tools:
    """Writes the tools of a draft, in the forms of declarations."""

    def __init__(self, made: Draft, known: Known) -> None:
        self._made = made
        self._known = known
        self._written: list[Any] = []
        self.further: list[Any] = []
        """Tools that only the Responses API has."""

    def read(self, tools: Any, resources: Any) -> None:
        held = {kind: self._ids(resources, kind) for kind in _RESOURCES}
        seen: set[str] = set()
        for tool in tools if isinstance(tools, list) else ():
            kind = tool.get("type") if isinstance(tool, Mapping) else None
            if kind in ARGUMENT_TOOLS and self._made.home == "responses":
                self._made.note(f"tools.{kind}", by="extra.argument")
                self.further.append(tool)
                continue
            if kind in AGENT_TOOLS and self._made.home == "agents":
                self._for_agents(tool, str(kind))
                continue
            if kind not in ("function", "file_search", "code_interpreter") or not _has_options(tool, kind):
                self._made.note(f"tools.{kind or '?'}", by="unknown_tool", value=tool)
                continue
            key = tool_key(tool)
            if key in seen:
                self._made.note(f"tools.{key}", by="repeated_tool", value=tool)
                continue
            seen.add(key)
            self._options(tool, str(kind), key)
            if kind == "function":
                self._function(tool, key)
            elif kind == "file_search":
                self._file_search(tool, held.pop(kind))
            else:
                self._code_interpreter(held.pop(kind))
        for kind, ids in held.items():
            if ids:
                self._made.note(f"tool_resources.{kind}", by="resources", value=ids)
        self._unknown_resources(resources)
        for name, value, form in (("tools", tools, list), ("tool_resources", resources, Mapping)):
            if value is not None and not isinstance(value, form):
                self._made.note(name, by="unknown", value=value)
        if self._written:
            self._made.spec["tools"] = self._written

    def _ids(self, resources: Any, kind: str) -> list[str]:
        part = resources.get(kind) if isinstance(resources, Mapping) else None
        ids = part.get(_RESOURCES[kind]) if isinstance(part, Mapping) else None
        return [str(each) for each in ids] if isinstance(ids, list) else []

    def _unknown_resources(self, resources: Any) -> None:
        for kind, part in resources.items() if isinstance(resources, Mapping) else ():
            inner = part if isinstance(part, Mapping) else {"": part}
            for key, value in inner.items():
                if key != _RESOURCES.get(kind) and value not in (None, "", [], {}):
                    name = f"tool_resources.{kind}.{key}".rstrip(".")
                    self._made.note(name, by="unknown", value=value)

    def _options(self, tool: Mapping[str, Any], kind: str, key: str) -> None:
        """Report the options that this version does not know."""
        known = {"function": ("name", *FUNCTION_PROPERTIES), "file_search": FILE_SEARCH_OPTIONS}.get(kind, ())
        options = tool.get(kind) or {}
        parts = [
            ("", tool, ("type", kind)),
            ("", options, known),
            ("ranking_options.", _ranking(tool), RANKING_OPTIONS),
        ]
        for prefix, part, names in parts:
            for name, value in part.items():
                if name not in names and value is not None:
                    self._made.note(f"tools.{key}.{prefix}{name}", by="unknown", value=value)

    # ── one method for each type ──────────────────────────────────────────────────────────────────────────────────────

    def _function(self, tool: Mapping[str, Any], key: str) -> None:
        name = f"tools.{key}"
        body = canonical_tools([tool])[key]
        if self._made.home == "agents":
            if not body.get("description"):
                self._made.note(name, by="tools.function.no_description", value=tool.get("function"))
                return
            if body.pop("strict", False):
                self._made.note(f"{name}.strict", by="tools.function.strict", value=True)
        not_strict = self._made.home == "responses" and not body.get("strict")
        self._made.note(name, by="tools.function.not_strict" if not_strict else "tools.function")
        if not_strict:
            body["strict"] = False
        ordered = {part: body[part] for part in ("description", "strict", "parameters") if part in body}
        self._written.append({"function": {"name": (tool.get("function") or {}).get("name"), **ordered}})

    def _for_agents(self, tool: Mapping[str, Any], kind: str) -> None:
        """A tool of a prompt that agents have under other names of its options (SDK persisted_agent_tool_param)."""
        if kind == "mcp" and not tool.get("server_url"):
            self._made.note(f"tools.{kind}", by="unknown_tool", value=tool.get("server_label"))
            return
        self._made.note(f"tools.{kind}", by="tools.mcp" if kind == "mcp" else "tools.web_search")
        options: dict[str, Any] = {}
        for name, value in tool.items():
            if name == "type" or value is None:
                continue
            if name == "filters" and isinstance(value, Mapping) and set(value) == {"allowed_domains"}:
                options["allowed_domains"] = value["allowed_domains"]
            elif name == "user_location" and isinstance(value, Mapping):
                options["location"] = {part: each for part, each in value.items() if part != "type" and each}
            elif name in AGENT_TOOLS[kind] and not (name == "allowed_tools" and not isinstance(value, list)):
                options[AGENT_TOOLS[kind][name]] = value
            elif name == "require_approval" and value == "never":
                continue  # agents do not ask
            else:
                secret = kind == "mcp" and name in ("authorization", "headers")
                by = "tools.mcp.authorization" if secret else "unknown"
                self._made.note(f"tools.{kind}.{name}", by=by, value="(not shown)" if secret else value)
        if kind == "mcp":
            url = options.pop("server_url")
            label = options.pop("server_label", "mcp")
            options = {"server_label": label, "transport": {"type": "http", "server_url": url}, **options}
            self._written.append({"mcp": options})
        else:
            self._written.append({"web_search": options} if options else "web_search")

    def _file_search(self, tool: Mapping[str, Any], ids: list[str]) -> None:
        field = "tools.file_search"
        if self._made.home == "responses" and not ids:
            self._made.note(field, by=f"{field}.no_store", value=dict(tool))
            return
        options = self._search_options(tool)
        if not self._made.note(field, value={**options, **({"vector_store_ids": ids} if ids else {})}):
            return
        ranker = _ranking(tool).get("ranker")
        if "ranking_options" in options and ranker != _DATED_RANKER_THERE:
            self._made.note(f"{field}.ranking_options")
        for more in ids[1:]:
            self._made.note(f"{field}.vector_store_ids", by="more_stores", value=more)
        if ids:
            options = {"vector_store": self._known.stores.get(ids[0], {"id": ids[0]}), **options}
        self._written.append({"file_search": options} if options else "file_search")

    def _search_options(self, tool: Mapping[str, Any]) -> dict[str, Any]:
        """What was chosen of max_num_results and ranking_options; a ranker is only written where it is not the rule."""
        options = dict(canonical_tools([tool])["file_search"])
        ranking = dict(options.pop("ranking_options", {}))
        ranker = _ranking(tool).get("ranker")
        ranking.pop("ranker", None)
        if ranker not in (None, *RANKER_DEFAULTS, _DATED_RANKER_THERE):
            self._made.note("tools.file_search.ranking_options.ranker", by="ranker", value=ranker)
        elif ranking and ranker in (_DATED_RANKER, _DATED_RANKER_THERE) and self._made.home == "responses":
            ranking = {"ranker": _DATED_RANKER, **ranking}
        return {**options, **({"ranking_options": ranking} if ranking else {})}

    def _code_interpreter(self, ids: list[str]) -> None:
        files = self._made.original.files
        kept = self._made.note("tools.code_interpreter")
        # Files that a stack uploaded are deleted with its assistant: what is to stay must not lean on them.
        stay = kept and not self._made.owned and len(ids) <= MOST_CODE_FILES
        if ids:
            self._made.note("tools.code_interpreter.files", by="files.stay" if stay else "files", value=ids)
        if files and not kept:
            self._made.note("tools.code_interpreter.files", by="files", value=list(files))
        if kept:
            listed: list[Any] = [posixpath.relpath(each, self._known.below) for each in files]
            listed += [{"id": each} for each in dict.fromkeys(ids)] if stay else []
            self._written.append({"code_interpreter": {"files": listed}} if listed else "code_interpreter")


def _has_options(tool: Mapping[str, Any], kind: str) -> bool:
    """Whether the options of a tool are where and what they are expected to be."""
    options = tool.get(kind) or {}
    if not isinstance(options, Mapping):
        return False
    return isinstance(options.get("ranking_options") or {}, Mapping)


def _ranking(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = dig(tool, ("file_search", "ranking_options")) or {}
    return found if tool.get("type") == "file_search" else {}
