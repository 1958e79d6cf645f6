"""One module per kind, and the vocabulary they are written in: `kind`, `fields`, `stores`.

A module in this package that defines `KIND` is a kind; there is nothing else to register.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from retinue.kinds.kind import Kind


@cache
def all_kinds() -> dict[str, Kind]:
    """Every kind by name, in alphabetical order of their modules."""
    modules = (importlib.import_module(f"{__name__}.{each.name}") for each in pkgutil.iter_modules(__path__))
    kinds = (module.KIND for module in modules if hasattr(module, "KIND"))
    return {kind.name: kind for kind in kinds}
