"""The files of an object as they were listed, and a second look at some of them that does not list them all again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from retinue.errors import AccountError
from retinue.model.live import LiveFile
from retinue.providers.openai.answers import check_page
from retinue.providers.openai.client import Account
from retinue.providers.thread_pool import threads

SIDE_BY_SIDE = 8
UNKNOWN_CURSOR = frozenset({400, 404})
"""How an account says that what a page is to come after is gone."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The files in the account's order, oldest first, and how many the object itself counted then; None where it does
    not tell. The count says nothing about what is there, which it gets wrong when a file is deleted without being
    detached [V §10.4]; where it is another one later, somebody was there."""

    total: int | None
    files: tuple[LiveFile, ...]

    def windows(self, ids: Collection[str], page: int) -> list[tuple[str | None, frozenset[str]]]:
        """The fewest stretches of the list, of a page at most, that have all of these: the id that each comes after,
        and which it has."""
        found: list[tuple[str | None, frozenset[str]]] = []
        left = [at for at, each in enumerate(self.files) if each.id in ids]
        while left:
            start = left[0]
            inside = [at for at in left if at < start + page]
            before = self.files[start - 1].id if start else None
            found.append((before, frozenset(self.files[at].id for at in inside)))
            left = left[len(inside) :]
        return found


def read_again(
    account: Account,
    path: str,
    listing: Listing,
    ids: Collection[str],
    *,
    page: int,
    beta: str | None,
    read: Callable[[Mapping[str, Any]], LiveFile],
) -> dict[str, LiveFile]:
    """These listed files as they are now, those that are gone left out: one by one, or by the page where several stand
    on one. What a page lacks, since the list moved or lags, is asked for by itself."""

    def page_after(before: str | None, wanted: Collection[str]) -> dict[str, LiveFile]:
        query = {"limit": page, "order": "asc", **({"after": before} if before else {})}
        try:
            answer = account.get(path, beta=beta, query=query)
        except AccountError as error:
            if error.status not in UNKNOWN_CURSOR:
                raise
            return {}
        with account.door("GET", path, answer):
            return {str(raw["id"]): read(raw) for raw in check_page(answer) if raw["id"] in wanted}

    def look(window: tuple[str | None, frozenset[str]]) -> list[LiveFile]:
        before, wanted = window
        found: dict[str, LiveFile] = {}
        if len(wanted) > 1:
            found = page_after(before, wanted)
        for file_id in sorted(wanted - found.keys()):
            raw = account.find(f"{path}/{file_id}", beta=beta)
            if raw is not None:
                found[file_id] = read(raw)
        return list(found.values())

    windows = listing.windows(ids, page)
    if not windows:
        return {}
    with threads(min(SIDE_BY_SIDE, len(windows)), "look") as pool:
        return {each.id: each for several in pool.map(look, windows) for each in several}


def counted(raw: Mapping[str, Any]) -> int | None:
    """How many files an object or a batch has, as its counts tell; None where they do not."""
    counts = raw.get("file_counts")
    total = counts.get("total") if isinstance(counts, Mapping) else None
    return total if isinstance(total, int) else None
