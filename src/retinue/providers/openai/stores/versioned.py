"""Objects whose content is kept in immutable versions: made, given new versions, rolled back."""

from __future__ import annotations

from collections.abc import Mapping

from retinue.errors import AccountError
from retinue.kinds.kind import Kind
from retinue.kinds.place import Api, Versions
from retinue.model.live import Live
from retinue.model.steps import Step
from retinue.model.values import FileRef
from retinue.planning.tag import TAG_KEY, write_tag
from retinue.providers.openai.client import Ambiguous
from retinue.providers.openai.create_once import Attempt, settle
from retinue.providers.openai.marks import our_marks, place
from retinue.providers.openai.stores.version_content import NEWEST, contents, is_of, numbers, values
from retinue.providers.openai.work import Work


def create(work: Work, step: Step, kind: Kind, api: Api) -> str:
    """Make the object with its first version. Gives its id."""
    files = _wanted(work, step, kind, api)

    def attempt() -> Attempt:
        try:
            return str(work.account.create_from(api.path, _named(files, step), {})["id"])
        except Ambiguous as error:
            return error, lambda: work.find_created(step, kind, api)

    live_id = settle(work.account, attempt)
    work.ids[step.address] = live_id
    work.memory.created(step.address, live_id)
    _finish(work, step, kind, api, live_id, newest="1", default="1")
    return live_id


def update(work: Work, step: Step, kind: Kind, api: Api, live: Live) -> str:
    """Upload what changed as a new version, and make the wanted one the default. Gives the id."""
    newest = str(live.raw[NEWEST])
    changed = {change.field for change in step.changes}
    if _versions(kind).files in changed or _marks(step) != our_marks(live, api):
        work.memory.unsettle(live.id)
        newest = _add(work, step, api, live, _wanted(work, step, kind, api))
    _finish(work, step, kind, api, live.id, newest=newest, default=str(live.raw["default_version"]))
    work.memory.settle(live.id)
    return live.id


def put_marks(work: Work, step: Step, api: Api, live: Live, marks: Mapping[str, str]) -> None:
    """Upload the newest version once more with other marks, or none; it takes the old one's place."""
    work.memory.unsettle(live.id)
    path = place(api, live.id, None)
    newest = str(live.raw[NEWEST])
    # Older versions keep what they say, so that the newest one has to say that nobody owns it.
    texts = api.marks.write({}, marks or {TAG_KEY: ""})
    old = contents(work.account, path, newest)
    files = {name: content for name, content in old.items() if name not in api.marks.write({}, {TAG_KEY: "x"})}
    files |= {name: text.encode() for name, text in texts.items()}
    added = _add(work, step, api, live, files)
    if str(live.raw["default_version"]) == newest:
        work.account.update(path, {"default_version": added}, beta=api.beta)
    work.memory.settle(live.id)


def _add(work: Work, step: Step, api: Api, live: Live, files: Mapping[str, bytes]) -> str:
    """A new version, verified by reading it back. Gives its number."""
    path = place(api, live.id, None)
    known = set(numbers(work.account, path, api))

    def find() -> str | None:
        for version in sorted(set(numbers(work.account, path, api)) - known, key=int, reverse=True):
            if contents(work.account, path, version) == files:
                return version
        return None

    def attempt() -> Attempt:
        try:
            return str(work.account.create_from(f"{path}/versions", _named(files, step), {})["version"])
        except Ambiguous as error:
            return error, find

    version = settle(work.account, attempt)
    kept = contents(work.account, path, version, patient=True)
    if not kept:
        raise AccountError(f"version {version} was uploaded and cannot be read back", hint="run the command again")
    if kept != files:
        work.account.delete(f"{path}/versions/{version}", beta=api.beta)
        raise AccountError(f"the account kept something else as version {version} than was sent; it was deleted again")
    return version


def _finish(work: Work, step: Step, kind: Kind, api: Api, live_id: str, *, newest: str, default: str) -> None:
    """Point to the version that is to be the default, and delete those that are not to stay."""
    work.check()
    path = place(api, live_id, None)
    spec = step.after or {}
    versions = _versions(kind)
    wanted = str(spec.get(versions.default) or newest)
    if wanted != default:
        try:
            work.account.update(path, {"default_version": wanted}, beta=api.beta)
        except AccountError as error:
            if error.status != 404:
                raise
            listed = ", ".join(sorted(numbers(work.account, path, api), key=int))
            raise AccountError(f"there is no version {wanted}", hint=f"there are: {listed}", status=404) from error
    keep = spec.get(versions.keep)
    if keep is None:
        return
    newest_first = sorted(numbers(work.account, path, api), key=int, reverse=True)
    for version in [each for each in newest_first[keep:] if each not in (wanted, newest)]:
        text = api.marks.read(values(work.account, path, version)).get(TAG_KEY, "")
        if text and is_of(text, work.memory.stack):  # what others uploaded is theirs
            work.account.delete(f"{path}/versions/{version}", beta=api.beta)


def _wanted(work: Work, step: Step, kind: Kind, api: Api) -> dict[str, bytes]:
    """The content of each file, with that of our marks."""
    declared = (step.after or {})[_versions(kind).files]
    marked = api.marks.write(declared, _marks(step))
    return {path: _content(work, value) for path, value in marked.items()}


def _content(work: Work, value: str | FileRef) -> bytes:
    return value.encode() if isinstance(value, str) else work.uploader.read(value)


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
