"""Objects whose content is kept in immutable versions, read with the files of the version that is ours.

A version carries our marks in a file of its own, so the object is ours when its newest marked version says so.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

from retinue.errors import AccountError
from retinue.kinds.kind import Kind
from retinue.kinds.place import Api
from retinue.model.canonical import content_value
from retinue.model.live import Live
from retinue.planning.tag import TAG_KEY, TagError, read_tag
from retinue.providers.openai.client import Account, Json
from retinue.providers.openai.marks import place
from retinue.state.memory import Memory

NEWEST = "newest"
"""What is added to an object as it was read: the number of its newest version of ours …"""
PINNED = "pinned"
"""… and that of its default version, when that is another one."""

PAUSES = (0.5, 1.0, 2.0)
"""Seconds between the attempts to read a new version."""


def with_content(account: Account, memory: Memory, raw: Json, kind: Kind, *, asked: bool = False) -> Json:
    """The object with the files of its newest version that is marked; of one that nobody marked, without any.

    What was looked at before and is not ours is not read again, unless somebody `asked` for it.
    """
    if kind.versions is None or kind.api is None:
        return raw
    live_id, latest = str(raw["id"]), str(raw["latest_version"])
    looked = memory.looked_at.get(live_id)
    if looked and looked[0] == latest and not asked:
        return {**raw, kind.api.marks.field: kind.api.marks.write({}, {TAG_KEY: looked[1]} if looked[1] else {})}
    path = place(kind.api, live_id, None)
    default = str(raw["default_version"])
    complete = True
    for version, files in _newest_first(account, memory, live_id, path, kind.api, latest):
        complete = complete and bool(files)
        text = kind.api.marks.read(files).get(TAG_KEY)
        if text == "":
            break  # it was released with this version
        if text:
            if not is_of(text, memory.stack):
                memory.note_look(live_id, latest, text)
            return {
                **raw,
                kind.api.marks.field: files,
                NEWEST: version,
                PINNED: None if version == default else default,
            }
    if complete:  # what cannot be read yet may well be ours
        memory.note_look(live_id, latest, "")
    if asked:
        return {**raw, kind.api.marks.field: values(account, path, default), NEWEST: default, PINNED: None}
    return {**raw, kind.api.marks.field: {}}


def _newest_first(
    account: Account, memory: Memory, live_id: str, path: str, api: Api, latest: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each version with its files. The newest one mostly settles the matter, without a list of all."""
    ours = live_id in memory.ids.values()
    newest = contents(account, path, latest, patient=ours)
    yield latest, _valued(newest)
    listed = {*numbers(account, path, api)}
    if ours and not newest and latest in listed:
        message = f"the account does not give the content of version {latest} of {live_id}"
        raise AccountError(message, hint="run the command again in a moment")
    for version in sorted(listed - {latest}, key=int, reverse=True):
        yield version, values(account, path, version)


def newest_contents(account: Account, live: Live, kind: Kind) -> dict[str, bytes]:
    """The files of an object that was read as a whole, by path, without our marks; none where it has no versions."""
    if kind.versions is None or kind.api is None or NEWEST not in live.raw:
        return {}
    ours = kind.api.marks.write({}, {TAG_KEY: "x"})
    found = contents(account, place(kind.api, live.id, None), str(live.raw[NEWEST]))
    return {name: content for name, content in found.items() if name not in ours}


def is_of(text: str, stack: str) -> bool:
    """Whether a mark says that its object is of the stack, or may say so."""
    try:
        return read_tag(text).stack == stack
    except TagError:
        return True  # to be looked at again, and reported


def numbers(account: Account, path: str, api: Api) -> list[str]:
    """The numbers of all versions of the object at `path`."""
    return [str(each["version"]) for each in account.pages(f"{path}/versions", page=api.page, beta=api.beta)]


def values(account: Account, path: str, version: str) -> dict[str, Any]:
    """The files of one version, in the form in which they are compared."""
    return _valued(contents(account, path, version))


def _valued(contents: Mapping[str, bytes]) -> dict[str, Any]:
    return {name: content_value(name, content) for name, content in contents.items()}


def contents(account: Account, path: str, version: str, *, patient: bool = False) -> dict[str, bytes]:
    """The files of one version by their path in it; none of a version that is gone.

    What was created moments ago may answer 404 for a while [V]: whoever knows that it is there is `patient`.
    """
    for pause in PAUSES if patient else ():
        found = contents(account, path, version)
        if found:
            return found
        account.sleep(pause)
    try:
        archive = zipfile.ZipFile(io.BytesIO(account.download(f"{path}/versions/{version}/content")))
    except AccountError as error:
        if error.status == 404:
            return {}
        raise
    except zipfile.BadZipFile as error:
        raise account.nonsense("a ZIP archive") from error
    with archive:
        members = [each for each in archive.namelist() if not each.endswith("/")]
        return {each.partition("/")[2] or each: archive.read(each) for each in sorted(members)}
