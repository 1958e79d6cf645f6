"""Files that this project uploaded and that nothing references any more: listed, and deleted where that is certain."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from retinue.errors import AccountError
from retinue.providers.bundle.lock_file import lock_name
from retinue.session import Session
from retinue.state.process_lock import others_kept_out

if TYPE_CHECKING:
    from retinue.providers.openai.orphans import Orphan


@dataclass(frozen=True, slots=True)
class Collected:
    """What was found, and what became of it: `deleted` are ids, `failures` say of others why they are still there.

    `now` is the account's time in Unix seconds, `applying` who is applying the stack.
    """

    orphans: tuple[Orphan, ...]
    now: float
    applying: str | None = None
    deleted: frozenset[str] = frozenset()
    failures: Mapping[str, str] = field(default_factory=dict)


def collect(session: Session, *, delete: bool = False) -> Collected:
    """Find the files, and with `delete` delete those that are the stack's for certain.

    Raises AccountError when the account cannot be read, and LeaseError when files are to be deleted while somebody is
    applying the stack: what an apply has just uploaded is attached to nothing yet.
    """
    # The journal has to be of applies that are over.
    with others_kept_out(session.cache.directory, insist=delete) as busy:
        session.look(needed={})
        holder = session.lock.holder()
        if holder is not None and delete:
            raise session.lock.taken(holder)
        orphans = tuple(_orphans(session))
        deleted, failures = _deleted(session, orphans) if delete else (set(), {})
    applying = holder.owner if holder else "another process on this machine" if busy else None
    return Collected(orphans, session.account.server_time(), applying, frozenset(deleted), failures)


def _orphans(session: Session) -> list[Orphan]:
    from retinue.providers.openai.openai_provider import OpenAIProvider

    account = session.providers[None]
    assert isinstance(account, OpenAIProvider)  # noqa: S101 - the home of the project's own account
    found, rendered = (
        account.unused(session.reading.declared, session.live, session.lock.cut_off()),
        _lock_files(session),
    )
    return [each for each in found if each.id not in rendered]


def _lock_files(session: Session) -> str:
    """Every lock file of the project: in one of another environment, too, a file may be named that nothing holds."""
    root, texts = session.project.root, []
    for path in (root / lock_name(None), *root.glob(lock_name("*"))):
        with suppress(OSError):
            texts.append(path.read_text(encoding="utf-8", errors="replace"))
    return "\n".join(texts)


def _deleted(session: Session, orphans: tuple[Orphan, ...]) -> tuple[set[str], dict[str, str]]:
    deleted: set[str] = set()
    failures: dict[str, str] = {}
    for each in orphans:
        if each.certainty != "ours":
            continue
        if each.entry is not None:  # known by its name until now: should this end here, by its id
            session.journal.uploaded(each.entry, each.id)
        try:
            session.account.delete(f"/files/{each.id}")
        except AccountError as error:
            failures[each.id] = error.message
            continue
        deleted.add(each.id)
        session.journal.close_file(each.id)
        session.cache.files.lost.pop(each.id, None)
    session.cache.save()
    return deleted, failures


def to_document(found: Collected) -> dict[str, Any]:
    """The same as JSON data. `age_seconds` is by the account's clock; `deleted` is whether it is gone now."""
    rows = [
        {
            **{name: value for name, value in asdict(each).items() if name != "entry"},
            "age_seconds": max(0, int(found.now - each.created)),
            "deleted": each.id in found.deleted,
            "failure": found.failures.get(each.id),
        }
        for each in found.orphans
    ]
    return {"files": rows, "applying": found.applying}
