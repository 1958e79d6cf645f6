"""Objects some of whose fields are not written but brought about, each value by an endpoint of its own."""

from __future__ import annotations

from typing import Any

from retinue.kinds.fields import ActionField
from retinue.kinds.stores import WithActions
from retinue.model.steps import Step
from retinue.providers.openai.stores.plain import PlainStore
from retinue.providers.openai.work import Report, Work


class ActionStore(PlainStore[WithActions]):
    """The objects of one kind, with actions below them."""

    __slots__ = ()

    def pending(self, step: Step) -> dict[str, Any]:
        if step.action == "create":
            wanted = {name: each for name, each in (step.after or {}).items() if each != self.kind.field(name).default}
        else:
            changed = {change.field for change in step.changes}
            wanted = {name: each for name, each in (step.after or {}).items() if name in changed}
        return {name: each for name, each in wanted.items() if isinstance(self.kind.field(name), ActionField)}

    def follow_up(self, work: Work, step: Step, live_id: str, report: Report) -> dict[str, str]:  # noqa: ARG002
        for name, value in self.pending(step).items():
            field = self.kind.field(name)
            if isinstance(field, ActionField):
                work.check()
                path = f"{self.path(live_id, self.within(work, step))}/{field.actions[value]}"
                self.account.update(path, beta=self.form.beta)
        return {}
