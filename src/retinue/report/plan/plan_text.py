"""A plan document → the text a person reviews, and the pieces that its pages are made of. Shows what the document says
and decides nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from retinue.model.declared import HOW_CHOSEN
from retinue.report.plan.created_text import created_folds, created_lines, listed
from retinue.report.plan.file_text import file_lines, gone_by_folder
from retinue.report.plan.folding import Fold, fold, kind_of
from retinue.report.plan.step_groups import (
    CONFLICTS,
    OURS,
    OUTSIDE,
    OUTSIDE_SIGN,
    SIGNS,
    Document,
    Step,
    called,
    causes,
    is_ours,
    is_touched_outside,
    replaced_ids,
    shown_changes,
)
from retinue.report.text.change_text import (
    WHOLE,
    Detail,
    change_lines,
    is_outside,
    show_key,
    show_place,
    show_size,
    value_lines,
)
from retinue.report.text.ink import Line, Part, Role, cells_of, count, indent, line, paint, with_blanks_between

_WORDS = {
    "create": "add",
    "update": "change",
    "delete": "destroy",
    "adopt": "adopt",
    "move": "move",
    "release": "release",
}
_FEW = 5
"""So many objects are seen at once, without a table."""
ROWS = 4
"""Lines of addresses of what reads the same."""
_MORE_VERBS = {"adopt": "to adopt", "move": "to move", "release": "to release"}
_BASES = {"usage_ratio": "by the ratio of their store", "file_size": "by their size"}


def render_plan(document: Document, *, detail: Detail = "hunks", width: int = 80, color: bool = False) -> str:
    """The whole plan: header, changes made outside, steps, warnings, blocks, counts, the summary, the digest."""
    sections = [header_lines(document), count_lines(document["steps"])]
    sections += _steps(document, detail=detail, width=width, marks=not color)
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


def count_lines(steps: Sequence[Step]) -> list[Line]:
    """How many objects of each kind are added, changed and so on: a table, where there are so many that it helps."""
    return (
        [line((text, "strong" if not index else "plain")) for index, text in enumerate(table_text(*counted(steps)))]
        if len(steps) > _FEW
        else []
    )


def counted(steps: Iterable[Step]) -> tuple[list[str], dict[str, list[int]]]:
    """What is done to objects, as headings, and by kind how often each is done."""
    numbers = Counter((kind_of(each), each["action"]) for each in steps)
    actions = [each for each in _WORDS if any(action == each for _, action in numbers)]
    kinds = dict.fromkeys(kind for kind, _ in numbers)
    return [_WORDS[each] for each in actions], {kind: [numbers[kind, each] for each in actions] for kind in kinds}


def table_text(headings: Sequence[str], rows: Mapping[str, Sequence[int]]) -> Iterator[str]:
    """The same as lines of text, numbers below their headings."""
    names = {kind: kind.replace("_", " ") for kind in rows}
    widths = [max(len(head), *(len(f"{row[at]:,}") for row in rows.values())) for at, head in enumerate(headings)]
    first = max(len("Objects"), *map(cells_of, names.values()))
    yield "  ".join(["Objects".ljust(first), *(head.rjust(size) for head, size in zip(headings, widths, strict=True))])
    for kind, row in rows.items():
        cells = [(f"{number:,}" if number else "-").rjust(size) for number, size in zip(row, widths, strict=True)]
        yield "  ".join([names[kind] + " " * (first - cells_of(names[kind])), *cells])


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
        for each in fold(outside, outside=True, detail=detail):
            yield indent(fold_block(each, replaced, outside=True, detail=detail, width=width, marks=marks), 2)
        if any("conflict" in causes(each) for each in outside):
            yield [line((CONFLICTS, "drift"))]
    ours = [each for each in steps if is_ours(each)]
    if outside and ours:
        yield [line((f"{OURS}:", "strong"))]
    gone: list[Line] = []  # what goes and takes nothing along stands line below line
    for each in fold(ours, detail=detail):
        block = indent(fold_block(each, replaced, detail=detail, width=width, marks=marks), 2)
        if each.shown["action"] == "delete" and len(block) == 1:
            gone += block
            continue
        if gone:
            yield gone
            gone = []
        yield block
    if gone:
        yield gone


# ── steps that read the same ──────────────────────────────────────────────────────────────────────────────────────────


def fold_head(folded: Fold, replaced: Mapping[str, str], *, outside: bool = False) -> Line:
    """The head of a step, or for several their number and sort."""
    if not folded.several:
        return step_head(folded.shown, replaced, outside=outside)
    sign = OUTSIDE_SIGN if outside else SIGNS[folded.shown["action"]]
    reason = folded.shown["reason"]
    return line(sign, " ", (folded.title, "strong"), f"  {reason}" if reason else "", place=folded.place)


def fold_block(
    folded: Fold, replaced: Mapping[str, str], *, outside: bool = False, detail: Detail, width: int, marks: bool
) -> list[Line]:
    """What a step does, or several that read the same: which they are, and what is done, once."""
    if not folded.several:
        if outside:
            return outside_block(folded.shown, detail=detail, width=width, marks=marks)
        return step_block(folded.shown, replaced, detail=detail, width=width, marks=marks)
    head = fold_head(folded, replaced, outside=outside)
    if folded.shown["action"] == "create":
        everything = detail in WHOLE
        return [head, *indent(created_folds(folded, width=width - 6, everything=everything), 4)]
    names = fold_names(folded, detail=detail, width=width - 6)
    return [head, *indent([*names, *fold_body(folded, outside=outside, detail=detail, width=width, marks=marks)], 4)]


def fold_names(folded: Fold, *, detail: Detail, width: int) -> list[Line]:
    """Which objects it is: some lines of addresses, with full detail each with its id and place."""
    if detail == "full":
        return [
            line(each["address"], f" ({each['id']})" if each["id"] else "", place=show_place(each["position"]))
            for each in folded.steps
        ]
    return listed([each["address"] for each in folded.steps], width, rows=None if detail in WHOLE else ROWS)


def fold_body(folded: Fold, *, outside: bool = False, detail: Detail, width: int, marks: bool) -> list[Line]:
    """What is done to each of several objects. Not indented."""
    lines: list[Line] = []
    for change in shown_changes(folded.shown, outside=outside):
        lines += change_lines(change, detail=detail, width=width - 6, marks=marks)
    return [*lines, *other_lines(folded.shown, outside=outside, detail=detail, width=width - 6)]


# ── one step ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def step_head(step: Step, replaced: Mapping[str, str], *, outside: bool = False) -> Line:
    """The sign, the address, and why. `replaced` maps addresses to the id of the object that a creation replaces."""
    sign = OUTSIDE_SIGN if outside else SIGNS[step["action"]]
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
    if step["action"] == "create" and not step["replaces"] and not step["changes"] and detail not in WHOLE:
        return created_lines(step, width=width)
    if step["action"] == "create" and (not step["replaces"] or detail == "full"):
        shown = {each["path"][0] for each in step["changes"]}
        known = {key: each for key, each in (step["after"] or {}).items() if key not in shown}
        fields = {key: each for key, each in known.items() if each not in (None, {}, [])}
        lines += _fields(fields, step, "+", "added", detail=detail, width=width)
    theirs = step["action"] != "create"
    files = [each for each in step["files"] if (theirs and is_outside(each)) == outside]
    gone = _removed(step) if outside == (not is_ours(step)) else []
    return [*lines, *file_lines(files, step, detail=detail, outside=outside), *gone]


def _deleted(step: Step, *, detail: Detail, width: int) -> list[Line]:
    """What goes away with an object: its files and versions by name, and with full detail everything."""
    gone = [*file_lines(step["files"], step, detail=detail), *_removed(step)]
    if detail not in WHOLE:
        return gone
    before = {key: each for key, each in (step["before"] or {}).items() if each not in (None, {}, [])}
    return [*_fields(before, step, "-", "removed", detail=detail, width=width), *gone]


def _removed(step: Step) -> list[Line]:
    """What goes from the account besides the object and attached files."""
    return [_removal(each) for each in step.get("removes", ())]


def _removal(each: Mapping[str, Any]) -> Line:
    return line(("-", "removed"), f" {called(each)}")


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
    lost = gone_by_folder(step)
    gone: list[Part] = [(f"  deletes {', '.join(lost)}", "removed")] if lost else []
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
