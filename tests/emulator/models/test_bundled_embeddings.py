"""The vectors of the extra ``retinue[semantic]``, where it is installed."""

from __future__ import annotations

import threading
from operator import mul

import pytest

from retinue.emulator.embeddings.bundled_embeddings import BundledEmbeddings, is_installed
from retinue.emulator.embeddings.embedder import Vector
from retinue.emulator.model_settings import read_models

needs_it = pytest.mark.skipif(not is_installed(), reason="the extra is not installed: pip install -e '.[semantic]'")


def cosine(one: Vector, other: Vector) -> float:
    return float(sum(map(mul, one, other)))


@needs_it
def test_what_means_the_same_points_the_same_way() -> None:
    embedder = BundledEmbeddings()
    cat, kitten, law = embedder.embed(["a cat sleeps", "the kitten naps", "tax law"], threading.Event())
    assert len(cat) == 384
    assert cosine(cat, cat) == pytest.approx(1)
    assert cosine(cat, kitten) > 0.5 > cosine(cat, law)
    assert embedder.embed(["a cat sleeps"], threading.Event(), as_query=True) == [cat]


@needs_it
def test_the_end_of_a_long_text_counts_as_its_beginning_does() -> None:
    padding = "Nothing of interest is said here. " * 60
    embedder = BundledEmbeddings()
    plain, late = embedder.embed([padding, padding + "The kitten naps beside the other cats. " * 20], threading.Event())
    (cat,) = embedder.embed(["a cat sleeps"], threading.Event())
    assert cosine(cat, late) > cosine(cat, plain) + 0.1


@needs_it
def test_a_stop_ends_it() -> None:
    stop = threading.Event()
    stop.set()
    assert BundledEmbeddings().embed(["a"], stop) == []
    (empty,) = BundledEmbeddings().embed([""], threading.Event())
    assert len(empty) == 384


@needs_it
def test_a_project_file_asks_for_it() -> None:
    told = read_models({"embeddings": {"bundled": True}}, {}).told()
    assert told[-1] == "search is by meaning, with all-MiniLM-L6-v2 int8 in this process"


@pytest.mark.skipif(is_installed(), reason="it is installed")
def test_without_it_the_way_to_get_it_is_told() -> None:
    with pytest.raises(ValueError, match=r"it is not installed: pip install 'retinue\[semantic\]'"):
        read_models({"embeddings": {"bundled": True}}, {})
