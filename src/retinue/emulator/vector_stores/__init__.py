"""Vector stores: attached files, file batches and search (``/vector_stores``)."""

from __future__ import annotations

from retinue.emulator.server.service import Service, Work
from retinue.emulator.vector_stores import store_endpoints, store_index, store_search, store_vectors
from retinue.emulator.vector_stores.store_index import FILE, STORE, detach_everywhere

SERVICE = Service(
    (*store_endpoints.ENDPOINTS, *store_search.ENDPOINTS),
    expiry={STORE: store_endpoints.expire_store},
    removals={FILE: detach_everywhere},
    work={
        store_index.INDEXING: Work(store_index.index_file, store_index.fail_file, patience=2.0),
        store_vectors.EMBEDDING: Work(store_vectors.embed_store, store_vectors.leave_store, threads=1),
    },
)

__all__ = ["SERVICE"]
