"""`apply --json`: every line is an event that the published schema describes, and the last one says how it ended."""

from __future__ import annotations

import json
from typing import Any

from retinue.report.events.event_lines import plan_line, result_line
from tests.cli.conftest import Result, Shell
from tests.report.test_document_schema import mistakes


def events(done: Result) -> list[dict[str, Any]]:
    """The events on stdout, each checked against the schema, which has no room for what it does not describe."""
    found = [json.loads(line) for line in done.out.splitlines()]
    for each in found:
        assert mistakes("events", each) == []
    assert [each["type"] for each in found].count("result") == 1
    assert found[-1]["type"] == "result"
    assert found[-1]["exit_code"] == done.code
    return found


def test_a_plan_is_as_its_schema_says(project: Shell) -> None:
    document = json.loads(project("plan", "--json").out)
    assert len(document["steps"]) == 2
    assert mistakes("plan", document) == []


def test_an_apply_is_told_from_its_plan_to_its_end(project: Shell) -> None:
    done = project("apply", "--yes", "--json")
    first, *middle, last = events(done)
    assert first["type"] == "plan"
    assert first["plan"]["summary"]["create"] == 2
    ended = {each["key"]: each for each in middle if each["type"] == "step" and each["status"] == "done"}
    assert sorted(ended) == sorted(each["key"] for each in first["plan"]["steps"])
    assert ended["create assistant.tutor"]["id"].startswith("asst_")
    assert any(each["type"] == "progress" and each["total"] == 2 for each in middle)
    assert (last["outcome"], last["added"], last["changed"], last["destroyed"]) == ("done", 2, 0, 0)


def test_progress_for_people_stays_on_stderr(project: Shell) -> None:
    assert "assistant.tutor: created asst_" in project("apply", "--yes", "--json").err


def test_an_apply_with_nothing_to_do_has_a_plan_and_a_result(project: Shell) -> None:
    project("apply", "--yes")
    assert [each["type"] for each in events(project("apply", "--yes", "--json"))] == ["plan", "result"]


def test_what_stops_an_apply_is_its_result(project: Shell) -> None:
    project("apply", "--yes")
    (tutor,) = project.team.listed("/assistants")
    project.team.send("post", f"/assistants/{tutor['id']}", {"name": "Edited"})
    *_, last = events(project("apply", "--yes", "--json"))
    assert (last["outcome"], last["exit_code"], last["added"]) == ("blocked", 4, 0)
    assert "--revert-drift" in last["hint"]


def test_mistakes_in_the_declarations_are_in_the_result(project: Shell) -> None:
    project.write("team.yaml", "assistants:\n  tutor: {modl: gpt-4o}\n")
    (last,) = events(project("apply", "--yes", "--json"))
    assert last["outcome"] == "failed"
    assert last["diagnostics"][0]["position"]["file"] == "team.yaml"


def test_steps_that_fail_are_told_with_their_reason(project: Shell) -> None:
    """A document that cannot be indexed: the store is made, but not complete."""
    declared = (project.team.root / "team.yaml").read_text(encoding="utf-8")
    project.write("team.yaml", declared.replace("[handbook/*.md]", "[handbook/*.md, handbook/broken.pdf]"))
    project.write("handbook/broken.pdf", "not a pdf")
    done = project("apply", "--yes", "--json")
    found = events(done)
    assert done.code == 5
    told = [each for each in found if each["type"] == "step" and each["status"] not in ("started", "done")]
    assert told
    assert told[0]["failures"] or told[0]["error"]
    assert found[-1]["outcome"] == "partial"


def test_an_event_is_one_line_whatever_it_says() -> None:
    """Also for those who split lines at every separator that Unicode has."""
    line = plan_line({"stack": "a\nb\r\u2028c"})
    assert len(line.splitlines()) == 1
    assert json.loads(result_line([], None))["outcome"] == "done"
