"""Pages and comments: whatever stands in names, prompts, paths and messages stays text, and a comment fits.

The Markdown is read by a parser as GitHub reads it. User text is marked, so that it can be found wherever it ends up.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from retinue.model.printable import visible
from retinue.report.plan.plan_markdown import marker, render_no_plan, render_plan_comment, render_plan_markdown
from retinue.report.text.ink import Line
from retinue.report.text.markdown import code, fence
from tests.report.test_plan_text import RAW

PLANS = Path(__file__).parents[1] / "plans"
OURS = {
    *("format_version", "action", "cause", "severity", "key", "needs", "summary", "sha256", "tag"),
    *("replaces", "protected", "complete"),
}
"""Parts of a plan document whose values are words of the format."""
MARK = "qzq"
ATTACKS = (
    "```\n# heading\n",
    "`````",
    "` ``",
    "@octocat and #12",
    "<script>alert(1)</script>",
    "</code></summary></details><img src=x>",
    "--> <!--",
    "[a](https://example.org)",
    "https://example.org",
    "\n\n# heading\n\n- item\n",
    "~~~\n",
    "\\`",
    "&lt;b&gt;&#64;",
    "\u202e\u2066\x1b[2J\r\x0b\x0c\x85\u2028",
    "|a|\n|-|\n",
    "  ",
    "`",
    "",
)
hostile = st.lists(st.sampled_from(ATTACKS) | st.text(max_size=8), max_size=4).map("".join)
RENDERERS: list[Callable[[Any], str]] = [
    render_plan_markdown,
    render_plan_comment,
    lambda each: render_plan_comment(each, budget=3_000),
]


def load(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((PLANS / name / "plan.json").read_text(encoding="utf-8"))
    return document


def poisoned(value: Any, draw: Callable[[], str]) -> Any:
    """The document with something hostile in the place of every text that people, files and accounts have a say in."""
    if isinstance(value, dict):
        return {key: each if key in OURS else poisoned(each, draw) for key, each in value.items()}
    if isinstance(value, list):
        return [poisoned(each, draw) for each in value]
    return f"{MARK}{draw()}{MARK}" if isinstance(value, str) else value


class Html(HTMLParser):
    """What of a piece of HTML is tags, and what of its text stands outside of code."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[Any] = []
        self.loose = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.tags.add(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            self.open.remove(tag)

    def handle_data(self, data: str) -> None:
        if "code" not in self.open:
            self.loose += data


def leaves(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        if token.children is None:
            yield token
        else:
            yield from leaves(token.children)


def check_inert(text: str) -> None:
    """Nothing of the users' is anything but text in code."""
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    kinds = set()
    for token in leaves(parser.parse(text)):
        kinds.add(token.type)
        if token.type == "text":
            assert MARK not in token.content
        elif token.type in ("html_block", "html_inline"):
            found = Html()
            found.feed(token.content)
            assert found.tags <= {"details", "summary", "code"}
            assert not found.attributes
            assert MARK not in found.loose
        elif token.type == "fence":
            assert token.info in ("diff", "text")
    assert not kinds & {"link_open", "image", "code_block", "table_open", "hr", "s_open", "em_open"}
    assert not RAW.search(text)


@pytest.mark.parametrize("render", RENDERERS)
@pytest.mark.parametrize(
    "name", ["drift", "create", "replacement", "protected", "files-few", "foreign", "metadata-keys"]
)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_no_text_of_users_becomes_markup(render: Callable[[Any], str], name: str, data: st.DataObject) -> None:
    document = poisoned(load(name), lambda: data.draw(hostile))
    check_inert(render({**document, "digest": f"{MARK}{data.draw(hostile)}"}))


@given(hostile)
def test_a_code_span_is_one_whatever_it_holds(text: str) -> None:
    inline = MarkdownIt("commonmark").parse(f"a {code(text)} b")[1]
    assert [each.type for each in inline.children or ()] == ["text", "code_inline", "text"]


@given(hostile)
def test_a_fence_is_one_block_whatever_it_holds(text: str) -> None:
    shown = fence([Line(((visible(each), "plain"),)) for each in text.split("\n")], "text")
    assert [each.type for each in MarkdownIt("commonmark").parse(shown)] == ["fence"]


# ── the marker ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_comment_of_a_stack_is_found_again_by_its_first_line() -> None:
    assert render_plan_comment(load("create")).startswith("<!-- retinue plan: classroom/production -->\n")
    assert render_plan_comment(load("drift")).startswith("<!-- retinue plan: classroom -->\n")


@given(hostile)
def test_a_marker_is_one_comment_of_html(name: str) -> None:
    line = marker(name, None)
    assert re.fullmatch(r"<!-- retinue plan: [\w.~%-]* -->", line)


def test_the_digest_is_shown_where_there_is_one() -> None:
    digest = "pd1:7c41-d2f0-93be-aa18"
    for render in RENDERERS:
        assert f"Digest: `{digest}`" in render({**load("drift"), "digest": digest})


# ── the budget ────────────────────────────────────────────────────────────────────────────────────────────────────────


def crowded(updates: int, deletions: int = 0) -> dict[str, Any]:
    """Long new prompts for many assistants, each another one, one edited outside, and many that go."""
    made = load("prompt-sections")
    (update,) = made["steps"]
    (change,) = update["changes"]
    (gone, *_) = load("protected")["steps"]
    made["steps"] = [
        *(
            {
                **update,
                "key": f"u{each}",
                "address": f"assistant.updated-{each}",
                "changes": [{**change, "after": f"You are number {each}.\n{change['after']}"}],
            }
            for each in range(updates)
        ),
        *load("drift")["steps"],
        *({**gone, "key": f"d{each}", "address": f"assistant.gone-{each}"} for each in range(deletions)),
    ]
    return made


@settings(max_examples=30, deadline=None)
@given(st.integers(2_500, 40_000), st.integers(0, 40), st.integers(0, 20))
def test_a_comment_is_never_longer_than_its_budget(budget: int, updates: int, deletions: int) -> None:
    assert len(render_plan_comment(crowded(updates, deletions), budget=budget)) <= budget


def test_what_goes_and_what_was_edited_outside_is_never_cut_for_the_rest() -> None:
    text = render_plan_comment(crowded(100, 20), budget=15_000)
    whole = render_plan_comment(crowded(0, 20), budget=1_000_000)
    outside = whole[whole.index("### Changed outside") : whole.index("### Changed in the declarations")]
    assert "temperature: 0.9 -> 0.2" in outside
    assert outside in text
    assert len(set(re.findall(r"^`- assistant\.gone-\d+ \(asst_1\)  it is no longer declared`$", text, re.M))) == 20
    assert text.index("### Deleted") < text.index("### Changed outside") < text.index("### Changed in the")
    assert "shown without details" in text


def test_what_goes_and_what_blocks_is_named_before_there_is_no_room_for_names() -> None:
    blocks = load("protected")["blocks"]
    text = render_plan_comment({**crowded(300, 20), "blocks": blocks}, budget=10_000)
    assert "\n- `~ 301 assistants: assistant.updated-0, " in text
    assert len(set(re.findall(r"assistant\.gone-\d+ ", text))) == 20
    assert "temperature: 0.9 -> 0.2" in text
    for block in blocks:
        assert block["message"][:60] in text


def test_a_warning_is_not_cut_for_ordinary_changes() -> None:
    """That half of a stack goes matters more than how one prompt of a hundred differs."""
    warning = {"severity": "warning", "code": "many-deletions", "message": "half of it goes", "position": None}
    document = {**crowded(100), "warnings": [{**warning, "hint": None, "related": [], "details": {}}]}
    assert "half of it goes" in render_plan_comment(document, budget=10_000)


def test_a_comment_says_what_it_leaves_out_and_where_to_see_it() -> None:
    text = render_plan_comment({**crowded(100), "environment": "production"}, budget=20_000)
    told = re.search(r"\*\*Too long for a comment: (\d+) changes shown without details\.\*\* (.*)\n\Z", text)
    assert told
    assert text.count("\n- `~ assistant.") == int(told[1]) > 0
    assert told[2] == "`retinue plan -e production` shows everything."
    text = render_plan_comment(crowded(300), budget=6_000)
    more = re.search(r", … (\d+) more`", text)
    assert more
    assert len(set(re.findall(r"assistant\.updated-\d+", text))) + int(more[1]) == 301


@given(st.text(), st.text(), st.integers(2_500, 10_000))
def test_a_comment_without_a_plan_fits_and_is_one_block_of_code(stack: str, why: str, budget: int) -> None:
    text = render_no_plan(stack, None, why * 200, budget=budget)
    assert len(text) <= budget
    assert text.startswith(marker(stack, None))
    kinds = [each.type for each in MarkdownIt("commonmark").parse(text)]
    assert kinds.count("fence") == 1
    assert kinds.count("html_block") == 1


@pytest.mark.parametrize(("budget", "lines"), [(60_000, 300), (10_000, 50)])
def test_of_one_very_long_change_the_first_lines_are_shown(budget: int, lines: int) -> None:
    document = load("prompt-sections")
    document["steps"][0]["changes"] = [
        {
            "path": ["instructions"],
            "cause": "config",
            "position": None,
            "before": "".join(f"Rule {number}: be kind to everybody.\n" for number in range(3_000)),
            "after": "".join(f"Rule {number}: be very kind to everybody.\n" for number in range(3_000)),
        }
    ]
    text = render_plan_comment(document, budget=budget)
    assert len(text) <= budget
    assert lines < text.count("\n") < 10 * lines
    assert re.search(r"^… [\d,]+ more lines$", text, re.M)
    assert "**Too long for a comment: 1 change shown in part.**" in text


def test_a_comment_with_room_for_everything_leaves_nothing_out() -> None:
    text = render_plan_comment(load("files-many"))
    assert "Too long" not in text
    assert "chapter-51.md" in text


# ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_signs_stand_in_the_first_column_of_a_diff() -> None:
    """Where highlighting looks for them; a line of a prompt that looks like one has none there."""
    text = render_plan_markdown(load("prompt-sections"))
    assert "\n-     - Friendly and brief.\n" in text
    assert "\n      - Never promise a grade.\n" in text


def test_a_page_leaves_out_only_what_does_not_change() -> None:
    text = render_plan_markdown(load("create"))
    assert "Do not solve graded homework." in text
    assert "more line" not in text
    assert "chapter-51.md" in render_plan_markdown(load("files-many"))


def test_a_summary_names_the_fields() -> None:
    for render in (render_plan_markdown, render_plan_comment):
        text = render(load("drift"), detail="summary")
        assert "- `~ assistant.math-tutor (asst_1)  model; reverts name, instructions, temperature`\n" in text
        assert "```" not in text


# ── more objects than a comment has room to name ──────────────────────────────────────────────────────────────────────


def ten_thousand(action: str) -> dict[str, Any]:
    """Each step is another change."""
    document = load("prompt-sections")
    (step,) = document["steps"]
    change = {"path": ["model"], "cause": "config", "position": None, "before": "gpt-4o"}
    gone = {"reason": "it is no longer declared", "changes": [], "action": "delete"}
    for number in range(10_000):
        more = gone if action == "delete" else {"changes": [{**change, "after": f"gpt-{number}"}]}
        document["steps"].append({**step, "key": str(number), "address": f"assistant.of-many-{number}", **more})
    return document


@pytest.mark.parametrize("action", ["update", "delete"])
@pytest.mark.parametrize("budget", [65_000, 6_000])
def test_of_ten_thousand_objects_each_is_named_or_counted(action: str, budget: int) -> None:
    text = render_plan_comment(ten_thousand(action), budget=budget)
    assert len(text) <= budget
    more = re.search(r"^- `[~-] (10,00[01]) assistants: (.*), … ([\d,]+) more`$", text, re.M)
    assert more
    named = more[2].split(", ")
    assert len(named) + int(more[3].replace(",", "")) == int(more[1].replace(",", ""))
    assert len(", ".join(named)) > budget / 2
    assert "not shown at all" not in text
    assert re.search(r"\*\*Too long for a comment: 10,00[01] changes shown without details\.\*\*", text)


def test_details_go_before_objects() -> None:
    """Ever less room: first everything, then shorter hunks, then a line for each object, then one for all."""
    rooms = [render_plan_comment(crowded(100), budget=budget) for budget in (1_000_000, 60_000, 20_000, 6_000)]
    assert "Too long" not in rooms[0]
    assert all("Too long" in each for each in rooms[1:])
    named = [len(set(re.findall(r"assistant\.updated-\d+", each))) for each in rooms]
    assert named[:3] == [100, 100, 100]
    assert re.search(r"^- `~ 101 assistants: ", rooms[3], re.M)


def test_a_name_that_is_left_out_is_said() -> None:
    document = ten_thousand("update")
    for step in document["steps"][1:]:
        step["changes"] = [{**step["changes"][0], "after": "gpt-5"}]
    text = render_plan_comment(document)
    assert len(text) <= 65_000
    assert '~ model: "gpt-4o" -> "gpt-5"' in text
    assert "\n… 8,000 more\n" in text
    assert "**Too long for a comment: 10,000 changes shown in part.**" in text
