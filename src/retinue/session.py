"""A project, read and connected to its account: what everything else works on."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from retinue.config import Loaded, Project, load
from retinue.config.composition.layers import Defaults, no_defaults
from retinue.config.project import find
from retinue.content.manifest import Summary
from retinue.errors import AccountError, BlockedError, DeclarationError, UsageError
from retinue.kinds import all_kinds
from retinue.kinds.kind import Kinds
from retinue.model.declared import Declared, Diagnostic, Handover
from retinue.model.live import Live
from retinue.model.steps import AccountInfo, Block, Plan
from retinue.model.tag import is_retired
from retinue.model.values import Address
from retinue.planning.marker import account_block, different, missing_block
from retinue.planning.model_catalog import Model, Standing, model_warnings, standings
from retinue.planning.moves import check_handovers
from retinue.planning.resolve import Resolved, resolve
from retinue.providers.bundle.lock_file import LockFile, lock_name
from retinue.state.digest_index import DigestIndex

if TYPE_CHECKING:
    from retinue.providers.openai.client import Account
    from retinue.providers.openai.stack_lock import StackLock
    from retinue.providers.port import Providers
    from retinue.state.cache import Cache
    from retinue.state.upload_journal import UploadJournal


STATE = Path(".retinue")


TODAY = "RETINUE_TODAY"


@dataclass(frozen=True, slots=True)
class Where:
    """Which project, in which environment, with which variables. `environ` are the process's environment variables.

    `variables` win over those of `var_files`, and later files over earlier ones. Whoever is `offline` needs no secrets:
    the name of one that is not set stands in its place.
    """

    start: Path = Path()
    environment: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    var_files: tuple[Path, ...] = ()
    offline: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """What the files say: the project, what it declares, and what is to have another owner or name. `warnings` do not
    keep anybody from applying. `defaults` are those of declarations that are yet to be written."""

    project: Project
    resolved: Resolved
    warnings: tuple[Diagnostic, ...]
    handovers: tuple[Handover, ...] = ()
    defaults: Defaults = no_defaults

    @property
    def declared(self) -> tuple[Declared, ...]:
        return self.resolved.declared


@dataclass(slots=True)
class Session:
    """A project and its account, open. `live` is what the last look saw, and `notes` what was odd about it;
    `models_listed` says whether the account told which models there are when it was asked. `planned` is the plan that
    was made last, until it is carried out. `today`, where given, stands for the day by the account's clock.
    `parallelism` says how many requests may be under way at once; with `full_refresh`, plans read what is attached to
    objects even where their tags and counts say that it is as declared. `focus` are the kinds that a look is about,
    where not all are, and `rewritten` the ids of the only objects: of the others, the last look counts. `offered` are
    the models that the account listed, or why it could not be asked."""

    reading: Reading
    account: Account
    cache: Cache
    journal: UploadJournal
    kinds: Kinds
    live: tuple[Live, ...] = ()
    notes: tuple[Diagnostic, ...] = ()
    today: date | None = None
    models_listed: bool | None = None
    owner: str = "somebody"
    parallelism: int = 8
    full_refresh: bool = False
    planned: Plan | None = None
    focus: frozenset[str] | None = None
    rewritten: frozenset[str] | None = None
    offered: tuple[Model, ...] | AccountError | None = None
    _lock: StackLock | None = None
    _providers: Providers | None = None

    @property
    def lock(self) -> StackLock:
        """The marker of the stack in its account."""
        from retinue.providers.openai.stack_lock import StackLock

        if self._lock is None:
            self._lock = StackLock(self.account, self.kinds, self.cache, self.owner)
        return self._lock

    @property
    def day(self) -> date:
        return self.today or datetime.fromtimestamp(self.account.server_time(), UTC).date()

    @property
    def project(self) -> Project:
        return self.reading.project

    @property
    def lock_file(self) -> LockFile:
        """Where what is rendered instead of stored is kept."""
        return LockFile(self.project.root / lock_name(self.project.environment), self.project.stack)

    @property
    def providers(self) -> Providers:
        """The sorts of account by home: the project's own, and the lock file."""
        from retinue.providers.bundle.bundle_provider import HOME, BundleProvider
        from retinue.providers.openai.openai_provider import OpenAIProvider

        if self._providers is None:
            account = OpenAIProvider(self.account, self.kinds, self.cache, self.journal, self.project.root)
            self._providers = {None: account, HOME: BundleProvider(self.lock_file, self.kinds, account)}
        return self._providers

    def look(
        self,
        *,
        needed: Mapping[str, str],
        handovers: Sequence[Handover] = (),
        contents: Mapping[Address, Summary] = MappingProxyType({}),
        models: bool = False,
    ) -> None:
        """Take in what every provider has now, as `live`; of objects that hold just these `contents`, not what is
        attached. With `models`, those that the account offers, too, where declarations use any. Raises BlockedError
        when the account is not the project's."""
        from retinue.providers.port import Wanted

        self.account.limit(self.parallelism)
        used = {each.address.kind for each in self.reading.declared} | {address.kind for address in self.cache.ids}
        # What an interrupted apply left may be attached, and must not be taken for a spare.
        trusted = {} if self.journal.entries else contents
        asked = self.reading.resolved.models if models and self.focus is None else ()
        wanted = Wanted(needed, used, handovers, self.parallelism, trusted, self.focus, asked)
        if self.rewritten is not None:
            self.live = tuple(self.providers[None].again(self.live, self.rewritten, wanted))
            check_account(self)
            return
        elsewhere = [live for home, each in self.providers.items() if home for live in each.snapshot(wanted).live]
        if self.focus is not None:
            elsewhere += [live for live in self.live if live.home is None and live.kind not in self.focus]
        snapshot = self.providers[None].snapshot(wanted, elsewhere)
        before = self.notes if self.focus is not None else ()
        self.live, self.notes = tuple(snapshot.live), tuple(dict.fromkeys((*before, *snapshot.notes)))
        if asked:
            self.offered, self.models_listed = snapshot.models, isinstance(snapshot.models, tuple)
        check_account(self)
        self.lock.sight(snapshot.served, snapshot.markers)

    def concerned(self, made: Plan) -> frozenset[str]:
        """The kinds that a plan, the stack or its marker has anything to do with. No apply of this stack changes what
        there is of others, so that they need no second look."""
        declared = {each.address.kind for each in self.reading.declared}
        planned = {step.address.kind for step in (*made.steps, *made.retags)}
        known = {address.kind for address in (*self.cache.ids, *self.cache.gone)}
        handed = {each.address.kind for each in self.reading.handovers}
        ours = {live.kind for live in self.live if live.tag and live.tag.stack == self.project.stack}
        return frozenset(declared | planned | known | handed | ours | self.lock.marked)

    def overwritten(self, made: Plan) -> frozenset[str] | None:
        """The ids of the objects that a plan is about, where it does nothing but write over what is there; None where
        something comes or goes, which may have changed more than that."""
        steps = (*made.steps, *made.retags)
        ids = frozenset(step.id for step in steps if step.action == "update" and step.id and step.home is None)
        return ids if len(ids) == len(steps) and not any(is_retired(step.tag) for step in steps) else None

    def owned_ids(self) -> set[str]:
        """The ids of the stack's objects in the account, as the last look saw them."""
        ours = (live for live in self.live if live.tag and live.tag.stack == self.project.stack and live.home is None)
        return {live.id for live in ours if not is_retired(live.tag)}

    def held_files(self) -> set[str]:
        """The ids of the files that live objects are known to hold."""
        return {file_id for live in self.live for file_id in (*live.made_files, *(each.id for each in live.files))}

    def locks(self, made: Plan) -> bool:
        """Whether a plan writes where others may be writing."""
        return any(self.providers[step.home].capabilities.lock for step in made.steps)


# ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def load_from(where: Where, *, strict: bool = True, instead: Mapping[str, bytes] = MappingProxyType({})) -> Loaded:
    """Read the files, whether or not all in them is right. Unless `strict`, variables may be given that are not
    declared. `instead` is what files of the project would hold. What has to be read of large knowledge is noted in
    `.retinue`, if that can be written."""
    file = find(where.start)
    digests = DigestIndex(file.parent / STATE) if file else None
    loaded = load(
        where.start,
        environment=where.environment,
        variables=where.variables,
        var_files=where.var_files,
        environ=where.environ,
        kinds=all_kinds(),
        strict=strict,
        instead=instead,
        stand_ins=("secret",) if where.offline else (),
        digests=digests,
    )
    if digests:
        digests.save()
    return loaded


def served_project(where: Where) -> Project | None:
    """The project whose local account is served, None where there is none that can be used: its mistakes are no reason
    to show nothing. Raises DeclarationError where nobody can tell which environment is meant, since each may have an
    account of its own."""
    loaded = load_from(where)
    unclear = [each for each in loaded.diagnostics if each.code in ("environment-required", "unknown-environment")]
    if unclear:
        raise DeclarationError.of(unclear)
    return loaded.project


def check(where: Where) -> tuple[Reading | None, tuple[Diagnostic, ...]]:
    """Read the declarations and find every mistake, offline. Without errors there is a reading to go on with."""
    return check_loaded(load_from(where))


