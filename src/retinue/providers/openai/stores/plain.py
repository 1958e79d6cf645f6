"""Objects in a collection of their own: read, made, written over, tagged and deleted by one request each.

The other shapes are this one with something more, each in its own module.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Generic, TypeVar

from retinue.content.manifest import Summary
from retinue.errors import AccountError, BlockedError, StaleError
from retinue.kinds.fields import Field, KeyedField
from retinue.kinds.kind import Kind
from retinue.kinds.stores import Plain
from retinue.model.canonical import digest, same
from retinue.model.declared import Position
from retinue.model.live import Live, LiveFile
from retinue.model.paths import dig
from retinue.model.steps import FieldChange, Removal, Step
from retinue.model.tag import TAG_KEY, Tag, key_digest, write_tag
from retinue.model.values import Path, Ref
from retinue.providers.live_reader import read_live
from retinue.providers.openai.answers import Json, check_page
from retinue.providers.openai.both_ends import from_both_ends
from retinue.providers.openai.client import Account, AmbiguousError
from retinue.providers.openai.create_once import Attempt, newest, settle
from retinue.providers.openai.marks import forget_keys, mark, our_marks
from retinue.providers.openai.read_after_create import look
from retinue.providers.openai.uploads import Carried, carried_ids, carry_files
from retinue.providers.openai.work import Report, Work, tag_of
from retinue.providers.thread_pool import threads
from retinue.state.cache import Cache

TOGETHER = 8
"""Pages that are asked for at once, unless the account is to be asked for less."""
S = TypeVar("S", bound=Plain)
Raw = Mapping[str, Any]
_FILE_ID = re.compile(r"[\w-]+")


@dataclass(frozen=True, slots=True)
class PlainStore(Generic[S]):
    """The objects of one kind in one account. `form` says where they stand."""

    kind: Kind
    form: S
    account: Account
    cache: Cache

    apart: ClassVar[bool] = False
    """Whether something of the objects is read apart from them."""

    # ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def path(self, live_id: str, within: str | None) -> str:
        """The path of one object; `within` is the id of the object it stands in, if it does."""
        return f"{self.form.collection(within)}/{live_id}"

    def pages(self, within: str | None = None, *, retries: int | None = None, **query: Any) -> Iterator[Json]:
        """The objects of the collection as the API returns them, without their content where that is kept apart."""
        where, form = self.form.collection(within), self.form
        return self.account.pages(where, page=form.page, beta=form.beta, retries=retries, **query)

    def all(self, *, retries: int | None = None, known: int = 0) -> Iterator[Json]:
        """The same, where nobody knows where to begin in the middle: a long list takes half of the time. `known` is how
        many objects are known to be there."""
        where, form = self.form.collection(None), self.form
        return from_both_ends(self.account, where, page=form.page, beta=form.beta, retries=retries, known=known)

    def read(self, raw: Raw, *, asked: bool = False) -> Live:
        """The object that the API returned. What may be left unread of others' is read where somebody `asked`.

        Raises AnswerError for an answer of another shape; a tag that cannot be read is kept as an error.
        """
        where = self.form.collection(str(raw.get(self.form.fixed_field or "")))
        with self.account.door("GET", where, raw, expected=f"{self.kind.title}s that can be read"):
            return self.take_apart(raw, asked=asked)

    def take_apart(self, raw: Raw, *, asked: bool) -> Live:  # noqa: ARG002 - for what is read in parts
        """The same, as far as it goes."""
        live = read_live(raw, self.kind, self.form.marks_of(raw))
        return replace(live, spent=self.form.is_spent(raw), within=self.form.within_of(raw))

    def unsettled(self, live: Live) -> Live:
        """An object of ours as it is to be seen while it may have been changed in part."""
        return live

    def find(
        self, live_id: str, within: str | None = None, *, patient: bool = False, asked: bool = False
    ) -> Live | None:
        """One live object as it is now, with its content; None when it is gone. Raises AccountError.

        `patient`: it may have been created moments ago by somebody else.
        """
        raw = look(self.account, self.cache, live_id, self.path(live_id, within), self.form.beta, patient=patient)
        return self.read(raw, asked=asked) if raw and self.form.may_be_owned(raw) else None

    def together(self, ids: Collection[str], order: Sequence[str]) -> Iterator[Json]:
        """Those of the objects that the list has beside one another, as it has them now: up to a page in one request.
        `order` are the ids of the list as it was seen last."""
        wanted = set(ids)
        places = [place for place, live_id in enumerate(order) if live_id in wanted]

        def read(span: tuple[int, int]) -> list[Json]:
            first, last = span
            query = {"limit": last - first + 1, "order": "asc", **({"after": order[first - 1]} if first else {})}
            with suppress(AccountError):  # what is asked for by itself says so itself
                answer = self.account.get(self.form.collection(None), beta=self.form.beta, query=query)
                with self.account.door("GET", self.form.collection(None), answer):
                    return [raw for raw in check_page(answer) if raw["id"] in wanted]
            return []

        spans = [span for span in _spans(places, self.form.page) if span[0] < span[1]]
        with threads(TOGETHER, "glimpse") as pool:
            for page in pool.map(read, spans):
                yield from page

    def exists(self, live_id: str) -> bool:
        """Whether the account has an object with this id."""
        return self.account.find(self.path(live_id, None), beta=self.form.beta) is not None

    def holding(self, file_ids: Collection[str]) -> set[str]:
        """Those of these files that some object of the kind holds, whoever owns it."""
        if not (self.kind.holds_files and file_ids):
            return set()
        return {each for raw in self.pages() for each in _FILE_ID.findall(json.dumps(raw))} & set(file_ids)

    def containers(self, ids: Mapping[str, Sequence[str]]) -> Sequence[str | None]:  # noqa: ARG002 - for what is nested
        """The objects in which an object of the kind may stand, of those by kind; None for the account itself."""
        return (None,)

    def whole(self, live: Live) -> Live:
        """The object with what is listed apart from it."""
        return live

    def again(self, live: Live, step: Step, *, recent: bool = False) -> Live:  # noqa: ARG002 - for what has some
        """The same right before a step, as far as that is about it; a `recent` look may count."""
        return self.whole(live)

    def files(self, live: Live) -> tuple[LiveFile, ...]:  # noqa: ARG002 - for what has some
        """The files attached to a live object."""
        return ()

    def contents(self, live: Live) -> dict[str, bytes]:  # noqa: ARG002 - for what has some
        """The files that the object consists of, by path, without our marks."""
        return {}

    def parts(self, step: Step, live: Live) -> tuple[int, tuple[Removal, ...]]:  # noqa: ARG002 - for what has some
        """How many parts the object has that no snapshot read, and those of them that go with the step."""
        return 0, ()

    def version_numbers(self, live: Live | None) -> list[str]:  # noqa: ARG002 - for what has some
        """The numbers of the versions of a live object."""
        return []

    # ── creating ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def create(self, work: Work, step: Step) -> str:
        """Make the object; gives its id."""
        spec = self._in_body(step.after or {})
        carried = self._carry(work, spec, None)
        body = work.body(spec, self.kind, carried)
        if self.kind.assemble is not None:
            body = self.kind.assemble(body, work.with_ids(spec), None)
        marks = {**carried.records, TAG_KEY: self._tag_text(step, None)}
        body[self.form.marks.field] = self.form.marks.write(body.get(self.form.marks.field), marks)
        within, begun = self.within(work, step), self.account.server_time()

        def attempt() -> Attempt:
            try:
                answers.append(self.account.create(self.form.collection(within), body, beta=self.form.beta))
                return str(answers[0]["id"])
            except AmbiguousError as error:
                return error, lambda: self.find_created(work, step, begun)

        answers: list[Json] = []
        live_id = settle(self.account, attempt)
        work.ids[step.address] = live_id
        self.cache.created(step.address, live_id)
        self._settle(work, carried)
        live = self._answered(answers[0] if answers else {"id": live_id}, within)
        if live is not None:
            self._check_kept(work, step, live)
            if answers:  # what was found later may have been edited since
                self._note_unkept(work, step, live, set(spec))
        return live_id

    def _answered(self, answer: Raw, within: str | None) -> Live | None:
        """The object that a write was answered with. Where that is not all of it, it is asked for; None when it is
        gone."""
        with suppress(AccountError):
            live = self.read(answer)
            if live.tag:
                return live
        return self.find(str(answer["id"]), within, patient=True)

    def _check_kept(self, work: Work, step: Step, live: Live) -> None:
        """Raises AccountError, with the object deleted again, where the account does not keep what says whose it is:
        every apply would make another one."""
        if live.tag or live.tag_error:
            return
        self.account.delete(self.path(live.id, live.within), beta=self.form.beta)
        work.ids.pop(step.address, None)
        self.cache.forget(live.id)
        place = self.form.marks.field
        message = f"the account does not keep '{place}' of a {self.kind.title}, where retinue notes whose it is"
        raise AccountError(f"{message}; {live.id} was deleted again", hint="use an account that keeps it")

    def within(self, work: Work, step: Step) -> str | None:  # noqa: ARG002 - for what is nested
        """The live id of the object that the step's object stands in, or is to stand in."""
        return None

    def find_created(self, work: Work, step: Step, begun: float) -> str | None:
        """The object that a creation without an answer, `begun` at that time, left behind: it carries our tag and was
        not there before."""
        for raw in newest(self.pages(self.within(work, step), order="desc"), begun, self.form.page):
            if raw["id"] not in work.known and work.is_ours(self.read(raw), step.address):
                return str(raw["id"])
        return None

    def _carry(self, work: Work, spec: Mapping[str, Any], live: Live | None) -> Carried:
        """Bring in the files that the object is to carry by their ids."""
        files = {each.name: spec[each.name] for each in self.kind.uploads if each.name in spec}
        return carry_files(files, self.kind, live, work.uploader) if self.kind.uploads else Carried()

    def _settle(self, work: Work, carried: Carried) -> None:
        """The object holds its new files now: they need no journal any more."""
        for file_id in carried.fresh:
            work.uploader.settled(file_id)

    # ── writing over ──────────────────────────────────────────────────────────────────────────────────────────────────

    def current(self, work: Work, step: Step, live_id: str | None = None) -> Live | None:
        """The object as it is right before it is written; None when it is gone. Raises BlockedError when not ours."""
        live_id = live_id or str(step.id)
        live = self.find(live_id, self.within(work, step))
        if live is not None and not work.is_ours(live, step.address):
            raise BlockedError(f"{live_id} no longer carries the tag of {step.address}", hint="plan again to see why")
        return live

    def update(self, work: Work, step: Step, live: Live) -> str:
        """Write what changes; gives the id."""
        names = self._written_fields(step)
        spec = {name: each for name, each in self._in_body(step.after or {}).items() if name in names}
        spec.update({name: {} for name in names - set(spec) if self.kind.field(name).by_key})
        carried = self._carry(work, spec, live)
        body = work.body(spec, self.kind, carried)
        for name in spec:
            _carry_over(body, self.kind.field(name), live)
            _complete(body, self.kind.field(name), live, step)
        for name in sorted(names - set(spec)):
            body_path = self.kind.field(name).body_path
            _keep(body, body_path, dig(live.answer, body_path))
        if self.kind.assemble is not None:
            body = self.kind.assemble(body, work.with_ids(step.after), live.answer)
        mark(body, self.form, live, {**self.records(live), **carried.records, TAG_KEY: self._tag_text(step, live)})
        path = self.path(live.id, live.within)
        with work.uploader.letting_go(carried.stale):
            answer = self.account.update(path, body, beta=self.form.beta)
            self._settle(work, carried)
            for file_id in carried.stale:
                work.uploader.finish_discard(file_id)
        keys = [key for field, key in step.forget_keys if field == self.form.marks.field]
        forget_keys(self.account, self.form, path, keys, answer)
        after = self._answered({**answer, "id": live.id}, live.within)
        if after is not None and after.tag:
            work.written[step.key] = after
            self._note_unkept(work, step, after, names)
        return live.id

    def _note_unkept(self, work: Work, step: Step, live: Live, written: Collection[str]) -> None:
        """What the account made of what was written is nobody's edit: the tag says so, now or when the step ends."""
        tag, unkept = tag_of(step), self._unkept(work, step, live, written)
        if unkept:
            # An answer may leave out what is there all the same: what a read shows counts. What it alone shows is an
            # edit that somebody made meanwhile.
            answered = {each.path for each in unkept}
            live = self.find(live.id, live.within) or live
            unkept = tuple(each for each in self._unkept(work, step, live, written) if each.path in answered)
        fields = {name: value for name, value in tag.returned.items() if name not in written}
        keys = dict(tag.returned_keys)
        for name in written:
            for path in self.kind.field(name).claimed_paths((step.after or {}).get(name) or {}):
                if len(path) > 1:
                    keys.pop(key_digest(name, str(path[1])), None)
        for each in unkept:
            if len(each.path) == 1:
                fields[each.field] = digest(each.after)
            else:
                keys[key_digest(each.field, str(each.path[1]))] = digest(each.after)
        work.unkept[step.key] = unkept
        work.tags[step.key] = replace(tag, returned=fields, returned_keys=keys)
        if work.tags[step.key] != tag and not (self.pending(step) or step.files):
            self.put_tag(work, step, live)

    def _unkept(self, work: Work, step: Step, live: Live, written: Collection[str]) -> tuple[FieldChange, ...]:
        """The values among those `written` that a live object has otherwise: as they were given, and as they are."""
        tag, after = tag_of(step), step.after or {}
        found: list[FieldChange] = []
        for field in (self.kind.field(name) for name in sorted(written) if name in after):
            if same(work.with_ids(after[field.name]), live.held[field.name]):
                continue
            # Only what the value itself refers to can come back as a reference: looking among all takes too long.
            names = {work.with_ids(each): each for each in _references(field, after[field.name])}
            named = field.named(live, partial(_name, names))
            for path, value in field.returned(after[field.name], named, tag):
                wanted = after[field.name] if len(path) == 1 else after[field.name][path[1]]
                found.append(FieldChange(path, wanted, value, "config", _place(step, path)))
        return tuple(found)

    def _in_body(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        """The fields that travel in the object's own body."""
        return {name: value for name, value in spec.items() if self._travels(self.kind.field(name))}

    def _travels(self, field: Field) -> bool:
        return field.in_body and field.name != self.form.fixed_field

    def _written_fields(self, step: Step) -> set[str]:
        """The changed fields, and those that share a part of the body with them: it may be replaced as a whole."""
        kind = self.kind
        changed = {change.field for change in step.changes if kind.has(change.field)} | set(step.unset)
        changed |= {name for name, _ in step.forget_keys}
        parts = {kind.field(name).body_path[0] for name in changed if len(kind.field(name).body_path) > 1}
        shared = {each.name for each in kind.fields if each.body_path[0] in parts}
        return {name for name in changed | shared if self._travels(kind.field(name))}

    def _tag_text(self, step: Step, live: Live | None) -> str:
        """The tag to write with the object itself; it is silent about what comes after the write."""
        pending, tag = self.pending(step), tag_of(step)
        if not (pending or step.files):
            # What an apply left that was cut off may be all there by now.
            return write_tag(self.finished(tag, live) if live and tag.attached is None else tag)
        return write_tag(self.kind.provisional(tag_of(step), pending, live.tag if live else None))

    def records(self, live: Live) -> dict[str, str]:  # noqa: ARG002 - for what has files attached
        """The marks that stay when the object is written."""
        return {}

    # ── what comes after the write ────────────────────────────────────────────────────────────────────────────────────

    def pending(self, step: Step) -> Collection[str]:  # noqa: ARG002 - for what has some
        """The fields that have to be brought about after the write."""
        return ()

    def follow_up(self, work: Work, step: Step, live_id: str, report: Report) -> dict[str, str]:  # noqa: ARG002
        """Bring about what the write could not; gives path → reason for files that could not be brought in."""
        return {}

    def finish(self, work: Work, step: Step, live_id: str) -> Tag:
        """Only now does the tag say that all is as declared; until then a difference is nobody's edit. Gives
        the tag."""
        live = self.current(work, step, live_id)
        if live is None:
            raise StaleError("it was deleted while it was being brought about", hint="run the command again")
        body: Json = {}
        tag = self.finished(work.tag(step), live)
        mark(body, self.form, live, {**our_marks(live, self.form), TAG_KEY: write_tag(tag)})
        self.account.update(self.path(live_id, live.within), body, beta=self.form.beta)
        return tag

    def finished(self, tag: Tag, live: Live) -> Tag:  # noqa: ARG002 - for what has files attached
        """The tag to write when everything is in place."""
        return tag

    # ── tags alone ────────────────────────────────────────────────────────────────────────────────────────────────────

    def put_tag(self, work: Work, step: Step, live: Live) -> None:
        """Give an object the tag of a step, and change nothing else."""
        body: Json = {}
        mark(body, self.form, live, {**our_marks(live, self.form), TAG_KEY: write_tag(work.tag(step))})
        self.account.update(self.path(live.id, live.within), body, beta=self.form.beta)

    def take_tag(self, work: Work, step: Step, live: Live) -> None:  # noqa: ARG002 - for what keeps it elsewhere
        """Take our marks off an object, and leave everything else."""
        body: Json = {}
        mark(body, self.form, live, {})
        path = self.path(live.id, live.within)
        answer = self.account.update(path, body, beta=self.form.beta)
        forget_keys(self.account, self.form, path, our_marks(live, self.form), answer)

    def holds_just(self, live: Live, wanted: Summary) -> bool:  # noqa: ARG002 - for what has files attached
        """Whether the object is known to hold just the declared files, without a look at them."""
        return False

    def known(self, live: Live) -> Live | None:  # noqa: ARG002 - for what has files attached
        """The object with its files as this machine noted them, where nothing came or went since, as far as it and its
        tag tell; None where they have to be listed."""
        return None

    def unmark_files(self, work: Work, live: Live, only: Collection[str] | None = None) -> None:
        """Take our marks off the attached files, or only off some."""

    def given_files(self, step: Step) -> set[str]:  # noqa: ARG002 - for what has some
        """The attached files that a declaration names by their ids: they are not ours, whoever marked them once."""
        return set()

    # ── deleting ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def delete(self, work: Work, step: Step, live: Live) -> None:
        """Files first: while the object is there it says which files are ours, so an interruption loses none."""
        doomed = sorted(self.doomed_files(step, live) - set(step.shared_files))
        for _ in work.pool.map(lambda file_id: self.account.delete(f"/files/{file_id}"), doomed):
            work.check()
        self.account.delete(self.path(live.id, live.within), beta=self.form.beta)

    def doomed_files(self, step: Step, live: Live) -> set[str]:  # noqa: ARG002 - for what has more
        """The ids of the files that go with an object. Raises StaleError where they are others than planned."""
        return set(carried_ids(live, self.kind))


def _spans(places: Sequence[int], page: int) -> Iterator[tuple[int, int]]:
    """The first and the last of the places that one page can show, for all of them."""
    first = last = None
    for place in places:
        if first is None or last is None or place - first >= page:
            if first is not None and last is not None:
                yield first, last
            first = place
        last = place
    if first is not None and last is not None:
        yield first, last


def _references(field: Field, value: Any) -> list[Ref]:
    found: list[Ref] = []
    field.over_ids(value, lambda each: found.append(each) if isinstance(each, Ref) else None)
    return found


def _name(names: Mapping[str, Ref], live_id: Any) -> Any:
    return names.get(live_id, live_id) if isinstance(live_id, str) else live_id


def _place(step: Step, path: Path) -> Position | None:
    """Where the author wrote what a step writes at `path`, as nearly as the step knows."""
    return next((each.position for each in step.changes if each.path[: len(path)] == path), step.position)


def _complete(body: Json, field: Field, live: Live, step: Step) -> None:
    """A map that is owned key by key may be replaced as a whole: it is written with the keys that are not ours."""
    if not isinstance(field, KeyedField):
        return
    forgotten = {key for name, key in step.forget_keys if name == field.name}
    if field.rest:
        # What this version does not know cannot be reset to anything but nothing.
        body.update(dict.fromkeys(forgotten))
        return
    reset = {key: value for key, value in field.key_defaults.items() if key in forgotten}
    before = {key: each for key, each in (dig(live.answer, field.body_path) or {}).items() if key not in forgotten}
    _keep(body, field.body_path, {**before, **(dig(body, field.body_path) or {}), **reset})


def _carry_over(body: Json, field: Field, live: Live) -> None:
    """Let what this version does not know of a live value survive its being written anew."""
    before, written = dig(live.answer, field.body_path), dig(body, field.body_path)
    if field.carry_over is not None and before is not None and written is not None:
        _keep(body, field.body_path, field.carry_over(written, before))


def _keep(body: Json, path: tuple[str, ...], value: Any) -> None:
    """Put the live value of a field that is not ours beside those that are written."""
    if value is not None:
        for key in path[:-1]:
            body = body.setdefault(key, {})
        body[path[-1]] = value
