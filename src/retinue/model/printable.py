"""Texts made safe to print: what a terminal, a runner of pipelines or a reader would take for something else becomes
visible, and what looks like a key does not.

A runner reads the log of a job: a line that begins with `::` is a command to GitHub's (ActionCommand.cs of
actions/runner: blanks before it are skipped), as is `##[…]` anywhere in a line; those of Azure and TeamCity take
`##vso[…]` and `##teamcity[…]`. GitLab's takes escape sequences, which never get through.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any

# Control characters; format characters that reorder or hide text; fillers without a glyph; lone surrogates; tags and
# variation selectors that can carry hidden text. Joiners are legitimate inside emoji, Arabic and Indic words only.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\u2800\u3164\ud800-\udfff\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]"
    "|(?<![\u0600-\u08ff\u0900-\u0dff\u1000-\u109f\u1780-\u17ff\ufb50-\ufefe])\u200c"
    "|(?<![\u0600-\u08ff\u0900-\u0dff\u2190-\u2bff\u3030\u303d\ufb50-\ufefe\ufe0f\U0001f000-\U0001faff])\u200d"
)
_SHORT = {"\t": "\\t", "\r": "\\r", "\n": "\\n"}
_COLOR = r"\x1b\[[0-9;]*m"
_COMMAND = re.compile(rf"(?m)^((?:[^\S\n]|{_COLOR})*):(?=(?:{_COLOR})*:)|#(?=(?:{_COLOR})*#(?:{_COLOR})*[A-Za-z]*\[)")


_KEYS = re.compile(
    r"""(?<![A-Za-z0-9_-])(?:
    (?:sk|rk|pk)[-_](?=[-_a-z]*[A-Z0-9])[-_A-Za-z0-9]{12,}           # OpenAI, Anthropic, Stripe
    | (?:gh[oprsu]_|github_pat_|gl[a-z]{2,5}-|xapp-|xox[a-z]-|hf_|npm_|pypi-)(?=[-_a-z]*[A-Z0-9])[-_A-Za-z0-9]{12,}
    | A(?:KIA|SIA)[A-Z0-9]{12,} | AIza[-_A-Za-z0-9]{20,} | ya29\.[-_A-Za-z0-9]{12,}
    | eyJ[-_A-Za-z0-9]{8,}\.[-_.A-Za-z0-9]*                          # tokens in JSON (JWT)
    ) | -----BEGIN\ [A-Z ]*PRIVATE\ KEY-----[^-]*(?:-----END\ [A-Z ]*PRIVATE\ KEY-----)?
    | (?<=://)[^\s/:@"']*:(?P<password>[^\s/@"']+)(?=@)
    | (?i:[?&;#](?:[a-z0-9]+[-_.])*(?:(?:api|access|auth|private|secret|subscription|account|shared)?key|jwt
        |(?:(?:access|auth|id|refresh)?token|secret|passw(?:or)?d|pwd|signature|sig|credential)))=
      (?!\*\*\*|[{<$[%*])(?P<parameter>[^\s&;\#"'<>`()]{4,})""",
    re.VERBOSE,
)
"""What keys of the usual services look like, private keys, passwords and parameters of addresses."""
_WORD = re.compile(
    r"""[:=][ \t]*["']?(?:(?i:Bearer|Basic)[ \t]+)?
    (?!\*\*\*|(?i:base64|sha-?\d|md5|[hre]s\d\d\d|utf-?\d|uuid|oauth|https?:|\d+-))
    (?P<word>(?=[^\s"',;`]{0,99}[0-9!@\#%^&+])(?=[^\s"',;`]{0,99}[A-Za-z])[A-Za-z0-9!@\#^&+~][^\s"',;`\\]{7,})""",
    re.VERBOSE,
)
_BEFORE = re.compile(
    r"""(?:api[-_ ]?key|token|secret|password|passwd|passphrase|private[-_]?key|authorization)["']?[ \t]*$""",
    re.IGNORECASE,
)
"""What stands after a name that says what it is: one word of eight characters or more that no sentence would have, such
as `hunter2hunter2`. A placeholder, such as `{token}` or `<your key>`, is none, and neither is what a prompt says of the
form of a password. The name is looked for last: signs are found faster than words."""
_LONGEST_NAME = 40
_CALLED = re.compile(r"(?i)(?:api[_-]?key|token|secret|password|passwd|authorization|private[_-]?key)$")
_MASKED = re.compile(r"\*\*\*(?:[-_A-Za-z0-9]{6})?")


class Printable(str):
    """Text that is printed as it is: what is somebody else's in it has been made safe."""

    __slots__ = ()


def visible(text: str) -> str:
    """The text with everything that would move the cursor, reorder or hide text written as an escape, like `\\x1b`."""
    return text if text.isascii() and text.isprintable() else _UNSAFE.sub(_escape, text)


def visible_lines(text: str) -> str:
    """The same with line breaks kept."""
    return "\n".join(map(visible, text.split("\n")))


def inert(text: str) -> Printable:
    """Lines that are safe otherwise, with or without colour, so written that a runner takes none for a command."""
    return Printable(_COMMAND.sub(lambda found: f"{found[1] or ''}\\x{ord(found[0][-1]):02x}", text))


def printable(text: str) -> Printable:
    """Any text, safe to print; one that is already stays what it is."""
    return text if isinstance(text, Printable) else inert(visible_lines(text))


# ── keys ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def masked(text: str) -> str:
    """A text without what looks like a key. What stands for one tells it from others, and nothing else."""
    return (_masked_once if len(text) > _LONG else _masked)(text) if _may_hold_a_key(text) else text


def _masked(text: str) -> str:
    return _without_keys(text, mask)


_masked_once = lru_cache(maxsize=16)(_masked)
"""A long text stands in several places of a plan, one after the other."""
_LONG = 10_000
_BEGINNINGS = [
    "sk-",
    "rk-",
    "pk-",
    "xapp-",
    "xox",
    "pypi-",
    "AKIA",
    "ASIA",
    "AIza",
    "ya29.",
    "eyJ",
    "-----BEGIN",
    "://",
]
_WITH_UNDERSCORE = ["sk_", "rk_", "pk_", "gho_", "ghp_", "ghr_", "ghs_", "ghu_", "github_pat_", "hf_", "npm_"]
_OF_GITLAB = re.compile("gl[a-z]{2,5}-")
_NAMES = re.compile("key|token|secret|passw|passphrase|pwd|authorization|jwt|sig|credential")


def _may_hold_a_key(text: str) -> bool:
    """Whether any of the beginnings that `_KEYS` looks for is there, or a name that is looked for before a sign: most
    texts have none, which is seen sooner."""
    if ("=" in text or ":" in text) and _NAMES.search(text.lower()):
        return True
    return (
        any(each in text for each in _BEGINNINGS)
        or ("_" in text and any(each in text for each in _WITH_UNDERSCORE))
        or _OF_GITLAB.search(text) is not None
    )


def starred(text: str) -> str:
    """The same in as many characters, so that what is below a part of it still is."""
    return _without_keys(text, lambda each: "*" * len(each))


def _without_keys(text: str, change: Callable[[str], str]) -> str:
    text = _KEYS.sub(lambda found: _without_key(found, change), text)
    return _WORD.sub(lambda found: _without_key(found, change) if _is_named(found) else found[0], text)


def _without_key(found: re.Match[str], change: Callable[[str], str]) -> str:
    key = found[found.lastgroup] if found.lastgroup else found[0]
    return found[0].removesuffix(key) + change(key)


def _is_named(found: re.Match[str]) -> bool:
    start = found.start()
    return _BEFORE.search(found.string[max(0, start - _LONGEST_NAME) : start]) is not None


def mask(key: str) -> str:
    """`***` and six characters that are another key's only by chance; slow, so that nobody tries keys out."""
    from retinue.model.sealed import slow_digest  # what it needs takes longer to import than most that is printed

    return f"***{slow_digest(key.encode('utf-8', 'surrogatepass'), b'retinue mask')}"


def masked_data(value: Any, name: str = "") -> Any:
    """JSON data without what looks like a key, or is called one: `name` is the key under which the value stands."""
    if isinstance(value, Mapping):
        return {key: masked_data(each, str(key)) for key, each in value.items()}
    if isinstance(value, list):
        return [masked_data(each) for each in value]
    if type(value) is not str:
        return value  # what is a text of its own kind, such as an expression of the author's, says what it is
    called = _CALLED.search(name) and value and "${{" not in value and not _MASKED.fullmatch(value)
    return mask(value) if called else masked(value)


# ── JSON ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def json_text(document: Any, *, indent: int | None = 2, ascii_only: bool = False) -> Printable:
    """Data as JSON that is safe to print and comes to the same data: two columns a level, or on one line."""
    if indent is not None:
        return Printable("".join(json_pieces(document)))
    text = _UNSAFE.sub(_json_escape, json.dumps(document, ensure_ascii=ascii_only))
    return Printable(_COMMAND.sub(_json_command, text))


def json_pieces(document: Any) -> Iterator[Printable]:
    """The same in pieces that begin where a line ends, one for each part of the lists in the document: nobody needs
    the whole of a long plan at once."""
    if not (isinstance(document, dict) and document):
        yield _json_piece(document, 0)
        return
    for number, (name, value) in enumerate(document.items()):
        head = f"{',' if number else '{'}\n  {_json_string(name)}: "
        if not (isinstance(value, list) and value):
            yield Printable(head + _json_piece(value, 1))
            continue
        for at, each in enumerate(value):
            yield Printable(f"{',' if at else f'{head}['}\n    {_json_piece(each, 2)}")
        yield Printable("\n  ]")
    yield Printable("\n}")


def _json_piece(value: Any, level: int) -> Printable:
    written: list[str] = []
    _write_json(value, "\n" + "  " * level, written.append)
    return Printable("".join(written))


def _write_json(value: Any, margin: str, write: Callable[[str], object]) -> None:
    """Write data as `json.dumps` does, with safe texts; `margin` leads to the line below."""
    if isinstance(value, str):
        write(_json_string(value))
    elif isinstance(value, dict) and value:
        inner = f"{margin}  "
        lead = f"{{{inner}"
        for key, each in value.items():
            write(f"{lead}{_json_string(key)}: ")
            _write_json(each, inner, write)
            lead = f",{inner}"
        write(f"{margin}}}")
    elif isinstance(value, list | tuple) and value:
        inner = f"{margin}  "
        lead = f"[{inner}"
        for each in value:
            write(lead)
            _write_json(each, inner, write)
            lead = f",{inner}"
        write(f"{margin}]")
    else:
        write("null" if value is None else json.dumps(value))


def _json_string(text: str) -> str:
    quoted = encode_basestring(text)
    if not (quoted.isascii() and quoted.isprintable()):
        quoted = _UNSAFE.sub(_json_escape, quoted)
    return _COMMAND.sub(_json_command, quoted) if "##" in quoted else quoted


def _json_command(found: re.Match[str]) -> str:
    return f"{found[1] or ''}\\u{ord(found[0][-1]):04x}"


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    code = ord(character)
    if code < 0x100:
        return _SHORT.get(character, f"\\x{code:02x}")
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _json_escape(match: re.Match[str]) -> str:
    return json.dumps(match.group())[1:-1]
