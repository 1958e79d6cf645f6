"""What people see while a plan is carried out, and the closing report."""

from __future__ import annotations

import io

import pytest

from retinue.model.steps import Event, Step
from retinue.model.values import Address
from retinue.report.events.event_text import Progress, render_result, seconds

TUTOR = Step("create", Address("assistant", "math-tutor"))
STORE = Step("update", Address("vector_store", "handbook"), "vs_1")
OLD = Step("delete", Address("assistant", "old"), "asst_9")
BAD_FILES = {"a.md": "the file is damaged", "b.md": "\x1b[31mno text in it"}


def shown(events: list[Event], *, tty: bool = False, color: bool = False) -> str:
    stream = io.StringIO()
    with Progress(stream, tty=tty, color=color, width=80, clock=lambda: 0.0) as progress:
        for event in events:
            progress.on_event(event)
    return stream.getvalue()


def test_plain_progress_is_a_line_for_each_event() -> None:
    """In a pipeline, every start and end of a step is one line, and failed files are named."""
    events = [
        Event(TUTOR, "started"),
        Event(STORE, "started", "vs_1"),
        Event(TUTOR, "done", "asst_1", 0.31),
        Event(STORE, "progress", "vs_1", done=12, total=40, detail="indexed"),
        Event(STORE, "incomplete", "vs_1", 75.2, failures=BAD_FILES),
        Event(OLD, "skipped", "asst_9", error="it needs 'update vector_store.handbook', which did not succeed"),
    ]
    assert shown(events) == (
        "assistant.math-tutor: creating …\n"
        "vector_store.handbook: updating …\n"
        "assistant.math-tutor: created asst_1 (0.3s)\n"
        "vector_store.handbook: 12/40 files indexed\n"
        "vector_store.handbook: updated vs_1 (1m 15s), but incomplete: 2 files could not be brought in\n"
        "    a.md: the file is damaged\n"
        "    b.md: \\x1b[31mno text in it\n"
        "assistant.old: skipped: it needs 'update vector_store.handbook', which did not succeed\n"
    )


@pytest.mark.parametrize("total", [1, 7, 10, 400])
def test_plain_progress_tells_of_files_ten_times_at_most(total: int) -> None:
    """A step with many files does not flood a log, and its last line says that all are done."""
    lines = shown([Event(STORE, "progress", done=done, total=total) for done in range(total + 1)]).splitlines()
    assert len(lines) <= 10
    assert lines[-1] == f"vector_store.handbook: {total}/{total} files"


def test_terminal_keeps_finished_steps_and_takes_the_moving_lines_away() -> None:
    """On a terminal, what is finished stays above what moves; at the end nothing that moved is left."""
    text = shown([Event(TUTOR, "started"), Event(STORE, "started"), Event(TUTOR, "done", "asst_1", 1.0)], tty=True)
    assert "assistant.math-tutor: created asst_1 (1.0s)\n" in text
    assert "vector_store.handbook: updating" in text
    assert text.endswith("\x1b[?25h\r\x1b[1A\x1b[2K")


def test_terminal_progress_neutralises_names_of_files() -> None:
    """A path or a message cannot steer the terminal."""
    text = shown([Event(STORE, "progress", detail="\x1b]0;owned\x07"), Event(STORE, "failed", error="\x07")], tty=True)
    assert "\x1b]0;" not in text
    assert "\x07" not in text


def test_durations_are_as_precise_as_people_care() -> None:
    """Tenths while it is quick, then seconds, then minutes."""
    assert [seconds(each) for each in (0.04, 9.94, 9.96, 59.4, 59.6, 125)] == [
        "0.0s",
        "9.9s",
        "10s",
        "59s",
        "1m 00s",
        "2m 05s",
    ]


# ── the closing report ────────────────────────────────────────────────────────────────────────────────────────────────


def test_result_of_a_whole_apply_is_one_sentence() -> None:
    """When everything was done, the counts say it all."""
    events = [event for each in (TUTOR, STORE, OLD) for event in (Event(each, "started"), Event(each, "done"))]
    assert render_result(events) == "Apply complete: 1 added, 1 changed, 1 destroyed.\n"


def test_result_names_what_failed_and_why() -> None:
    """Every step that did not come to its end stands there with its reason, and how to go on."""
    events = [
        Event(TUTOR, "failed", error="400 unknown model 'gpt-0' (request req_1)", hint="choose another"),
        Event(STORE, "incomplete", "vs_1", failures=BAD_FILES),
        Event(OLD, "skipped", error="it needs 'create assistant.math-tutor', which did not succeed"),
    ]
    assert render_result(events) == (
        "  assistant.math-tutor: failed: 400 unknown model 'gpt-0' (request req_1)\n"
        "    hint: choose another\n"
        "  vector_store.handbook: incomplete: 2 files could not be brought in\n"
        "    a.md: the file is damaged\n"
        "    b.md: \\x1b[31mno text in it\n"
        "  assistant.old: skipped: it needs 'create assistant.math-tutor', which did not succeed\n"
        "\n"
        "Apply incomplete: 0 added, 1 changed, 0 destroyed; 1 failed, 1 incomplete, 1 skipped. "
        "Run the same command again to continue.\n"
    )


def test_result_of_an_interrupted_apply_says_what_was_not_done() -> None:
    """After Ctrl-C, what was under way and what was never begun is named."""
    events = [Event(TUTOR, "done", "asst_1"), Event(STORE, "started")]
    steps = [{"key": each.key, "address": str(each.address), "action": each.action} for each in (TUTOR, STORE, OLD)]
    assert render_result(events, document={"steps": steps}, interrupted=True) == (
        "  vector_store.handbook: updating, not finished\n"
        "  assistant.old: not begun (to be deleted)\n"
        "\n"
        "Apply interrupted: 1 added, 0 changed, 0 destroyed. Run the same command again to continue.\n"
    )


def test_interrupting_too_late_changes_nothing() -> None:
    """When everything was done before the interruption took hold, the apply is complete."""
    steps = [{"key": TUTOR.key, "address": str(TUTOR.address), "action": TUTOR.action}]
    text = render_result([Event(TUTOR, "done")], document={"steps": steps}, interrupted=True)
    assert text == "Apply complete: 1 added, 0 changed, 0 destroyed.\n"
