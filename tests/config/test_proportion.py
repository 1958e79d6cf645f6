"""Reading takes twice the work for twice as much, and asks the system about each file once.

Work is counted: calls, of Python and of what is written in C, the latter by the length of what they go through. Each
shape grows in all that could be multiplied: as many declarations as their file or their prompt has lines.
"""

from __future__ import annotations

import math
import os
import sys
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from retinue.config import load
from retinue.config.project_files import PIECE, Folder
from retinue.config.sections import Entry
from retinue.config.source_text import Source
from retinue.config.yaml.syntax_tree import Node, Tree
from retinue.kinds import all_kinds
from retinue.session import check_loaded
from retinue.state.digest_index import DigestIndex

from .conftest import Files, Write

FEW = 100
MORE = 2 * (1 + 1 / math.log2(FEW))
"""How many times the work twice as much may take: n log n."""
WHOLE = frozenset(
    (
        *("copy", "index", "remove", "sort"),
        *("count", "decode", "encode", "join", "lower", "lstrip", "partition", "removesuffix", "replace"),
        *("rpartition", "rsplit", "rstrip", "split", "splitlines", "strip", "translate", "upper"),
    )
)
"""Methods that go through all that they are called on."""
CHARACTERS = 16
"""How many characters are as much work as a call."""


class Work:
    """What was done: `calls` of C by name, and the `cost` of all."""

    def __init__(self, run: Callable[[], Any]) -> None:
        self.calls: Counter[str] = Counter()
        self.cost = 0
        before = sys.getprofile()
        sys.setprofile(self._seen)
        try:
            run()
        finally:
            sys.setprofile(before)

    def _seen(self, _: FrameType, event: str, called: Any) -> None:
        if event == "call":
            self.cost += 1
        elif event == "c_call":
            self.calls[called.__name__] += 1
            on = getattr(called, "__self__", None)
            if called.__name__ in WHOLE and isinstance(on, str | bytes | list | dict | set):
                self.cost += len(on) // (CHARACTERS if isinstance(on, str | bytes) else 1)
            self.cost += 1


def lines(number: int, text: str) -> str:
    return "".join(text.replace("@", str(each)) for each in range(number))


def store(files: str) -> str:
    return f"vector_stores: {{s: {{files: [{files}]}}}}\n"


def pages(number: int) -> Files:
    return {f"assistants/kb/{each % 7}/{each}.md": f"Page {each}\n" for each in range(number)}


