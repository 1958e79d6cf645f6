"""Overlays that change several declarations at once: patterns of names, labels, files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from retinue.config import Loaded
from retinue.config.declaration_sites import UnwritableError, find_site
from retinue.config.project_files import Folder
from retinue.kinds import all_kinds
from retinue.model.values import Address
from tests.config.conftest import Files, Load

FILES: Files = {
    "retinue.yaml": "stack: demo\nvariables: {team: support}\n",
    "assistants/billing/all.yaml": """\
assistants:
  billing-de: {model: gpt-4o, temperature: 0.5, labels: {team: sales}}
  billing-it: {model: gpt-4o, labels: {team: "${{ var.team }}"}}
""",
    "assistants/desk.yaml": "assistants: {desk: {model: gpt-4o, labels: {team: support}}}\n",
    "assistants/stores.yaml": "vector_stores: {billing-prices: {name: Prices}}\n",
}


def overlaid(loaded: Load, overlay: str, **more: str) -> Loaded:
    return loaded({**FILES, "environments/production.yaml": overlay, **more}, environment="production")


def specs(loaded: Loaded) -> dict[str, dict[str, Any]]:
    assert [each.message for each in loaded.diagnostics if each.severity == "error"] == []
    return {each.address.name: dict(each.spec) for each in loaded.declarations}


def temperatures(loaded: Loaded) -> dict[str, Any]:
    return {name: spec.get("temperature") for name, spec in specs(loaded).items()}


@pytest.mark.parametrize(
    ("key", "changed"),
    [
        ("billing-*", {"billing-de", "billing-it"}),
        ("*", {"billing-de", "billing-it", "desk"}),
        ("label:team=support", {"billing-it", "desk"}),
        ("label:team", {"billing-de", "billing-it", "desk"}),
        ("file:assistants/billing/**", {"billing-de", "billing-it"}),
        ("file:assistants/*.yaml", {"desk"}),
    ],
)
def test_a_key_changes_those_of_its_section_that_it_selects(loaded: Load, key: str, changed: set[str]) -> None:
    """What is a pattern of names is one of the names of its kind: the store is never changed. A label counts with the
    value that its expression has."""
    found = specs(overlaid(loaded, f"assistants: {{'{key}': {{description: new}}}}\n"))
    assert {name for name, spec in found.items() if "description" in spec} == changed


def test_a_name_is_stronger_than_patterns_and_later_patterns_than_earlier_ones(loaded: Load) -> None:
    made = overlaid(
        loaded,
        "assistants:\n"
        "  billing-it: {temperature: 0}\n"
        "  '*': {temperature: 1, description: all}\n"
        "  'label:team=support': {temperature: 2}\n",
    )
    assert temperatures(made) == {"billing-de": 1, "billing-it": 0, "desk": 2, "billing-prices": None}
    assert specs(made)["billing-it"]["description"] == "all"


def test_the_environment_in_the_project_file_is_weaker_than_its_own_file(loaded: Load) -> None:
    project = (
        "stack: demo\nvariables: {team: support}\nenvironments: {production: {assistants: {'*': {temperature: 1}}}}\n"
    )
    made = overlaid(loaded, "assistants: {'billing-*': {temperature: 2}}\n", **{"retinue.yaml": project})
    assert temperatures(made) == {"billing-de": 2, "billing-it": 2, "desk": 1, "billing-prices": None}


@pytest.mark.parametrize(
    ("overlay", "left"),
    [
        ("{'*': null}", []),
        ("{'*': null, desk: {}}", ["desk"]),
        ("{desk: {}, '*': null}", ["desk"]),
        ("{'*': null, 'billing-*': {}}", ["billing-de", "billing-it"]),
        ("{'billing-*': {}, 'label:team=sales': null}", ["billing-it", "desk"]),
        ("{billing-de: null, 'billing-*': {}}", ["billing-it", "desk"]),
    ],
)
def test_the_strongest_says_whether_it_is_there(loaded: Load, overlay: str, left: list[str]) -> None:
    assert sorted(specs(overlaid(loaded, f"assistants: {overlay}\n")).keys() - {"billing-prices"}) == left


def test_what_only_the_environment_declares_is_changed_as_well(loaded: Load) -> None:
    made = overlaid(loaded, "assistants: {'*': {temperature: 1}, new: {model: gpt-4o, labels: {team: new}}}\n")
    new = next(each for each in made.declarations if each.address.name == "new")
    assert (new.spec, new.labels) == ({"model": "gpt-4o", "temperature": 1}, {"team": "new"})
    assert str(new.places.at((), key=True)) == "environments/production.yaml:1"


def test_each_value_keeps_its_place(loaded: Load) -> None:
    made = overlaid(loaded, "assistants:\n  'billing-*':\n    temperature: 0\n")
    changed = next(each for each in made.declarations if each.address.name == "billing-de")
    assert str(changed.places.at(("temperature",))) == "environments/production.yaml:3"
    assert str(changed.places.at(("model",))) == "assistants/billing/all.yaml:2"


def test_null_takes_out_where_there_is_something_and_is_wrong_only_where_there_is_nothing(loaded: Load) -> None:
    assert temperatures(overlaid(loaded, "assistants: {'*': {temperature: null}}\n"))["billing-de"] is None
    made = overlaid(loaded, "assistants: {'*': {temperature: null, nme: null}}\n")
    assert [each.message for each in made.diagnostics] == ["there is no 'nme' to remove"]


def test_a_mistake_in_a_pattern_is_told_once(loaded: Load) -> None:
    made = overlaid(loaded, "assistants: {'*': {tools: {file_search: 5}}}\n")
    assert [each.message for each in made.diagnostics] == ["'file_search' must be a mapping of options, or null"]


@pytest.mark.parametrize(
    ("key", "code", "message", "hint"),
    [
        ("biling-*", "nothing-to-change", "there is no assistant that 'biling-*' selects", "did you mean 'billing-*'?"),
        ("prices*", "nothing-to-change", "there is no assistant that 'prices*' selects", "there are: "),
        (
            "label:tem",
            "nothing-to-change",
            "there is no assistant that 'label:tem' selects",
            "did you mean label:team?",
        ),
        ("label:", "bad-name", "'label:' names no label", None),
    ],
)
def test_what_selects_nothing_is_a_mistake(loaded: Load, key: str, code: str, message: str, hint: str | None) -> None:
    found = overlaid(loaded, f"assistants:\n  '{key}': {{temperature: 0}}\n").diagnostics
    assert [each.code for each in found] == [code]
    assert found[0].message.startswith(message)
    assert (found[0].hint or "").startswith(hint or "")
    assert str(found[0].position) == "environments/production.yaml:2"


def test_while_a_file_cannot_be_read_nobody_knows_what_a_pattern_selects(loaded: Load) -> None:
    made = overlaid(loaded, "assistants: {'zzz*': {temperature: 0}}\n", **{"assistants/more.yaml": "assistants: {"})
    assert "nothing-to-change" not in [each.code for each in made.diagnostics]


def test_each_of_a_matrix_is_selected_by_its_own_name_and_labels(loaded: Load) -> None:
    """What the parameters of a template make of a label counts as well; a name is stronger than all of it."""
    many = """\
