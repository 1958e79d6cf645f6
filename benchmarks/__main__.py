"""Speed, as ratios measured side by side on the same machine. Run with `make bench`.

Every figure is the median of whole processes, or of calls in one process where it says so; the machine's own speed
cancels out in the ratios.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

RETINUE = (sys.executable, "-m", "retinue")
IMPORT_CLICK = (sys.executable, "-c", "import click")


def write_stack(root: Path, *, assistants: int, files: int) -> None:
    """A project of many assistants, spread over files, each with a prompt, tools and metadata."""
    (root / "assistants").mkdir(parents=True)
    (root / "retinue.yaml").write_text("stack: bench\n", encoding="utf-8")
    (root / "assistants" / "prompt.md").write_text("Be helpful.\n" * 50, encoding="utf-8")
    function = "{description: Look a thing up., parameters: {type: object, properties: {id: {type: string}}}}"
    (root / "assistants" / "functions.yaml").write_text(f"functions:\n  lookup: {function}\n", encoding="utf-8")
    each = assistants // files
    for number in range(files):
        lines = ["assistants:"]
        for index in range(number * each, (number + 1) * each):
            lines += [
                f"  bot-{index:04}:",
                f"    name: Bot {index}",
                "    model: gpt-4o",
                "    description: One of many.",
                "    instructions: [{file: prompt.md}, 'You are number " + str(index) + ".']",
                "    temperature: 0.3",
                "    tools: [code_interpreter, {function: lookup}, {file_search: {max_num_results: 5}}]",
                "    metadata: {team: bench, number: '" + str(index) + "'}",
            ]
        (root / "assistants" / f"bots-{number:02}.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def seconds(command: Sequence[str], cwd: Path) -> float:
    begun = time.perf_counter()
    subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ)
    return time.perf_counter() - begun


def side_by_side(one: Sequence[str], other: Sequence[str], cwd: Path, runs: int) -> tuple[float, float, float]:
    """Medians of both commands, run in turn, and the median of the ratios pair by pair."""
    seconds(one, cwd), seconds(other, cwd)
    pairs = [(seconds(one, cwd), seconds(other, cwd)) for _ in range(runs)]
    return (
        statistics.median(first for first, _ in pairs),
        statistics.median(second for _, second in pairs),
        statistics.median(first / second for first, second in pairs),
    )


def requests_of_an_unchanged_plan(root: Path) -> Counter[str]:
    """Apply the stack to the local account, then count what a plan that finds nothing to do asks for."""
    import httpx2
    import openai

    from retinue import engine
    from retinue.emulator.server.transport import LocalTransport
    from retinue.providers.openai.client import Account

    calls: Counter[str] = Counter()

    class Counting(httpx2.BaseTransport):
        def __init__(self) -> None:
            self.inner = LocalTransport(root / ".retinue" / "local")

        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            calls[f"{request.method} {request.url.path}"] += 1
            return self.inner.handle_request(request)

        def close(self) -> None:
            self.inner.close()

    with engine.open_session(engine.Where(root, environ={})) as session:
        engine.apply(session, engine.plan(session))
        http = httpx2.Client(transport=Counting())
        client = openai.OpenAI(base_url="http://local.invalid/v1", api_key="local", http_client=http, max_retries=0)
        counted = engine.Session(
            session.reading, Account(client, session.account.info), session.cache, session.journal, session.kinds
        )
        calls.clear()
        if not engine.plan(counted).empty:
            raise SystemExit("the plan after an apply is not empty")
    return calls


def row(name: str, measure: Callable[[], str]) -> None:
    print(f"{name:<58} {measure()}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7, help="runs of each command")
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        write_stack(root, assistants=1000, files=50)

        def compare(command: Sequence[str]) -> Callable[[], str]:
            def measure() -> str:
                mine, click, ratio = side_by_side(command, IMPORT_CLICK, root, runs)
                return f"{mine:.3f} s, {ratio:.2f} × 'import click' ({click:.3f} s)"

            return measure

        row("retinue --version (promised: at most 2 ×)", compare((*RETINUE, "--version")))
        row("retinue validate, 1,000 assistants in 50 files (2 s)", compare((*RETINUE, "validate")))

        def count() -> str:
            calls = requests_of_an_unchanged_plan(root)
            lists = sum(number for call, number in calls.items() if call == "GET /v1/assistants")
            other = sum(calls.values()) - lists
            return f"{lists} lists of assistants, {other} other requests (promised: at most 10)"

        row("an unchanged plan of 1,000 assistants", count)
        row("retinue plan, 1,000 unchanged assistants", compare((*RETINUE, "plan")))


if __name__ == "__main__":
    main()
