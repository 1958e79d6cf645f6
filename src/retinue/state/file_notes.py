"""What this machine knows of the files of large objects: as the last apply from here left them, one file an object.

Reading what a store of 10,000 files holds takes 100 requests in a row. What stands here may be deleted at any time, and
is believed only as long as the object's own tag says the same (decision 29).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retinue.model.canonical import digest
from retinue.model.live import LiveFile
from retinue.state.atomic_file import replace_file

FORMAT = 1


@dataclass(frozen=True, slots=True)
class FileNotes:
    """The notes about one account and stack, `name` tells them apart, below `directory`."""

    directory: Path
    name: tuple[str, str]

    def _path(self, live_id: str) -> Path:
        return self.directory / f"attached.{digest([*self.name, live_id])}.json"

    def load(self, live_id: str, said: str, attached: int) -> tuple[LiveFile, ...] | None:
        """The files of an object whose tag `said` that of them, and that so many are `attached`; None where the notes
        are about others, damaged or missing."""
        try:
            noted = json.loads(self._path(live_id).read_text(encoding="utf-8"))
            if noted["format"] != FORMAT or noted["said"] != said or len(noted["files"]) != attached:
                return None
            files = tuple(_read(noted["files"], noted["chunkings"]))
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return None
        return files

    def save(self, live_id: str, said: str, files: Sequence[LiveFile]) -> None:
        """Note the files, of which the tag `said` that. Where something about them is out of the ordinary, or where it
        cannot be written, there is no note."""
        self.drop(live_id)
        if not all(_is_ordinary(each) for each in files):
            return
        chunkings: dict[str, int] = {}
        rows = [
            (
                each.id,
                each.path,
                each.sha256,
                each.created_at,
                each.shared,
                chunkings.setdefault(json.dumps(each.chunking, sort_keys=True), len(chunkings)),
                each.attributes,
                each.usage,
            )
            for each in files
        ]
        noted = {"format": FORMAT, "said": said, "chunkings": [json.loads(each) for each in chunkings], "files": rows}
        with suppress(OSError):
            self.directory.mkdir(parents=True, exist_ok=True)
            replace_file(self._path(live_id), json.dumps(noted, separators=(",", ":")).encode())

    def drop(self, live_id: str) -> None:
        with suppress(OSError):
            self._path(live_id).unlink(missing_ok=True)


def _is_ordinary(file: LiveFile) -> bool:
    return file.status == "completed" and not (file.error or file.recorded or file.unmarked or file.given)


def _read(rows: Sequence[Sequence[Any]], chunkings: Sequence[dict[str, Any]]) -> Iterator[LiveFile]:
    for live_id, path, sha256, created_at, shared, chunking, attributes, *usage in rows:
        texts = [each for each in (path, sha256) if each is not None]
        if not all(isinstance(each, str) for each in (live_id, *texts)) or not isinstance(created_at, int):
            raise TypeError("a file is noted in another form")
        yield LiveFile(
            live_id,
            path,
            sha256,
            "completed",
            created_at,
            attributes=dict(attributes),
            chunking=dict(chunkings[chunking]),
            shared=shared is True,
            usage=usage[0] if usage and isinstance(usage[0], int) else None,  # which notes did not have at first
        )
