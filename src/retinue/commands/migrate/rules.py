"""What each home makes of each field of an assistant. Sources: SDK types/beta/agent_create_params.py and
persisted_agent_tool_param.py, types/responses/response_create_params.py; DOC migrate-to-responses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

Home = Literal["agents", "responses", "assistants-v2"]
HOMES: tuple[Home, ...] = ("agents", "responses", "assistants-v2")
Outcome = Literal["carried", "changed", "lost"]


class Rule(NamedTuple):
    """What becomes of a field, what that means, and for a loss the nearest alternative."""

    outcome: Outcome = "carried"
    message: str = ""
    instead: str = ""


KEPT = Rule()
SECTIONS: Mapping[Home, tuple[str, str]] = {
    "agents": ("agent", "agents"),
    "responses": ("assistant", "assistants"),
    "assistants-v2": ("assistant", "assistants"),
}
"""The kind and the section that a home's declarations have."""

PLAIN = (
    "model",
    "name",
    "description",
    "instructions",
    "metadata",
    "temperature",
    "top_p",
    "reasoning_effort",
    "response_format",
    "tools.function",
    "tools.file_search",
    "tools.code_interpreter",
)
"""Every field that a rule is about. Parts that only some homes lose have rules of their own."""

_ASSISTANTS: dict[str, Rule] = {
    **dict.fromkeys(PLAIN, KEPT),
    "files": Rule(
        "lost",
        "they end with the assistant that they were uploaded for, and their content cannot be read back",
        "put the files into the project and list them: code_interpreter: {files: […]}",
    ),
    "files.stay": Rule("carried", "stay where they are in the account, and are named by their ids"),
}

_RESPONSES: dict[str, Rule] = {
    **_ASSISTANTS,
    "description": Rule("carried", "stands beside the arguments of the call and is not sent"),
    "response_format": Rule("carried", "becomes text.format"),
    "reasoning_effort": Rule("carried", "becomes reasoning.effort"),
    "tools.function.not_strict": Rule(
        "changed", "functions are strict by default there: 'strict: false' is written to keep it as it was"
    ),
    "tools.file_search.ranking_options": Rule(
        "changed",
        "the ranker 'default_2024_08_21' is called 'default-2024-11-15' there: check the score threshold with real "
        "questions",
    ),
    "tools.code_interpreter": Rule("changed", "works in a container made with the call instead of one of the thread"),
    "tools.file_search.no_store": Rule(
        "lost", "file_search needs a vector store there", "declare a vector store and name it in the tool"
    ),
    "response_format.no_schema": Rule(
        "lost", "a json_schema needs its schema there", "write the schema and add response_format again"
    ),
}

_AGENTS: dict[str, Rule] = {
    "model": KEPT,
    "name": KEPT,
    "metadata": KEPT,
    "instructions": Rule(
        "changed", "they are appended to the agent's own base instructions, and no longer all that the model is told"
    ),
    "reasoning_effort": Rule("carried", "becomes reasoning.effort"),
    "response_format": Rule("carried", "becomes text.format"),
    "tools.function": KEPT,
    "tools.web_search": Rule("carried", "becomes the agent's own web search"),
    "tools.mcp": Rule("carried", "becomes a server of the agent, which is asked by OpenAI's service"),
    "tools.mcp.authorization": Rule(
        "lost", "an agent holds no secrets", "keep it in a credential of a vault and name that: mcp: {credential: …}"
    ),
    "name.too_long": Rule("lost", "an agent's name has at most 128 characters", "write a shorter name"),
    "description": Rule(
        "lost", "agents have no description", "keep it as a comment, or in metadata, whose values have 512 characters"
    ),
    "temperature": Rule("lost", "agents take no temperature", "say in the instructions how free answers may be"),
    "top_p": Rule("lost", "agents take no top_p", "say in the instructions how free answers may be"),
    "response_format.json_object": Rule(
        "lost", "agents know no json_object", "describe the answer: text: {format: {type: json_schema, schema: …}}"
    ),
    "response_format.name": Rule(
        "lost", "a schema has no name on agents", "put it into the schema itself, as its title"
    ),
    "response_format.description": Rule(
        "lost", "a schema has no description beside it on agents", "put it into the schema itself, as its description"
    ),
    "response_format.strict": Rule(
        "lost", "agents have no strict mode for answers", "check answers against the schema where they are read"
    ),
    "response_format.no_schema": Rule(
        "lost", "a json_schema needs its schema on agents", "write the schema: text: {format: {type: json_schema, …}}"
    ),
    "tools.function.strict": Rule(
        "lost", "functions of agents have no strict mode", "check the arguments where the function is carried out"
    ),
    "tools.function.no_description": Rule(
        "lost", "agents take no function without a description", "describe it where it comes from and migrate again"
    ),
    "tools.file_search": Rule(
        "lost",
        "agents have no file_search",
        "give sessions an environment with the documents, offer the store through an MCP server, or declare a function "
        "whose handler calls vector_stores.search; or migrate to responses",
    ),
    "tools.code_interpreter": Rule(
        "lost",
        "agents have no code_interpreter",
        "start sessions in an openai_hosted environment, where agents run code",
    ),
    "files": Rule(
        "lost", "an agent carries no files", "put them into the environment template that its sessions start from"
    ),
}

