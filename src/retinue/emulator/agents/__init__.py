"""Saved agents, environment templates and automations (``/agents``, Agents API v1)."""

from __future__ import annotations

from retinue.emulator.agents import agent_endpoints, automation_endpoints, environment_endpoints
from retinue.emulator.agents.automation_endpoints import AUTOMATIONS, complete_automation
from retinue.emulator.server.service import Service

SERVICE = Service(
    (*agent_endpoints.ENDPOINTS, *environment_endpoints.ENDPOINTS, *automation_endpoints.ENDPOINTS),
    expiry={AUTOMATIONS.object: complete_automation},
)

__all__ = ["SERVICE"]
