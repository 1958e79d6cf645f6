"""Assistants (``/assistants``, API v2)."""

from __future__ import annotations

from retinue.emulator.assistants.assistant_endpoints import ENDPOINTS
from retinue.emulator.server.service import Service

SERVICE = Service(ENDPOINTS)

__all__ = ["SERVICE"]
