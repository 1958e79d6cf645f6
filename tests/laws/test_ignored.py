"""What a declaration ignores is written on creation and is other people's business from then on, for every kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from retinue.errors import DeclarationError
from retinue.kinds import all_kinds
from retinue.kinds.fields import UploadsField
from retinue.model.canonical import same
from tests.laws.conftest import Sample
from tests.support.forms import is_versioned
from tests.support.team import Team


def ignoring(sample: Sample, variant: str, ignored: list[str]) -> str:
    declared = yaml.safe_load(sample.data[variant])
    declared[all_kinds()[sample.kind].section]["sample"]["lifecycle"] = {"ignore": ignored}
    return yaml.safe_dump(declared, sort_keys=False, allow_unicode=True)


def spec_of(team: Team, kind: str) -> tuple[str, dict[str, Any]]:
    """The path of the sample and what the account says of it."""
    found = all_kinds()[kind]
    live_id = team.outputs()[f"{kind}.sample"]
    raw = next(each for each in team.objects(found) if each["id"] == live_id)
    return team.path(found, raw), {name: value for name, value in found.read(raw).items() if name != "extra"}


def test_what_is_ignored_is_written_once_and_left_alone(sample: Sample, tmp_path: Path) -> None:
    kind = all_kinds()[sample.kind]
    if is_versioned(kind):
        pytest.skip("what comes in versions is refused to be ignored")
    team = sample.team(tmp_path)
    for variant in sample.data.get("history", ["full"]):
        sample.declare(team, variant)
        team.apply()
    path, first = spec_of(team, sample.kind)
    for edit in sample.data.get("ignorable", sample.data["drift"]):
        team.send("post", path, edit)
    _, theirs = spec_of(team, sample.kind)
    ignored = [name for name in first if not same(first[name], theirs[name])]
    assert ignored
    assert not team.plan().empty

    team.write("sample.yaml", ignoring(sample, "full", ignored))
    assert team.plan().empty
    team.write("sample.yaml", ignoring(sample, "edited", ignored))
    made = team.plan()
    assert not {change.field for step in made.steps for change in step.changes} & set(ignored)
    assert team.apply().converged
    _, after = spec_of(team, sample.kind)
    assert {name: after[name] for name in ignored} == {name: theirs[name] for name in ignored}
    assert team.plan().empty

    team.write("sample.yaml", "{}\n")
    team.destroy()
    team.write("sample.yaml", ignoring(sample, "full", ignored))
    assert team.apply().converged
    _, anew = spec_of(team, sample.kind)
    plain = [name for name in ignored if not (kind.field(name).refs or isinstance(kind.field(name), UploadsField))]
    assert all(same(anew[name], first[name]) for name in plain)


def test_a_single_key_is_ignored_and_carried_over(tmp_path: Path) -> None:
    team = Team(tmp_path)
    bot = "assistants:\n  bot:\n    model: gpt-4o\n    name: {}\n    metadata: {{team: ours, cost: '1'}}\n{}"
    ignore = "    lifecycle: {ignore: [metadata.team]}\n"
    team.write("bot.yaml", bot.format("Bot", ignore))
    team.apply()
    (live,) = team.listed("/assistants")
    assert live["metadata"]["team"] == "ours"
    edited = {**live["metadata"], "team": "theirs", "cost": "2"}
    team.send("post", f"/assistants/{live['id']}", {"metadata": edited})
    made = team.plan()
    assert [change.path for step in made.steps for change in step.changes] == [("metadata", "cost")]
    team.write("bot.yaml", bot.format("Robot", ignore))
    assert team.apply().converged
    (live,) = team.listed("/assistants")
    assert {key: live["metadata"][key] for key in ("team", "cost")} == {"team": "theirs", "cost": "1"}
    team.write("bot.yaml", bot.format("Robot", ignore.replace("[metadata.team]", "[]")))
    assert [change.path for step in team.plan().steps for change in step.changes] == [("metadata", "team")]


def test_a_tag_that_is_brought_up_to_date_does_not_write_what_is_ignored(tmp_path: Path) -> None:
    """Ignoring a field changes the tag and nothing else."""
    team = Team(tmp_path)
    bot = "assistants:\n  bot:\n    model: gpt-4o\n    metadata: {team: ours}\n"
    team.write("bot.yaml", bot)
    team.apply()
    (live,) = team.listed("/assistants")
    team.send("post", f"/assistants/{live['id']}", {"metadata": {**live["metadata"], "team": "theirs"}})
    team.write("bot.yaml", bot + "    lifecycle: {ignore: [metadata.team]}\n")
    applied = team.apply()
    assert applied.plan.empty
    assert applied.plan.retags
    (live,) = team.listed("/assistants")
    assert live["metadata"]["team"] == "theirs"


def test_a_reference_that_is_ignored_does_not_follow_what_is_replaced(tmp_path: Path) -> None:
    team = Team(tmp_path)
    bot = "assistants:\n  bot:\n    model: gpt-4o\n    tools: [file_search: {vector_store: kb}]\n"
    ignore = "    lifecycle: {ignore: [vector_store_ids]}\n"
    store = "vector_stores:\n  kb: {{name: KB, description: {}}}\n"
    team.write("bot.yaml", bot + ignore + store.format("Old"))
    team.apply()
    team.write("bot.yaml", bot + ignore + store.format("New"))
    assert {str(step.address) for step in team.plan().steps} == {"vector_store.kb"}


def test_files_that_are_ignored_stay_as_they_are(tmp_path: Path) -> None:
    team = Team(tmp_path)
    team.write("kb/one.md", "# One\n")
    store = "vector_stores:\n  kb:\n    name: {}\n    files: [kb/*.md]\n    lifecycle: {{ignore: [files]}}\n"
    team.write("kb.yaml", store.format("KB"))
    team.apply()
    team.write("kb/two.md", "# Two\n")
    assert team.plan().empty
    team.write("kb.yaml", store.format("Knowledge"))
    assert team.apply().converged
    assert [each["filename"] for each in team.listed("/files")] == ["one.md"]


def test_what_comes_in_versions_cannot_be_ignored(tmp_path: Path) -> None:
    team = Sample("skill").team(tmp_path)
    team.write("sample.yaml", "skills:\n  sample: {folder: plain, lifecycle: {ignore: [version]}}\n")
    with pytest.raises(DeclarationError) as caught:
        team.plan()
    assert [each.code for each in caught.value.diagnostics] == ["misplaced-field"]
