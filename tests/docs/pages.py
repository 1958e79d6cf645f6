"""Markdown pages as programs: their fenced blocks, and what the comments around them say about running them.

A page runs in a scratch directory of its own, block after block; the directory, the variables and the files of one
block are those of the next. By the word after the fence:

- `console`: lines that start with `$ ` are commands (`> ` continues one), the others are what they print to both
  streams. `…` stands for anything, alone on a line for any lines. Ids, times and the width of gaps may differ.
- `sh`: a script that must succeed.
- `python`: a program that must succeed, and may be followed by a `text` block: what it prints.
- `yaml`, `json`: must fit the schemas of Retinue, or parse.
- `diff` after a file comment: an edit, made in that file.

HTML comments say the rest:

- `<!-- file: PATH -->` before a block: its text becomes that file.
- `<!-- exit: N -->` before a `console` block: the exit code of its last command (default: 0).
- `<!-- answer: TEXT -->` before a `console` block: its last command runs on a terminal and asks; this is the answer.
- `<!-- background -->` before a `console` block: a server that runs until the page ends. It gets a free port; the
  address printed in the page stands for it from then on.
- `<!-- schema: NAME -->` before a `yaml` block: the schema of this part (see `retinue schema`); it may be incomplete.
- `<!-- not run: REASON -->` before a block: it is only read. `make` targets must exist all the same.
- `<!-- written: WHAT NAME -->` up to `<!-- end -->`: `make docs` writes what stands between; see `written.py`.
- `<!-- start: example -->` anywhere: the page starts with a copy of this repository's example stack.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    # The guide takes longest; started early, it runs beside the others.
    ROOT / "docs" / "guide.md",
    *sorted(path for path in (ROOT / "docs").rglob("*.md") if path.name != "guide.md"),
)

_FENCE = re.compile(r"(?P<indent> *)(?P<fence>`{3,}|~{3,})(?P<word>[\w-]*) *")
_COMMENT = re.compile(r"<!-- (?P<name>[a-z ]+?)(?:: (?P<value>.*?))? -->")
ID = re.compile(r"\b(asst_|vs_|file-)([A-Za-z0-9]{8,})\b")
DIGEST = re.compile(r"\bpd1:[0-9a-f]{4}(?:-[0-9a-f]{4}){3}")
"""What a plan is approved by; the ids of what it changes are part of it."""
_NAMES = ("file", "exit", "answer", "background", "schema", "not run", "start", "toc", "written", "end")


@dataclass(frozen=True)
class Block:
    """One fenced block. `line` counts from 1 and is that of the fence; `text` ends with a line end."""

    page: Path
    line: int
    word: str
    text: str
    comments: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@dataclass(frozen=True)
class Command:
    """One command of a `console` block and what it is said to print. Lines are those of the page, from 1."""

    text: str
    output: tuple[str, ...]
    first: int
    last: int


def comments(line: str) -> dict[str, str]:
    """The comments for the tests on one line. Raises ValueError for one that nobody knows."""
    found = {each["name"]: each["value"] or "" for each in _COMMENT.finditer(line)}
    for name in found:
        if name not in _NAMES:
            raise ValueError(f"unknown comment '{name}'")
    return found


def read_blocks(page: Path) -> list[Block]:
    """Every fenced block of a page, in order, each with the comments of the lines right above it."""
    blocks: list[Block] = []
    waiting: dict[str, str] = {}
    lines = iter(enumerate(page.read_text(encoding="utf-8").splitlines(), start=1))
    for number, line in lines:
        opening = _FENCE.fullmatch(line)
        if opening is None:
            waiting = {**waiting, **comments(line)} if not line.strip() or line.lstrip().startswith("<!--") else {}
            continue
        indent, fence = len(opening["indent"]), opening["fence"]
        text: list[str] = []
        for _, inner in lines:
            if inner.strip() == fence:
                break
            text.append(inner[indent:])
        else:
            raise ValueError(f"{page}:{number}: this block is never closed")
        blocks.append(Block(page, number, opening["word"], "".join(f"{each}\n" for each in text), waiting))
        waiting = {}
    return blocks


def starts_with_example(page: Path) -> bool:
    return "<!-- start: example -->" in page.read_text(encoding="utf-8").splitlines()


def read_commands(block: Block) -> list[Command]:
    """The commands of a `console` block."""
    commands: list[Command] = []
    text: list[str] = []
    output: list[str] = []
    first = 0

    def close(last: int) -> None:
        if text:
            commands.append(Command("\n".join(text), tuple(output), first, last))

    for number, line in enumerate(block.text.splitlines(), start=block.line + 1):
        if line.startswith("$ "):
            close(number - 1)
            text, output, first = [line[2:]], [], number
        elif line.startswith("> ") and text and not output:
            text.append(line[2:])
        elif text:
            output.append(line)
        else:
            raise ValueError(f"{block}: a console block starts with '$ '")
    close(block.line + len(block.text.splitlines()))
    return commands


def fits(expected: tuple[str, ...], printed: str) -> bool:
    """Whether a program printed what the page says, ids, times and whatever `…` stands for aside."""
    return _pattern(expected).fullmatch(_settled(printed) + "\n") is not None


def _settled(text: str) -> str:
    text = "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")
    text = re.sub(r"(?<=\S) {2,}", "  ", text)
    text = DIGEST.sub("DIGEST", ID.sub(r"\1ID", text))
    text = re.sub(r"\((\d+\.\d+s)\)", "(TIME)", text)
    return re.sub(r"\b1[0-9]{9}\b", "TIMESTAMP", text)


def _pattern(expected: tuple[str, ...]) -> re.Pattern[str]:
    """`…` alone on a line takes any lines or none; inside a line it takes the rest of a word or of the line."""
    written = ""
    for line in _settled("\n".join(expected)).splitlines():
        if line.strip() == "…":
            written += r"(?:.*\n)*?"
        else:
            written += r"[^\n]*".join(re.escape(part) for part in line.split("…")) + r"\n"
    return re.compile(written + r"\n*")
