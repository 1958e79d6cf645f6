"""A language model that says what a test wrote down, and a sandbox whose code does what a test wrote down."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from retinue.emulator.language_models.language_model import CallDelta, Finish, Piece, Prompt, TextDelta, Usage
from retinue.emulator.server.service import CodeSession

Scripted = Piece | Callable[[], object] | Exception


def says(*words: str, usage: Usage | None = None) -> tuple[Scripted, ...]:
    return (*(TextDelta(each) for each in words), Finish("stop", usage or Usage(10, len(words))))


def calls(*named: tuple[str, str], usage: Usage | None = None) -> tuple[Scripted, ...]:
    """Calls of tools, each with its name and arguments, which come in two pieces."""
    pieces: list[Scripted] = []
    for index, (name, arguments) in enumerate(named):
        pieces.append(CallDelta(index, name=name, id=f"call_{index}"))
        half = len(arguments) // 2
        pieces += [CallDelta(index, arguments[:half]), CallDelta(index, arguments[half:])]
    return (*pieces, Finish("tool_calls", usage or Usage(20, 5)))


def UNTIL_STOPPED() -> None:  # noqa: N802 - a piece of a script
    """Stands in a script where the model goes on until somebody stops it."""


class ScriptedModel:
    """Gives one answer after the other; what of it can be called is, and what is an error is raised."""

    def __init__(self, *answers: Sequence[Scripted], window: int | None = None) -> None:
        self._answers = list(answers)
        self._window = window
        self._lock = threading.Lock()
        self.prompts: list[Prompt] = []

    def window(self, model: str) -> int | None:
        return self._window

    def answer(self, prompt: Prompt, stop: threading.Event) -> Iterator[Piece]:
        with self._lock:
            self.prompts.append(prompt)
            script = self._answers.pop(0)
        for each in script:
            if stop.is_set():
                return
            if isinstance(each, Exception):
                raise each
            if each is UNTIL_STOPPED:
                assert stop.wait(30)
            elif callable(each):
                each()
            else:
                yield each


@dataclass
class Gate:
    """Keeps a model waiting until the test goes on, and says when it is there."""

    reached: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def __call__(self) -> None:
        self.reached.release()
        assert self.go.acquire(timeout=30)

    def wait(self) -> None:
        assert self.reached.acquire(timeout=30)

    def open(self) -> None:
        self.go.release()


@dataclass(frozen=True)
class Written:
    name: str
    content: bytes
    image: str | None = None

    @property
    def size(self) -> int:
        return len(self.content)


@dataclass(frozen=True)
class Ran:
    """What came of a piece of code."""

    logs: str
    files: tuple[Written, ...] = ()
    error: str | None = None
    left_out: tuple[str, ...] = ()


class NoSandbox:
    """A machine where nothing confines code."""

    def open_session(self, directory: Path) -> AbstractContextManager[CodeSession]:
        raise RuntimeError("nothing confines it")

    def read_written(self, directory: Path, name: str, most: int) -> bytes:
        raise FileNotFoundError(name)


class ScriptedSandbox:
    """No code runs here: what a piece of it does is written down."""

    def __init__(self, outcomes: dict[str, Ran]) -> None:
        self._outcomes = outcomes
        self.seen: list[list[str]] = []
        """The files that each session began with."""

    @contextmanager
    def open_session(self, directory: Path) -> Iterator[ScriptedSandbox]:
        self.seen.append(sorted(each.name for each in directory.iterdir()))
        yield self

    def run(self, code: str, stop: threading.Event) -> Ran:
        return self._outcomes[code]

    def read_written(self, directory: Path, name: str, most: int) -> bytes:
        return next(each.content for ran in self._outcomes.values() for each in ran.files if each.name == name)