PROMPT = lines(10, "You answer with the number @, and never with another one.\n")
SHAPES: dict[str, Callable[[int], Files]] = {
    "assistants in a file": lambda n: {"assistants/a.yaml": "assistants:\n" + lines(n, "  a@: {model: x, name: A}\n")},
    "assistants in files": lambda n: {
        f"assistants/{each}.yaml": f"assistants: {{a{each}: {{model: x}}}}\n" for each in range(n)
    },
    "assistants that an environment changes by patterns": lambda n: {
        "retinue.yaml": "stack: demo\ndefault_environment: p\n",
        "assistants/a.yaml": "assistants:\n" + lines(n, "  a@: {model: x, name: A, labels: {number: '@'}}\n"),
        "environments/p.yaml": "assistants: {'a*': {temperature: 0}, 'label:number=*1': {name: B}, 'file:**': {}}\n",
    },
    "a long prompt of many": lambda n: {
        "assistants/a.yaml": "assistants:\n" + lines(n, "  a@: {model: x, instructions: {file: p.md}}\n"),
        "assistants/p.md": PROMPT * n,
    },
    "a long prompt of many, with something before it": lambda n: {
        "assistants/a.yaml": "assistants:\n" + lines(n, "  a@: {model: x, instructions: [Hello., {file: p.md}]}\n"),
        "assistants/p.md": PROMPT * n,
    },
    "a long prompt of many, filled": lambda n: {
        "retinue.yaml": "stack: demo\nvariables: {v: x}\n",
        "assistants/a.yaml": "assistants:\n" + lines(n, "  a@: {model: x, instructions: {file: p.md, render: true}}\n"),
        "assistants/p.md": (PROMPT + "${{ var.v }}\n") * n,
    },
    "a long prompt of many, filled with the same parameters": lambda n: {
        "assistants/a.yaml": "assistants:\n"
        + lines(n, "  a@: {model: x, instructions: {file: p.md, render: true, with: {v: x}}}\n"),
        "assistants/p.md": (PROMPT + "${{ with.v }}\n${{ include 'q.md' }}\n") * n,
        "assistants/q.md": "Tone: ${{ with.v }}\n",
    },
    "a prompt of many, each with parameters of its own": lambda n: {
        "assistants/a.yaml": "assistants:\n"
        + lines(n, "  a@: {model: x, instructions: [{file: 'p*.md', render: true, with: {v: '@'}}]}\n"),
        "assistants/p.md": PROMPT + "${{ with.v }} of ${{ self.name }}\n",
        "assistants/p2.md": PROMPT,
    },
    "one list of many": lambda n: {
        "retinue.yaml": "stack: demo\nvariables: {v: [code_interpreter, file_search]}\n",
        "assistants/a.yaml": "assistants:\n" + lines(n, "  a@: {model: x, tools: ['${{ var.v }}', {function: f}]}\n"),
    },
    "a long list": lambda n: {
        "retinue.yaml": "stack: demo\nvariables: {v: [" + lines(n, "x@, ") + "]}\n",
        "assistants/a.yaml": "functions: {f: {parameters: {enum: ['${{ var.v }}', y]}}}\n",
    },
    "a long schema of many": lambda n: {
        "assistants/a.yaml": "functions:\n" + lines(n, "  f@: {parameters: {file: f.json}}\n"),
        "assistants/f.json": '{"type": "object", "properties": {' + lines(n, '"p@": {}, ') + '"q": {}}}',
    },
    "files": lambda n: {"assistants/a.yaml": store("kb/**"), **pages(n)},
    "files by patterns": lambda n: {"assistants/a.yaml": store("kb/**/*1.md, 'kb/**/*.md', 'kb/?/*'"), **pages(n)},
    "files by name": lambda n: {
        "assistants/a.yaml": store(lines(n, "kb/@.md, ")),
        **{f"assistants/kb/{each}.md": "x" for each in range(n)},
    },
    "files left out": lambda n: {"assistants/a.yaml": store("kb/**, '!kb/3', '!*5.md', '!kb/**/7*'"), **pages(n)},
    "files left out by name": lambda n: {
        "assistants/a.yaml": store("kb/**, " + lines(20, "'!@.md', ")),
        **pages(n),
    },
    "files of a type that is not taken": lambda n: {
        "assistants/a.yaml": store("kb/**"),
        "assistants/kb/a.md": "A\n",
        **{f"assistants/kb/{each}.csv": "1,2\n" for each in range(n)},
    },
    "folders": lambda n: {
        "assistants/a.yaml": store("kb/**"),
        **{f"assistants/kb/{each}/a.md": "A\n" for each in range(n)},
    },
    "files in depth": lambda n: {
        "assistants/a.yaml": store("kb/**"),
        **{f"assistants/kb/{'d/' * 20}{each}.md": "A\n" for each in range(n)},
    },
    "made of templates": lambda n: {
        "assistants/a.yaml": "templates: {t: {extends: u, name: A}, u: {metadata: {a: b}}}\nassistants:\n"
        + lines(n, "  a@: {extends: t, model: x, tools: [code_interpreter]}\n")
        + "defaults: {assistants: {tools: [file_search]}}\n",
    },
    "as many templates": lambda n: {
        "assistants/a.yaml": "templates:\n"
        + lines(n, "  t@: {name: A @}\n")
        + "assistants:\n"
        + lines(n, "  a@: {model: x, extends: t@}\n"),
    },
    "of one matrix": lambda n: {
        "assistants/a.yaml": "assistants: {a: {model: x, name: '${{ matrix.n }} ${{ with.w }}', with: {w: x},"
        + f" matrix: {{n: [{lines(n, '@, ')}]}}}}}}\n",
    },
    "of one matrix, each with what an environment changes": lambda n: {
        "retinue.yaml": "stack: demo\nenvironments: {production: }\n",
        "environments/production.yaml": "assistants:\n" + lines(n, "  a-@: {name: A @}\n"),
        "assistants/a.yaml": f"assistants: {{a: {{model: x, matrix: {{n: [{lines(n, '@, ')}]}}}}}}\n",
    },
    "of one matrix, of lists and parts that all have": lambda n: {
        "retinue.yaml": f"stack: demo\nvariables: {{kit: [code_interpreter], many: [{lines(n, 'x@, ')}]}}\n",
        "assistants/a.yaml": "templates: {t: {tools: '${{ var.kit }}', with: {parts: [{file: 'p*.md', render: true,"
        " with: {w: x}}]}, instructions: ['${{ with.parts }}', '${{ with.last }}']}}\n"
        "assistants: {a: {model: x, extends: t, with: {last: ['${{ matrix.n }}']}, matrix: {n: '${{ var.many }}'}}}\n",
        "assistants/p.md": PROMPT + "${{ with.w }}\n",
        "assistants/p2.md": PROMPT,
    },
    "a mistake of many": lambda n: {
        "assistants/a.yaml": f"assistants: {{a: {{model: x, colour: blue, matrix: {{n: [{lines(n, '@, ')}]}}}}}}\n",
    },
    "exclusions of a matrix": lambda n: {
        "assistants/a.yaml": f"assistants: {{a: {{model: x, matrix: {{n: [{lines(n, '@, ')}],"
        " exclude: [{n: 1}, {n: 2}], include: [{n: 3, m: x}, {n: -1}]}}}\n",
    },
}


