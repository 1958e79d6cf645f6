"""Imports the SDK without its types: they are most of what it takes to start, and nothing here uses them.

The SDK's client imports packages of types for the sake of two or three; each such package is read when somebody asks it
for a name, as it would have been at once. Programs that use the types see no difference but when that is.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

TYPES = "openai.types"


class _Later(Loader):
    """Reads a package when somebody asks for a name in it."""

    def __init__(self, loader: Loader) -> None:
        self.loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        def missing(name: str) -> Any:
            # What Python itself looks for on every package is no reason to read one.
            if name.startswith("__") and name != "__all__":
                raise AttributeError(name)
            if vars(module).pop("__getattr__", None) is not None:
                self.loader.exec_module(module)
            try:
                return vars(module)[name]
            except KeyError:
                raise AttributeError(f"module '{module.__name__}' has no attribute '{name}'") from None

        vars(module)["__getattr__"] = missing


class _Finder:
    """Finds the packages of types, to be read later."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != TYPES and not name.startswith(f"{TYPES}."):
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None and spec.submodule_search_locations is not None:
            spec.loader = _Later(spec.loader)
        return spec


def import_sdk() -> None:
    """Import the SDK, unless somebody has."""
    if "openai" in sys.modules:
        return
    finder: Any = _Finder()
    sys.meta_path.insert(0, finder)
    try:
        importlib.import_module("openai")
    finally:
        sys.meta_path.remove(finder)
