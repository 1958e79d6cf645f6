"""A vector store that the account let expire is made anew, and its assistant follows."""

from __future__ import annotations

from pathlib import Path

from tests.support.team import Team

DAY = 86_400.0


def test_an_expired_store_is_replaced_unattended(tmp_path: Path) -> None:
    team = Team(tmp_path)
    team.write("kb.md", "# Knowledge")
    team.write(
        "stack.yaml",
        "assistants:\n  bot: {model: gpt-4o, tools: [{file_search: {vector_store: kb}}]}\n"
        "vector_stores:\n  kb: {expires_after: {days: 1}, files: [kb.md]}\n",
    )
    assert team.apply().converged
    team.time.now += 2 * DAY
    applied = team.apply()
    assert applied.converged
    assert not applied.plan.reverts
    (store,) = team.listed("/vector_stores")
    assert store["status"] == "completed"
    (assistant,) = team.listed("/assistants")
    assert assistant["tool_resources"]["file_search"]["vector_store_ids"] == [store["id"]]
    assert len(team.listed("/files")) == 1
