"""What somebody changed in the account since the last apply: found, told in every form, and nothing else."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.conftest import Shell
from tests.report.test_document_schema import mistakes


@pytest.fixture
def applied(project: Shell) -> Shell:
    assert project("apply", "--yes").code == 0
    return project


def only(project: Shell, path: str) -> dict[str, Any]:
    (found,) = project.team.listed(path)
    return found


def edit(project: Shell, **fields: Any) -> None:
    project.team.send("post", f"/assistants/{only(project, '/assistants')['id']}", fields)


def document(project: Shell, *options: str) -> dict[str, Any]:
    done = project("drift", "--format", "json", *options)
    assert done.code == 0
    found: dict[str, Any] = json.loads(done.out)
    assert mistakes("drift", found) == []
    return found


def writes(project: Shell) -> list[str]:
    return [each for each in project.team.calls if not each.startswith("GET")]


def test_what_was_just_applied_has_no_drift(applied: Shell) -> None:
    done = applied("drift", "--detailed-exitcode")
    assert (done.code, done.err) == (0, "")
    assert "No drift. 2 objects are as declared." in done.out
    assert document(applied)["drifted"] is False


def test_a_field_that_somebody_changed_is_shown_as_declared_and_as_it_is(applied: Shell) -> None:
    edit(applied, name="Theirs")
    before = applied.team.state()
    done = applied("drift")
    assert done.code == 0
    assert '! name: "Tutor" -> "Theirs"  team.yaml:3' in re.sub(" {2,}", "  ", done.out)
    assert "Drift: 1 object changed." in done.out
    assert applied("drift", "--detailed-exitcode").code == 2
    (changed,) = document(applied)["changed"]
    assert changed["address"] == "assistant.tutor"
    assert [(each["path"], each["declared"], each["live"]) for each in changed["changes"]] == [
        (["name"], "Tutor", "Theirs")
    ]
    assert applied.team.state() == before, "looking changes nothing"


def test_what_somebody_removed_or_added_is_called_so(project: Shell) -> None:
    declared = "{model: gpt-4o, name: Tutor, metadata: {a: b}, tools: [web_search]}"
    project.write("team.yaml", f"agents:\n  tutor: {declared}\n")
    assert project("apply", "--yes").code == 0
    tutor = only(project, "/agents")
    kept = {name: value for name, value in tutor["metadata"].items() if name != "a"}
    edit_agent = {"name": None, "metadata": kept, "tools": [{"type": "tool_search"}]}
    project.team.send("post", f"/agents/{tutor['id']}", edit_agent)
    told = re.sub(" {2,}", "  ", project("drift").out)
    assert '! name: "Tutor" -> null  (was removed)' in told
    assert '! metadata.a: "b"  (was removed)' in told
    assert "! tools.web_search: {}  (was removed)" in told
    assert "! tools.tool_search: {}  (was added)" in told
    planned = re.sub(" {2,}", "  ", project("plan").out)
    assert '! name: null -> "Tutor"  (was removed)' in planned
    assert "! tools.tool_search: {}  (was added)" in planned


def test_drift_is_told_without_what_the_declarations_change_besides(applied: Shell) -> None:
    edit(applied, name="Theirs")
    text = (applied.team.root / "team.yaml").read_text(encoding="utf-8")
    applied.write("team.yaml", text.replace("team: education", "team: research"))
    (changed,) = document(applied)["changed"]
    assert [each["path"] for each in changed["changes"]] == [["name"]]


def test_what_the_declarations_change_is_no_drift(applied: Shell) -> None:
    text = (applied.team.root / "team.yaml").read_text(encoding="utf-8")
    applied.write("team.yaml", text.replace("name: Tutor", "name: Teacher"))
    done = applied("drift", "--detailed-exitcode")
    assert done.code == 0
    assert "1 object differs because of the declarations, which is no drift: see 'retinue plan'." in done.out
    assert "No drift. 1 object is as declared." in done.out


def test_what_both_changed_is_a_conflict(applied: Shell) -> None:
    text = (applied.team.root / "team.yaml").read_text(encoding="utf-8")
    applied.write("team.yaml", text.replace("name: Tutor", "name: Teacher"))
    edit(applied, name="Theirs")
    (changed,) = document(applied)["changed"]
    assert [each["cause"] for each in changed["changes"]] == ["conflict"]
    assert "!~ was changed both outside and in the declarations." in applied("drift").out


def test_what_nobody_declared_is_no_drift(applied: Shell) -> None:
    edit(applied, description="Theirs", metadata={**only(applied, "/assistants")["metadata"], "hits": "12"})
    assert document(applied)["drifted"] is False


@pytest.mark.parametrize("forgets", [False, True], ids=["remembered", "on a fresh runner"])
def test_an_object_that_somebody_deleted_is_gone(applied: Shell, forgets: bool) -> None:
    """The reference that points at nothing tells of it where no memory does; and it is told every time."""
    store = only(applied, "/vector_stores")["id"]
    applied.team.send("delete", f"/vector_stores/{store}")
    if forgets:
        applied.team.forget_memory()
    for _ in range(2):
        found = document(applied)
        assert [(each["address"], each["id"], each["reason"]) for each in found["gone"]] == [
            ("vector_store.handbook", store, "it was deleted")
        ]
        assert [(each["address"], each["dead"]) for each in found["dangling"]] == [("assistant.tutor", store)]
        assert found["summary"]["pending"] == 0


def test_a_deleted_object_that_nothing_points_at_is_known_by_memory_only(applied: Shell) -> None:
    """Without a memory it is one that was never applied, as far as anybody can tell."""
    applied.team.send("delete", f"/assistants/{only(applied, '/assistants')['id']}")
    assert [each["address"] for each in document(applied)["gone"]] == ["assistant.tutor"]
    assert applied("plan").code == 0
    assert [each["address"] for each in document(applied)["gone"]] == ["assistant.tutor"]
    applied.team.forget_memory()
    found = document(applied)
    assert (found["gone"], found["summary"]["pending"]) == ([], 1)
    applied("apply", "--yes")
    assert document(applied)["drifted"] is False


def test_a_deletion_by_retinue_is_no_drift(applied: Shell) -> None:
    applied("destroy", "--yes")
    found = document(applied)
    assert (found["drifted"], found["summary"]["pending"]) == (False, 2)


def test_an_object_whose_tag_was_taken_away_is_not_ours_any_more(applied: Shell) -> None:
    edit(applied, metadata={"retinue": ""})
    (gone,) = document(applied)["gone"]
    assert gone["address"] == "assistant.tutor"
    assert gone["reason"] == "its ownership tag was taken away; the object is still there"


def test_a_tag_that_somebody_damaged_is_drift(applied: Shell) -> None:
    edit(applied, metadata={"retinue": "1;oops"})
    done = applied("drift", "--detailed-exitcode")
    assert done.code == 2
    assert "carries an ownership tag that cannot be read" in done.out
    assert "1 object with a damaged tag" in done.out


def detach(project: Shell, path: str) -> None:
    project.team.send("delete", path)


def reattribute(project: Shell, path: str) -> None:
    project.team.send("post", path, {"attributes": {"retinue.path": "handbook/refunds.md", "retinue.sha256": "0" * 64}})


def annotate(project: Shell, path: str) -> None:
    (attached,) = [each for each in project.team.state()["attached"][path.split("/")[2]] if path.endswith(each["id"])]
    project.team.send("post", path, {"attributes": {**attached["attributes"], "public": True}})


@pytest.mark.parametrize(
    ("do", "what"),
    [(detach, "detached"), (reattribute, "replaced"), (annotate, "attributes")],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_a_file_that_somebody_swapped_is_named(applied: Shell, do: Callable[[Shell, str], None], what: str) -> None:
    store = only(applied, "/vector_stores")["id"]
    (refunds,) = [
        each
        for each in applied.team.state()["attached"][store]
        if each["attributes"]["retinue.path"] == "handbook/refunds.md"
    ]
    do(applied, f"/vector_stores/{store}/files/{refunds['id']}")
    (changed,) = document(applied)["changed"]
    assert [(each["path"], each["what"], each["cause"]) for each in changed["files"]] == [
        ("handbook/refunds.md", what, "drift")
    ]
    assert "handbook/refunds.md" in applied("drift").out


def test_other_attributes_of_a_file_are_shown_as_declared_and_as_they_are(applied: Shell) -> None:
    store = only(applied, "/vector_stores")["id"]
    first = applied.team.state()["attached"][store][0]
    annotate(applied, f"/vector_stores/{store}/files/{first['id']}")
    assert "has other attributes: {} -> {public: true}" in applied("drift").out
    (file,) = document(applied)["changed"][0]["files"]
    assert file["details"] == {"declared": {}, "live": {"public": True}}


def test_objects_without_an_owner_are_counted_and_named_on_demand(applied: Shell) -> None:
    other = applied.team.send("post", "/assistants", {"model": "gpt-4o", "name": "By hand"})
    assert document(applied)["unowned"] is None
    assert "Not managed here: 1 assistant without an owner." in applied("drift").out
    found = document(applied, "--unowned")
    assert found["unowned"] == [{"kind": "assistant", "id": other["id"], "name": "By hand"}]
    assert found["drifted"] is False
    assert f'assistant {other["id"]}  "By hand"' in applied("drift", "--unowned").out


def test_a_rendered_assistant_that_names_a_dead_store_is_told(project: Shell) -> None:
    text = (project.team.root / "team.yaml").read_text(encoding="utf-8")
    project.write(
        "team.yaml", text.replace("    name: Tutor\n", "").replace("  tutor:\n", "  tutor:\n    api: responses\n")
    )
    assert project("apply", "--yes").code == 0, project("apply", "--yes").err
    store = only(project, "/vector_stores")["id"]
    project.team.send("delete", f"/vector_stores/{store}")
    (dangling,) = document(project)["dangling"]
    assert (dangling["address"], dangling["dead"], dangling["rendered"]) == ("assistant.tutor", store, True)
    assert f"its entry in the lock file, vector_store_ids[0]: {store} is gone" in project("drift").out


def test_models_that_end_are_told_and_stop_where_that_is_asked_for(applied: Shell) -> None:
    done = applied("drift")
    assert (done.code, "warning[model-shutdown]" in done.out) == (0, True)
    assert applied("drift", "--fail-on", "model-shutdown=90d").code == 4
    assert applied("drift", "--fail-on", "model-shutdown=1d").code == 0


@pytest.mark.parametrize("form", ["markdown", "github"])
def test_pages_tell_the_same_and_hold_no_markup_of_others(applied: Shell, form: str) -> None:
    edit(applied, name="``` </details> @everyone")
    page = applied("drift", "--format", form).out
    assert page.startswith("# Drift in `test`")
    assert "Drift: 1 object changed." in page
    outside = re.sub(r"(`+).*?\1", "", page, flags=re.S)
    assert "@everyone" not in outside
    assert "</details>" not in outside


def test_a_comment_never_grows_beyond_what_github_takes(applied: Shell) -> None:
    edit(applied, instructions="".join(f"Line {number} of somebody else.\n" for number in range(8000)))
    page = applied("drift", "--format", "github").out
    assert len(page) < 65_536
    assert "assistant.tutor" in page


def test_junit_has_a_test_for_every_object_and_a_failure_for_every_drifted_one(applied: Shell) -> None:
    edit(applied, name="Theirs")
    root = ET.fromstring(applied("drift", "--format", "junit").out)
    failures = {case.get("name"): case.find("failure") for case in root.iter("testcase")}
    assert sorted(map(str, failures)) == ["assistant.tutor", "vector_store.handbook"]
    failure = failures["assistant.tutor"]
    assert failures["vector_store.handbook"] is None
    assert failure is not None
    assert '! name: "Tutor" -> "Theirs"' in (failure.text or "")
    assert (root.get("tests"), root.get("failures")) == ("2", "1")


def test_a_reason_not_to_go_on_is_a_failed_case_of_junit(applied: Shell) -> None:
    done = applied("drift", "--format", "junit", "--fail-on", "model-shutdown=90d")
    assert done.code == 4
    (blocked,) = [case for case in ET.fromstring(done.out).iter("testcase") if case.find("failure") is not None]
    assert (blocked.get("name") or "").startswith("blocked ")
    failure = blocked.find("failure")
    assert failure is not None
    assert "gpt-4o" in (failure.text or "")


def test_the_same_edit_of_many_is_told_once_and_names_them_all(shell: Shell) -> None:
    """In the text, and on the page, where none may be left out."""
    matrix, prompt = "matrix: {number: [1, 2, 3, 4, 5, 6, 7]}", "instructions: |\n      Be kind.\n      Be brief."
    shell.write("team.yaml", f"assistants:\n  bot:\n    {matrix}\n    model: gpt-4o\n    {prompt}\n")
    assert shell("apply", "--yes").code == 0
    for each in shell.team.listed("/assistants"):
        odd = "bot-3" in json.dumps(each["metadata"])
        said = "Be kind.\nBe loud." if odd else "Be rude.\nBe brief."
        shell.team.send("post", f"/assistants/{each['id']}", {"instructions": said})
    told = shell("drift").out
    assert (told.count("rude"), told.count("loud")) == (1, 1)
    assert "! in 6 assistants" in told
    assert "! assistant.bot-3 (" in told
    page = shell("drift", "--format", "markdown").out
    assert (page.count("rude"), page.count("loud")) == (1, 1)
    assert all(f"assistant.bot-{number}" in page for number in range(1, 8))
    assert len(document(shell)["changed"]) == 7
