"""A session at a terminal, recorded: commands run as a person runs them, and what the screen shows in the end."""

from __future__ import annotations

import re
import shlex
import sys
import tempfile
from pathlib import Path

from tests.docs.runner import TODAY, Runner
from tests.support.terminal import in_terminal, seen

COLUMNS, LINES = 130, 60
ANSWER = {b"accepted: ": b"yes\n"}
COMMANDS = (
    "retinue init desk --yes",
    "cd desk",
    "retinue apply",
    'retinue ask concierge "When does the café open?"',
    "sed -i.bak 's/at most five sentences/at most three sentences/' assistants/prompts/concierge.md",
    "retinue plan",
    "retinue apply --yes --detail summary",
    "retinue show",
)


def record() -> str:
    """The session as a person sees it who scrolls back. Ids, digests and times are the same at every run."""
    with tempfile.TemporaryDirectory() as root:
        here = Path(root) / "work"
        here.mkdir()
        stable = Runner(here, Path(root))
        lines: list[str] = []
        for command in COMMANDS:
            lines += [f"$ {command}", *_run(command, here)]
            if command.startswith("cd "):
                here /= command.removeprefix("cd ")
        text = stable.with_stable_ids("\n".join(lines))
        return re.sub(r"\(\d+\.\d+s\)", "(0.0s)", text)


def _run(command: str, here: Path) -> list[str]:
    """One command in a shell on a terminal. Raises AssertionError when it fails."""
    run = re.sub(r"^retinue\b", f"{shlex.quote(sys.executable)} -m retinue", command)
    ended = in_terminal(
        ["bash", "-c", f"cd {shlex.quote(str(here))} && {run}"],
        size=(COLUMNS, LINES),
        environ={"RETINUE_TODAY": TODAY, "RETINUE_PAGER": "cat", "LC_ALL": "C.UTF-8"},
        then=ANSWER,
    )
    assert ended.code == 0, ended.written.decode()
    return seen(ended.written, COLUMNS, LINES)
