"""A conversation as Markdown, and an answer as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from retinue.model.printable import Printable, masked, printable
from retinue.model.talk import AnswerEnded, Done, Mark, ToolEnded


@dataclass(slots=True)
class Turn:
    """A question with its answer: the text with the numbers of its footnotes, each with its mark and what it says."""

    question: str
    text: str = ""
    done: list[Done] = field(default_factory=list)
    footnotes: list[tuple[Mark, str]] = field(default_factory=list)
    ended: AnswerEnded | None = None


def to_document(turn: Turn, *, address: str, talk_id: str | None) -> dict[str, Any]:
    """An answer as JSON data (docs/asking.md)."""
    ended = turn.ended or AnswerEnded("cancelled")
    return {
        "address": address,
        "status": ended.status,
        "reason": ended.reason or None,
        "code": ended.code or None,
        "text": turn.text.rstrip("\n"),
        "footnotes": [
            {"number": at, "kind": mark.kind, "file_id": mark.file_id or None, "title": title, "url": mark.url or None}
            for at, (mark, title) in enumerate(turn.footnotes, 1)
        ],
        "tools": [_done(each) for each in turn.done],
        "usage": dict(ended.usage),
        "conversation": talk_id,
    }


def _done(done: Done) -> dict[str, Any]:
    if isinstance(done, ToolEnded):
        return {
            "tool": done.tool,
            "input": done.given or None,
            "outputs": list(done.outputs),
            "files": list(done.found),
            "images": list(done.images),
        }
    call, output = done
    return {"tool": "function", "name": call.name, "arguments": call.arguments, "output": output}


def to_markdown(turns: Sequence[Turn], *, address: str) -> Printable:
    """The whole conversation as a page."""
    parts = [f"# Conversation with {address}\n"]
    for turn in turns:
        parts.append(f"## Question\n\n{turn.question}\n")
        parts += [_section(each) for each in turn.done]
        parts.append(f"## Answer\n\n{turn.text.rstrip()}\n")
        if turn.footnotes:
            parts.append("\n".join(f"- \\[{at}\\] {title}" for at, (_, title) in enumerate(turn.footnotes, 1)) + "\n")
        if turn.ended and turn.ended.status != "completed":
            parts.append(f"*The answer is {turn.ended.status}. {turn.ended.reason}*\n")
    return Printable(masked(printable("\n".join(parts).replace("\t", "    "))))


def _section(done: Done) -> str:
    if isinstance(done, ToolEnded):
        title, given = done.tool, done.given
        came = "\n".join((*done.outputs, *dict.fromkeys(done.found), *done.images))
    else:
        call, output = done
        title, given, came = call.name, call.arguments, output or ""
    blocks = "".join(f"\n{_fenced(each)}" for each in (given, came) if each.strip())
    return f"### {title}\n{blocks}"


def _fenced(text: str) -> str:
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}text\n{text.rstrip()}\n{fence}\n"
