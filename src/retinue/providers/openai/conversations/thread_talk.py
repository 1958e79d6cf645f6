"""A conversation with an assistant of the Assistants API v2: a thread, and a run for each question.

What the events of a run look like: SDK types/beta/assistant_stream_event.py and the published examples.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from retinue.errors import AccountError, RetinueError
from retinue.model.talk import (
    AnswerEnded,
    CallsWaiting,
    FileUnread,
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

BETA = "assistants=v2"
CLOSED = (
    "OpenAI closed the Assistants API on 2026-08-26: write 'api: responses' for the assistant and apply, or ask it on "
    "an account that still serves runs, such as 'account: local'"
)
OVERRIDES = ("model", "instructions", "tools", "temperature", "top_p", "response_format", "reasoning_effort")
"""What of an assistant a run may have otherwise (SPEC CreateRunRequest)."""
CLEARED: Mapping[str, Any] = {"instructions": "", "tools": []}
"""What says in a run that an assistant has nothing of it, whatever is applied."""
ACTIVE = ("queued", "in_progress", "requires_action", "cancelling")
LOOKS = 3000
"""How often a run is looked at that the account tells nothing of: ten minutes, after which it has expired."""


@dataclass(slots=True)
class ThreadTalk:
    """A thread with an assistant."""

    account: Account
    asked: Asked
    _thread: str | None = None
    _ours: bool = True
    _run: str | None = None
    _assistant: str | None = None
    _made_assistant: str | None = None
    _uploads: Uploads = field(init=False)
    _known: set[str] = field(default_factory=set)
    _told: list[TalkEvent] = field(default_factory=list)
    _unchecked: list[str] = field(default_factory=list)
    """Files of the question of which nobody knows yet whether file_search can read them."""

    def __post_init__(self) -> None:
        self._uploads = Uploads(self.account)
        self._assistant = self.asked.applied

    @property
    def id(self) -> str | None:
        return self._thread

    def resume(self, talk_id: str) -> None:
        if self.account.find(f"/threads/{talk_id}", beta=BETA) is None:
            hint = "those of 'retinue ask' end with the answer, unless --keep is given"
            raise AccountError(f"the account has no thread '{talk_id}'", hint=hint, status=404)
        self._thread, self._ours = talk_id, False

    def attach(self, path: Path) -> str:
        return self._uploads.add(path, purpose="assistants", image_purpose="vision")

    def ask(self, text: str, files: tuple[str, ...] = ()) -> Generator[TalkEvent, None, None]:
        self._told = []
        self._prepare()
        self.account.create(f"/threads/{self._thread}/messages", self._message(text, files), beta=BETA)
        body: Json = {"assistant_id": self._assistant, "stream": True, **self._overrides()}
        yield from self._follow(f"/threads/{self._thread}/runs", body)

    def give(self, outputs: Mapping[str, str]) -> Generator[TalkEvent, None, None]:
        body = {"tool_outputs": [{"tool_call_id": key, "output": text} for key, text in outputs.items()]}
        yield from self._follow(
            f"/threads/{self._thread}/runs/{self._run}/submit_tool_outputs", {**body, "stream": True}
        )

    def cancel(self) -> None:
        """A run that stops takes a moment to; the next question needs it to be over."""
        if self._thread is None:
            return
        if self._latest() is None:
            return
        path, self._run = f"/threads/{self._thread}/runs/{self._run}", None
        run = self.account.get(path, beta=BETA)
        if run.get("status") not in ACTIVE:
            return
        with suppress(AccountError):  # it ended meanwhile
            self.account.update(f"{path}/cancel", {}, beta=BETA)
        for _ in range(PATIENCE):
            if self.account.get(path, beta=BETA).get("status") not in ACTIVE:
                return
            self.account.sleep(PAUSE)

    def end(self, *, keep: bool) -> None:
        if self._ours and self._thread and not keep:
            made = self._own_stores()
            self.account.delete(f"/threads/{self._thread}", beta=BETA)
            for store in made:
                self.account.delete(f"/vector_stores/{store}", beta=BETA)
        if not keep:
            self._uploads.remove()
        if self._made_assistant:
            self.account.delete(f"{self.asked.path}/{self._made_assistant}", beta=BETA)
        self._thread = self._made_assistant = None

    # ── what is sent ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _prepare(self) -> None:
        draft = self.asked.draft
        if self._assistant is None and draft is not None:
            self._made_assistant = self._assistant = str(self.account.create(self.asked.path, draft, beta=BETA)["id"])
        if self._thread is None:
            resources = (draft or {}).get("tool_resources") if self.asked.applied else None
            search = {key: each for key, each in (resources or {}).items() if key == "file_search"}
            body = {"tool_resources": search} if search.get("file_search") else {}
            try:
                made = self.account.create("/threads", body, beta=BETA)
            except AccountError as error:
                if error.status in NOT_SERVED:
                    raise AccountError(
                        f"the account serves no runs: {error}", hint=CLOSED, status=error.status
                    ) from error
                raise
            self._thread = str(made["id"])
            self._known = set(_stores(made))

    def _overrides(self) -> Json:
        if self.asked.draft is None or self._made_assistant:
            return {}
        said = {**CLEARED, **self.asked.draft}
        return {name: said[name] for name in OVERRIDES if said.get(name) is not None}

    def _message(self, text: str, files: tuple[str, ...]) -> Json:
        images = [each for each in files if each in self._uploads.images]
        documents = [each for each in files if each not in images]
        content: Any = text
        if images:
            shown = [{"type": "image_file", "image_file": {"file_id": each}} for each in images]
            content = [*([{"type": "text", "text": text}] if text else []), *shown]
        message: Json = {"role": "user", "content": content}
        if documents:
            tools = self._file_tools()
            message["attachments"] = [{"file_id": each, "tools": tools} for each in documents]
            self._unchecked = documents if {"type": "file_search"} in tools else []
        return message

    def _file_tools(self) -> list[Json]:
        """The tools of the assistant that read files."""
        has = (self.asked.draft or self.account.get(f"{self.asked.path}/{self._assistant}", beta=BETA)).get(
            "tools"
        ) or ()
        found = [{"type": each["type"]} for each in has if each.get("type") in ("file_search", "code_interpreter")]
        if not found:
            raise RetinueError(
                f"{self.asked.title} has neither file_search nor code_interpreter, so that it cannot read files",
                hint="give it one of these tools, or put the text into the question",
            )
        return found

    def _own_stores(self) -> set[str]:
        """The stores that the account made for files of the thread."""
        if not self._uploads.ids:
            return set()
        thread = self.account.find(f"/threads/{self._thread}", beta=BETA)
        return set(_stores(thread or {})) - self._known

    # ── what comes ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _follow(self, path: str, body: Json) -> Iterator[TalkEvent]:
        for event in self.account.events(path, body, beta=BETA):
            name, data = str(event.get("event", "")), event.get("data")
            if not isinstance(data, dict):
                continue
            with self.account.door("POST", path, event, expected="events of a run"):
                found = list(self._read(name, data))
            if found and isinstance(found[-1], AnswerEnded):
                yield from self._unread()
            yield from found
            self._told += found
            if found and isinstance(found[-1], AnswerEnded | CallsWaiting):
                return
        yield from self._look()

    def _look(self) -> Iterator[TalkEvent]:
        """How the run goes on that the account stopped telling of: asked for until it waits or is over."""
        path = f"/threads/{self._thread}/runs/{self._latest()}"
        if self._run is not None:
            for _ in range(LOOKS):
                run = self.account.get(path, beta=BETA)
                with self.account.door("GET", path, run, expected="a run"):
                    status = run["status"]
                    ends = list(self._read(f"run.{status}", run))
                if ends:
                    yield from self._rest(str(run["id"]), self._told)
                    yield from self._unread()
                    yield from ends
                    return
                self.account.sleep(PAUSE)
        raise AccountError(
            "the account stopped telling of the answer before it was over",
            hint="ask again; 'retinue show' tells whether the account answers at all",
        )

    def _rest(self, run_id: str, told: list[TalkEvent]) -> Iterator[TalkEvent]:
        """What a run has done and said beyond what was told of it."""
        tools = sum(isinstance(each, ToolEnded) for each in told)
        said = "".join(each.text for each in told if isinstance(each, TextGrew))
        path = f"/threads/{self._thread}/runs/{run_id}/steps"
        for step in self.account.pages(path, page=100, beta=BETA):
            with self.account.door("GET", path, step, expected="what a run has done"):
                done = list(_tools_ended(step["step_details"])) if step["status"] == "completed" else []
            yield from done[tools:]
            tools = max(0, tools - len(done))
        path = f"/threads/{self._thread}/messages"
        for message in self.account.pages(path, page=100, beta=BETA, run_id=run_id):
            with self.account.door("GET", path, message, expected="what a run has said"):
                parts = list(_said(message["content"]))
            for each in parts:
                if said.startswith(each.text) and each.text:
                    said = said[len(each.text) :]
                    continue
                rest = each.text.removeprefix(said)
                said = ""
                yield TextGrew(rest, tuple(mark for mark in each.marks if not mark.text or mark.text in rest))
            yield TextEnded()

    def _unread(self) -> Iterator[TalkEvent]:
        """The files of the question that file_search could not read, by now: a run waits for them."""
        asked, self._unchecked = self._unchecked, []
        if not asked:
            return
        failed: list[Json] = []
        with suppress(AccountError):  # the answer is there all the same
            for store in self._own_stores():
                path = f"/vector_stores/{store}/files"
                failed += self.account.pages(path, page=100, beta=BETA, filter="failed")
        for each in failed:
            if each.get("id") in asked and each.get("status") == "failed":
                yield FileUnread("file_search", str(each["id"]), (each.get("last_error") or {}).get("message") or "")

    def _latest(self) -> str | None:
        """The run that we heard of, or the last one of the thread: it may have begun without our hearing of it."""
        if self._run is None:
            page = self.account.get(f"/threads/{self._thread}/runs", beta=BETA, query={"limit": 1, "order": "desc"})
            self._run = next((str(each["id"]) for each in page.get("data") or ()), None)
        return self._run

    def _read(self, name: str, data: Json) -> Iterator[TalkEvent]:
        match name.removeprefix("thread."):
            case "run.created" | "run.queued" | "run.in_progress":
                self._run = str(data["id"])
            case "message.delta":
                yield from _said(data["delta"].get("content") or ())
            case "message.completed" | "message.incomplete":
                yield TextEnded()
            case "run.step.delta":
                yield from self._tools_grew(data["delta"].get("step_details") or {})
            case "run.step.completed" | "run.step.failed":
                yield from _tools_ended(data["step_details"])
            case "run.requires_action":
                self._run = str(data["id"])
                wanted = data["required_action"]["submit_tool_outputs"]["tool_calls"]
                yield CallsWaiting(tuple(_function(each) for each in wanted))
            case "run.completed" | "run.incomplete" | "run.failed" | "run.expired" | "run.cancelled":
                self._run = None
                yield _ended(data)

    def _tools_grew(self, details: Json) -> Iterator[TalkEvent]:
        for each in details.get("tool_calls") or ():
            kind = each.get("type")
            key = f"{kind}#{each['index']}"
            if kind == "function":
                continue  # shown when it is carried out
            if each.get("id"):
                yield ToolBegan(key, kind)
            if given := (each.get(kind) or {}).get("input"):
                yield ToolGrew(key, given)


def _said(parts: Any) -> Iterator[TextGrew]:
    for part in parts:
        if part.get("type") == "text":
            text = part.get("text") or {}
            yield TextGrew(text.get("value") or "", tuple(_mark(each) for each in text.get("annotations") or ()))
        elif part.get("type") == "image_file":
            yield TextGrew("", (Mark("file", str(part["image_file"]["file_id"])),))
        elif part.get("type") == "refusal":
            yield TextGrew(part.get("refusal") or "")


def _mark(annotation: Json) -> Mark:
    kind = annotation["type"]
    return Mark("file" if kind == "file_path" else "citation", str(annotation[kind]["file_id"]), annotation["text"])


def _tools_ended(details: Json) -> Iterator[TalkEvent]:
    for index, each in enumerate(details.get("tool_calls") or ()):
        kind = each["type"]
        made = each.get(kind) or {}
        if kind == "code_interpreter":
            outputs = made.get("outputs") or ()
            logs = tuple(one["logs"] for one in outputs if one.get("type") == "logs")
            images = tuple(one["image"]["file_id"] for one in outputs if one.get("type") == "image")
            yield ToolEnded(f"{kind}#{index}", kind, made.get("input") or "", logs, images=images)
        elif kind == "file_search":
            found = [str(one.get("file_name") or one.get("file_id")) for one in made.get("results") or ()]
            yield ToolEnded(f"{kind}#{index}", kind, found=tuple(found))


def _function(call: Json) -> FunctionCall:
    return FunctionCall(str(call["id"]), str(call["function"]["name"]), call["function"]["arguments"])


def _ended(run: Json) -> AnswerEnded:
    error = run.get("last_error") or {}
    reason = error.get("message") or (run.get("incomplete_details") or {}).get("reason") or ""
    usage = {key: each for key, each in (run.get("usage") or {}).items() if isinstance(each, int)}
    return AnswerEnded(run["status"], reason, error.get("code") or "", usage)


def _stores(thread: Json) -> list[str]:
    return list(((thread.get("tool_resources") or {}).get("file_search") or {}).get("vector_store_ids") or ())
