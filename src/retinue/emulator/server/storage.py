"""Where the account lives: one SQLite database for every object, and a directory for the bytes of files.

Safe for several processes: WAL, a busy timeout, and every change inside ``BEGIN IMMEDIATE``. Knows nothing of the API
beyond "an object is JSON with an id, in a collection".

    account.sqlite3     objects, the searchable text of indexed files, and work that is still to be done
    blobs/<id>          the bytes of a file or of a part of an upload
"""

from __future__ import annotations

import contextlib
import json
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

LAYOUT = 1
"""The version of the layout, kept in ``PRAGMA user_version``."""

JsonObject: TypeAlias = dict[str, Any]

_SCHEMA = """
CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE objects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    collection TEXT NOT NULL,
    parent TEXT NOT NULL,
    id TEXT NOT NULL,
    facet TEXT NOT NULL,      -- the one member a list of the collection may be filtered by
    hidden TEXT NOT NULL,     -- JSON the account remembers and does not show
    expires_at INTEGER,       -- null when it never will, or already has
    polls INTEGER,            -- reads until its work is done; null when nothing is under way
    unlisted INTEGER NOT NULL,
    unreadable INTEGER NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (collection, parent, id)
);
CREATE INDEX objects_in_order ON objects (collection, parent, seq);
CREATE INDEX objects_by_id ON objects (id);
CREATE INDEX objects_unsettled ON objects (collection, parent)
    WHERE polls IS NOT NULL OR unlisted > 0 OR unreadable > 0;
CREATE INDEX objects_expiring ON objects (expires_at) WHERE expires_at IS NOT NULL;
CREATE TABLE chunks (
    id INTEGER PRIMARY KEY,
    store TEXT NOT NULL,
    file TEXT NOT NULL,
    position INTEGER NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX chunks_of_file ON chunks (store, file, position);
CREATE TRIGGER chunk_added AFTER INSERT ON chunks BEGIN
    INSERT INTO chunk_words (rowid, text) VALUES (new.id, new.text);
END;
CREATE TRIGGER chunk_removed AFTER DELETE ON chunks BEGIN
    INSERT INTO chunk_words (chunk_words, rowid, text) VALUES ('delete', old.id, old.text);
END;
"""

_WORDS = """
CREATE VIRTUAL TABLE chunk_words USING fts5 (
    text, content='chunks', content_rowid='id', tokenize='porter unicode61 remove_diacritics 2'
)
"""
"""Finds English words in all of their forms, and any other word as it is; versions that look for words find them in it
as they do in theirs, which had no ``porter``."""

_JOBS = """
CREATE TABLE IF NOT EXISTS jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    owner TEXT NOT NULL DEFAULT '',  -- the worker that does it; empty when nobody does yet
    attempts INTEGER NOT NULL DEFAULT 0
)
"""
"""Came later than the layout, which is the same: versions that do not know the table pass over it."""

_COLUMNS = "seq, collection, parent, id, facet, expires_at, polls, unlisted, unreadable, hidden, body"


class LayoutError(RuntimeError):
    """The directory was written by a newer version than this one."""


@dataclass(slots=True)
class Stored:
    """One object with what the account remembers about it besides its public body."""

    seq: int
    collection: str
    parent: str
    id: str
    facet: str
    expires_at: int | None
    polls: int | None
    unlisted: int
    unreadable: int
    hidden: JsonObject
    body: JsonObject


@dataclass(frozen=True, slots=True)
class Claimed:
    """A job, and the worker that does it."""

    id: int
    kind: str
    body: JsonObject
    attempts: int
    """How often it was begun, this time included."""
    owner: str


