"""Runs the blocks of one page through a real shell, each where the last one left off."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from retinue.config.schema.declaration_schema import documents
from retinue.kinds import all_kinds
from tests.docs.pages import DIGEST, ID, ROOT, Block, Command, fits, read_commands

SERVED = "http://127.0.0.1:8765/v1"
"""The address that pages print for a server they start; its port is taken from the system instead."""

PATIENCE = 60
TODAY = "2026-11-22"
"""The day on which the pages were written, as far as models that shut down are concerned."""

UPDATE = bool(os.environ.get("RETINUE_UPDATE_GOLDENS"))
_MAKE = re.compile(r"^make(?: ([a-z]+))?$")
_TARGET = re.compile(r"^([a-z-]+):", re.MULTILINE)


class MismatchError(AssertionError):
    """A page says something else than what happens."""


@dataclass
class Runner:
    """One page under way in `directory`. `corrections` maps the lines of an output to what was printed instead."""

    directory: Path
    home: Path
    served: str = SERVED
    servers: list[subprocess.Popen[str]] = field(default_factory=list)
    corrections: list[tuple[Command, str]] = field(default_factory=list)
    printed: str = ""
    ids: dict[str, str] = field(default_factory=dict)

    def run(self, block: Block) -> None:
        """Do what the block says. Raises MismatchError."""
        if "not run" in block.comments:
            self._only_read(block)
        elif "file" in block.comments:
            self._write(block)
        else:
            {
                "console": self._console,
                "sh": self._script,
                "python": self._python,
                "yaml": self._yaml,
                "json": self._json,
                "text": self._text,
            }.get(block.word, self._unknown)(block)

    def close(self) -> None:
        for server in self.servers:
            server.send_signal(signal.SIGINT)
            server.communicate(timeout=PATIENCE)

    # ── one way of running each ───────────────────────────────────────────────────────────────────────────────────────

    def _only_read(self, block: Block) -> None:
        targets = _TARGET.findall((ROOT / "Makefile").read_text())
        for line in block.text.splitlines():
            found = _MAKE.match(line.removeprefix("$ ").partition("#")[0].strip())
            if found and found[1] and found[1] not in targets:
                raise MismatchError(f"{block}: there is no target 'make {found[1]}'")
        if block.word == "sh":
            subprocess.run(["bash", "-n"], input=block.text, text=True, check=True)

    def _write(self, block: Block) -> None:
        path = self._here() / block.comments["file"]
        path.parent.mkdir(parents=True, exist_ok=True)
        if block.word != "diff":
            path.write_text(block.text, encoding="utf-8")
            return
        lines = [line if line.strip() else f" {line}" for line in block.text.splitlines(keepends=True)]
        before = "".join(line[1:] for line in lines if line[0] in " -")
        after = "".join(line[1:] for line in lines if line[0] in " +")
        text = path.read_text(encoding="utf-8")
        if text.count(before) != 1:
            raise MismatchError(f"{block}: these lines stand {text.count(before)} times in {path.name}:\n{before}")
        path.write_text(text.replace(before, after), encoding="utf-8")

    def _console(self, block: Block) -> None:
        commands = read_commands(block)
        for command in commands:
            last = command is commands[-1]
            expected = int(block.comments.get("exit", 0)) if last else 0
            text = self._with_address(command.text)
            if last and "background" in block.comments:
                printed, code = self._start(text), 0
            elif last and "answer" in block.comments:
                printed, code = self._converse(text, block.comments["answer"])
            else:
                printed, code = self._shell(text)
            printed = self.with_stable_ids(printed.replace(self.served, SERVED))
            if code != expected:
                raise MismatchError(f"{block}: '{command.text}' ended with {code} instead of {expected}:\n{printed}")
            if not fits(command.output, printed):
                self.corrections.append((command, printed))
                if not UPDATE:
                    wanted = "\n".join(command.output)
                    raise MismatchError(f"{block}: '{command.text}' printed\n\n{printed}\n\nand not\n\n{wanted}")

    def _script(self, block: Block) -> None:
        printed, code = self._shell(self._with_address(block.text))
        if code != 0:
            raise MismatchError(f"{block}: the script ended with {code}:\n{printed}")

    def _python(self, block: Block) -> None:
        program = self.home / "block.py"
        program.write_text(self._with_address(block.text), encoding="utf-8")
        self.printed, code = self._shell(f"python {program}")
        if code != 0:
            raise MismatchError(f"{block}: the program ended with {code}:\n{self.printed}")

    def _text(self, block: Block) -> None:
        """What the program above printed; a picture of something else where there was none."""
        if self.printed and not fits(tuple(block.text.splitlines()), self.printed.replace(self.served, SERVED)):
            raise MismatchError(f"{block}: the program above printed\n\n{self.printed}")
        self.printed = ""

    def _yaml(self, block: Block) -> None:
        data = yaml.safe_load(block.text)
        schemas = documents(all_kinds())
        name = block.comments.get("schema") or ("retinue" if _is_project(data) else "declarations")
        schema: dict[str, Any] = {**schemas[f"{name}.schema.json"]}
        if "schema" in block.comments or name == "retinue":
            schema.pop("required", None)
        problems = [each.message for each in jsonschema.Draft202012Validator(schema).iter_errors(data)]
        if problems:
            raise MismatchError(f"{block}: {problems}")

    def _json(self, block: Block) -> None:
        json.loads(block.text)

    def _unknown(self, block: Block) -> None:
        raise MismatchError(f"{block}: a block of '{block.word}' cannot be run; see tests/docs/pages.py")

    # ── the shell ─────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def _state(self) -> Path:
        return self.home / "state.sh"

    def _here(self) -> Path:
        """Where the last command left us."""
        path = self.home / "here"
        return Path(path.read_text().strip()) if path.exists() else self.directory

    def _with_address(self, text: str) -> str:
        return text.replace(SERVED, self.served)

    def with_stable_ids(self, text: str) -> str:
        """The same ids at every run, so that pages can be written anew without a difference in all of them."""

        def stable(found: re.Match[str]) -> str:
            prefix, rest = found[1], found[2]
            if found[0] not in self.ids:
                count = sum(1 for each in self.ids if each.startswith(prefix))
                self.ids[found[0]] = prefix + hashlib.sha256(f"{prefix}{count}".encode()).hexdigest()[: len(rest)]
            return self.ids[found[0]]

        def stable_digest(found: re.Match[str]) -> str:
            count = sum(1 for each in self.ids if each.startswith("pd1:"))
            digits = hashlib.sha256(f"pd1:{count}".encode()).hexdigest()
            groups = "-".join(digits[start : start + 4] for start in range(0, 16, 4))
            return self.ids.setdefault(found[0], f"pd1:{groups}")

        return DIGEST.sub(stable_digest, ID.sub(stable, text))

    def _wrapped(self, text: str) -> list[str]:
        """The command in a shell that knows the variables of the last one and leaves its own behind."""
        text = text.replace("make apply", "retinue apply --yes") if text == "make apply" else text
        script = (
            f"trap 'code=$?; export -p > {self._state}; pwd > {self.home}/here; exit $code' EXIT\n"
            f"[ -e {self._state} ] && . {self._state}\n{text}\n"
        )
        return ["bash", "-c", script]

    def _shell(self, text: str) -> tuple[str, int]:
        done = subprocess.run(
            self._wrapped(text),
            cwd=self._here(),
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return done.stdout, done.returncode

    def _start(self, text: str) -> str:
        """Start a server and wait for its first line, which is its address; show what it says on both streams."""
        server = subprocess.Popen(
            ["bash", "-c", f"[ -e {self._state} ] && . {self._state}\nexec {text} --port 0 2>&1"],
            cwd=self._here(),
            env=self._environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
        self.servers.append(server)
        if server.stdout is None:
            raise TypeError("the server has no stdout")
        lines = [server.stdout.readline()]
        self.served = lines[0].strip()
        while "OPENAI_BASE_URL" not in lines[-1] and lines[-1]:
            lines.append(server.stdout.readline())
        return "".join(lines)

    def _converse(self, text: str, answer: str) -> tuple[str, int]:
        """Run a command on a terminal, and answer when it stops for a question."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            self._wrapped(text), cwd=self._here(), env=self._environment(), stdin=theirs, stdout=theirs, stderr=theirs
        )
        os.close(theirs)
        printed = b""
        answered = False
        with suppress(OSError):  # the terminal's other end is gone once the program has ended
            while select.select([ours], [], [], PATIENCE)[0] and (piece := os.read(ours, 65536)):
                printed += piece
                if not answered and printed.endswith(b"accepted: "):
                    os.write(ours, f"{answer}\n".encode())
                    answered = True
        os.close(ours)
        return printed.decode().replace("\r\n", "\n"), process.wait(PATIENCE)

    def _environment(self) -> dict[str, str]:
        programs = Path(sys.executable).parent
        return {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "LC_ALL": "C.UTF-8",
            "TERM": "dumb",
            "NO_COLOR": "1",
            "COLUMNS": "100",
            "RETINUE_TODAY": TODAY,
        }