templates: {assistants: {base: {model: gpt-4o, labels: {team: "${{ with.team }}"}}}}
assistants:
  "bot-${{ matrix.language }}":
    extends: base
    with: {team: "${{ matrix.language }}-desk"}
    matrix: {language: [de, it]}
    labels: {language: "${{ matrix.language }}"}
"""
    overlay = """\
assistants:
  bot-de: {name: Deutsch}
  "bot-*": {temperature: 1}
  "label:language=it": {temperature: 2}
  "label:team=de-desk": {description: The desk., name: Weaker}
"""
    files = {"assistants/a.yaml": many, "environments/production.yaml": overlay}
    assert specs(loaded(files, environment="production")) == {
        "bot-de": {"model": "gpt-4o", "temperature": 1, "description": "The desk.", "name": "Deutsch"},
        "bot-it": {"model": "gpt-4o", "temperature": 2},
    }


def test_of_an_overlay_by_pattern_a_value_is_not_accepted_into_the_declaration(loaded: Load, tmp_path: Path) -> None:
    """It would stay as it is there, since the overlay is the stronger of the two; and others are changed by it."""
    made = overlaid(loaded, "assistants:\n  'billing-*': {temperature: 1}\n")
    of = {each.address: each for each in made.declarations}
    changed = of[Address("assistant", "billing-de")]
    with pytest.raises(UnwritableError, match="it comes from a pattern of the environment, which changes others, too"):
        find_site(changed, ("temperature",), of, all_kinds(), Folder(tmp_path))
