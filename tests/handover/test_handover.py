"""Objects change their name or their owner at the cost of one write each."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from retinue import engine
from retinue.emulator.server.quirks import Quirks
from retinue.errors import BlockedError, DeclarationError, StaleError
from retinue.model.steps import Plan
from retinue.model.values import Address
from retinue.planning.policy import Approval
from tests.support.faults import At, writes_a_marker
from tests.support.team import Team

PROMPT = "You are a tutor who explains mathematics in small steps and asks what has been understood."
TUTOR = f"""
assistants:
  {{name}}:
    name: Tutor
    model: gpt-4o
    instructions: {PROMPT}
    tools: [{{{{file_search: {{{{vector_store: {{store}}}}}}}}}}, {{{{code_interpreter: {{{{files: [data.csv]}}}}}}}}]
vector_stores:
  {{store}}: {{{{name: Handbook, files: [handbook.md]}}}}
"""


def tutor(name: str = "tutor", store: str = "handbook") -> str:
    return TUTOR.format(name=name, store=store)


@pytest.fixture
def team(tmp_path: Path) -> Team:
    team = Team(tmp_path)
    team.write("handbook.md", "# Handbook\n\nRules.\n")
    team.write("data.csv", "x,y\n1,2\n")
    team.write("all.yaml", tutor())
    team.apply()
    return team


def actions(plan: Plan) -> list[str]:
    return [step.key for step in plan.steps]


def writes(team: Team) -> list[str]:
    return [call for call in team.calls if not call.startswith("GET")]


def tags(team: Team) -> list[str]:
    found = [*team.listed("/assistants"), *team.listed("/vector_stores")]
    return sorted(each["metadata"]["retinue"].split(";f=")[0] for each in found if "retinue" in each["metadata"])


def settled(plan: Plan) -> list[str]:
    return [each.message for each in plan.warnings if each.code == "settled-entry"]


# ── moved ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_rename_is_one_write_and_the_object_stays(team: Team) -> None:
    before = team.listed("/assistants")[0]["id"]
    team.write("all.yaml", tutor("coach") + "moved: [{from: assistant.tutor, to: assistant.coach}]\n")
    assert actions(team.plan()) == ["move assistant.coach"]
    applied = team.apply()
    assert applied.converged
    assert len([call for call in writes(team) if call.startswith("POST /assistants")]) == 1
    assert [each["id"] for each in team.listed("/assistants")] == [before]
    assert tags(team) == ["1;s=test;a=assistant.coach", "1;s=test;a=vector_store.handbook"]


def test_a_rename_is_noted_as_settled_once_it_is_done(team: Team) -> None:
    team.write("all.yaml", tutor("coach") + "moved: [{from: assistant.tutor, to: assistant.coach}]\n")
    team.apply()
    again = team.plan()
    assert again.empty
    assert settled(again) == [
        "no object has the address assistant.tutor any more, so that this entry of 'moved' has nothing left to do"
    ]


def test_what_refers_to_something_renamed_does_not_change(team: Team) -> None:
    moved = "moved: [{from: vector_store.handbook, to: vector_store.rules}]\n"
    team.write("all.yaml", tutor(store="rules") + moved)
    assert actions(team.plan()) == ["move vector_store.rules"]
    assert team.apply().converged


def test_a_rename_of_what_is_referred_to_is_nobodys_edit(team: Team) -> None:
    """The tag of the assistant knows the store by its old name; that it now names another one is configuration."""
    other = "  other: {name: Other}\nmoved: [{from: vector_store.handbook, to: vector_store.rules}]\n"
    text = tutor(store="rules").replace("vector_store: rules", "vector_store: other")
    team.write("all.yaml", text + other)
    made = team.plan()
    assert sorted(actions(made)) == [
        "create vector_store.other",
        "move vector_store.rules",
        "update assistant.tutor",
    ]
    assert {change.cause for step in made.steps for change in step.changes} == {"config"}


def test_a_rename_and_a_change_are_two_steps(team: Team) -> None:
    text = tutor("coach").replace("gpt-4o", "gpt-6-luna")
    team.write("all.yaml", text + "moved: [{from: assistant.tutor, to: assistant.coach}]\n")
    made = team.plan()
    assert actions(made) == ["move assistant.coach", "update assistant.coach"]
    assert made.steps[1].needs == ("move assistant.coach",)
    assert {change.cause for change in made.steps[1].changes} == {"config"}
    assert team.apply().converged


def test_a_rename_of_what_is_never_shown_is_one_write_too(team: Team) -> None:
    """What the tag says of a hidden value depends on the address, and must not make it seem a new value."""
    text = """
