"""Reading costs in proportion to what is written, and what could only be meant to exhaust the reader is refused.

Work is counted in lines of Python that run, which are the same on every machine.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from retinue.config import load
from retinue.kinds import all_kinds
from retinue.session import check_loaded

from .conftest import Files, Load, Write

Shape = Callable[[int], Files]
FEW, MANY = 60, 240


def each(number: int, text: str) -> str:
    return "".join(text.replace("@", str(index)) for index in range(number))


def assistants(number: int, fields: str) -> str:
    return "assistants:\n" + each(number, f"  a@: {{model: x{fields}}}\n")


SHAPES: dict[str, Shape] = {
    "assistants": lambda n: {"assistants/a.yaml": assistants(n, ", name: A @")},
    "files": lambda n: {f"assistants/{i}.yaml": f"assistants: {{a{i}: {{model: x}}}}\n" for i in range(n)},
    "documents": lambda n: {"assistants/a.yaml": each(n, "---\nassistants: {a@: {model: x}}\n")},
    "expressions": lambda n: {
        "retinue.yaml": "stack: s\nvariables: {m: x}\n",
        "assistants/a.yaml": assistants(n, ", name: '${{ var.m }}'"),
    },
    "one long text": lambda n: {
        "retinue.yaml": "stack: s\nvariables: {m: x}\n",
        "assistants/a.yaml": f"assistants: {{a: {{model: x, instructions: '{'${{ var.m }} ' * n * 10}'}}}}\n",
    },
    "functions": lambda n: {
        "assistants/a.yaml": assistants(n, ", tools: [{function: f@}]")
        + "functions:\n"
        + each(n, "  f@: {description: F, parameters: {type: object, properties: {}}}\n")
    },
    "stores": lambda n: {
        "assistants/a.yaml": "vector_stores:\n" + each(n, "  s@: {files: [kb/@.md]}\n"),
        **{f"assistants/kb/{i}.md": "x" for i in range(n)},
    },
    "files of a store": lambda n: {
        "assistants/a.yaml": "vector_stores: {s: {files: [" + each(n, "kb/@.md, ") + "]}}\n",
        **{f"assistants/kb/{i}.md": "x" for i in range(n)},
    },
    "exclusions of a folder": lambda n: {
        "assistants/a.yaml": "vector_stores: {s: {files: ['kb/*.md', '!kb/[0-8]*']}}\n",
        **{f"assistants/kb/{i}.md": "x" for i in range(n)},
    },
    "what refers to nothing": lambda n: {
        "assistants/a.yaml": assistants(n, ", tools: [{file_search: {vector_store: so}}]")
        + "vector_stores:\n"
        + each(n, "  s@: {}\n")
    },
    "unknown fields": lambda n: {"assistants/a.yaml": assistants(n, ", nmae: A @")},
    "names twice": lambda n: {
        "assistants/a.yaml": assistants(n, ""),
        "assistants/b.yaml": assistants(n, ""),
    },
    "overlays": lambda n: {
        "assistants/a.yaml": assistants(n, ""),
        "environments/e.yaml": "assistants:\n" + each(n, "  a@: {name: B}\n"),
    },
    "overlays of nothing": lambda n: {
        "assistants/a.yaml": assistants(n, ""),
        "environments/e.yaml": "assistants:\n" + each(n, "  b@: {name: B}\n"),
    },
    "merged": lambda n: {
        "assistants/a.yaml": "x-base: &base {model: x, name: A}\nassistants:\n"
        + each(n, "  a@: {<<: *base, top_p: 1}\n")
    },
    "subagents in a row": lambda n: {
        "assistants/a.yaml": "skills:\n" + each(n, "  s@: {folder: s}\n"),
        "assistants/s/SKILL.md": "---\nname: s\ndescription: S\n---\n",
    },
    "handovers": lambda n: {
        "assistants/a.yaml": assistants(n, "") + "moved:\n" + each(n, "  - {from: assistant.b@, to: assistant.a@}\n")
    },
    "handovers of nothing": lambda n: {
        "assistants/a.yaml": assistants(n, "") + "adopt:\n" + each(n, "  - {address: assistant.b@, id: asst_@}\n")
    },
    "missing files": lambda n: {
        "assistants/a.yaml": assistants(n, ", instructions: {file: p/x@.md}"),
        **{f"assistants/p/y{i}.md": "x" for i in range(n)},
    },
    "unknown variables": lambda n: {
        "retinue.yaml": "stack: s\nvariables:\n" + each(n, "  x@: 1\n"),
        "assistants/a.yaml": assistants(n, ", name: '${{ var.y@ }}'"),
    },
    "variables of nothing": lambda n: {
        "retinue.yaml": "stack: s\nvariables:\n"
        + each(n, "  x@: 1\n")
        + "environments: {e: {variables: {"
        + each(n, "y@: 1, ")
        + "}}}\n",
    },
    "environments": lambda n: {"retinue.yaml": "stack: s\nenvironments:\n" + each(n, "  e@: {}\n")},
    "stray overlays": lambda n: {
        "retinue.yaml": "stack: s\nenvironments:\n" + each(n, "  e@: {}\n"),
        **{f"environments/f{i}.yaml": "{}" for i in range(n)},
    },
    "foreign keys": lambda n: {"assistants/a.yaml": each(n, "key-@: 1\n")},
    "keys twice": lambda n: {"assistants/a.yaml": "assistants:\n" + each(n, "  a@: {model: x}\n  a@: {model: x}\n")},
}


def lines(work: Callable[[], Any]) -> int:
    """How many lines of Python run."""
    count = 0

    def trace(_: FrameType, event: str, __: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("shape", SHAPES)
def test_four_times_as_much_is_not_much_more_than_four_times_the_work(shape: str, write: Write) -> None:
    kinds = all_kinds()
    environment = "e" if shape.startswith("overlays") else None

    def work(number: int) -> int:
        project = write(SHAPES[shape](number))
        return lines(lambda: check_loaded(load(project, environ={}, kinds=kinds, environment=environment)))

    work(1)  # what is prepared once
    few, many = work(FEW), work(MANY)
    assert many < few * (MANY / FEW) * 1.5


# ── what is refused ───────────────────────────────────────────────────────────────────────────────────────────────────


def chain(number: int, link: str) -> str:
    return "x-a0: &a0 {k0: 1}\n" + "".join(
        f"x-a{i}: &a{i} {link.replace('@', str(i - 1)).replace('#', str(i))}\n" for i in range(1, number)
    )


BOMBS: dict[str, tuple[Files, str]] = {
    "nested": ({"assistants/a.yaml": "assistants: " + "{a: " * 5000 + "1" + "}" * 5000}, "too-deep"),
    "nested and never closed": ({"assistants/a.yaml": "assistants: " + "[" * 200_000}, "too-deep"),
    "nested blocks": ({"assistants/a.yaml": "".join(" " * i + "a:\n" for i in range(900))}, "too-deep"),
    "nested keys": ({"assistants/a.yaml": "? " * 3000 + "x"}, "too-deep"),
    "nested by aliases": ({"assistants/a.yaml": chain(400, "[*a@]")}, "too-deep"),
    "nested by aliases in maps": ({"assistants/a.yaml": chain(400, "{a: *a@}")}, "too-deep"),
    "nested by merges": ({"assistants/a.yaml": chain(400, "{<<: *a@, k#: 1}")}, "too-deep"),
    "laughs": ({"assistants/a.yaml": chain(12, "[" + "*a@, " * 10 + "]")}, "yaml-alias-expansion"),
    "laughs in maps": ({"assistants/a.yaml": chain(40, "{a: *a@, b: *a@}")}, "yaml-alias-expansion"),
    "laughs by merges": ({"assistants/a.yaml": chain(40, "{<<: [*a@, *a@]}")}, "yaml-alias-expansion"),
    "variables in a row": (
        {
            "retinue.yaml": "stack: s\nvariables:\n  v400: x\n"
            + "".join(f"  v{i}: '${{{{ var.v{i + 1} }}}}'\n" for i in range(400))
        },
        "too-deep",
    ),
    "a nested schema": (
        {
            "assistants/a.yaml": "functions: {f: {parameters: {file: f.json}}}\n",
            "assistants/f.json": '{"not": ' * 100_000 + "{}" + "}" * 100_000,
        },
        "bad-json",
    ),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_what_could_only_exhaust_the_reader_is_refused_with_its_place(bomb: str, loaded: Load) -> None:
    files, code = BOMBS[bomb]
    wrong = [each for each in loaded(files).diagnostics if each.severity == "error"]
    assert code in {each.code for each in wrong}
    assert all(each.position and each.hint for each in wrong)
