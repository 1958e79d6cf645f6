"""What is to change and what happened: changes, steps, the plan, events. They hold data; they decide nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from typing import Any, Literal, NamedTuple

from retinue.model.declared import ChosenBy, Diagnostic, Position
from retinue.model.selector import ALL, Selection
from retinue.model.tag import Tag, is_retired
from retinue.model.values import Address, Cause, FileRef, Path

Action = Literal["create", "update", "delete", "adopt", "move", "release"]


FileAction = Literal["add", "attach", "replace", "attributes", "move", "remove", "wait"]
"""`move`: the file that is there gets another path, and maybe other attributes, without being sent again."""

REWRITTEN: frozenset[FileAction] = frozenset({"attributes", "move"})
"""What writes over the attributes of a file that stays."""


Status = Literal["started", "progress", "done", "incomplete", "failed", "interrupted", "skipped", "pending"]
"""`incomplete`: done, but for some files. `interrupted`: somebody asked to stop between its requests. `skipped`: it
needs a step that did not succeed. `pending`: it was not begun before somebody asked to stop."""


OVER: frozenset[Status] = frozenset({"done", "incomplete", "failed", "interrupted", "skipped", "pending"})
"""The statuses after which nothing more happens to a step."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One difference inside an object. `before`/`after` are canonical values; `ABSENT` where there is none."""

    path: Path
    before: Any
    after: Any
    cause: Cause
    position: Position | None = None

    @property
    def field(self) -> str:
        return str(self.path[0])


@dataclass(frozen=True, slots=True)
class FileChange:
    """One difference in the files attached to an object.

    `file_ids` are the live files to take out once `path` can be searched as declared; `live_id` is the one that stays
    and is waited for or given new attributes. `after` is None for a removal. `attributes` are the author's, complete.
    `expects` are digests of the attributes that are written over or go with a file, by the file's id, where it has any.
    """

    action: FileAction
    path: str
    before: FileRef | None = None
    after: FileRef | None = None
    file_ids: tuple[str, ...] = ()
    live_id: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    chunking: Mapping[str, Any] | None = None
    reason: str | None = None
    cause: Cause = "config"
    position: Position | None = None
    expects: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_loss(self) -> bool:
        """Whether nothing stands under the path afterwards; a leftover beside the file that stays is none."""
        return self.action == "remove" and self.before is not None

    @property
    def touched(self) -> tuple[str, ...]:
        """The ids of the live files that go or get other attributes."""
        return (*self.file_ids, *([self.live_id] if self.live_id and self.action in REWRITTEN else []))


@dataclass(frozen=True, slots=True, order=True)
class Removal:
    """Something that goes from the account with a step, or with an apply, and is no object of a step itself.

    `name` is what people know it by: the number of a version, the path of a file, the stack of a marker. `id` is its
    live id, where the name is not unique in the account.
    """

    what: Literal["version", "file", "marker"]
    name: str
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One change of the plan, complete: whoever carries it out decides nothing.

    `after` is the canonical specification to reach (None for a deletion), `before` what the account has (None for a
    creation). `expects` are digests of the live values about to be written over: when one no longer holds, somebody was
    faster. `unset` names the fields that go back to the API's default; `forget_keys` are the pairs of field and key to
    reset in fields that are owned key by key. `needs` are the keys of the steps that must have succeeded first.
    `shared_files` are files that outlive a deletion, since another object carries them too. `home` is where the object
    lives, when that is not the account. `held` is the ownership tag that an object carries until the step gives it
    another one; a step that finds a third one stops. `within` is the live id of the object that a live one stands in.
    `removes` is what goes from the account besides the object and the attached files of `files`: whoever carries the
    step out takes away nothing else.
    """

    action: Action
    address: Address
    id: str | None = None
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    changes: tuple[FieldChange, ...] = ()
    files: tuple[FileChange, ...] = ()
    expects: Mapping[str, str] = field(default_factory=dict)
    unset: tuple[str, ...] = ()
    forget_keys: tuple[tuple[str, str], ...] = ()
    tag: Tag | None = None
    reason: str | None = None
    position: Position | None = None
    needs: tuple[str, ...] = ()
    replaces: bool = False
    protected: bool = False
    shared_files: tuple[str, ...] = ()
    home: str | None = None
    held: Tag | None = None
    within: str | None = None
    removes: tuple[Removal, ...] = ()

    @property
    def losses(self) -> tuple[Removal, ...]:
        """What goes from an object that stays, and nothing takes its place."""
        if self.action == "delete":
            return ()
        return (*self.removes, *(Removal("file", each.path) for each in self.files if each.is_loss))

    @property
    def leaves(self) -> bool:
        """Whether an object of the account is not the stack's any more afterwards."""
        return self.home is None and (self.action in ("delete", "release") or is_retired(self.tag))

    @property
    def brings(self) -> bool:
        """Whether an object of the account is the stack's afterwards, and was not before."""
        return self.home is None and self.action in ("create", "adopt", "move")

    @property
    def causes(self) -> frozenset[Cause]:
        """Why the step's differences exist, over fields and files."""
        return frozenset(each.cause for each in self.changes) | frozenset(each.cause for each in self.files)

    @property
    def place(self) -> str:
        """The address, and where it is declared."""
        return f"{self.address} ({self.position})" if self.position else str(self.address)

    @property
    def key(self) -> str:
        """Names the step inside its plan; where several objects may share an address, the id tells them apart."""
        suffix = f" {self.id}" if self.action in ("delete", "release") else ""
        return f"{self.action} {self.address}{suffix}"


