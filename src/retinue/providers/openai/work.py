"""What is at hand while the steps of a plan are carried out, and what every kind of step does with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from retinue.errors import StaleError
from retinue.kinds.kind import Kind, Kinds
from retinue.kinds.place import Api
from retinue.model.live import Live
from retinue.model.steps import Step
from retinue.model.values import Address, Gone, Ref, Sealed
from retinue.planning.tag import is_retired
from retinue.providers.bundle.lock_file import LockFile
from retinue.providers.openai.client import Account, Json
from retinue.providers.openai.marks import place
from retinue.providers.openai.snapshot import read_live
from retinue.providers.openai.stores.version_content import with_content
from retinue.providers.openai.uploads import Carried, Uploader
from retinue.state.memory import Memory


@dataclass(slots=True)
class Work:
    """One apply under way.

    `ids` grows as objects come to be, `known` are the live ids of the plan, `check` raises once a person asked to stop,
    `lock` takes what is rendered instead of stored.
    """

    account: Account
    kinds: Kinds
    memory: Memory
    uploader: Uploader
    pool: Executor
    ids: dict[Address, str]
    known: frozenset[str]
    check: Callable[[], None]
    lock: LockFile | None = None

    def path(self, step: Step, api: Api, live_id: str) -> str:
        return place(api, live_id, self.within(step, api))

    def within(self, step: Step, api: Api) -> str | None:
        """The live id of the object that the step's object stands in, or is to stand in."""
        if api.within is None or step.within is not None:
            return step.within
        return str(self.with_ids((step.after or {})[api.within.field]))

    def is_ours(self, live: Live, address: Address) -> bool:
        ours = live.tag is not None and (live.tag.stack, live.tag.address) == (self.memory.stack, address)
        return ours and not is_retired(live.tag)

    def find_created(self, step: Step, kind: Kind, api: Api) -> str | None:
        """The object that a creation without an answer left behind: it carries our tag and was not there before."""
        path = api.collection(self.within(step, api))
        for raw in self.account.pages(path, page=api.page, beta=api.beta, order="desc"):
            if raw["id"] in self.known:
                continue
            live = read_live(with_content(self.account, self.memory, raw, kind), kind)
            if self.is_ours(live, step.address):
                return live.id
        return None

    def body(self, spec: Mapping[str, Any], kind: Kind, carried: Carried) -> Json:
        """The API's body for a specification, with live ids for references and files."""
        return kind.write({name: carried.ids.get(name, self.with_ids(value)) for name, value in spec.items()})

    def with_ids(self, value: Any) -> Any:
        """The value with every reference replaced by the id it stands for. Raises StaleError when there is none."""
        if isinstance(value, Ref):
            live_id = self.ids.get(value.address)
            if live_id is None:
                raise StaleError(f"{value.address} has no live object to refer to", hint="run the command again")
            return live_id
        if isinstance(value, Sealed):
            return self.with_ids(value.value)
        if isinstance(value, Mapping):
            return {key: self.with_ids(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.with_ids(each) for each in value if not isinstance(each, Gone)]
        return value
