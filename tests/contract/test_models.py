"""Models."""

from __future__ import annotations

from collections.abc import Callable

import openai
import pytest

from tests.contract.conftest import Backend


def test_models_say_when_they_shut_down(client: openai.OpenAI) -> None:
    models = {model.id: model for model in client.models.list()}
    assert models["gpt-4o"].shutdown_date == "2027-01-14"
    assert models["gpt-6-astra"].shutdown_date is None
    assert client.models.retrieve("gpt-4o") == models["gpt-4o"]


def test_a_model_that_does_not_exist(client: openai.OpenAI, refusal: Callable[..., openai.APIStatusError]) -> None:
    assert refusal(404, client.models.retrieve, "gpt-nothing").code == "model_not_found"


def test_a_fine_tune_or_snapshot_of_a_known_model_is_a_model(backend: Backend) -> None:
    if backend.is_real:
        pytest.skip("depends on what the account has")
    assert backend.client.models.retrieve("ft:gpt-4o-2024-08-06:acme::abc").owned_by == "user"
    assert backend.client.models.retrieve("gpt-4o-2024-08-06").id == "gpt-4o-2024-08-06"
