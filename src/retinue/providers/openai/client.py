"""One account over HTTP: raw requests, the policy for retries, and errors in our own words. Decides nothing else."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2
import openai

from retinue.errors import AccountError, CredentialError
from retinue.model.steps import AccountInfo
from retinue.planning.redaction import hide

Json = dict[str, Any]

# SDK _base_client.py: the statuses the service asks to try again, and the longest Retry-After worth waiting for.
TRANSIENT = frozenset({408, 409, 429, 500, 502, 503, 504})
LONGEST_WAIT = 120.0
FIRST_WAIT = 0.5
HOPELESS_RETRIES = 2


class AmbiguousError(AccountError):
    """A request may or may not have been carried out: its answer was lost."""


@dataclass(slots=True)
class Account:
    """A connection. Methods take paths below the base URL and give raw dictionaries; all are safe in many threads.

    `retries` counts the attempts after the first. `sleep` and `clock` (Unix seconds) are parameters so that tests need
    no time; `on_wait` hears of every pause: seconds and reason; `on_answer` is called after every answer. `renew` is
    told of a token that the account refused, and says whether there can be another. `before_creation` and
    `before_request` may raise to keep what comes next from being sent. `hidden` are texts that it may
    have been sent and that no error quotes.
    """

    client: openai.OpenAI
    info: AccountInfo
    retries: int = 4
    sleep: Callable[[float], object] = time.sleep
    clock: Callable[[], float] = time.time
    on_wait: Callable[[float, str], None] | None = None
    on_answer: Callable[[], None] | None = None
    clock_offset: float = 0.0
    renew: Callable[[str], bool] = lambda _: False
    before_creation: Callable[[], None] = lambda: None
    before_request: Callable[[], None] = lambda: None
    gate: AbstractContextManager[object] = field(default_factory=nullcontext)
    hidden: frozenset[str] = field(default=frozenset(), repr=False)

    def limit(self, parallelism: int) -> None:
        """Let no more requests than that be under way at once."""
        self.gate = threading.BoundedSemaphore(parallelism)

    def server_time(self) -> float:
        """The time by the account's clock, in Unix seconds, as far as its answers told it."""
        return self.clock() + self.clock_offset

    def get(self, path: str, *, beta: str | None = None, query: Mapping[str, Any] | None = None) -> Json:
        """Read one object or page. Raises AccountError; its `status` is 404 when there is none."""
        return self._repeat("get", path, beta=beta, query=query)

    def find(self, path: str, *, beta: str | None = None) -> Json | None:
        """Read one object, or None when the account has none."""
        try:
            return self.get(path, beta=beta)
        except AccountError as error:
            if error.status == 404:
                return None
            raise

    def pages(self, path: str, *, page: int, beta: str | None = None, **query: Any) -> Iterator[Json]:
        """Every object of a collection, oldest first so that what is created meanwhile comes last.

        Raises AccountError when the list cannot be read whole: what is missing from it would seem to be gone.
        """
        after: str | None = None
        while True:
            wanted = {"limit": page, "order": "asc", **query, **({"after": after} if after else {})}
            answer = self.get(path, beta=beta, query=wanted)
            data = answer.get("data")
            if not isinstance(data, list) or not all(_has_id(each) for each in data):
                raise self.nonsense(f"a list for {path}")
            yield from data
            # Some servers promise more after a last full page and have nothing.
            if not answer.get("has_more") or not data:
                return
            if data[-1]["id"] == after:
                raise AccountError(
                    f"the account's list for {path} promises more and repeats itself, so that it cannot be read whole",
                    hint="the server may not know 'after': use one that pages through its lists",
                )
            after = data[-1]["id"]

    def update(self, path: str, body: Json | None = None, *, beta: str | None = None) -> Json:
        """Write to an object that exists. Doing it twice is doing it once, so it is repeated like a read."""
        return self._repeat("post", path, beta=beta, body=body)

    def delete(self, path: str, *, beta: str | None = None) -> bool:
        """Delete an object; False when it was gone already."""
        try:
            self._repeat("delete", path, beta=beta)
        except AccountError as error:
            if error.status == 404:
                return False
            raise
        return True

    def create(self, path: str, body: Json, *, beta: str | None = None) -> Json:
        """Create an object. Raises AmbiguousError when it cannot be known whether the account did: the API takes no
        idempotency key, so a blind second attempt could leave two."""
        return self._with_id(self._repeat("post", path, beta=beta, body=body, once=True), path)

    def upload(self, filename: str, content: bytes, purpose: str) -> Json:
        """Create a file. Raises AmbiguousError like `create`."""
        form = {"purpose": purpose}
        made = self._repeat("post", "/files", body=form, files=[("file", (filename, content))], once=True)
        return self._with_id(made, "/files")

    def create_from(self, path: str, files: Mapping[str, bytes], form: Mapping[str, str]) -> Json:
        """Create an object from files, name → content. Raises AmbiguousError like `create`."""
        parts = [("files[]", (name, content)) for name, content in files.items()]
        return self._with_id(self._repeat("post", path, body=dict(form), files=parts, once=True), path)

    def download(self, path: str) -> bytes:
        """The content of something, as bytes. Raises AccountError."""
        answer: bytes = self._repeat("get", path, raw=True)["content"]
        return answer

    def close(self) -> None:
        self.client.close()

    def _with_id(self, answer: Json, path: str) -> Json:
        if not _has_id(answer):
            raise self.nonsense(f"an object for {path}")
        return answer

    def nonsense(self, expected: str) -> AccountError:
        """The error for an answer that is not of this API."""
        if self.info.url is None:
            message = f"the local account is damaged: it answered something else than {expected}"
            return AccountError(message, hint="delete '.retinue/local', and the next apply creates what is declared")
        return AccountError(
            f"the server at {self.info.url or self.info.name} answered something else than {expected}",
            hint="check base_url: it should end where the API's paths begin, usually in /v1",
        )

    # ── one request and the policy around it ──────────────────────────────────────────────────────────────────────────

    def _repeat(self, method: str, path: str, *, once: bool = False, **request: Any) -> Json:
        attempt = 0
        renewed = False
        while True:
            self.before_request()
            if once:
                self.before_creation()
            try:
                return self._send(method, path, **request)
            except OSError as error:
                if hint := getattr(error, "hint", None):  # the local account says so itself
                    raise AccountError(str(error), hint=hint) from error
                raise AccountError(f"the account {self.info.name} cannot be used: {error}") from error
            except openai.APIError as error:
                if isinstance(error, openai.AuthenticationError) and not renewed and self.renew(_sent_token(error)):
                    renewed = True
                    continue
                if once and _may_have_happened(error):
                    raise _explained(error, self, AmbiguousError) from error
                if attempt >= self._patience(error):
                    raise _explained(error, self) from error
                self._pause(_wait_before(error, attempt), error)
                attempt += 1

    def _patience(self, error: openai.APIError) -> int:
        """How often to try again. Where nobody listens, or nobody of that name is known, there is little hope."""
        if isinstance(error.__cause__, httpx2.ConnectError):
            return min(self.retries, HOPELESS_RETRIES)
        return self.retries if _is_transient(error) else 0

    def _pause(self, seconds: float, error: openai.APIError) -> None:
        if self.on_wait is not None and seconds >= 1:
            status = getattr(error, "status_code", None)
            self.on_wait(seconds, "the account asks to slow down" if status == 429 else "the account did not answer")
        self.sleep(seconds)

    def _send(
        self,
        method: str,
        path: str,
        *,
        beta: str | None = None,
        query: Mapping[str, Any] | None = None,
        body: Json | None = None,
        files: list[tuple[str, tuple[str, bytes]]] | None = None,
        raw: bool = False,
    ) -> Json:
        headers = {"OpenAI-Beta": beta} if beta else {}
        if files:
            headers["Content-Type"] = "multipart/form-data"
        options: Any = {"headers": headers, **({"params": dict(query)} if query else {})}
        with self.gate:
            if method == "get":
                response = self.client.get(path, cast_to=httpx2.Response, options=options)
            elif method == "delete":
                response = self.client.delete(path, cast_to=httpx2.Response, options=options)
            else:
                response = self.client.post(path, cast_to=httpx2.Response, body=body, files=files, options=options)
        self._note(response.headers)
        if self.on_answer is not None:
            self.on_answer()
        return {"content": response.content} if raw else _parsed(response, self)

    def _note(self, headers: Mapping[str, str]) -> None:
        """The service names the organization and project of a key in its answers [V]; Date is every server's clock."""
        if "date" in headers:
            with suppress(ValueError, TypeError):
                self.clock_offset = parsedate_to_datetime(headers["date"]).timestamp() - self.clock()
        if self.info.url and self.info.organization is None and "openai-organization" in headers:
            self.info = replace(
                self.info, organization=headers["openai-organization"], project=headers.get("openai-project")
            )


