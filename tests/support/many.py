"""Many objects that no file declares and no account has: what planning and reports are measured with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from retinue.kinds import all_kinds
from retinue.model.declared import Declaration, Declared, Handover, Position
from retinue.model.live import Live, LiveFile
from retinue.model.steps import AccountInfo, Plan
from retinue.model.tag import TAG_KEY, write_tag
from retinue.model.values import Address, Path
from retinue.planning.planner import make_plan
from retinue.planning.resolve import resolve
from retinue.providers.live_reader import read_live

KINDS = all_kinds()
STACK = "many"
ACCOUNT = AccountInfo("local")


@dataclass(frozen=True)
class At:
    """The places of a declaration: one line of a file."""

    file: str
    line: int

    def at(self, path: Path, *, key: bool = False) -> Position:
        return Position(self.file, self.line)


def declarations(number: int, *, words: str = "Be helpful.", prefix: str = "bot") -> list[Declaration]:
    """Assistants with a short prompt and a tool, each in a line of its own."""
    return [
        Declaration(
            Address("assistant", f"{prefix}-{index:05}"),
            {
                "model": "gpt-4o",
                "name": f"Bot {index}",
                "instructions": f"{words}\nYou are number {index}.\n",
                "tools": [{"file_search": {"max_num_results": 5}}],
                "metadata": {"number": str(index)},
            },
            At("bots.yaml", index + 1),
        )
        for index in range(number)
    ]


def declared(number: int, **said: str) -> tuple[Declared, ...]:
    return resolve(declarations(number, **said), KINDS).declared


def answers(those: Iterable[Declared]) -> list[dict[str, Any]]:
    """What an account answers about what was applied to it."""
    return [_answer(each, index) for index, each in enumerate(those)]


def live(those: Iterable[Declared]) -> list[Live]:
    """The same as it is read."""
    those = list(those)
    kinds = [KINDS[each.address.kind] for each in those]
    return [read_live(raw, kind, raw["metadata"]) for raw, kind in zip(answers(those), kinds, strict=True)]


def _answer(each: Declared, index: int) -> dict[str, Any]:
    kind = KINDS[each.address.kind]
    body = kind.write({name: value for name, value in each.spec.items() if kind.field(name).in_body})
    tag = write_tag(kind.make_tag(STACK, each.address, each.spec, each.lifecycle))
    metadata = {**body.get("metadata", {}), TAG_KEY: tag}
    return {**body, "id": f"id_{index:020}", "created_at": 1_700_000_000 + index, "metadata": metadata}


def store(number: int) -> Declared:
    """A vector store with files."""
    files = [
        {
            "path": f"docs/{index:05}.md",
            "sha256": f"{index:064x}",
            "size": 1000,
            "attributes": {"year": 2026},
            "entry": 0,
        }
        for index in range(number)
    ]
    written = {"name": "Handbook", "files": files}
    return resolve([Declaration(Address("vector_store", "kb"), written, At("kb.yaml", 1))], KINDS).declared[0]


def live_store(each: Declared) -> Live:
    """The same with its files, as it was applied."""
    files = tuple(
        LiveFile(
            f"file-{index:020}",
            path,
            entry["sha256"],
            "completed",
            1_700_000_000,
            attributes=entry["attributes"],
            chunking=entry["chunking"],
        )
        for index, (path, entry) in enumerate(each.spec["files"].items())
    )
    return replace(live([each])[0], files=files)


def plan(
    wanted: Iterable[Declared], there: Sequence[Live] = (), handovers: Sequence[Handover] = (), *, destroy: bool = False
) -> Plan:
    return make_plan(wanted, there, KINDS, stack=STACK, account=ACCOUNT, handovers=handovers, destroy=destroy)
