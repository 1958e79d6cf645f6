"""Where the account lives: one SQLite database for every object, and a directory for the bytes of files.

Safe for several processes: WAL, a busy timeout, and every change inside ``BEGIN IMMEDIATE``. Knows nothing of the API
beyond "an object is JSON with an id, in a collection".

    account.sqlite3     objects, the searchable text of indexed files, and work that is still to be done
    blobs/<id>          the bytes of a file or of a part of an upload
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

DATABASE = "account.sqlite3"
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

_VECTORS = """
CREATE TABLE IF NOT EXISTS vectors (
    chunk INTEGER PRIMARY KEY,
    model TEXT NOT NULL,  -- whose vectors have nothing in common with those of another one
    vector BLOB NOT NULL  -- 32-bit numbers of this machine, of length 1
)
"""
_VECTOR_GOES = """
CREATE TRIGGER IF NOT EXISTS vector_removed AFTER DELETE ON chunks BEGIN
    DELETE FROM vectors WHERE chunk = old.id;
END
"""

_BY_OWNER = "CREATE INDEX IF NOT EXISTS jobs_by_owner ON jobs (owner)"
_BY_KIND = "CREATE INDEX IF NOT EXISTS jobs_by_kind ON jobs (kind, owner, id)"

_BY_FACET = "CREATE INDEX IF NOT EXISTS objects_by_facet ON objects (collection, facet, parent, seq)"
"""Came later, too: for lists of the few that are still in progress, or have failed, among very many. The facet stands
before the parent, else SQLite would take this index for the unsettled ones."""

_COLUMNS = "seq, collection, parent, id, facet, expires_at, polls, unlisted, unreadable, hidden, body"


class LayoutError(RuntimeError):
    """The directory was written by a newer version than this one."""


class StorageError(OSError):
    """The machine does not let the directory be used, or what is in it is damaged. `hint` says what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


_NOT_WRITTEN = ("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_FULL", "SQLITE_IOERR")


def storage_error(directory: Path, error: Exception) -> StorageError | None:
    """What a failure says of the directory, if it is one of the file system or of the database, and not ours."""
    if isinstance(error, StorageError):
        return error
    if isinstance(error, OSError):
        reason = (error.strerror or str(error)).lower()
        path = f" ('{os.fsdecode(error.filename)}')" if isinstance(error.filename, str | bytes) else ""
        hint = "let the directory be written, and see that the disk is not full"
        if isinstance(error, NotADirectoryError | FileExistsError):
            asked = Path(os.fsdecode(error.filename)) if path else directory
            where = next((each for each in (asked, *asked.parents) if each.is_file()), None)
            hint = "a file stands where a directory has to be: rename " + (f"'{where}'" if where else "it")
            path = "" if where else path
        return StorageError(f"the local account in '{directory}' cannot be used: {reason}{path}", hint)
    code = str(getattr(error, "sqlite_errorname", ""))
    if code.startswith(_NOT_WRITTEN):
        hint = "let its files be read and written, and see that the disk is not full"
        return StorageError(f"the local account in '{directory}' cannot be used: {error}", hint)
    damaged = isinstance(error, sqlite3.DatabaseError) and not isinstance(
        error, sqlite3.IntegrityError | sqlite3.ProgrammingError
    )
    if damaged or isinstance(error, json.JSONDecodeError):
        anew = f"it can be made anew: delete '{directory}', and the next apply creates what is declared"
        return StorageError(f"the local account in '{directory}' is damaged: {error}", anew)
    return None


