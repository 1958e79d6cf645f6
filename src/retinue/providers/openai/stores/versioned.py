"""Objects whose content is a set of files, kept in immutable versions: read, made, given new versions, rolled back.

A version carries our marks in a file of its own, so the object is ours when its newest marked version says so.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from retinue.errors import AccountError
from retinue.kinds.stores import Versioned
from retinue.model.canonical import content_value
from retinue.model.live import Live, LiveVersions
from retinue.model.steps import Removal, Step
from retinue.model.tag import SYNCING, TAG_KEY, TagError, read_tag, write_tag
from retinue.model.values import FileRef
from retinue.providers.openai.answers import LARGEST, AnswerError
from retinue.providers.openai.client import AmbiguousError, unreadable
from retinue.providers.openai.create_once import Attempt, settle
from retinue.providers.openai.marks import our_marks
from retinue.providers.openai.read_after_create import patiently
from retinue.providers.openai.retry_policy import FIRST_WAIT
from retinue.providers.openai.stores.plain import PlainStore, Raw
from retinue.providers.openai.work import Work, tag_of

READS = 3
"""How often an archive is asked for that cannot be read."""
MOST_MEMBERS = 10_000
"""Files of an archive; DOC guides/tools-skills: a version has 500."""
Found = tuple[Mapping[str, Any], LiveVersions | None]
"""The files of a version in the form in which they are compared, and the versions where they are those of ours."""


class VersionedStore(PlainStore[Versioned]):
    """The objects of one kind, with versions below each."""

    __slots__ = ()
    apart: ClassVar[bool] = True

    # ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def take_apart(self, raw: Raw, *, asked: bool) -> Live:
        """The object with the files of its newest version that is marked; of one that nobody marked, without any.

        What was looked at before and is not ours is not read again, unless somebody `asked` for it.
        """
        files, versions = self._content(raw, asked=asked)
        live = PlainStore.take_apart(self, {**raw, self.form.marks.field: files}, asked=asked)
        if versions is not None:
            pinned = None if versions.default == versions.newest else versions.default
            live = replace(live, held={**live.held, self.form.default: pinned}, versions=versions)
        return self.unsettled(live) if live.id in self.cache.versions.unsettled else live

    def unsettled(self, live: Live) -> Live:
        """Which version is the default was about to change: a difference in that is nobody's edit."""
        if live.tag is None:
            return live
        fields = {name: value for name, value in live.tag.fields.items() if name != self.form.default}
        return replace(live, tag=replace(live.tag, fields=fields, flags=live.tag.flags | {SYNCING}))

    def whole(self, live: Live) -> Live:
        return live if live.versions else self.read(live.answer, asked=True)

    def contents(self, live: Live) -> dict[str, bytes]:
        if live.versions is None:
            return {}
        ours = self._marked({}, {TAG_KEY: "x"})
        found = self._version(live.id, live.versions.newest)
        return {name: content for name, content in found.items() if name not in ours}

    def version_numbers(self, live: Live | None) -> list[str]:
        return self._numbers(live.id) if live and live.versions else []

    def _content(self, raw: Raw, *, asked: bool) -> Found:
        live_id, latest, default = str(raw["id"]), _number(raw["latest_version"]), _number(raw["default_version"])
        looked = self.cache.versions.looked_at.get(live_id)
        if looked and looked[0] == latest and not asked:
            return self._marked({}, {TAG_KEY: looked[1]} if looked[1] else {}), None
        complete = True
        for version, files in self._newest_first(live_id, latest):
            complete = complete and bool(files)
            text = self.form.marks.read(files).get(TAG_KEY)
            if text == "":
                break  # it was released with this version
            if text:
                if not _is_of(text, self.cache.stack):
                    self.cache.note_version(live_id, latest, text)
                return files, LiveVersions(version, default)
        if complete:  # what cannot be read yet may well be ours
            self.cache.note_version(live_id, latest, "")
        return (self._values(live_id, default), LiveVersions(default, default)) if asked else ({}, None)

    def _newest_first(self, live_id: str, latest: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Each version with its files. The newest one mostly settles the matter, without a list of all."""
        ours = live_id in self.cache.ids.values()
        newest = self._version(live_id, latest, patient=ours)
        yield latest, _valued(newest)
        listed = {*self._numbers(live_id)}
        if ours and not newest and latest in listed:
            asked = f"GET {self.account.full_path(self.path(live_id, None))}/versions/{latest}/content"
            message = f"the account does not give the content of version {latest} of {live_id} ({asked})"
            raise AccountError(message, hint="run the command again in a moment")
        for version in sorted(listed - {latest}, key=int, reverse=True):
            yield version, self._values(live_id, version)

    def _numbers(self, live_id: str) -> list[str]:
        """The numbers of all versions of an object."""
        path = f"{self.path(live_id, None)}/versions"
        listed = list(self.account.pages(path, page=self.form.page, beta=self.form.beta))
        with self.account.door("GET", path, listed, expected="versions with numbers"):
            return [_number(each["version"]) for each in listed]

    def _values(self, live_id: str, version: str) -> dict[str, Any]:
        return _valued(self._version(live_id, version))

    def _version(self, live_id: str, version: str, *, patient: bool = False) -> dict[str, bytes]:
        """The files of one version by their path in it; none of a version that is gone.

        What was created moments ago may answer 404 for a while [V]: whoever knows that it is there is `patient`.
        """
        return patiently(self.account, lambda: self._read_version(live_id, version), patient=patient)

    def _read_version(self, live_id: str, version: str) -> dict[str, bytes]:
        path = f"{self.path(live_id, None)}/versions/{version}/content"
        for more in reversed(range(READS)):
            try:
                content = self.account.download(path)
                with self.account.door("GET", path, content, expected="a ZIP archive"):
                    return _unpacked(content)
            except AnswerError:  # it may have been cut off
                if not more:
                    raise
                self.account.sleep(FIRST_WAIT)
            except AccountError as error:
                if error.status == 404:
                    break
                raise
        return {}

    # ── writing ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def create(self, work: Work, step: Step) -> str:
        """Make the object with its first version. Gives its id."""
        files = self._wanted(work, step)
        begun = self.account.server_time()

        def attempt() -> Attempt:
            try:
                return str(self.account.create_from(self.form.path, _in_folder(files, step), {})["id"])
            except AmbiguousError as error:
                return error, lambda: self.find_created(work, step, begun)

        live_id = settle(self.account, attempt)
        work.ids[step.address] = live_id
        self.cache.created(step.address, live_id)
        self._point(work, step, live_id, LiveVersions("1", "1"))
        return live_id

    def update(self, work: Work, step: Step, live: Live) -> str:
        """Upload what changed as a new version, and make the wanted one the default. Gives the id."""
        versions = _known(live)
        if self._makes_version(step, live):
            self.cache.unsettle(live.id)
            versions = replace(versions, newest=self._add(step, live.id, self._wanted(work, step)))
        self._point(work, step, live.id, versions)
        self.cache.settle(live.id)
        return live.id

    def put_tag(self, work: Work, step: Step, live: Live) -> None:  # noqa: ARG002 - one signature for all
        self._put_marks(step, live, {**our_marks(live, self.form), **_tag_marks(step)})

    def take_tag(self, work: Work, step: Step, live: Live) -> None:  # noqa: ARG002 - one signature for all
        """Older versions keep what they say, so that the newest one has to say that nobody owns it."""
        self._put_marks(step, live, {TAG_KEY: ""})

    def _put_marks(self, step: Step, live: Live, marks: Mapping[str, str]) -> None:
        """Upload the newest version once more with other marks; it takes the old one's place."""
        versions = _known(live)
        self.cache.unsettle(live.id)
        files = self._version(live.id, versions.newest)
        ours = self._marked({}, {TAG_KEY: "x"})
        files = {name: content for name, content in files.items() if name not in ours}
        files |= {name: text.encode() for name, text in self._marked({}, marks).items()}
        added = self._add(step, live.id, files)
        if versions.default == versions.newest:
            self._make_default(live.id, added)
        self.cache.settle(live.id)

    def _add(self, step: Step, live_id: str, files: Mapping[str, bytes]) -> str:
        """A new version, verified by reading it back. Gives its number."""
        path = f"{self.path(live_id, None)}/versions"
        known = set(self._numbers(live_id))

        def find() -> str | None:
            for version in sorted(set(self._numbers(live_id)) - known, key=int, reverse=True):
                if self._version(live_id, version) == files:
                    return version
            return None

        def attempt() -> Attempt:
            try:
                made = self.account.create_from(path, _in_folder(files, step), {})
                with self.account.door("POST", path, made, expected="a version with a number"):
                    return _number(made["version"])
            except AnswerError as error:
                return unreadable(error), find
            except AmbiguousError as error:
                return error, find

        version = settle(self.account, attempt)
        kept = self._version(live_id, version, patient=True)
        if not kept:
            raise AccountError(f"version {version} was uploaded and cannot be read back", hint="run the command again")
        if kept != files:
            self._delete_version(live_id, version)
            message = f"the account kept something else as version {version} than was sent; it was deleted again"
            raise AccountError(message)
        return version

    def _point(self, work: Work, step: Step, live_id: str, versions: LiveVersions) -> None:
        """Point to the version that is to be the default, and delete those that the plan named."""
        work.check()
        spec = step.after or {}
        wanted = str(spec.get(self.form.default) or versions.newest)
        if wanted != versions.default:
            try:
                self._make_default(live_id, wanted)
            except AccountError as error:
                if error.status != 404:
                    raise
                listed = ", ".join(sorted(self._numbers(live_id), key=int))
                message, hint = f"there is no version {wanted}", f"there are: {listed}"
                raise AccountError(message, hint=hint, status=404) from error
        for each in step.removes:
            if each.what == "version" and each.name not in (wanted, versions.newest):
                self._delete_version(live_id, each.name)

    def parts(self, step: Step, live: Live) -> tuple[int, tuple[Removal, ...]]:
        """With the object all of its versions go; with a change, ours beyond the newest ones that are to be kept."""
        there = sorted(self._numbers(live.id), key=int, reverse=True)
        if step.action == "delete":
            return len(there), tuple(Removal("version", each) for each in reversed(there))
        keep = (step.after or {}).get(self.form.keep)
        if step.action != "update" or keep is None or live.versions is None:
            return len(there), ()
        made = self._makes_version(step, live)
        newest = None if made else live.versions.newest
        needed = {newest, str((step.after or {}).get(self.form.default) or newest)}
        old = [each for each in there[keep - made :] if each not in needed and self._is_ours(live.id, each)]
        return len(there) + made, tuple(Removal("version", each) for each in reversed(old))

    def _is_ours(self, live_id: str, version: str) -> bool:
        """Whether we uploaded a version; what others uploaded is theirs."""
        text = self.form.marks.read(self._values(live_id, version)).get(TAG_KEY, "")
        return bool(text) and _is_of(text, self.cache.stack)

    def _makes_version(self, step: Step, live: Live) -> bool:
        changed = {change.field for change in step.changes}
        return self.form.files in changed or _tag_marks(step) != our_marks(live, self.form)

    def _make_default(self, live_id: str, version: str) -> None:
        self.account.update(self.path(live_id, None), {"default_version": version}, beta=self.form.beta)

    def _delete_version(self, live_id: str, version: str) -> None:
        self.account.delete(f"{self.path(live_id, None)}/versions/{version}", beta=self.form.beta)

    def _wanted(self, work: Work, step: Step) -> dict[str, bytes]:
        """The content of each file, with that of our marks."""
        declared = (step.after or {})[self.form.files]
        marked = self._marked(declared, _tag_marks(step))
        return {path: _bytes(work, value) for path, value in marked.items()}

    def _marked(self, files: Mapping[str, Any], marks: Mapping[str, str]) -> dict[str, Any]:
        marked: dict[str, Any] = self.form.marks.write(files, marks)
        return marked


def _number(value: Any) -> str:
    """The number of a version, which stands in paths and is compared. Raises ValueError."""
    return str(int(str(value)))


def _unpacked(content: bytes) -> dict[str, bytes]:
    """The files of an archive, without the folder that holds them all. Raises ValueError for one that cannot be read,
    or that would be larger than anything that the API takes."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [each for each in archive.infolist() if not each.is_dir()]
            if len(members) > MOST_MEMBERS or sum(each.file_size for each in members) > LARGEST:
                raise ValueError("more is in it than in any that was uploaded")
            members.sort(key=lambda each: each.filename)
            return {each.filename.partition("/")[2] or each.filename: archive.read(each) for each in members}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise ValueError(str(error)) from error


def _bytes(work: Work, value: str | FileRef) -> bytes:
    return value.encode() if isinstance(value, str) else work.uploader.read(value)


def _tag_marks(step: Step) -> dict[str, str]:
    return {TAG_KEY: write_tag(tag_of(step))}


def _in_folder(files: Mapping[str, bytes], step: Step) -> dict[str, bytes]:
    """REC skills: every file stands in one top folder."""
    return {f"{step.address.name}/{path}": content for path, content in files.items()}


def _valued(contents: Mapping[str, bytes]) -> dict[str, Any]:
    return {name: content_value(name, content) for name, content in contents.items()}


def _known(live: Live) -> LiveVersions:
    if live.versions is None:
        raise TypeError(f"the versions of {live.id} were not read")
    return live.versions


def _is_of(text: str, stack: str) -> bool:
    """Whether a mark says that its object is of the stack, or may say so."""
    try:
        return read_tag(text).stack == stack
    except TagError:
        return True  # to be looked at again, and reported
