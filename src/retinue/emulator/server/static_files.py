"""Files for a browser: the same for everybody, and shown by no other page."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import TYPE_CHECKING

from starlette.responses import Response

from retinue.emulator.server.api_errors import method_not_allowed
from retinue.emulator.server.service import StaticFile

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import Request

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        # A picture of the account is fetched with the key, and then shown from memory.
        "img-src 'self' blob: data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        # Not even the page's own script may make elements from a text; browsers that do not know it pass over it.
        "require-trusted-types-for 'script'",
    )
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    # Asked for each time, answered with 304 most times: another version may be served at the same address.
    "cache-control": "no-cache",
}


def answer_static(request: Request, file: StaticFile) -> Response:
    """The file, or that the browser has it already. Raises ApiError for another method than GET and HEAD."""
    if request.method not in ("GET", "HEAD"):
        raise method_not_allowed(request.method, request.url.path, ["GET", "HEAD"])
    content, tag = _read(file.path)
    headers = {**_HEADERS, "etag": tag}
    known = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    if tag in known or known == ["*"]:
        return Response(status_code=304, headers=headers)
    # The server sends no body for HEAD, and its length all the same.
    return Response(content, media_type=file.media_type, headers=headers)


@cache
def _read(path: Path) -> tuple[bytes, str]:
    content = path.read_bytes()
    return content, f'"{hashlib.sha256(content).hexdigest()[:32]}"'
