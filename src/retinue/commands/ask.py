"""Asking what was applied: who is meant, the conversation with it, and the functions that its answers need."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retinue import engine
from retinue.errors import (
    AccountError,
    ExpiredError,
    Interrupted,
    RetinueError,
    UnfinishedError,
    UsageError,
)
from retinue.kinds.kind import Kind, Kinds
from retinue.model.declared import Declared
from retinue.model.live import Live
from retinue.model.selector import Selection, Selector, is_selector
from retinue.model.slips import near
from retinue.model.steps import Plan
from retinue.model.talk import AnswerEnded, CallsWaiting, FunctionCall, TalkEvent
from retinue.model.values import Address, FileRef, Gone, Ref, Sealed
from retinue.planning.matching import name_live
from retinue.planning.planner import summaries
from retinue.planning.selection import candidates, check_left_out, pick
from retinue.session import Reading, Session

if TYPE_CHECKING:
    from retinue.providers.openai.client import Account
    from retinue.providers.openai.conversations.conversation import Conversation


@dataclass(slots=True)
class Talk:
    """A conversation with one address."""

    address: Address
    conversation: Conversation
    another: Callable[[], Conversation]
    handlers: Mapping[str, str]
    root: Path
    names: dict[str, str] = field(default_factory=dict)

    def file_name(self, file_id: str) -> str:
        """What the account calls a file, asked for once."""
        from retinue.providers.openai.conversations.conversation import file_name

        if file_id not in self.names:
            self.names[file_id] = file_name(self.conversation.account, file_id)
        return self.names[file_id]

    def begin_anew(self, *, keep: bool) -> None:
        """Leave what was said, and begin with nothing."""
        self.conversation.end(keep=keep)
        self.conversation = self.another()

    def cancel(self) -> None:
        """Stop the answer that is under way. What cannot be stopped ends by itself."""
        with suppress(AccountError):
            self.conversation.cancel()


# ── who is asked ──────────────────────────────────────────────────────────────────────────────────────────────────────


def askable(declared: Sequence[Declared], kinds: Kinds) -> list[Declared]:
    """The declarations that can be asked something once they are applied."""
    return [each for each in declared if _kind(each, kinds).talk]


def _kind(declared: Declared, kinds: Kinds) -> Kind:
    return kinds[declared.address.kind].at(declared.home)


def find_declared(reading: Reading, kinds: Kinds, text: str) -> Declared:
    """The declaration that an address means, or a name that only one has, the beginning of either, or a selector that
    fits only one. Raises UsageError."""
    able = {str(each.address): each for each in askable(reading.declared, kinds)}
    if text in able:
        return able[text]
    if is_selector(text):
        return _only(text, able, kinds)
    named = [each for each in able.values() if each.address.name == text]
    if len(named) == 1:
        return named[0]
    if named:
        several = " or ".join(str(each.address) for each in named)
        raise UsageError(f"'{text}' is the name of several", hint=f"write {several}")
    for each in reading.declared:
        if text in (str(each.address), each.address.name):
            said = f"{each.address} cannot be asked anything: no {_kind(each, kinds).title} can"
            raise UsageError(said, hint=_choices(able))
    left_out = reading.resolved.left_out
    check_left_out((Selector.of(each) for each in left_out if text in (str(each), each.name)), left_out)
    begun = [
        each for each in able.values() if any(word.startswith(text) for word in (each.address.name, str(each.address)))
    ]
    if text and len(begun) == 1:
        return begun[0]
    words = {word: str(each.address) for each in able.values() for word in (each.address.name, str(each.address))}
    close = near(text, words)
    hint = f"did you mean {close[0]}?" if close else _choices(able)
    raise UsageError(f"nothing that can be asked is called '{text}'", hint=hint)


def _only(text: str, able: Mapping[str, Declared], kinds: Kinds) -> Declared:
    """The one that can be asked among those that a selector means."""
    bare = "." not in text and ":" not in text
    try:
        selector = replace(Selector.parse(f"*.{text}" if bare else text), text=text)
    except ValueError as error:
        raise UsageError(str(error)) from error
    meant = sorted(pick(Selection((selector,)), candidates(able.values()), kinds))
    if len(meant) > 1:
        several = ", ".join(map(str, meant[:8])) + (", …" if len(meant) > 8 else "")
        raise UsageError(f"'{text}' means {len(meant)} that can be asked: {several}", hint="choose one of them")
    return able[str(meant[0])]


def _choices(able: Mapping[str, Declared]) -> str:
    listed = ", ".join(list(able)[:8]) + (", …" if len(able) > 8 else "")
    return f"there are: {listed}" if able else "declare an assistant first: 'retinue init' writes one to start with"


def to_try(session: Session, applied: engine.Applied) -> str | None:
    """How somebody may ask what was applied just now, as an address or a name that is enough; None where nothing of it
    can be asked."""
    able = {each.address for each in askable(session.reading.declared, session.kinds)}
    done = [step.address for step in applied.plan.steps if step.action in ("create", "update")]
    first = next((each for each in done if each in able), None)
    if first is None or not applied.succeeded:
        return None
    return first.name if sum(each.name == first.name for each in able) == 1 else str(first)


# ── the conversation ──────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def open_talk(
    session: Session,
    text: str,
    *,
    note: Callable[[str], object],
    draft: bool = False,
    thread: str | None = None,
    keep: bool = False,
) -> Iterator[Talk]:
    """A conversation with what is applied at an address, or with `draft`, with what the files say now. `note` hears of
    what a person should know.

    `thread` goes on with one that the account has. In the end what was made for it is removed, unless it is to be
    kept. Raises UsageError for an address of nothing that can be asked, RetinueError where it is not applied.
    """
    declared = find_declared(session.reading, session.kinds, text)
    if text not in (declared.address.name, str(declared.address)):
        note(f"{text} → {declared.address}")
    kind = _kind(declared, session.kinds)
    made = engine.decide(session, trusted=summaries(session.reading.declared, session.kinds))
    by_address = {each.address: each for each in session.reading.declared}
    named = name_live(session.live, by_address, session.kinds, session.project.stack)
    live = named.owned.get(declared.address)
    if live is None and not draft:
        raise RetinueError(
            f"{declared.address} is not applied yet",
            hint="run 'retinue apply', or ask what the files say with --draft",
        )
    body = None
    if draft:
        body, notes = _draft(declared, kind, live, {address: each.id for address, each in named.owned.items()})
        behind = _behind(made) & set(_references(declared.spec)) & set(named.owned)
        notes += [f"the draft works with {each} as it is applied, and the files say something else" for each in behind]
        for each in notes:
            note(f"note: {each}")
    elif _behind(made) & {declared.address, *_references(declared.spec)}:
        note(
            f"note: {declared.address} answers as it is applied, and the files say something else: 'retinue plan' "
            "shows it, --draft asks it"
        )
    applied = session.providers[live.home].handed_out(live) if live else None

    def begin() -> Conversation:
        return _open(session, kind, str(declared.address), applied, body)

    conversation = begin()
    if thread is not None:
        conversation.resume(thread)
    talk = Talk(declared.address, conversation, begin, declared.handlers, session.project.root)
    try:
        yield talk
    except BaseException:
        talk.cancel()
        with suppress(AccountError):
            talk.conversation.end(keep=keep)
        raise
    try:
        talk.conversation.end(keep=keep)
    except AccountError as error:  # the answer is there all the same
        note(f"note: something of the conversation is left in the account: {error}")


def _open(session: Session, kind: Kind, title: str, applied: Any, draft: dict[str, Any] | None) -> Conversation:
    from retinue.providers.openai.conversations import response_talk, thread_talk
    from retinue.providers.openai.conversations.conversation import Asked

    forms: Mapping[str, Callable[[Account, Asked], Conversation]] = {
        "threads": thread_talk.ThreadTalk,
        "responses": response_talk.ResponseTalk,
    }
    return forms[str(kind.talk)](session.account, Asked(title, applied, draft, kind.store.collection(None)))


def _behind(made: Plan) -> set[Address]:
    """What an apply would change."""
    return {step.address for step in made.steps}


def _references(value: Any) -> Iterator[Address]:
    if isinstance(value, Ref):
        yield value.address
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _references(each)
    elif isinstance(value, list):
        for each in value:
            yield from _references(each)


def _draft(
    declared: Declared, kind: Kind, live: Live | None, ids: Mapping[Address, str]
) -> tuple[dict[str, Any], list[str]]:
    """What an application would send if the files were applied, as far as what they name is in the account already;
    and notes about what is not."""
    notes: list[str] = []
    spec = dict(declared.spec)
    for each in kind.uploads:
        if each.name in spec:
            spec[each.name] = _known_files(each.name, spec[each.name], live, notes)
    body = kind.write({name: _with_ids(value, ids, notes) for name, value in spec.items()})
    if kind.store.marks.field in body:
        body[kind.store.marks.field] = dict(body[kind.store.marks.field])
    return kind.store.as_sent(body), list(dict.fromkeys(notes))


def _known_files(name: str, files: Mapping[str, Any], live: Live | None, notes: list[str]) -> list[str]:
    there = {
        (file.path, file.sha256): file_id for file_id, file in (live.recorded.get(name, {}) if live else {}).items()
    }
    found = []
    for path, file in files.items():
        if not isinstance(file, FileRef):
            found.append(str(file))
        elif (file.path, file.sha256) in there:
            found.append(there[file.path, file.sha256])
        else:
            notes.append(f"the draft goes without '{path}', which only an apply uploads")
    return found


def _with_ids(value: Any, ids: Mapping[Address, str], notes: list[str]) -> Any:
    if isinstance(value, Ref):
        return ids.get(value.address)
    if isinstance(value, Sealed):
        return _with_ids(value.value, ids, notes)
    if isinstance(value, Mapping):
        return {key: _with_ids(each, ids, notes) for key, each in value.items()}
    if isinstance(value, list):
        missing = [each.address for each in value if isinstance(each, Ref) and each.address not in ids]
        notes += [f"the draft goes without {each}, which is not applied yet" for each in missing]
        kept = [each for each in value if not isinstance(each, Gone)]
        kept = [each for each in kept if not (isinstance(each, Ref) and each.address in missing)]
        return [_with_ids(each, ids, notes) for each in kept]
    return value


# ── an answer ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def exchange(
    talk: Talk,
    text: str,
    files: tuple[str, ...],
    *,
    carry_out: Callable[[FunctionCall], str],
    told: Callable[[TalkEvent], None],
) -> AnswerEnded:
    """Ask, tell everything that happens, have functions carried out, and give how it ended."""
    events = talk.conversation.ask(text, files)
    while True:
        last: TalkEvent | None = None
        try:
            for last in events:
                told(last)
        finally:
            events.close()  # whoever stops an answer lets go of its connection before anything else
        if isinstance(last, AnswerEnded):
            return last
        calls = last.calls if isinstance(last, CallsWaiting) else ()
        events = talk.conversation.give({each.id: carry_out(each) for each in calls})


def failure(ended: AnswerEnded) -> RetinueError | None:
    """What an answer that is not complete comes to, as an error; None for one that is."""
    because = f": {ended.reason.rstrip('.')}" if ended.reason else ""
    match ended.status:
        case "completed":
            return None
        case "incomplete":
            return UnfinishedError(f"the answer is not complete{because}", hint=_HINTS.get(ended.reason))
        case "expired":
            hint = "the account waits ten minutes for functions: answer them sooner, and ask again"
            return ExpiredError(f"the answer expired{because}", hint=hint)
        case "cancelled":
            return Interrupted("the answer was stopped")
        case "failed":
            code = f" ({ended.code})" if ended.code else ""
            return RetinueError(f"the answer failed{because}{code}", hint=_HINTS.get(ended.code, "ask again"))


_HINTS = {
    "server_error": "ask again; if it stays so, see to the model, or to where it is plugged in",
    "rate_limit_exceeded": "the account lets no more through for now: wait a minute, and ask again",
    "insufficient_quota": "the account has no credit left: look at its billing",
    "invalid_prompt": "the account does not take the question or the instructions: change them",
    "max_completion_tokens": "the answer was longer than it may be: ask for a shorter one",
    "max_output_tokens": "the answer was longer than it may be: ask for a shorter one, or raise max_output_tokens",
    "max_prompt_tokens": "the conversation is longer than it may be: begin a new one",
    "content_filter": "the account withheld the rest because of its content: ask otherwise",
}
