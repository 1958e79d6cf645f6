"""Which part of a text that is put together of several somebody changed, and what that part is to be.

A change belongs to a part if the text reads back as it is with only that part changed, and with no other. Where
several parts changed, each difference has to lie wholly inside one of them. What could belong to two is refused.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from retinue.config.declaration_sites import BETWEEN, TextPart, UnwritableError, text_place, text_places
from retinue.config.project_files import Folder
from retinue.kinds.kind import Kinds
from retinue.model.declared import Declaration


class SeveralPartsError(ValueError):
    """The parts, by number, of which nobody can tell which changed."""

    def __init__(self, parts: Sequence[int]) -> None:
        super().__init__(", ".join(map(str, parts)))
        self.parts = tuple(parts)


def whole_parts(parts: Sequence[str | None], joined: str) -> list[str]:
    """The texts of all parts, of which the joined text tells one that is None. Raises SeveralPartsError where it does
    not: there are several, or the others are not in it."""
    unknown = [number for number, text in enumerate(parts) if text is None]
    if len(unknown) > 1:
        raise SeveralPartsError(unknown)
    at = unknown[0] if unknown else len(parts)
    above = "".join(f"{each}{BETWEEN}" for each in parts[:at])
    below = "".join(f"{BETWEEN}{each}" for each in parts[at + 1 :])
    whole = [str(each) for each in parts]
    if unknown:
        whole[at] = joined[len(above) : len(joined) - len(below)]
    if BETWEEN.join(whole) != joined:
        raise SeveralPartsError(range(len(parts)))
    return whole


def _merged(parts: Sequence[TextPart]) -> list[TextPart]:
    """Parts of which only the joined text tells are one where they stand beside each other."""
    merged: list[TextPart] = []
    for each in parts:
        if merged and merged[-1].text is None and each.text is None:
            merged[-1] = replace(merged[-1], name=f"{merged[-1].name} or {each.name}")
        else:
            merged.append(each)
    return merged


def changed_parts(parts: Sequence[str], after: str) -> dict[int, str]:
    """Number → new text of the parts that changed for their joined text to become `after`.

    Raises SeveralPartsError where a difference stands across parts, or could belong to more than one.
    """
    if BETWEEN.join(parts) == after:
        return {}
    alone = dict(_one_alone(parts, after))
    if len(alone) > 1:
        raise SeveralPartsError(sorted(alone))
    return alone or _several(parts, after)


def _one_alone(parts: Sequence[str], after: str) -> Iterator[tuple[int, str]]:
    """Each part that may be the only one that changed, with what it would be."""
    for number in range(len(parts)):
        above = "".join(f"{each}{BETWEEN}" for each in parts[:number])
        below = "".join(f"{BETWEEN}{each}" for each in parts[number + 1 :])
        if len(after) >= len(above) + len(below) and after.startswith(above) and after.endswith(below):
            yield number, after[len(above) : len(after) - len(below)]


def _several(parts: Sequence[str], after: str) -> dict[int, str]:
    """The parts that changed, by the lines between them that did not: each has to stand beside a line of text that did
    not change either, since one blank line is like another."""
    old, new = BETWEEN.join(parts).split("\n"), after.split("\n")
    stays: dict[int, int] = {}
    for block in difflib.SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks():
        stays |= {block.a + step: block.b + step for step in range(block.size)}
    changed: dict[int, str] = {}
    begin, begins = 0, 0  # of the part that is looked at, in the old lines and in the new ones
    for number, part in enumerate(parts):
        end = begin + part.count("\n") + 1
        ends = len(new)
        if number + 1 < len(parts):
            ends = stays.get(end, -1)
            beside = [each for each in (end - 1, end + 1) if old[each].strip() and stays.get(each) == ends + each - end]
            # What was put in beside the line between them, with a blank line of its own, could be of either part.
            around = [new[each] for each in (ends - 1, ends + 1) if 0 <= each < len(new)]
            both_have_lines = begins < ends < len(new) - 1
            if not both_have_lines or not beside or any(not each.strip() for each in around):
                raise SeveralPartsError((number, number + 1))
        text = "\n".join(new[begins:ends])
        if text != part:
            changed[number] = text
        begin, begins = end + 1, ends + 1
    if BETWEEN.join(changed.get(number, part) for number, part in enumerate(parts)) != after:
        raise SeveralPartsError(range(len(parts)))
    return changed


# ── what may be edited ────────────────────────────────────────────────────────────────────────────────────────────────


def part_edits(
    declaration: Declaration,
    parts: Sequence[TextPart],
    joined: str,
    after: str,
    *,
    declarations: Iterable[Declaration],
    kinds: Kinds,
    folder: Folder,
) -> list[tuple[TextPart, str]]:
    """The parts to edit for the `joined` text to become `after`, with what each is to be.

    Raises UnwritableError, naming the parts, where that cannot be told, where a part comes from variables, and where
    others share it: an edit of one declaration is no reason to change another.
    """
    parts = _merged(parts)
    by_hand = "edit the parts by hand; 'retinue apply' sets the text back"
    try:
        changed = changed_parts(whole_parts([each.text for each in parts], joined), after)
    except SeveralPartsError as error:
        names = " and ".join(parts[number].name for number in error.parts)
        message = f"it is put together of several parts, and which of them changed cannot be told: {names}"
        raise UnwritableError(message, parts[error.parts[0]].node.position, by_hand) from error
    for number in changed:
        part = parts[number]
        if part.site is None:
            raise UnwritableError(f"the change is in {part.name}, and {part.why}", part.node.position, by_hand)
        place = text_place(part.node, declaration, folder)
        sharing = [each for each in declarations if each.address != declaration.address]
        others = tuple(each.address for each in sharing if place in text_places(each, kinds, folder))
        if others:
            hint = "edit it by hand for all of them, or give one a part of its own"
            raise UnwritableError(f"the change is in {part.name}", part.node.position, hint, sharing=others)
    return [(parts[number], text) for number, text in changed.items()]
