"""For applications: the arguments of a call from the lock file. Uses json and pathlib, and nothing of the engine."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

_FORMAT = "1"
_lock = threading.Lock()
_read: dict[Path, tuple[tuple[int, int], dict[str, Any]]] = {}


class BundleError(LookupError):
    """There is no such bundle, or no lock file to find it in."""


def bundle(name: str, *, environment: str | None = None, lock: str | os.PathLike[str] | None = None) -> dict[str, Any]:
    """The arguments of `client.responses.create` for an assistant; a copy of your own, with live ids.

    The file is `lock`, else that of the variable RETINUE_LOCK, else `retinue.lock.json` of the working directory or of
    the nearest one above; with `environment` (else RETINUE_ENVIRONMENT) it is `retinue.lock.ENVIRONMENT.json`. It is
    read again when it changes. Raises BundleError.
    """
    path = _find(lock or os.environ.get("RETINUE_LOCK"), environment or os.environ.get("RETINUE_ENVIRONMENT"))
    assistants = _document(path).get("assistants", {})
    try:
        arguments = assistants[name]["arguments"]
    except (KeyError, TypeError):
        raise BundleError(f"there is no assistant '{name}' in {path}; {_suggestion(name, assistants)}") from None
    copy: dict[str, Any] = json.loads(json.dumps(arguments))
    return copy


def _find(lock: str | os.PathLike[str] | None, environment: str | None) -> Path:
    if lock is not None:
        return Path(lock).absolute()
    name = f"retinue.lock.{environment}.json" if environment else "retinue.lock.json"
    start = Path.cwd()
    for each in (start, *start.parents):
        if (each / name).is_file():
            return each / name
    command = f"retinue apply -e {environment}" if environment else "retinue apply"
    raise BundleError(f"there is no {name} in {start} or above; run '{command}', or set RETINUE_LOCK to its path")


def _document(path: Path) -> dict[str, Any]:
    try:
        stat = path.stat()
        seen = (stat.st_mtime_ns, stat.st_size)
        with _lock:
            known = _read.get(path)
        if known and known[0] == seen:
            return known[1]
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BundleError(f"there is no {path}; run 'retinue apply' to write it") from None
    except (OSError, ValueError) as error:
        raise BundleError(f"{path} cannot be read: {error}; run 'retinue plan' to see what is wrong") from error
    version = document.get("format_version") if isinstance(document, dict) else None
    if str(version).split(".")[0] != _FORMAT or not isinstance(document.get("assistants", {}), dict):
        raise BundleError(f"{path} is not a lock file that this version of retinue reads (format {version})")
    with _lock:
        _read[path] = (seen, document)
    return dict(document)


def _suggestion(name: str, assistants: dict[str, Any]) -> str:
    import difflib

    close = difflib.get_close_matches(name, assistants, n=1)
    if close:
        return f"did you mean '{close[0]}'?"
    return f"there are: {', '.join(sorted(assistants))}" if assistants else "run 'retinue apply' to write it"