def _parsed(response: httpx2.Response, account: Account) -> Json:
    try:
        answer = response.json()
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise account.nonsense("a JSON object")
    return answer


def _has_id(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("id"), str)


def _is_transient(error: openai.APIError) -> bool:
    if isinstance(error, openai.APIStatusError):
        # A 409 on a plain write means that somebody else is writing; a second later it goes through [V §10.2].
        return error.status_code in TRANSIENT
    return isinstance(error, openai.APIConnectionError)


def _may_have_happened(error: openai.APIError) -> bool:
    """Whether a failed request may have been carried out; a refusal (4xx) or a connection never made is certain."""
    if isinstance(error, openai.APIStatusError):
        return error.status_code >= 500 or error.status_code == 408
    return isinstance(error, openai.APIConnectionError) and not isinstance(error.__cause__, httpx2.ConnectError)


def _wait_before(error: openai.APIError, attempt: int) -> float:
    headers = error.response.headers if isinstance(error, openai.APIStatusError) else {}
    try:
        asked = float(headers.get("retry-after", ""))
    except ValueError:
        asked = -1.0
    return asked if 0 <= asked <= LONGEST_WAIT else float(min(FIRST_WAIT * 2**attempt, 8.0))


def _explained(error: openai.APIError, account: Account, kind: type[AccountError] = AccountError) -> AccountError:
    """The SDK's error in our words, without the key and without secrets should a server repeat them."""
    where = account.info.url or account.info.name
    if not isinstance(error, openai.APIStatusError):
        timeout = isinstance(error, openai.APITimeoutError)
        what = "did not answer in time" if timeout else "cannot be reached"
        cause = f": {hide(str(error.__cause__), account.hidden)}" if error.__cause__ and not timeout else ""
        hint = "check the network and base_url, then run the command again"
        return kind(f"the account at {where} {what}{cause}", hint=hint)
    hidden = account.hidden | {_sent_token(error)} - {""}
    message = hide(_server_message(error), hidden)
    found: dict[str, Any] = {
        "status": error.status_code,
        "code": hide(error.code, hidden) if isinstance(error.code, str) else None,
        "request_id": hide(error.request_id, hidden) if error.request_id else None,
    }
    if error.status_code == 401:
        return CredentialError(f"the account refused the key: {message}", hint="check the key and its project", **found)
    asked = f"{error.request.method} {error.request.url.path}"
    if error.status_code == 403:
        return CredentialError(
            f"the account does not allow {asked}: {message}", hint="check the key's scopes and project", **found
        )
    if 300 <= error.status_code < 400:
        target = hide(error.response.headers.get("location", "another address"), hidden)
        return kind(f"the server at {where} sends us on to {target}", hint="set base_url to that", **found)
    if error.status_code in (404, 405) and not isinstance(error.body, Mapping):
        return kind(
            f"the server at {where} does not know {asked} (HTTP {error.status_code})",
            hint="check base_url: it should end where the API's paths begin, usually in /v1",
            **found,
        )
    return kind(f"{message} (HTTP {error.status_code})", **found)


def _sent_token(error: openai.APIStatusError) -> str:
    """The key or token that the request carried."""
    return error.request.headers.get("authorization", "").removeprefix("Bearer ").strip()


def _server_message(error: openai.APIStatusError) -> str:
    body = error.body
    if isinstance(body, Mapping) and isinstance(body.get("message"), str):
        return str(body["message"]).rstrip(".")
    return str(error.message).rstrip(".")
