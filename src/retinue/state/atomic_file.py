"""Files that are there whole or not at all, whatever becomes of the process that writes them."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

Content = bytes | Iterable[bytes]
"""What goes into a file: all of it, or what is made while it is written."""


def replace_file(path: Path, content: Content) -> None:
    """Write a file in one step. Raises OSError, with the old file in its place."""
    replace_files({path: content})


def replace_files(contents: Mapping[Path, Content]) -> None:
    """Write files, none of them before all have been written beside their places. Raises OSError.

    A link goes on pointing where it did, a file keeps its mode, and what is no file, such as /dev/null or a pipe, is
    never replaced by one.
    """
    ready: dict[Path, Path] = {}
    try:
        for path, content in contents.items():
            target = path.resolve() if path.is_symlink() else path
            if target.exists() and not target.is_file():
                _write(target, content)
                continue
            temporary = target.with_name(f".{target.name}.{os.getpid()}")
            ready[temporary] = target
            _write(temporary, content)
            if target.exists():
                temporary.chmod(stat.S_IMODE(target.stat().st_mode))
        for temporary, target in ready.items():
            temporary.replace(target)
    finally:
        for temporary in ready:
            with contextlib.suppress(OSError):
                temporary.unlink()


def _write(path: Path, content: Content) -> None:
    with path.open("wb") as file:
        file.writelines((content,) if isinstance(content, bytes) else content)
