"""Containers of code_interpreter and the files in them (``/containers``)."""

from __future__ import annotations

from retinue.emulator.containers.container_endpoints import CONTAINERS, ENDPOINTS, end_container, forget_file
from retinue.emulator.files.stored_files import FILES
from retinue.emulator.server.service import Service

SERVICE = Service(ENDPOINTS, expiry={CONTAINERS.object: end_container}, removals={FILES.object: forget_file})

__all__ = ["SERVICE"]
