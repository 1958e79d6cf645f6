"""Vector stores: attached files, file batches and search (``/vector_stores``)."""

from __future__ import annotations

from retinue.emulator.server.service import Service
from retinue.emulator.vector_stores import store_endpoints, store_search
from retinue.emulator.vector_stores.store_index import FILE, STORE, detach_everywhere

SERVICE = Service(
    (*store_endpoints.ENDPOINTS, *store_search.ENDPOINTS),
    expiry={STORE: store_endpoints.expire_store},
    removals={FILE: detach_everywhere},
)

__all__ = ["SERVICE"]
