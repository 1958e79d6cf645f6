"""What holds of rendered assistants: the promises of plan and apply, where the lock file is their home."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from retinue import engine
from retinue.errors import BlockedError, RetinueError, StaleError
from retinue.model.values import Address
from retinue.planning.documents.plan_document import from_document, to_document
from retinue.planning.policy import Approval
from retinue.providers.bundle.lock_file import digest_of
from tests.bundles.conftest import DECLARATIONS
from tests.laws.test_laws import orphans
from tests.support.breaking import Breaking
from tests.support.faults import MODES, Mode
from tests.support.team import Team, ended

DESK = Address("assistant", "desk")


def lock_path(team: Team) -> Path:
    return team.root / "retinue.lock.json"


def lock(team: Team) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(lock_path(team).read_text(encoding="utf-8"))
    return found


def edit(team: Team, name: str, **arguments: Any) -> None:
    """What a hand does to the file."""
    document = lock(team)
    document["assistants"][name]["arguments"].update(arguments)
    lock_path(team).write_text(json.dumps(document), encoding="utf-8")


def loose(team: Team) -> list[str]:
    """Files in the account that nothing holds: neither a store, nor an assistant, nor the lock file."""
    held = set()
    if lock_path(team).exists():
        held = {file_id for entry in lock(team)["assistants"].values() for file_id in entry["files"]}
    return [each for each in orphans(team.state()) if each.split()[0] not in held]


def test_a_plan_after_apply_is_empty_and_the_file_stays_as_it_is(team: Team) -> None:
    applied = team.apply()
    assert set(ended(applied.events).values()) == {"done"}
    assert applied.converged
    before = lock_path(team).read_bytes()
    assert team.plan().empty
    assert team.apply().plan.empty
    assert lock_path(team).read_bytes() == before
    assert team.listed("/assistants") == []


def test_the_file_comes_after_what_it_names(team: Team) -> None:
    keys = [step.key for step in team.plan().steps]
    assert keys.index("create vector_store.handbook") < keys.index("create assistant.desk")
    team.apply()
    with team.session() as session:
        gone = [step.key.rsplit(" ", 1)[0] for step in engine.plan_destroy(session).steps]
    assert gone.index("delete assistant.desk") < gone.index("delete vector_store.handbook")


def test_planning_writes_nothing(team: Team) -> None:
    team.plan()
    assert not lock_path(team).exists()
    assert {call.split()[0] for call in team.calls} == {"GET"}


def test_a_fresh_clone_with_the_file_plans_empty(team: Team) -> None:
    team.apply()
    team.forget_memory()
    assert team.plan().empty


def test_without_the_file_everything_is_rendered_anew_and_alike(team: Team) -> None:
    team.apply()
    before = lock(team)
    lock_path(team).unlink()
    made = team.plan()
    assert {(step.action, step.address.kind) for step in made.steps} == {("create", "assistant")}
    assert team.apply().converged
    after = lock(team)
    for name in ("math-tutor", "python-master"):
        assert after["assistants"][name] == before["assistants"][name]


def test_the_order_in_which_things_are_declared_does_not_matter(team: Team) -> None:
    team.apply()
    before = lock_path(team).read_bytes()
    head, tail = DECLARATIONS.split("functions:")
    team.write("team.yaml", f"functions:{tail}{head}")
    assert team.plan().empty
    (team.root / "retinue.lock.json").write_bytes(before)
    assert team.apply().plan.empty


def test_a_plan_survives_its_document(team: Team) -> None:
    for _ in range(2):
        document = to_document(team.plan())
        assert to_document(from_document(document)) == document
        team.apply()
        team.write("desk.md", "Be brief.\n")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("gpt-6-luna", "gpt-6-sol"),
        ("    name: Desk\n", "    name: Front desk\n"),
        ("    temperature: 0.5\n", ""),
        ("    reasoning_effort: low\n", ""),
        ("    metadata: {team: laws}\n", "    metadata: {tier: gold}\n"),
        ("      - code_interpreter: {files: [prices.csv]}\n", "      - code_interpreter: {files: [desk.md]}\n"),
        ("      - code_interpreter: {files: [prices.csv]}\n", "      - code_interpreter\n"),
        ("      - code_interpreter: {files: [prices.csv]}\n", ""),
        ("      - function: get_weather\n", "      - function: {name: get_time}\n"),
        ("max_num_results: 8", "max_num_results: 9"),
        ("ranker: default_2024_08_21, ", ""),
        ("store: false", "store: true"),
        ("verbosity: low", "verbosity: high"),
        ("[{type: web_search}]", "[]"),
        ("    extra: {store: false, text: {verbosity: low}, tools: [{type: web_search}]}\n", ""),
    ],
)
def test_every_change_converges(team: Team, tmp_path: Path, old: str, new: str) -> None:
    """One apply, nothing left, no file left behind, and the entry a fresh rendering would give."""
    team.apply()
    assert old in DECLARATIONS
    team.write("team.yaml", DECLARATIONS.replace(old, new, 1).replace("  stop: {}\n", ""))
    made = team.plan()
    assert [(step.action, str(step.address)) for step in made.steps] == [("update", "assistant.desk")]
    assert {change.cause for change in made.steps[0].changes} <= {"config", "unset"}
    assert team.apply().converged
    assert loose(team) == []
    changed = lock(team)["assistants"]["desk"]
    if not changed["files"]:
        lock_path(team).unlink()
        team.apply()
        assert lock(team)["assistants"]["desk"] == changed


def test_a_replaced_store_is_named_anew_before_the_old_one_goes(team: Team) -> None:
    team.apply()
    team.write("team.yaml", DECLARATIONS.replace("{name: Handbook,", "{name: Handbook, description: Replaces it,"))
    keys = [step.key.split(" ")[:2] for step in team.plan().steps]
    assert keys == [
        ["create", "vector_store.handbook"],
        ["update", "assistant.desk"],
        ["delete", "vector_store.handbook"],
    ]
    assert team.apply().converged
    (store,) = team.listed("/vector_stores")
    (search,) = (
        each for each in lock(team)["assistants"]["desk"]["arguments"]["tools"] if each["type"] == "file_search"
    )
    assert search["vector_store_ids"] == [store["id"]]


def test_a_store_that_is_gone_makes_the_file_stale(team: Team) -> None:
    team.apply()
    (store,) = team.listed("/vector_stores")
    team.send("delete", f"/vector_stores/{store['id']}")
    steps = {str(step.address): step for step in team.plan().steps}
    assert steps["vector_store.handbook"].action == "create"
    assert steps["assistant.desk"].action == "update"
    assert team.apply().converged
    assert not team.plan().reverts


def test_a_file_that_is_gone_is_brought_back(team: Team) -> None:
    team.apply()
    (file_id,) = lock(team)["assistants"]["desk"]["files"]
    team.send("delete", f"/files/{file_id}")
    assert [str(step.address) for step in team.plan().steps] == ["assistant.desk"]
    assert team.apply().converged
    assert loose(team) == []


@pytest.mark.parametrize(
    "arguments",
    [
        {"model": "gpt-4o-mini"},
        {"instructions": "Be rude."},
        {"tools": []},
        {"store": True},
        {"background": True},
        {"max_output_tokens": 7},
        {"metadata": {"team": "laws", "more": "x"}},
        {"reasoning": {"effort": "low", "summary": "auto"}},
    ],
    ids=json.dumps,
)
def test_what_a_hand_changed_is_drift_and_taken_back(team: Team, arguments: dict[str, Any]) -> None:
    """The file is ours as a whole: even what nobody declared."""
    team.apply()
    before = lock(team)["assistants"]["desk"]["arguments"]
    edit(team, "desk", **arguments)
    made = team.plan()
    assert {change.cause for step in made.steps for change in step.changes} == {"drift"}
    with pytest.raises(BlockedError):
        engine.guard(made, Approval())
    assert team.apply().converged
    assert lock(team)["assistants"]["desk"]["arguments"] == before


def test_an_entry_removed_by_hand_comes_back(team: Team) -> None:
    team.apply()
    document = lock(team)
    del document["assistants"]["math-tutor"]
    lock_path(team).write_text(json.dumps(document), encoding="utf-8")
    assert [step.key for step in team.plan().steps] == ["create assistant.math-tutor"]
    assert team.apply().converged


def test_an_edit_between_plan_and_apply_is_not_overwritten(team: Team) -> None:
    team.apply()
    team.write("team.yaml", DECLARATIONS.replace("gpt-6-luna", "gpt-6-sol"))
    with team.session() as session:
        made = engine.plan(session)
        edit(team, "desk", model="theirs")
        with pytest.raises(StaleError, match=r"assistant\.desk: 'model' changed"):
            engine.apply(session, made)
    assert lock(team)["assistants"]["desk"]["arguments"]["model"] == "theirs"


def test_destroy_leaves_no_file_and_nothing_in_the_account(team: Team) -> None:
    team.apply()
    assert set(ended(team.destroy().events).values()) == {"done"}
    assert not lock_path(team).exists()
    assert (team.listed("/vector_stores"), team.listed("/files")) == ([], [])


def test_what_is_no_longer_declared_leaves_the_file(team: Team) -> None:
    team.apply()
    team.write("team.yaml", DECLARATIONS[: DECLARATIONS.index("  desk:")])
    assert team.apply().converged
    assert set(lock(team)["assistants"]) == {"math-tutor", "python-master"}
    assert team.listed("/files") == []


def test_targets_render_only_what_is_named_and_what_it_needs(team: Team) -> None:
    with team.session() as session:
        made = engine.plan(session, targets=[DESK])
        assert engine.apply(session, made).converged
    assert set(lock(team)["assistants"]) == {"desk"}
    assert len(team.listed("/vector_stores")) == 1


def test_protection_holds_for_a_rendered_assistant(team: Team) -> None:
    team.write(
        "team.yaml", DECLARATIONS.replace("    name: Desk\n", "    name: Desk\n    lifecycle: {protect: true}\n")
    )
    team.apply()
    assert team.plan().empty
    with team.session() as session:
        assert [each.code for each in engine.plan_destroy(session).blocks] == ["protected"]


# ── moving ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_moving_between_homes_says_so_and_leaves_nothing_behind(team: Team) -> None:
    plain = DECLARATIONS.replace("    extra: {store: false, text: {verbosity: low}, tools: [{type: web_search}]}\n", "")
    project = (team.root / "retinue.yaml").read_text(encoding="utf-8")
    team.write("team.yaml", plain)
    team.write("retinue.yaml", project.replace("responses", "assistants-v2"))
    team.apply()
    assert len(team.listed("/assistants")) == 3
    for api, reason in (("responses", "it moves to responses"), ("assistants-v2", "it moves to assistants-v2")):
        team.write("retinue.yaml", project.replace("responses", api))
        made = team.plan()
        assert [step.action for step in made.steps] == ["create"] * 3 + ["delete"] * 3
        assert {step.reason for step in made.steps if step.action == "delete"} == {reason}
        assert all(step.needs for step in made.steps if step.action == "delete")
        assert team.apply().converged
        assert team.plan().empty
        assert loose(team) == []
        assert len(team.listed("/assistants")) == (0 if api == "responses" else 3)
        assert lock_path(team).exists() is (api == "responses")


def test_a_move_that_was_interrupted_is_finished(team: Team) -> None:
    team.write("team.yaml", DECLARATIONS[: DECLARATIONS.index("  desk:")])
    team.write("retinue.yaml", "stack: test\ninclude: ['team.yaml']\n")
    team.apply()
    team.write("retinue.yaml", "stack: test\ninclude: ['team.yaml']\napi: responses\n")
    with team.session() as session:
        made = engine.plan(session)
        creations = [step for step in made.steps if step.action == "create"]
        session.planned = replace(made, steps=tuple(creations))  # as if it had been interrupted
        engine.apply(session, session.planned)
    assert (len(team.listed("/assistants")), len(lock(team)["assistants"])) == (2, 2)
    assert [(step.action, step.reason) for step in team.plan().steps] == [("delete", "it moves to responses")] * 2
    assert team.apply().converged
    assert team.listed("/assistants") == []


def test_an_account_without_the_assistants_api_serves_rendered_ones(team: Team) -> None:
    from retinue.emulator.server.quirks import Quirks

    team.quirks = Quirks(no_assistants=True)
    assert team.apply().converged
    assert team.plan().empty


# ── environments and broken files ─────────────────────────────────────────────────────────────────────────────────────


def test_each_environment_has_a_file_of_its_own(team: Team) -> None:
    team.write("retinue.yaml", "stack: test\ninclude: ['team.yaml']\napi: responses\nenvironments: {staging: {}}\n")
    where = engine.Where(team.root, "staging", environ={})
    with engine.open_session(where) as session:
        assert engine.apply(session, engine.plan(session)).converged
    assert team.apply().converged
    staging = json.loads((team.root / "retinue.lock.staging.json").read_text(encoding="utf-8"))
    assert (staging["stack"], lock(team)["stack"]) == ("test-staging", "test")
    team.destroy()
    assert (team.root / "retinue.lock.staging.json").exists()


def test_the_file_of_another_stack_is_never_touched(team: Team) -> None:
    team.apply()
    before = lock_path(team).read_bytes()
    team.write("retinue.yaml", "stack: renamed\ninclude: ['team.yaml']\napi: responses\n")
    with pytest.raises(BlockedError, match="belongs to the stack 'test'"):
        team.plan()
    assert lock_path(team).read_bytes() == before


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"format_version": "2.0", "stack": "test"}'])
def test_a_file_that_cannot_be_read_stops_everything(team: Team, text: str) -> None:
    lock_path(team).write_text(text, encoding="utf-8")
    with pytest.raises(RetinueError, match=r"retinue\.lock\.json cannot be read"):
        team.plan()


@pytest.mark.parametrize("part", ["arguments", "tag", "files"])
def test_an_entry_that_is_not_complete_is_named(team: Team, part: str) -> None:
    team.apply()
    document = lock(team)
    del document["assistants"]["desk"][part]
    lock_path(team).write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(RetinueError, match="'desk' is not complete"):
        team.plan()


@pytest.mark.parametrize("mode", MODES)
def test_a_failure_at_any_request_is_repaired(
    team: Team, tmp_path_factory: pytest.TempPathFactory, mode: Mode, chaos: bool
) -> None:
    """Like the law of all kinds: another apply converges, without a duplicate or a file left behind."""
    team.checked = False
    for broken, where in Breaking(team, tmp_path_factory.mktemp("broken"), mode, chaos=chaos):
        assert broken.apply().converged, where
        assert loose(broken) == [], where
        assert len(lock(broken)["assistants"]) == 3, where
        broken.destroy()
        assert (broken.listed("/vector_stores"), broken.listed("/files")) == ([], []), where


def test_the_text_of_the_file_depends_on_its_entries_alone(team: Team) -> None:
    """Written entry by entry, or read and written again: the same bytes, as any JSON library would lay them out."""
    team.apply()
    written = lock_path(team).read_text(encoding="utf-8")
    document = lock(team)
    assert written == json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    assert list(document) == sorted(document)
    assert list(document["assistants"]) == ["desk", "math-tutor", "python-master"]
    lock_path(team).write_text(json.dumps(document), encoding="utf-8")
    team.write("team.yaml", DECLARATIONS.replace("    name: Math Tutor", "    name: Tutor"))
    team.apply()
    team.write("team.yaml", DECLARATIONS)
    team.apply()
    assert lock_path(team).read_text(encoding="utf-8") == written


def test_an_edit_that_the_declarations_took_over_is_noted(team: Team) -> None:
    """The next change of that field is then no conflict."""
    team.apply()
    edit(team, "math-tutor", model="gpt-6-luna")
    text = DECLARATIONS.replace("model: gpt-4o", "model: gpt-6-luna", 1)
    team.write("team.yaml", text)
    assert team.plan().empty
    team.apply()
    assert lock(team)["assistants"]["math-tutor"]["digest"] != lock(team)["assistants"]["python-master"]["digest"]
    team.write("team.yaml", DECLARATIONS.replace("model: gpt-4o", "model: gpt-6-sol", 1))
    (step,) = team.plan().steps
    assert step.causes == {"config"}


def test_an_edit_that_no_field_can_say_is_drift_too(team: Team) -> None:
    """A function without `strict` is strict to the API, and not strict to the declarations."""
    team.apply()
    before = lock(team)
    tools = [dict(each) for each in before["assistants"]["desk"]["arguments"]["tools"]]
    for each in tools:
        if each.get("strict") is False:
            del each["strict"]
    edit(team, "desk", tools=tools)
    (step,) = team.plan().steps
    assert [(each.path, each.before, each.cause) for each in step.changes] == [(("edited",), ["tools"], "drift")]
    assert team.apply().converged
    assert lock(team) == before


def test_what_an_earlier_version_rendered_otherwise_is_rendered_anew(team: Team) -> None:
    team.apply()
    before = lock(team)
    document = lock(team)
    entry = document["assistants"]["desk"]
    entry["arguments"]["tools"] = entry["arguments"]["tools"][::-1]
    entry["digest"] = digest_of(entry["arguments"])
    lock_path(team).write_text(json.dumps(document), encoding="utf-8")
    (step,) = team.plan().steps
    assert (step.action, step.reason, step.causes) == ("update", "it was rendered by another version", frozenset())
    assert team.apply().converged
    assert lock(team) == before
