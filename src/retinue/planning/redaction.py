"""How secrets are taken out of what somebody else says.

An account may quote what it was sent, as it was or encoded, or a part of it.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import groupby
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit, urlunsplit

from retinue.kinds.kind import Kinds
from retinue.model.declared import Declaration, Declared
from retinue.model.paths import Pattern
from retinue.model.printable import starred
from retinue.model.values import Sealed, Secret

MASK = "***"
SHORTEST = 4
"""Characters of a text that can be hidden: of a shorter one, the gaps would tell more than they hide."""
SHORTEST_PLAIN = 8
"""The same of a hidden text that nobody called a secret: shorter ones are words that any message may have."""
LONGEST = 4096
"""Characters; what is longer, such as a script or an archive, is no secret, and a secret in it is hidden as such."""
_LIKE = 0.75
"""How much a key must be like that of a secret to be one with a slip in it: `tokken`, `acess_token`."""
_WINDOW = 12
"""Characters of a hidden text that are recognised wherever they stand, since an account may quote a part of it."""

_NAMED = re.compile(
    r"""(?:api_?key|token|secret|password|passwd|authorization)['"]?\s*[:=]\s*
    (?P<value>"[^"]*" | '[^']*' | (?![\s{$&*|>'"])[^,}]+)""",
    re.IGNORECASE | re.VERBOSE,
)
"""A value whose name says that it is a secret. One that names a secret, `${{ secret.NAME }}`, is none."""


def mask_line(line: str) -> str:
    """A line of a declaration without what looks like a key, or is called one. It keeps its length, so that what is
    below a part of it still is."""
    return starred(_NAMED.sub(_masked_value, line))


def _masked_value(found: re.Match[str]) -> str:
    value = found["value"]
    names_one = "${{" in value
    return found[0] if names_one else found[0][: found.start("value") - found.start()] + "*" * len(value)


# ── how they are hidden ───────────────────────────────────────────────────────────────────────────────────────────────


def hidden_texts(declared: Iterable[Declared], secrets: Iterable[str]) -> frozenset[str]:
    """Every text that no message may quote: the values of secrets, and what is in fields that the API never shows."""
    found = {each for each in secrets if len(each) >= SHORTEST}
    for one in declared:
        for value in one.spec.values():
            if isinstance(value, Sealed):
                found.update(_texts(value.value))
    return frozenset(found)


def texts_in_hidden_places(declarations: Iterable[Declaration], kinds: Kinds) -> Iterator[str]:
    """The plain texts of declarations in places that the API never shows, as far as they are long enough to hide."""
    for each in declarations:
        for pattern in kinds[each.address.kind].secrets:
            for value in _meant_for(each.spec, pattern):
                yield from (text for text in _texts(value) if not isinstance(text, Secret))


def _meant_for(value: Any, pattern: Pattern) -> Iterator[Any]:
    """What stands at a pattern, also under a key that is written almost like one of it, and what stands on the way
    where no text belongs."""
    if not pattern or isinstance(value, str) or (isinstance(value, list) and pattern[0] != "*"):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from _meant_for(each, pattern[1:])
    elif isinstance(value, Mapping):
        for key, each in value.items():
            if pattern[0] in ("*", key) or SequenceMatcher(None, str(key).lower(), pattern[0]).ratio() >= _LIKE:
                yield from _meant_for(each, pattern[1:])


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, str) and (SHORTEST if isinstance(value, Secret) else SHORTEST_PLAIN) <= len(value) < LONGEST:
        yield value


def hide(text: str, hidden: Collection[str]) -> str:
    """The text without the hidden ones and without parts of them, however they are encoded."""
    covered = bytearray(len(text))
    for size, known in _windows(frozenset(hidden)).items():
        for start in range(len(text) - size + 1):
            if text[start : start + size] in known:
                covered[start : start + size] = bytes([1]) * size
    runs = groupby(zip(covered, text, strict=True), key=lambda pair: pair[0])
    return "".join(MASK if is_covered else "".join(each for _, each in run) for is_covered, run in runs)


@lru_cache(maxsize=4)
def _windows(hidden: frozenset[str]) -> Mapping[int, set[str]]:
    """What is recognised of hidden texts, by its length: the same ones are taken out of one message after the other."""
    windows: dict[int, set[str]] = {}
    for form in {form for each in hidden for form in _forms(each)}:
        size = min(len(form), _WINDOW)
        windows.setdefault(size, set()).update(form[start : start + size] for start in range(len(form) - size + 1))
    return windows


def without(value: Any, hidden: Collection[str]) -> Any:
    """The same for all texts in JSON data."""
    if isinstance(value, Mapping):
        return {key: without(each, hidden) for key, each in value.items()}
    if isinstance(value, list):
        return [without(each, hidden) for each in value]
    return hide(value, hidden) if isinstance(value, str) and hidden else value


def _forms(secret: str) -> Iterator[str]:
    """How a text may be written by somebody who quotes it, or something that it is a part of."""
    for written in {secret, *_escaped(secret)}:
        raw = written.encode("utf-8", "surrogateescape")
        quoted = (quote(raw), quote(raw, safe=""), quote_plus(raw))
        yield from (written, html.escape(written), *_escaped(written), *quoted, *_base64(raw))
        yield from (re.sub("%..", lambda found: found[0].lower(), each) for each in quoted)


def _escaped(text: str) -> Iterator[str]:
    yield from (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(str(text))[1:-1])


def _base64(raw: bytes) -> Iterator[str]:
    """What every encoding of the bytes among others has in it, wherever they begin."""
    for before, first in ((0, 0), (1, 2), (2, 3)):
        encoded = base64.b64encode(bytes(before) + raw).decode("ascii").rstrip("=")
        # The last character of an incomplete group depends on what follows.
        found = encoded[first : len(encoded) - (1 if (before + len(raw)) % 3 else 0)]
        if len(found) >= SHORTEST_PLAIN:
            yield from (found, found.replace("+", "-").replace("/", "_"))


def printable_address(url: str) -> str:
    """The address without what may be a secret in it: a password, a query. Raises ValueError when it is malformed."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", f":{parts.port}" if parts.port else ""
    return urlunsplit((parts.scheme, f"[{host}]{port}" if ":" in host else f"{host}{port}", parts.path, "", ""))
