"""Where the service was recorded to answer what the types of the SDK do not allow: all that strict parsing refuses."""

from __future__ import annotations

from collections.abc import Callable

import openai
import pytest
from openai.types import FileObject, VectorStore

from tests.contract.conftest import Backend


def test_a_store_without_a_name_shows_null_though_its_type_is_a_string(backend: Backend) -> None:
    store = backend.lenient.vector_stores.create()
    assert store.to_dict()["name"] is None
    with pytest.raises(openai.APIResponseValidationError):
        backend.client.vector_stores.retrieve(store.id)
    backend.lenient.vector_stores.delete(store.id)


def test_the_object_of_a_batch_is_not_the_one_its_type_says(
    backend: Backend, make_file: Callable[..., FileObject], make_store: Callable[..., VectorStore]
) -> None:
    store = make_store()
    batch = backend.client.vector_stores.file_batches.create(store.id, file_ids=[make_file().id])
    assert batch.to_dict()["object"] == "vector_store.file_batch"  # the SDK lets this one pass, and only this one


def test_a_file_for_evals_shows_a_purpose_its_type_does_not_know(backend: Backend) -> None:
    file = backend.lenient.files.create(file=("data.jsonl", b"{}"), purpose="evals")
    with pytest.raises(openai.APIResponseValidationError):
        backend.client.files.retrieve(file.id)
    backend.lenient.files.delete(file.id)
