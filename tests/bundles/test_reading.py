"""Applications read bundles in two lines, without the engine, and always the current ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from retinue.providers.bundle.reader import BundleError, bundle
from tests.support.team import Team


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("RETINUE_LOCK", "RETINUE_ENVIRONMENT"):
        monkeypatch.delenv(name, raising=False)


def arguments(path: Path, name: str) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))["assistants"][name]["arguments"]


def test_an_application_gets_the_arguments(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    team.apply()
    wanted = arguments(team.root / "retinue.lock.json", "desk")
    assert bundle("desk") == wanted
    below = team.root / "deep" / "down"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert bundle("desk") == wanted
    monkeypatch.chdir("/")
    assert bundle("desk", lock=team.root / "retinue.lock.json") == wanted
    monkeypatch.setenv("RETINUE_LOCK", str(team.root / "retinue.lock.json"))
    assert bundle("desk") == wanted


def test_an_environment_has_its_own_bundles(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    team.apply()
    text = (team.root / "retinue.lock.json").read_text(encoding="utf-8")
    team.write("retinue.lock.staging.json", text.replace("gpt-4o", "gpt-staging"))
    assert bundle("math-tutor")["model"] == "gpt-4o"
    assert bundle("math-tutor", environment="staging")["model"] == "gpt-staging"
    monkeypatch.setenv("RETINUE_ENVIRONMENT", "staging")
    assert bundle("math-tutor")["model"] == "gpt-staging"


def test_a_file_that_changed_is_read_again(team: Team) -> None:
    team.apply()
    assert bundle("math-tutor")["model"] == "gpt-4o"
    team.write("team.yaml", (team.root / "team.yaml").read_text(encoding="utf-8").replace("gpt-4o", "gpt-6-luna"))
    team.apply()
    assert bundle("math-tutor")["model"] == "gpt-6-luna"


def test_what_an_application_does_with_a_bundle_is_its_own_affair(team: Team) -> None:
    team.apply()
    bundle("desk")["tools"].clear()
    assert bundle("desk")["tools"]


def test_mistakes_say_what_to_do(team: Team) -> None:
    with pytest.raises(BundleError, match=r"no retinue\.lock\.json .* run 'retinue apply'"):
        bundle("math-tutor")
    with pytest.raises(BundleError, match="run 'retinue apply -e staging'"):
        bundle("math-tutor", environment="staging")
    with pytest.raises(BundleError, match="run 'retinue apply'"):
        bundle("math-tutor", lock="nowhere.json")
    team.apply()
    with pytest.raises(BundleError, match=r"did you mean 'math-tutor'\?"):
        bundle("math-tuto")
    with pytest.raises(BundleError, match="there are: desk, math-tutor, python-master"):
        bundle("zzz")


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"format_version": "2.0"}', '{"format_version": "1.0"}'])
def test_a_file_that_is_none_is_explained(team: Team, text: str) -> None:
    team.write("retinue.lock.json", text)
    with pytest.raises(BundleError):
        bundle("math-tutor")


def test_reading_costs_no_engine(team: Team) -> None:
    team.apply()
    script = (
        "import sys\n"
        "import retinue\n"
        "assert [each for each in sys.modules if each.startswith('retinue.')] == []\n"
        "from retinue import bundle\n"
        "assert bundle('math-tutor')['model'] == 'gpt-4o'\n"
        "print(sorted(each for each in sys.modules if each.startswith('retinue.')))\n"
        "assert not {'openai', 'yaml', 'httpx2', 'click', 'rich', 'jsonschema'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=team.root, capture_output=True, text=True, check=False, env={**os.environ}
    )
    assert done.stderr == ""
    assert done.stdout.strip() == "['retinue.providers', 'retinue.providers.bundle', 'retinue.providers.bundle.reader']"


def test_a_lock_file_of_another_format_is_not_guessed_at(tmp_path: Path) -> None:
    """An application that is older than the lock file must not send what may mean something else now."""
    path = tmp_path / "retinue.lock.json"
    path.write_text('{"format_version": "2.0", "assistants": {"desk": {"arguments": {}}}}', encoding="utf-8")
    with pytest.raises(BundleError, match=r"format 2\.0"):
        bundle("desk", lock=path)
