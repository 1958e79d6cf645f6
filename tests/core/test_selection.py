"""What a selection narrows a plan to: laws over random stacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from retinue.errors import UsageError
from retinue.model.declared import Declared
from retinue.model.live import Live
from retinue.model.selector import Selection, Selector
from retinue.model.steps import Plan
from retinue.model.values import Address, Ref
from retinue.planning.documents.plan_digest import plan_digest
from retinue.planning.documents.plan_document import from_document, to_document
from retinue.planning.planner import make_plan
from retinue.planning.selection import candidates, pick, planned_targets
from tests.plans.cases import KINDS, LOCAL, STACK, declared, live

FEW = settings(max_examples=40)
NAMES = ("a", "b", "aa", "ab", "ba")
TEXTS = ("assistant.a", "assistant.a*", "*.b", "label:team=x", "label:team", "vector_store.*", "*.?")
selectors = st.lists(st.sampled_from(TEXTS).map(Selector.parse), min_size=1, max_size=3).map(tuple)


@st.composite
def stacks(draw: st.DrawFn) -> tuple[list[Declared], list[Live]]:
    """Some assistants, which use some stores; of all, some are live already, changed or not."""
    stores = draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1))
    bots = draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1))
    wanted, found = [], []
    for kind, several in (("vector_store", stores), ("assistant", bots)):
        for name in several:
            address = Address(kind, name)
            used = [Address("vector_store", each) for each in draw(st.lists(st.sampled_from(stores), max_size=1))]
            spec: dict[str, Any] = {"name": name} if kind == "vector_store" else {"model": "gpt-4o"}
            if used and kind == "assistant":
                spec["vector_store_ids"] = [Ref(each) for each in used]
            labels = {"team": draw(st.sampled_from("xy"))} if draw(st.booleans()) else {}
            wanted.append(replace(declared(address, spec), labels=labels))
            if draw(st.booleans()):
                plain = {"name": draw(st.sampled_from([name, "other"]))}
                found.append(live(f"{kind}_{name}", address, plain if kind == "vector_store" else {"model": "gpt-4o"}))
    return wanted, found


def planned(stack: tuple[list[Declared], list[Live]], targets: Sequence[Address], **options: Any) -> Plan:
    wanted, found = stack
    return make_plan(wanted, found, KINDS, stack=STACK, account=LOCAL, targets=targets, **options)


def narrowed(stack: tuple[list[Declared], list[Live]], selection: Selection) -> tuple[Address, ...]:
    """The targets; nothing for a selection that there is none of, or that leaves out what is needed."""
    try:
        return planned_targets(selection, stack[0], KINDS)
    except UsageError:
        return ()


@FEW
@given(stacks(), selectors)
def test_a_selection_and_its_addresses_are_one_plan(stack: Any, target: tuple[Selector, ...]) -> None:
    said = Selection(target)
    targets = narrowed(stack, said)
    assume(targets)
    spelled_out = Selection(tuple(map(Selector.of, targets)))
    assert narrowed(stack, spelled_out) == targets
    one, other = (replace(planned(stack, targets), selection=each) for each in (said, spelled_out))
    assert one == other
    assert plan_digest(one) == plan_digest(other)


@FEW
@given(stacks(), selectors)
def test_to_exclude_is_to_target_everything_else(stack: Any, exclude: tuple[Selector, ...]) -> None:
    targets = narrowed(stack, Selection(exclude=exclude))
    if targets:
        out = pick(Selection(exclude), candidates(stack[0]), KINDS)
        assert set(targets) == {each.address for each in stack[0]} - out
        assert targets == narrowed(stack, Selection(tuple(map(Selector.of, targets))))
        assert not out & {step.address for step in planned(stack, targets).steps}


@FEW
@given(stacks(), selectors, selectors)
def test_what_is_excluded_is_never_planned(stack: Any, target: Any, exclude: Any) -> None:
    targets = narrowed(stack, Selection(target, exclude))
    if targets:
        out = pick(Selection(exclude), candidates(stack[0]), KINDS)
        assert not out & {step.address for step in planned(stack, targets).steps}


@FEW
@given(stacks(), selectors)
def test_to_destroy_a_part_and_then_the_rest_is_to_destroy_everything(stack: Any, target: Any) -> None:
    targets = narrowed(stack, Selection(target))
    rest = tuple(each.address for each in stack[0] if each.address not in targets)
    whole = {step.key for step in planned(stack, (), destroy=True).steps}
    parts = [
        {step.key for step in planned(stack, each, destroy=True).steps} if each else set() for each in (targets, rest)
    ]
    if targets:
        assert parts[0] | parts[1] == whole
        assert not parts[0] & parts[1]


@FEW
@given(stacks(), selectors, selectors)
def test_a_plan_document_keeps_what_was_selected(stack: Any, target: Any, exclude: Any) -> None:
    said = Selection(target, exclude)
    made = replace(planned(stack, (stack[0][0].address,)), selection=said)
    again = from_document(to_document(made))
    assert (again.targets, again.selection) == (made.targets, said)
    plain = replace(made, selection=Selection(tuple(each for each in target if each.exact)))
    assert "selection" not in to_document(plain)
    assert plan_digest(plain) == plan_digest(made)


BOOK, DESK = Address("vector_store", "book"), Address("assistant", "desk")
TWO = [declared(BOOK, {"name": "Book"}), declared(DESK, {"model": "gpt-4o", "vector_store_ids": [Ref(BOOK)]})]


def test_what_is_needed_cannot_be_excluded() -> None:
    for target in ((), (Selector.of(DESK),), (Selector.parse("*.*"),)):
        with pytest.raises(UsageError) as caught:
            planned_targets(Selection(target, (Selector.of(BOOK),)), TWO, KINDS)
        assert caught.value.message == "assistant.desk needs vector_store.book, which is excluded"
    both = (Selector.of(BOOK), Selector.of(DESK))
    with pytest.raises(UsageError, match="all that is selected is excluded, too"):
        planned_targets(Selection(exclude=both), TWO, KINDS)
    assert planned_targets(Selection(exclude=both[1:]), TWO, KINDS) == (BOOK,)


def test_what_stays_keeps_what_it_needs() -> None:
    found = [
        live("vs_1", BOOK, {"name": "Book"}),
        live("asst_1", DESK, {"model": "gpt-4o", "vector_store_ids": ["vs_1"]}),
    ]
    made = planned((TWO, found), (BOOK,), destroy=True)
    assert [(each.code, each.address) for each in made.blocks] == [("still-used", DESK)]
    assert made.blocks[0].message.startswith("assistant.desk needs vector_store.book, which would be deleted: target")
    assert not planned((TWO, found), (DESK,), destroy=True).blocks
    assert not planned((TWO, found), (BOOK, DESK), destroy=True).blocks