vaults: {{keys: {{name: Keys}}}}
credentials:
  {name}:
    vault: keys
    name: CRM
    auth: {{type: static_bearer, mcp_server_url: "https://mcp.example.com/crm", token: the-token}}
"""
    team.write("keys.yaml", text.format(name="crm"))
    team.apply()
    team.write("keys.yaml", text.format(name="sales") + "moved: [{from: credential.crm, to: credential.sales}]\n")
    assert actions(team.plan()) == ["move credential.sales"]
    assert team.apply().converged


def test_renames_form_chains(team: Team) -> None:
    """Whoever skipped a version lands where the others are."""
    chain = "moved: [{from: assistant.tutor, to: assistant.coach}, {from: assistant.coach, to: assistant.guide}]\n"
    team.write("all.yaml", tutor("guide") + chain)
    made = team.plan()
    assert actions(made) == ["move assistant.guide"]
    assert len(settled(made)) == 1
    assert team.apply().converged


def test_a_rename_onto_what_exists_is_refused(team: Team) -> None:
    team.write("more.yaml", "assistants: {coach: {model: gpt-4o}}\n")
    team.apply()
    team.write("more.yaml", "moved: [{from: assistant.tutor, to: assistant.coach}]\n")
    team.write("all.yaml", tutor("coach"))
    blocks = team.plan().blocks
    assert [each.code for each in blocks] == ["handover"]
    assert "2 objects would become assistant.coach" in blocks[0].message
    assert blocks[0].message.endswith("(more.yaml:1)")
    with pytest.raises(BlockedError):
        team.apply()


def test_a_plan_for_one_address_is_not_blocked_by_another(team: Team) -> None:
    team.write(
        "more.yaml",
        "assistants: {a: {model: gpt-4o}, b: {model: gpt-4o}}\nadopt: [{address: assistant.a, id: asst_none}]\n",
    )
    assert team.plan().blocks
    assert not team.plan([Address("assistant", "b")]).blocks
    assert team.plan([Address("assistant", "a")]).blocks
    team.write("more.yaml", tutor("coach") + "moved: [{from: assistant.tutor, to: assistant.coach}]\n")
    (team.root / "all.yaml").unlink()
    assert actions(team.plan([Address("assistant", "coach")])) == ["move assistant.coach"]
    assert actions(team.plan([Address("vector_store", "handbook")])) == []


def test_what_is_rendered_is_renamed_in_the_lock_file(team: Team) -> None:
    responses = tutor().replace("model:", "api: responses\n    model:")
    team.write("all.yaml", responses)
    team.apply()
    text = responses.replace("tutor:", "coach:")
    team.write("all.yaml", text + "moved: [{from: assistant.tutor, to: assistant.coach}]\n")
    assert actions(team.plan()) == ["move assistant.coach"]
    before = (team.root / "retinue.lock.json").read_text()
    assert team.apply().converged
    assert writes(team) == []
    after = (team.root / "retinue.lock.json").read_text()
    assert after == before.replace('"tutor": {', '"coach": {').replace("assistant.tutor", "assistant.coach")


# ── what looks renamed ────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_looks_renamed_waits_for_an_answer(team: Team) -> None:
    team.write("all.yaml", tutor("coach"))
    made = team.plan()
    found = [each for each in made.warnings if each.code == "looks-renamed"]
    assert [each.details["from"] for each in found] == ["assistant.tutor"]
    assert "'moved: [{from: assistant.tutor, to: assistant.coach}]'" in str(found[0].hint)
    with pytest.raises(BlockedError, match=r"assistant\.tutor → assistant\.coach"):
        engine.guard(made, Approval(allow_deletes=1))
    engine.guard(made, Approval(person=True))
    engine.guard(made, Approval(plan=made))


MANY = """\
assistants:
  "${{{{ matrix.topic }}}}-${{{{ matrix.language }}}}":
    model: gpt-4o
    name: ${{{{ matrix.topic }}}} in ${{{{ matrix.language }}}}
    instructions: "Help in a friendly way, and always say where the answer comes from. ${{{{ matrix.topic }}}}"
    matrix: {{topic: {topics}, language: [de, en, fr]}}
