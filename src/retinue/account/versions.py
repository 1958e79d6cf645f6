"""Objects whose content is kept in immutable versions: read back with their files, given new versions, rolled back.

A version carries our marks in a file of its own, so the object is ours when its newest marked version says so.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from retinue.account.client import Account, Ambiguous, Json
from retinue.account.marking import our_marks, place
from retinue.account.memory import Memory
from retinue.account.settle import Attempt, settle
from retinue.core.changes import Step
from retinue.core.contents import content_value
from retinue.core.kind import Kind
from retinue.core.model import FileRef, Live
from retinue.core.ownership import TAG_KEY, TagError, read_tag, write_tag
from retinue.core.place import Api, Versions
from retinue.errors import AccountError

if TYPE_CHECKING:
    from retinue.account.steps import StepRunner

NEWEST = "newest"
"""What is added to an object as it was read: the number of its newest version of ours …"""
PINNED = "pinned"
"""… and that of its default version, when that is another one."""

PAUSES = (0.5, 1.0, 2.0)
"""Seconds between the attempts to read a new version."""


# ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────────────


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
            if not _is_of(text, memory.stack):
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
        return {**raw, kind.api.marks.field: _values(account, path, default), NEWEST: default, PINNED: None}
    return {**raw, kind.api.marks.field: {}}


def _newest_first(
    account: Account, memory: Memory, live_id: str, path: str, api: Api, latest: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each version with its files. The newest one mostly settles the matter, without a list of all."""
    ours = live_id in memory.ids.values()
    newest = _contents(account, path, latest, patient=ours)
    yield latest, _valued(newest)
    listed = {*_numbers(account, path, api)}
    if ours and not newest and latest in listed:
        message = f"the account does not give the content of version {latest} of {live_id}"
        raise AccountError(message, hint="run the command again in a moment")
    for version in sorted(listed - {latest}, key=int, reverse=True):
        yield version, _values(account, path, version)


def newest_contents(account: Account, live: Live, kind: Kind) -> dict[str, bytes]:
    """The files of an object that was read as a whole, by path, without our marks; none where it has no versions."""
    if kind.versions is None or kind.api is None or NEWEST not in live.raw:
        return {}
    ours = kind.api.marks.write({}, {TAG_KEY: "x"})
    found = _contents(account, place(kind.api, live.id, None), str(live.raw[NEWEST]))
    return {name: content for name, content in found.items() if name not in ours}


def _is_of(text: str, stack: str) -> bool:
    try:
        return read_tag(text).stack == stack
    except TagError:
        return True  # to be looked at again, and reported


def _numbers(account: Account, path: str, api: Api) -> list[str]:
    return [str(each["version"]) for each in account.pages(f"{path}/versions", page=api.page, beta=api.beta)]


def _values(account: Account, path: str, version: str) -> dict[str, Any]:
    return _valued(_contents(account, path, version))


def _valued(contents: Mapping[str, bytes]) -> dict[str, Any]:
    return {name: content_value(name, content) for name, content in contents.items()}


def _contents(account: Account, path: str, version: str, *, patient: bool = False) -> dict[str, bytes]:
    """The files of one version by their path in it; none of a version that is gone.

    What was created moments ago may answer 404 for a while [V]: whoever knows that it is there is `patient`.
    """
    for pause in PAUSES if patient else ():
        found = _contents(account, path, version)
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


# ── writing ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def create(runner: StepRunner, step: Step, kind: Kind, api: Api) -> str:
    """Make the object with its first version. Gives its id."""
    files = _wanted(runner, step, kind, api)

    def attempt() -> Attempt:
        try:
            return str(runner.account.create_from(api.path, _named(files, step), {})["id"])
        except Ambiguous as error:
            return error, lambda: runner.find_created(step, kind, api)

    live_id = settle(runner.account, attempt)
    runner.ids[step.address] = live_id
    runner.memory.created(step.address, live_id)
    _finish(runner, step, kind, api, live_id, newest="1", default="1")
    return live_id


def update(runner: StepRunner, step: Step, kind: Kind, api: Api, live: Live) -> str:
    """Upload what changed as a new version, and make the wanted one the default. Gives the id."""
    newest = str(live.raw[NEWEST])
    changed = {change.field for change in step.changes}
    if _versions(kind).files in changed or _marks(step) != our_marks(live, api):
        runner.memory.unsettle(live.id)
        newest = _add(runner, step, api, live, _wanted(runner, step, kind, api))
    _finish(runner, step, kind, api, live.id, newest=newest, default=str(live.raw["default_version"]))
    runner.memory.settle(live.id)
    return live.id


