"""A turn: the model answers, the account carries out the tools that are its own, the model answers again; until it
has said what it has to say or calls functions, which are handed back.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol, TypeAlias

from retinue.emulator.language_models.language_model import (
    CallDelta,
    Finish,
    Item,
    LanguageModel,
    Message,
    ModelError,
    Prompt,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    Tool,
    ToolCall,
    ToolOutput,
    Usage,
)
from retinue.emulator.language_models.token_count import count_around, count_item, count_prompt, count_tokens
from retinue.emulator.models.model_table import context_window
from retinue.emulator.turns.prompt_fit import ANSWER_SHARE, fit
from retinue.emulator.turns.text_marks import MarkedText
from retinue.emulator.turns.turn_events import (
    CallBegun,
    CallEnded,
    CallGrew,
    CallsEnded,
    Event,
    Kind,
    Outcome,
    Source,
    TextBegun,
    TextEnded,
    TextGrew,
    Thought,
    TurnEnded,
)

_MOST_ANSWERS = 50
"""How often the model is asked in one turn, in case it never stops calling tools."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a tool: for the model, for who looks on, and what the model may name from now on."""

    output: str
    outcome: Outcome
    sources: Mapping[str, Source]


class OwnTool(Protocol):
    """A tool that the account carries out itself."""

    @property
    def tool(self) -> Tool:
        """As the model sees it."""

    def shown(self, arguments: str) -> str:
        """What of arguments that are still coming is shown, for instance the code in them. It only ever grows."""

    def run(self, arguments: str, *, place: int, stop: threading.Event) -> Result:
        """``place`` is the number of items of the conversation before it. Raises ModelError."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Tokens of the whole turn, ``spent`` included. None is no limit."""

    prompt: int | None = None
    completion: int | None = None
    spent: Usage = field(default_factory=lambda: Usage(0, 0))


NO_LIMITS = Limits()

Cut: TypeAlias = Literal["max_tokens", "content_filter"] | None
_CUTS: Mapping[str, Cut] = {"length": "max_tokens", "content_filter": "content_filter"}


def new_call_id() -> str:
    """24 characters, as seen in use."""
    return "call_" + secrets.token_urlsafe(18).replace("-", "0").replace("_", "1")


def take_turn(
    model: LanguageModel,
    prompt: Prompt,
    stop: threading.Event,
    *,
    own_tools: Sequence[OwnTool] = (),
    limits: Limits = NO_LIMITS,
    sources: Mapping[str, Source] | None = None,
    begun: int = 0,
    keeps_first: bool = True,
) -> Generator[Event, None, None]:
    """What happens, TurnEnded last. ``prompt`` has the functions; the tools of the account are added to them.

    ``sources`` are what the conversation may name already. The last ``begun`` items, the message that is answered and
    what was done about it before, are put before the model whatever their length; of a conversation that is too long
    the first message is kept if it is to be. Raises ModelError.
    """
    own = {each.tool.name: each for each in own_tools}
    whole = replace(prompt, tools=(*(each.tool for each in own_tools), *prompt.tools))
    yield from _Turn(model, whole, stop, own, limits, dict(sources or {}), begun, keeps_first).take()


@dataclass(slots=True)
class _Answer:
    """One answer of the model, as far as it has come."""

    text: MarkedText
    refusal: str = ""
    has_text: bool = False
    text_ended: bool = False
    calls: list[ToolCall] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    late: list[TextDelta | RefusalDelta] = field(default_factory=list)
    """What it said after it had begun to call."""
    finish: Finish | None = None

    @property
    def late_text(self) -> str:
        return "".join(each.text for each in self.late if isinstance(each, TextDelta))


