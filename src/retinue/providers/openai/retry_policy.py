"""What is tried again after a failure, how often, after which pause, and what never is: one table.

Pure: it is told what happened and says what to do; `client.py` does it. docs/requests.md shows the table.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from typing import Literal

import httpx2
import openai

FIRST_WAIT, LONGEST_BACKOFF = 0.5, 16.0
"""Seconds: the back-off before attempt n is drawn from 0 to `FIRST_WAIT` · 2ⁿ, and at most from 0 to the longest
("full jitter": clients that failed at one moment do not come back at one moment)."""
LONGEST_WAIT = 300.0
"""Seconds of a Retry-After that are waited for. It is less than the lease of a stack holds (`stack_lock.TERM`)."""
PATIENCE, HOPELESS_RETRIES = 4, 2
"""How often something is tried again: what may pass, and what hardly will."""
LOOKS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before each look for what a creation without an answer may have made. Lists were seen to lag six seconds
behind creations [V §10.1]; only after the last look it is made again."""

Answer = Literal["again", "look", "never"]
"""What becomes of a request: it is sent again; what it may have made is looked for; neither."""


class Failure(Enum):
    """What can happen to a request."""

    THROTTLED = auto()
    BUSY = auto()
    TIMED_OUT = auto()
    SERVER = auto()
    BROKEN_SERVER = auto()
    LOST = auto()
    UNCONNECTED = auto()
    CUT = auto()
    REFUSED = auto()
    FORBIDDEN = auto()
    WRONG = auto()


@dataclass(frozen=True, slots=True)
class Rule:
    """What follows a failure. `repeatable` is for reads, deletions and updates, which may be done twice; `creation` for
    what may not: the API takes no idempotency key [V §10.2]. `often` is how many times it is tried again at most;
    `names` is what the table of the documentation calls it."""

    names: str
    repeatable: Answer
    creation: Answer
    often: int = 0

    @property
    def ambiguous(self) -> bool:
        """Whether the account may have carried out what it did not answer."""
        return self.creation == "look"


RULES: Mapping[Failure, Rule] = {
    Failure.THROTTLED: Rule("429", "again", "again", 2 * PATIENCE),
    Failure.BUSY: Rule("409", "again", "again", PATIENCE),
    Failure.TIMED_OUT: Rule("408", "again", "look", PATIENCE),
    Failure.SERVER: Rule("500, 502, 503, 504", "again", "look", PATIENCE),
    Failure.BROKEN_SERVER: Rule("501, 505 and above", "never", "look"),
    Failure.LOST: Rule("no answer in time, or the connection breaks", "again", "look", PATIENCE),
    Failure.UNCONNECTED: Rule("no connection is made", "again", "again", HOPELESS_RETRIES),
    Failure.CUT: Rule("an answer that is cut off", "again", "look", HOPELESS_RETRIES),
    Failure.REFUSED: Rule("401", "never", "never"),
    Failure.FORBIDDEN: Rule("403", "never", "never"),
    Failure.WRONG: Rule("any other refusal (3xx, 4xx)", "never", "never"),
}
"""The policy. A 401 is tried once more where a fresh token can be had."""

_NEVER_SENT = (httpx2.ConnectError, httpx2.ProxyError)
_STATUSES = {
    401: Failure.REFUSED,
    403: Failure.FORBIDDEN,
    408: Failure.TIMED_OUT,
    409: Failure.BUSY,
    429: Failure.THROTTLED,
    **dict.fromkeys((500, 502, 503, 504), Failure.SERVER),
}


def failure_of(error: openai.APIError) -> Failure:
    """Which of the failures an error of the SDK is."""
    if isinstance(error, openai.APIStatusError):
        other = Failure.BROKEN_SERVER if error.status_code >= 500 else Failure.WRONG
        return _STATUSES.get(error.status_code, other)
    if not isinstance(error, openai.APIConnectionError):
        return Failure.WRONG
    return Failure.UNCONNECTED if isinstance(error.__cause__, _NEVER_SENT) else Failure.LOST


def backoff(attempt: int, chance: float) -> float:
    """Seconds before the attempt after `attempt` (from 0). `chance` is drawn from 0 to 1."""
    return chance * float(min(FIRST_WAIT * 2**attempt, LONGEST_BACKOFF))


def asked_wait(headers: Mapping[str, str], now: Callable[[], float]) -> float | None:
    """The seconds that an answer asks to wait: Retry-After as a number or as a date (RFC 9110 §10.2.3), which counts
    from the answer's own Date, or from `now`, the account's time. None when it says nothing that can be read."""
    told = headers.get("retry-after", "").strip()
    try:
        seconds = float(told)
    except ValueError:
        moment, sent = _moment(told), _moment(headers.get("date", ""))
        if moment is None:
            return None
        seconds = max(moment - (now() if sent is None else sent), 0.0)
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _moment(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError, OSError):
        return None
