"""Every endpoint the account serves. A new collection is added here."""

from __future__ import annotations

from retinue.local import (
    agents,
    assistants,
    automations,
    batches,
    credentials,
    files,
    models,
    search,
    skills,
    store_files,
    templates,
    uploads,
    vaults,
    vector_stores,
)
from retinue.local.endpoint import Endpoint

ENDPOINTS: tuple[Endpoint, ...] = (
    *files.ENDPOINTS,
    *uploads.ENDPOINTS,
    *vector_stores.ENDPOINTS,
    *store_files.ENDPOINTS,
    *batches.ENDPOINTS,
    *search.ENDPOINTS,
    *assistants.ENDPOINTS,
    *agents.ENDPOINTS,
    *templates.ENDPOINTS,
    *automations.ENDPOINTS,
    *vaults.ENDPOINTS,
    *credentials.ENDPOINTS,
    *skills.ENDPOINTS,
    *models.ENDPOINTS,
)
