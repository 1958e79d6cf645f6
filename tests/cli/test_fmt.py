"""`retinue fmt`: which files it touches, what it says, and that a project declares the same afterwards."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest

from retinue.cli import main
from retinue.session import Where, load_from
from tests.cli.conftest import Shell
from tests.errors.test_errors import CASES
from tests.errors.test_errors import HERE as ERRORS

UNTIDY = "assistants:\n    tutor:\n        model: 'gpt-4o'\n        name: Tutor\n"
TIDY = "assistants:\n  tutor:\n    name: Tutor\n    model: gpt-4o\n"
PROJECT = "include: [team.yaml, more/*.yaml]\nstack: test\n"
TIDY_PROJECT = "stack: test\ninclude: [team.yaml, more/*.yaml]\n"


@pytest.fixture
def untidy(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = shell.team.root
    shell.write("retinue.yaml", PROJECT)
    shell.write("team.yaml", UNTIDY)
    shell.write("elsewhere.yaml", UNTIDY)
    shell.write("environments/production.yaml", "assistants: {tutor:   {model: 'x'}}\n")
    monkeypatch.chdir(root)
    return root


def test_every_file_of_the_project_is_brought_into_form(
    shell: Shell, untidy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checked = shell("fmt", "--check")
    assert (checked.code, checked.out) == (1, "retinue.yaml\nteam.yaml\n")
    assert checked.err == "2 of 3 files would change\n"
    assert (untidy / "team.yaml").read_text() == UNTIDY
    done = shell("fmt")
    assert (done.code, done.out, done.err) == (0, "retinue.yaml\nteam.yaml\n", "2 of 3 files changed\n")
    assert (untidy / "team.yaml").read_text() == TIDY
    assert (untidy / "retinue.yaml").read_text() == TIDY_PROJECT
    assert (untidy / "elsewhere.yaml").read_text() == UNTIDY
    assert shell("fmt", "--check") == type(done)(0, "", "0 of 3 files would change\n")


def test_a_file_that_a_link_leads_to_is_one_file(shell: Shell, untidy: Path) -> None:
    (untidy / "more").mkdir()
    (untidy / "more" / "link.yaml").symlink_to("../team.yaml")
    assert shell("fmt", "--check").out == "retinue.yaml\nteam.yaml\n"


def test_a_difference_is_shown_and_not_made(shell: Shell, untidy: Path) -> None:
    shown = shell("fmt", "--diff", "team.yaml")
    assert shown.code == 0
    assert shown.out.startswith("--- a/team.yaml\n+++ b/team.yaml\n@@ -1,4 +1,4 @@\n assistants:\n-    tutor:\n")
    assert (untidy / "team.yaml").read_text() == UNTIDY


def test_only_what_is_named_is_looked_at(shell: Shell, untidy: Path) -> None:
    (untidy / "more").mkdir()
    (untidy / "more" / "one.yaml").write_text("functions:\n    f: {description: F.}\n", encoding="utf-8")
    assert shell("fmt", "more", "elsewhere.yaml").out == "more/one.yaml\nelsewhere.yaml\n"
    assert (untidy / "team.yaml").read_text() == UNTIDY


def test_a_file_with_mistakes_stays_and_the_others_do_not(shell: Shell, untidy: Path) -> None:
    (untidy / "more").mkdir()
    (untidy / "more" / "one.yaml").write_text("functions: [", encoding="utf-8")
    done = shell("fmt")
    assert done.code == 1
    assert "more/one.yaml stays as it is: it holds mistakes, which 'retinue validate' shows\n" in done.err
    assert (untidy / "team.yaml").read_text() == TIDY


def test_what_is_content_of_a_declaration_stays_as_it_is(shell: Shell, untidy: Path) -> None:
    (untidy / "more").mkdir()
    (untidy / "more" / "one.yaml").write_text("x-a:    1\n", encoding="utf-8")
    with (untidy / "team.yaml").open("a", encoding="utf-8") as file:
        file.write("vector_stores:\n  s: {files: [more/one.yaml]}\n")
    (untidy / "more" / "two.yaml").write_text("functions:   {f: {description: F.}}\n", encoding="utf-8")
    done = shell("fmt", "more/one.yaml", "more/two.yaml")
    assert done.out == "more/two.yaml\n"
    assert "more/one.yaml stays as it is: what it holds is content of a declaration" in done.err
    assert (untidy / "more" / "one.yaml").read_text() == "x-a:    1\n"


def test_an_editor_may_send_a_text(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(UNTIDY))
    assert main(["fmt", "-"]) == 0
    assert capsys.readouterr().out == TIDY
    monkeypatch.setattr("sys.stdin", io.StringIO("a: ["))
    assert main(["fmt", "-"]) == 1


def test_what_init_writes_is_in_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    main(["init", str(tmp_path / "shop")])
    assert main(["fmt", "-C", str(tmp_path / "shop"), "--check"]) == 0


@pytest.mark.parametrize("case", [None, *CASES])
def test_a_project_declares_the_same_afterwards(case: str | None, tmp_path: Path) -> None:
    """This repository's own stack, and every project with mistakes there is."""
    root = tmp_path / "project"
    if case is None:
        for name in ("assistants", "environments"):
            shutil.copytree(Path(__file__).parents[2] / name, root / name)
        shutil.copy(Path(__file__).parents[2] / "retinue.yaml", root)
    else:
        shutil.copytree(ERRORS / case, root, symlinks=True)
    before = declared(root)
    main(["fmt", "-C", str(root)])
    assert declared(root) == before
    assert main(["fmt", "-C", str(root), "--check"]) == main(["fmt", "-C", str(root)])


def declared(root: Path) -> object:
    loaded = load_from(Where(root, offline=True))
    codes = sorted((each.code, each.message) for each in loaded.diagnostics)
    return {str(each.address): each.spec for each in loaded.declarations}, codes
