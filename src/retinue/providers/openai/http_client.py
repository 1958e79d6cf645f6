"""The HTTP client of an account: through the proxy and with the certificates that the environment names, and with
answers that are read up to a limit.

The variables are those of curl, OpenSSL and requests; httpx2 reads the former two by itself, and fails without a word
about them.
"""

from __future__ import annotations

import importlib.util
import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2

from retinue.errors import AccountError, reason_of
from retinue.planning.redaction import printable_address
from retinue.providers.openai.answers import LARGEST, LARGEST_REFUSAL, READ

TIMEOUT = 120.0
"""Seconds without a sign of the server."""
LONGEST_ANSWER = 1800.0
"""Seconds that one answer may take to arrive, however steadily it drips."""
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
SOCKS = ("socks5", "socks5h")
BUNDLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
DIRECTORY = "SSL_CERT_DIR"
GUIDE = "docs/network.md"

_HASHED = re.compile(r"[0-9a-f]{8}\.[0-9]+")


class TooLargeError(Exception):
    """An answer is larger than anything that the API answers. `start` is the beginning of it."""

    def __init__(self, start: bytes) -> None:
        super().__init__(f"an answer of at most {LARGEST // 2**20} MiB")
        self.start = start


class BoundedClient(httpx2.Client):
    """Reads every answer whole, unless it is too much; what is too much of an error is left unread. One that is to be
    followed as it comes is left to whoever asked."""

    clock: Callable[[], float] = staticmethod(time.monotonic)
    largest, largest_refusal = LARGEST, LARGEST_REFUSAL

    def send(self, request: httpx2.Request, *, stream: bool = False, **options: Any) -> httpx2.Response:
        """Raises TooLargeError, and what httpx2 raises."""
        try:
            answer = super().send(request, stream=True, **options)
        except Exception as error:
            if type(error).__module__.partition(".")[0] != "socksio":
                raise
            raise httpx2.ProxyError(f"the proxy does not speak SOCKS 5: {error}", request=request) from error
        most = self.largest_refusal if answer.is_error else self.largest
        if stream and not answer.is_error:
            return answer
        content, ends = bytearray(), self.clock() + LONGEST_ANSWER
        try:
            for piece in answer.iter_bytes():
                content += piece
                if len(content) > most:
                    break
                if self.clock() > ends:
                    raise httpx2.ReadTimeout("the answer did not come to its end", request=request)
        finally:
            answer.close()
        if len(content) > most and not answer.is_error:
            raise TooLargeError(bytes(content[:READ]))
        # The content is decoded, and as long as it is.
        told = [(name, value) for name, value in answer.headers.multi_items() if name.lower() not in _OF_THE_WIRE]
        return httpx2.Response(
            answer.status_code,
            headers=told,
            content=bytes(content[:most]),
            request=request,
            extensions=answer.extensions,
        )


_OF_THE_WIRE = ("content-encoding", "content-length", "transfer-encoding")


# ── what the environment says ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Network:
    """What stands in the environment, by variable and safe to print: proxies, the hosts without one, and the files and
    directories with the certificates of authorities. `ignored` are variables that others read in place of these."""

    proxies: Mapping[str, str] = field(default_factory=dict)
    exempt: Mapping[str, str] = field(default_factory=dict)
    certificates: Mapping[str, str] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()


def describe(environ: Mapping[str, str]) -> Network:
    """What of the environment is used. What cannot be is described as such; `faults` says why."""
    proxies = {name: _printable(value) for name, value in _set(environ, PROXIES).items()}
    files = {name: environ[name] for name in ("SSL_CERT_FILE", DIRECTORY) if environ.get(name)}
    bundle = environ.get("REQUESTS_CA_BUNDLE")
    ignored = ("REQUESTS_CA_BUNDLE",) if bundle and files else ()
    if bundle and not files:
        files = {"REQUESTS_CA_BUNDLE": bundle}
    return Network(proxies, _set(environ, ("NO_PROXY",)), files, ignored)


def faults(environ: Mapping[str, str]) -> list[AccountError]:
    """Everything in the environment that keeps from connecting, each with the name of its variable."""
    return _prepared(environ)[1]


def _prepared(environ: Mapping[str, str], *, tls: bool = True) -> tuple[ssl.SSLContext | bool, list[AccountError]]:
    """What servers are trusted by, and what is wrong. Reading certificates takes as long as several requests: it is
    done once, and where nobody needs any, only of those that the environment names."""
    found = [each for name, value in _set(environ, PROXIES).items() for each in _proxy_fault(name, value)]
    trusting: ssl.SSLContext | None = None
    for name, path in describe(environ).certificates.items():
        try:
            trusting = _trusting(name, path, trusting)
        except _CertificateError as error:
            hint = f"have {name} name the certificates of the authorities, as PEM, or unset it; {GUIDE} says more"
            found.append(AccountError(f"the certificates of {name} cannot be used: '{path}' {error}", hint=hint))
    if trusting is None and not tls:
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), found  # which trusts nobody
    return trusting or True, found


def open_client(environ: Mapping[str, str], *, tls: bool = True) -> BoundedClient:
    """A client that connects as the environment says; without `tls`, to an address that needs no certificates. Raises
    AccountError about all in the environment that cannot be used."""
    context, found = _prepared(environ, tls=tls)
    if found:
        message, hints = "\n".join(each.message for each in found), dict.fromkeys(str(each.hint) for each in found)
        raise AccountError(message, hint="; ".join(hints))
    try:
        return BoundedClient(verify=context, timeout=TIMEOUT, follow_redirects=False)
    except (OSError, ImportError, ValueError, httpx2.InvalidURL) as error:
        # What nobody thought of yet: all that this reads is in the environment.
        names = ", ".join(sorted(name for name in environ if _concerns_connections(name)))
        raise AccountError(
            f"no connection can be prepared with what the environment says: {error}",
            hint=f"look at these variables: {names}" if names else f"{GUIDE} says what is read",
        ) from error