def check_everywhere(where: Where) -> tuple[dict[str, Reading | None], tuple[Diagnostic, ...]]:
    """The same in every environment, by name. A mistake that is not one in all of them says where it is."""
    outline = load_from(where).outline
    checked = {name: check(replace(where, environment=name)) for name in (outline.environments if outline else ())}
    found: dict[Diagnostic, list[str]] = {}
    for name, (_, diagnostics) in checked.items():
        for each in diagnostics:
            found.setdefault(each, []).append(name)
    told = (
        each if len(names) == len(checked) else replace(each, message=f"{each.message} (in {', '.join(names)})")
        for each, names in found.items()
    )
    return {name: reading for name, (reading, _) in checked.items()}, tuple(told)


def check_loaded(loaded: Loaded) -> tuple[Reading | None, tuple[Diagnostic, ...]]:
    """What was read, resolved: every mistake, and without errors a reading."""
    home = loaded.project.api if loaded.project else None
    kinds = all_kinds()
    resolved = resolve(
        loaded.declarations,
        kinds,
        complete=loaded.complete,
        home=home,
        seal=loaded.seal,
        secrets=loaded.variables.secrets,
        left_out=loaded.left_out,
    )
    stack = loaded.project.stack if loaded.project else None
    said, declarations = loaded.handovers, loaded.declarations
    handed = check_handovers(said, declarations, kinds, stack=stack, complete=loaded.complete) if said else ()
    found = loaded.excerpts.fill((*loaded.diagnostics, *resolved.diagnostics, *handed), resolved.plain)
    if loaded.project is None or any(each.severity == "error" for each in found):
        return None, found
    return Reading(loaded.project, resolved, found, loaded.handovers, loaded.defaults), found


def read(where: Where) -> Reading:
    """Read the declarations. Raises DeclarationError with every mistake at once."""
    return read_loaded(load_from(where))


def read_loaded(loaded: Loaded) -> Reading:
    """What was read, resolved. Raises DeclarationError with every mistake at once."""
    reading, found = check_loaded(loaded)
    if reading is None:
        raise DeclarationError.of(found)
    return reading


