"""A drift document → text, and the pieces that its pages are made of. Shows what the document says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from retinue.model.steps import FieldChange
from retinue.model.values import Address
from retinue.report.plan.created_text import listed
from retinue.report.plan.plan_text import (
    ROWS,
    block_lines,
    header_lines,
    selected,
    unmanaged_lines,
    warning_lines,
)
from retinue.report.plan.step_groups import Document
from retinue.report.text.change_text import (
    HIDDEN,
    WHOLE,
    Detail,
    change_lines,
    show_key,
    show_path,
    show_place,
    show_value,
)
from retinue.report.text.ink import Line, Part, count, indent, line, paint, with_blanks_between
from retinue.report.text.lookalikes import tell_apart

CONFLICTS = "!~ was changed both outside and in the declarations."
ADVICE = "'retinue apply' sets it back; 'retinue drift --accept ADDRESS' writes what is there now into the files."
_FILES = {
    "detached": "is not attached any more",
    "replaced": "has another content",
    "chunking": "is cut otherwise",
    "attributes": "has other attributes",
    "added": "was attached",
}
_COUNTED = {
    "changed": "changed",
    "gone": "gone",
    "dangling": "with a dead reference",
    "unreadable": "with a damaged tag",
}


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that drifted: its line, and what stands below it, not indented. `address` is None where it is lost."""

    address: str | None
    head: Line
    body: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """Things that drifted in the same way."""

    title: str
    items: tuple[Item, ...]
    note: str = ""


def render_drift(document: Document, *, detail: Detail = "hunks", width: int = 80, color: bool = False) -> str:
    """Everything that drifted, then warnings, what is not managed here, and one sentence that sums it up."""
    blocks: list[list[Line]] = [about_lines(document)]
    for each in sections(document, detail=detail, width=width - 6, marks=not color):
        blocks.append([line((f"{each.title}:", "drift"))])
        items = once(each.items, width=width - 6, every=detail in WHOLE)
        blocks += [indent([item.head, *indent(item.body, 4)], 2) for item in items]
        blocks += [[line((each.note, "drift"))]] if each.note else []
    blocks += [warning_lines(each) for each in document["warnings"]]
    blocks += [block_lines(each) for each in document["blocks"]]
    blocks += [unowned_lines(document), unmanaged_lines(document["summary"]), closing_lines(document)]
    return paint(with_blanks_between(blocks, width), color=color)


def about_lines(document: Document) -> list[Line]:
    """Which account, stack and environment the drift is about."""
    lines = header_lines({**document, "complete": True})
    if "selection" in document:
        lines.append(line(("Incomplete: ", "warning"), selected(document["selection"])))
    return lines


def sections(document: Document, *, detail: Detail, width: int, marks: bool) -> Iterator[Section]:
    """What drifted, the gravest first."""
    if document["gone"]:
        yield Section("Gone", tuple(_gone(each) for each in document["gone"]))
    if document["changed"]:
        causes = {one["cause"] for each in document["changed"] for one in (*each["changes"], *each["files"])}
        items = tuple(_changed(each, detail=detail, width=width, marks=marks) for each in document["changed"])
        yield Section(
            "Changed outside of retinue, as declared -> as it is", items, CONFLICTS if "conflict" in causes else ""
        )
    if document["dangling"]:
        yield Section("Pointing at something that is gone", tuple(_dangling(each) for each in document["dangling"]))
    if document["unreadable"]:
        items = tuple(Item(None, line(("!", "drift"), f" {each}")) for each in document["unreadable"])
        yield Section("With a tag that somebody damaged", items)


def once(items: Sequence[Item], *, width: int, every: bool = False) -> list[Item]:
    """Things of which the same is said, as one that names them; `every`: all of them, however many. What is never
    shown is not the same for looking like it."""
    groups: dict[Any, list[Item]] = {}
    for index, each in enumerate(items):
        kind = each.address.partition(".")[0] if each.address else None
        alone = kind is None or not each.body or any(HIDDEN in text for one in each.body for text, _ in one.parts)
        groups.setdefault(index if alone else (kind, each.body), []).append(each)
    return [group[0] if len(group) == 1 else _joined(group, width=width, every=every) for group in groups.values()]


def _joined(group: Sequence[Item], *, width: int, every: bool) -> Item:
    addresses = [str(each.address) for each in group]
    places = {each.head.place for each in group}
    number = count(len(group), addresses[0].partition(".")[0])
    head = line(("!", "drift"), " ", (f"in {number}", "strong"), place=places.pop() if len(places) == 1 else None)
    return Item(None, head, (*listed(addresses, width, rows=None if every else ROWS), *group[0].body))


