"""A conversation with what is rendered for the Responses API: the arguments of a call, sent with each question.

What the events look like: SDK types/responses/response_stream_event.py. The account keeps the conversation where it
serves `/conversations`; where it does not, everything that was said goes along with each question.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from retinue.errors import AccountError
from retinue.model.talk import (
    AnswerEnded,
    CallsWaiting,
    FunctionCall,
    Mark,
    TalkEvent,
    TextEnded,
    TextGrew,
    ToolBegan,
    ToolEnded,
    ToolGrew,
)
from retinue.providers.openai.answers import Json
from retinue.providers.openai.client import Account
from retinue.providers.openai.conversations.conversation import NOT_SERVED, PATIENCE, PAUSE, Asked, Uploads

STOPPED = '{"error": "the person stopped this"}'
"""What a function came to that nobody carried out: the API takes no question before each call has its output."""
HINT = "the account may not speak the Responses API: ask on one that does, or write 'api: assistants-v2'"
SHOWN = {"file_search": "file_search_call.results", "code_interpreter": "code_interpreter_call.outputs"}
"""What an answer shows of its tools only when it is asked to (SPEC IncludeEnum)."""
ACTIVE = ("queued", "in_progress")
_ENDS = {"response.completed": "completed", "response.incomplete": "incomplete", "response.failed": "failed"}


@dataclass(slots=True)
class ResponseTalk:
    """A conversation by calls of `responses.create`."""

    account: Account
    asked: Asked
    _id: str | None = None
    _ours: bool = True
    _said: list[Json] | None = None
    _responses: list[str] = field(default_factory=list)
    _waiting: list[str] = field(default_factory=list)
    _uploads: Uploads = field(init=False)

    def __post_init__(self) -> None:
        self._uploads = Uploads(self.account)
        if self._arguments.get("store") is False:  # who wants nothing stored wants no conversation kept
            self._said = []

    @property
    def _arguments(self) -> Json:
        if self.asked.draft is None:
            applied: Json = self.asked.applied
            return applied
        # The stores of a draft may not be there yet, and a search takes at least one (SPEC FileSearchTool).
        tools = [each for each in self.asked.draft.get("tools") or () if each.get("vector_store_ids") != []]
        return {name: each for name, each in self.asked.draft.items() if name != "tools"} | (
            {"tools": tools} if tools else {}
        )

    @property
    def id(self) -> str | None:
        return self._id

    def resume(self, talk_id: str) -> None:
        if self.account.find(f"/conversations/{talk_id}") is None:
            hint = "those of 'retinue ask' end with the answer, unless --keep is given"
            raise AccountError(f"the account has no conversation '{talk_id}'", hint=hint, status=404)
        self._id, self._ours, self._said = talk_id, False, None

    def attach(self, path: Path) -> str:
        return self._uploads.add(path, purpose="user_data", image_purpose="vision")

    def ask(self, text: str, files: tuple[str, ...] = ()) -> Generator[TalkEvent, None, None]:
        self._prepare()
        content: Any = text
        if files:
            shown = [
                {"type": "input_image" if each in self._uploads.images else "input_file", "file_id": each}
                for each in files
            ]
            content = [*shown, *([{"type": "input_text", "text": text}] if text else [])]
        left = [_output(each, STOPPED) for each in self._waiting]
        yield from self._follow([*left, {"role": "user", "content": content}])

    def give(self, outputs: Mapping[str, str]) -> Generator[TalkEvent, None, None]:
        yield from self._follow([_output(key, text) for key, text in outputs.items()])

    def cancel(self) -> None:
        """The connection is closed by then, which stops the answer (DOC: only background responses are cancelled by a
        request). That takes a moment, and a conversation takes the next question once it is over."""
        if self._id is None or not self._responses:
            return
        for _ in range(PATIENCE):
            if self.account.get(f"/responses/{self._responses[-1]}").get("status") not in ACTIVE:
                return
            self.account.sleep(PAUSE)

    def end(self, *, keep: bool) -> None:
        if keep:
            return
        if self._ours and self._id:
            self.account.delete(f"/conversations/{self._id}")
        while self._responses:
            with suppress(AccountError):  # where nothing is stored there is nothing to delete
                self.account.delete(f"/responses/{self._responses.pop()}")
        self._uploads.remove()
        self._id = None

    # ── what is sent ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _prepare(self) -> None:
        if self._id is not None or self._said is not None:
            return
        try:
            self._id = str(self.account.create("/conversations", {})["id"])
        except AccountError as error:
            if error.status not in NOT_SERVED:
                raise
            self._said = []

    def _follow(self, items: list[Json]) -> Iterator[TalkEvent]:
        body: Json = {**self._arguments, "stream": True}
        shown = [SHOWN[each.get("type")] for each in body.get("tools") or () if each.get("type") in SHOWN]
        if shown:
            body["include"] = list(dict.fromkeys((*(body.get("include") or ()), *shown)))
        if self._said is None:
            body |= {"conversation": self._id, "input": items}
        else:
            body["input"] = [*self._said, *items]
        try:
            for event in self.account.events("/responses", body):
                with self.account.door("POST", "/responses", event, expected="events of a response"):
                    found = list(self._read(event, items))
                yield from found
                if found and isinstance(found[-1], AnswerEnded | CallsWaiting):
                    return
        except AccountError as error:
            if error.status in NOT_SERVED and not self._responses:
                raise AccountError(str(error), hint=HINT, status=error.status) from error
            raise
        raise AccountError("the account stopped telling of the answer before it was over", hint="ask again")

    # ── what comes ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _read(self, event: Json, items: list[Json]) -> Iterator[TalkEvent]:
        kind = event.get("type")
        match kind:
            case "response.created":
                self._responses.append(str(event["response"]["id"]))
            case "response.output_text.delta" | "response.refusal.delta":
                yield TextGrew(event["delta"])
            case "response.output_text.annotation.added":
                yield from _mark(event["annotation"])
            case "response.code_interpreter_call_code.delta":
                yield ToolGrew(event["item_id"], event["delta"])
            case "response.output_item.added":
                yield from _tool_began(event["item"])
            case "response.output_item.done":
                yield from _item_done(event["item"])
            case "response.completed" | "response.incomplete" | "response.failed":
                yield from self._ended(str(kind), event["response"], items)
            case "error":
                yield AnswerEnded("failed", event.get("message") or "", event.get("code") or "")

    def _ended(self, kind: str, response: Json, items: list[Json]) -> Iterator[TalkEvent]:
        output = response.get("output") or []
        self._waiting = [each["call_id"] for each in output if each.get("type") == "function_call"]
        if self._said is not None and kind != "response.failed":
            self._said += [*items, *output]
        calls = tuple(
            FunctionCall(each["call_id"], each["name"], each["arguments"])
            for each in output
            if each.get("type") == "function_call"
        )
        if calls and kind == "response.completed":
            yield CallsWaiting(calls)
            return
        error = response.get("error") or {}
        reason = error.get("message") or (response.get("incomplete_details") or {}).get("reason") or ""
        usage = {key: each for key, each in (response.get("usage") or {}).items() if isinstance(each, int)}
        yield AnswerEnded(_ENDS[kind], reason, error.get("code") or "", usage)  # type: ignore[arg-type]


def _output(call_id: str, text: str) -> Json:
    return {"type": "function_call_output", "call_id": call_id, "output": text}


def _mark(annotation: Json) -> Iterator[TalkEvent]:
    match annotation.get("type"):
        case "file_citation":
            yield TextGrew("", (Mark("citation", annotation["file_id"], filename=annotation.get("filename") or ""),))
        case "container_file_citation" | "file_path":
            yield TextGrew("", (Mark("file", annotation["file_id"], filename=annotation.get("filename") or ""),))
        case "url_citation":
            title = annotation.get("title") or ""
            yield TextGrew("", (Mark("citation", "", filename=title, url=annotation.get("url") or ""),))


def _tool(item: Json) -> str | None:
    """The name of a tool that the account carries out itself; None for anything else."""
    kind = str(item.get("type"))
    return kind.removesuffix("_call") if kind.endswith("_call") and kind != "function_call" else None


def _tool_began(item: Json) -> Iterator[TalkEvent]:
    if tool := _tool(item):
        yield ToolBegan(item["id"], tool)


def _item_done(item: Json) -> Iterator[TalkEvent]:
    if item.get("type") == "message":
        yield TextEnded()
    elif tool := _tool(item):
        given = item.get("code") or "\n".join(item.get("queries") or ()) or item.get("arguments") or ""
        outputs = item.get("outputs") or ()
        logs = tuple(each["logs"] for each in outputs if each.get("type") == "logs")
        results = item.get("results") or ()
        found = [str(each.get("filename") or each.get("file_id")) for each in results]
        logs += tuple(each for each in (item.get("output"),) if isinstance(each, str))
        yield ToolEnded(item["id"], tool, given, logs, tuple(found))
