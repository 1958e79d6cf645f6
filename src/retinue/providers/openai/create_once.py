"""Creations whose answer was lost: look for what they made before making it again.

Files are attached to a store in batches, and `file_sync` looks for a lost one itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from retinue.errors import Interrupted
from retinue.providers.openai.answers import Json
from retinue.providers.openai.client import Account, AmbiguousError
from retinue.providers.openai.retry_policy import LOOKS

Attempt = str | tuple[AmbiguousError, Callable[[], str | None]]
"""The id that was made; or the failure, and a way to look for what it may have made."""
SLACK = 60.0
"""Seconds by which the account's clock may seem to differ from its notes of when something was made."""


def settle(account: Account, attempt: Callable[[], Attempt]) -> str:
    """Make something exactly once, as far as the account lets us know. Raises AmbiguousError when it cannot be settled.

    What the account says it has made, in an answer that could not be read, is looked for and never made again.
    Somebody who asked to stop is not kept waiting by another attempt: then nobody knows whether it was made.

    Should a list lag for longer than we look, a second object comes to be; it carries the same tag, and the next plan
    removes one of the two.
    """
    failure: AmbiguousError | None = None
    for _ in range(account.retries + 1):
        try:
            outcome = attempt()
        except Interrupted:
            if failure is None:
                raise
            break
        if isinstance(outcome, str):
            return outcome
        failure, find = outcome
        for pause in LOOKS:
            account.sleep(pause)
            found = find()
            if found is not None:
                return found
        if failure.done:
            break
    raise _unsettled(failure)


def newest(listed: Iterable[Json], since: float, page: int) -> Iterator[Json]:
    """Of a list that was asked for from the newest on, what may have been made `since` a time by the account's clock.

    Only a whole `page` in falling order says that what follows is older: a server may know no order, and whoever takes
    a list for over that is not makes a second object.
    """
    before: float | None = None
    falls, ordered = False, True
    for number, raw in enumerate(listed, 1):
        yield raw
        born = raw.get("created_at")
        if not isinstance(born, int | float):
            ordered = False
            continue
        if before is not None:
            ordered, falls = ordered and born <= before, falls or born < before
        before = born
        if number % page == 0 and ordered and falls and born < since - SLACK:
            return


def _unsettled(failure: AmbiguousError | None) -> AmbiguousError:
    what = f"{failure.message}; it may have been created all the same" if failure else "nothing was tried"
    hint = "run the command again: it looks for what it may have created before it creates anything"
    found = (failure.status, failure.code, failure.request_id) if failure else (None, None, None)
    return AmbiguousError(what, hint=hint, status=found[0], code=found[1], request_id=found[2])
