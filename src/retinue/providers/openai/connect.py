"""The account a project names → a connection. The one place that knows of the local account and of keys."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import openai

from retinue.errors import AccountError, CredentialError, RetinueError
from retinue.model.steps import AccountInfo
from retinue.planning.redaction import printable_address
from retinue.providers.openai.client import Account
from retinue.providers.openai.http_client import TIMEOUT, BoundedClient, describe, open_client
from retinue.providers.openai.key_source import key_source
from retinue.providers.openai.pacing import limits_of

LOCAL_DIRECTORY = Path(".retinue") / "local"
OPENAI_URL = "https://api.openai.com/v1"
LOCAL_URL = "http://local.invalid/v1"


def open_account(
    setting: Any, *, root: Path, environ: Mapping[str, str], hidden: frozenset[str] = frozenset()
) -> Account:
    """Connect to the account of a project file: `local`, `openai`, or a mapping (design, declarations). What it says
    is told without the `hidden` texts.

    Raises CredentialError when the key is missing, AccountError when the environment names a proxy or certificates that
    cannot be used. Nothing is sent yet.
    """
    details = setting if isinstance(setting, Mapping) else {}
    if setting == "local" or "local" in details:
        account = _open_local(details, root, environ)
    elif setting == "openai" or isinstance(setting, Mapping):
        account = _open_remote(details, environ)
    else:
        raise RetinueError(
            f"the account {setting!r} is not known", hint="use local, openai, or a mapping with base_url"
        )
    account.hidden = hidden
    return account


def local_setting(setting: Any, root: Path) -> tuple[Path, Mapping[str, Any]]:
    """The directory and the quirks of the local account that a project file names, or would use by default."""
    chosen = setting.get("local") if isinstance(setting, Mapping) else None
    quirks = (setting.get("quirks") or {}) if isinstance(setting, Mapping) else {}
    return root / (chosen if isinstance(chosen, str) else LOCAL_DIRECTORY), quirks


def _open_local(setting: Mapping[str, Any], root: Path, environ: Mapping[str, str]) -> Account:
    from retinue.emulator.model_settings import read_models
    from retinue.emulator.server.quirks import Quirks
    from retinue.emulator.server.storage import LayoutError, StorageError
    from retinue.emulator.server.transport import LocalTransport

    directory, configured = local_setting(setting, root)
    try:
        quirks = Quirks.parse(configured)
    except ValueError as error:
        raise RetinueError(f"the account's quirks are wrong: {error}") from error
    try:
        models = read_models(setting, environ, root=root)
    except ValueError as error:
        raise RetinueError(str(error), hint="docs/local-models.md says what goes there") from error
    try:
        transport = LocalTransport(
            directory, quirks=quirks, language_model=models.language_model, embedder=models.embedder
        )
    except LayoutError as error:
        raise RetinueError(str(error)) from error
    except StorageError as error:
        raise AccountError(str(error), hint=error.hint) from error
    client = BoundedClient(transport=transport, timeout=TIMEOUT, follow_redirects=False)
    return _connect(client, AccountInfo("local"), base_url=LOCAL_URL, api_key="local")


def _open_remote(setting: Mapping[str, Any], environ: Mapping[str, str]) -> Account:
    url = str(setting.get("base_url") or environ.get("OPENAI_BASE_URL") or OPENAI_URL).rstrip("/")
    info = AccountInfo("openai" if url == OPENAI_URL else "custom", url=_checked_address(url))
    tls = url.startswith("https:")
    where = {
        "base_url": url,
        "organization": setting.get("organization") or environ.get("OPENAI_ORG_ID"),
        "project": setting.get("project") or environ.get("OPENAI_PROJECT_ID"),
    }
    if "workload_identity" in setting:
        from retinue.providers.openai.workload_identity import workload_identity

        identity = workload_identity(setting["workload_identity"], environ)
        account = _connect(open_client(environ, tls=tls), info, api_key=identity.token, **where)
        account.renew = identity.renew
    else:
        key = _key(key_source(setting, environ).name, environ)
        account = _connect(open_client(environ, tls=tls), info, api_key=key, **where)
    account.proxies = describe(environ).proxies
    account.pacing.limits = limits_of(setting.get("pacing"), urlsplit(url).hostname or "")
    return account


def _key(variable: str, environ: Mapping[str, str]) -> str:
    key = environ.get(variable, "").strip()
    if not key:
        raise CredentialError(
            f"there is no key for the account: the environment variable '{variable}' is not set",
            hint=f"export {variable}=…, or use 'account: local' to work without an account",
        )
    if not key.isascii() or not key.isprintable():
        raise CredentialError(
            f"the environment variable '{variable}' does not hold a key: it has characters that no key has",
            hint="copy the key again",
        )
    return key


def _checked_address(url: str) -> str:
    """The address without what may be a secret in it: a password, a query."""
    try:
        parts, printable = urlsplit(url), printable_address(url)
    except ValueError as error:
        raise RetinueError(f"base_url is not an address: {error}", hint="write https://host/v1") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise RetinueError("base_url is not an address", hint="write https://host/v1")
    if parts.query or parts.fragment:
        what = "a query" if parts.query else "a fragment"
        message = f"base_url ({printable}) ends with {what}, which no request would keep"
        raise RetinueError(message, hint=f"end it where the API's paths begin: {printable}")
    return printable


def _connect(client: BoundedClient, info: AccountInfo, **credentials: Any) -> Account:
    # The SDK's own retries repeat creations, which the API does not guard against; the policy is in client.py.
    return Account(openai.OpenAI(http_client=client, max_retries=0, timeout=TIMEOUT, **credentials), info)
