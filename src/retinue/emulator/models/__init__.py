"""The models the account knows (``/models``)."""

from __future__ import annotations

from retinue.emulator.models.model_table import ENDPOINTS
from retinue.emulator.server.service import Service

SERVICE = Service(ENDPOINTS)

__all__ = ["SERVICE"]