@dataclass(frozen=True, slots=True)
class Block:
    """A reason why a plan may not be applied as it is. `override` is the option that a person may give, `hint` another
    way to go on."""

    code: str
    message: str
    address: Address | None = None
    override: str | None = None
    hint: str | None = None


class GivenId(NamedTuple):
    """A live id that a step writes as somebody declared it: the step's place, the kind that the id is of, None for a
    file."""

    address: Address
    place: str
    kind: str | None
    id: str


@dataclass(frozen=True, slots=True)
class AccountInfo:
    """Which account a plan is about, in words that are safe to print."""

    name: str
    url: str | None = None
    organization: str | None = None
    project: str | None = None


@dataclass(frozen=True, slots=True)
class Prices:
    """What the project file says that storage costs: a GB (10⁹ bytes) of what vector stores hold, for a day."""

    vector_store_gb_day: Decimal
    currency: str = "USD"


Basis = Literal["file_size", "usage_ratio"]
"""Where the size of new content comes from: it is that of the files, or that times what the store made of others."""


@dataclass(frozen=True, slots=True)
class StoreChange:
    """What one object comes to hold more and less, in bytes as they are billed.

    `added` is an estimate, on the `basis` where anything is new; `removed` is what the account tells of what goes.
    `unknown` counts the files that change and are in neither, since nothing tells of them.
    """

    address: Address
    added: int = 0
    removed: int = 0
    basis: Basis | None = None
    unknown: int = 0

    @property
    def bytes(self) -> int:
        return self.added - self.removed


@dataclass(frozen=True, slots=True)
class StorageChange:
    """What the storage of a plan's account changes by, over the `stores` where it does, and what that costs a day."""

    prices: Prices
    stores: tuple[StoreChange, ...] = ()

    @property
    def bytes(self) -> int:
        return sum(each.bytes for each in self.stores)

    @property
    def per_day(self) -> Decimal:
        """In the currency of the prices, exact."""
        with localcontext() as context:
            context.prec = 100
            return Decimal(self.bytes) * self.prices.vector_store_gb_day / 10**9


@dataclass(frozen=True, slots=True)
class Plan:
    """What an apply would do, in order. `targets` is set when the plan was narrowed and is therefore incomplete.

    `in_sync` counts the objects that need nothing. `foreign` and `unowned` count, per kind, what lives in the
    account under another stack's tag or without one. `ids` are the live ids that steps refer to. `retags` bring
    tags up to date whose objects are in sync; they change nothing that anybody sees. `owned` counts the stack's
    live objects. `given` are the ids that steps write as they were declared. `destroy`: it deletes everything that
    is owned. `retired` counts, per kind, what was let go and is to end by itself. `parts` counts the files and
    versions that the owned objects hold, as far as they are known. `removes` is what an apply takes away of
    Retinue's own that no step is about: a marker, what an apply that was cut off left behind. `storage` is what billed
    storage changes by, where the project has prices. `chosen_by` says who chose the environment, and `selection` how
    the targets were written: two plans that differ in nothing else are the same one.
    """

    stack: str
    account: AccountInfo
    steps: tuple[Step, ...] = ()
    warnings: tuple[Diagnostic, ...] = ()
    blocks: tuple[Block, ...] = ()
    targets: tuple[Address, ...] = ()
    in_sync: int = 0
    foreign: Mapping[str, int] = field(default_factory=dict)
    unowned: Mapping[str, int] = field(default_factory=dict)
    environment: str | None = None
    ids: Mapping[Address, str] = field(default_factory=dict)
    retags: tuple[Step, ...] = ()
    owned: int = 0
    destroy: bool = False
    retired: Mapping[str, int] = field(default_factory=dict)
    given: tuple[GivenId, ...] = ()
    parts: int = 0
    removes: tuple[Removal, ...] = ()
    storage: StorageChange | None = None
    chosen_by: ChosenBy | None = field(default=None, compare=False)
    selection: Selection = field(default=ALL, compare=False)

    @property
    def losses(self) -> tuple[tuple[Step, Removal], ...]:
        """What goes from objects that stay, with the step that takes it away."""
        return tuple((step, each) for step in self.steps for each in step.losses)

    @property
    def empty(self) -> bool:
        return not self.steps

    @property
    def reverts(self) -> tuple[Step, ...]:
        """The steps that would overwrite an edit somebody else made."""
        return tuple(step for step in self.steps if step.causes & {"drift", "conflict"})


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened while a plan was carried out. `seconds` is the time since the step started.

    `id` is the live id: of a creation, it is there once the account has answered that the object exists. `error` says
    what went wrong, and `hint` what to do about it. `done` and `total` count the files of a step in progress, `detail`
    says what was done with them. `failures` maps the paths of files that could not be brought in to the reasons.
    `unkept` are what the account made of values that it did not keep as they were given.
    """

    step: Step
    status: Status
    id: str | None = None
    seconds: float = 0.0
    error: str | None = None
    hint: str | None = None
    detail: str | None = None
    done: int = 0
    total: int = 0
    failures: Mapping[str, str] = field(default_factory=dict)
    unkept: tuple[FieldChange, ...] = ()
