"""What a response puts before the model: what it continues, its own input, and its tools.

What it continues is the chain of responses before it, each with its input and its output, or a conversation.
Instructions are those of the response alone (published description).
"""

from __future__ import annotations

import base64
import binascii
import json
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from retinue.emulator.files.stored_files import FILES
from retinue.emulator.language_models.language_model import (
    Image,
    Item,
    Message,
    ModelError,
    Prompt,
    ToolCall,
    ToolOutput,
)
from retinue.emulator.responses.compaction import unfolded
from retinue.emulator.responses.response_objects import Kept, find_response, items_of
from retinue.emulator.responses.response_tools import functions, prompt_choice, usable_tools
from retinue.emulator.server.service import Call
from retinue.emulator.server.storage import JsonObject
from retinue.emulator.turns.turn_events import Source
from retinue.emulator.vector_stores.text_extraction import DOCUMENTS, UnsearchableError, extract_text

_MOST_RESPONSES = 10_000
"""How far back a chain is followed."""

_MEDIA_SUFFIXES = {"application/pdf": ".pdf"}


@dataclass(frozen=True, slots=True)
class Heard:
    """Everything a response depends on, read in one transaction."""

    before: tuple[Kept, ...]
    given: tuple[Kept, ...]
    files: Mapping[str, tuple[str, Path]] = field(default_factory=dict)
    """Names and bytes of the files that messages name, by their ids."""


FileReader = Callable[[str, Path], str]
"""Gives the text of a file by its name and where its bytes are."""


def read_chain(call: Call, response_id: str | None) -> list[Kept]:
    """The items of a response and of all those before it, oldest first. One that is gone ends the chain."""
    chain: list[list[Kept]] = []
    while response_id and len(chain) < _MOST_RESPONSES:
        response = find_response(call, response_id)
        if response is None:
            break
        stored = {each.id: each for each in items_of(call, response.id, "output")}
        said = [(each, stored[each["id"]].hidden) for each in response.body["output"] if each["id"] in stored]
        chain.append([*((each.body, each.hidden) for each in items_of(call, response.id, "input")), *said])
        response_id = response.body["previous_response_id"]
    return [each for items in reversed(chain) for each in items]


def read_conversation(call: Call, conversation_id: str) -> list[Kept]:
    return [(each.body, each.hidden) for each in items_of(call, conversation_id)]


def heard(call: Call, before: Sequence[Kept], given: Sequence[Kept]) -> Heard:
    """With where the files are that messages name; one that is deleted is passed over."""
    files = {}
    for body, _ in unfolded((*before, *given)):
        for part in _parts(body):
            file_id = part.get("file_id")
            stored = call.storage.find(FILES.object, file_id) if file_id else None
            if stored is not None:
                files[stored.id] = (stored.body["filename"], call.storage.blob(stored.id))
    return Heard(tuple(before), tuple(given), files)


def _parts(body: JsonObject) -> list[JsonObject]:
    content = body.get("content" if body["type"] == "message" else "output")
    return content if isinstance(content, list) and body["type"] in ("message", "function_call_output") else []


def make_prompt(body: JsonObject, said: Heard, read_file: FileReader) -> tuple[Prompt, dict[str, Source], int]:
    """The prompt for a response, what its model may name already, and how many of the last items must be in it.

    Raises ModelError for a file that has no text.
    """
    sources: dict[str, Source] = {}
    items: list[Item] = []
    for each, hidden in unfolded((*said.before, *said.given)):
        items += _made(each, hidden, said.files, read_file)
        sources |= {mark: Source(*source) for mark, source in hidden.get("sources", {}).items()}
    asked = [at for at, each in enumerate(items) if isinstance(each, Message) and each.role == "user"]
    usable = usable_tools(body)
    prompt = Prompt(
        model=body["model"],
        instructions=body["instructions"] or "",
        items=tuple(items),
        tools=functions(usable),
        tool_choice=prompt_choice(body["tool_choice"]),
        parallel_tool_calls=body["parallel_tool_calls"],
        temperature=body["temperature"],
        top_p=body["top_p"],
        reasoning_effort=body["reasoning"]["effort"],
        response_format=_response_format(body["text"]["format"]),
    )
    return prompt, sources, len(items) - asked[-1] if asked else 1


def _response_format(asked: JsonObject) -> JsonObject:
    if asked["type"] != "json_schema":
        return asked
    return {"type": "json_schema", "json_schema": {key: each for key, each in asked.items() if key != "type"}}


