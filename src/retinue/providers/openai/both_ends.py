"""A long list, read from both ends: each page has to be waited for before the next can be asked for, so two readers
that come towards each other are done in half of the time."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from retinue.errors import RetinueError
from retinue.providers.openai.answers import Json, check_page
from retinue.providers.openai.client import Account

LONG = 4
"""Pages after which a list is long: a shorter one takes no request more than before."""

Raw = Mapping[str, Any]


def from_both_ends(
    account: Account, path: str, *, page: int, beta: str | None = None, retries: int | None = None, known: int = 0
) -> Iterator[Json]:
    """Every object of a collection, oldest first, as `Account.pages` gives them; of a long list that is in the order of
    time, what is created meanwhile may be left out. `known` is how many objects are known to be there. Raises what that
    raises."""

    def read(after: str | None) -> tuple[list[Json], bool]:
        query = {"limit": page, "order": "desc", **({"after": after} if after else {})}
        answer = account.get(path, beta=beta, query=query, retries=0)
        with account.door("GET", path, answer):
            return check_page(answer), bool(answer.get("has_more"))

    seen = Beginning()
    end = EndReader(read, seen) if known > LONG * page else None
    try:
        for raw in account.pages(path, page=page, beta=beta, retries=retries):
            yield raw
            seen.take(raw)
            if end is None:
                end = EndReader(read, seen) if len(seen.ids) > LONG * page else None
            elif len(seen.ids) % page == 0 and end.part.meets(seen):
                end.stop()
                if end.part.meets(seen):  # with all of the page that it was reading
                    yield from (each for each in reversed(end.part.objects) if str(each["id"]) not in seen.ids)
                    return
    finally:
        if end is not None:
            end.stop()


@dataclass(slots=True)
class Beginning:
    """What was seen of a list from its beginning on: the ids, and the time of the newest object. It has all that is
    older; that counts only in the order of the objects' times, which not every list is in."""

    ids: set[str] = field(default_factory=set)
    newest: int = 0
    in_order: bool = True

    def take(self, raw: Raw) -> None:
        """Take in the next object."""
        created = raw.get("created_at")
        self.in_order = self.in_order and isinstance(created, int) and created >= self.newest
        self.newest = created if isinstance(created, int) else self.newest
        self.ids.add(str(raw["id"]))


@dataclass(slots=True)
class EndPart:
    """The end of a list, as far back as it was read, and the time of its oldest object. It has all that is newer; that
    counts only in the order of the objects' times, newest first, which some servers do not know."""

    objects: list[Json] = field(default_factory=list)
    oldest: float = math.inf
    in_order: bool = True

    def take(self, page: Sequence[Json]) -> None:
        """Take in the page before."""
        for each in page:
            created = each.get("created_at")
            self.in_order = self.in_order and isinstance(created, int) and created <= self.oldest
            self.oldest = created if isinstance(created, int) else self.oldest
        self.objects += page

    def meets(self, beginning: Beginning) -> bool:
        """Whether there is nothing between the two: what the beginning need not have is of its newest second or newer,
        and newer than something here. Within a second, the two directions need not agree about which comes first."""
        return self.in_order and beginning.in_order and self.oldest < beginning.newest


class EndReader:
    """Reads a list from its end, in a thread of its own, until it comes to what was `seen` from the beginning, is told
    to stop, or has any trouble, which is left to whoever reads from there. `read` gives the page behind an object, and
    whether there is more."""

    def __init__(self, read: Callable[[str | None], tuple[Sequence[Json], bool]], seen: Beginning) -> None:
        self.part = EndPart()
        self._read, self._seen = read, seen
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="retinue-end", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        after: str | None = None
        more = True
        while more and self.part.in_order and not self._stopped.is_set():
            try:
                page, more = self._read(after)
            except RetinueError:
                return
            self.part.take(page)
            after = str(page[-1]["id"]) if page else after
            met = self.part.meets(self._seen) or all(str(each["id"]) in self._seen.ids for each in page)
            more = more and not met

    def stop(self) -> None:
        """Ask for nothing more, and wait for what is under way: nobody closes a connection under a request."""
        self._stopped.set()
        self._thread.join()
