"""Whatever declarations are made of, `render` writes out the very same, and selections are complements."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retinue.commands.diff import Rendered, render
from retinue.kinds import all_kinds
from retinue.model.selector import Candidate, Selection, Selector
from retinue.model.values import Address
from retinue.planning.selection import pick
from retinue.session import Where, check

# ── random projects ───────────────────────────────────────────────────────────────────────────────────────────────────

TOPICS = ("billing", "returns", "yes", "007")
TEXTS = st.sampled_from(
    ["calm", "${{ var.tone }}", "You are ${{ self.name }}.", "in ${{ environment.name }}", "# no\n\ncomment: {}", " x "]
)
TOOLS = st.sampled_from(["code_interpreter", {"function": "look_up"}, {"file_search": {"max_num_results": 3}}])
ADDED: st.SearchStrategy[Any] = st.one_of(st.lists(TOOLS, max_size=3, unique_by=json.dumps), st.just("${{ var.desk }}"))
CHANGED: st.SearchStrategy[Any] = st.one_of(
    st.just({"*": None}),
    st.just({"*": None, "code_interpreter": {}}),
    st.just({"file_search": {"max_num_results": 8}}),
    ADDED,
)
FIELDS: dict[str, Any] = {
    "description": TEXTS,
    "temperature": st.sampled_from([0, 0.5, 1]),
    "instructions": st.one_of(TEXTS, st.lists(TEXTS, min_size=1, max_size=2)),
    "metadata": st.dictionaries(st.sampled_from("abc"), TEXTS, max_size=2),
    "labels": st.dictionaries(st.sampled_from(["team", "tier"]), st.sampled_from(["a", "b"]), max_size=2),
}


def parts(**more: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional={**FIELDS, **more})


LAYER = parts(tools=ADDED)
MATRIX = st.one_of(
    st.lists(st.sampled_from(TOPICS), min_size=1, max_size=3, unique=True).map(lambda topics: {"topic": topics}),
    st.just({"topic": "${{ var.topics }}", "code": ["de", "fr"], "exclude": [{"topic": "returns", "code": "fr"}]}),
    st.just({"topic": ["billing"], "include": [{"topic": "vip", "tier": "b"}, {"tier": "a"}]}),
)
PROJECTS = st.fixed_dictionaries(
    {
        "defaults": LAYER,
        "folder": LAYER,
        "first": LAYER,
        "second": LAYER,
        "alone": LAYER,
        "many": LAYER,
        "extends": st.lists(st.sampled_from(["first", "second"]), min_size=1, max_size=2, unique=True),
        "matrix": MATRIX,
        "star": parts(tools=CHANGED),
        "labelled": parts(tools=ADDED),
        "exact": parts(tools=CHANGED, enabled=st.booleans()),
    }
)


def outcome(rendered: Rendered) -> dict[str, Any]:
    """All that plans and selections are made of."""
    labels = {each.address: dict(each.labels) for each in rendered.declarations}
    found = {each.address: (each.spec, each.lifecycle, each.home) for each in rendered.reading.declared}
    return {str(address): (each, labels[address]) for address, each in found.items()}


@settings(max_examples=15)
@given(PROJECTS, st.booleans())
def test_what_is_rendered_is_what_was_composed(
    tmp_path_factory: pytest.TempPathFactory, drawn: dict[str, Any], explain: bool
) -> None:
    """Defaults, templates, matrices, lists of variables, and overlays by name, pattern and label."""
    root = tmp_path_factory.mktemp("project")
    (root / "assistants").mkdir()
    project = {
        "stack": "demo",
        "default_environment": "production",
        "variables": {
            "tone": "kind",
            "topics": TOPICS[:2],
            "desk": ["code_interpreter", {"function": "look_up"}],
        },
        "environments": {
            "production": {
                "assistants": {
                    "*": drawn["star"],
                    "label:team=a": drawn["labelled"],
                    "alone": drawn["exact"],
                }
            }
        },
        "defaults": {"assistants": {"model": "gpt-4o", **drawn["defaults"]}},
    }
    declared = {
        "defaults": {"assistants": drawn["folder"]},
        "templates": {"assistants": {"first": drawn["first"], "second": {"extends": "first", **drawn["second"]}}},
        "assistants": {
            "alone": {"labels": {"team": "a"}, **drawn["alone"]},
            "many": {**drawn["many"], "extends": drawn["extends"], "matrix": drawn["matrix"]},
            "labelled": {"labels": {"team": "a"}},
        },
        "functions": {"look_up": {"description": "Looks it up."}},
    }
    (root / "retinue.yaml").write_text(json.dumps(project, indent=1), encoding="utf-8")
    (root / "assistants" / "all.yaml").write_text(json.dumps(declared, indent=1), encoding="utf-8")
    where = Where(root, environ={})
    _, found = check(where)
    assert [each.message for each in found if each.severity == "error"] == []
    composed = render(where)
    (root / "rendered.yaml").write_text(composed.yaml(explain=explain), encoding="utf-8")
    (root / "retinue.yaml").write_text(f"stack: {composed.reading.project.stack}\ninclude: rendered.yaml\n", "utf-8")
    written = render(where)
    assert outcome(written) == outcome(composed)
    assert not [each for each in written.reading.warnings if each.code not in ("unused-declaration",)]


# ── selections ────────────────────────────────────────────────────────────────────────────────────────────────────────

CANDIDATES = st.lists(
    st.builds(
        Candidate,
        st.builds(Address, st.sampled_from(["assistant", "vector_store"]), st.sampled_from([*"abc", "a-b", "b-c"])),
        st.dictionaries(st.sampled_from(["team", "tier"]), st.sampled_from("xy"), max_size=2),
        st.sampled_from(["assistants/a.yaml", "assistants/sub/b.yaml"]),
    ),
    max_size=8,
    unique_by=lambda each: each.address,
)
KINDS = all_kinds()
SELECTORS = st.sampled_from(
    ["assistant.*", "*.a*", "*.*", "assistant.a", "label:team", "label:team=x", "file:assistants/*.yaml", "file:**"]
)


@given(CANDIDATES, st.lists(SELECTORS, min_size=1, max_size=2))
def test_what_is_excluded_is_what_a_target_leaves(there: list[Candidate], texts: list[str]) -> None:
    """Each object is in one of the two and in no other, in any mixture of selectors that all select something."""
    everything = {each.address for each in there}
    selectors = tuple(map(Selector.parse, texts))
    if not all(any(one.matches(each) for each in there) for one in selectors):
        return
    meant = pick(Selection(target=selectors), there, KINDS)
    if meant == everything:
        return
    assert pick(Selection(exclude=selectors), there, KINDS) == everything - meant
    assert pick(Selection(target=(Selector.parse("*.*"),), exclude=selectors), there, KINDS) == everything - meant
