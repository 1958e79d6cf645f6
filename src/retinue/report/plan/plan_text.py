"""A plan document → the text a person reviews, and the pieces that its pages are made of. Shows what the document says
and decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rich.cells import cell_len

from retinue.model.declared import HOW_CHOSEN
from retinue.model.printable import visible
from retinue.report.text.change_text import (
    WHOLE,
    Detail,
    change_lines,
    is_outside,
    show_key,
    show_place,
    show_size,
    show_value,
    value_lines,
)
from retinue.report.text.ink import Line, Part, Role, count, indent, line, paint, with_blanks_between
from retinue.report.text.lookalikes import alike, escaped, tell_apart

Document = Mapping[str, Any]
Step = Mapping[str, Any]

OUTSIDE = "Changed outside of retinue since the last apply, and set back by this plan"
CONFLICTS = "!~ was changed both outside and in the declarations; the declarations win."
OURS = "Changed in the declarations"
TAKEN_AWAY = "Deleted, replaced or let go"

_MORE_VERBS = {"adopt": "to adopt", "move": "to move", "release": "to release"}
_SIGNS: dict[str, tuple[str, Role]] = {
    "create": ("+", "added"),
    "update": ("~", "changed"),
    "delete": ("-", "removed"),
    "adopt": ("=", "changed"),
    "move": (">", "changed"),
    "release": ("<", "removed"),
}
_OUTSIDE_SIGN: tuple[str, Role] = ("!", "drift")
_FILE_SIGNS: dict[str, tuple[str, Role, str]] = {
    "add": ("+", "added", "added"),
    "attach": ("+", "added", "attached by id"),
    "replace": ("~", "changed", "replaced"),
    "attributes": ("~", "changed", "with new attributes"),
    "move": (">", "changed", "moved"),
    "remove": ("-", "removed", "removed"),
    "wait": ("…", "faint", "waited for"),
}
_BASES = {"usage_ratio": "by the ratio of their store", "file_size": "by their size"}
_TAKING = ("replace", "remove")
"""What takes a file away, and is always named."""
_MANY = 20
_EXAMPLES = 3
_WIDEST_PATH = 40


def render_plan(document: Document, *, detail: Detail = "hunks", width: int = 80, color: bool = False) -> str:
    """The whole plan: header, changes made outside, steps, warnings, blocks, counts, the summary, the digest."""
    sections = [header_lines(document), *_steps(document, detail=detail, width=width, marks=not color)]
    sections += [warning_lines(each) for each in document["warnings"]]
    sections += [block_lines(each) for each in document["blocks"]]
    summary = [line((summary_sentence(document), "strong")), *storage_lines(document)]
    summary.append(line("Digest: ", document["digest"]))
    sections += [removal_lines(document), unmanaged_lines(document["summary"]), summary]
    return paint(with_blanks_between(sections, width), color=color)


# ── above the steps ───────────────────────────────────────────────────────────────────────────────────────────────────


def header_lines(document: Document) -> list[Line]:
    """Which account, stack and environment the plan is about, and whether it covers only a part."""
    account = document["account"]
    more = [
        *([account["url"]] if account["url"] else []),
        *(f"{word} {account[word]}" for word in ("organization", "project") if account[word]),
    ]
    parts: list[Part] = ["Account ", (account["name"], "strong"), f" ({', '.join(more)})" if more else ""]
    parts += [", stack ", (document["stack"], "strong")]
    if document["environment"]:
        parts += [", environment ", (document["environment"], "strong")]
        parts.append(HOW_CHOSEN.get(document.get("environment_from", ""), ""))
    lines = [line(*parts)]
    if not document["complete"]:
        lines.append(line(("Incomplete: ", "warning"), _narrowed(document)))
    return lines


def _narrowed(document: Document) -> str:
    """What a plan covers that does not cover everything."""
    targets, selection = document["targets"], document.get("selection")
    needed = " and what it needs" if len(targets) == 1 else " and what they need"
    if selection:
        only, needed = selected(selection), needed if selection["target"] else ""
        only = f"{only} ({count(len(targets), 'object')})"
    else:
        only = f"only {', '.join(targets)}"
    if document["destroy"]:
        return f"{only}; everything else stays"
    return f"{only}{needed}; nothing is deleted"


def selected(selection: Mapping[str, Sequence[str]]) -> str:
    """What was meant and what was not, as it was written."""
    target, exclude = (", ".join(selection[side]) for side in ("target", "exclude"))
    if not exclude:
        return f"only {target}"
    return f"only {target}, without {exclude}" if target else f"all but {exclude}"


# ── steps ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _steps(document: Document, *, detail: Detail, width: int, marks: bool) -> Iterator[list[Line]]:
    steps = document["steps"]
    replaced = replaced_ids(document)
    if detail == "summary":
        yield indent((step_summary(each, replaced) for each in steps), 2)
        return
    outside = [each for each in steps if is_touched_outside(each)]
    if outside:
        yield [line((f"{OUTSIDE}:", "drift"))]
        for each in outside:
            yield indent(outside_block(each, detail=detail, width=width, marks=marks), 2)
        if any("conflict" in causes(each) for each in outside):
            yield [line((CONFLICTS, "drift"))]
    ours = [each for each in steps if is_ours(each)]
    if outside and ours:
        yield [line((f"{OURS}:", "strong"))]
    for each in ours:
        yield indent(step_block(each, replaced, detail=detail, width=width, marks=marks), 2)


def replaced_ids(document: Document) -> dict[str, str]:
    """The id of the object that goes, by the address of the one that takes its place."""
    steps = document["steps"]
    return {each["address"]: each["id"] for each in steps if each["action"] == "delete" and each["replaces"]}


# ── one step ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def causes(step: Step) -> set[str]:
    """Why the step's differences exist, over fields and files."""
    return {each["cause"] for each in (*step["changes"], *step["files"])}


