"""How an apply went → a page of Markdown, for the summary of a job or a comment: the sentence at its end, what became
of the files of each object in eight numbers, and what did not succeed."""

from __future__ import annotations

from collections.abc import Iterable

from retinue.model.steps import Event
from retinue.report.events.event_text import closing_line, last_events, synced, unfinished_lines
from retinue.report.events.sync_counts import SyncCounts, in_all
from retinue.report.text.ink import Line, count, dedented, line
from retinue.report.text.markdown import code, fence, text_of

BUDGET = 60_000
"""Characters of a page: it fits into a comment on GitHub, beside what others put there."""
MOST_ROWS = 100


def render_result_markdown(
    stack: str, environment: str | None, events: Iterable[Event], failure: str | None, *, interrupted: bool = False
) -> str:
    """`failure` is what the command says went wrong besides."""
    ended = last_events(events)
    title = f"## Apply of {code(stack)}" + (f" in {code(environment)}" if environment else "")
    blocks = [title, f"**{text_of(closing_line(ended, interrupted=interrupted))}**"]
    counted = [(str(event.step.address), counts) for event in ended if (counts := synced(event))]
    if counted:
        blocks.append(_table(counted))
    unfinished = [*dedented(unfinished_lines(ended)), *([line(failure)] if failure else [])]
    if unfinished:
        room = BUDGET - sum(map(len, blocks))
        blocks.append(fence(_first(unfinished, room), "text"))
    return "\n\n".join(blocks) + "\n"


def _table(counted: list[tuple[str, SyncCounts]]) -> str:
    """A row for each object, and one for all where there are several."""
    names = [name.replace("_", " ") for name in SyncCounts._fields]
    rows = [(code(address), counts) for address, counts in counted[:MOST_ROWS]]
    if len(counted) > MOST_ROWS:
        others = in_all(counts for _, counts in counted[MOST_ROWS:])
        rows.append((f"{count(len(counted) - MOST_ROWS, 'more object')}", others))
    if len(counted) > 1:
        rows.append(("in all", in_all(counts for _, counts in counted)))
    lines = [f"| files | {' | '.join(names)} |", f"|---|{'---:|' * len(names)}"]
    lines += [f"| {title} | {' | '.join(f'{number:,}' for number in counts)} |" for title, counts in rows]
    return "\n".join(lines)


def _first(lines: list[Line], room: int) -> list[Line]:
    """As many of the lines as there is room for, and how many more there are."""
    taken = 0
    for each in lines:
        room -= len(text_of(each)) + 1
        if room < 0:
            break
        taken += 1
    return lines if taken == len(lines) else [*lines[:taken], line(f"… {count(len(lines) - taken, 'more line')}")]
