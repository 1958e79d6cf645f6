"""What people see while a plan is carried out, and the closing report."""

from __future__ import annotations

import io
import itertools
import re
import threading
from collections import Counter
from collections.abc import Iterator

import click
import pytest

from retinue.model.steps import Event, Step
from retinue.model.values import Address
from retinue.report.events.event_text import render_result, seconds, steps_by_status, tally
from retinue.report.events.progress import FEW, MOST_ROWS, Progress
from tests.support.terminal import Screen, seen

TUTOR = Step("create", Address("assistant", "math-tutor"))
STORE = Step("update", Address("vector_store", "handbook"), "vs_1")
OLD = Step("delete", Address("assistant", "old"), "asst_9")
BAD_FILES = {"a.md": "the file is damaged", "b.md": "\x1b[31mno text in it"}


def shown(events: list[Event], *, color: bool = False) -> str:
    stream = io.StringIO()
    with Progress(stream, live=False, color=color, total=3, size=lambda: (80, 24)) as progress:
        for event in events:
            progress.on_event(event)
    return stream.getvalue()


def test_plain_progress_is_a_line_for_each_object() -> None:
    """In a pipeline, every step is one line once it is over, and failed files are named."""
    events = [
        Event(TUTOR, "started"),
        Event(STORE, "started", "vs_1"),
        Event(TUTOR, "done", "asst_1", 0.31),
        Event(STORE, "progress", "vs_1", done=12, total=40, detail="indexed"),
        Event(STORE, "incomplete", "vs_1", 75.2, failures=BAD_FILES),
        Event(OLD, "skipped", "asst_9", error="it needs 'update vector_store.handbook', which did not succeed"),
    ]
    assert shown(events) == (
        "assistant.math-tutor: created asst_1 (0.3s)\n"
        "vector_store.handbook: updated vs_1 (1m 15s), but incomplete: 2 files could not be brought in\n"
        "    a.md: the file is damaged\n"
        "    b.md: \\x1b[31mno text in it\n"
        "assistant.old: skipped: it needs 'update vector_store.handbook', which did not succeed\n"
    )


@pytest.mark.parametrize(("total", "told"), [(1, 0), (7, 0), (99, 0), (100, 10), (401, 10)])
def test_plain_progress_tells_of_many_files_ten_times(total: int, told: int) -> None:
    """A step with many files neither floods a log nor is silent, and its last line says that all are done."""
    lines = shown([Event(STORE, "progress", done=done, total=total) for done in range(total + 1)]).splitlines()
    assert len(lines) == told
    assert not told or lines[-1] == f"vector_store.handbook: {total}/{total} files"


def test_a_step_that_takes_long_is_heard_of_before_it_ends() -> None:
    """Somebody who reads a log knows what it is that takes so long."""
    events = [Event(STORE, "progress", seconds=each, done=1, total=2, detail="indexed") for each in (9.9, 10.1, 20.0)]
    assert shown(events) == "vector_store.handbook: 1/2 files indexed\n"


# ── on a terminal ─────────────────────────────────────────────────────────────────────────────────────────────────────

MOST = 8
LONG = "a-name-of-which-nobody-would-have-thought-that-it-is-so-long-63"
NAMES = [LONG, *(f"bot-{number:03}" for number in range(59))]
ERRORS = [
    "",
    "規則の一覧にないモデルです。別のモデルを選んでください。" * 3,
    "\x1b]0;owned\x07\x1b[2J the model is gone",
]
SIZES = [(80, 24), (160, 24), (80, 5), (40, 12), (20, 3), (3, 2), (1, 1)]


def side_by_side() -> Iterator[Event]:
    """Steps of which no more than so many are under way, and which do not end in the order in which they began."""
    steps = [Step("create", Address("assistant", name)) for name in NAMES]
    running: list[Step] = []
    for number, step in enumerate(steps):
        running.append(step)
        yield Event(step, "started")
        yield Event(step, "progress", done=number, total=60, detail="uploaded 料金表.md")
        if len(running) == MOST:
            yield ended(running.pop(number % 3), number)
    yield from (ended(step, number) for number, step in enumerate(running))