def is_touched_outside(step: Step) -> bool:
    """Whether the step sets back what somebody else did, which `outside_block` shows."""
    return step["action"] != "create" and bool(causes(step) & {"drift", "conflict"})


def is_ours(step: Step) -> bool:
    """Whether the step does anything besides, which `step_block` shows."""
    return not is_touched_outside(step) or bool(causes(step) - {"drift", "conflict"})


def takes_away(step: Step) -> bool:
    """Whether something goes with the step: a deletion, a release, the making of what replaces another object, or what
    goes from an object that stays."""
    return _SIGNS[step["action"]][1] == "removed" or step["replaces"] or bool(_losses(step))


def step_head(step: Step, replaced: Mapping[str, str], *, outside: bool = False) -> Line:
    """The sign, the address, and why. `replaced` maps addresses to the id of the object that a creation replaces."""
    sign = _OUTSIDE_SIGN if outside else _SIGNS[step["action"]]
    parts: list[Part] = [sign, " ", (step["address"], "strong")]
    if step["action"] == "create" and step["replaces"]:
        parts[0] = ("+/-", "changed")
        parts.append((f"  (replaces {replaced.get(step['address'], 'the old one')}: {step['reason']})", "plain"))
    else:
        parts.append(f" ({step['id']})" if step["id"] else "")
        parts.append(f"  {step['reason']}" if step["reason"] else "")
    return line(*parts, place=show_place(step["position"]))


def outside_block(step: Step, *, detail: Detail, width: int, marks: bool) -> list[Line]:
    """What somebody else changed in one object: the live value, and the declared one that takes its place."""
    lines = [step_head(step, {}, outside=True)]
    for change in shown_changes(step, outside=True):
        lines += indent(change_lines(change, detail=detail, width=width - 6, marks=marks), 4)
    return [*lines, *indent(other_lines(step, outside=True, detail=detail, width=width - 6), 4)]


def shown_changes(step: Step, *, outside: bool) -> list[Mapping[str, Any]]:
    """The changes of fields that one of the two blocks of a step shows."""
    theirs = step["action"] != "create"
    return [each for each in step["changes"] if (theirs and is_outside(each)) == outside]


def step_block(step: Step, replaced: Mapping[str, str], *, detail: Detail, width: int, marks: bool) -> list[Line]:
    """Everything the step does, except what `outside_block` shows."""
    lines: list[Line] = []
    for change in shown_changes(step, outside=False):
        lines += change_lines(change, detail=detail, width=width - 6, marks=marks)
    lines += other_lines(step, outside=False, detail=detail, width=width - 6)
    return [step_head(step, replaced), *indent(lines, 4)]


def other_lines(step: Step, *, outside: bool, detail: Detail, width: int) -> list[Line]:
    """What a block shows besides the changes of fields: the parts of what is new or goes, and files. Not indented."""
    if step["action"] == "delete" and not outside:
        return _deleted(step, detail=detail, width=width)
    lines: list[Line] = []
    if step["action"] == "create" and (not step["replaces"] or detail == "full"):
        shown = {each["path"][0] for each in step["changes"]}
        known = {key: each for key, each in (step["after"] or {}).items() if key not in shown}
        fields = {key: each for key, each in known.items() if each not in (None, {}, [])}
        lines += _fields(fields, step, "+", "added", detail=detail, width=width)
    theirs = step["action"] != "create"
    files = [each for each in step["files"] if (theirs and is_outside(each)) == outside]
    gone = _removed(step) if outside == (not is_ours(step)) else []
    return [*lines, *_file_lines(files, step, detail=detail, outside=outside), *gone]


