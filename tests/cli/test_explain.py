"""Every code is explained: the examples raise what they are examples of, and the page and the command say the same."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from retinue.cli import main
from retinue.commands.explanations import Explanation, explanations, page
from retinue.config.problems import CODES, WARNINGS
from tests.config.test_problems import ROOT

EVERY = explanations()
RUN = {code: each for code, each in EVERY.items() if each.files()}


def test_every_diagnostic_has_an_explanation_and_every_explanation_is_of_one() -> None:
    told = [each for each in EVERY.values() if each.sort != "block"]
    assert [each.code for each in told] == list(CODES)
    assert {each.code for each in told if each.sort in ("warning", "either")} == set(WARNINGS)


def test_every_block_of_a_plan_has_an_explanation() -> None:
    """`looks-renamed` is a warning that blocks, and `unreadable-tag` may be either."""
    made = set()
    for path in (ROOT / "src" / "retinue").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Block" and node.args:
                made |= {each.value for each in node.args[:1] if isinstance(each, ast.Constant)}
    assert made - set(CODES) == {code for code, each in EVERY.items() if each.sort == "block"}


@pytest.mark.parametrize("each", RUN.values(), ids=RUN)
def test_the_example_raises_its_code_and_no_other_mistake(
    each: Explanation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, text in each.files().items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    command = "retinue validate"
    for line in each.commands():
        if line.startswith("retinue "):
            command = line
        else:
            subprocess.run(["bash", "-c", line], check=True)
    main([*command.split()[1:], "--json"])
    found = json.loads(capsys.readouterr().out)
    assert {one["code"] for one in found["diagnostics"]} == {each.code}


def test_what_is_no_example_of_files_is_a_command() -> None:
    assert all(each.commands() for each in EVERY.values() if not each.files())
    assert len(RUN) > 60


@pytest.mark.parametrize("each", EVERY.values(), ids=EVERY)
def test_it_says_how_to_mend_it(each: Explanation) -> None:
    assert each.mend.rstrip().endswith(".") or each.mend.endswith("`")
    assert all(len(line) <= 120 for line in each.mend.splitlines())


def test_the_page_is_fresh() -> None:
    """Written anew with RETINUE_UPDATE_GOLDENS=1."""
    file = ROOT / "docs" / "errors.md"
    if os.environ.get("RETINUE_UPDATE_GOLDENS"):
        file.write_text(page(), encoding="utf-8")
    assert file.read_text(encoding="utf-8") == page()


def test_the_command_lists_all_explains_one_and_suggests(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(EVERY)
    assert main(["explain", "error[Bad-Name]"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("bad-name (error)\n\n")
    assert "Math Tutor" in said
    assert "Mend: the key" in said
    assert main(["explain", "bad-name", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sort"] == "error"
    assert main(["explain", "bad-nme"]) == 64
    assert "did you mean 'bad-name'?" in capsys.readouterr().err
    assert main(["explain", "zebra"]) == 64
    assert "did you mean" not in capsys.readouterr().err


@pytest.mark.parametrize("columns", [80, 160])
def test_nothing_is_wider_than_the_terminal(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    main(["explain"])
    for code in ("bad-name", "strict-schema", "drift"):
        main(["explain", code])
    assert max(map(len, capsys.readouterr().out.splitlines())) <= max(columns, 110)


def test_colour_is_colour(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    main(["explain", "bad-name"])
    assert capsys.readouterr().out.startswith("\x1b[1mbad-name\x1b[0m (error)\n\nA name")


def test_version_says_what_it_runs_on_and_help_is_what_the_option_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found) == ["version", "python", "platform", "openai"]
    assert all(found.values())
    assert main(["version"]) == 0
    assert re.fullmatch(r"retinue \S+\nPython \S+, openai \S+, \S+\n", capsys.readouterr().out)
    for name in ("plan", "explain"):
        main([name, "--help"])
        option = capsys.readouterr().out
        assert main(["help", name]) == 0
        assert capsys.readouterr().out == option
    assert main(["help", "pln"]) == 64
    assert "did you mean 'plan'?" in capsys.readouterr().err
    assert main(["help"]) == 0
