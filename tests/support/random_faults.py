"""Networks and accounts that fail at random, with a seed: what strikes, and where, can be had again."""

from __future__ import annotations

import json
import math
import random
import threading
from dataclasses import dataclass, field

import httpx2

from tests.support.tally import TRIED
from tests.support.team import FakeTime

RATE = 0.3
"""Of a hundred requests, how many are struck."""
FAULTS = (
    "throttled",
    "throttled for a second",
    "server error",
    "unavailable",
    "unavailable after it was done",
    "not connected",
    "answer lost",
    "answer cut",
    "slow",
)
_REFUSALS = {"throttled": 429, "throttled for a second": 429, "server error": 500, "unavailable": 503}
LONGEST_LAG = 10.0
"""Seconds for which a list may leave out what was just made. Lists were seen to lag six seconds [V]."""
LONGEST_BLINDNESS = 2.0
"""Seconds for which a read of what was just made may answer 404."""


@dataclass
class RandomFaults(httpx2.BaseTransport):
    """Strikes a share of all requests; what was `made` within `lag` seconds is in no list, and at first cannot be read.

    With `dies_at` the process may as well be killed at that request (from 1): the account carries it out, and from then
    on there is no network.
    """

    inner: httpx2.BaseTransport
    chance: random.Random
    time: FakeTime
    lag: float = 0.0
    dies_at: int | None = None
    made: dict[str, float] = field(default_factory=dict)
    """When each object was made, by its id: shared by all who see one account."""
    rate: float = RATE
    count: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        with self._lock:
            self.count += 1
            fault = self.chance.choice(FAULTS) if self.chance.random() < self.rate else None
            gone = self.dies_at is not None and self.count > self.dies_at
            dies = self.count == self.dies_at
        if gone:
            raise httpx2.ConnectError("the network is gone", request=request)
        if dies:
            self._pass(request).read()
            raise httpx2.ReadError("the answer was lost", request=request)
        if fault is None:
            return self._pass(request)
        with self._lock:
            TRIED[f"at random: {fault}"] += 1
        return self._strike(request, fault)

    def _strike(self, request: httpx2.Request, fault: str) -> httpx2.Response:
        if fault == "not connected":
            raise httpx2.ConnectError("connection refused", request=request)
        if status := _REFUSALS.get(fault):
            headers = {"retry-after": "1"} if fault == "throttled for a second" else {}
            return _refusal(request, status, headers)
        answer = self._pass(request)
        content = answer.read()
        if fault == "answer lost":
            raise httpx2.ReadError("the answer was lost", request=request)
        if fault == "answer cut":
            return httpx2.Response(answer.status_code, content=content[: len(content) // 2], request=request)
        if fault == "unavailable after it was done":
            return _refusal(request, 503, {})
        self.time.sleep(7)
        return answer

    def _pass(self, request: httpx2.Request) -> httpx2.Response:
        answer = self.inner.handle_request(request)
        if answer.status_code >= 300 or "json" not in answer.headers.get("content-type", ""):
            return answer
        body = json.loads(answer.read())
        if request.method == "POST" and "id" in body:
            with self._lock:
                self.made.setdefault(body["id"], self.time.now)
        if request.method != "GET" or not self.lag:
            return answer
        if body.get("object") != "list":
            if self._age(body.get("id")) < min(self.lag, LONGEST_BLINDNESS):
                return _refusal(request, 404, {})
            return answer
        body["data"] = [each for each in body["data"] if self._age(each.get("id")) >= self.lag]
        headers = {name: value for name, value in answer.headers.items() if name == "date"}
        return httpx2.Response(answer.status_code, json=body, headers=headers, request=request)

    def _age(self, live_id: str | None) -> float:
        with self._lock:
            return self.time.now - self.made.get(str(live_id), -math.inf)

    def close(self) -> None:
        self.inner.close()


def _refusal(request: httpx2.Request, status: int, headers: dict[str, str]) -> httpx2.Response:
    body = {"error": {"message": "at random", "type": "server_error", "param": None, "code": None}}
    return httpx2.Response(status, json=body, headers=headers, request=request)
