"""Every cost in proportion: twice as much to do is about twice the work, at every stage.

A stage prepares work of a given size and gives what does it. To add one, write a function below and mark it:

    @stage
    def what_it_does(number: int) -> Work:
        those = many.declared(number)  # prepared, not counted
        return lambda: do_it(those)  # counted
"""

from __future__ import annotations

import io
from collections import deque
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from retinue.content.manifest_diff import compare_manifest, manifest_changes
from retinue.kinds import all_kinds
from retinue.model.declared import Diagnostic, Handover, Position
from retinue.model.printable import json_pieces
from retinue.model.selector import Selection, Selector
from retinue.model.steps import Event, Plan, Prices
from retinue.model.values import Address
from retinue.planning.documents.drift_document import drift_document
from retinue.planning.documents.plan_diff import compare_plans
from retinue.planning.documents.plan_digest import plan_digest
from retinue.planning.documents.plan_document import from_document, to_document
from retinue.planning.documents.remainder import is_remainder
from retinue.planning.drift_detection import find_drift
from retinue.planning.matching import Named
from retinue.planning.moves import check_handovers, concerning
from retinue.planning.object_diff import compare
from retinue.planning.policy import UNASKED, USUAL, refusals
from retinue.planning.redaction import hide
from retinue.planning.resolve import resolve
from retinue.planning.selection import planned_targets
from retinue.planning.storage_cost import storage_change
from retinue.providers.live_reader import read_live
from retinue.report import render
from retinue.report.diagnostics.findings import Findings
from retinue.report.events.event_lines import event_line, result_line
from retinue.report.events.event_text import render_result
from retinue.report.events.progress import Progress
from retinue.report.plan.diff_text import render_comparison
from retinue.report.plan.plan_page import page_pieces
from tests.support import many
from tests.support.effort import MOST, Stage, Work, growth

STAGES: dict[str, Stage] = {}
NEW_WORDS = "Be helpful, and brief."


def stage(prepare: Stage) -> Stage:
    STAGES[prepare.__name__.replace("_", " ")] = prepare
    return prepare


@pytest.mark.parametrize("name", STAGES)
def test_twice_as_much_is_about_twice_the_work(name: str) -> None:
    assert growth(STAGES[name]) < MOST


def run(pieces: Any) -> None:
    """Do all that an iterator has to do, and keep nothing of it."""
    deque(pieces, maxlen=0)


# ── planning ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@stage
def resolving_declarations(number: int) -> Work:
    written = many.declarations(number)
    return lambda: resolve(written, many.KINDS)


@stage
def reading_answers(number: int) -> Work:
    raws, kind = many.answers(many.declared(number)), many.KINDS["assistant"]
    return lambda: [read_live(raw, kind, raw["metadata"]) for raw in raws]


@stage
def planning_what_is_as_declared(number: int) -> Work:
    wanted = many.declared(number)
    there = many.live(wanted)
    return lambda: many.plan(wanted, there)


@stage
def planning_creations(number: int) -> Work:
    wanted = many.declared(number)
    return lambda: many.plan(wanted)


@stage
def planning_updates(number: int) -> Work:
    wanted, there = many.declared(number, words=NEW_WORDS), many.live(many.declared(number))
    return lambda: many.plan(wanted, there)


@stage
def planning_deletions_of_all(number: int) -> Work:
    wanted = many.declared(number)
    there = many.live(wanted)
    return lambda: many.plan(wanted, there, destroy=True)


@stage
def planning_what_looks_renamed(number: int) -> Work:
    wanted, there = many.declared(number, prefix="agent"), many.live(many.declared(number))
    return lambda: many.plan(wanted, there)


@stage
def planning_moves(number: int) -> Work:
    wanted, there = many.declared(number, prefix="agent"), many.live(many.declared(number))
    said = handovers("moved", number)
    return lambda: many.plan(wanted, there, said)


@stage
def planning_adoptions(number: int) -> Work:
    wanted = many.declared(number)
    there = [replace(each, tag=None) for each in many.live(wanted)]
    said = [replace(each, id=one.id) for each, one in zip(handovers("adopt", number), there, strict=True)]
    return lambda: many.plan(wanted, there, said)