def _made(
    body: JsonObject, hidden: JsonObject, files: Mapping[str, tuple[str, Path]], read_file: FileReader
) -> Sequence[Item]:
    """What the model sees of an item; nothing of what it thought."""
    match body["type"]:
        case "message":
            texts, images = _content(body["content"], files, read_file)
            return (Message(body["role"], "\n".join(texts), tuple(images)),)
        case "function_call":
            return (ToolCall(body["call_id"], body["name"], body["arguments"]),)
        case "function_call_output":
            output = body["output"]
            if isinstance(output, list):
                output = "\n".join(_content(output, files, read_file)[0])
            return (ToolOutput(body["call_id"], output),)
        case "file_search_call" | "code_interpreter_call":
            return _made_call(body, hidden)
        case _:
            return ()


def _made_call(body: JsonObject, hidden: JsonObject) -> Sequence[Item]:
    """A call that the account carried out; of one from elsewhere only what its item says is known."""
    if "call" in hidden:
        called = ToolCall(*hidden["call"])
        return (called, ToolOutput(called.id, hidden["output"]))
    if body["type"] == "file_search_call":
        found = "\n".join(each.get("text") or "" for each in body.get("results") or [])
        called = ToolCall(body["id"], "file_search", json.dumps({"queries": body["queries"]}, ensure_ascii=False))
    else:
        found = "\n".join(each.get("logs") or "" for each in body.get("outputs") or [])
        called = ToolCall(body["id"], "code_interpreter", json.dumps({"code": body["code"] or ""}, ensure_ascii=False))
    return (called, ToolOutput(called.id, found))


def _content(
    parts: Sequence[JsonObject], files: Mapping[str, tuple[str, Path]], read_file: FileReader
) -> tuple[list[str], list[Image]]:
    texts: list[str] = []
    images: list[Image] = []
    for part in parts:
        match part["type"]:
            case "input_text" | "output_text":
                texts.append(part["text"])
            case "refusal":
                texts.append(part["refusal"])
            case "input_image":
                images.append(_picture(part, files))
            case "input_file":
                texts.append(_file_text(part, files, read_file))
    return texts, images


def _picture(part: JsonObject, files: Mapping[str, tuple[str, Path]]) -> Image:
    file_id = part.get("file_id", "")
    filename, path = files.get(file_id, ("", None))
    return Image(part.get("image_url", ""), file_id, filename=filename, path=path, detail=part["detail"])


def _file_text(part: JsonObject, files: Mapping[str, tuple[str, Path]], read_file: FileReader) -> str:
    if "file_id" in part:
        name, path = files.get(part["file_id"], (part["file_id"], None))
        content = read_file(name, path) if path is not None else ""
        return f"File {name}:\n{content}"
    head, _, data = part["file_data"].rpartition(",")
    suffix = _MEDIA_SUFFIXES.get(head.removeprefix("data:").partition(";")[0], "")
    name = part.get("filename") or f"file{suffix or '.txt'}"
    try:
        decoded = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise ModelError(f"The data of the file '{name}' is not base64.", code="invalid_prompt") from None
    with tempfile.NamedTemporaryFile(prefix="retinue-file-") as scratch:
        scratch.write(decoded)
        scratch.flush()
        return f"File {name}:\n{read_file(name, Path(scratch.name))}"


def whole_file(stopping: threading.Event) -> FileReader:
    """Reads documents, too, which takes time. Raises ModelError for what has no text."""

    def read(name: str, path: Path) -> str:
        try:
            if Path(name).suffix.lower() in DOCUMENTS:
                return extract_text(name, path, stopping=stopping)
            return path.read_bytes().decode("utf-8-sig")
        except (UnsearchableError, UnicodeDecodeError, OSError) as error:
            reason = str(error) if isinstance(error, UnsearchableError) else "It is not text."
            raise ModelError(f"The file '{name}' cannot be read. {reason}", code="invalid_prompt") from None

    return read


def briefly(name: str, path: Path) -> str:
    """For counting tokens: a document counts by its size."""
    if Path(name).suffix.lower() in DOCUMENTS:
        return " " * (path.stat().st_size if path.exists() else 0)
    return path.read_bytes().decode(errors="replace") if path.exists() else ""


def prompt_of(body: JsonObject, said: Heard) -> Prompt:
    """The prompt as far as it is needed for counting tokens."""
    return make_prompt(body, said, briefly)[0]
