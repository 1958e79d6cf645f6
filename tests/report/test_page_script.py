"""The page in a real browser: it opens on a phone and on a desk, in light and dark, and one finds things in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from retinue.planning.documents.plan_document import to_document
from tests.report.test_folding import one_word
from tests.support import many
from tests.support.browser import Browser, find_browser, running_browser
from tests.support.pages import render_page

pytestmark = pytest.mark.slow
SHOWN = "[...document.querySelectorAll('.group > .step')].filter((each) => !each.hidden)"
WIDTHS = (375, 1280)


def long_changes(number: int) -> dict[str, Any]:
    """Long prompts that all change, each in another way."""
    words = "".join(f"Rule {at}: be careful with what the customer of that case asks for.\n" for at in range(150))
    document = to_document(
        many.plan(many.declared(number, words=f"{words}A"), many.live(many.declared(number, words=words)))
    )
    for at, step in enumerate(document["steps"]):
        (change,) = step["changes"]
        change["after"] = change["after"].replace(f"Rule {at % 150}:", f"Rule {at}, as of today:") + f"{at}.\n"
    return document


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    program = find_browser()
    if program is None:
        pytest.skip("there is no Chromium on this machine")
    with running_browser(program, tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture(scope="module")
def long_page() -> str:
    return render_page(long_changes(201))


def shown(browser: Browser, page: str | dict[str, Any], tmp_path: Path) -> None:
    text = page if isinstance(page, str) else render_page(page)
    (tmp_path / "plan.html").write_text(text, encoding="utf-8")
    browser.open((tmp_path / "plan.html").as_uri())


def look(browser: Browser, **said: str) -> list[str]:
    """What is left after something was looked for, by its heads."""
    for name, value in said.items():
        browser.run(f"document.getElementById({name!r}).value = {value!r}")
    browser.run("document.getElementById('words').dispatchEvent(new Event('input', {bubbles: true}))")
    found = browser.run(f"{SHOWN}.map((each) => each.querySelector('summary').textContent)")
    return [str(each) for each in found]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_a_long_page_fits_and_loads_nothing(
    browser: Browser, tmp_path: Path, long_page: str, width: int, dark: bool
) -> None:
    browser.show(width, dark=dark)
    browser.requests.clear()
    shown(browser, long_page, tmp_path)
    assert len(long_page.encode()) < 1_000_000
    assert browser.run("document.documentElement.scrollWidth") == width
    assert [each for each in browser.requests if not each.startswith("file:")] == []
    assert browser.complaints == []
    assert browser.run(f"{SHOWN}.length") == 201
    assert browser.run("getComputedStyle(document.querySelector('table.inline.only')).display") == "table"


def test_one_finds_objects_by_address_text_and_action(browser: Browser, tmp_path: Path) -> None:
    browser.show(375)
    document = long_changes(40)
    gone: dict[str, Any] = {"action": "delete", "changes": [], "after": None, "reason": "it is no longer declared"}
    document["steps"][5] = {**document["steps"][5], **gone}
    shown(browser, document, tmp_path)
    assert len(look(browser)) == 40
    assert "assistant.bot-00005" in look(browser)[0]  # what goes stands first
    assert ["bot-00007" in each for each in look(browser, address="BOT-00007")] == [True]
    assert look(browser, address="no such") == []
    assert ["bot-00009" in each for each in look(browser, address="", words="rule 9, as of today")] == [True]
    browser.run("document.querySelector('input[value=update]').click()")
    assert ["bot-00005" in each for each in look(browser, words="")] == [True]
    assert browser.text().count("1 of 40 shown") == 1


def test_everything_folds_and_a_link_unfolds(browser: Browser, tmp_path: Path) -> None:
    browser.show(1280)
    shown(browser, long_changes(40), tmp_path)
    open_ones = f"{SHOWN}.filter((each) => each.open).length"
    assert browser.run(open_ones) == 0
    browser.run("document.querySelector('nav a[href=\"#s1-7\"]').click()")
    browser.wait_for("document.getElementById('s1-7').open")
    browser.run("document.getElementById('open').click()")
    assert browser.run(open_ones) == 40
    browser.run("document.getElementById('close').click()")
    assert browser.run(open_ones) == 0


def test_an_object_that_is_shown_with_others_is_found_by_its_address(browser: Browser, tmp_path: Path) -> None:
    browser.show(375)
    document = one_word(31, odd=[1, 7, 11, 13])
    for at, step in enumerate(document["steps"]):
        if len(step["changes"]) > 1:
            step["changes"][1]["after"] = at / 100
    shown(browser, document, tmp_path)
    assert len(look(browser)) == 5
    (found,) = look(browser, address="topic004-fr")
    assert "in 27 assistants" in found


def test_without_its_script_nothing_is_hidden_but_what_needs_it(browser: Browser, tmp_path: Path) -> None:
    browser.show(375)
    page = render_page(long_changes(40))
    shown(browser, page[: page.index("<script>")] + page[page.index("</script>") :].removeprefix("</script>"), tmp_path)
    assert browser.run("document.scripts.length") == 0
    assert browser.run(f"{SHOWN}.length") == 40
    assert "Unfold all" not in browser.text()