@stage
def planning_takeovers(number: int) -> Work:
    wanted = many.declared(number)
    theirs = [replace(each, tag=replace(each.tag, stack="theirs")) for each in many.live(wanted) if each.tag]
    said = handovers("takeover", number)
    return lambda: many.plan(wanted, theirs, said)


@stage
def planning_releases(number: int) -> Work:
    there, said = many.live(many.declared(number)), handovers("release", number)
    return lambda: many.plan((), there, said)


@stage
def checking_handovers_in_a_row(number: int) -> Work:
    said = [
        Handover("moved", bot(index + 1), Position("moves.yaml", index + 1), origin=bot(index))
        for index in range(number)
    ]
    return lambda: list(check_handovers(said, (), many.KINDS, stack=many.STACK, complete=False))


@stage
def telling_what_handovers_are_about(number: int) -> Work:
    there, said = many.live(many.declared(number)), handovers("takeover", number)
    return lambda: list(filter(concerning(said), there))


def bot(index: int, prefix: str = "bot") -> Address:
    return Address("assistant", f"{prefix}-{index:05}")


def handovers(verb: Any, number: int) -> list[Handover]:
    """One for each of so many assistants."""
    moved = verb == "moved"
    return [
        Handover(
            verb,
            bot(index, "agent" if moved else "bot"),
            Position("moves.yaml", index + 1),
            origin=bot(index) if moved else None,
            id="asst_none" if verb == "adopt" else None,
            stack="theirs" if verb == "takeover" else None,
        )
        for index in range(number)
    ]


# ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@stage
def comparing_a_store_that_is_as_declared(number: int) -> Work:
    wanted = many.store(number)
    there = Named(many.STACK).translate(many.live_store(wanted), many.KINDS["vector_store"])
    return lambda: list(compare_manifest("files", wanted, there))


@stage
def comparing_a_store_with_other_files(number: int) -> Work:
    wanted, kind = many.store(number), many.KINDS["vector_store"]
    found = many.live_store(wanted)
    there = Named(many.STACK).translate(replace(found, files=changed(found.files)), kind)
    return lambda: compare(wanted, there, kind)


@stage
def planning_a_store(number: int) -> Work:
    wanted = many.store(number)
    there = many.live_store(wanted)
    return lambda: (many.plan([wanted], [there]), many.plan([wanted]), many.plan([wanted], [there], destroy=True))


