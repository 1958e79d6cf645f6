"""Reading what was created moments ago: the account may answer 404 for a while [V], so it is asked again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from retinue.providers.openai.answers import Json
from retinue.providers.openai.client import Account
from retinue.state.cache import Cache

PAUSES = (0.5, 1.0, 2.0)
"""Seconds between the attempts."""
Found = TypeVar("Found")


def patiently(account: Account, read: Callable[[], Found], *, patient: bool = True) -> Found:
    """What `read` finds, asked again while that is nothing; unless there is reason to be `patient`, asked once."""
    for pause in PAUSES if patient else ():
        found = read()
        if found:
            return found
        account.sleep(pause)
    return read()


def look(
    account: Account, cache: Cache, live_id: str, path: str, beta: str | None, *, patient: bool = False
) -> Json | None:
    """Read one object; None when it is not there. `patient`: somebody else may have created it moments ago."""
    return patiently(account, lambda: account.find(path, beta=beta), patient=patient or live_id in cache.fresh)
