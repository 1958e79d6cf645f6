"""What pages repeat of the program is what the program says; `make docs` writes it anew. And pictures can be taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from retinue.cli import retinue
from tests.docs.pages import PAGES, ROOT
from tests.docs.pictures import PICTURES, VIEWS, make_pages, take
from tests.docs.runner import UPDATE
from tests.docs.written import WRITERS, common, write, write_command, written
from tests.support.browser import find_browser, running_browser

WITH_REGIONS = tuple(each for each in PAGES if "<!-- written: " in each.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", WITH_REGIONS, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_is_written_by_a_command_is_fresh(page: Path) -> None:
    if UPDATE:
        write((page,))
    text = page.read_text(encoding="utf-8")
    assert written(text) == text


def test_every_region_ends() -> None:
    for page in WITH_REGIONS:
        text = page.read_text(encoding="utf-8")
        assert text.count("<!-- written: ") == text.count("<!-- end -->"), page.name


@pytest.mark.parametrize("name", sorted(retinue.commands))
def test_every_option_is_in_the_help_of_its_command_or_among_the_common_ones(name: str) -> None:
    text = write_command(name) + WRITERS["options"](None)
    for option in retinue.commands[name].params:
        for word in (*option.opts, *option.secondary_opts):
            assert not word.startswith("--") or word in text, word


def test_the_common_ones_stand_once() -> None:
    text = write_command("plan")
    assert "Set a variable" not in text
    assert "--var" in text.splitlines()[-2]
    assert "--out FILE" in text
    assert "--directory" in common()


def test_every_picture_is_shown_by_a_page() -> None:
    text = "".join(each.read_text(encoding="utf-8") for each in PAGES)
    assert {f"{each.name}.png" for each in VIEWS} <= {each.name for each in PICTURES.iterdir()}
    assert [each.name for each in PICTURES.iterdir() if f"pictures/{each.name})" not in text] == []


@pytest.mark.slow
def test_pictures_can_be_taken_and_show_all_of_the_width(tmp_path: Path) -> None:
    """Taken anew with `make pictures`. Fonts differ between machines, so that they are not compared."""
    program = find_browser()
    if program is None:
        pytest.skip("there is no Chromium on this machine")
    make_pages(tmp_path)
    with running_browser(program, tmp_path / "profile") as browser:
        for view, file in zip(VIEWS, take(browser, tmp_path, into=tmp_path), strict=True):
            head = file.read_bytes()[:24]
            assert head.startswith(b"\x89PNG")
            assert int.from_bytes(head[16:20]) == view.width
            assert "at most" in browser.text()
        assert browser.complaints == []