"""


def test_renamed_values_of_a_matrix_are_offered_as_moves_in_one_warning(team: Team) -> None:
    """Two values at once, whose order of names is another one then."""
    team.write("all.yaml", MANY.format(topics="[billing, returns]"))
    assert team.apply().converged
    team.write("all.yaml", MANY.format(topics="[returning, invoices]"))
    made = team.plan()
    [found] = [each for each in made.warnings if each.code == "looks-renamed"]
    assert "6 objects would be deleted and 6, which are much like them, created" in found.message
    assert str(found.position) == "all.yaml:2"
    with pytest.raises(BlockedError, match=r"assistant\.billing-de → assistant\.[a-z]+-de"):
        engine.guard(made, Approval(allow_deletes=6))
    moved = str(found.hint).partition("'")[2].rpartition("'")[0]
    team.write("all.yaml", MANY.format(topics="[returning, invoices]") + moved + "\n")
    made = team.plan()
    assert {each.action for each in made.steps} == {"move", "update"} or {each.action for each in made.steps} == {
        "move"
    }
    assert all(each.address.name.endswith(str(each.reason)[-2:]) for each in made.steps if each.action == "move")
    assert team.apply().converged


def test_a_value_that_several_matrices_share_is_renamed_by_one_list(team: Team) -> None:
    """What the first warning says to write is all there is to write: a file has one `moved:`."""
    text = """
    assistants:
      "a-${{ matrix.topic }}": {model: gpt-4o, instructions: Help in a friendly way., matrix: {topic: [TOPIC, x]}}
      "b-${{ matrix.topic }}": {model: gpt-4o, instructions: Be formal but brief., matrix: {topic: [TOPIC, x]}}
    vector_stores:
      kb: {name: All that is known, matrix: {topic: [TOPIC]}}
    """
    team.write("all.yaml", text.replace("TOPIC", "billing"))
    assert team.apply().converged
    renamed = dedent(text.replace("TOPIC", "invoices"))
    team.write("all.yaml", renamed)
    first, *others = (each for each in team.plan().warnings if each.code == "looks-renamed")
    assert len(others) == 2
    assert {each.hint for each in others} == {f"to rename instead, write what the warning of {first.position} says"}
    team.write("all.yaml", renamed + str(first.hint).partition("'")[2].rpartition("'")[0] + "\n")
    assert {each.action for each in team.plan().steps} == {"move"}


def test_another_pattern_of_names_is_a_rename_of_each_to_its_like(team: Team) -> None:
    """All are alike, so that nothing but their names tells them apart."""
    text = """
    assistants:
      "PATTERN":
        {model: gpt-4o, instructions: Help in a friendly way., matrix: {topic: [billing, returns], language: [de, fr]}}
    """
    team.write("all.yaml", text.replace("PATTERN", "${{ matrix.topic }}-${{ matrix.language }}"))
    assert team.apply().converged
    team.write("all.yaml", text.replace("PATTERN", "${{ matrix.language }}-${{ matrix.topic }}"))
    [found] = [each for each in team.plan().warnings if each.code == "looks-renamed"]
    moves = {(each["from"], each["to"]) for each in found.details["moves"]}
    assert moves == {
        ("assistant.billing-de", "assistant.de-billing"),
        ("assistant.billing-fr", "assistant.fr-billing"),
        ("assistant.returns-de", "assistant.de-returns"),
        ("assistant.returns-fr", "assistant.fr-returns"),
    }


def test_what_is_different_is_no_rename(team: Team) -> None:
    """The same model and the same tools do not make one object of two."""
    team.write("all.yaml", tutor("judge").replace(PROMPT, "Judge essays and give marks from one to six with a reason."))
    made = team.plan()
    assert [each.action for each in made.steps if each.address.kind == "assistant"] == ["create", "delete"]
    assert not [each for each in made.warnings if each.code == "looks-renamed"]
    engine.guard(made, Approval(allow_deletes=1))


# ── release ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("quirks", [Quirks(), Quirks(merge_metadata=True)], ids=["replacing", "merging"])
def test_a_release_leaves_everything_but_our_marks(team: Team, quirks: Quirks) -> None:
    before = others(team)
    team.quirks = quirks
    team.write("all.yaml", "release: [assistant.tutor, vector_store.handbook]\n")
    made = team.plan()
    assert [(step.action, str(step.address)) for step in made.steps] == [
        ("release", "assistant.tutor"),
        ("release", "vector_store.handbook"),
    ]
    assert team.apply().converged
    after = others(team)
    assert [each["id"] for each in after["files"]] == [each["id"] for each in before["files"]]
    assert without_marks(after) == without_marks(before)
    assert not marks(after)
    assert len(settled(team.plan())) == 2
    assert team.plan().unowned == {"assistant": 1, "vector_store": 1}


def others(team: Team) -> dict[str, Any]:
    """All that is in the account but the markers of stacks."""
    markers = {each["id"] for each in team.markers()}

    def without(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: without(each) for key, each in value.items() if key not in markers}
        if isinstance(value, list):
            return [without(each) for each in value if not (isinstance(each, dict) and each.get("id") in markers)]
        return value

    state: dict[str, Any] = without(team.state())
    return {**state, "markers": []}


def marks(value: Any) -> list[Any]:
    """Every mark of ours that says anything, wherever it stands."""
    if isinstance(value, dict):
        ours = [each for key, each in value.items() if str(key).partition(".")[0] == "retinue" and each]
        return ours + [mark for each in value.values() for mark in marks(each)]
    return [mark for each in value for mark in marks(each)] if isinstance(value, list) else []


def without_marks(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_marks(each) for key, each in value.items() if str(key).partition(".")[0] != "retinue"}
    return [without_marks(each) for each in value] if isinstance(value, list) else value


def test_what_was_renamed_and_let_go_is_let_go_under_its_old_name(team: Team) -> None:
    """Whoever applies both entries at once skips the renaming."""
    text = tutor().replace("tutor:", "x-tutor:").replace("assistants:", "x-before:")
    team.write("all.yaml", text + "moved: [{from: assistant.tutor, to: assistant.coach}]\nrelease: [assistant.coach]\n")
    made = team.plan()
    assert [(step.action, str(step.address)) for step in made.steps] == [("release", "assistant.tutor")]
    assert team.apply().converged
    assert tags(team) == ["1;s=test;a=vector_store.handbook"]
    assert len(settled(team.plan())) == 2


def test_what_is_released_survives_destroy(team: Team) -> None:
    team.write("all.yaml", "release: [vector_store.handbook]\n")
    applied = team.destroy()
    assert sorted(actions(applied.plan))[1] == f"release vector_store.handbook {team.listed('/vector_stores')[0]['id']}"
    assert team.listed("/assistants") == []
    assert len(team.state()["files"]) == 1


# ── takeover ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def other_stack(team: Team) -> None:
    """The project goes on under another name; what it made belongs to the old one."""
    team.write("retinue.yaml", "stack: other\ninclude: ['*.yaml']\n")
    team.forget_memory()


TAKEOVER = """
takeover:
  - {address: assistant.tutor, from_stack: test}
  - {address: vector_store.handbook, from_stack: test}
