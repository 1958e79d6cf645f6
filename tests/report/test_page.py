"""The page of a plan: closed to everything from outside, and readable without its script and without colour."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retinue.report.plan.text_tables import tables
from retinue.report.text.change_text import end_note
from retinue.report.text.hunks import compared_texts, split_lines
from retinue.report.text.lookalikes import shown_hunks
from tests.plans.cases import CASES
from tests.report.test_comments import MARK, hostile, load, poisoned
from tests.report.test_plan_text import RAW, with_prompts
from tests.support.pages import render_page

TAGS = {
    *("html", "head", "meta", "title", "style", "body", "header", "main", "nav", "section", "fieldset", "legend"),
    *(
        "label",
        "input",
        "h1",
        "h2",
        "h3",
        "h4",
        "p",
        "pre",
        "code",
        "span",
        "ul",
        "li",
        "a",
        "div",
        "details",
        "summary",
    ),
    *("button", "script"),
    *("table", "caption", "colgroup", "col", "thead", "tbody", "tr", "th", "td", "del", "ins"),
}
VOID = {"meta", "input", "col"}
NAMES = re.compile(r"[a-z0-9 -]*")


class Page(HTMLParser):
    """A page as a browser without a style reads it. Raises AssertionError for tags that do not close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in self.open:
            self.texts.setdefault(tag, []).append(data)

    def attributes(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@settings(max_examples=20, deadline=None)
@pytest.mark.parametrize("name", ["drift", "create", "replacement", "protected", "files-few", "prompt-sections"])
@given(data=st.data())
def test_no_text_of_users_becomes_html(name: str, data: st.DataObject) -> None:
    document = poisoned(load(name), lambda: data.draw(hostile))
    text = render_page({**document, "digest": f"{MARK}{data.draw(hostile)}"})
    page = Page(text)
    assert {tag for tag, _ in page.tags} <= TAGS
    for tag, attributes in page.tags:
        assert not [each for each in attributes if each.startswith("on") or each in ("src", "style", "srcdoc")]
        if tag != "meta":
            assert (
                all(NAMES.fullmatch((value or "").removeprefix("#")) for value in attributes.values()) or tag == "nav"
            )
    assert not RAW.search(text)


@pytest.mark.parametrize("name", CASES)
def test_every_plan_makes_a_sound_page(name: str) -> None:
    document = load(name)
    page = Page(render_page(document))
    shown = "".join(page.texts["body"])
    for step in document["steps"]:
        assert step["address"] in shown
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {str(each["href"]).removeprefix("#") for each in page.attributes("a")} <= set(ids)


def test_the_page_asks_for_nothing_and_its_policy_forbids_the_rest() -> None:
    text = render_page(load("create"))
    page = Page(text)
    (policy,) = [each["content"] for each in page.attributes("meta") if each.get("http-equiv")]
    style = "".join(page.texts["style"])
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.S)
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; script-src 'sha256-{allowed}'; "
        "base-uri 'none'; form-action 'none'"
    )
    assert not re.search(r"https?:|url\(|@import|<link|<img|fetch|XMLHttp|import\(|innerHTML|eval", text)


def test_a_long_text_is_there_side_by_side_and_in_one() -> None:
    page = Page(render_page(load("prompt-sections")))
    tables = [each["class"] for each in page.attributes("table")]
    assert tables == ["beside", "inline"]
    assert {each["id"] for each in page.attributes("input")} == {"auto", "side", "inline"}  # nothing to look for
    assert ", patient" in page.texts["ins"]
    assert "name" in page.texts["del"]
    # Nothing depends on colour: signs say what is removed and added.
    assert {"-", "+", "~"} <= set(page.texts["td"])


def test_unchanged_lines_are_folded_and_not_left_out() -> None:
    before = "\n".join(f"line {number}" for number in range(500))
    page = Page(render_page(with_prompts(before, before.replace("line 250", "line 250!"))))
    folded = "".join(page.texts["pre"]).splitlines()
    assert folded.index("line 499") > folded.index("line 0")
    assert "247 unchanged lines" in page.texts["summary"]
    assert "line 250" not in folded
    assert len(folded) == len(set(folded))  # a long text is in the page once


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from("abc\n"), max_size=60), st.lists(st.sampled_from("abc\n"), max_size=60))
def test_both_sides_of_a_table_are_the_two_texts(old: list[str], new: list[str]) -> None:
    """What is folded and what stands in the table, put together, is each text again, line by line."""
    before, after = "x\n" + "".join(old), "x\n" + "".join(new)
    (above, _), (below, _) = map(split_lines, compared_texts(before, after))
    made = tables(shown_hunks(above, below), below, "instructions", note=end_note(before, after))
    beside = re.sub(r'<table class="inline">.*?</table>', "", made, flags=re.S)
    sides: tuple[list[str], list[str]] = ([], [])
    for found in re.finditer(r"<pre>(?P<folded>.*?)</pre>|<tr>(?P<row><td.*?)</tr>", beside, re.S):
        if found["row"] is None:
            for side in sides:
                side.extend(found["folded"].split("\n"))
            continue
        cells = re.findall(r'<td class="none" colspan="3"></td>|<td class="t[^>]*>(.*?)</td>', found["row"])
        kept = re.findall(r'<td class="none"|<td class="t', found["row"])
        for side, cell, kind in zip(sides, cells, kept, strict=True):
            if "none" not in kind:
                side.append(re.sub(r"</?(?:ins|del)>", "", cell))
    if before != after:
        assert "\n".join(sides[0]) == before.removesuffix("\n")
        assert "\n".join(sides[1]) == after.removesuffix("\n")


# ── a browser ─────────────────────────────────────────────────────────────────────────────────────────────────────────

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--enable-logging=stderr"),
)
Shoot = Callable[..., tuple[bytes, str]]


@pytest.fixture
def shoot(tmp_path: Path) -> Shoot:
    """A picture of a page in a browser, and what the browser complained about in its console."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine")

    def run(text: str, *, width: int = 1280, dark: bool = False) -> tuple[bytes, str]:
        (tmp_path / "plan.html").write_text(text, encoding="utf-8")
        picture = tmp_path / "page.png"
        size = f"--window-size={width},1200"
        scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
        profile = f"--user-data-dir={tmp_path / 'profile'}"
        target = (tmp_path / "plan.html").as_uri()
        done = subprocess.run(
            [str(CHROMIUM), *FLAGS, scheme, size, profile, f"--screenshot={picture}", target],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        console = "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)
        return picture.read_bytes(), console

    return run


def chosen(text: str, view: str) -> str:
    """The page after a click on one of the views."""
    return text.replace('id="auto" checked', 'id="auto"').replace(f'id="{view}"', f'id="{view}" checked')


def test_a_browser_shows_the_page_in_light_and_dark_and_both_views(shoot: Shoot) -> None:
    text = render_page(load("prompt-sections"))
    light, console = shoot(text)
    assert console == ""
    assert shoot(text)[0] == light
    assert shoot(text, dark=True)[0] != light
    beside, inline = (shoot(chosen(text, view))[0] for view in ("side", "inline"))
    assert beside != inline
    narrow = [shoot(page, width=600)[0] for page in (text, chosen(text, "side"))]
    assert narrow[0] != narrow[1]


def test_a_browser_is_kept_from_running_what_the_page_does_not_allow(shoot: Shoot) -> None:
    """The policy holds even if something came through."""
    text = render_page(load("drift")).replace("</main>", "<script>document.body.remove()</script></main>")
    picture, console = shoot(text)
    assert "Content Security Policy" in console
    assert picture != shoot("<!DOCTYPE html><html><body></body></html>")[0]
