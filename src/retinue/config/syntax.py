"""What a YAML parser's complaint means to the person who wrote the file."""

from __future__ import annotations

import re
from typing import NamedTuple

from yaml.error import MarkedYAMLError

from retinue.config.mistakes import Refused
from retinue.config.texts import Source


class _Meaning(NamedTuple):
    """What to say about a complaint that contains `words`; `at_start` places it where the broken part begins."""

    words: str
    message: str
    hint: str
    at_start: bool = False


_MEANINGS = (
    _Meaning(
        "mapping values are not allowed",
        "a ':' is not expected here",
        "quote the value if ': ' belongs to it, or check the indentation",
    ),
    _Meaning("unexpected end of stream", "this quote is never closed", "close it", at_start=True),
    _Meaning("unexpected document indicator", "this quote is never closed", "close it", at_start=True),
    _Meaning(
        "could not find expected ':'",
        "this line is no 'key: value'",
        "put ': ' after the key, or indent the line if it goes on with the text above",
        at_start=True,
    ),
    _Meaning("expected ',' or ']'", "a ',' or a ']' is missing before this", "close the list that starts with '['"),
    _Meaning("expected ',' or '}'", "a ',' or a '}' is missing before this", "close the mapping that starts with '{'"),
    _Meaning(
        "expected '-' indicator",
        "an entry of the list is expected here",
        "start it with '- ', or check the indentation",
    ),
    _Meaning("expected <block end>", "this does not go on with what is above", "check the indentation"),
    _Meaning("did not find expected key", "a key is expected here", "check the indentation and the quotes"),
    _Meaning(
        "unknown escape character", "this escape is not known", "use single quotes, or write '\\\\' for a backslash"
    ),
    _Meaning("expected node content", "a value is expected here", "quote it if this belongs to a text"),
    _Meaning("expected the node content", "a value is expected here", "quote it if this belongs to a text"),
    _Meaning(
        "expected alphabetic or numeric",
        "'*' and '&' start an alias or an anchor",
        "quote the value if it is a text",
    ),
    _Meaning("incompatible YAML document", "this version of YAML is not known", "remove the line '%YAML …'"),
    _Meaning("comment or line break", "nothing may follow '|' or '>' on its line", "start the text on the next line"),
    _Meaning("chomping or indentation", "nothing may follow '|' or '>' on its line", "start the text on the next line"),
    _Meaning("expected <document start>", "another value starts here", "separate documents with a line '---'"),
)

_PAIRS = {"[": "]", "{": "}"}
_CONTROL = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def refuse_control_characters(source: Source) -> None:
    """YAML takes no control characters, and the parser's own complaint about them has no place."""
    found = _CONTROL.search(source.text)
    if found:
        raise SyntaxMistake(
            found.start(),
            "yaml-syntax",
            f"the control character U+{ord(found[0]):04X} is not allowed in YAML",
            f'remove it, or write it as "\\x{ord(found[0]):02x}" in double quotes',
        )


class SyntaxMistake(Refused):
    """The text is not YAML from `offset` on."""

    def __init__(
        self, offset: int, code: str, message: str, hint: str | None = None, *, also: tuple[str, int] | None = None
    ) -> None:
        super().__init__(code, message, hint)
        self.offset = offset
        self.also = also


def explained(error: MarkedYAMLError, source: Source) -> SyntaxMistake:
    """The parser's complaint in words that say what to do."""
    text = source.text
    mark = error.problem_mark or error.context_mark
    offset = min(mark.index, len(text)) if mark else 0
    start = error.context_mark.index if error.context_mark else offset
    tab = _tab_in_indentation(text, offset)
    if tab is not None:
        return SyntaxMistake(tab, "yaml-tab", "a tab cannot indent YAML", "indent with spaces")
    problem = error.problem or str(error)
    if "cannot start any token" in problem:
        return SyntaxMistake(offset, "yaml-syntax", f"a value cannot start with '{text[offset]}'", "quote the value")
    opened = _opened(error, text, offset)
    if opened and not text[offset:].strip():
        bracket = text[opened[1]]
        hint = f"close it with '{_PAIRS[bracket]}'"
        return SyntaxMistake(opened[1], "yaml-syntax", f"this '{bracket}' is never closed", hint)
    for meaning in _MEANINGS:
        if meaning.words in problem:
            place = start if meaning.at_start else offset
            return SyntaxMistake(place, "yaml-syntax", meaning.message, meaning.hint, also=_opened(error, text, place))
    return SyntaxMistake(offset, "yaml-syntax", problem, None)


def _opened(error: MarkedYAMLError, text: str, place: int) -> tuple[str, int] | None:
    mark = error.context_mark
    if mark is None or mark.index == place or mark.index >= len(text) or text[mark.index] not in "[{":
        return None
    return f"the '{text[mark.index]}' stands here", mark.index


def _tab_in_indentation(text: str, offset: int) -> int | None:
    start = max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1
    indentation = re.compile(r"[ \t]*(?:- [ \t]*)*").match(text, start)
    tab = text.find("\t", start, indentation.end() if indentation else start)
    return tab if tab >= 0 else None
