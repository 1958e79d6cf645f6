"""Where a request comes from: a served account answers programs, and no page of a browser but its own.

Any page can send requests to this machine. What gives it away is what browsers send and pages cannot choose: the name
it reached the account by (``Host``, which after DNS rebinding is a name of the page's owner), its ``Origin``, and where
it has none, ``Sec-Fetch-Site``. No answer ever has a CORS header, so a page could not read one either.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from typing import TYPE_CHECKING

from retinue.emulator.server.api_errors import foreign_host, foreign_origin

if TYPE_CHECKING:
    from starlette.requests import Request

_AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::\d{0,5})?", re.IGNORECASE)
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")


def host_name(given: str) -> str:
    """A host as hosts are compared: an address in its shortest form, a name in lower case.

    Raises ValueError for what is neither, such as a URL or a host with its port.
    """
    bare = given.strip().lower().removesuffix(".")
    try:
        address = ipaddress.ip_address(bare.removeprefix("[").removesuffix("]"))
    except ValueError:
        if not _NAME.fullmatch(bare):
            raise ValueError(f"'{given}' is no host: write a name or an address, without scheme and port") from None
        return bare
    return str((address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None) or address)


def is_loopback(host: str) -> bool:
    """Whether only this machine can be meant by a host, written as ``host_name`` does."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_source(request: Request, hosts: Collection[str]) -> None:
    """Raise ApiError unless the request is for a loopback host, one of ``hosts`` (as ``host_name`` writes them) or the
    address its connection came in at, and is not sent by a page of another origin."""
    named = request.headers.get("host", "")
    if not _is_ours(named, {*hosts, _reached(request)}):
        raise foreign_host(named)
    own = {f"{scheme}://{named}".lower() for scheme in ("http", "https")}
    if not own.issuperset(each.lower() for each in request.headers.getlist("origin")):
        raise foreign_origin()
    fetch = {each: request.headers.get(f"sec-fetch-{each}", "none") for each in ("site", "mode", "dest")}
    # A person who follows a link to the account is no page that asks it for something.
    is_opened = (fetch["mode"], fetch["dest"]) == ("navigate", "document")
    if fetch["site"] not in ("none", "same-origin") and not is_opened:
        raise foreign_origin()


def _is_ours(named: str, hosts: Collection[str]) -> bool:
    authority = _AUTHORITY.fullmatch(named)
    try:
        host = host_name(authority[1]) if authority else ""
    except ValueError:
        return False
    return is_loopback(host) or host in hosts


def _reached(request: Request) -> str:
    """The address of this machine that the connection came in at, which is all that a wildcard of ``--host`` says."""
    try:
        return host_name((request.scope.get("server") or ("",))[0])
    except ValueError:
        return "localhost"
