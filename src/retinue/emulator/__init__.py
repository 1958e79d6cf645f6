"""The local account: an OpenAI-style API over SQLite, for working without a key, a network or a bill.

A separate program that ships in the same wheel. It imports nothing of the engine, and the engine must not be able to
tell it from a real account. ``server`` is what every part of the API needs, each other folder hosts one part. Importing
this package is cheap: everything is loaded on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from retinue.emulator.server.app import create_app
    from retinue.emulator.server.loopback import serve
    from retinue.emulator.server.quirks import Quirks
    from retinue.emulator.server.transport import LocalTransport

__all__ = ["LocalTransport", "Quirks", "create_app", "serve"]

_MODULES = {"LocalTransport": "transport", "Quirks": "quirks", "create_app": "app", "serve": "loopback"}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.server.{_MODULES[name]}"), name)