def _gone(each: Mapping[str, Any]) -> Item:
    live_id = f" ({each['id']})" if each["id"] else ""
    place = show_place(each["position"])
    head = line(("-", "removed"), " ", (each["address"], "strong"), f"{live_id}  {each['reason']}", place=place)
    return Item(each["address"], head)


def _changed(each: Mapping[str, Any], *, detail: Detail, width: int, marks: bool) -> Item:
    live_id = f" ({each['id']})" if each["id"] else ""
    head: list[Part] = [("!", "drift"), " ", (each["address"], "strong"), live_id]
    place = show_place(each["position"])
    if detail == "summary":
        names = [show_key(str(one["path"][0])) for one in each["changes"]] + (["files"] if each["files"] else [])
        return Item(each["address"], line(*head, f"  {', '.join(dict.fromkeys(names))}", place=place))
    body: list[Line] = []
    for change in each["changes"]:
        body += change_lines(_in_order_of_time(change), detail=detail, width=width, marks=marks)
    body += [_file(one) for one in each["files"]]
    return Item(each["address"], line(*head, place=place), tuple(body))


def _in_order_of_time(change: Mapping[str, Any]) -> dict[str, Any]:
    """The change as a plan would write it: from what was declared to what stands there now."""
    turned = {"path": change["path"], "cause": change["cause"], "position": change["position"], "done": True}
    for side, name in (("declared", "before"), ("live", "after")):
        turned |= {name: change[side]} if side in change else {}
    return turned


def _file(each: Mapping[str, Any]) -> Line:
    mark = "!~" if each["cause"] == "conflict" else "!"
    declared, live = each["declared"], each["live"]
    said = ""
    if "details" in each:
        sides = tell_apart(*(show_value(each["details"][side]) for side in ("declared", "live")))
        said = f": {' -> '.join(sides)}"
    elif each["what"] == "replaced" and declared and live:
        said = f": sha256 {declared['sha256'][:8]}… -> {live['sha256'][:8]}…"
    text = f" {each['path']}  {_FILES[each['what']]}{said}"
    return line((mark, "drift"), text, place=show_place(each["position"]))


def _dangling(each: Mapping[str, Any]) -> Item:
    where = "its entry in the lock file" if each["rendered"] else str(each["id"])
    said = f"  {where}, {show_path(each['path'])}: {each['dead']} is gone"
    place = show_place(each["position"])
    return Item(each["address"], line(("!", "drift"), " ", (each["address"], "strong"), said, place=place))


# ── below ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def unowned_lines(document: Document) -> list[Line]:
    """The objects without an owner, by name, where they were asked for."""
    found: Sequence[Mapping[str, Any]] = document["unowned"] or ()
    lines = [
        line(f"  {each['kind']} {each['id']}", f"  {show_value(each['name'])}" * bool(each["name"])) for each in found
    ]
    return [line("Without an owner:"), *lines] if lines else []


def summary_sentence(document: Document) -> str:
    """Whether there is drift and how much, in one sentence."""
    summary = document["summary"]
    texts = [f"{count(summary[name], 'object')} {words}" for name, words in _COUNTED.items() if summary[name]]
    if texts:
        return f"Drift: {', '.join(texts)}."
    kept = summary["in_sync"]
    return f"No drift. {count(kept, 'object')} {'is' if kept == 1 else 'are'} as declared." if kept else "No drift."


def pending_sentence(document: Document) -> str | None:
    """What the declarations want and the account does not have yet, which is no drift."""
    number = document["summary"]["pending"]
    if not number:
        return None
    verb = "differs" if number == 1 else "differ"
    return f"{count(number, 'object')} {verb} because of the declarations, which is no drift: see 'retinue plan'."


def closing_lines(document: Document) -> list[Line]:
    pending = pending_sentence(document)
    return [
        *([line((pending, "faint"))] if pending else []),
        line((summary_sentence(document), "strong")),
        *([line(("  hint: ", "faint"), ADVICE)] if document["drifted"] else []),
    ]


# ── accepted ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def render_accepted(
    changes: Sequence[tuple[Address, FieldChange]],
    files: Sequence[str],
    affected: Sequence[Address],
    left: Sequence[str],
) -> str:
    """What was written into the declarations, where, and what that means for others."""
    lines = [line(f"accepted {address}.{show_path(change.path)}") for address, change in changes]
    lines += [line(f"wrote    {name}") for name in files]
    lines += [line(f"affects  {address}, which uses the same: see 'retinue plan'") for address in affected]
    lines += [line(f"left     {text}") for text in left]
    return paint(lines or [line("nothing to accept: there is no drift")], color=False)