@dataclass(slots=True)
class _Turn:
    model: LanguageModel
    prompt: Prompt
    stop: threading.Event
    own: Mapping[str, OwnTool]
    limits: Limits
    sources: dict[str, Source]
    begun: int
    keeps_first: bool
    spent: Usage = field(init=False)

    def take(self) -> Generator[Event, None, None]:
        self.spent = self.limits.spent
        for _ in range(_MOST_ANSWERS):
            fitted = self._fitted()
            if fitted is None:
                yield TurnEnded("incomplete", "max_prompt_tokens")
                return
            answer = _Answer(MarkedText(self.sources))
            yield from self._listen(fitted, answer)
            ended = yield from self._conclude(fitted, answer)
            if ended is not None:
                yield ended
                return
            # What had to be called has been called.
            self.prompt = replace(self.prompt, tool_choice="none" if self.prompt.tool_choice == "none" else "auto")
        raise ModelError(f"the model called tools {_MOST_ANSWERS} times without coming to an end")

    def _fitted(self) -> Prompt | None:
        """The prompt as far as the model's window and the limits let it be; None when a limit leaves no room.

        Raises ModelError when the window is too small for what must be in it.
        """
        prompt = self.prompt
        window = self.model.window(prompt.model) or context_window(prompt.model)
        room = window - window // ANSWER_SHARE
        limited = room
        if self.limits.prompt is not None:
            limited = min(room, self.limits.prompt - self.spent.prompt_tokens)
        around, kept = count_around(prompt), min(max(self.begun, 1), len(prompt.items))
        items = fit(prompt.items, limited - around, kept=kept, keeps_first=self.keeps_first)
        if items is None:
            last = sum(count_item(each) for each in prompt.items[len(prompt.items) - kept :])
            if around + last > room:
                raise ModelError(
                    f"the instructions, the tools and the last message are longer than the {room} tokens that "
                    f"'{prompt.model}' takes",
                    code="invalid_prompt",
                )
            return None
        left = None
        if self.limits.completion is not None:
            left = max(0, self.limits.completion - self.spent.completion_tokens)
        return replace(prompt, items=items, max_tokens=left)

    def _listen(self, prompt: Prompt, answer: _Answer) -> Iterator[Event]:
        for piece in self.model.answer(prompt, self.stop):
            if self.stop.is_set():
                return
            match piece:
                case TextDelta(text) | RefusalDelta(text) if text and answer.calls:
                    answer.late.append(piece)
                case TextDelta(text) | RefusalDelta(text) if text:
                    if not answer.has_text:
                        answer.has_text = True
                        yield TextBegun()
                    if isinstance(piece, RefusalDelta):
                        answer.refusal += text
                        yield TextGrew(text, is_refusal=True)
                    else:
                        for shown, marks in answer.text.grow(text):
                            yield TextGrew(shown, marks)
                case CallDelta():
                    yield from self._hear_call(piece, answer)
                case Finish():
                    answer.finish = piece
                case ReasoningDelta(text) if not answer.has_text or answer.text_ended:
                    yield Thought(text)
                case TextDelta() | RefusalDelta() | ReasoningDelta():
                    pass  # nothing, or a thought in the middle of a text, which would cut it in two

    def _hear_call(self, delta: CallDelta, answer: _Answer) -> Iterator[Event]:
        if answer.has_text and not answer.text_ended:
            yield from self._end_text(answer, None)
        if delta.index == len(answer.calls):
            # Endpoints that number their calls begin anew with every answer; what came of which must stay clear.
            known = {each.id for each in (*self.prompt.items, *answer.calls) if isinstance(each, ToolCall)}
            call = ToolCall(new_call_id() if delta.id in ("", *known) else delta.id, delta.name, "")
            answer.calls.append(call)
            answer.shown.append("")
            yield CallBegun(delta.index, call.id, call.name, self._kind(call.name))
        if not delta.arguments:
            return
        if not 0 <= delta.index < len(answer.calls):
            raise ModelError("the model sent the parts of its calls in disorder")
        before = answer.calls[delta.index]
        call = answer.calls[delta.index] = replace(before, arguments=before.arguments + delta.arguments)
        own = self.own.get(call.name)
        shown = call.arguments if own is None else own.shown(call.arguments)
        more = shown[len(answer.shown[delta.index]) :]
        if more:
            answer.shown[delta.index] = shown
            yield CallGrew(delta.index, more)

    def _kind(self, name: str) -> Kind:
        found = next((each.kind for each in self.prompt.tools if each.name == name), None)
        if found is None:
            raise ModelError(f"the model called '{name}', which is none of its tools")
        return found

    def _end_text(self, answer: _Answer, usage: Usage | None, cut: Cut = None) -> Iterator[Event]:
        answer.text_ended = True
        for shown, marks in answer.text.end():
            yield TextGrew(shown, marks)
        yield TextEnded(answer.text.text, tuple(answer.text.annotations), answer.refusal, cut, usage)

    def _conclude(self, prompt: Prompt, answer: _Answer) -> Generator[Event, None, TurnEnded | None]:
        """The end of an answer, and what it called; gives the end of the turn, or None when the model goes on."""
        if self.stop.is_set():
            return TurnEnded("stopped")
        if answer.finish is None:
            raise ModelError("the model stopped in the middle of its answer")
        usage = answer.finish.usage or _counted(prompt, answer)
        self.spent += usage
        cut = _CUTS.get(answer.finish.reason)
        if not answer.calls and not answer.has_text:
            yield TextBegun()
        if not answer.text_ended and (answer.has_text or not answer.calls):
            yield from self._end_text(answer, usage if not answer.calls else None, cut)
        if answer.calls and not cut:
            handed_back = yield from self._carry_out(answer)
            if self.stop.is_set():
                return TurnEnded("stopped")
            yield CallsEnded(usage)
            yield from self._say_late(answer)
            if handed_back:
                return TurnEnded("requires_action", calls=handed_back)
        elif answer.calls:
            yield CallsEnded(usage)
        if cut:
            return TurnEnded("incomplete", "content_filter" if cut == "content_filter" else "max_completion_tokens")
        return None if answer.calls else TurnEnded("completed")

    def _say_late(self, answer: _Answer) -> Iterator[Event]:
        """What was said after a call had begun is a message of its own, behind the calls: a step is over before the
        next begins."""
        if not answer.late:
            return
        text, refusal = MarkedText(self.sources), ""
        yield TextBegun()
        for piece in answer.late:
            if isinstance(piece, RefusalDelta):
                refusal += piece.text
                yield TextGrew(piece.text, is_refusal=True)
            else:
                for shown, marks in text.grow(piece.text):
                    yield TextGrew(shown, marks)
        for shown, marks in text.end():
            yield TextGrew(shown, marks)
        yield TextEnded(text.text, tuple(text.annotations), refusal, None, None)

    def _carry_out(self, answer: _Answer) -> Generator[Event, None, tuple[ToolCall, ...]]:
        """Carry out what is the account's own; gives what is not."""
        text = answer.text.text + answer.late_text
        said: list[Item] = [Message("assistant", text)] if text else []
        outputs: list[Item] = []
        handed_back = []
        for index, call in enumerate(answer.calls):
            own = self.own.get(call.name)
            outcome, output = None, ""
            if own is None:
                handed_back.append(call)
            else:
                result = own.run(call.arguments, place=len(self.prompt.items) + index, stop=self.stop)
                if self.stop.is_set():
                    return ()
                outcome, output = result.outcome, result.output
                self.sources.update(result.sources)
                outputs.append(ToolOutput(call.id, output))
            yield CallEnded(index, call, self._kind(call.name), outcome, output)
        more = [*said, *answer.calls, *outputs]
        self.begun += len(more) if self.begun else len(more) + 1
        self.prompt = replace(self.prompt, items=(*self.prompt.items, *more))
        return tuple(handed_back)


def _counted(prompt: Prompt, answer: _Answer) -> Usage:
    """For a model that does not count."""
    said = count_tokens(answer.text.text) + count_tokens(answer.refusal) + count_tokens(answer.late_text)
    called = sum(count_tokens(each.name) + count_tokens(each.arguments) for each in answer.calls)
    return Usage(count_prompt(prompt), said + called)
