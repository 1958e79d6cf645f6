"""What version 0.1.0 applied is still known: a project with its local account, recorded with that version.

It holds an object of every kind and one that is rendered, and the plan of a later change, saved before it was applied.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from retinue.cli import main

RECORDED = Path(__file__).parent / "recorded-0.1.0.zip"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    with zipfile.ZipFile(RECORDED) as archive:
        archive.extractall(tmp_path)
    (tmp_path / "retinue-state").rename(tmp_path / ".retinue")
    return tmp_path


def document(project: Path, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, object]:
    assert main(["plan", "--json", "-C", str(project), *options]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def edit(project: Path) -> None:
    """The change whose plan was saved."""
    for name, old, new in (
        ("assistants/responses.yaml", "one sentence", "two sentences"),
        ("assistants/skill/charting/SKILL.md", "with care", "with great care"),
    ):
        path = project / name
        path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


@pytest.mark.parametrize("remembered", [True, False], ids=["same directory", "fresh clone"])
def test_what_an_earlier_version_applied_is_in_sync(
    project: Path, capsys: pytest.CaptureFixture[str], remembered: bool
) -> None:
    if not remembered:
        (project / ".retinue" / "ids.json").unlink()
    found = document(project, capsys)
    assert found["steps"] == []
    assert found["retags"] == []
    assert found["summary"]["in_sync"] == 14  # type: ignore[index]


def test_its_digests_are_ours(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved = json.loads((project / "saved-plan.json").read_text(encoding="utf-8"))
    edit(project)
    found = document(project, capsys)
    assert found["digest"] == saved["digest"]
    assert found["steps"] == saved["steps"]


def test_a_plan_that_it_saved_is_carried_out(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(project)
    assert main(["show-plan", str(project / "saved-plan.json")]) == 0
    assert main(["apply", str(project / "saved-plan.json"), "-C", str(project)]) == 0
    capsys.readouterr()
    assert document(project, capsys)["steps"] == []


def test_all_that_it_made_can_be_destroyed(project: Path) -> None:
    assert main(["destroy", "--yes", "-C", str(project)]) == 0
    assert not (project / "retinue.lock.json").exists()
