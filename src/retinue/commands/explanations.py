"""What a code means, an example that raises it and how to mend it; the page of all codes is made of the same."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

Sort = Literal["error", "warning", "either", "block"]
"""What a code stands for: a mistake, a warning, one or the other, or what blocks a plan."""

_HEADING = re.compile(r"^## ([\w-]+)(?: \((\w+)\))?$", re.MULTILINE)
_LINK = re.compile(r"\[[^\]]+\]\(([\w.-]+)\)")
_FILE = re.compile(r"# ([\w./-]+\.\w+)")
_SEVERITIES: Mapping[str, Sort] = {"": "error", "warning": "warning", "either": "either", "block": "block"}
USUAL_FILE = "assistants/team.yaml"
USUAL_PROJECT = "stack: shop\n"


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is to say about a code. `example` is as it is shown, `mend` one paragraph."""

    code: str
    sort: Sort
    meaning: str
    example: str
    mend: str

    def files(self) -> dict[str, str]:
        """The files of the example, by path; those that an example leaves out are the usual ones."""
        found: dict[str, str] = {}
        path = USUAL_FILE
        for line in self.example.splitlines():
            begins = _FILE.fullmatch(line)
            path = begins[1] if begins else path
            if not line.startswith("$ "):
                found[path] = found.get(path, "") + ("" if begins else f"{line}\n")
        return {"retinue.yaml": USUAL_PROJECT, **found} if found else {}

    def commands(self) -> list[str]:
        """The commands of the example."""
        return [line.removeprefix("$ ") for line in self.example.splitlines() if line.startswith("$ ")]


def headings(*, warnings: bool = False) -> Iterator[tuple[str, str]]:
    """The codes with their sorts, as quickly as a file is read; or only those of `warnings`."""
    for code, sort in _HEADING.findall(_text()):
        if not warnings or sort in ("warning", "either"):
            yield code, sort or "error"


@cache
def explanations() -> dict[str, Explanation]:
    """All of them by code: of mistakes and warnings by name, then of what blocks a plan."""
    from retinue.config.problems import CODES

    found = {}
    pieces = _HEADING.split(_text())[1:]
    for code, sort, body in zip(pieces[::3], pieces[1::3], pieces[2::3], strict=True):
        lines = body.strip("\n").split("\n")
        start = next(number for number, line in enumerate(lines) if line.startswith("    "))
        end = next(number for number, line in enumerate(lines) if line.startswith("Mend: "))
        example = "\n".join(line.removeprefix("    ") for line in lines[start:end])
        meaning = _LINK.sub(r"docs/\1", CODES.get(code, " ".join(lines[:start])))
        mend = "\n".join(lines[end:]).removeprefix("Mend: ").strip()
        found[code] = Explanation(code, _SEVERITIES[sort or ""], meaning, example, mend)
    return found


def _text() -> str:
    return Path(__file__).with_name("explanations.md").read_text(encoding="utf-8")


def page() -> str:
    """The page of all codes as Markdown."""
    every = explanations().values()
    of_files = [each for each in every if each.sort != "block"]
    of_plans = [each for each in every if each.sort == "block"]
    return f"""# What can be wrong

Every mistake has a code that does not change between versions. `retinue validate` finds all of them at once, offline;
nothing is sent while there is an error. Warnings do not keep anybody from applying, unless `--fail-on` names them.
`retinue explain CODE` prints an example that raises it, and how to mend it; they stand
[in one file](../src/retinue/commands/explanations.md), too.

## Mistakes and warnings

{_table(of_files)}

## What blocks a plan

A plan that is blocked is shown, and not applied: it ends with exit code 4. The codes stand under `blocks` of
`plan --json`.

{_table(of_plans)}
"""


def _table(rows: list[Explanation]) -> str:
    from retinue.config.problems import CODES

    lines = [f"| `{each.code}` | {CODES.get(each.code, each.meaning)} |" for each in rows]
    return "\n".join(("| code | meaning |", "|---|---|", *lines))