def put_marks(runner: StepRunner, step: Step, api: Api, live: Live, marks: Mapping[str, str]) -> None:
    """Upload the newest version once more with other marks, or none; it takes the old one's place."""
    runner.memory.unsettle(live.id)
    path = place(api, live.id, None)
    newest = str(live.raw[NEWEST])
    # Older versions keep what they say, so that the newest one has to say that nobody owns it.
    texts = api.marks.write({}, marks or {TAG_KEY: ""})
    old = _contents(runner.account, path, newest)
    files = {name: content for name, content in old.items() if name not in api.marks.write({}, {TAG_KEY: "x"})}
    files |= {name: text.encode() for name, text in texts.items()}
    added = _add(runner, step, api, live, files)
    if str(live.raw["default_version"]) == newest:
        runner.account.update(path, {"default_version": added}, beta=api.beta)
    runner.memory.settle(live.id)


def _add(runner: StepRunner, step: Step, api: Api, live: Live, files: Mapping[str, bytes]) -> str:
    """A new version, verified by reading it back. Gives its number."""
    path = place(api, live.id, None)
    known = set(_numbers(runner.account, path, api))

    def find() -> str | None:
        for version in sorted(set(_numbers(runner.account, path, api)) - known, key=int, reverse=True):
            if _contents(runner.account, path, version) == files:
                return version
        return None

    def attempt() -> Attempt:
        try:
            return str(runner.account.create_from(f"{path}/versions", _named(files, step), {})["version"])
        except Ambiguous as error:
            return error, find

    version = settle(runner.account, attempt)
    kept = _contents(runner.account, path, version, patient=True)
    if not kept:
        raise AccountError(f"version {version} was uploaded and cannot be read back", hint="run the command again")
    if kept != files:
        runner.account.delete(f"{path}/versions/{version}", beta=api.beta)
        raise AccountError(f"the account kept something else as version {version} than was sent; it was deleted again")
    return version


def _finish(runner: StepRunner, step: Step, kind: Kind, api: Api, live_id: str, *, newest: str, default: str) -> None:
    """Point to the version that is to be the default, and delete those that are not to stay."""
    runner.check()
    path = place(api, live_id, None)
    spec = step.after or {}
    versions = _versions(kind)
    wanted = str(spec.get(versions.default) or newest)
    if wanted != default:
        try:
            runner.account.update(path, {"default_version": wanted}, beta=api.beta)
        except AccountError as error:
            if error.status != 404:
                raise
            listed = ", ".join(sorted(_numbers(runner.account, path, api), key=int))
            raise AccountError(f"there is no version {wanted}", hint=f"there are: {listed}", status=404) from error
    keep = spec.get(versions.keep)
    if keep is None:
        return
    numbers = sorted(_numbers(runner.account, path, api), key=int, reverse=True)
    for version in [each for each in numbers[keep:] if each not in (wanted, newest)]:
        text = api.marks.read(_values(runner.account, path, version)).get(TAG_KEY, "")
        if text and _is_of(text, runner.memory.stack):  # what others uploaded is theirs
            runner.account.delete(f"{path}/versions/{version}", beta=api.beta)


def _wanted(runner: StepRunner, step: Step, kind: Kind, api: Api) -> dict[str, bytes]:
    """The content of each file, with that of our marks."""
    declared = (step.after or {})[_versions(kind).files]
    marked = api.marks.write(declared, _marks(step))
    return {path: _content(runner, value) for path, value in marked.items()}


def _content(runner: StepRunner, value: str | FileRef) -> bytes:
    return value.encode() if isinstance(value, str) else runner.uploader.read(value)


def _marks(step: Step) -> dict[str, str]:
    if step.tag is None:
        raise TypeError(f"the step '{step.key}' has no tag")
    return {TAG_KEY: write_tag(step.tag)}


def _named(files: Mapping[str, bytes], step: Step) -> dict[str, bytes]:
    """REC skills: every file stands in one top folder."""
    return {f"{step.address.name}/{path}": content for path, content in files.items()}


def _versions(kind: Kind) -> Versions:
    if kind.versions is None:
        raise TypeError(f"a {kind.name} has no versions")
    return kind.versions
