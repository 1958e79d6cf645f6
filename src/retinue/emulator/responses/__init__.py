"""Responses and conversations (``/responses``, ``/conversations``)."""

from __future__ import annotations

from retinue.emulator.responses import conversation_endpoints, response_endpoints
from retinue.emulator.responses.response_objects import RESPONSES, forget_response
from retinue.emulator.responses.response_work import ANSWERING, fail_response, perform_response, response_over
from retinue.emulator.server.service import Service, Work

_AT_ONCE = 32
"""Responses that one process works on side by side: they wait for a model most of the time."""

SERVICE = Service(
    (*response_endpoints.ENDPOINTS, *conversation_endpoints.ENDPOINTS),
    expiry={RESPONSES.object: forget_response},
    work={ANSWERING: Work(perform_response, fail_response, over=response_over, threads=_AT_ONCE)},
)

__all__ = ["SERVICE"]
