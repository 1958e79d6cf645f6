"""The files of a skill: from a request or a zip to one bundle, and what its SKILL.md says of it.

Limits and rules are those of the skills guide: one top-level folder, one SKILL.md in any spelling of its case, a zip of
at most 50 MB, 500 files of at most 25 MB. The name is held to the Agent Skills specification, on which the guide
relies, but for the folder, which was recorded to differ from it.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from retinue.emulator.server.api_errors import ApiError, invalid, missing_parameter
from retinue.emulator.server.service import SentFile

MAX_BUNDLE = 50 * 1024 * 1024
MAX_FILE = 25 * 1024 * 1024
MAX_FILES = 500

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_MEMBER = re.compile(r"([A-Za-z_][\w-]*):(?:\s+(.*))?$")
_START = (1980, 1, 1, 0, 0, 0)
"""The first moment a zip can name: the same files make the same bytes."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A skill ready to be kept."""

    name: str
    description: str
    content: bytes


def read_bundle(sent: Sequence[SentFile]) -> Bundle:
    """The bundle of a request: several ``files[]``, or one zip as ``files``, whose bytes are kept as they came."""
    given = [each for each in sent if each.name in ("files", "files[]")]
    if not given:
        raise missing_parameter("files")
    if len(given) == 1 and zipfile.is_zipfile(given[0].path):
        _check_size(given[0].size)
        return read_zip(given[0].path.read_bytes())
    if len(given) > MAX_FILES:
        raise _too_many(len(given))
    for each in given:
        _check_file(each.filename, each.size)
    files = {each.filename: each.path.read_bytes() for each in given}
    manifest = _find_manifest([each.filename for each in given])
    content = _zip(files)
    _check_size(len(content))
    return _described(files[manifest], content)


def read_zip(content: bytes) -> Bundle:
    """The bundle that a zip is. Nothing but SKILL.md is unpacked, and that only when it is not too large."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [each for each in archive.infolist() if not each.is_dir()]
            if len(members) > MAX_FILES:
                raise _too_many(len(members))
            for each in members:
                _check_file(each.filename, each.file_size)
            return _described(archive.read(_find_manifest([each.filename for each in members])), content)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError):
        raise invalid("Invalid 'files': the zip file cannot be read.", "files") from None


def _find_manifest(paths: list[str]) -> str:
    """Where SKILL.md is, in a bundle whose paths can all be used."""
    if len(set(paths)) != len(paths):
        raise invalid("Invalid 'files': two files have the same path.", "files")
    _check_paths(paths)
    manifests = [path for path in paths if path.rpartition("/")[2].lower() == "skill.md"]
    if len(manifests) != 1:
        raise invalid(f"Invalid 'files': expected exactly one SKILL.md, but got {len(manifests)}.", "files")
    return manifests[0]


def _described(manifest: bytes, content: bytes) -> Bundle:
    try:
        head = read_front_matter(manifest.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise invalid("Invalid 'files': SKILL.md is not UTF-8.", "files") from None
    name, description = head.get("name", ""), head.get("description", "")
    if not _NAME.fullmatch(name) or len(name) > 64:
        message = "the name in SKILL.md must be 1 to 64 lowercase letters, digits and single hyphens"
        raise invalid(f"Invalid 'files': {message}.", "files")
    if not 1 <= len(description) <= 1024:
        raise invalid("Invalid 'files': the description in SKILL.md must have 1 to 1024 characters.", "files")
    return Bundle(name, description, content)


def _check_paths(paths: list[str]) -> None:
    tops = set()
    for path in paths:
        parts = path.split("/")
        if "\\" in path or len(parts) < 2 or any(part in ("", ".", "..") for part in parts):
            raise invalid(f"Invalid 'files': '{path}' is not a path inside a top-level folder.", "files")
        tops.add(parts[0])
    if len(tops) > 1:
        raise invalid(f"Invalid 'files': expected one top-level folder, but got {len(tops)}.", "files")


def _check_size(size: int) -> None:
    if size > MAX_BUNDLE:
        raise ApiError(413, f"The skill is too large: the maximum is {MAX_BUNDLE} bytes as a zip.", param="files")


def _check_file(path: str, size: int) -> None:
    if size > MAX_FILE:
        raise ApiError(413, f"'{path}' is too large: the maximum is {MAX_FILE} bytes a file.", param="files")


def _too_many(count: int) -> ApiError:
    return invalid(
        f"Invalid 'files': array too long. Expected an array with maximum length {MAX_FILES}, "
        f"but got an array with length {count} instead.",
        "files",
        "array_above_max_length",
    )


def _zip(files: dict[str, bytes]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            archive.writestr(zipfile.ZipInfo(path, _START), content, zipfile.ZIP_DEFLATED)
    return written.getvalue()


def read_front_matter(text: str) -> dict[str, str]:
    """The text members between the two ``---`` at the head of a SKILL.md; nested ones are passed over.

    Read without a YAML library, so only what such a head has: plain and quoted values, also over several lines, and
    ``|`` and ``>`` blocks. Anything else YAML has is taken as text.
    """
    lines = text.splitlines()
    if not lines or lines[0].rstrip() != "---" or "---" not in [line.rstrip() for line in lines[1:]]:
        raise invalid("Invalid 'files': SKILL.md does not begin with front matter between two lines of '---'.", "files")
    end = [line.rstrip() for line in lines[1:]].index("---") + 1
    members: dict[str, str] = {}
    starts = [number for number in range(1, end) if _MEMBER.match(lines[number])]
    for number, following in zip(starts, [*starts[1:], end], strict=True):
        found = _MEMBER.match(lines[number])
        if found:
            members[found[1]] = _scalar(found[2] or "", lines[number + 1 : following])
    return members


def _scalar(first: str, more: list[str]) -> str:
    first, more = first.strip(), [line.strip() for line in more if not line.lstrip().startswith("#")]
    if re.fullmatch(r"[|>][+-]?", first):
        return ("\n" if first[0] == "|" else " ").join(more).strip()
    joined = " ".join([first, *more]).strip()
    if len(joined) >= 2 and joined[0] == joined[-1] == '"':
        return joined[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    if len(joined) >= 2 and joined[0] == joined[-1] == "'":
        return joined[1:-1].replace("''", "'")
    return joined.partition(" #")[0].rstrip()