def _deleted(step: Step, *, detail: Detail, width: int) -> list[Line]:
    """What goes away with an object: its files and versions by name, and with full detail everything."""
    gone = [*_file_lines(step["files"], step, detail=detail), *_removed(step)]
    if detail not in WHOLE:
        return gone
    before = {key: each for key, each in (step["before"] or {}).items() if each not in (None, {}, [])}
    return [*_fields(before, step, "-", "removed", detail=detail, width=width), *gone]


def _removed(step: Step) -> list[Line]:
    """What goes from the account besides the object and attached files."""
    return [_removal(each) for each in step.get("removes", ())]


def _removal(each: Mapping[str, Any]) -> Line:
    return line(("-", "removed"), f" {_called(each)}")


def _called(removal: Mapping[str, Any]) -> str:
    live_id = f" ({removal['id']})" if removal["id"] and removal["id"] != removal["name"] else ""
    return f"{removal['what']} {removal['name']}{live_id}"


def _losses(step: Step) -> list[str]:
    """What goes from the account with a step, by name."""
    whole = step["action"] == "delete"
    files = [each["path"] for each in step["files"] if each["action"] == "remove" and (each["before"] or whole)]
    return [*map(_called, step.get("removes", ())), *(f"file {each}" for each in files)]


def _fields(spec: Mapping[str, Any], step: Step, sign: str, role: Role, *, detail: Detail, width: int) -> list[Line]:
    """The fields of an object that is made or deleted, except the one whose files are listed on their own."""
    paths = {each["path"] for each in step["files"]}
    lines: list[Line] = []
    for key, value in spec.items():
        if paths and isinstance(value, Mapping) and set(value) == paths:
            continue
        lines += value_lines([(sign, role), f" {show_key(key)}"], value, None, role=role, detail=detail, width=width)
    return lines


def step_summary(step: Step, replaced: Mapping[str, str]) -> Line:
    """The step on one line: the fields it touches, and what goes with it, by name."""
    outside = [*map(is_outside, step["changes"]), *map(is_outside, step["files"])]
    head = step_head(step, replaced, outside=step["action"] == "update" and bool(outside) and all(outside))
    gone: list[Part] = [(f"  deletes {', '.join(_losses(step))}", "removed")] if _losses(step) else []
    if step["action"] != "update":
        return line(*head.parts, *gone, place=head.place)
    ours = _names(each for each in step["changes"] if not is_outside(each))
    theirs = _names(each for each in step["changes"] if is_outside(each))
    texts = [", ".join(ours)] if ours else []
    if step["files"]:
        texts.append(count(len(step["files"]), "file"))
    parts: list[Part] = [*head.parts, "  ", "; ".join(texts)]
    if theirs or any(is_outside(each) for each in step["files"]):
        what = ", ".join(theirs) or "files"
        parts.append((f"{'; ' if texts else ''}reverts {what}", "drift"))
    return line(*parts, *gone, place=head.place)


