"""Projects of any size: assistants with prompts and tools, and stores of small documents. The same words make the
declarations and the bodies that the other programs send, so that all of them do the same job."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PROMPT = "Be helpful, and say where you know it from.\n" * 20
FUNCTION: dict[str, Any] = {
    "description": "Look a thing up.",
    "parameters": {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]},
}
WORDS = ["price", "invoice", "delivery", "return", "warranty", "repair", "order", "account", "service", "customer"]


def description(number: int, changed: int) -> str:
    return "One that changed." if number < changed else "One of many."


def body(number: int, changed: int = 0) -> dict[str, Any]:
    """What a script sends for an assistant."""
    return {
        "model": "gpt-4o",
        "name": f"Bot {number}",
        "description": description(number, changed),
        "instructions": PROMPT.rstrip("\n") + f"\n\nYou are number {number}.",
        "temperature": 0.3,
        "tools": [{"type": "function", "function": {"name": "lookup", **FUNCTION}}],
        "metadata": {"team": "bench", "number": str(number)},
    }


def write_settings(root: Path, base_url: str) -> None:
    root.mkdir(parents=True, exist_ok=True)
    account = {"base_url": base_url, "api_key_env": "BENCH_KEY"} if base_url else "local"
    include = ["declared/*.yaml"]
    (root / "retinue.yaml").write_text(json.dumps({"stack": "bench", "account": account, "include": include}))


def write_assistants(root: Path, count: int, files: int, changed: int = 0) -> None:
    folder = root / "declared"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "prompt.md").write_text(PROMPT)
    (folder / "functions.yaml").write_text(f"functions:\n  lookup: {json.dumps(FUNCTION)}\n")
    each = -(-count // files)
    for start in range(0, count, each):
        lines = ["assistants:"]
        for number in range(start, min(start + each, count)):
            lines += [
                f"  bot-{number:05}:",
                f"    name: Bot {number}",
                "    model: gpt-4o",
                f"    description: {description(number, changed)}",
                f"    instructions: [{{file: prompt.md}}, 'You are number {number}.']",
                "    temperature: 0.3",
                "    tools: [{function: lookup}]",
                f"    metadata: {{team: bench, number: '{number}'}}",
            ]
        (folder / f"bots-{start:05}.yaml").write_text("\n".join(lines) + "\n")


def write_matrix(root: Path, count: int) -> None:
    """The same assistants, or almost, by one declaration that stands for all of them."""
    folder = root / "declared"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "prompt.md").write_text(PROMPT)
    numbers = ", ".join(f'"{number:05}"' for number in range(count))
    lines = [
        "defaults:",
        "  assistants: {model: gpt-4o, temperature: 0.3, metadata: {team: bench}}",
        "templates:",
        "  bot:",
        "    instructions: [{file: prompt.md}, '${{ with.who }}']",
        "    tools: [{function: lookup}]",
        "assistants:",
        "  bot-${{ matrix.number }}:",
        "    extends: bot",
        "    with: {who: 'You are number ${{ matrix.number }}.'}",
        "    name: Bot ${{ matrix.number }}",
        "    description: One of many.",
        "    metadata: {number: '${{ matrix.number }}'}",
        f"    matrix: {{number: [{numbers}]}}",
        f"functions:\n  lookup: {json.dumps(FUNCTION)}",
    ]
    (folder / "bots.yaml").write_text("\n".join(lines) + "\n")


def document(number: int, edition: str) -> str:
    words = " ".join(WORDS[(number + place) % len(WORDS)] for place in range(40))
    return f"# Page {number}\n\n{words}\n\nThe {edition} edition.\n"


def documents(root: Path, count: int) -> Iterable[Path]:
    return (root / "declared" / "docs" / f"{number // 1000:03}" / f"page-{number:06}.md" for number in range(count))


def write_store(root: Path, count: int, changed: int = 0, edition: str = "second") -> None:
    """A store of small documents. Files that stay the same are not written again."""
    for number, path in enumerate(documents(root, count)):
        if number < changed or not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(document(number, edition if number < changed else "first"))
    settings = "vector_stores:\n  pages:\n    name: Pages\n    files: [docs/**/*.md]\n"
    (root / "declared" / "pages.yaml").write_text(settings)