@stage
def telling_what_storage_costs(number: int) -> Work:
    wanted = many.store(number)
    there = many.live_store(wanted)
    there = replace(there, files=tuple(replace(each, usage=1) for each in there.files))
    found = replace(there, files=(*there.files[: number // 2], *changed(there.files)[number // 2 :]))
    steps = many.plan([wanted], [found]).steps
    return lambda: storage_change(steps, [found], many.KINDS, Prices(Decimal(1)))


@stage
def comparing_two_manifests(number: int) -> Work:
    one, other = many.store(number), many.store(number // 2)
    return lambda: list(manifest_changes("files", one.spec, other.spec, other))


def changed(files: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(replace(each, sha256=f"{index + 1:064x}") for index, each in enumerate(files))


# ── documents ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def creations(number: int) -> Plan:
    return many.plan(many.declared(number))


def updates(number: int) -> Plan:
    return many.plan(many.declared(number, words=NEW_WORDS), many.live(many.declared(number)))


def of_a_store(number: int) -> Plan:
    return many.plan([many.store(number)])


def deletions(number: int) -> Plan:
    wanted = many.declared(number)
    return many.plan(wanted, many.live(wanted), destroy=True)


PLANS = {"creations": creations, "updates": updates, "deletions": deletions, "files": of_a_store}


@stage
def writing_and_reading_documents(number: int) -> Work:
    plans = [make(number) for make in PLANS.values()]
    return lambda: [from_document(to_document(each)) for each in plans]


@stage
def digests(number: int) -> Work:
    plans = [make(number) for make in PLANS.values()]
    return lambda: [plan_digest(each) for each in plans]


@stage
def what_is_left_of_a_plan(number: int) -> Work:
    wanted = many.declared(number)
    whole, there = many.plan(wanted), many.live(wanted)[: number // 2]
    rest = many.plan(wanted, there)
    return lambda: is_remainder(rest, whole, there)


@stage
def how_plans_differ(number: int) -> Work:
    one, other = updates(number), creations(number)
    return lambda: render_comparison(compare_plans(one, other))


@stage
def what_nobody_agreed_to(number: int) -> Work:
    made = deletions(number)
    return lambda: list(refusals(made, UNASKED, USUAL))


@stage
def hiding_secrets(number: int) -> Work:
    hidden = frozenset(f"{index:04}-is-a-secret" for index in range(number))
    return lambda: [hide(f"message {index}", hidden) for index in range(number)]


# ── reports ───────────────────────────────────────────────────────────────────────────────────────────────────────────

FORMS: dict[str, Any] = {
    **{f"as text, {each}": ("text", each) for each in ("summary", "hunks", "full")},
    **{f"as Markdown, {each}": ("markdown", each) for each in ("summary", "hunks")},
}


def _reports() -> None:
    """A stage for every form of every plan."""
    for of, make in PLANS.items():
        for name, (form, detail) in FORMS.items():
            STAGES[f"{of} {name}"] = _rendered(make, form, detail)
        STAGES[f"{of} as JSON"] = _written(make, json_pieces)
        STAGES[f"{of} as a page"] = _written(make, page_pieces)


def _rendered(make: Any, form: Any, detail: Any) -> Stage:
    def prepare(number: int) -> Work:
        document = to_document(make(number))
        return lambda: render("plan", document, form, detail=detail)

    return prepare


def _written(make: Any, pieces: Any) -> Stage:
    def prepare(number: int) -> Work:
        document = to_document(make(number))
        return lambda: run(pieces(document))

    return prepare


_reports()


@stage
def a_comment(number: int) -> Work:
    document = to_document(updates(number))
    return lambda: render("plan", document, "github")


@stage
def one_long_text(number: int) -> Work:
    """Of which every tenth line is another one."""
    lines = [f"{index} is a line of a long text" for index in range(number * 10)]
    after = [f"{line}, changed" if index % 10 == 5 else line for index, line in enumerate(lines)]
    wanted = many.declared(1, words="\n".join(after))
    document = to_document(many.plan(wanted, many.live(many.declared(1, words="\n".join(lines)))))
    return lambda: [render("plan", document, "text"), *page_pieces(document)]


@stage
def drift(number: int) -> Work:
    wanted = many.declared(number)
    edited = many.declared(number, words=NEW_WORDS)
    there = [
        replace(one, tag=each.tag, id=each.id) for one, each in zip(many.live(edited), many.live(wanted), strict=True)
    ]
    made = many.plan(wanted, there[: number // 2])
    remembered = {each.tag.address: each.id for each in there if each.tag}

    def work() -> None:
        found = find_drift(made, there[: number // 2], remembered)
        document = drift_document(found, warnings=(), blocks=(), unowned=True)
        for form in ("text", "markdown", "github", "junit"):
            render("drift", document, form)

    return work


@stage
def a_selection(number: int) -> Work:
    those, parse = many.declared(number), Selector.parse
    said = Selection((parse("assistant.*"), parse("file:**")), (parse("label:none"), parse("*.*000")))
    those = (replace(those[0], labels={"none": "x"}), *those[1:])
    return lambda: planned_targets(said, those, all_kinds())


@stage
def findings(number: int) -> Work:
    wrong = (
        Diagnostic("error", "unknown-field", f"unknown field 'x{index}'", Position("a.yaml", index + 1), "remove it")
        for index in range(number)
    )
    found = Findings(tuple(wrong), valid=False)
    forms: tuple[Any, ...] = ("text", "json", "sarif", "junit", "github")
    return lambda: [render("findings", found, form) for form in forms]


@stage
def events_of_an_apply(number: int) -> Work:
    steps = creations(number).steps
    heard = [Event(step, status, "asst_1") for step in steps for status in ("started", "done")]

    def work() -> None:
        told = Progress(io.StringIO(), live=False, color=False, total=number, size=lambda: (80, 24))
        for event in heard:
            told.on_event(event)
            event_line(event)
        render_result(heard)
        result_line(heard, None)

    return work
