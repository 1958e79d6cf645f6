"""Which files change what is declared, for one environment each: those in `environments/`, by their names."""

from __future__ import annotations

import re

from retinue.config.project_files import Folder

DIRECTORY = "environments"


_FILE = re.compile(rf"{DIRECTORY}/(?P<name>[^/]+)\.ya?ml")


def environment_of(file: str) -> str | None:
    """The environment whose overlay a file of the project is; None for any other file."""
    found = _FILE.fullmatch(file)
    return found["name"] if found else None


def overlay_files(folder: Folder) -> dict[str, list[str]]:
    """The overlay files by environment."""
    found: dict[str, list[str]] = {}
    for name in folder.names(DIRECTORY):
        file = f"{DIRECTORY}/{name}"
        environment = environment_of(file)
        if environment is not None:
            found.setdefault(environment, []).append(file)
    return found
