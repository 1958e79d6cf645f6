"""Skills and their versions (``/skills``)."""

from __future__ import annotations

from retinue.emulator.server.service import Service
from retinue.emulator.skills.skill_endpoints import ENDPOINTS

SERVICE = Service(ENDPOINTS)

__all__ = ["SERVICE"]