# ── opening ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def open_session(where: Where, *, parallelism: int = 8) -> Iterator[Session]:
    """Read the declarations and connect to their account. Raises DeclarationError or CredentialError; sends nothing."""
    reading = read(where)
    # openai takes half a second to import: only what talks to an account pays it.
    from retinue.providers.openai.connect import open_account
    from retinue.state.cache import Cache
    from retinue.state.upload_journal import UploadJournal

    project = reading.project
    today = _today(where.environ)
    account = open_account(project.account, root=project.root, environ=where.environ, hidden=reading.resolved.hidden)
    try:
        known = (project.root / STATE, account.info, project.stack)
        cache, journal = Cache.load(*known), UploadJournal.load(*known)
        owner = owner_of(where.environ)
        yield Session(reading, account, cache, journal, all_kinds(), today=today, owner=owner, parallelism=parallelism)
    finally:
        account.close()


def owner_of(environ: Mapping[str, str]) -> str:
    """Who is working here, for others who wait: the run of a pipeline as an address to look at, else user and host."""
    if environ.get("GITHUB_RUN_ID"):
        server, repository = (
            environ.get("GITHUB_SERVER_URL", "https://github.com"),
            environ.get("GITHUB_REPOSITORY", ""),
        )
        return f"{server}/{repository}/actions/runs/{environ['GITHUB_RUN_ID']}"
    for name in ("CI_JOB_URL", "BUILD_URL"):
        if environ.get(name):
            return environ[name]
    import getpass
    import socket

    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container may run under a number that nobody has
        user = "somebody"
    return f"{user}@{socket.gethostname()}"


def _today(environ: Mapping[str, str]) -> date | None:
    """The day that somebody asked us to pretend it is, to look ahead or to repeat what was printed once."""
    text = environ.get(TODAY)
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise UsageError(f"{TODAY} is '{text}', which is not a date", hint=f"write {TODAY}=2027-01-31") from error


# ── what the account says ─────────────────────────────────────────────────────────────────────────────────────────────


def check_account(session: Session) -> None:
    """Raises BlockedError when the account answers for another project or organization than retinue.yaml names."""
    setting = session.project.account
    if not isinstance(setting, dict):
        return
    told = different(setting.get("organization"), setting.get("project"), session.account.info)
    if told:
        word, wanted, answered = told
        raise BlockedError(
            f"the account answers for the {word} '{answered}', and the account of this stack is the {word} '{wanted}'",
            hint=f"use a key of that {word}, or correct 'account' in retinue.yaml",
        )


def account_blocks(session: Session, remembered: int) -> Iterator[Block]:
    """What makes the account look like another one than the stack lives in. `remembered` is how many objects this
    machine knew of before it looked."""
    marker, cache, info = session.lock.seen, session.cache, session.account.info
    if marker is not None:
        lived = AccountInfo("", organization=marker.organization, project=marker.project)
        blocks = [account_block(lived, info, where="the marker places")]
        where, why = "the marker tells of", "somebody deleted them, or the account does not list them all"
        blocks.append(missing_block(marker.owned, len(session.owned_ids()), where=where, why=why))
    else:
        lived = AccountInfo("", organization=cache.organization, project=cache.project)
        blocks = [account_block(lived, info, where="this machine last saw")]
        why = "the account or the key may be another one than before, or somebody destroyed the stack"
        blocks.append(missing_block(remembered, len(session.owned_ids()), where="this machine remembers", why=why))
    yield from (block for block in blocks if block)


def models(session: Session) -> tuple[Standing, ...]:
    """Every model that the account lists or that declarations use, the most pressing first. It is asked unless the last
    look did.

    Raises AccountError when the account cannot be reached.
    """
    from retinue.providers.openai.model_list import list_models

    used = session.reading.resolved.models
    if session.models_listed is None:
        session.models_listed = False
        session.offered = list_models(session.account, used)
        session.models_listed = session.offered is not None
    if isinstance(session.offered, AccountError):
        raise session.offered
    return standings(session.offered, used, session.day)


def check_models(session: Session) -> tuple[Diagnostic, ...]:
    """Warnings about the declared models. Asks nothing when there are none. Raises AccountError like `models`."""
    if not session.reading.resolved.models:
        return ()
    return model_warnings(models(session), session.day)
