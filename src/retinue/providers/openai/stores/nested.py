"""Objects that stand in a collection below each object of another kind."""

from __future__ import annotations

from collections.abc import Iterable

from retinue.kinds.stores import Nested
from retinue.model.live import Live
from retinue.model.steps import Step
from retinue.providers.openai.stores.plain import PlainStore
from retinue.providers.openai.work import Work


class NestedStore(PlainStore[Nested]):
    """The objects of one kind, below every object of its parent's kind."""

    __slots__ = ()

    def containers(self, live: Iterable[Live]) -> Iterable[str | None]:
        return [each.id for each in live if each.kind == self.form.parent]

    def within(self, work: Work, step: Step) -> str | None:
        return step.within or str(work.with_ids((step.after or {})[self.form.field]))
