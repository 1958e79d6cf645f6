"""Vaults and their credentials (``/vaults``, Agents API v1)."""

from __future__ import annotations

from retinue.emulator.server.service import Service
from retinue.emulator.vaults.vault_endpoints import ENDPOINTS

SERVICE = Service(ENDPOINTS)

__all__ = ["SERVICE"]