def ended(step: Step, number: int) -> Event:
    error = ERRORS[number % 3]
    return Event(step, "failed" if error else "done", None if error else f"asst_{number}", 1.0, error=error or None)


class Written(io.StringIO):
    """What several threads write, to be taken piece by piece."""

    def __init__(self) -> None:
        super().__init__()
        self._busy = threading.Lock()

    def write(self, text: str) -> int:
        with self._busy:
            return super().write(text)

    def take(self) -> str:
        with self._busy:
            written = self.getvalue()
            self.seek(0)
            self.truncate()
            return written


@pytest.mark.parametrize("color", [False, True])
@pytest.mark.parametrize(("columns", "lines"), SIZES)
def test_a_terminal_shows_what_is_running_and_keeps_what_went_wrong(columns: int, lines: int, color: bool) -> None:
    """At any time: every step that failed once and in order, then what is running, as far as there is room, and how far
    all is. At the end, nothing that moved is left, wherever one scrolls."""
    stream, running = Written(), 0
    done: Counter[str] = Counter()
    screen, above = Screen(columns, lines), Screen(columns, lines)
    with Progress(stream, live=True, color=color, total=60, size=lambda: (columns, lines)) as progress:
        for event in side_by_side():
            progress.on_event(event)
            running += (event.status == "started") - (event.status in ("done", "failed"))
            if event.status not in ("done", "failed"):
                continue
            done[event.status] += 1
            above.feed(shown([event]) if event.status == "failed" else "")
            screen.feed(stream.take())
            if done.total() % 10 == 5:
                finished, now = above.lines, screen.lines
                moving = now[len(finished) :]
                assert now[: len(finished)] == finished
                assert len(moving) <= min(running + 1, MOST_ROWS + 1, max(lines - 1, 1))
                if columns >= 60:
                    waiting = 60 - done.total() - running
                    said = f"{done['done']}/60 done, {done['failed']} failed, {running} running"
                    assert moving[-1] == (f"{said}, {waiting} waiting" if waiting else said)
    screen.feed(stream.take())
    assert screen.lines == above.lines


@pytest.mark.parametrize("color", [False, True])
def test_colours_are_only_where_they_are_wanted(color: bool) -> None:
    stream = io.StringIO()
    with Progress(stream, live=True, color=color, total=60, size=lambda: (80, 24)) as progress:
        for event in side_by_side():
            progress.on_event(event)
    assert bool(re.search(r"\x1b\[[0-9;]*m", stream.getvalue())) == color


def test_what_others_print_stands_above_what_moves() -> None:
    """Many threads print on stderr while steps come and go: no line is lost, none is there twice."""
    stream = io.StringIO()
    with Progress(stream, live=True, color=False, total=60, size=lambda: (80, 24)) as progress:

        def say(who: int) -> None:
            for number in range(50):
                click.echo(f"note {who}.{number}", err=True)

        others = [threading.Thread(target=say, args=(who,)) for who in range(4)]
        for each in others:
            each.start()
        events = list(side_by_side())
        for event in events:
            progress.on_event(event)
        for each in others:
            each.join()
    lines = seen(stream.getvalue(), 80, 24)
    notes = [f"note {who}.{number}" for who, number in itertools.product(range(4), range(50))]
    assert sorted(each for each in lines if each.startswith("note")) == sorted(notes)
    finished = "".join(shown([event]) for event in events if event.status == "failed")
    assert [each for each in lines if not each.startswith("note")] == seen(finished, 80, 24)


def test_a_person_who_asked_to_stop_sees_it_at_once() -> None:
    stream = io.StringIO()
    with Progress(stream, live=True, color=False, total=2, size=lambda: (80, 24)) as progress:
        progress.on_event(Event(TUTOR, "started"))
        progress.stopping()
        click.echo("stopping", err=True)
        lines = seen(stream.getvalue(), 80, 24)
    assert lines[0] == "stopping"
    assert lines[-1] == "stopping: 0/2 done, 1 running, 1 waiting"