def _is_project(data: Any) -> bool:
    return isinstance(data, dict) and not data.keys().isdisjoint(
        {"stack", "account", "include", "variables", "environments"}
    )


def copy_example(directory: Path) -> None:
    """The example stack of this repository, without what it left behind when it was applied here."""
    shutil.copy(ROOT / "retinue.yaml", directory)
    shutil.copytree(ROOT / "assistants", directory / "assistants")


@contextmanager
def runner(tmp_path: Path, *, example: bool) -> Iterator[Runner]:
    """A page's scratch directory, empty or with the example stack of this repository."""
    directory, home = tmp_path / "work", tmp_path / "home"
    directory.mkdir()
    home.mkdir()
    if example:
        copy_example(directory)
    running = Runner(directory, home)
    try:
        yield running
    finally:
        running.close()


def rewrite(page: Path, corrections: list[tuple[Command, str]]) -> None:
    """Put what was printed into the page, from the end to the start so that lines stay where they are."""
    lines = page.read_text(encoding="utf-8").splitlines()
    for command, printed in sorted(corrections, key=lambda each: -each[0].first):
        shown = [line.rstrip() for line in printed.strip("\n").splitlines()]
        width = len(command.text.splitlines())
        lines[command.first - 1 + width : command.last] = shown
    page.write_text("\n".join(lines) + "\n", encoding="utf-8")