def _concerns_connections(name: str) -> bool:
    return name.upper().endswith("_PROXY") or name in (*BUNDLES, DIRECTORY, "SSLKEYLOGFILE", "OPENSSL_CONF")


def _set(environ: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str]:
    """The variables that hold something, as they are written: a name in small letters wins over one in capitals."""
    found = {}
    for name in names:
        written = name.lower() if name.lower() in environ else name
        if environ.get(written):
            found[written] = environ[written]
    return found


def _address(value: str) -> str:
    return value if "://" in value else f"http://{value}"


def _printable(value: str) -> str:
    try:
        return printable_address(_address(value)) if _is_address(value) else "not an address"
    except ValueError:
        return "not an address"


def _is_address(value: str) -> bool:
    try:
        parts = urlsplit(_address(value))
        return bool(parts.hostname) and (parts.port is None or parts.port > 0) and not re.search(r"\s", value)
    except ValueError:
        return False


def _proxy_fault(name: str, value: str) -> Iterator[AccountError]:
    scheme = urlsplit(_address(value.strip())).scheme if _is_address(value) else ""
    form = f"write {name}=http://host:port, or unset it"
    if not scheme:
        yield AccountError(f"{name} is not the address of a proxy", hint=f"{form}; a password in it is percent-encoded")
    elif scheme not in ("http", "https", *SOCKS):
        hint = f"write {name}=socks5://host:port, or unset it" if scheme.startswith("socks") else form
        yield AccountError(f"{name} names a proxy by '{scheme}://', which is not spoken here", hint=hint)
    elif scheme in SOCKS and importlib.util.find_spec("socksio") is None:
        yield AccountError(
            f"{name} names a SOCKS proxy, and what is needed to use one is not installed",
            hint=f"run pip install 'retinue[socks]', or unset {name}",
        )
    else:
        try:
            httpx2.Proxy(_address(value))
        except (ValueError, httpx2.InvalidURL):
            yield AccountError(f"{name} is not the address of a proxy", hint=form)


class _CertificateError(Exception):
    """Why no certificates can be taken from somewhere."""


def _trusting(name: str, path: str, context: ssl.SSLContext | None) -> ssl.SSLContext:
    """A context, or the one that is there, with the authorities of a file or a directory. Raises _CertificateError."""
    directory = name == DIRECTORY or (name not in BUNDLES[:1] and Path(path).is_dir())
    cafile, capath = (None, path) if directory else (path, None)
    try:
        if directory:
            _check_directory(path)
        else:
            with Path(path).open("rb"):  # OpenSSL says less about what is wrong
                pass
        if context is None:
            context = ssl.create_default_context(cafile=cafile, capath=capath)
        else:
            context.load_verify_locations(cafile, capath)
    except ssl.SSLError as error:
        raise _CertificateError("holds no certificate that can be read") from error
    except (OSError, ValueError) as error:
        reason = reason_of(error) if isinstance(error, OSError) else error
        raise _CertificateError(f"cannot be read: {reason}") from error
    if cafile and not context.cert_store_stats()["x509"]:
        raise _CertificateError("holds no certificate")
    return context


def _check_directory(path: str) -> None:
    directories = [Path(each) for each in path.split(":") if each]  # OpenSSL takes several
    if not any(each.is_dir() for each in directories):
        raise _CertificateError("is not a directory")
    try:
        names = [each.name for one in directories if one.is_dir() for each in one.iterdir()]
    except OSError as error:
        raise _CertificateError(f"cannot be read: {reason_of(error)}") from error
    if not any(map(_HASHED.fullmatch, names)):
        raise _CertificateError("has no certificates named by their hashes (openssl rehash)")


# ── what to do about a failure ────────────────────────────────────────────────────────────────────────────────────────


def advice(error: BaseException, proxies: Mapping[str, str]) -> str:
    """What somebody may do about a request that did not come through."""
    causes = [str(each) for each in _causes(error)]
    said = " ".join(causes).lower()
    through = " and ".join(f"{name} ({address})" for name, address in proxies.items())
    kinds = {type(each) for each in _causes(error)}
    if httpx2.ProxyError in kinds or "407" in said:
        return f"look at the proxy of {through or 'the system'}; a password stands in it as http://user:password@host"
    for signs, told in _SIGNS:
        if any(sign in said for sign in signs):
            return told
    hint = "check the network and base_url, then run the command again"
    return f"{hint}; requests go through {through}, unless NO_PROXY names the host" if through else hint


_SIGNS = (
    (("hostname mismatch", "ip address mismatch"), "the certificate is of another host: check the host in base_url"),
    (("certificate has expired", "not yet valid"), "the certificate is out of date: have it renewed, or set the clock"),
    (
        ("certificate_verify_failed", "certificate verify failed"),
        f"if an authority of your own signs it, name its certificate: export SSL_CERT_FILE=ca.pem; {GUIDE} says more",
    ),
    (
        ("certificate required", "alert certificate", "bad certificate", "handshake failure"),
        f"the server may ask for a certificate of the client, and none can be given: {GUIDE} says what to do",
    ),
    (
        ("wrong version number", "record layer failure", "packet length too long", "http_request"),
        "what answers there does not speak TLS: base_url may have to begin with http://",
    ),
)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    for _ in range(10):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__
