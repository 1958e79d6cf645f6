"""Differences that nobody sees, made to be seen: what was changed and looks the same is written with escapes.

No-break and other blanks, accents that stand apart from their letters, letters of other scripts, joiners and blanks at
the end of a line. What did not change is left alone, whatever is in it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from retinue.report.text.hunks import Fragment, Hunk, HunkLine, are_versions, diff_lines, diff_words, edits

_LETTERS = str.maketrans(
    "аеорсухіјѕԁһԛԝАВЕЅІЈКМНОРСТХУΑΒΕΖΗΙΚΜΝΟΡΤΥΧοανρ\u2010\u2011\u2212\u02bc",
    "aeopcyxijsdhqwABESIJKMHOPCTXYABEZHIKMNOPTYXoavp---'",
)
"""Letters of other scripts that look like Latin ones in most fonts, and signs that look like a hyphen or apostrophe."""
_BLANKS_AT_END = re.compile(" +$")


def looks(text: str) -> str:
    """What texts have in common that look the same."""
    plain = unicodedata.normalize("NFKC", text).translate(_LETTERS)
    return "".join(each for each in plain if not _is_unseen(each))


def tell_apart(before: str, after: str) -> tuple[str, str]:
    """Both texts, each on one line, with escapes where they differ and look the same."""
    if before.isascii() and after.isascii():
        return before, after
    old, new = diff_words(before, after)
    lines = _versions(HunkLine("-", old), HunkLine("+", new)) if any(each.changed for each in (*old, *new)) else None
    return (lines[0].text, lines[1].text) if lines else (before, after)


def told_apart(before: Any, after: Any, show: Any) -> tuple[Any, Any]:
    """The same for values of any form, as `show` writes them on a line."""
    return (_over_texts(before), _over_texts(after)) if looks(show(before)) == looks(show(after)) else (before, after)


def shown_hunks(before: Sequence[str], after: Sequence[str], *, context: int | None = 3) -> list[Hunk]:
    """The hunks between two lists of lines, with escapes where changed lines look the same."""
    return [replace(each, lines=tuple(shown_lines(each.lines))) for each in diff_lines(before, after, context=context)]


def shown_lines(lines: Sequence[HunkLine]) -> Iterator[HunkLine]:
    """The lines of a hunk, with escapes where changed ones look the same."""
    whole = {sign: {looks(each.text) for each in lines if each.sign == sign} for sign in "-+"}
    at = 0
    while at < len(lines):
        each, *below = lines[at : at + 2]
        if below and are_versions(each, below[0]):
            yield from map(_to_the_end, _versions(each, below[0]))
            at += 2
            continue
        other = {"-": "+", "+": "-"}.get(each.sign)
        if other and looks(each.text) in whole[other]:
            each = replace(each, fragments=(Fragment(escaped(each.text), changed=False),))
        yield _to_the_end(each)
        at += 1


def alike(texts: Iterable[str]) -> set[str]:
    """Those of several texts that look like another one of them."""
    found: dict[str, set[str]] = {}
    for each in texts:
        found.setdefault(looks(each), set()).add(each)
    return {each for several in found.values() if len(several) > 1 for each in several}


def escaped(text: str, *, everything: bool = True) -> str:
    """The text with an escape for each character that may be taken for another one, or is not seen; without
    `everything`, for blanks and for accents that stand apart."""
    return "".join(_told(text, everything=everything))


def _versions(old: HunkLine, new: HunkLine) -> tuple[HunkLine, HunkLine]:
    """Two versions of a line: blanks in what changed are told, and everything where it looks the same."""
    found, rest = edits(old, new)
    before: list[Fragment] = []
    after: list[Fragment] = []
    for edit in found:
        same = looks(edit.removed) == looks(edit.added)
        for side, text in ((before, edit.removed), (after, edit.added)):
            side += [Fragment(edit.kept, changed=False)] if edit.kept else []
            side += [Fragment("".join(_told(text, everything=same)), changed=True)] if text else []
    for side in (before, after):
        side += [Fragment(rest, changed=False)] if rest else []
    return replace(old, fragments=tuple(before)), replace(new, fragments=tuple(after))


def _to_the_end(each: HunkLine) -> HunkLine:
    """A changed line with the blanks at its end, which would be cut off."""
    if each.sign == " " or not each.text.endswith(" "):
        return each
    fragments = list(each.fragments)
    for at in reversed(range(len(fragments))):
        text = fragments[at].text
        fragments[at] = replace(fragments[at], text=_BLANKS_AT_END.sub(lambda found: "\\x20" * len(found[0]), text))
        if text.strip(" "):
            break
    return replace(each, fragments=tuple(fragments))


def _told(text: str, *, everything: bool) -> Iterator[str]:
    before = ""
    for each in text:
        blank = unicodedata.category(each) == "Zs"
        apart = len(unicodedata.normalize("NFC", before + each)) < len(before + each) > 1
        other = everything and (_is_unseen(each) or looks(each) != each)
        hidden = not each.isascii() and (blank or apart or other or unicodedata.normalize("NFC", each) != each)
        yield (f"\\u{ord(each):04x}" if ord(each) < 0x10000 else f"\\U{ord(each):08x}") if hidden else each
        before = each


def _is_unseen(character: str) -> bool:
    """Whether a character has no form of its own: joiners, marks of direction, variation selectors."""
    return unicodedata.category(character) == "Cf" or "\ufe00" <= character <= "\ufe0f"


def _over_texts(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {escaped(str(key)): _over_texts(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_over_texts(each) for each in value]
    return escaped(value) if isinstance(value, str) else value
