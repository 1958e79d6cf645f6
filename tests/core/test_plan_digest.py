"""The digest of a plan: equal for plans that do the same to the same account, and for no others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinue.model.canonical import same
from retinue.model.declared import Declared, Diagnostic, Position
from retinue.model.live import Live
from retinue.model.steps import AccountInfo, Block, FieldChange, FileChange, Plan, Removal, Step
from retinue.model.tag import Tag
from retinue.model.values import ABSENT, Address, FileRef, Path, Ref
from retinue.planning.documents.plan_digest import DIGEST, plan_digest
from retinue.planning.documents.plan_document import from_document, to_document
from retinue.planning.planner import make_plan
from tests.plans import cases
from tests.plans.cases import CASES, KINDS, LOCAL, STACK, attached, declared, knowledge, live, seen

TUTOR, HELPER, HANDBOOK = Address("assistant", "tutor"), Address("assistant", "helper"), Address("vector_store", "book")

texts = st.text(max_size=8)
specs = st.fixed_dictionaries(
    {"model": st.sampled_from(["gpt-4o", "gpt-6-luna"]), "name": texts, "instructions": texts},
    optional={
        "temperature": st.sampled_from([0, 0.5, 1.0, 2]),
        "metadata": st.dictionaries(st.sampled_from(["team", "tier"]), texts, max_size=2),
    },
)


class Elsewhere:
    """Every part stands at some other place than before."""

    def __init__(self, line: int) -> None:
        self.line = line

    def at(self, path: Path, *, key: bool = False) -> Position:
        return Position(f"moved/{self.line}.yaml", self.line + len(path))


def planned(wanted: Any, found: Any, **options: Any) -> Plan:
    return make_plan(wanted, found, KINDS, **{"stack": STACK, "account": LOCAL, **options})


def world(*, before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[list[Declared], list[Live]]:
    """One of everything: an assistant that changes, one that goes, one that comes, a store with files."""
    stored = {"name": "Book", "files": knowledge("a.md", "a", 1) | knowledge("b.md", "b", 1)}
    renewed = {"name": "Book", "files": knowledge("a.md", "c", 1)}
    wanted = [
        declared(TUTOR, after),
        declared(Address("assistant", "new"), {"model": "gpt-4o", "vector_store_ids": [Ref(HANDBOOK)]}),
        declared(HANDBOOK, renewed),
    ]
    files = (attached(1, "a.md", "a", 1), attached(2, "b.md", "b", 1))
    found = [
        live("asst_1", TUTOR, before),
        live("asst_2", HELPER, {"model": "gpt-4o", "name": "Helper", "metadata": {"team": "one"}}),
        live("vs_1", HANDBOOK, stored, files=files),
    ]
    return wanted, found


# ── what does not count ───────────────────────────────────────────────────────────────────────────────────────────────


@given(specs, specs, st.randoms(use_true_random=False))
def test_the_order_of_the_inputs_does_not_count(before: Any, after: Any, random: Any) -> None:
    wanted, found = world(before=before, after=after)
    first = plan_digest(planned(wanted, found))
    random.shuffle(wanted)
    random.shuffle(found)
    mixed = [replace(each, files=tuple(reversed(each.files))) for each in found]
    assert plan_digest(planned(wanted, mixed)) == first


@given(specs, specs, st.integers(1, 1000))
def test_places_and_warnings_do_not_count(before: Any, after: Any, line: int) -> None:
    wanted, found = world(before=before, after=after)
    first = plan_digest(planned(wanted, found))
    moved = [replace(each, places=Elsewhere(line)) for each in wanted]
    warnings = [Diagnostic("warning", "model-shutdown", "it ends soon", Position("a.yaml", line))]
    later = planned(moved, found, warnings=warnings)
    assert plan_digest(later) == first
    assert plan_digest(replace(later, blocks=(Block("fail-on", "it was asked for"),), in_sync=line)) == first


@given(specs, specs, st.randoms(use_true_random=False))
def test_the_order_of_steps_and_changes_does_not_count(before: Any, after: Any, random: Any) -> None:
    made = planned(*world(before=before, after=after))
    steps = [
        replace(
            step,
            changes=tuple(random.sample(step.changes, len(step.changes))),
            files=tuple(random.sample(step.files, len(step.files))),
        )
        for step in made.steps
    ]
    random.shuffle(steps)
    assert plan_digest(replace(made, steps=tuple(steps))) == plan_digest(made)


def test_a_file_that_is_still_being_indexed_does_not_count_and_a_tag_brought_up_to_date_neither() -> None:
    """Both come and go by themselves."""
    spec = {"name": "Book", "files": knowledge("a.md", "a", 1)}
    other = declared(HELPER, {"model": "gpt-4o", "name": "Other"})

    def found(status: str) -> Plan:
        store = live("vs_1", HANDBOOK, {**spec, "name": "Old"}, files=(attached(1, "a.md", "a", 1, status=status),))
        return planned([declared(HANDBOOK, spec), other], [store, live("asst_1", HELPER, dict(other.spec))])

    waiting, settled = found("in_progress"), found("completed")
    assert [each.action for step in waiting.steps for each in step.files] == ["wait"]
    assert plan_digest(waiting) == plan_digest(settled)
    retagged = replace(settled, retags=(Step("update", HELPER, "asst_1", after={}),))
    assert plan_digest(retagged) == plan_digest(settled)


@pytest.mark.parametrize("name", CASES)
def test_a_plan_keeps_its_digest_in_its_document(name: str) -> None:
    made = CASES[name][0]()
    document = json.loads(json.dumps(to_document(made)))
    assert DIGEST.fullmatch(document["digest"])
    assert plan_digest(from_document(document)) == document["digest"] == plan_digest(made)


# ── what counts ───────────────────────────────────────────────────────────────────────────────────────────────────────


@given(specs, specs, specs)
def test_another_value_to_reach_counts(before: Any, after: Any, other: Any) -> None:
    one, two = (planned(*world(before=before, after=each)) for each in (after, other))
    reached = [[step.after for step in each.steps if step.address == TUTOR] for each in (one, two)]
    assert (plan_digest(one) == plan_digest(two)) == same(*reached)


@given(specs, specs, specs)
def test_another_value_that_is_written_over_counts(before: Any, edited: Any, after: Any) -> None:
    """Wherever the two live objects differ in what the plan would change, the plans differ."""
    one, two = (planned(*world(before=each, after=after)) for each in (before, edited))
    overwritten = [
        {(change.path, json.dumps(change.before, default=str)) for step in each.steps for change in step.changes}
        for each in (one, two)
    ]
    if overwritten[0] != overwritten[1]:
        assert plan_digest(one) != plan_digest(two)


def test_an_edit_of_what_is_about_to_be_deleted_counts() -> None:
    wanted, found = world(before=cases.MATH, after=cases.MATH)
    first = plan_digest(planned(wanted, found))
    helper = next(each for each in found if each.id == "asst_2")
    others = [each for each in found if each is not helper]
    for edit in ({"instructions": "By hand."}, {"metadata": {**helper.answer["metadata"], "team": "two"}}):
        edited = seen({**helper.answer, **edit}, helper.kind)
        assert plan_digest(planned(wanted, [*others, edited])) != first
    counted = seen({**helper.answer, "metadata": {**helper.answer["metadata"], "hits": "12"}}, helper.kind)
    assert plan_digest(planned(wanted, [*others, counted])) == first, "what an application writes beside us is not ours"


@pytest.mark.parametrize("name", [name for name in CASES if CASES[name][0]().steps])
def test_every_step_counts(name: str) -> None:
    made = CASES[name][0]()
    digests = {
        plan_digest(replace(made, steps=(*made.steps[:n], *made.steps[n + 1 :]))) for n in range(len(made.steps))
    }
    assert len(digests) == len(made.steps)
    assert plan_digest(made) not in digests


@pytest.mark.parametrize(
    "other",
    [
        {"stack": "other"},
        {"account": AccountInfo("openai", "https://api.openai.com/v1")},
        {"account": replace(LOCAL, organization="org-1")},
        {"account": replace(LOCAL, project="proj_1")},
    ],
    ids=str,
)
def test_the_stack_and_the_account_count(other: Any) -> None:
    wanted, found = world(before=cases.MATH, after=cases.MATH)
    made = planned(wanted, found)
    assert plan_digest(replace(made, **other)) != plan_digest(made)


OTHERS: dict[type, dict[str, Any]] = {
    Step: {
        "action": "release",
        "address": HELPER,
        "id": "asst_9",
        "after": {"name": "Other"},
        "changes": (),
        "files": (),
        "expects": {"name": "other."},
        "unset": ("name",),
        "forget_keys": (("metadata", "team"),),
        "tag": KINDS["assistant"].provisional(Tag(STACK, TUTOR), (), None),
        "replaces": True,
        "shared_files": ("file-9",),
        "home": "responses",
        "held": Tag("another", TUTOR),
        "within": "vault_9",
        "removes": (Removal("version", "9"),),
    },
    FieldChange: {"path": ("name", "x"), "before": ABSENT, "after": None},
    FileChange: {
        "action": "replace",
        "path": "c.md",
        "before": FileRef("a.md", "f" * 64),
        "after": FileRef("a.md", "a" * 63 + "b"),
        "file_ids": ("file-9",),
        "live_id": "file-9",
        "attributes": {"public": True},
        "chunking": None,
        "expects": {"file-9": "digest"},
    },
}
SAID = {
    Step: {"before", "reason", "position", "needs", "protected"},
    FieldChange: {"cause", "position"},
    FileChange: {"cause", "position", "reason"},
}


def parts() -> list[tuple[type, str]]:
    return [(kind, each.name) for kind in OTHERS for each in fields(kind) if each.name not in SAID[kind]]


@pytest.mark.parametrize(("kind", "name"), parts(), ids=lambda each: getattr(each, "__name__", each))
def test_every_part_counts_that_is_not_said_to_only_say_something(kind: type, name: str) -> None:
    """A part that a later version adds counts too: this test then asks for another value of it."""
    change = FieldChange(("name",), "a", "b", "config")
    file = FileChange("add", "a.md", None, FileRef("a.md", "a" * 64), chunking={"max_chunk_size_tokens": 800})
    step = Step("update", TUTOR, "asst_1", {"name": "a"}, {"name": "b"}, (change,), (file,), {"name": "digest"})
    other: Any = OTHERS[kind][name]
    changed = {
        Step: lambda: replace(step, **{name: other}),
        FieldChange: lambda: replace(step, changes=(replace(change, **{name: other}),)),
        FileChange: lambda: replace(step, files=(replace(file, **{name: other}),)),
    }[kind]()
    made = Plan(STACK, LOCAL, (step,))
    assert plan_digest(Plan(STACK, LOCAL, (changed,))) != plan_digest(made)
