"""What is at hand while the steps of a plan are carried out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any

from retinue.errors import StaleError
from retinue.kinds.kind import Kind
from retinue.model.live import Live
from retinue.model.steps import FieldChange, Step
from retinue.model.tag import Tag, is_retired
from retinue.model.values import Address, Gone, Ref, Sealed
from retinue.providers.openai.answers import Json
from retinue.providers.openai.client import Account
from retinue.providers.openai.uploads import Carried, Uploader
from retinue.state.cache import Cache

Report = Callable[[int, int, str], None]
"""Hears of progress: how many files of how many, and what is being done with them."""


@dataclass(slots=True)
class Work:
    """One apply under way.

    `ids` grows as objects come to be, `known` are the live ids of the plan, `check` raises once a person asked to stop;
    `wait_timeout` is how long the files of an object are waited for, in seconds (Run), `common` what several steps
    bring in. `tags` are those of steps that found the account to make something else of what they wrote, `unkept` says
    what of what, by the keys of the steps; `written` are the objects as their updates were answered.
    """

    account: Account
    cache: Cache
    uploader: Uploader
    pool: Executor
    ids: dict[Address, str]
    known: frozenset[str]
    check: Callable[[], None]
    wait_timeout: float | None
    common: frozenset[tuple[str, str]]
    tags: dict[str, Tag] = field(default_factory=dict)
    unkept: dict[str, tuple[FieldChange, ...]] = field(default_factory=dict)
    written: dict[str, Live] = field(default_factory=dict)

    def tag(self, step: Step) -> Tag:
        """The tag that says that all of a step was applied."""
        return self.tags.get(step.key) or tag_of(step)

    def is_ours(self, live: Live, address: Address) -> bool:
        ours = live.tag is not None and (live.tag.stack, live.tag.address) == (self.cache.stack, address)
        return ours and not is_retired(live.tag)

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


def tag_of(step: Step) -> Tag:
    """The tag that a step writes."""
    if step.tag is None:
        raise TypeError(f"the step '{step.key}' has no tag")
    return step.tag
