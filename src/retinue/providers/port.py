"""What the engine needs of an account, whatever sort it is. One implementation a folder."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from retinue.content.manifest import Summary
from retinue.errors import AccountError
from retinue.model.declared import Declared, Diagnostic, Handover
from retinue.model.live import Live
from retinue.model.steps import Block, FieldChange, Removal, Step
from retinue.model.tag import Tag
from retinue.model.values import Address
from retinue.planning.marker import Lease
from retinue.planning.model_catalog import Model

WAIT_TIMEOUT = 1800.0
"""Seconds for which files are waited for to be indexed: the service may leave one in progress for ever [V §10.5]."""
Report = Callable[[int, int, str], None]
"""Hears of progress: how many files of how many, and what is being done with them."""


class Outcome(NamedTuple):
    """How a step went: the live id of its object, path → reason for files that could not be brought in, and the values
    that the account did not keep as they were given, with what it made of them."""

    id: str | None
    failures: Mapping[str, str] = MappingProxyType({})
    unkept: tuple[FieldChange, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a snapshot is for: the kinds in use, with who uses them, and handovers that may make more objects ours.

    A kind in use that an account does not serve is an error; of the others nothing is said. Of those that are `used`
    the stack may have objects, so that an odd answer is not taken for an account without them. `contents` are the files
    that objects are declared to hold: where an object's tag and counts say that it holds just those, they are not read.
    `only` are the kinds to look at, where not all are. `models` are the names of those in use, where it is asked which
    there are.
    """

    needed: Mapping[str, str] = field(default_factory=dict)
    used: Collection[str] = ()
    handovers: Sequence[Handover] = ()
    parallelism: int = 8
    contents: Mapping[Address, Summary] = field(default_factory=dict)
    only: Collection[str] | None = None
    models: Collection[str] = ()

    def covers(self, kind: str) -> bool:
        """Whether a kind is to be looked at."""
        return self.only is None or kind in self.only


@dataclass(slots=True)
class Snapshot:
    """What an account has: its objects, the kinds that it serves, and the markers of all stacks, each with its kind.
    `order` are the ids of each kind as they were listed, `notes` warnings about answers that stop nobody. `models` are
    those that it offers, None where it does not say, or why nobody knows; nothing unless they were asked for."""

    live: list[Live] = field(default_factory=list)
    served: set[str] = field(default_factory=set)
    markers: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    order: dict[str, list[str]] = field(default_factory=dict)
    notes: list[Diagnostic] = field(default_factory=list)
    models: tuple[Model, ...] | AccountError | None = ()


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a sort of account can do: see to it that there is one apply at a time, because others write to it, too."""

    lock: bool = True


@dataclass(slots=True)
class Run:
    """One apply under way: `ids` grows as objects come to be, `known` are the live ids of the plan, `held` the files
    that live objects are known to hold; `check` raises once a person asked to stop; `pool` is for files. `wait_timeout`
    is how long files are waited for to be indexed, in seconds, for each object; 0: not at all, None: as long as its
    declaration says, else `WAIT_TIMEOUT`. `common` is what several steps bring in (content.manifest_diff)."""

    ids: dict[Address, str]
    known: frozenset[str]
    held: frozenset[str]
    check: Callable[[], None]
    pool: Executor
    wait_timeout: float | None = None
    common: frozenset[tuple[str, str]] = frozenset()


class Runner(Protocol):
    """Carries single steps out, in many threads; one for each apply."""

    def run(self, step: Step, report: Report) -> Outcome:
        """Carry a step out. Raises RetinueError, StaleError when the account is not as the plan found it."""

    def close(self, *, complete: bool) -> None:
        """The last step has ended; `complete` unless somebody asked to stop."""


class Provider(Protocol):
    """One sort of account. A session holds them by home."""

    @property
    def capabilities(self) -> Capabilities: ...

    @property
    def judges(self) -> Collection[str]:
        """The kinds that `preflight` and `parts` have something to ask about."""

    def snapshot(self, wanted: Wanted, others: Sequence[Live] = ()) -> Snapshot:
        """Everything that is there. `others` are objects elsewhere, which may refer to some of it."""

    def again(self, seen: Sequence[Live], ids: Collection[str], wanted: Wanted) -> Iterable[Live]:
        """What was `seen`, with those of the `ids` as they are now; what is gone is left out."""

    def find(self, step: Step, owner: Tag | None) -> Live | None:
        """The object of a step as it is now, with its files where the step is about any; None when it is gone.

        `owner` is the tag that it is known to carry.
        """

    def glimpse(self, steps: Sequence[Step]) -> Mapping[str, Live]:
        """Those of the steps' objects, by the steps' keys, that are read together in fewer requests than by `find`. A
        list may be a moment old: what is not as it should be is asked for by itself."""

    def closer(self, step: Step, live: Live) -> Live:
        """An object with what a step is about as it is now, where it was `noted` only."""

    def preflight(self, steps: Iterable[Step], known: Mapping[str, Live]) -> Iterator[Block]:
        """What forbids the steps because the account does not have it: versions that declarations name."""

    def missing(self, ids: Collection[tuple[str | None, str]]) -> set[tuple[str | None, str]]:
        """Which of these ids, each with its kind or None for a file, are not there."""

    def parts(self, step: Step, live: Live) -> tuple[int, tuple[Removal, ...]]:
        """How many parts an object has that no snapshot reads, and those of them that go with a step. Raises
        AccountError: what cannot be named is not taken away."""

    def left_behind(
        self, declared: Iterable[Declared], live: Collection[Live], cut_off: Lease
    ) -> AbstractContextManager[None]:
        """While open, files are used that an apply left which was `cut_off` on another machine."""

    def begin(self, run: Run) -> Runner:
        """Get ready to carry steps out."""

    def whole(self, live: Live) -> Live:
        """An object with what is read of the stack's objects only."""

    def contents(self, live: Live) -> dict[str, bytes]:
        """The files that an object consists of, by path, without our marks."""

    def pages(self, kind: str) -> Iterator[dict[str, Any]]:
        """Every object of a kind as the account returns it, for what reads other accounts' objects."""

    def document(self, live: Live) -> dict[str, Any]:
        """An object as the account returned it, unknown fields included, as plain data."""

    def handed_out(self, live: Live) -> Any:
        """What an application needs of an object."""


Providers = Mapping[str | None, Provider]
"""By home; None is the account's own."""