def test_a_small_plan_keeps_a_line_for_each_step() -> None:
    """Where that is no flood, one reads afterwards what became of each object, and which id it has."""
    for total, kept in ((FEW, ["assistant.math-tutor: created asst_1 (0.3s)"]), (FEW + 1, [])):
        stream = io.StringIO()
        with Progress(stream, live=True, color=False, total=total, size=lambda: (80, 24)) as progress:
            progress.on_event(Event(TUTOR, "started"))
            progress.on_event(Event(TUTOR, "done", "asst_1", 0.31))
        assert seen(stream.getvalue(), 80, 24) == kept


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def table(columns: int, steps: int, files: int = 0) -> list[str]:
    """What stands on a terminal while so many steps run, the first for 10 seconds, of whose files a quarter is done."""
    stream, clock = Written(), Clock()
    with Progress(
        stream, live=True, color=False, total=40, size=lambda: (columns, 24), clock=clock, reflows=False
    ) as progress:
        progress.on_event(Event(STORE, "started", "vs_1"))
        if files:
            progress.on_event(Event(STORE, "progress", "vs_1", done=0, total=files, detail="indexed"))
        for number in range(steps - 1):
            progress.on_event(Event(Step("create", Address("assistant", f"bot-{number}")), "started"))
        clock.now += 10
        if files:
            progress.on_event(Event(STORE, "progress", "vs_1", done=files // 4, total=files, detail="indexed"))
        stream.take()
        click.echo("", err=True)
        return seen(stream.take(), columns, 24)[1:]


def test_the_table_says_the_rate_and_the_time_left_of_files() -> None:
    assert table(80, 2, 400) == [
        "⠋ vector_store.handbook  updating  100/400 files indexed  10.0/s  30s left 10s",
        "⠋ assistant.bot-0        creating                                          10s",
        "0/40 done, 2 running, 38 waiting",
    ]


@pytest.mark.parametrize("columns", [160, 80, 60, 39, 20, 9, 3])
def test_the_table_fits_whatever_the_width(columns: int) -> None:
    """At most eleven lines, each whole on its own line; what matters most is what is left when there is no room."""
    shown = table(columns, 14, 400)
    assert len(shown) == MOST_ROWS + 1
    assert max(map(len, shown)) < columns
    assert columns < 39 or shown[0].startswith("⠋ vector_store.handbook  updating")
    assert columns < 20 or (shown[-2].startswith("  … and 5 more") and shown[-1].startswith("0/40 done"))


class Reflowing:
    """A terminal that breaks what stands there into more lines when it becomes narrower, as most do: the lines that it
    shows, of a program that goes up, writes over and clears, and the cursor."""

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.lines: list[str] = [""]
        self.row = 0

    def resize(self, columns: int) -> None:
        self.columns = columns
        broken = [[each[at : at + columns] for at in range(0, max(len(each), 1), columns)] for each in self.lines]
        self.row = sum(len(each) for each in broken[: self.row])
        self.lines = [part for each in broken for part in each]

    def feed(self, written: str) -> None:
        for number, sign, text in re.findall(r"\x1b\[\??(\d*)([A-Za-z])|([^\x1b]+)", written):
            if sign == "A":
                self.row = max(self.row - int(number), 0)
            elif sign == "K":
                pass  # every line is written from its beginning
            elif sign == "J":
                del self.lines[self.row :]
                self.lines.append("")
            for end in re.split(r"(\n)", text.replace("\r", "")) if text else ():
                if end == "\n":
                    self.row += 1
                    self.lines += [""] * (self.row + 1 - len(self.lines))
                elif end:
                    self.lines[self.row] = end


def test_nothing_is_left_behind_when_the_terminal_becomes_narrower() -> None:
    """The lines that were drawn are more of them now: all go, and what stands above stays."""
    stream, size = Written(), [80]
    screen = Reflowing(80)
    with Progress(stream, live=True, color=False, total=40, size=lambda: (size[0], 24)) as progress:
        click.echo("what was said", err=True)
        for number in range(5):
            progress.on_event(
                Event(Step("create", Address("assistant", f"a-bot-with-a-long-name-{number}")), "started")
            )
        for columns in (80, 30, 12, 50, 80):
            click.echo(f"at {columns}", err=True)
            screen.feed(stream.take())
            assert sum("a-bot" in each for each in screen.lines) in (5, 0)
            screen.resize(columns)
            size[0] = columns
    screen.feed(stream.take())
    assert screen.lines == ["what was sai", "d", *(f"at {each}" for each in (80, 30, 12, 50, 80)), ""]


def test_the_cursor_is_never_hidden_and_a_drawing_is_one_piece() -> None:
    """Whatever ends the program, there is nothing to put back; and nobody sees half of a drawing."""
    stream = Written()
    with Progress(stream, live=True, color=True, total=40, size=lambda: (80, 24)) as progress:
        progress.on_event(Event(TUTOR, "started"))
        click.echo("once", err=True)
        drawn = stream.take()
        click.echo("twice", err=True)
        again = stream.take()
    assert "\x1b[?25" not in drawn + again + stream.take()
    for each in (drawn, again):
        assert each.count("\x1b[?2026h") == each.count("\x1b[?2026l") >= 1


def test_a_terminal_that_is_gone_stops_nothing() -> None:
    """A window that was closed, a full disk behind a log: what is under way goes on."""

    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError("the terminal is gone")

    for live in (False, True):
        with Progress(Gone(), live=live, color=False, total=1, size=lambda: (80, 24)) as progress:
            progress.on_event(Event(TUTOR, "started"))
            progress.on_event(Event(TUTOR, "done"))


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
        "See to what failed, then run the same command again to continue.\n"
    )


def test_result_of_an_interrupted_apply_says_how_far_each_step_got() -> None:
    """After Ctrl-C: what was done, what was begun and what became of it, and what was not begun."""
    half, lost = (Step("create", Address("vector_store", name)) for name in ("half", "lost"))
    waiting = [Step("create", Address("agent", f"a{number:03}")) for number in range(200)]
    events = [
        Event(TUTOR, "done", "asst_1"),
        Event(half, "interrupted", "vs_2", error="stopped"),
        Event(lost, "interrupted", error="stopped"),
        Event(STORE, "interrupted", "vs_1", error="stopped"),
        Event(OLD, "started", "asst_9"),
        *(Event(each, "pending") for each in waiting),
    ]
    assert render_result(events, interrupted=True) == (
        "  vector_store.half: interrupted: created vs_2, but not finished\n"
        "  vector_store.lost: interrupted: before it was created\n"
        "  vector_store.handbook: interrupted: updating, not finished\n"
        "  assistant.old: interrupted: deleting, and whether it was deleted is not known\n"
        + "".join(f"  agent.a{number:03}: not begun (to be created)\n" for number in range(10))
        + "  … and 190 more not begun\n"
        "\n"
        "Apply interrupted: 2 added, 0 changed, 0 destroyed; 4 begun and not finished, 200 not begun. "
        "Run the same command again to continue.\n"
    )
    assert tally(events) == {"added": 2, "changed": 0, "destroyed": 0}
    counts = {"done": 1, "incomplete": 0, "failed": 0, "interrupted": 4, "skipped": 0, "pending": 200}
    assert steps_by_status(events) == counts


def test_interrupting_too_late_changes_nothing() -> None:
    """When everything was done before the interruption took hold, the apply is complete."""
    text = render_result([Event(TUTOR, "done")], interrupted=True)
    assert text == "Apply complete: 1 added, 0 changed, 0 destroyed.\n"
