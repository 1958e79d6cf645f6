"""`retinue fmt` changes how a file looks, and nothing else: whatever it looked like."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinue.commands.fmt import order_of
from retinue.config.yaml.canonical_form import _read, canonical, is_sound

ROOT = Path(__file__).parents[2]
DECLARATIONS = order_of(project_file=False)
PROJECT = order_of(project_file=True)
FILES = [
    path
    for pattern in ("assistants/**/*.yaml", "environments/*.yaml", "retinue.yaml", "tests/**/*.yaml")
    for path in sorted(ROOT.glob(pattern))
]
_COMMENT = re.compile(r"(?:^|\s)#.*$", re.MULTILINE)


def formatted(text: str) -> str:
    return canonical(text, DECLARATIONS)


def comments(text: str) -> list[str]:
    return sorted(each.strip() for each in _COMMENT.findall(text))


# ── laws ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

KEYS = st.sampled_from(
    ["assistants", "functions", "x-own", "name", "model", "tools", "metadata", "lifecycle", "instructions", "'quoted'"]
)
PLAIN = ["plain", "two words", "007", "1.0", "~", "", "${{ var.x }}", "2026-01-01", "&anchor text", "*known"]
OTHERS = ['"quoted"', "'it''s'", '"yes"', "'1e3'", '"a: b"', "[ 1,2 ]", "{a: 1,  b: 'c'}", '"\\u00fc # none"', "'#no'"]
SCALARS = st.sampled_from([*PLAIN, *OTHERS])
NOTES = st.sampled_from(["", "", "", "  # beside", "   # far away", " # near"])


@st.composite
def blocks(draw: st.DrawFn, indent: int = 0, depth: int = 0) -> list[str]:
    """The lines of a mapping or a list, as untidy as YAML lets them be."""
    sequence = depth > 0 and draw(st.booleans())
    lines: list[str] = []
    keys = draw(st.lists(KEYS, min_size=1, max_size=4, unique=True))
    for number, key in enumerate(keys):
        above = draw(st.sampled_from([[], [], [""], ["# above"], ["", "# above", "# and more"], ["# one", ""]]))
        if number or depth == 0:
            lines += [f"{' ' * indent}{each}" if each else "" for each in above]
        start = f"{' ' * indent}-" if sequence else f"{' ' * indent}{key}:"
        form = draw(st.sampled_from(["scalar", "scalar", "text", "below"])) if depth < 3 else "scalar"
        note = draw(NOTES)
        if form == "scalar":
            gap = " " * draw(st.integers(1, 3))
            lines.append(f"{start}{gap}{draw(SCALARS)}{note}".rstrip())
        elif form == "text":
            sign = draw(st.sampled_from(["|", ">", "|-", ">-"]))
            margin = " " * (indent + draw(st.integers(1, 4)))
            lines += [f"{start} {sign}", f"{margin}First: line", "", f"{margin}  deeper # no comment", f"{margin}last"]
        else:
            step = draw(st.integers(1, 4))
            below = draw(blocks(indent + step, depth + 1))
            if sequence and draw(st.booleans()) and below[0].strip() and step > 1:
                lines += [f"{start}{' ' * (step - 1)}{below[0].lstrip()}", *below[1:]]
            else:
                lines += [f"{start}{note}", *below]
    return lines


@given(blocks(), st.sampled_from(["", "---\n", "# of the file\n\n", "# of the first\n"]), st.booleans())
def test_what_is_said_and_every_comment_stay_and_twice_is_once(lines: list[str], start: str, windows: bool) -> None:
    text = start + "known: &known {a: 1}\n" + "\n".join(lines) + "\n"
    text = text.replace("\n", "\r\n") if windows else text
    if not is_sound(text):
        return
    made = formatted(text)
    assert _read(made) == _read(text.replace("\r\n", "\n"))
    assert comments(made) == comments(text)
    assert formatted(made) == made
    assert (windows and "\r\n" in made) or "\r" not in made


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_files_of_this_repository_keep_what_they_say(path: Path) -> None:
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return
    order = PROJECT if path.name == "retinue.yaml" else DECLARATIONS
    made = canonical(text, order)
    if is_sound(text):
        assert comments(made) == comments(text)
    else:
        assert made == text
    assert canonical(made, order) == made


# ── the form ──────────────────────────────────────────────────────────────────────────────────────────────────────────

UNTIDY = """\
# yaml-language-server: $schema=x
functions:
    roll: {description: Rolls.}   # beside
assistants:
    # the tutor
    tutor:
        tools:
        - code_interpreter
        # rolls
        -   function: 'roll'
        model: &model 'gpt-4o'
        lifecycle: {protect: true}
        # how it is called
        name:   "Tutor"
        instructions: |
            Be kind.

              Always.
        metadata:
            zeta: "1"
            alpha: 'yes'
        # at the end of the tutor
    # above the second
    "second":
        description: *model
        model: *model

x-shared: 1
"""

TIDY = """\
# yaml-language-server: $schema=x
x-shared: 1

assistants:
  # the tutor
  tutor:
    # how it is called
    name: Tutor
    model: &model gpt-4o
    instructions: |
      Be kind.

        Always.
    tools:
      - code_interpreter
      # rolls
      - function: roll
    metadata:
      zeta: "1"
      alpha: 'yes'
    lifecycle: {protect: true}
    # at the end of the tutor
  # above the second
  second:
    model: *model
    description: *model

functions:
  roll: {description: Rolls.}   # beside
"""


def test_an_untidy_file_becomes_a_tidy_one() -> None:
    assert formatted(UNTIDY) == TIDY
    assert formatted(TIDY) == TIDY


@pytest.mark.parametrize(
    "text",
    [
        "assistants:\n  a: {model: x}\n  a: {model: y}\n",  # a mistake
        "assistants: [\n",
        "%YAML 1.2\n---\na:   b\n",
        "? a\n: b\n",
        "a:\n  # why\n  'text'\n",
        "",
        "# nothing yet\n",
        "just a text\n",
    ],
)
def test_what_cannot_be_kept_stays_as_it_is(text: str) -> None:
    assert formatted(text) == text


def test_an_alias_never_comes_before_its_anchor() -> None:
    text = "assistants:\n  a:\n    model: &m x\n    name: *m\n"
    assert formatted(text) == text


def test_documents_are_put_in_order_one_by_one() -> None:
    text = "functions:\n  f: {}\nassistants:\n  a: {model: x}\n---\n# two\nassistants:\n    b: {model: x}\n"
    assert formatted(text) == (
        "assistants:\n  a: {model: x}\nfunctions:\n  f: {}\n---\n# two\nassistants:\n  b: {model: x}\n"
    )


def test_settings_of_the_project_have_their_order_too() -> None:
    text = "environments:\n  b: {account: openai}\n  a: {}\nstack: 'shop'\n"
    assert canonical(text, PROJECT) == "stack: shop\nenvironments:\n  b: {account: openai}\n  a: {}\n"