class Storage:
    """An open directory. Used by one thread; other threads and processes open their own."""

    def __init__(self, directory: Path, *, new_id: Callable[[str], str]) -> None:
        self.blobs = directory / "blobs"
        self.blobs.mkdir(parents=True, exist_ok=True)
        database = directory / "account.sqlite3"
        self.db = sqlite3.connect(database, isolation_level=None, timeout=60, check_same_thread=False)
        self.new_jobs: dict[int, str] = {}
        """Those stored since somebody last emptied this, with their kinds."""
        self._after_commit: list[Path] = []
        self._after_rollback: list[Path] = []
        try:
            self._prepare(directory, new_id)
        except BaseException:
            self.db.close()
            raise

    def close(self) -> None:
        self.db.close()

    def _prepare(self, directory: Path, new_id: Callable[[str], str]) -> None:
        _use_write_ahead_log(self.db)
        self.db.execute("PRAGMA synchronous = NORMAL")
        with self.transaction(write=True):
            if _layout_version(self.db, directory) == 0:
                for statement in _statements(_SCHEMA):
                    self.db.execute(statement)
                self.db.execute("INSERT INTO about VALUES ('project', ?)", [new_id("proj_")])
                self.db.execute(f"PRAGMA user_version = {LAYOUT}")
            self._index_words()
            self.db.execute(_JOBS)
        self.project: str = self.db.execute("SELECT value FROM about WHERE key = 'project'").fetchone()[0]

    def _index_words(self) -> None:
        """Make the index of words, anew when an older version made it."""
        made = self.db.execute("SELECT sql FROM sqlite_master WHERE name = 'chunk_words'").fetchone()
        if made is None or "porter" not in made[0]:
            self.db.execute("DROP TABLE IF EXISTS chunk_words")
            self.db.execute(_WORDS)
            self.db.execute("INSERT INTO chunk_words (chunk_words) VALUES ('rebuild')")

    @contextlib.contextmanager
    def transaction(self, *, write: bool) -> Iterator[None]:
        """All or nothing; bytes on disk follow the database."""
        self.db.execute("BEGIN IMMEDIATE" if write else "BEGIN")
        try:
            yield
            self.db.execute("COMMIT")
        except BaseException:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
            self._clear(self._after_rollback)
            raise
        self._clear(self._after_commit)

    def _clear(self, unwanted: list[Path]) -> None:
        for path in unwanted:
            path.unlink(missing_ok=True)
        self._after_commit, self._after_rollback = [], []

    # Objects

    def insert(
        self,
        collection: str,
        body: JsonObject,
        *,
        parent: str = "",
        facet: str = "",
        hidden: JsonObject | None = None,
        expires_at: int | None = None,
        polls: int | None = None,
        unlisted: int = 0,
        unreadable: int = 0,
    ) -> None:
        shown = [_dump(hidden or {}), _dump(body)]
        values = [collection, parent, body["id"], facet, expires_at, polls, unlisted, unreadable, *shown]
        self.db.execute(f"INSERT INTO objects ({_COLUMNS}) VALUES (NULL, {', '.join('?' * 10)})", values)  # noqa: S608

    def find(self, collection: str, object_id: str, *, parent: str = "") -> Stored | None:
        return next(self._select("collection = ? AND parent = ? AND id = ?", [collection, parent, object_id]), None)

    def select(self, collection: str, **equal: str) -> list[Stored]:
        """Objects of a collection whose columns have these values, in the order they were created."""
        where = "".join(f" AND {column} = ?" for column in equal)
        return list(self._select(f"collection = ?{where} ORDER BY seq", [collection, *equal.values()]))

    def under_way(self, collection: str, **equal: str) -> list[Stored]:
        """Objects of a collection that still have work to do."""
        where = "".join(f" AND {column} = ?" for column in equal)
        return list(
            self._select(f"collection = ?{where} AND polls IS NOT NULL ORDER BY seq", [collection, *equal.values()])
        )

    def expiring(self, now: int) -> list[Stored]:
        return list(self._select("expires_at <= ? ORDER BY seq", [now]))

    def _select(self, where: str, values: list[Any]) -> Iterator[Stored]:
        rows = self.db.execute(f"SELECT {_COLUMNS} FROM objects WHERE {where}", values)  # noqa: S608
        for *columns, hidden, body in rows.fetchall():
            known: list[Any] = [*columns, json.loads(hidden), json.loads(body)]
            yield Stored(*known)

    def save(self, stored: Stored) -> None:
        self.db.execute(
            "UPDATE objects SET facet = ?, expires_at = ?, polls = ?, unlisted = ?, unreadable = ?,"
            " hidden = ?, body = ? WHERE seq = ?",
            [
                stored.facet,
                stored.expires_at,
                stored.polls,
                stored.unlisted,
                stored.unreadable,
                _dump(stored.hidden),
                _dump(stored.body),
                stored.seq,
            ],
        )

    def remove(self, stored: Stored) -> None:
        self.db.execute("DELETE FROM objects WHERE seq = ?", [stored.seq])

    def is_unsettled(self, now: int) -> bool:
        """Whether a mere read may have to write: something expired, is under way, or waits to be shown."""
        found = self.db.execute(
            "SELECT EXISTS (SELECT 1 FROM objects WHERE polls IS NOT NULL OR unlisted > 0 OR unreadable > 0)"
            " OR EXISTS (SELECT 1 FROM objects WHERE expires_at <= ?)",
            [now],
        ).fetchone()[0]
        return bool(found)

    # Jobs

    def add_job(self, kind: str, body: JsonObject) -> None:
        made = self.db.execute("INSERT INTO jobs (kind, body) VALUES (?, ?) RETURNING id", [kind, _dump(body)])
        self.new_jobs[made.fetchone()[0]] = kind

    def are_done(self, jobs: Iterable[int]) -> bool:
        """Whether none of these jobs is there any more."""
        listed = json.dumps(list(jobs))
        found = self.db.execute("SELECT 1 FROM jobs WHERE id IN (SELECT value FROM json_each(?)) LIMIT 1", [listed])
        return found.fetchone() is None

    def has_job(self, kinds: Iterable[str]) -> bool:
        """Whether one of these kinds waits for somebody to do it."""
        return self._free_job(kinds) is not None

    def claim_job(self, owner: str, kinds: Iterable[str]) -> Claimed | None:
        """The oldest job of these kinds that nobody does; from now on the owner does it."""
        if self._free_job(kinds) is None:
            return None
        with self.transaction(write=True):
            found = self._free_job(kinds)
            if found is None:
                return None
            job_id, kind, body, attempts = found
            self.db.execute("UPDATE jobs SET owner = ?, attempts = attempts + 1 WHERE id = ?", [owner, job_id])
        return Claimed(job_id, kind, json.loads(body), attempts + 1, owner)

    def _free_job(self, kinds: Iterable[str]) -> tuple[int, str, str, int] | None:
        found: tuple[int, str, str, int] | None = self.db.execute(
            "SELECT id, kind, body, attempts FROM jobs"
            " WHERE owner = '' AND kind IN (SELECT value FROM json_each(?)) ORDER BY id LIMIT 1",
            [json.dumps(list(kinds))],
        ).fetchone()
        return found

    def owns_job(self, job: Claimed) -> bool:
        """Whether nobody else has taken it over."""
        found = self.db.execute("SELECT 1 FROM jobs WHERE id = ? AND owner = ?", [job.id, job.owner])
        return found.fetchone() is not None

    def return_job(self, job: Claimed) -> None:
        """Leave it to whoever comes next, as if it had not been begun."""
        self.db.execute(
            "UPDATE jobs SET owner = '', attempts = attempts - 1 WHERE id = ? AND owner = ?", [job.id, job.owner]
        )

    def remove_job(self, job: Claimed) -> None:
        self.db.execute("DELETE FROM jobs WHERE id = ?", [job.id])

    def job_owners(self) -> list[str]:
        """Of all jobs there are; that of a job that nobody does is empty."""
        return [owner for (owner,) in self.db.execute("SELECT DISTINCT owner FROM jobs")]

    def free_jobs(self, owner: str) -> None:
        """Nobody does the jobs of this owner any more."""
        self.db.execute("UPDATE jobs SET owner = '' WHERE owner = ?", [owner])

    # Bytes

    def blob(self, object_id: str) -> Path:
        return self.blobs / object_id

    def scratch(self) -> Path:
        """A new path for bytes that do not belong to an object yet."""
        return self.blobs / f"incoming-{secrets.token_hex(8)}"

    def keep_blob(self, scratch: Path, object_id: str) -> None:
        self._after_rollback.append(self.blob(object_id))
        scratch.replace(self.blob(object_id))

    def drop_blob(self, object_id: str) -> None:
        self._after_commit.append(self.blob(object_id))


def check_layout(directory: Path) -> None:
    """Raise LayoutError when a newer version wrote the directory. Creates nothing."""
    database = directory / "account.sqlite3"
    if database.exists():
        with contextlib.closing(sqlite3.connect(database, timeout=60)) as db:
            _layout_version(db, directory)


def _layout_version(db: sqlite3.Connection, directory: Path) -> int:
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    if version > LAYOUT:
        raise LayoutError(
            f"the local account in '{directory}' has layout {version}, this version of retinue knows up to {LAYOUT}: "
            "upgrade retinue, or use another directory"
        )
    return version


def _dump(body: JsonObject) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def _use_write_ahead_log(db: sqlite3.Connection) -> None:
    # Two processes that both create the database may meet here, and SQLite does not wait for this one statement.
    for attempt in range(200):
        try:
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if attempt == 199:
                raise
            time.sleep(0.02)
        else:
            return


def _statements(script: str) -> Iterator[str]:
    # executescript() would commit the transaction that makes the creation of the layout atomic.
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
