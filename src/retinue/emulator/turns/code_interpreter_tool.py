"""code_interpreter: Python that the model wrote, run in a sandbox, with the files it was given and those it writes.

What runs it is no part of this package. Where nothing can confine it, it does not run, and the turn fails with the
reason.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
import shutil
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from retinue.emulator.files.stored_files import FILES, add_file
from retinue.emulator.language_models.language_model import ModelError, Tool
from retinue.emulator.model_endpoints.whole_characters import mend
from retinue.emulator.server.service import Call, CodeOutcome, CodeSession, Sandbox, WrittenByCode
from retinue.emulator.turns.text_marks import PLACE
from retinue.emulator.turns.turn import Result
from retinue.emulator.turns.turn_events import Executed, Source, WrittenFile

_logger = logging.getLogger(__name__)

_DESCRIPTION = (
    "Runs Python, without a network, and gives what it prints. Variables last until the end of the answer. Files are "
    f"in /mnt/data; name one that you write as a link, such as [plot.png]({PLACE}plot.png)."
)
_CODE = re.compile(r'^\s*\{\s*"code"\s*:\s*"((?:[^"\\]|\\.)*)', re.DOTALL)
_HALF = re.compile(r"\\u[0-9a-fA-F]{0,3}$|\\u[dD][89abAB][0-9a-fA-F]{2}(\\u?[0-9a-fA-F]{0,3})?$")
"""An escape that is not whole yet, or the first half of a surrogate pair."""


_MOST_BYTES = 512 * 1024 * 1024
"""Of a file that code wrote: what a file of the API may have."""


_LONGEST_NAME = 255
"""Bytes that file systems take."""
_MOST_TOLD = 100
"""Files that the model is told of after one piece of code."""


class CodeInterpreter:
    """The tool, for one turn: its session begins with the first code and ends with the turn."""

    def __init__(
        self,
        sandbox: Sandbox,
        transaction: Callable[[], AbstractContextManager[Call]],
        file_ids: Sequence[str] = (),
    ) -> None:
        self._sandbox = sandbox
        self._transaction = transaction
        self._files: dict[str, Path] = {}
        with transaction() as call:
            for file_id in file_ids:
                file = call.storage.find(FILES.object, file_id)
                if file is not None:  # one may be deleted while it is named
                    name = _fitting(Path(file.body["filename"]).name, file_id)
                    name = _fitting(f"{file_id}-{name}", file_id) if name in self._files else name
                    self._files[name] = call.storage.blob(file_id)
        listed = f" Given are: {', '.join(f'/mnt/data/{each}' for each in self._files)}." if self._files else ""
        self.tool = Tool(
            "code_interpreter",
            _DESCRIPTION + listed,
            {
                "type": "object",
                "properties": {"code": {"type": "string"}},
                "required": ["code"],
                "additionalProperties": False,
            },
            kind="code_interpreter",
        )
        self._opened = ExitStack()
        self._directory: Path | None = None
        self._session: CodeSession | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def shown(self, arguments: str) -> str:
        """The code in arguments that may still be coming."""
        return _code(arguments)

    def run(self, arguments: str, *, place: int, stop: threading.Event) -> Result:  # noqa: ARG002 - it has no marks
        code = _code(arguments)
        outcome = self._in_session(code, stop)
        logs = "\n".join(each for each in (outcome.logs, outcome.error) if each)
        written = [(each, self._keep(each)) for each in outcome.files]
        files = tuple(kept for _, kept in written if kept)
        lost = [*outcome.left_out, *(f"{each.name}: it cannot be read." for each, kept in written if not kept)]
        told = (
            logs,
            _listed("Files written:", [f"[{Path(each.path).name}](sandbox:{each.path})" for each in files]),
            _listed("Written, but not given to anybody:", lost),
        )
        return Result(
            "\n".join(each for each in told if each) or "It printed nothing.",
            Executed(code, logs, files),
            {f"sandbox:{each.path}": Source(each.file_id, Path(each.path).name, "file_path") for each in files},
        )

    def _in_session(self, code: str, stop: threading.Event) -> CodeOutcome:
        """Raises ModelError when nothing confines the code."""
        try:
            if self._session is None:
                # Only who runs code pays for it.
                from retinue.emulator.sandbox.temporary_directories import code_directory

                self._directory = self._opened.enter_context(code_directory())
                for name, blob in self._files.items():
                    with contextlib.suppress(FileNotFoundError):
                        shutil.copyfile(blob, self._directory / name)
                self._session = self._opened.enter_context(self._sandbox.open_session(self._directory))
            return self._session.run(code, stop)
        except Exception as error:
            raise ModelError(f"code_interpreter cannot run code: {error}") from error

    def _keep(self, written: WrittenByCode) -> WrittenFile | None:
        """Keep a file that code wrote, which goes with the session, in the account; None when nobody should read it."""
        if self._directory is None:
            return None
        try:
            content = self._sandbox.read_written(self._directory, written.name, _MOST_BYTES)
        except Exception:
            _logger.info("what code wrote is not kept: %s", written.name, exc_info=True)
            return None
        with self._transaction() as call:
            scratch = call.storage.scratch()
        scratch.write_bytes(content)  # outside of any transaction: others wait for those
        with self._transaction() as call:
            name = written.name.rpartition("/")[2]
            file = add_file(call, filename=name, size=len(content), purpose="assistants_output", expiry=None)
            call.storage.keep_blob(scratch, file["id"])
        return WrittenFile(file["id"], f"/mnt/data/{written.name}", is_image=written.image is not None)


def _fitting(name: str, file_id: str) -> str:
    """A name that a directory takes: the file's own, one that is shorter, or its id."""
    if name in ("", ".", ".."):
        return file_id
    if len(name.encode()) <= _LONGEST_NAME:
        return name
    end = Path(name).suffix if len(Path(name).suffix.encode()) < _LONGEST_NAME // 4 else ""
    room = _LONGEST_NAME - len(file_id) - 1 - len(end.encode())
    start = name.removeprefix(f"{file_id}-").removesuffix(end).encode()[:room].decode(errors="ignore")
    return f"{file_id}-{start}{end}"


def _listed(title: str, lines: Sequence[str]) -> str:
    """As the model is told; nothing without any lines."""
    more = [f"… and {len(lines) - _MOST_TOLD:,} more"] if len(lines) > _MOST_TOLD else []
    return "\n".join([title, *lines[:_MOST_TOLD], *more]) if lines else ""


def _code(arguments: str) -> str:
    """The code in the arguments of a call, which may not be whole; a model may also write it without JSON around."""
    if not arguments.lstrip().startswith("{"):
        return arguments
    found = _CODE.match(arguments)
    if found is None:
        return ""
    text = _HALF.sub("", found[1])
    try:
        return mend(json.loads(f'"{text}"', strict=False))
    except json.JSONDecodeError:
        return ""
