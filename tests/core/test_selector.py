"""Selectors: what they mean, and what is said of those that mean nothing."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinue.model.selector import Candidate, Selector, UnmatchedError, choose, unmatched
from retinue.model.values import Address


def candidate(address: str, file: str, **labels: str) -> Candidate:
    return Candidate(Address.parse(address), labels, file)


THERE = [
    candidate("assistant.billing-de", "assistants/billing/all.yaml", team="sales"),
    candidate("assistant.billing-it", "assistants/billing/all.yaml", team="support", tier="1"),
    candidate("assistant.desk", "assistants/desk.yaml", team="support"),
    candidate("vector_store.billing-prices", "assistants/billing/stores/prices.yaml"),
    candidate("vector_store.handbook", "handbook.yaml"),
]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("assistant.desk", "assistant.desk"),
        ("assistant.billing-*", "assistant.billing-de assistant.billing-it"),
        ("*.billing-*", "assistant.billing-de assistant.billing-it vector_store.billing-prices"),
        ("assistant.billing-[id]?", "assistant.billing-de assistant.billing-it"),
        ("vector_*.h*", "vector_store.handbook"),
        ("handbook", "vector_store.handbook"),
        ("label:team=support", "assistant.billing-it assistant.desk"),
        ("label:team", "assistant.billing-de assistant.billing-it assistant.desk"),
        ("label:team=s[au]*", "assistant.billing-de assistant.billing-it assistant.desk"),
        ("label:tier=1", "assistant.billing-it"),
        ("file:handbook.yaml", "vector_store.handbook"),
        ("file:./handbook.yaml", "vector_store.handbook"),
        ("file:*.yaml", "vector_store.handbook"),
        ("file:assistants/*.yaml", "assistant.desk"),
        ("file:assistants/billing/**", "assistant.billing-de assistant.billing-it vector_store.billing-prices"),
        ("file:**/prices.yaml", "vector_store.billing-prices"),
        ("file:**/*.yaml", " ".join(str(each.address) for each in THERE)),
        ("file:assistants/d[!x]sk.yaml", "assistant.desk"),
    ],
)
def test_what_a_selector_means(text: str, meant: str) -> None:
    assert " ".join(map(str, sorted(choose([Selector.parse(text)], THERE)))) == meant


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("billing-*", "'billing-*' does not say of which kind: write '*.billing-*' or 'assistant.billing-*'"),
        (
            "billing.",
            "'billing.' is neither an address of the form kind.name nor another selector: assistant.math-tutor, "
            "'assistant.billing-*', label:team=support or 'file:assistants/billing/**'",
        ),
        ("labels:team", "'labels:team' begins with 'labels:', which selects nothing: did you mean 'label:team'?"),
        ("label:", "'label:' names no label: write label:NAME or label:NAME=VALUE"),
        ("label:team=", "'label:team=' names no label: write label:NAME or label:NAME=VALUE"),
        ("file:/etc", "'file:/etc' names no file of the project: write file:PATH, from the project's root"),
        ("file:../x", "'file:../x' names no file of the project: write file:PATH, from the project's root"),
    ],
)
def test_what_is_no_selector(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        Selector.parse(text)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("assistant.biling-*", "did you mean 'assistant.billing-*'?"),
        ("asistant.billing-*", "did you mean 'assistant.billing-*'?"),
        ("assistant.billing-p*", "did you mean 'vector_store.billing-p*'?"),
        ("assistant.handbook", "did you mean vector_store.handbook?"),
        ("assistant.dask", "did you mean assistant.desk?"),
        ("assistant.cask", "there are: assistant.billing-de, assistant.billing-it, assistant.desk"),
        ("vector_store.zzz*", "there are: vector_store.billing-prices, vector_store.handbook"),
        ("label:tem=support", "did you mean label:team=support?"),
        ("label:tem=zzz", "did you mean label:team?"),
        ("label:team=suport", "did you mean label:team=support?"),
        ("label:team=zzz", "there are: team=sales, team=support"),
        ("label:zzz", "there are: label:team, label:tier"),
        ("file:assistants/billing", "did you mean 'file:assistants/billing/**'?"),
        ("file:assistants/dask.yaml", "did you mean file:assistants/desk.yaml?"),
    ],
)
def test_what_fits_nothing_is_told_what_fits(text: str, hint: str) -> None:
    with pytest.raises(UnmatchedError) as caught:
        choose([Selector.parse(text)], THERE)
    assert caught.value.hint == hint
    if hint.startswith("did you mean"):  # and that does fit
        assert choose([Selector.parse(hint.removeprefix("did you mean ").rstrip("?").strip("'"))], THERE)


def test_where_the_kind_follows_from_the_place_a_hint_leaves_it_out() -> None:
    with pytest.raises(UnmatchedError) as caught:
        choose([Selector.parse("biling-*", kind="assistant")], THERE[:3])
    assert caught.value.hint == "did you mean 'billing-*'?"


@pytest.mark.parametrize("several", [[], [candidate("assistant.a", "a.yaml")]])
def test_where_no_labels_are_the_hint_says_how_to_write_one(several: list[Candidate]) -> None:
    with pytest.raises(UnmatchedError) as caught:
        choose([Selector.parse("label:team")], several)
    assert caught.value.hint == "no declaration has labels: write 'labels: {team: support}' in some"


names = st.text("ab-", min_size=1, max_size=4)
patterns = st.text("ab-*?[]!", min_size=1, max_size=6)


@given(st.lists(names, max_size=6), patterns, patterns)
def test_any_text_selects_a_part_or_says_why_not(there: list[str], pattern: str, glob: str) -> None:
    """Whatever is written, there is an answer: some of what there is, or a hint that selects something."""
    known = [candidate(f"assistant.{each}", f"{each}.yaml", label=each) for each in there]
    for text in (f"assistant.{pattern}", f"*.{pattern}", f"label:label={pattern}", f"file:{glob}"):
        selector = Selector.parse(text)
        fitting = {each.address for each in known if selector.matches(each)}
        if fitting:
            assert choose([selector], known) == fitting
            continue
        hint = unmatched(selector, known).hint or ""
        meant = hint.removeprefix("did you mean ").rstrip("?").strip("'")
        assert not hint.startswith("did you mean") or choose([Selector.parse(meant)], known)
