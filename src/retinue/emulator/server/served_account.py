"""Whether an account is being served already, and which one."""

from __future__ import annotations

import http.client
from pathlib import Path
from typing import Literal

from retinue.emulator.server.collection import random_id
from retinue.emulator.server.storage import DATABASE, Storage

_PATIENCE = 5.0
"""Seconds for an answer from this machine."""


def who_answers(port: int, directory: Path) -> Literal["nobody", "this", "another"]:
    """Who listens on a port of loopback: nobody, the account of this directory with its console, or anything else.

    Raises StorageError and LayoutError when the directory cannot be read.
    """
    # Never by a proxy, whatever the environment says of them.
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
    try:
        connection.connect()
    except OSError:
        return "nobody"
    try:
        connection.request("HEAD", "/")
        answer = connection.getresponse()
    except (OSError, http.client.HTTPException):
        return "another"
    finally:
        connection.close()
    is_this = answer.status == 200 and answer.headers.get("openai-project", "") == _project(directory)
    return "this" if is_this else "another"


def _project(directory: Path) -> str | None:
    """The id of an account, which tells it from all others."""
    if not (directory / DATABASE).exists():
        return None
    storage = Storage(directory, new_id=random_id)
    try:
        return storage.project
    finally:
        storage.close()
