"""What a project file says of models is understood, or refused with the place and the reason."""

from __future__ import annotations

from typing import Any

import pytest

from retinue.emulator.language_models.remote_model import RemoteModel
from retinue.emulator.model_endpoints.remote_endpoint import Timeouts
from retinue.emulator.model_settings import Models, read_models

URL = "http://127.0.0.1:11434/v1"


@pytest.mark.parametrize("setting", ["local", {"local": "somewhere"}, None])
def test_with_nothing_configured_the_rehearsal_model_answers(setting: Any) -> None:
    assert read_models(setting, {}) == Models()


def test_everything_that_can_be_said_of_a_model() -> None:
    told = {
        "base_url": f"{URL}/",
        "names": {"gpt-4o": "llama3.2"},
        "api": "responses",
        "context_window": 4096,
        "timeouts": {"connect": 1, "first_token": 2, "between_tokens": 3},
    }
    model = read_models({"model": told}, {}).language_model
    assert isinstance(model, RemoteModel)
    assert (model.endpoint.url, model.endpoint.timeouts) == (URL, Timeouts(1, 2, 3))
    assert (model.served("gpt-4o"), model.api, model.window("gpt-4o")) == ("llama3.2", "responses", 4096)


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ({"model": {"names": {}}}, "'model' of the account is wrong: 'base_url' cannot be used: it is not an address"),
        ({"model": {"base_url": URL, "api": "soap"}}, "'api' is 'soap', not one of: chat, responses"),
        ({"model": {"base_url": URL, "bundled": True}}, "it has a 'base_url', and is to be in this process"),
        ({"embeddings": {"base_url": URL}}, "'embeddings' of the account is wrong: 'model' is missing"),
        ({"embeddings": {"base_url": URL, "bundled": True}}, "it has a 'base_url', and is to be in this process"),
        ({"model": "llama3.2"}, "'model' of the account is wrong: "),
    ],
)
def test_what_is_no_model_is_refused(setting: Any, told: str) -> None:
    with pytest.raises(ValueError, match="of the account is wrong") as caught:
        read_models(setting, {})
    assert told in str(caught.value)


def test_a_key_is_asked_for_by_its_variable() -> None:
    models = read_models({"model": {"base_url": URL, "api_key_env": "THE_KEY"}}, {})
    with pytest.raises(ValueError, match="the variable 'THE_KEY' is not set"):
        models.check_keys()