TABLES: Mapping[Home, Mapping[str, Rule]] = {"agents": _AGENTS, "responses": _RESPONSES, "assistants-v2": _ASSISTANTS}

# SDK types/responses/response_create_params.py and tool_param.py: what a prompt may say beyond an assistant.
ARGUMENTS = frozenset(
    {
        "include",
        "max_output_tokens",
        "max_tool_calls",
        "parallel_tool_calls",
        "reasoning",
        "service_tier",
        "store",
        "text",
        "tool_choice",
        "top_logprobs",
        "truncation",
    }
)
# SDK types/beta/agent_create_params.py: which of them an agent has, and of those with parts, which parts.
AGENT_ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "reasoning": ("effort", "summary"),
    "service_tier": (),
    "text": ("verbosity",),
}
ARGUMENT_TOOLS = frozenset({"custom", "image_generation", "mcp", "web_search", "web_search_preview"})

_SEARCH = {"search_context_size": "context_size"}
AGENT_TOOLS: Mapping[str, Mapping[str, str]] = {
    "web_search": _SEARCH,
    "web_search_preview": _SEARCH,
    "mcp": {each: each for each in ("server_label", "server_url", "allowed_tools")},
}
"""Tools of prompts that agents have too, with the names of their options there and here."""

# The same wherever an assistant goes.
ANYWHERE: Mapping[str, Rule] = {
    "unknown": Rule("lost", "no field is known that it belongs in", "look up what it did, and declare that by hand"),
    "unknown_tool": Rule("lost", "this version does not know the tool", "declare by hand what it was used for"),
    "repeated_tool": Rule("lost", "the tool is listed twice, and the API takes it once", "compare the two by hand"),
    "more_stores": Rule("lost", "one assistant searches one vector store", "put the files together in one store"),
    "resources": Rule("lost", "no tool uses it", "list the tool that is meant to use it"),
    "ranker": Rule("lost", "the Assistants API does not have this ranker", "leave the choice to 'auto'"),
    "model.given": Rule("changed", "none was named, and the one that was given takes its place"),
    "extra.argument": Rule("carried", "stands in extra:, which is passed on as it is"),
    "tag": Rule("changed", "the ownership tag stays behind: what is applied anew gets its own"),
    "metadata.full": Rule(
        "lost", "the ownership tag takes one of the 16 pairs", "put two values together, or drop one"
    ),
    "carriage": Rule(
        "carried", "stands in the YAML itself, since a text file would lose its line ends or byte order mark"
    ),
    "tools.shared": Rule("carried", "declared once, under functions:"),
    "tools.declared": Rule("carried", "named, since the project declares the same function"),
}


def rule(home: Home, field: str) -> Rule:
    """The rule for a field in a home; a part without a rule of its own is kept."""
    return TABLES[home].get(field) or ANYWHERE.get(field) or KEPT
