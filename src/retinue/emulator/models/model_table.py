"""The models the account knows: a list to read and to check assistants and runs against. None of them runs here.

From the models and deprecations pages as of November 2026. ``created`` is the API's own where it was published, else 0.
A model that has shut down is not listed. The clock plays no part: the table, not the date, says what is accepted.
"""

from __future__ import annotations

import re

from retinue.emulator.server.api_errors import ApiError
from retinue.emulator.server.service import Call, Endpoint
from retinue.emulator.server.storage import JsonObject

_TABLE: dict[str, tuple[int, str | None]] = {
    "gpt-6-astra": (0, None),
    "gpt-6.1-sol": (0, None),
    "gpt-6.1-terra": (0, None),
    "gpt-6-luna": (0, None),
    "gpt-5.6": (0, None),
    "gpt-5.6-sol": (0, None),
    "gpt-5.6-terra": (0, None),
    "gpt-5.6-luna": (0, None),
    "gpt-5.4-nano": (0, "2027-04-01"),
    "gpt-5.1": (1762800673, "2027-04-01"),
    "gpt-5": (1754425777, "2026-12-11"),
    "gpt-5-mini": (1754425928, "2026-12-11"),
    "gpt-5-nano": (1754426384, "2026-12-11"),
    "gpt-5-pro": (1759469822, "2026-12-11"),
    "o3": (1744225308, "2026-12-11"),
    "o3-pro": (1748475349, "2026-12-11"),
    "gpt-4.1": (1744316542, "2027-01-14"),
    "gpt-4.1-mini": (1744318173, "2027-01-14"),
    "gpt-4o": (1715367049, "2027-01-14"),
    "gpt-4o-mini": (1721172741, "2027-01-14"),
}

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""How hard a model may be asked to think, whatever the model."""

_SNAPSHOT = re.compile(r"-\d{4}-\d{2}-\d{2}$")


def base_model(name: str) -> str | None:
    """The model of the table that this is, or is a snapshot or a fine-tune of; None when there is none."""
    if name.startswith("ft:"):
        name = name.split(":")[1]
    name = _SNAPSHOT.sub("", name)
    return name if name in _TABLE else None


_PUBLISHED_WINDOW = 1_050_000
"""Of every model of these families (models page, November 2026):"""
_FAMILIES = ("gpt-6", "gpt-6.1", "gpt-5.6")
_WINDOW = 128_000
"""Of any other model. No source for those was at hand, so it is the account's own choice, and no fact about them."""


def context_window(name: str) -> int:
    """How long prompt and answer of a model may be together, in tokens."""
    base = base_model(name) or ""
    is_published = any(base == each or base.startswith(f"{each}-") for each in _FAMILIES)
    return _PUBLISHED_WINDOW if is_published else _WINDOW


def require_model(name: str) -> str:
    if base_model(name) is None:
        raise ApiError(400, f"The requested model '{name}' does not exist.", param="model", code="model_not_found")
    return name


def _model(name: str, base: str) -> JsonObject:
    created, shutdown_date = _TABLE[base]
    owner = "user" if name.startswith("ft:") else "system"
    return {"id": name, "object": "model", "created": created, "owned_by": owner, "shutdown_date": shutdown_date}


def _list(_call: Call) -> JsonObject:
    return {"object": "list", "data": [_model(name, name) for name in _TABLE]}


def _retrieve(call: Call) -> JsonObject:
    name = call.path["model"]
    base = base_model(name)
    if base is None:
        raise ApiError(404, f"The model '{name}' does not exist", param="model", code="model_not_found")
    return _model(name, base)


ENDPOINTS = (Endpoint("GET", "/models", _list), Endpoint("GET", "/models/{model}", _retrieve))
