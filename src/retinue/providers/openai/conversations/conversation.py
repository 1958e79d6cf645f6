"""What a conversation is, whichever API it goes through."""

from __future__ import annotations

import mimetypes
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from retinue.errors import AccountError, RetinueError, reason_of
from retinue.model.talk import TalkEvent
from retinue.providers.openai.answers import Json
from retinue.providers.openai.client import Account


@dataclass(frozen=True, slots=True)
class Asked:
    """Who is asked. `applied` is what an application gets of the object: its id, or the arguments of a call; None where
    it is not applied. `path` is the collection that it stands in, if in any. `draft` is what the files say
    instead, in the same shape as an application would send it."""

    title: str
    applied: Any = None
    draft: Json | None = None
    path: str = ""


class Conversation(Protocol):
    """Questions and answers that know of each other. It makes what it needs with the first question."""

    @property
    def account(self) -> Account: ...

    @property
    def id(self) -> str | None:
        """What the account calls it, once there is anything; None also where it keeps none."""

    def ask(self, text: str, files: tuple[str, ...] = ()) -> Generator[TalkEvent, None, None]:
        """Say something, with files by their ids, and follow the answer: to its end, or to functions that wait."""

    def give(self, outputs: Mapping[str, str]) -> Generator[TalkEvent, None, None]:
        """What functions came to, by the ids of their calls; and follow on."""

    def attach(self, path: Path) -> str:
        """Upload a file for the next question; gives its id. It is removed with the conversation."""

    def cancel(self) -> None:
        """Stop the answer that is under way, if there is one."""

    def resume(self, talk_id: str) -> None:
        """Go on with one that the account has. Raises AccountError when it has none of that id."""

    def end(self, *, keep: bool) -> None:
        """Remove what was made for it; one that was there before, or is to be kept, stays."""


@dataclass(slots=True)
class Uploads:
    """The files that were uploaded for a conversation."""

    account: Account
    ids: list[str] = field(default_factory=list)
    images: set[str] = field(default_factory=set)

    def add(self, path: Path, *, purpose: str, image_purpose: str) -> str:
        """Raises RetinueError for a file that cannot be read or is empty."""
        kind, _ = mimetypes.guess_type(path.name)
        is_image = kind in ("image/png", "image/jpeg", "image/gif", "image/webp")
        try:
            content = path.read_bytes()
        except OSError as error:
            hint = "name a file of this machine"
            raise RetinueError(f"the file '{path}' cannot be read: {reason_of(error)}", hint=hint) from error
        if not content:
            raise RetinueError(f"the file '{path}' is empty, which the API refuses")
        file_id = str(self.account.upload(path.name, content, image_purpose if is_image else purpose)["id"])
        self.ids.append(file_id)
        if is_image:
            self.images.add(file_id)
        return file_id

    def remove(self) -> None:
        while self.ids:
            self.account.delete(f"/files/{self.ids.pop()}")


def file_name(account: Account, file_id: str) -> str:
    """What the account calls a file; its id where it has none."""
    try:
        found = account.find(f"/files/{file_id}")
    except AccountError:
        return file_id
    return str((found or {}).get("filename") or file_id)


PATIENCE, PAUSE = 50, 0.2
"""How often an answer that is stopped is looked at, and how many seconds apart."""
NOT_SERVED = frozenset({404, 405, 410, 501})
"""What a server answers for a collection that it does not have."""
