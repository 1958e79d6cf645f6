"""One selector everywhere an address stands, through the command line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.conftest import Shell

BILLING = """\
assistants:
  billing-de: {model: gpt-6-luna, name: DE, labels: {team: sales}}
  billing-it: {model: gpt-6-luna, name: IT, labels: {team: support}}
"""
DESK = """\
assistants:
  desk: {model: gpt-6-luna, name: Desk, tools: [{file_search: {vector_store: handbook}}], labels: {team: support}}
vector_stores:
  handbook: {name: Handbook}
"""


@pytest.fixture
def stack(shell: Shell) -> Shell:
    shell.write("retinue.yaml", "stack: test\ninclude: '**/*.yaml'\n")
    shell.write("billing/all.yaml", BILLING)
    shell.write("desk.yaml", DESK)
    return shell


@pytest.fixture
def applied(stack: Shell) -> Shell:
    assert stack("apply", "--yes").code == 0
    return stack


def planned(stack: Shell, *options: str) -> tuple[list[str], str]:
    """The addresses of the steps, and the digest."""
    document = json.loads(stack("plan", "--json", *options).out)
    return sorted(each["address"] for each in document["steps"]), document["digest"]


@pytest.mark.parametrize(
    ("options", "addresses"),
    [
        ("--target assistant.billing-*", "assistant.billing-de assistant.billing-it"),
        ("--target file:billing/**", "assistant.billing-de assistant.billing-it"),
        ("--target label:team=support", "assistant.billing-it assistant.desk vector_store.handbook"),
        ("--target label:team --exclude assistant.desk", "assistant.billing-de assistant.billing-it"),
        ("--exclude label:team", "vector_store.handbook"),
        ("--exclude *.desk --exclude file:billing/*", "vector_store.handbook"),
    ],
)
def test_a_plan_is_narrowed_and_has_the_digest_of_its_addresses(stack: Shell, options: str, addresses: str) -> None:
    found, digest = planned(stack, *options.split())
    assert found == addresses.split()
    spelled_out = [word for each in found for word in ("--target", each)]
    assert planned(stack, *spelled_out) == (found, digest)


def test_the_head_says_what_was_selected(stack: Shell) -> None:
    def head(*options: str) -> str:
        return stack("plan", *options).out.splitlines()[1]

    assert head("--target", "assistant.billing-*") == (
        "Incomplete: only assistant.billing-* (2 objects) and what they need; nothing is deleted"
    )
    assert head("--target", "label:team", "--exclude", "*.b*") == (
        "Incomplete: only label:team, without *.b* (1 object) and what it needs; nothing is deleted"
    )
    assert head("--exclude", "label:team") == "Incomplete: all but label:team (1 object); nothing is deleted"
    assert head("--target", "assistant.desk") == "Incomplete: only assistant.desk and what it needs; nothing is deleted"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            "plan --target assistant.biling-*",
            "error: 'assistant.biling-*' selects nothing\n  hint: did you mean 'assistant.billing-*'?\n",
        ),
        (
            "plan --exclude vector_store.handbook",
            "error: assistant.desk needs vector_store.handbook, which is excluded\n"
            "  hint: exclude what needs it as well, or leave it in\n",
        ),
        (
            "plan --exclude label:tem",
            "error: 'label:tem' selects nothing\n  hint: did you mean label:team?\n",
        ),
        (
            "plan --target assistant.desk --exclude *.*",
            "error: all that is selected is excluded, too\n  hint: leave some --exclude out\n",
        ),
        ("plan --target assistant.dask", "error: the target assistant.dask is not declared\n  hint: did you mean"),
        ("render file:billing", "error: 'file:billing' selects nothing\n  hint: did you mean 'file:billing/**'?\n"),
        ("diff -e a -e b --target *.zzz", "error[unknown-environment]"),
        ("plan --target billing-*", "'billing-*' does not say of which kind: write '*.billing-*'"),
        ("plan --target label:", "'label:' names no label: write label:NAME or label:NAME=VALUE"),
    ],
)
def test_what_selects_nothing_is_told_what_does(stack: Shell, options: str, said: str) -> None:
    done = stack(*options.split())
    assert done.out == ""
    assert said in done.err
    assert done.code == (1 if "unknown" in said else 64)
    assert stack.team.listed("/assistants") == []


def test_a_saved_plan_keeps_its_selection(stack: Shell, tmp_path: Path) -> None:
    saved = str(tmp_path / "saved.json")
    assert stack("plan", "--target", "label:team=support", "--exclude", "assistant.desk", "--out", saved).code == 0
    shown = stack("show-plan", saved)  # -C is not an option of it
    assert shown.code == 64
    assert json.loads(Path(saved).read_text())["selection"] == {
        "target": ["label:team=support"],
        "exclude": ["assistant.desk"],
    }
    stack.write("billing/all.yaml", BILLING.replace("team: sales", "team: support"))  # labels select when it is planned
    done = stack("apply", saved)
    assert done.code == 0
    assert "only label:team=support, without assistant.desk (1 object)" in done.out
    assert [each["name"] for each in stack.team.listed("/assistants")] == ["IT"]
    refused = stack("apply", saved, "--exclude", "assistant.desk")
    assert (refused.code, "a saved plan has its own targets" in refused.err) == (64, True)


def test_labels_are_neither_sent_nor_compared(applied: Shell) -> None:
    assert all(each["metadata"].keys() == {"retinue"} for each in applied.team.listed("/assistants"))
    applied.write("billing/all.yaml", BILLING.replace("team: sales", "team: support, tier: '1'"))
    assert applied("plan", "--detailed-exitcode").code == 0
    rows = json.loads(applied("show", "--json").out)["objects"]
    assert {each["address"]: each.get("labels") for each in rows} == {
        "assistant.billing-de": {"team": "support", "tier": "1"},
        "assistant.billing-it": {"team": "support"},
        "assistant.desk": {"team": "support"},
        "vector_store.handbook": None,
    }
    assert re.search(r"billing-de .* team=support, tier=1 +DE", applied("show").out)
    assert '    labels:\n      team: support\n      tier: "1"\n' in applied("render", "assistant.billing-de").out
    rendered = json.loads(applied("render", "label:tier", "--json").out)["assistants"]
    assert rendered["billing-de"]["labels"] == {"team": "support", "tier": "1"}


def test_what_is_shown_and_printed_is_selected(applied: Shell) -> None:
    ids = json.loads(applied("output", "--json").out)
    assert json.loads(applied("output", "assistant.billing-*", "--json").out) == {
        name: ids[name] for name in ("assistant.billing-de", "assistant.billing-it", "format_version")
    }
    assert applied("output", "assistant.desk").out.strip() == ids["assistant.desk"]
    assert applied("output", "label:team=sales", "--format", "env").out == (
        f"RETINUE_ASSISTANT_BILLING_DE={ids['assistant.billing-de']}\n"
    )
    rows = json.loads(applied("show", "file:desk.yaml", "--json").out)["objects"]
    assert [each["address"] for each in rows] == ["assistant.desk", "vector_store.handbook"]
    assert applied("render", "*.h*").out.splitlines()[1:] == ["vector_stores:", "  handbook: {name: Handbook}"]
    nothing = applied("show", "assistant.zzz*")
    assert (nothing.code, "'assistant.zzz*' selects nothing" in nothing.err) == (64, True)


def test_what_is_declared_no_more_is_selected_by_its_address(applied: Shell) -> None:
    applied.write("billing/all.yaml", "")
    rows = json.loads(applied("show", "assistant.billing-*", "--json").out)["objects"]
    assert [each["state"] for each in rows] == ["no longer declared"] * 2
    assert applied("destroy", "--yes", "--target", "assistant.billing-it").code == 0
    assert sorted(each["name"] for each in applied.team.listed("/assistants")) == ["DE", "Desk"]


def test_only_a_part_is_destroyed_and_only_what_nothing_needs(applied: Shell) -> None:
    blocked = applied("destroy", "--yes", "--target", "vector_store.handbook")
    assert blocked.code == 4
    assert "assistant.desk needs vector_store.handbook, which would be deleted" in blocked.err
    assert len(applied.team.listed("/assistants")) == 3
    before = applied("plan", "--destroy", "--target", "label:team=support", "--json")
    digest = json.loads(before.out)["digest"]
    done = applied("destroy", "--target", "label:team=support", "--expect", digest)
    assert done.code == 0
    assert "Incomplete: only label:team=support (2 objects); everything else stays" in done.out
    assert [each["name"] for each in applied.team.listed("/assistants")] == ["DE"]
    assert applied("destroy", "--yes", "--exclude", "vector_store.*").code == 0
    assert applied.team.listed("/assistants") == []
    assert [each["name"] for each in applied.team.listed("/vector_stores") if each["name"] == "Handbook"] == [
        "Handbook"
    ]


def test_drift_is_looked_for_and_accepted_where_it_is_selected(applied: Shell) -> None:
    for each in applied.team.listed("/assistants"):
        applied.team.send("post", f"/assistants/{each['id']}", {"description": "edited"})
        applied.team.send("post", f"/assistants/{each['id']}", {"name": f"{each['name']}2"})
    found = json.loads(applied("drift", "--target", "label:team=support", "--format", "json").out)
    assert [each["address"] for each in found["changed"]] == ["assistant.billing-it", "assistant.desk"]
    assert found["selection"] == {"target": ["label:team=support"], "exclude": []}
    assert "Incomplete: all but assistant.billing-*" in applied("drift", "--exclude", "assistant.billing-*").out
    assert applied("drift", "--target", "vector_store.*", "--detailed-exitcode").code == 0
    assert applied("drift", "--accept", "assistant.billing-*.name").code == 0
    text = (applied.team.root / "billing/all.yaml").read_text()
    assert ("name: DE2" in text, "name: IT2" in text) == (True, True), text
    assert "name: Desk}" not in (applied.team.root / "desk.yaml").read_text()
    assert applied("drift", "--accept", "label:team=support").code == 0
    assert "name: Desk2" in (applied.team.root / "desk.yaml").read_text()
    again = applied("drift", "--accept", "file:billing/**")
    assert (again.code, "nothing of 'file:billing/**' has drifted" in again.err) == (64, True)


def test_a_comparison_is_narrowed(stack: Shell) -> None:
    stack.write("retinue.yaml", "stack: test\ninclude: ['*.yaml', 'billing/*.yaml']\nenvironments: {a: {}}\n")
    stack.write("environments/b.yaml", "assistants: {'*': {temperature: 0.5}}\nvector_stores: {handbook: {name: B}}\n")
    whole = json.loads(stack("diff", "-e", "a", "-e", "b", "--json").out)
    assert (whole["summary"]["update"], "selection" in whole) == (4, False)
    part = stack("diff", "-e", "a", "-e", "b", "--target", "label:team=support", "--exclude", "*.desk")
    assert "Incomplete: only label:team=support, without *.desk\n" in part.out
    assert part.out.endswith("Differences: 1 changed, 0 only in b, 0 only in a, 0 the same.\n")


def test_who_is_asked_is_one(applied: Shell) -> None:
    assert applied("ask", "billing-d*", "hi").code == 0
    assert applied("ask", "label:team=sales", "hi").code == 0
    several = applied("ask", "label:team=support", "hi")
    assert several.code == 64
    assert "'label:team=support' means 2 that can be asked: assistant.billing-it, assistant.desk" in several.err
    assert (
        "error: 'biling-*' selects nothing\n  hint: did you mean 'billing-*'?" in applied("ask", "biling-*", "hi").err
    )


# ── names alone ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_name_that_only_one_has_is_enough_everywhere(applied: Shell) -> None:
    found, digest = planned(applied, "--target", "assistant.desk")
    assert planned(applied, "--target", "desk") == (found, digest)
    assert (
        applied("plan", "--target", "desk").out.splitlines()[1].startswith("Incomplete: only assistant.desk and what")
    )
    assert planned(applied, "--exclude", "desk") == planned(applied, "--exclude", "assistant.desk")
    ids = json.loads(applied("output", "--json").out)
    assert applied("output", "desk").out.strip() == ids["assistant.desk"]
    assert json.loads(applied("show", "desk", "--json").out)["name"] == "Desk"
    assert "  desk:" in applied("render", "desk").out
    assert applied("diff", "--base", "HEAD", "--target", "desk").code != 64
    for each in applied.team.listed("/assistants"):
        applied.team.send("post", f"/assistants/{each['id']}", {"name": f"{each['name']}2", "description": "edited"})
    assert "billing-it" not in applied("drift", "--target", "desk").out
    assert applied("drift", "--accept", "desk.name").code == 0
    assert applied("drift", "--accept", "billing-it").code == 0
    assert "name: Desk2" in (applied.team.root / "desk.yaml").read_text()
    assert "name: IT2" in (applied.team.root / "billing/all.yaml").read_text()
    assert applied("destroy", "--yes", "--target", "billing-de").code == 0
    assert "DE2" not in [each["name"] for each in applied.team.listed("/assistants")]


def test_a_name_that_several_have_is_told_with_them(stack: Shell) -> None:
    stack.write("more.yaml", "vector_stores: {desk: {name: D}}\n")
    for options in (("plan", "--target", "desk"), ("plan", "--exclude", "desk"), ("drift", "--accept", "desk")):
        done = stack(*options)
        assert done.code == 64, options
        assert "error: 'desk' is the name of several\n  hint: write assistant.desk or vector_store.desk\n" in done.err


@pytest.mark.parametrize(
    ("name", "hint"), [("dask", "did you mean assistant.desk?"), ("zebra", "there are: assistant.")]
)
def test_a_name_that_none_has_is_told_what_there_is(stack: Shell, name: str, hint: str) -> None:
    for options in (("plan", "--target"), ("apply", "--yes", "--exclude"), ("render",), ("show",)):
        done = stack(*options, name)
        assert done.code == 64, options
        assert f"nothing is called '{name}'\n  hint: {hint}" in done.err
