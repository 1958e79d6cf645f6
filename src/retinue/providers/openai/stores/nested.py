"""Objects that stand in a collection below each object of another kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from retinue.kinds.stores import Nested
from retinue.model.steps import Step
from retinue.providers.openai.stores.plain import PlainStore
from retinue.providers.openai.work import Work


class NestedStore(PlainStore[Nested]):
    """The objects of one kind, below every object of its parent's kind."""

    __slots__ = ()

    def containers(self, ids: Mapping[str, Sequence[str]]) -> Sequence[str | None]:
        return ids.get(self.form.parent, ())

    def within(self, work: Work, step: Step) -> str | None:
        return step.within or str(work.with_ids((step.after or {})[self.form.field]))
