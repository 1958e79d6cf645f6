"""An edit changes what it is about, and leaves every comment, blank line, quote and anchor beside it as it was.

Each directory holds a text, edits, and the text after them. `RETINUE_UPDATE_GOLDENS=1 pytest tests/edits` rewrites the
latter; the difference is then reviewed like code.
"""

from __future__ import annotations

import json
import os
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinue.config.interpolation import fill
from retinue.config.problems import Diagnostics
from retinue.config.source_text import Source
from retinue.config.yaml.constructor import construct
from retinue.config.yaml.editor import Edit, edited
from retinue.config.yaml.parser import compose
from retinue.config.yaml.writer import write_yaml

HERE = Path(__file__).parent
CASES = sorted(path.name for path in HERE.iterdir() if (path / "before.yaml").exists())
UPDATING = bool(os.environ.get("RETINUE_UPDATE_GOLDENS"))


def text(path: Path) -> str:
    return path.read_bytes().decode("utf-8")


def edits(name: str) -> list[Edit]:
    found = json.loads(text(HERE / name / "edits.json"))
    return [Edit(each["action"], each["number"], tuple(each["path"]), each.get("value")) for each in found]


def read(content: str) -> list[Any]:
    source, diagnostics = Source("", content), Diagnostics()
    documents, complete = compose(source, diagnostics)
    found = [_filled(construct(source, each, diagnostics)) for each in documents]
    assert complete
    assert not diagnostics.all
    return found


def _filled(value: Any) -> Any:
    """Without expressions there is nothing to look up, but what is written to be literal is read as that."""
    if isinstance(value, dict):
        return {key: _filled(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(each) for each in value]
    return fill(value, lambda _: None).value if isinstance(value, str) else value


def expected(content: str, made: list[Edit]) -> list[Any]:
    """What the text says, changed as data."""
    documents = deepcopy(read(content))
    for each in sorted(made, key=lambda edit: edit.action == "remove"):
        *above, last = each.path
        place: Any = documents[each.number]
        for part in above:
            place = place[part]
        match each.action:
            case "set":
                place[last] = each.value
            case "append":
                place[last].append(each.value)
            case "remove":
                del place[last]
    return documents


@pytest.mark.parametrize("name", CASES)
def test_edited_text_is_the_golden(name: str) -> None:
    made = edited(text(HERE / name / "before.yaml"), edits(name))
    after = HERE / name / "after.yaml"
    if UPDATING:
        after.write_bytes(made.encode("utf-8"))
    assert made == text(after)


@pytest.mark.parametrize("name", [name for name in CASES if name != "anchors"])
def test_edited_text_says_what_the_edits_say(name: str) -> None:
    before = text(HERE / name / "before.yaml")
    assert read(edited(before, edits(name))) == expected(before, edits(name))


@pytest.mark.parametrize("name", CASES)
def test_no_edit_is_no_difference(name: str) -> None:
    before = text(HERE / name / "before.yaml")
    assert edited(before, []) == before


@pytest.mark.parametrize("name", CASES)
def test_comments_stay(name: str) -> None:
    """All of them, unless what they stand beside is taken out."""
    before, after = (text(HERE / name / file) for file in ("before.yaml", "after.yaml"))
    gone = {"# runs python"} if name == "lists" else {"# not a comment"} if name == "removed-block-text" else set()
    comments = {line[line.index("#") :].strip() for line in before.splitlines() if "#" in line}
    assert {each for each in comments - gone if each not in after} == set()


words = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=20)
texts = (
    words
    | st.lists(words, min_size=1, max_size=3).map("\n".join)
    | st.sampled_from(
        [
            "yes",
            "1e3",
            "0o17",
            "null",
            "- a",
            "# a",
            "a: b",
            "${{ var.x }}",
            "it's",
            '"',
            "a\n",
            " a",
            "a ",
            "~",
            "2026-11-22",
        ]
    )
)
leaves = texts | st.integers(-9, 9) | st.booleans() | st.none() | st.floats(-2, 2, width=16)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
mappings = st.dictionaries(st.sampled_from(["name", "model", "tools", "metadata"]), values, min_size=1, max_size=4)


@given(st.data(), mappings)
def test_any_value_can_be_written_over_any_other(data: Any, before: dict[str, Any]) -> None:
    """And reads back as it is, with its siblings as they were."""
    content = write_yaml({"assistants": {"tutor": before, "other": {"model": "gpt-4o"}}}, comment="Kept.")
    key = data.draw(st.sampled_from([*before, "description"]))
    value = data.draw(values)
    made = [Edit("set", 0, ("assistants", "tutor", key), value)]
    after = edited(content, made)
    assert read(after) == expected(content, made)
    assert after.startswith("# Kept.\n")


@given(st.data(), mappings)
def test_any_key_can_be_taken_out(data: Any, before: dict[str, Any]) -> None:
    content = write_yaml({"assistants": {"tutor": before, "other": {"model": "gpt-4o"}}}, comment="Kept.")
    made = [Edit("remove", 0, ("assistants", "tutor", data.draw(st.sampled_from([*before]))))]
    assert read(edited(content, made)) == expected(content, made)