def _names(changes: Iterable[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(show_key(str(each["path"][0])) for each in changes))


# ── files of one step ─────────────────────────────────────────────────────────────────────────────────────────────────


def _file_lines(files: Sequence[Mapping[str, Any]], step: Step, *, detail: Detail, outside: bool = False) -> list[Line]:
    """A heading with the counts, then one line for each file; of very many only some, unless all are asked for.

    `outside` marks them as changes that somebody else made.
    """
    if not files:
        return []
    places = {show_place(each["position"]) for each in files if each["position"]}
    shared = places.pop() if len(places) == 1 else None
    mark = _SIGNS[step["action"] if step["action"] in ("create", "delete") else "update"]
    if outside:
        mark = ("!~" if any(each["cause"] == "conflict" for each in files) else "!", "drift")
    heading = line(mark, f" files: {_counts(files)}", place=shared)
    # Names with accents differ between systems, and one path may come for another that looks the same.
    same = alike(each["path"] for each in files)
    files = [{**each, "path": escaped(each["path"])} if each["path"] in same else each for each in files]
    column = min(max(cell_len(visible(each["path"])) for each in files), _WIDEST_PATH)
    lines = [line((each, "faint")) for each in _cost(files)]
    for action in _FILE_SIGNS:
        group = [each for each in files if each["action"] == action]
        few = detail in WHOLE or len(files) <= _MANY or len(group) <= _EXAMPLES + 2 or action in _TAKING
        named = group if few else group[:_EXAMPLES]
        lines += [_file_line(each, step, column, place=shared is None) for each in named]
        if len(named) < len(group):
            sign, role, _ = _FILE_SIGNS[action]
            more = f"{count(len(group) - len(named), 'more file')} (--detail full names every one)"
            lines.append(line((sign, role), " ", (f"… {more}", "faint")))
    return [heading, *indent(lines, 4)]


def _cost(files: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """What is sent and indexed, in a line where the counts do not say so: `re-index 214 files, 38.1 MB; upload 3 files,
    1.2 MB`. What is only cut in another way is sent again, too, so that a search finds it all the while."""
    sizes: dict[str, list[int]] = {}
    actions = set()
    for each in files:
        if each["action"] in ("add", "replace") and each["after"]:
            before = each["before"]["sha256"] if each["before"] else ""
            recut = bool(before) and each["after"]["sha256"].startswith(before)
            sizes.setdefault("re-index" if recut else "upload", []).append(each["after"]["size"])
            actions.add(each["action"])
    if "re-index" in sizes or len(actions) > 1:
        costs = sorted(sizes.items())
        yield "; ".join(f"{what} {count(len(each), 'file')}, {show_size(sum(each))}" for what, each in costs)


def _counts(files: Iterable[Mapping[str, Any]]) -> str:
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for each in files:
        groups.setdefault(each["action"], []).append(each)
    texts = []
    for action, (_, _, word) in _FILE_SIGNS.items():
        if action in groups:
            size = sum(each["after"]["size"] for each in groups[action] if each["after"])
            uploaded = f" ({show_size(size)})" if action in ("add", "replace") else ""
            texts.append(f"{len(groups[action]):,} {word}{uploaded}")
    return ", ".join(texts)


def _file_line(each: Mapping[str, Any], step: Mapping[str, Any], column: int, *, place: bool) -> Line:
    sign, role, _ = _FILE_SIGNS[each["action"]]
    path = visible(each["path"])
    what = _what(each, step)
    if each["reason"]:
        what += ("  " if what else "") + f"({each['reason']})"
    gap = " " * (max(column - cell_len(path), 0) + 2) if what else ""
    return line((f"{sign} ", role), path, gap, what, place=show_place(each["position"]) if place else None)


def _what(each: Mapping[str, Any], step: Mapping[str, Any]) -> str:
    before, after = each["before"], each["after"]
    match each["action"]:
        case "add":
            return show_size(after["size"]) if after else ""
        case "replace" if before and after and before["sha256"] != after["sha256"]:
            # An account does not tell the size of an attached file, only what it came to once indexed.
            old, new = show_size(before["size"]), show_size(after["size"])
            sizes = _arrow(old, new) if before["size"] else new
            return f"content changed  sha256 {before['sha256'][:8]}… -> {after['sha256'][:8]}…  {sizes}"
        case "move" if before:
            old = _live_attributes({"path": before["retinue.file"]}, step)
            new = each["attributes"]
            return "" if old == new else "attributes " + _arrow(show_value(old), show_value(new))
        case "attributes":
            return "attributes " + _arrow(show_value(_live_attributes(each, step)), show_value(each["attributes"]))
    return ""


def _arrow(before: str, after: str) -> str:
    return after if before == after else " -> ".join(tell_apart(before, after))


def _live_attributes(each: Mapping[str, Any], step: Mapping[str, Any]) -> Any:
    """The file's attributes before: they stand in the object's live specification, under the file's path."""
    for value in (step["before"] or {}).values():
        entry = value.get(each["path"]) if isinstance(value, Mapping) else None
        if isinstance(entry, Mapping) and "attributes" in entry:
            return entry["attributes"]
    return {}


# ── below the steps ───────────────────────────────────────────────────────────────────────────────────────────────────


def warning_lines(warning: Mapping[str, Any]) -> list[Line]:
    """A warning with its place, the further places, and the hint."""
    position = warning["position"]
    where = f"{show_place(position)}:{position['column']}: " if position else ""
    lines = [line(where, (f"warning[{warning['code']}]", "warning"), f": {warning['message']}")]
    lines += [line(f"  {show_place(each['position'])}: {each['message']}") for each in warning["related"]]
    if warning["hint"]:
        lines.append(line(("  hint: ", "faint"), warning["hint"]))
    return lines


def block_lines(block: Mapping[str, Any]) -> list[Line]:
    """What forbids the plan, and the option by which a person allows it all the same."""
    lines = [line(("blocked: ", "error"), block["message"])]
    if block["override"]:
        lines.append(line(("  hint: ", "faint"), f"to do it all the same, add {block['override']}"))
    return lines


def removal_lines(document: Document) -> list[Line]:
    """What an apply takes away of Retinue's own: markers, and files that an apply left which was cut off."""
    gone = document.get("removes", ())
    return [line(("Tidied up, of Retinue's own:", "faint")), *indent(map(_removal, gone), 2)] if gone else []


def unmanaged_lines(counts: Mapping[str, Any]) -> list[Line]:
    """What lives in the account and is left alone: objects without an owner, and objects of other stacks."""
    texts = [
        f"{', '.join(count(number, kind) for kind, number in counts[group].items() if number)} {words}"
        for group, words in (("unowned", "without an owner"), ("foreign", "of other stacks"), ("retired", "retired"))
        if any(counts.get(group, {}).values())
    ]
    return [line((f"Not managed here: {'; '.join(texts)}.", "faint"))] if texts else []


def summary_sentence(document: Document) -> str:
    """What the plan would do, in one sentence that programs may look for."""
    summary, steps = document["summary"], document["steps"]
    if not steps:
        if not document["complete"]:
            return "No changes to what the plan covers."
        matching = summary["in_sync"]
        verb = "matches" if matching == 1 else "match"
        return f"No changes. {count(matching, 'object')} {verb} the declarations." if matching else "No changes."
    text = f"Plan: {summary['create']} to add, {summary['update']} to change, {destroyed(summary)}"
    for action, verb in _MORE_VERBS.items():
        number = sum(1 for each in steps if each["action"] == action)
        text += f", {number} {verb}" if number else ""
    reverts = sum(1 for step in steps for each in (*step["changes"], *step["files"]) if is_outside(each))
    if reverts:
        text += f". {count(reverts, 'change')} made outside of retinue would be reverted"
    return f"{text}."


def storage_lines(document: Document) -> list[Line]:
    """About what storage costs more or less a day, in one line; none without prices, or where no content changes."""
    storage = document.get("storage")
    if not storage or not storage["stores"]:
        return []
    size = f"{'-' if storage['bytes'] < 0 else '+'}{show_size(abs(storage['bytes']))}"
    bases = [_BASES[each] for each in _BASES if any(store["basis"] == each for store in storage["stores"])]
    notes = [f"new files {' or '.join(bases)}"] if bases else []
    notes += [f"{count(storage['unknown'], 'file')} not counted"] if storage["unknown"] else []
    money = _money(storage["per_day"])
    return [line(f"Storage: {money} {storage['currency']} a day ({'; '.join([size, *notes])})")]


def _money(amount: str) -> str:
    """An amount in round: cents, of less than one cent four digits, of still less that it is less."""
    number = Decimal(amount)
    if 0 < abs(number) < Decimal("0.0001"):
        return "less than 0.0001"
    return f"about {number:+.{2 if abs(number) >= Decimal('0.01') else 4}f}" if number else "about 0.00"


def destroyed(summary: Mapping[str, Any]) -> str:
    """`6 to destroy (1 object, 5 versions)`: whatever goes counts, and what is no object is told apart."""
    removed = summary.get("removed", {})
    number = summary["delete"] + sum(removed.values())
    kinds = [("object", summary["delete"]), *removed.items()] if removed else []
    told = ", ".join(count(amount, what) for what, amount in kinds if amount)
    return f"{number} to destroy" + (f" ({told})" if told else "")


# ── groups ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Group:
    """Steps under one heading. With `outside`, what somebody else did in each; else what the declarations ask for.

    `grave` groups are what a reviewer must see whatever else is left out. `note` explains their signs.
    """

    title: str
    steps: tuple[Mapping[str, Any], ...]
    outside: bool = False
    grave: bool = False
    note: str = ""


def plan_groups(document: Mapping[str, Any]) -> tuple[Group, ...]:
    """What goes first, then what was changed outside, then the rest; groups without a step are left out.

    A step that sets back an edit and does more besides stands in two groups, with a part of it in each.
    """
    ours = [each for each in document["steps"] if is_ours(each)]
    outside = tuple(each for each in document["steps"] if is_touched_outside(each))
    both = any("conflict" in causes(each) for each in outside)
    groups = (
        Group(TAKEN_AWAY, tuple(filter(takes_away, ours)), grave=True),
        Group(OUTSIDE, outside, outside=True, grave=True, note=CONFLICTS if both else ""),
        Group(OURS, tuple(each for each in ours if not takes_away(each))),
    )
    return tuple(each for each in groups if each.steps)