@pytest.mark.parametrize("shape", SHAPES)
def test_twice_as_much_is_little_more_than_twice_the_work(shape: str, write: Write) -> None:
    def work(number: int) -> int:
        project = write(SHAPES[shape](number))
        chosen = "production" if (project / "environments").exists() else None
        return Work(lambda: check_loaded(load(project, environment=chosen, environ={}, kinds=all_kinds()))).cost

    work(1)  # what is prepared once
    nothing = work(1)
    few, many = work(FEW) - nothing, work(2 * FEW) - nothing
    assert many < few * MORE


class Searched(str):
    """A text that counts how many of its characters are gone through when something is looked for with `in`, which
    Python reports to nobody."""

    characters = 0

    def __contains__(self, part: Any) -> bool:
        Searched.characters += len(self)
        return super().__contains__(part)


def test_expressions_are_looked_for_once_in_a_file_and_not_for_each_of_its_declarations() -> None:
    gone_through, kind = [], all_kinds()["assistant"]
    for number in (FEW, 2 * FEW):
        Searched.characters = 0
        source = Source("a.yaml", Searched(SHAPES["assistants in a file"](number)["assistants/a.yaml"]))
        tree = Tree(Node("mapping", source, 0, 0))
        assert not any(Entry(kind, f"a{each}", {}, tree).has_expressions for each in range(number))
        gone_through.append(Searched.characters)
    few, many = gone_through
    assert 0 < many < few * MORE


# ── what the system is asked ──────────────────────────────────────────────────────────────────────────────────────────


def asked(project: Path, index: DigestIndex | None = None) -> Counter[str]:
    """How often a reading asks the system about a file, lists a directory, and reads a file."""
    ask = os.stat
    with pytest.MonkeyPatch.context() as patched:
        # Of what C calls by itself, as `map` does, Python reports nothing; of what is called in here, it does.
        patched.setattr(os, "stat", lambda *given, **options: ask(*given, **options))
        work = Work(lambda: load(project, environ={}, kinds=all_kinds(), digests=index))
    names = {
        "stat": "asked",
        "lstat": "asked",
        "scandir": "listed",
        "readall": "read",
        "readinto": "read",
        "open": "read",
    }
    return Counter({name: sum(work.calls[each] for each in names if names[each] == name) for name in names.values()})


def later() -> int:
    """A clock by which all that is on disk has settled."""
    return time.time_ns() + 10 * 10**9


@pytest.mark.parametrize("left_out", ["", ", '!nothing*'"])
def test_each_file_is_asked_about_once_and_read_once(write: Write, left_out: str) -> None:
    found = {}
    for number in (FEW, 2 * FEW):
        project = write({"assistants/a.yaml": store(f"'kb/**'{left_out}"), **pages(number)})
        index = DigestIndex(project / ".retinue", later)
        cold = asked(project, index)
        index.save()
        os.utime(project / ".retinue" / "digests", ns=(later(), later()))
        found[number] = cold, asked(project, DigestIndex(project / ".retinue"))
        (project / ".retinue" / "digests").unlink()
    (cold_few, warm_few), (cold_many, warm_many) = found[FEW], found[2 * FEW]
    assert cold_many - cold_few == Counter(asked=FEW, read=FEW)
    assert warm_many - warm_few == Counter(asked=FEW)
    assert warm_many["listed"] == warm_few["listed"] < 20


@pytest.mark.parametrize("field", ["instructions: {file: p.md}", "tools: [{code_interpreter: {files: [p.md]}}]"])
def test_a_file_that_many_name_is_read_once(write: Write, field: str) -> None:
    read = []
    for number in (5, 50):
        text = "assistants:\n" + lines(number, f"  a@: {{model: x, {field}}}\n")
        read.append(asked(write({"assistants/a.yaml": text, "assistants/p.md": "Hello\n"}))["read"])
    assert read[0] == read[1]


@pytest.mark.parametrize("name", ["big.txt", "big.pdf"])
def test_a_large_file_is_not_held(tmp_path: Path, name: str) -> None:
    """No piece that is read is larger than PIECE, and no more than a few are there at once."""
    with (tmp_path / name).open("wb") as file:
        for _ in range(16):
            file.write(b"x" * (PIECE - 2) + b"\r\n")
    folder = Folder(tmp_path)
    tracemalloc.start()
    try:
        folder.digest(name)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 4 * PIECE
