"""A long list, read from both ends: each page has to be waited for before the next can be asked for, so two readers
that come towards each other are done in half of the time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from retinue.errors import RetinueError
from retinue.providers.openai.answers import Json, check_page
from retinue.providers.openai.client import Account

LONG = 4
"""Pages after which a list is long: a shorter one takes no request more than before."""

Raw = Mapping[str, Any]


def from_both_ends(
    account: Account, path: str, *, page: int, beta: str | None = None, retries: int | None = None
) -> Iterator[Json]:
    """Every object of a collection, oldest first, as `Account.pages` gives them; of a long list that is in the order of
    time, what is created meanwhile may be left out. Raises what that raises."""

    def read(after: str | None) -> tuple[list[Json], bool]:
        query = {"limit": page, "order": "desc", **({"after": after} if after else {})}
        answer = account.get(path, beta=beta, query=query, retries=0)
        with account.door("GET", path, answer):
            return check_page(answer), bool(answer.get("has_more"))

    seen: set[str] = set()
    latest: list[Json] = []
    end: EndReader | None = None
    try:
        for raw in account.pages(path, page=page, beta=beta, retries=retries):
            yield raw
            seen.add(str(raw["id"]))
            latest.append(raw)
            if end is None and len(seen) > LONG * page:
                end = EndReader(read, seen)
            if len(latest) < page:
                continue
            if end is not None and end.part.holds_all_behind(latest):
                end.stop()
                yield from end.part.without(seen)
                return
            latest = []
    finally:
        if end is not None:
            end.stop()


@dataclass(slots=True)
class EndPart:
    """The end of a list, as far back as it was read. It counts only in the order of the objects' times, newest first,
    which some servers do not know."""

    objects: list[Json] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    in_order: bool = True

    def take(self, page: Sequence[Json]) -> None:
        """Take in the page before."""
        self.in_order = self.in_order and _in_order([*reversed(page), *self.objects[-1:]])
        self.objects += page
        self.ids.update(str(each["id"]) for each in page)

    def holds_all_behind(self, latest: Sequence[Json]) -> bool:
        """Whether everything behind these, which were read from the beginning on, is here.

        All of them have to be, and not all of one second: among objects of the same second, the two directions need not
        agree about which comes first.
        """
        if not self.in_order or not _in_order(latest) or latest[0]["created_at"] == latest[-1]["created_at"]:
            return False
        return all(str(each["id"]) in self.ids for each in latest)

    def without(self, seen: Collection[str]) -> Iterator[Json]:
        """What is not among those, oldest first."""
        return (each for each in reversed(self.objects) if str(each["id"]) not in seen)


def _in_order(objects: Sequence[Raw]) -> bool:
    """Whether objects have a time of creation each, and come by that, oldest first."""
    times: list[Any] = [each.get("created_at") for each in objects]
    return all(type(each) is int for each in times) and times == sorted(times)


class EndReader:
    """Reads a list from its end, in a thread of its own, until it comes to what was `seen` from the beginning, is told
    to stop, or has any trouble, which is left to whoever reads from there. `read` gives the page behind an object, and
    whether there is more."""

    def __init__(self, read: Callable[[str | None], tuple[Sequence[Json], bool]], seen: Collection[str]) -> None:
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
            more = more and not all(str(each["id"]) in self._seen for each in page)

    def stop(self) -> None:
        """Ask for nothing more, and wait for what is under way: nobody closes a connection under a request."""
        self._stopped.set()
        self._thread.join()
