"""The local account: an OpenAI-style API over SQLite, for working without a key, a network or a bill.

A separate program that ships in the same wheel. It imports nothing of the engine, and the engine must not be able to
tell it from a real account. Importing this package is cheap: everything is loaded on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from retinue.local.app import create_app
    from retinue.local.quirks import Quirks

__all__ = ["Quirks", "create_app"]


def __getattr__(name: str) -> object:
    if name == "create_app":
        from retinue.local.app import create_app

        return create_app
    if name == "Quirks":
        from retinue.local.quirks import Quirks

        return Quirks
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
