"""Large files → the account in parts, several of them under way at once.

An upload that nobody completes is no file: it cannot be listed, and the account lets it expire an hour after it was
begun, with its parts (SPEC Uploads). So what a killed apply leaves of one goes by itself, and the next begins anew.
"""

from __future__ import annotations

import mimetypes
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from retinue.errors import AccountError, StaleError
from retinue.model.canonical import suffix
from retinue.providers.openai.answers import AnswerError, Json, check_object
from retinue.providers.openai.client import Account, unreadable
from retinue.providers.openai.file_source import FileSource, Part
from retinue.providers.thread_pool import threads

AS_A_WHOLE = frozenset({"user_data", "evals"})
"""The purposes of files that SPEC CreateUploadRequest.purpose has not."""
AT_ONCE = 4
"""Parts of one file that are under way at once, as far as the parallelism of all requests allows."""
UNKNOWN = frozenset({404, 405, 410, 501})
"""How an account says that it does not know uploads."""
REFUSALS = frozenset({400, 413, 415, 422})
"""How it says that it does not take this one: whether it takes the file as a whole, it then says itself."""

_MIME_TYPES = {
    ".c": "text/x-c",
    ".cpp": "text/x-c++",
    ".cs": "text/x-csharp",
    ".css": "text/css",
    ".doc": "application/msword",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".go": "text/x-golang",
    ".html": "text/html",
    ".java": "text/x-java",
    ".js": "text/javascript",
    ".json": "application/json",
    ".md": "text/markdown",
    ".pdf": "application/pdf",
    ".php": "text/x-php",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".py": "text/x-python",
    ".rb": "text/x-ruby",
    ".sh": "application/x-sh",
    ".tex": "text/x-tex",
    ".ts": "application/typescript",
    ".txt": "text/plain",
}
"""DOC guides to file search, supported files: only these types are taken, under these names."""
_OTHERS = mimetypes.MimeTypes(())
"""The library's own table, without what the machine adds to it."""


@dataclass(frozen=True, slots=True)
class Sent:
    """An upload whose parts have all arrived."""

    account: Account
    id: str
    part_ids: tuple[str, ...]
    md5: str

    def complete(self) -> Json:
        """Make the file. Raises AmbiguousError like `Account.create`; done again, it is the same file, or refused."""
        path = f"/uploads/{self.id}/complete"
        answer = self.account.create(path, {"part_ids": list(self.part_ids), "md5": self.md5})
        try:
            with self.account.door("POST", path, answer, expected="an upload with the file that was made of it"):
                return check_object(answer.get("file"))
        except AnswerError as error:
            raise unreadable(error) from error


def send_parts(account: Account, root: Path, source: FileSource, purpose: str) -> Sent | None:
    """Send a file in parts, if it is so large and the account takes it so; None where it is to be sent as a whole.

    Raises StaleError when the file changed after the plan was made.
    """
    file, most = source.file, account.part_size
    if most is None or file.size < most or purpose in AS_A_WHOLE:
        return None
    parts, md5 = source.parts(most)
    name = PurePosixPath(file.path).name
    body = {"filename": name, "purpose": purpose, "bytes": file.size, "mime_type": mime_type(file.path)}
    try:
        # Done twice, one of the two expires by itself.
        begun = account.update("/uploads", body)
    except AccountError as error:
        if error.status in UNKNOWN:
            account.part_size = None
        elif error.status not in REFUSALS:
            raise
        return None
    with account.door("POST", "/uploads", begun):
        path = f"/uploads/{check_object(begun)['id']}"

    def send(part: Part) -> str:
        account.before_creation()
        with FileSource(root, file, part) as content:
            try:
                return str(account.add_part(f"{path}/parts", content)["id"])
            except (AccountError, StaleError) as error:
                if content.problem is not None:
                    raise content.problem from error
                raise

    try:
        with threads(min(AT_ONCE, len(parts)), "part") as pool:
            ids = tuple(pool.map(send, parts))
    except (AccountError, StaleError):
        with suppress(AccountError):  # it would go by itself
            account.update(f"{path}/cancel")
        raise
    return Sent(account, path.rpartition("/")[2], ids, md5)


def mime_type(path: str) -> str:
    """What an account is told that a file is."""
    return _MIME_TYPES.get(suffix(path)) or _OTHERS.guess_type(path)[0] or "application/octet-stream"
