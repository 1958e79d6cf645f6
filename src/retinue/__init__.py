"""Retinue keeps the assistants of an OpenAI-style account as code. Start reading in `engine.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from retinue.providers.bundle.reader import BundleError, bundle

__version__ = "0.1.0"
__all__ = ["BundleError", "__version__", "bundle"]


def __getattr__(name: str) -> Any:
    """Import what applications use when they use it: `import retinue` costs nothing."""
    if name in ("BundleError", "bundle"):
        from retinue.providers.bundle import reader as reading

        return getattr(reading, name)
    raise AttributeError(f"module 'retinue' has no attribute '{name}'")
