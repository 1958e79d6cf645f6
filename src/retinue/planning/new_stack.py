"""A stack that would be made from nothing beside another one of the same project: most often, an environment was
forgotten."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from retinue.model.declared import Diagnostic
from retinue.model.live import Live
from retinue.model.steps import Block, Plan
from retinue.model.tag import is_retired


def new_stack_warnings(made: Plan, live: Iterable[Live], siblings: Mapping[str, str | None]) -> Iterator[Diagnostic]:
    """Whether the plan makes a stack beside others, told once. `siblings` are the other stacks of the project, each
    with its environment (None: without one)."""
    creates = any(step.action == "create" and step.home is None for step in made.steps)
    if made.owned or made.destroy or not creates:
        return
    taken = {step.held.stack for step in made.steps if step.held is not None}
    found = Counter(
        each.tag.stack
        for each in live
        if each.tag and each.home is None and not is_retired(each.tag) and each.tag.stack in siblings.keys() - taken
    )
    if not found:
        return
    others = [{"stack": each, "environment": siblings[each], "objects": found[each]} for each in sorted(found)]
    told = ", ".join(_other(each, siblings[each], found[each]) for each in sorted(found))
    named = made.chosen_by == "option"
    first = next((siblings[each] for each in sorted(found) if siblings[each]), None)
    hint = (
        f"if that one is meant, run again with -e {first}" if first else "if that one is meant, choose its environment"
    )
    yield Diagnostic(
        "warning",
        "new-stack",
        f"'{made.stack}' ({_environment(made.environment)}) would be a new stack beside {told}",
        hint="nothing of those changes" if named else f"{hint}; if a new one is, apply asks, or takes --new-stack",
        details={"stack": made.stack, "environment": made.environment, "beside": others, "named": named},
    )


def _other(stack: str, environment: str | None, objects: int) -> str:
    return f"'{stack}' ({_environment(environment)}, {objects} {'object' if objects == 1 else 'objects'})"


def _environment(name: str | None) -> str:
    return f"environment {name}" if name else "no environment"


def new_stack_block(warnings: Iterable[Diagnostic]) -> Block | None:
    """The guard of unattended applies: a second stack is made only where somebody said so, by -e or --new-stack."""
    found = next((each for each in warnings if each.code == "new-stack" and not each.details.get("named")), None)
    if found is None:
        return None
    message = f"{found.message}, and nobody said that it is meant"
    hint = f"{found.hint.partition(';')[0]}; if a new one is, add --new-stack" if found.hint else None
    return Block("new-stack", message, override="--new-stack", hint=hint)