def is_unwritable(error: Exception) -> bool:
    """Whether what is there may still be read."""
    if isinstance(error, OSError):
        return error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return (getattr(error, "sqlite_errorname", "") or "").startswith(_NOT_WRITTEN)


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
    """An open directory. Used by one thread; other threads and processes open their own.

    What cannot be written is read into memory: `unwritable` says why, and what is written there is forgotten. Raises
    StorageError where not even that can be done.
    """

    def __init__(
        self,
        directory: Path,
        *,
        new_id: Callable[[str], str],
        refused: Exception | None = None,
        turn: threading.Lock | None = None,
    ) -> None:
        """`refused` is why nothing can be written, where that is known. Threads that share a `turn` write one after the
        other: SQLite would let those who wait sleep, for longer than anybody writes."""
        self.directory = directory
        self.blobs = directory / "blobs"
        self.unwritable: StorageError | None = None
        self.new_jobs: dict[int, str] = {}
        """Those stored since somebody last emptied this, with their kinds."""
        self._turn = turn or threading.Lock()
        self._told: list[Callable[[], None]] = []
        self.news: list[tuple[str, bytes | None]] = []
        """What the transaction under way tells those who follow, each piece with its channel; None ends one."""
        self._after_commit: list[Path] = []
        self._after_rollback: list[Path] = []
        try:
            try:
                if refused is not None:
                    raise refused
                self.blobs.mkdir(parents=True, exist_ok=True)
                self.db = self._opened(_connect(directory / DATABASE), new_id)
            except (OSError, sqlite3.Error) as error:
                if not is_unwritable(error):
                    raise
                self.unwritable = storage_error(directory, error)
                self.db = self._opened(_copy(directory / DATABASE), new_id)
        except (OSError, sqlite3.Error) as error:
            raise storage_error(directory, error) or error from error

    def close(self) -> None:
        self.db.close()

    def _opened(self, db: sqlite3.Connection, new_id: Callable[[str], str]) -> sqlite3.Connection:
        self.db = db
        try:
            self._prepare(self.directory, new_id)
        except BaseException:
            db.close()
            raise
        return db

    def _prepare(self, directory: Path, new_id: Callable[[str], str]) -> None:
        if self.unwritable is None:
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
            self.db.execute(_VECTORS)
            self.db.execute(_VECTOR_GOES)
            self.db.execute(_BY_OWNER)
            self.db.execute(_BY_KIND)
            self.db.execute(_BY_FACET)
        row = self.db.execute("SELECT value FROM about WHERE key = 'project'").fetchone()
        if row is None:
            raise sqlite3.DatabaseError("it does not say which project it is")
        self.project: str = row[0]

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
        with self._turn if write else contextlib.nullcontext():
            self.db.execute("BEGIN IMMEDIATE" if write else "BEGIN")
            try:
                yield
                self.db.execute("COMMIT")
            except BaseException:
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")
                self._told.clear()
                self.news = []
                self._clear(self._after_rollback)
                raise
            self._clear(self._after_commit)
        told, self._told, self.news = self._told, [], []
        for each in told:
            each()

    def after_commit(self, tell: Callable[[], None]) -> None:
        """Call this once the transaction is over, unless nothing comes of it."""
        self._told.append(tell)

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

    def under_way(self, collection: str, *, most: int, **equal: str) -> list[Stored]:
        """Objects of a collection that still have work to do, `most` of them at most."""
        where = "".join(f" AND {column} = ?" for column in equal)
        chosen = f"SELECT seq FROM objects WHERE collection = ?{where} AND polls IS NOT NULL LIMIT ?"  # noqa: S608
        return list(self._select(f"seq IN ({chosen}) ORDER BY seq", [collection, *equal.values(), most]))

    def facets(self, collection: str, parent: str, ids: Sequence[str]) -> dict[str, int]:
        """How many objects with these ids have each facet."""
        rows = self.db.execute(
            "SELECT facet, count(*) FROM objects WHERE collection = ? AND parent = ?"
            " AND id IN (SELECT value FROM json_each(?)) GROUP BY +facet",
            [collection, parent, json.dumps(list(ids))],
        )
        return dict(rows)

    def expiring(self, now: int) -> list[Stored]:
        # +seq: SQLite would rather read all objects in their order than look into the index and sort the few it finds.
        return list(self._select("expires_at <= ? ORDER BY +seq", [now]))

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

    def remove_all(self, collection: str, parent: str) -> None:
        """Remove all objects of a collection that belong to one object."""
        self.db.execute("DELETE FROM objects WHERE collection = ? AND parent = ?", [collection, parent])

    def is_unsettled(self, now: int) -> bool:
        """Whether a mere read may have to write: something expired, is under way, or waits to be shown."""
        found = self.db.execute(
            "SELECT EXISTS (SELECT 1 FROM objects WHERE polls IS NOT NULL OR unlisted > 0 OR unreadable > 0)"
            " OR EXISTS (SELECT 1 FROM objects WHERE expires_at <= ?)",
            [now],
        ).fetchone()[0]
        return bool(found)

    # Jobs

    def add_job(self, kind: str, body: JsonObject, *, owner: str = "") -> None:
        """A job with an owner that has not begun it is kept for that one, as long as it lives."""
        made = self.db.execute(
            "INSERT INTO jobs (kind, body, owner) VALUES (?, ?, ?) RETURNING id", [kind, _dump(body), owner]
        )
        self.new_jobs[made.fetchone()[0]] = kind

    def has_job(self, kind: str, body: JsonObject) -> bool:
        """Whether this is asked for already, and not done yet."""
        found = self.db.execute("SELECT 1 FROM jobs WHERE kind = ? AND body = ? LIMIT 1", [kind, _dump(body)])
        return found.fetchone() is not None

    def are_done(self, jobs: Iterable[int]) -> bool:
        """Whether none of these jobs is there any more."""
        listed = json.dumps(list(jobs))
        found = self.db.execute("SELECT 1 FROM jobs WHERE id IN (SELECT value FROM json_each(?)) LIMIT 1", [listed])
        return found.fetchone() is None

    def waiting_kinds(self, owner: str, kinds: Iterable[str]) -> list[str]:
        """Those of the kinds of which a job waits for this owner, or for anybody, to do it."""
        return [kind for kind in kinds if self._waiting_job(owner, kind) is not None]

    def claim_job(self, owner: str, kind: str) -> Claimed | None:
        """The oldest job of this kind that waits for this owner or for anybody; from now on the owner does it."""
        if self._waiting_job(owner, kind) is None:
            return None
        with self.transaction(write=True):
            found = self._waiting_job(owner, kind)
            if found is None:
                return None
            job_id, body, attempts = found
            self.db.execute("UPDATE jobs SET owner = ?, attempts = attempts + 1 WHERE id = ?", [owner, job_id])
        return Claimed(job_id, kind, json.loads(body), attempts + 1, owner)

    def _waiting_job(self, owner: str, kind: str) -> tuple[int, str, int] | None:
        found: tuple[int, str, int] | None = None
        # One after the other, each by its index: there may be very many of another kind.
        for whose in (owner, ""):
            found = (
                found
                or self.db.execute(
                    "SELECT id, body, attempts FROM jobs WHERE kind = ? AND owner = ? AND (owner = '' OR attempts = 0)"
                    " ORDER BY id LIMIT 1",
                    [kind, whose],
                ).fetchone()
            )
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
        # Apart, since of those that nobody does there may be very many.
        found = self.db.execute(
            "SELECT '' WHERE EXISTS (SELECT 1 FROM jobs WHERE owner = '')"
            " UNION ALL SELECT DISTINCT owner FROM jobs WHERE owner > ''"
        )
        return [owner for (owner,) in found]

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
    """Raise LayoutError when a newer version wrote the directory, StorageError when it cannot be read.

    Creates nothing.
    """
    database = directory / DATABASE
    try:
        if database.exists():
            with contextlib.closing(_copy_or_same(database)) as db:
                _layout_version(db, directory)
    except (OSError, sqlite3.Error) as error:
        raise storage_error(directory, error) or error from error


