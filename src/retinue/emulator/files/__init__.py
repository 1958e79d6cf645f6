"""Files (``/files``) and the uploads that make large ones (``/uploads``)."""

from __future__ import annotations

from retinue.emulator.files.stored_files import ENDPOINTS, FILES, UPLOADS, expire_upload, remove_file
from retinue.emulator.server.service import Service

SERVICE = Service(ENDPOINTS, expiry={FILES.object: remove_file, UPLOADS.object: expire_upload})

__all__ = ["SERVICE"]
