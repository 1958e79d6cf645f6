"""Carrying out the functions that an answer needs: outputs that were given, Python of the project, a person."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from retinue.errors import RetinueError, UnansweredError
from retinue.model.talk import FunctionCall


def nobody(call: FunctionCall) -> str | None:  # noqa: ARG001 - the signature of whoever can be asked
    """Where there is no person."""
    return None


def reads_as_output(text: str) -> bool:
    """Whether a text can be what a function came to: any can but for what begins like JSON and is none."""
    if text[:1] not in ("{", "["):
        return True
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


@dataclass(slots=True)
class FunctionCalls:
    """Who carries functions out, tried in this order: `given` outputs by name; `handlers`, names of Python code by
    function, imported from `root`, if `may_run` says so, which is asked once; a `person`, who gives None where there is
    none. `told` hears what each came to."""

    root: Path
    given: Mapping[str, str]
    handlers: Mapping[str, str]
    may_run: Callable[[Mapping[str, str]], bool] = lambda _: False
    person: Callable[[FunctionCall], str | None] = nobody
    told: Callable[[FunctionCall, str], object] = lambda _, __: None
    _allowed: bool | None = None
    _loaded: dict[str, Callable[..., Any]] = field(default_factory=dict)

    def carry_out(self, call: FunctionCall) -> str:
        """What the function came to, as text. Raises UnansweredError when nobody carries it out."""
        output = self._output(call)
        self.told(call, output)
        return output

    def _output(self, call: FunctionCall) -> str:
        if call.name in self.given:
            return self.given[call.name]
        if call.name in self.handlers and self._may_run():
            return self._run(call, self.handlers[call.name])
        output = self.person(call)
        if output is None:
            also = " or --allow-handlers" if call.name in self.handlers else ""
            raise UnansweredError(
                f"the answer needs the function {call.name}({_short(call.arguments)}), and nobody carries it out",
                hint=f"give --tool-output {call.name}=JSON{also}, or ask on a terminal",
            )
        return output

    def _may_run(self) -> bool:
        if self._allowed is None:
            self._allowed = self.may_run(self.handlers)
        return self._allowed

    def _run(self, call: FunctionCall, name: str) -> str:
        """The model hears of what goes wrong, as it would of an application's own failure."""
        handler = self._handler(call.name, name)
        try:
            arguments = json.loads(call.arguments or "{}")
        except ValueError:
            arguments = None
        if not isinstance(arguments, dict):
            return json.dumps({"error": "the arguments are not an object in JSON"})
        try:
            with _importable(self.root), contextlib.redirect_stdout(sys.stderr):  # stdout is the answer's
                made = handler(**arguments)
                if inspect.iscoroutine(made):
                    import asyncio

                    made = asyncio.run(made)
            return made if isinstance(made, str) else json.dumps(made, ensure_ascii=False, default=str)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - somebody else's code, and the model may ask otherwise
            return json.dumps({"error": f"{type(error).__name__}: {error}"}, ensure_ascii=False)

    def _handler(self, function: str, name: str) -> Callable[..., Any]:
        """Raises RetinueError when there is no such code."""
        if name not in self._loaded:
            module, _, path = name.partition(":")
            with _importable(self.root):
                try:
                    found: Any = importlib.import_module(module)
                    for part in path.split("."):
                        found = getattr(found, part)
                except (Exception, SystemExit) as error:  # a module does as it is imported whatever it likes
                    why = f"{type(error).__name__}: {error}"
                    hint = f"modules are imported from {self.root} and from where Python finds its own"
                    raise RetinueError(
                        f"the handler '{name}' of {function} cannot be used: {why}", hint=hint
                    ) from error
            if not callable(found):
                raise RetinueError(f"the handler '{name}' of {function} is nothing that can be called")
            self._loaded[name] = found
        return self._loaded[name]


@contextlib.contextmanager
def _importable(root: Path) -> Iterator[None]:
    """The modules of the project can be imported, and win."""
    before = list(sys.path)
    sys.path.insert(0, str(root.resolve()))
    try:
        yield
    finally:
        sys.path[:] = before


def _short(arguments: str) -> str:
    return arguments if len(arguments) <= 200 else f"{arguments[:199]}…"
