"""The tag: what is written is read back, half a tag is never taken for none, and it always fits."""

from __future__ import annotations

import string
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinue.kinds import all_kinds
from retinue.kinds.fields import Field, KeyedField
from retinue.kinds.kind import Kind
from retinue.model.canonical import digest
from retinue.model.declared import Lifecycle
from retinue.model.tag import (
    MOST_CHARACTERS,
    Tag,
    TagError,
    attribute,
    attribute_key,
    file_record_keys,
    is_as_returned,
    read_file_records,
    read_tag,
    remembering,
    write_file_records,
    write_tag,
)
from retinue.model.values import ABSENT, Address, FileRef

names = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,62}", fullmatch=True)
digests = st.text(string.ascii_letters + string.digits + "-_", min_size=6, max_size=6)
tags = st.builds(
    Tag,
    stack=names,
    address=st.builds(Address, kind=st.sampled_from(["assistant", "vector_store"]), name=names),
    fields=st.dictionaries(st.from_regex(r"[a-z_]{1,20}", fullmatch=True), digests, max_size=12),
    keys=st.dictionaries(digests.map(lambda each: each[:4]), digests, max_size=15),
    flags=st.frozensets(st.sampled_from(["protect", "syncing"])),
)


@given(tags)
def test_a_tag_is_read_back_as_it_was_written(tag: Tag) -> None:
    assert read_tag(write_tag(tag)) == tag


@given(tags, st.data())
def test_what_the_account_made_of_values_is_noted_as_far_as_there_is_room(tag: Tag, data: st.DataObject) -> None:
    fields = {name: data.draw(digests) for name in tag.fields if data.draw(st.booleans())}
    keys = {name: data.draw(digests) for name in tag.keys if data.draw(st.booleans())}
    text = write_tag(replace(tag, returned=fields, returned_keys=keys))
    back = read_tag(text)
    assert replace(back, returned={}, returned_keys={}) == tag
    assert back.returned.items() <= fields.items()
    assert back.returned_keys.items() <= keys.items()
    plain = len(write_tag(tag))
    assert len(text) <= max(512, plain)
    if plain + len(";r=;q=") + 7 * (len(fields) + len(keys)) <= 512:
        assert (back.returned, back.returned_keys) == (fields, keys)


@given(st.data())
def test_what_came_back_is_neither_drift_nor_change_and_all_else_is(data: st.DataObject) -> None:
    """The three-way decision, with what the account answered in the place of what was applied."""
    applied, answered, other = data.draw(st.lists(st.integers(), min_size=3, max_size=3, unique=True))
    tag = Tag("s", Address("k", "n"), {"f": digest(applied)}, returned={"f": digest(answered)})
    assert is_as_returned(tag, "f", applied, answered)
    assert not is_as_returned(tag, "f", other, answered)
    assert attribute(tag, "f", other, answered) == "config"
    for live in (other, applied):
        assert not is_as_returned(tag, "f", applied, live)
        assert attribute(tag, "f", applied, live) == "drift"
    assert attribute(tag, "f", other, applied) == "conflict"
    kept = replace(tag, returned={})
    assert remembering(kept, tag) == tag
    changed = replace(kept, fields={"f": digest(other)})
    assert remembering(changed, tag) == changed


@given(tags, st.data())
def test_a_tag_that_was_cut_is_an_error_or_whole(tag: Tag, data: st.DataObject) -> None:
    """A server or a person may cut a value short: what is left must not pass for a tag with fewer marks of ours."""
    text = write_tag(tag)
    cut = text[: data.draw(st.integers(0, text.rindex(";f=")))]
    with pytest.raises(TagError):
        read_tag(cut)


@given(st.text(max_size=40))
def test_nothing_else_is_a_tag(text: str) -> None:
    with pytest.raises(TagError):
        read_tag(text)


@pytest.mark.parametrize("kind", [kind for kind in all_kinds().values() if kind.stored], ids=lambda kind: kind.name)
def test_the_longest_tag_fits(kind: Kind) -> None:
    """Every field, 15 metadata pairs and the longest names stay within one metadata value."""
    spec = {each.name: each.declare(None, b"") for each in kind.fields if not each.by_key}
    pairs = {f"{number:02}{'k' * 62}": "v" * 512 for number in range(15)} if kind.has("metadata") else {}
    spec |= {"metadata": pairs} if pairs else {}
    address = Address(kind.name, "n" * 63)
    tag = kind.make_tag("s" * 63, address, spec, Lifecycle(protect=True))
    tag = Tag(tag.stack, tag.address, tag.fields, tag.keys, tag.flags | {"syncing"})
    assert len(write_tag(tag)) <= MOST_CHARACTERS
    assert len(tag.keys) == len(pairs)


@pytest.mark.parametrize(
    ("applied", "declared", "live", "cause"),
    [
        ("old", "new", "old", "config"),
        ("old", "old", "moved", "drift"),
        ("old", "new", "moved", "conflict"),
        (None, "new", "other", "config"),
        ("old", "old", ABSENT, "drift"),
        ("old", "new", ABSENT, "conflict"),
        (None, "new", ABSENT, "config"),
    ],
)
def test_the_three_way_decision(applied: str | None, declared: str, live: object, cause: str) -> None:
    """Design, ownership: who moved a field that differs."""
    kind = Kind("k", "ks", "k", {}, fields=(KeyedField("metadata"), Field("name")))
    spec = {"name": applied, "metadata": {"key": applied}} if applied else {}
    tag = kind.make_tag("s", Address("k", "n"), spec, Lifecycle())
    assert attribute_key(tag, "metadata", "key", declared, live) == cause
    if live is not ABSENT:
        assert attribute(tag, "name", declared, live) == cause


files = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200) | st.just("a\\nb") | st.just("a\nb"),
    st.tuples(st.from_regex(r"file-[A-Za-z0-9]{22}", fullmatch=True), st.from_regex(r"[0-9a-f]{64}", fullmatch=True)),
    max_size=20,
)


@given(files)
def test_file_records_are_read_back_and_fit(recorded: dict[str, tuple[str, str]]) -> None:
    unique = {path: (f"{file_id}{index}", sha256) for index, (path, (file_id, sha256)) in enumerate(recorded.items())}
    pairs = write_file_records(unique)
    assert all(len(value) <= MOST_CHARACTERS for value in pairs.values())
    assert read_file_records(pairs) == {
        file_id: FileRef(path, sha256[:16]) for path, (file_id, sha256) in unique.items()
    }
    assert len(pairs) <= file_record_keys(recorded)


def test_a_file_record_that_was_cut_is_an_error() -> None:
    with pytest.raises(TagError):
        read_file_records({"retinue.files": "file-abc 0123"})


@given(st.integers(-1000, 1000))
def test_whole_numbers_have_one_digest(number: int) -> None:
    """The API returns 1.0 for 1, which is no change; true is not 1."""
    assert digest(number) == digest(float(number))
    assert digest(True) != digest(1)