def _connect(database: Path) -> sqlite3.Connection:
    return sqlite3.connect(database, isolation_level=None, timeout=60, check_same_thread=False)


def _copy_or_same(database: Path) -> sqlite3.Connection:
    """The database as it can be read."""
    db = sqlite3.connect(database, timeout=60)
    try:
        db.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error as error:
        db.close()
        if not is_unwritable(error):
            raise
        return _copy(database)
    return db


def _copy(database: Path) -> sqlite3.Connection:
    """The database, in memory; an empty one where there is none yet.

    SQLite writes beside a database with a write-ahead log even to read it, unless it is told that nobody else does.
    That is so where nobody can; what the log holds would be passed over.
    """
    made = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    try:
        if not database.exists():
            return made
        with database.open("rb"):  # says why, where SQLite does not
            pass
        log = database.with_name(f"{database.name}-wal")
        alone = "" if log.exists() and log.stat().st_size else "&immutable=1"
        source = f"{database.resolve().as_uri()}?mode=ro{alone}"
        with contextlib.closing(sqlite3.connect(source, uri=True, timeout=60)) as db:
            db.backup(made)
    except BaseException:
        made.close()
        raise
    return made


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
        except sqlite3.OperationalError as error:
            if attempt == 199 or not error.sqlite_errorname.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
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
