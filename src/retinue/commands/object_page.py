"""Where people look at an object: a page of the local account's console, or of OpenAI's dashboard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from retinue import engine
from retinue.commands.show import inventory, owned
from retinue.kinds.kind import Kind
from retinue.model.live import Live
from retinue.model.values import Address
from retinue.session import Where


@dataclass(frozen=True, slots=True)
class Page:
    """`console` is the place within the console, `url` a whole address; neither where no page is known."""

    id: str
    console: str | None = None
    url: str | None = None
    note: str | None = None


def find_page(where: Where, address: Address) -> Page:
    """The page of a live object of this stack. Raises RetinueError where it is not there, AccountError where that
    cannot be known."""
    with engine.open_session(where) as session:
        live = owned(session, inventory(session), address)[0]
        return page_of(live, session.kinds[address.kind], session.project.account)


def page_of(live: Live, kind: Kind, account: Any) -> Page:
    """The page of a live object in an account as the project file writes it."""
    if live.home is not None:
        return Page(live.id)
    if account == "local" or (isinstance(account, Mapping) and "local" in account):
        return Page(live.id, console=_in_console(live, kind))
    if kind.dashboard and (account == "openai" or (isinstance(account, Mapping) and "base_url" not in account)):
        return Page(live.id, url=kind.dashboard, note=f"the page lists all of them: look for {live.id}")
    return Page(live.id)


def _in_console(live: Live, kind: Kind) -> str:
    """The console calls its pages as the API calls the collections; what is within another is on the page of that."""
    collection, within, _ = kind.store.collection("{within}").partition("/{within}")
    shown = live.within if within and live.within else live.id
    return f"#/{quote(collection.rpartition('/')[2])}/{quote(shown, safe='')}"
