"""Run in a process of its own: which modules hold one text of a declaration while `plan` and `apply` run, as JSON."""

from __future__ import annotations

import contextlib
import io
import json
import sys
import threading
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import retinue
from retinue.cli import main

TEXT = "Zebra answers every question about stripes."
DEPTH = 6
SOURCE = Path(retinue.__file__).parent.as_posix()
HAS_VARIABLE = 0x04
HAS_KEYWORDS = 0x08


def module(frame: FrameType | None) -> str | None:
    """The module of Retinue that a frame runs in, by its place; the local account is a program of its own."""
    path = frame.f_code.co_filename if frame else ""
    if not path.startswith(f"{SOURCE}/") or path.startswith(f"{SOURCE}/emulator/"):
        return None
    return path.removeprefix(f"{SOURCE}/")


def parts(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        yield from list(value.values())
    elif isinstance(value, list | tuple | AbstractSet):
        yield from list(value)
    elif is_dataclass(value) and not isinstance(value, type):
        yield from (getattr(value, each.name, None) for each in fields(value))
    elif type(value).__module__.startswith("retinue."):
        yield from list(getattr(value, "__dict__", {}).values())


def holds(value: Any, depth: int, seen: set[int]) -> bool:
    """Whether the text stands anywhere in a value."""
    if isinstance(value, str):
        return value == TEXT
    if depth == 0 or id(value) in seen:
        return False
    seen.add(id(value))
    return any(holds(each, depth - 1, seen) for each in parts(value))


class Trace:
    """What was seen of one command: the modules that held the text, and the calls between modules that handed it on."""

    def __init__(self) -> None:
        self.modules: set[str] = set()
        self.calls: set[tuple[str, str]] = set()

    def __call__(self, frame: FrameType, event: str, arg: object) -> None:
        called = module(frame) if event == "call" else None
        if called is None or not any(holds(each, DEPTH, set()) for each in arguments(frame)):
            return
        self.modules.add(called)
        caller = frame.f_back
        while caller and module(caller) is None:
            caller = caller.f_back
        calling = module(caller)
        if calling and calling != called:
            self.calls.add((calling, called))


def arguments(frame: FrameType) -> list[Any]:
    code = frame.f_code
    stars = bool(code.co_flags & HAS_VARIABLE) + bool(code.co_flags & HAS_KEYWORDS)
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + stars]
    return [frame.f_locals[name] for name in names if name in frame.f_locals]


def traced(*args: str) -> dict[str, Any]:
    trace = Trace()
    threading.setprofile(trace)
    sys.setprofile(trace)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            code = main(list(args))
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    # A module that never gets the text in an argument hands on what it did not hold.
    handed = sorted(call for call in trace.calls if call[0] in trace.modules)
    return {"code": code, "modules": sorted(trace.modules), "hand-overs": handed}


if __name__ == "__main__":
    root = Path(sys.argv[1])
    (root / "retinue.yaml").write_text("stack: traced\naccount: local\ninclude: [zebra.yaml]\n", encoding="utf-8")
    declared = f"assistants:\n  zebra:\n    model: gpt-4o\n    instructions: {TEXT}\n"
    (root / "zebra.yaml").write_text(declared, encoding="utf-8")
    plan = traced("plan", "-C", str(root))
    apply = traced("apply", "--yes", "-C", str(root))
    print(json.dumps({"plan": plan, "apply": apply}))  # noqa: T201 - what it is run for