"""


def test_an_object_of_another_stack_is_taken_over_only_where_that_is_said(team: Team) -> None:
    other_stack(team)
    assert {step.action for step in team.plan().steps} == {"create"}
    team.write("takeover.yaml", TAKEOVER)
    made = team.plan()
    assert actions(made) == ["adopt vector_store.handbook", "adopt assistant.tutor"]
    assert [step.reason for step in made.steps] == ["from stack test to stack other"] * 2
    before = others(team)
    assert team.apply().converged
    assert without_marks(others(team)) == without_marks(before)
    assert tags(team) == ["1;s=other;a=assistant.tutor", "1;s=other;a=vector_store.handbook"]
    assert len(settled(team.plan())) == 2


def test_there_must_be_something_to_take_over(team: Team) -> None:
    other_stack(team)
    team.write("takeover.yaml", "takeover: [{address: assistant.tutor, from_stack: nobody}]\n")
    assert [each.message for each in team.plan().blocks] == [
        "the stack 'nobody' has no assistant.tutor to take over (takeover.yaml:1)"
    ]


# ── adopt ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def by_hand(team: Team) -> str:
    return str(team.send("post", "/assistants", {"model": "gpt-4o", "name": "Critic", "metadata": {"by": "ann"}})["id"])


def test_an_object_is_adopted_by_its_id_and_only_tagged(team: Team) -> None:
    live_id = by_hand(team)
    before = others(team)
    team.write(
        "critic.yaml",
        f"assistants: {{critic: {{model: gpt-4o}}}}\nadopt: [{{address: assistant.critic, id: {live_id}}}]\n",
    )
    made = team.plan()
    assert [(step.key, step.reason) for step in made.steps] == [("adopt assistant.critic", "it has no owner yet")]
    assert team.apply().converged
    assert without_marks(others(team)) == without_marks(before)
    assert settled(team.plan())[0].startswith("assistant.critic is adopted")


def test_an_object_is_adopted_before_it_is_changed(team: Team) -> None:
    live_id = by_hand(team)
    team.write(
        "critic.yaml",
        f"assistants: {{critic: {{model: gpt-6-luna}}}}\nadopt: [{{address: assistant.critic, id: {live_id}}}]\n",
    )
    assert actions(team.plan()) == ["adopt assistant.critic", "update assistant.critic"]
    assert team.apply().converged
    assert [each["metadata"]["by"] for each in team.listed("/assistants") if each["id"] == live_id] == ["ann"]


def test_what_changed_since_the_plan_is_not_adopted(team: Team) -> None:
    live_id = by_hand(team)
    team.write(
        "critic.yaml",
        f"assistants: {{critic: {{model: gpt-4o}}}}\nadopt: [{{address: assistant.critic, id: {live_id}}}]\n",
    )
    with team.session() as session:
        made = engine.plan(session)
        team.send("post", f"/assistants/{live_id}", {"model": "gpt-4o-mini"})
        with pytest.raises(StaleError, match=r"assistant\.critic: 'model' changed in the account after the plan"):
            engine.apply(session, made)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        ({"model": "gpt-4o-mini"}, "'model' changed in the account after the plan was made"),
        ({"metadata": {"retinue": "1;s=other;a=assistant.critic;f="}}, "carries another tag than the plan saw"),
    ],
    ids=["edited", "taken"],
)
def test_what_changed_since_the_apply_began_is_not_adopted(team: Team, edit: dict[str, Any], said: str) -> None:
    """The tag would claim what nobody applied, or replace that of its owner."""
    live_id = by_hand(team)
    team.write(
        "critic.yaml",
        f"assistants: {{critic: {{model: gpt-4o}}}}\nadopt: [{{address: assistant.critic, id: {live_id}}}]\n",
    )
    applied = team.apply(
        lambda inner: At(inner, writes_a_marker, lambda: team.send("post", f"/assistants/{live_id}", edit))
    )
    (failed,) = [event for event in applied.events if event.status == "failed"]
    assert said in str(failed.error)
    (critic,) = [each for each in team.listed("/assistants") if each["id"] == live_id]
    assert critic["metadata"] == edit.get("metadata", {"by": "ann"})


REFUSED = {
    "nothing": ("asst_none", "the account has no asst_none to adopt as assistant.critic (critic.yaml:2)"),
    "ours": (
        None,
        "is assistant.tutor already; to rename it, write 'moved: [{from: assistant.tutor, to: assistant.critic}]'",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_adopted_blocks_the_plan(team: Team, case: str) -> None:
    live_id, message = REFUSED[case]
    live_id = live_id or team.listed("/assistants")[0]["id"]
    team.write(
        "critic.yaml",
        f"assistants: {{critic: {{model: gpt-4o}}}}\nadopt: [{{address: assistant.critic, id: {live_id}}}]\n",
    )
    assert message in "\n".join(each.message for each in team.plan().blocks)


def test_an_object_of_another_stack_is_adopted_by_its_id_where_that_is_said(team: Team) -> None:
    """That is how it gets another name, too."""
    live_id = team.listed("/assistants")[0]["id"]
    other_stack(team)
    adopt = f"adopt: [{{address: assistant.coach, id: {live_id}}}]\n"
    team.write("all.yaml", tutor("coach") + adopt + "takeover: [{address: vector_store.handbook, from_stack: test}]\n")
    blocks = [each.message for each in team.plan().blocks]
    assert "takeover: [{address: assistant.coach, from_stack: test}]" in blocks[0]
    team.write("more.yaml", "takeover: [{address: assistant.coach, from_stack: test}]\n")
    made = team.plan()
    assert [step.reason for step in made.steps] == [
        "from stack test to stack other",
        "from stack test (assistant.tutor) to stack other",
    ]
    assert team.apply().converged


def test_handovers_that_contradict_the_declarations_are_mistakes(team: Team) -> None:
    team.write("more.yaml", "moved: [{from: assistant.tutor, to: assistant.coach}]\nrelease: [assistant.tutor]\n")
    with pytest.raises(DeclarationError) as caught:
        team.plan()
    assert [each.code for each in caught.value.diagnostics] == ["bad-handover"] * 4
