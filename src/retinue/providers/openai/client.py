"""One account over HTTP: raw requests, the policy for retries, and errors in our own words. Decides nothing else."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from io import IOBase
from typing import Any

import httpx2
import openai

from retinue.errors import AccountError, CredentialError
from retinue.model.steps import AccountInfo
from retinue.providers.openai.answers import (
    FEWEST,
    FREE_PAGES,
    MOST_PAGES,
    AnswerError,
    Json,
    ShapeError,
    check_object,
    check_page,
    check_parts,
    excerpt,
    is_web_page,
    missing_scopes,
    parse,
    shaped,
)
from retinue.providers.openai.concurrency import Concurrency
from retinue.providers.openai.http_client import TooLargeError, advice
from retinue.providers.openai.pacing import Pacing
from retinue.providers.openai.retry_policy import (
    LONGEST_WAIT,
    PATIENCE,
    RULES,
    Failure,
    Rule,
    asked_wait,
    backoff,
    failure_of,
)

SLICE = 60.0
"""Seconds: a longer pause is interrupted by `on_answer`, so that a lease is kept meanwhile."""
SLOW_DOWN, NO_ANSWER = "the account asks to slow down", "the account did not answer"
LONGEST_SILENCE = 600.0
"""Seconds that something may think without telling anything of it."""
MOST_AT_ONCE = 64
"""Requests at once where nobody says how many."""
LARGEST_PART = 64_000_000
"""Bytes. A part of an upload has 64 MB at most (SPEC Uploads), whichever sort of MB that is."""
_CHECK = "check base_url, and that what answers there speaks the API of OpenAI"


class AmbiguousError(AccountError):
    """A request may or may not have been carried out: its answer was lost. `done`: the account says that it was, and
    what it made could not be read."""

    done = False


@dataclass(slots=True)
class Account:
    """A connection. Methods take paths below the base URL and give raw dictionaries; all are safe in many threads.

    `retries` is how often what may pass is tried again: `RULES` in proportion. `sleep`, `clock` (Unix seconds) and
    `chance` (0 to 1, what back-off is drawn with) are parameters so that tests need no time; `on_wait` hears of every
    pause: seconds and reason; `on_answer` is called after every answer. `renew` is told of a token that the account
    refused, and says whether there can be another. `before_creation` and `before_request` may raise to keep what comes
    next from being sent. `gate` says how many requests may be under way, `pacing` how many may be sent in a minute.
    `hidden` are texts that it may have been sent and that no error quotes; `proxies` those that the environment names,
    by variable. `batches`: files are attached in batches, as long as that is not known to be in vain. A file of
    `part_size` bytes and more is sent in parts of so many; None where the account is known not to take any. `going` are
    the files that are about to be deleted, in order, and `announce` writes down in the account which.
    """

    client: openai.OpenAI
    info: AccountInfo
    retries: int = PATIENCE
    sleep: Callable[[float], object] = time.sleep
    clock: Callable[[], float] = time.time
    chance: Callable[[], float] = random.random
    on_wait: Callable[[float, str], None] | None = None
    on_answer: Callable[[], None] | None = None
    clock_offset: float = 0.0
    renew: Callable[[str], bool] = lambda _: False
    before_creation: Callable[[], None] = lambda: None
    before_request: Callable[[], None] = lambda: None
    gate: Concurrency = field(default_factory=lambda: Concurrency(MOST_AT_ONCE))
    pacing: Pacing = field(default_factory=Pacing)
    hidden: frozenset[str] = field(default=frozenset(), repr=False)
    proxies: Mapping[str, str] = field(default_factory=dict)
    batches: bool = True
    part_size: int | None = LARGEST_PART
    going: dict[str, None] = field(default_factory=dict)
    announce: Callable[[], None] = lambda: None

    def limit(self, parallelism: int) -> None:
        """Let no more requests than that be under way at once."""
        self.gate.limit(parallelism)

    def server_time(self) -> float:
        """The time by the account's clock, in Unix seconds, as far as its answers told it."""
        return self.clock() + self.clock_offset

    def get(
        self, path: str, *, beta: str | None = None, query: Mapping[str, Any] | None = None, retries: int | None = None
    ) -> Json:
        """Read one object or page. Raises AccountError; its `status` is 404 when there is none."""
        return self._repeat("get", path, beta=beta, query=query, retries=retries)

    def find(self, path: str, *, beta: str | None = None) -> Json | None:
        """Read one object, or None when the account has none."""
        try:
            answer = self.get(path, beta=beta)
        except AccountError as error:
            if error.status == 404:
                return None
            raise
        with self.door("GET", path, answer):
            return check_object(answer)

    def pages(
        self,
        path: str,
        *,
        page: int,
        beta: str | None = None,
        retries: int | None = None,
        after: str | None = None,
        **query: Any,
    ) -> Iterator[Json]:
        """Every object of a collection, or those behind one of them, oldest first so that what is created meanwhile
        comes last.

        Raises AccountError when the list cannot be read whole: what is missing from it would seem to be gone.
        """
        seen: set[str] = set()
        pages = objects = last = 0
        while True:
            wanted = {"limit": page, "order": "asc", **query, **({"after": after} if after else {})}
            try:
                answer = self.get(path, beta=beta, query=wanted, retries=retries)
            except AnswerError as error:
                if not error.long or page == 1:
                    raise
                page = max(1, page // 10)
                continue
            with self.door("GET", path, answer):
                data = check_page(answer)
            yield from data
            if not answer.get("has_more"):
                return
            if not data:
                # Some servers promise more after a last full page and have nothing.
                if last == page:
                    return
                raise AccountError(
                    f"the account's list for GET {self.full_path(path)} promises more and shows nothing, so that it "
                    "cannot be read whole",
                    hint="look at the list with a client of your own, and run the command again when it is whole",
                )
            last = len(data)
            after = data[-1]["id"]
            pages, objects = pages + 1, objects + len(data)
            if after in seen:
                raise AccountError(
                    f"the account's list for GET {self.full_path(path)} promises more and repeats itself, so that it "
                    "cannot be read whole",
                    hint="the server may not know 'after': use one that pages through its lists",
                )
            if pages > FREE_PAGES + objects // FEWEST or pages >= MOST_PAGES:
                raise AccountError(
                    f"the account's list for GET {self.full_path(path)} does not end: {objects:,} objects on "
                    f"{pages:,} pages, and it promises more",
                    hint="look at the list with a client of your own: the server may make it up as it goes",
                )
            seen.add(after)

    def update(self, path: str, body: Json | None = None, *, beta: str | None = None) -> Json:
        """Write to an object that exists. Doing it twice is doing it once, so it is repeated like a read."""
        answer = self._repeat("post", path, beta=beta, body=body)
        with self.door("POST", path, answer):
            return check_parts(answer)

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
        """Create an object. Raises AmbiguousError when it cannot be known whether the account did, or what it made: the
        API takes no idempotency key, so a blind second attempt could leave two."""
        return self._created(path, beta=beta, body=body)

    def upload(self, filename: str, content: bytes | IOBase, purpose: str) -> Json:
        """Create a file. What can be read is read while it is sent. Raises AmbiguousError like `create`."""
        return self._created("/files", body={"purpose": purpose}, files=[("file", (filename, content))])

    def add_part(self, path: str, content: IOBase) -> Json:
        """Send a part of an upload. Of one that arrives twice only one is named in the end, so it is repeated like a
        read."""
        answer = self._repeat("post", path, files=[("data", ("part", content))])
        with self.door("POST", path, answer):
            return check_object(answer)

    def create_from(self, path: str, files: Mapping[str, bytes], form: Mapping[str, str]) -> Json:
        """Create an object from files, name → content. Raises AmbiguousError like `create`."""
        parts = [("files[]", (name, content)) for name, content in files.items()]
        return self._created(path, body=dict(form), files=parts)

    def download(self, path: str) -> bytes:
        """The content of something, as bytes. Raises AccountError."""
        answer: bytes = self._repeat("get", path, raw=True)["content"]
        return answer

    def events(self, path: str, body: Json, *, beta: str | None = None) -> Iterator[Json]:
        """Begin something and follow it: what the account tells of it, one event after the other, as it comes.

        Raises AmbiguousError like `create` when it cannot be known whether it began, and AccountError when the account
        tells no more of it. What is not read to the end is left alone: closing it ends the connection.
        """
        response = self._repeat("post", path, once=True, streamed=True, beta=beta, body=body)["response"]
        asked = f"POST {self.full_path(path)}"
        with openai.Stream(cast_to=object, response=response, client=self.client) as told:
            try:
                for event in told:
                    if isinstance(event, dict):
                        yield event
            except openai.APIConnectionError as error:
                raise _explained(error, self) from error
            except openai.APIError as error:  # the account says so in the middle of it
                message = excerpt(str(error.message), self._hidden()).rstrip(".")
                code = error.code if isinstance(error.code, str) else None
                raise AccountError(f"{message} ({asked})", code=code) from error
            except ValueError as error:
                raise self.answer_error(asked, "events as JSON", None) from error

    def close(self) -> None:
        self.client.close()

    def _created(self, path: str, **request: Any) -> Json:
        try:
            answer = self._repeat("post", path, once=True, **request)
            with self.door("POST", path, answer):
                return check_object(answer)
        except AnswerError as error:
            raise unreadable(error) from error

    # ── the door ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def full_path(self, path: str) -> str:
        """The path as the server sees it."""
        return f"{self.client.base_url.path.rstrip('/')}{path}"

    @contextmanager
    def door(self, method: str, path: str, answer: Any, *, expected: str = "what the API answers") -> Iterator[None]:
        """Take an answer apart. Raises AnswerError, which names the request and shows the answer, where that fails."""
        try:
            with shaped(expected):
                yield
        except ShapeError as error:
            raise self.answer_error(f"{method} {self.full_path(path)}", str(error), answer) from error

    def answer_error(self, asked: str, expected: str, answer: Any, *, cut: bool = False) -> AnswerError:
        """The error for an answer that is not of this API."""
        who = f"the server at {self.info.url}" if self.info.url else "the local account is damaged: it"
        shown = "" if answer is None else excerpt(answer, self._hidden())
        what = f": {shown}" if shown else ", and nothing at all"
        hint = "the server may not speak this API, or a newer one: look at it with a client of its own"
        if self.info.url is None:
            hint = "delete '.retinue/local', and the next apply creates what is declared"
        elif is_web_page(answer):
            hint = f"this is a web page, maybe of a proxy or to sign in: {self.address_hint()}"
        error = AnswerError(f"{who} answered {asked} with something else than {expected}{what}", hint=hint, status=200)
        error.cut = cut
        return error

    def _hidden(self) -> frozenset[str]:
        return self.hidden | {self.client.api_key} - {""}

    def address_hint(self) -> str:
        """What to look for in `base_url` where nothing of the API answers."""
        url = self.info.url or ""
        before, version, after = url.partition("/v1")
        if not version:
            # Of another version of an API, the first one may stand beside it.
            return f"base_url usually ends with /v1: try {re.sub(r'/v[0-9]+$', '', url)}/v1"
        if after:
            return f"base_url ends where the API's paths begin, usually with one /v1: try {before}/v1"
        return _CHECK

    # ── one request and the policy around it ──────────────────────────────────────────────────────────────────────────

    def _repeat(
        self, method: str, path: str, *, once: bool = False, retries: int | None = None, **request: Any
    ) -> Json:
        attempt = 0
        renewed = False
        while True:
            self._keep_pace(method, path, request.get("body"))
            try:
                with self.gate.passing() as passed:
                    self.before_request()
                    if once:
                        self.before_creation()
                    response = self._send(method, path, **request)
                self.gate.came_through()
                if request.get("streamed"):
                    self._note(response.headers)
                    return {"response": response}
                return self._taken(response, method, path, raw=bool(request.get("raw")))
            except OSError as error:
                if hint := getattr(error, "hint", None):  # the local account says so itself
                    raise AccountError(str(error), hint=hint) from error
                raise AccountError(f"the account {self.info.name} cannot be used: {error}") from error
            except (UnicodeError, httpx2.InvalidURL) as error:  # the name of a host that can be none
                message = f"the account at {self.info.url or self.info.name} cannot be reached: {error}"
                raise AccountError(message, hint=advice(error, self.proxies)) from error
            except AnswerError as error:
                # What was cut off on its way may come whole the next time.
                if once or not error.cut or attempt >= self._often(RULES[Failure.CUT], retries):
                    raise
                self._pause(backoff(attempt, self.chance()))
            except openai.APIError as error:
                rule, asked = RULES[failure_of(error)], self._asked_wait(error)
                if isinstance(error, openai.RateLimitError):
                    waited = asked if asked is not None and asked <= LONGEST_WAIT else 0.0
                    self.gate.overrun(passed, self.clock() + waited)
                if isinstance(error, openai.AuthenticationError) and not renewed and self.renew(_sent_token(error)):
                    renewed = True
                    continue
                if once and rule.ambiguous:
                    raise _explained(error, self, AmbiguousError) from error
                if attempt >= self._often(rule, retries):
                    raise _explained(error, self) from error
                self._wait(error, attempt, asked)
            attempt += 1

    def _often(self, rule: Rule, retries: int | None) -> int:
        """How often to try again what failed so, where the caller has no more patience than `retries`."""
        most = self.retries if retries is None else min(retries, self.retries)
        return rule.often * most // PATIENCE if rule.often > PATIENCE else min(rule.often, most)

    def _keep_pace(self, method: str, path: str, body: Json | None) -> None:
        """Wait for the minute of a limit to pass, and for the time that the account asked somebody else to wait."""
        wait = self.pacing.wait_before(method, path, body, self.clock())
        if wait > 0:
            self._pause(wait, "more would be beyond the limits of the account")
        if (wait := self.gate.closed_until - self.clock()) > 0:
            self._pause(wait, SLOW_DOWN)

    def _asked_wait(self, error: openai.APIError) -> float | None:
        return (
            asked_wait(error.response.headers, self.server_time) if isinstance(error, openai.APIStatusError) else None
        )

    def _wait(self, error: openai.APIError, attempt: int, asked: float | None) -> None:
        """Wait as long as the answer asks, or else a while. Raises AccountError when that is longer than anybody
        waits."""
        if asked is not None and asked > LONGEST_WAIT:
            told = _explained(error, self)
            why = f"the account asks to wait {asked:,.0f} s, and {LONGEST_WAIT:.0f} s is the longest that is waited"
            found: dict[str, Any] = {"status": told.status, "code": told.code, "request_id": told.request_id}
            raise AccountError(f"{told.message}; {why}", hint="run the command again after that time", **found)
        seconds = backoff(attempt, self.chance()) if asked is None else asked
        self._pause(seconds, SLOW_DOWN if isinstance(error, openai.RateLimitError) else NO_ANSWER)

    def _pause(self, seconds: float, why: str = NO_ANSWER) -> None:
        if self.on_wait is not None and seconds >= 1:
            self.on_wait(seconds, why)
        while seconds > SLICE:
            self.sleep(SLICE)
            seconds -= SLICE
            self.before_request()
            if self.on_answer is not None:
                self.on_answer()
        self.sleep(seconds)

    def _send(
        self,
        method: str,
        path: str,
        *,
        beta: str | None = None,
        query: Mapping[str, Any] | None = None,
        body: Json | None = None,
        files: list[tuple[str, tuple[str, Any]]] | None = None,
        raw: bool = False,  # noqa: ARG002 - about what becomes of the answer
        streamed: bool = False,
    ) -> httpx2.Response:
        headers = {"OpenAI-Beta": beta} if beta else {}
        if files:
            headers["Content-Type"] = "multipart/form-data"
        options: Any = {"headers": headers, **({"params": dict(query)} if query else {})}
        asked = f"{method.upper()} {self.full_path(path)}"
        try:
            if method == "get":
                return self.client.get(path, cast_to=httpx2.Response, options=options)
            if method == "delete":
                return self.client.delete(path, cast_to=httpx2.Response, options=options)
            if streamed:
                options["timeout"] = LONGEST_SILENCE
                of = openai.Stream[object]
                return self.client.post(
                    path, cast_to=object, body=body, options=options, stream=True, stream_cls=of
                ).response
            return self.client.post(path, cast_to=httpx2.Response, body=body, files=files, options=options)
        except TooLargeError as error:
            too_long = self.answer_error(asked, str(error), error.start)
            too_long.long = True
            raise too_long from error

    def _taken(self, response: httpx2.Response, method: str, path: str, *, raw: bool) -> Json:
        """What an answer holds."""
        self._note(response.headers)
        if self.on_answer is not None:
            self.on_answer()
        if raw:
            return {"content": response.content}
        try:
            return parse(response)
        except ShapeError as error:
            cut = error.cut and not is_web_page(response.content)
            asked = f"{method.upper()} {self.full_path(path)}"
            raise self.answer_error(asked, str(error), response.content, cut=cut) from error

    def _note(self, headers: Mapping[str, str]) -> None:
        """The service names the organization and project of a key in its answers [V]; Date is every server's clock."""
        if "date" in headers:
            with suppress(ValueError, TypeError, OverflowError, OSError):
                self.clock_offset = parsedate_to_datetime(headers["date"]).timestamp() - self.clock()
        if self.info.url and self.info.organization is None and "openai-organization" in headers:
            self.info = replace(
                self.info, organization=headers["openai-organization"], project=headers.get("openai-project")
            )


def unreadable(error: AnswerError) -> AmbiguousError:
    """The same of a creation: the account says that it is done."""
    ambiguous = AmbiguousError(error.message, hint="run the command again: it looks for what was made", status=200)
    ambiguous.done = True
    return ambiguous


def _explained(error: openai.APIError, account: Account, kind: type[AccountError] = AccountError) -> AccountError:
    """The SDK's error in our words, without the key and without secrets should a server repeat them."""
    where = account.info.url or account.info.name
    if not isinstance(error, openai.APIStatusError):
        timeout = isinstance(error, openai.APITimeoutError)
        what = "did not answer in time" if timeout else "cannot be reached"
        if isinstance(error.__cause__, httpx2.DecodingError):
            what = f"sent an answer to {error.request.method} {error.request.url.path} that cannot be unpacked"
        cause = f": {excerpt(str(error.__cause__), account.hidden)}" if error.__cause__ and not timeout else ""
        hint = advice(error, account.proxies)
        if isinstance(error.__cause__, httpx2.DecodingError):
            hint = "the server, or a proxy before it, says that it packs its answers and does something else"
        return kind(f"the account at {where} {what}{cause}", hint=hint)
    hidden = account.hidden | {_sent_token(error)} - {""}
    message = _server_message(error, hidden)
    found: dict[str, Any] = {
        "status": error.status_code,
        "code": excerpt(error.code, hidden) if isinstance(error.code, str) else None,
        "request_id": excerpt(error.request_id, hidden) if error.request_id else None,
    }
    scopes = missing_scopes(message)
    lacking = f"give the key the scope{'s' if len(scopes) > 1 else ''} {', '.join(scopes)}, or use another one"
    asked = f"{error.request.method} {error.request.url.path}"
    if error.status_code == 401:
        hint = lacking if scopes else "check the key and its project"
        return CredentialError(f"the account refused the key ({asked}): {message}", hint=hint, **found)
    if error.status_code == 403:
        hint = lacking if scopes else "check the key's scopes and project"
        if is_web_page(error.body):
            hint = f"this is a web page, maybe of a proxy: {account.address_hint()}"
        return CredentialError(f"the account does not allow {asked}: {message}", hint=hint, **found)
    if error.status_code == 407:
        return kind(
            f"the proxy wants to know who asks ({asked}): {message}", hint=advice(error, account.proxies), **found
        )
    if 300 <= error.status_code < 400:
        target = excerpt(error.response.headers.get("location", "another address"), hidden)
        hint = "set base_url to that, unless it is a page to sign in: then a proxy stands before the server"
        return kind(f"the server at {where} sends us on to {target} ({asked})", hint=hint, **found)
    if error.status_code in (404, 405) and not isinstance(error.body, Mapping):
        return kind(
            f"the server at {where} does not know {asked} (HTTP {error.status_code})",
            hint=account.address_hint(),
            **found,
        )
    if error.status_code >= 500:
        name = f", request {found['request_id']}" if found["request_id"] else ""
        return kind(
            f"{message} (HTTP {error.status_code} for {asked}{name})",
            hint="the server failed: run the command again, and if it goes on, tell those who run it about the request",
            **found,
        )
    return kind(f"{message} (HTTP {error.status_code} for {asked})", **found)


def _sent_token(error: openai.APIStatusError) -> str:
    """The key or token that the request carried."""
    return error.request.headers.get("authorization", "").removeprefix("Bearer ").strip()


def _server_message(error: openai.APIStatusError, hidden: frozenset[str]) -> str:
    said = error.body.get("message") if isinstance(error.body, Mapping) else error.body
    return excerpt(said if isinstance(said, str) and said.strip() else str(error.message), hidden).rstrip(".")
