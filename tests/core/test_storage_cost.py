"""What storage costs: the parts add up, nothing costs nothing, and what goes and comes has its sign."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from retinue.content.manifest import attached_spec
from retinue.model.live import Live
from retinue.model.steps import Plan, Prices, StorageChange, StoreChange
from retinue.model.values import Address
from retinue.planning.documents.plan_digest import plan_digest
from retinue.planning.documents.plan_document import from_document, storage_document, to_document
from retinue.planning.storage_cost import storage_change
from tests.plans.cases import CHUNKING, KINDS, attached, declared, knowledge, live, plan

PRICES = Prices(Decimal("0.10"))
OTHER = {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 50}

sizes = st.integers(min_value=1, max_value=10**10)
contents = st.dictionaries(st.sampled_from(["a.md", "b.md", "c.md", "d.md"]), st.sampled_from("123"), max_size=4)
"""Path → a digit that stands for the content."""
stores = st.dictionaries(st.sampled_from(["one", "two", "three"]), contents, max_size=3)
SIZES = {"1": 1_000, "2": 20_000, "3": 300_000}


def store(name: str) -> Address:
    return Address("vector_store", name)


def there(name: str, files: Mapping[str, str], rate: int = 2) -> Live:
    """A store as it was applied, that takes up `rate` times the size of its files."""
    found = tuple(
        replace(attached(number, path, digit, 0), id=f"file-{name}-{number}", usage=rate * SIZES[digit])
        for number, (path, digit) in enumerate(sorted(files.items()))
    )
    made = live(f"vs_{name}", store(name), {"name": name, "files": attached_spec(found)}, files=found)
    return replace(made, usage=sum(each.usage or 0 for each in found))


def spec(name: str, files: Mapping[str, str]) -> dict[str, Any]:
    entries = (knowledge(path, digit, SIZES[digit]) for path, digit in files.items())
    return {"name": name, "files": {path: each for one in entries for path, each in one.items()}}


def planned(wanted: Mapping[str, Mapping[str, str]], found: list[Live]) -> tuple[Plan, StorageChange]:
    made = plan([declared(store(name), spec(name, files)) for name, files in wanted.items()], found)
    return made, storage_change(made.steps, found, KINDS, PRICES)


def change(files: Mapping[str, str], found: Live) -> StoreChange:
    (only,) = planned({"one": files}, [found])[1].stores
    return only


# ── laws ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@settings(max_examples=40)
@given(stores, stores)
def test_what_is_planned_is_the_difference_of_the_two_states(before: Any, after: Any) -> None:
    """Where a store takes up for each file what it does for the others, the estimate is right but for stores that are
    new: these are counted by the sizes of files."""
    _, storage = planned(after, [there(name, files, 1) for name, files in before.items()])
    total = {
        side: sum(SIZES[each] for files in one.values() for each in files.values())
        for side, one in (("before", before), ("after", after))
    }
    assert storage.bytes == total["after"] - total["before"]


@settings(max_examples=40)
@given(stores, stores)
def test_the_parts_add_up(before: Any, after: Any) -> None:
    _, storage = planned(after, [there(name, files) for name, files in before.items()])
    document = storage_document(storage)
    assert document["bytes"] == sum(each["bytes"] for each in document["stores"])
    assert all(each["bytes"] == each["added"] - each["removed"] for each in document["stores"])
    assert document["unknown"] == sum(each["unknown"] for each in document["stores"])
    assert Fraction(document["per_day"]) == Fraction(document["bytes"]) * Fraction(1, 10) / 10**9


@given(stores)
def test_no_change_costs_nothing(files: Any) -> None:
    made, storage = planned(files, [there(name, each) for name, each in files.items()])
    assert made.empty
    assert storage == StorageChange(PRICES)
    assert storage_document(storage)["per_day"] == "0"


@given(stores)
def test_what_comes_costs_more_and_what_goes_costs_less(files: Any) -> None:
    """A store that is made, and one that is deleted, are counted as a whole."""
    _, comes = planned(files, [])
    _, goes = planned({}, [there(name, each) for name, each in files.items()])
    assert (comes.bytes > 0) == (goes.bytes < 0) == (comes.per_day > 0) == (goes.per_day < 0) == any(files.values())
    assert goes.bytes == -2 * comes.bytes
    assert not any(each.removed for each in comes.stores)
    assert not any(each.added for each in goes.stores)


@given(contents, contents, sizes, sizes)
def test_any_numbers_are_exact_and_survive_their_document(before: Any, after: Any, price: int, usage: int) -> None:
    found = replace(there("one", before), usage=usage)
    made, _ = planned({"one": after}, [found])
    prices = Prices(Decimal(price) / 10**7, "EUR")
    storage = storage_change(made.steps, [found], KINDS, prices)
    assert Fraction(storage.per_day) * 10**9 == storage.bytes * Fraction(prices.vector_store_gb_day)
    with_it = replace(made, storage=storage)
    assert from_document(to_document(with_it)).storage == storage
    assert plan_digest(with_it) == plan_digest(made), "what it costs is not what it does"


# ── what is known ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_new_content_comes_to_what_the_store_made_of_other_files() -> None:
    assert change({"a.md": "1", "b.md": "2"}, there("one", {"a.md": "1"}, rate=3)) == StoreChange(
        store("one"), 60_000, 0, "usage_ratio"
    )


def test_where_no_file_stays_new_content_counts_by_its_size() -> None:
    replaced = change({"a.md": "2"}, there("one", {"a.md": "1"}, rate=3))
    assert replaced == StoreChange(store("one"), 20_000, 3_000, "file_size")


def test_a_file_that_is_cut_in_another_way_is_not_counted_nor_measured_by() -> None:
    found = there("one", {"a.md": "1"}, rate=3)
    cut = replace(found, files=tuple(replace(each, chunking=OTHER) for each in found.files))
    assert CHUNKING != OTHER
    assert change({"a.md": "1", "b.md": "2"}, cut) == StoreChange(store("one"), 20_000, 0, "file_size", 1)


def test_what_the_account_does_not_tell_is_not_counted() -> None:
    """A replaced file of which nothing is known would look like one that is added."""
    found = there("one", {"a.md": "1", "b.md": "1"})
    silent = replace(found, files=tuple(replace(each, usage=None) for each in found.files), usage=None)
    assert change({"a.md": "2"}, silent) == StoreChange(store("one"), unknown=2)
    _, goes = planned({}, [silent])
    assert goes.stores == (StoreChange(store("one"), unknown=2),)


def test_the_same_content_counts_in_each_store() -> None:
    _, storage = planned({"one": {"a.md": "1"}, "two": {"a.md": "1"}}, [])
    assert [each.added for each in storage.stores] == [1_000, 1_000]


def test_a_store_that_is_deleted_goes_with_what_others_put_into_it() -> None:
    _, storage = planned({}, [replace(there("one", {"a.md": "1"}), usage=5_000)])
    assert storage.bytes == -5_000


def test_a_move_and_other_attributes_cost_nothing() -> None:
    found = there("one", {"old/a.md": "1", "b.md": "2"})
    wanted = spec("one", {"new/a.md": "1", "b.md": "2"})
    wanted["files"]["b.md"]["attributes"] = {"year": 2026}
    made = plan([declared(store("one"), wanted)], [found])
    assert {each.action for step in made.steps for each in step.files} == {"move", "attributes"}
    assert not storage_change(made.steps, [found], KINDS, PRICES).stores


def test_a_store_that_is_replaced_costs_what_it_did() -> None:
    """It is made anew with the same files, of which the old one tells what they come to."""
    found = there("one", {"a.md": "1", "b.md": "2"}, rate=3)
    made = plan([declared(store("one"), {**spec("one", {"a.md": "1", "b.md": "2"}), "description": "New"})], [found])
    assert [(step.action, step.replaces) for step in made.steps] == [("create", True), ("delete", True)]
    [told] = storage_change(made.steps, [found], KINDS, PRICES).stores
    assert told == StoreChange(store("one"), 63_000, 63_000, "usage_ratio")
