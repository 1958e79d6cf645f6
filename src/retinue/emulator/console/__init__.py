"""The console: a page that shows what the account holds (``/``), and the lists for it that the API does not have."""

from __future__ import annotations

from pathlib import Path

from retinue.emulator.console.account_lists import ENDPOINTS
from retinue.emulator.server.service import Service, StaticFile

_PAGE = Path(__file__).parent / "page"

SERVICE = Service(
    (),
    internal=ENDPOINTS,
    static={
        "/": StaticFile(_PAGE / "console.html", "text/html"),
        "/console.css": StaticFile(_PAGE / "console.css", "text/css"),
        "/console.js": StaticFile(_PAGE / "console.js", "text/javascript"),
    },
)

__all__ = ["SERVICE"]
