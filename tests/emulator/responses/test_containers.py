"""What code wrote is fetched from the container that an answer cites, as the SDK does it."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest

from retinue.emulator.server.service import find_services
from tests.emulator.responses.conftest import Caller, OpenCaller
from tests.support.scripted_model import Ran, ScriptedModel, ScriptedSandbox, Written, calls, says

CODE: dict[str, Any] = {"type": "code_interpreter", "container": {"type": "auto"}}


@pytest.fixture
def caller(open_caller: OpenCaller) -> Caller:
    """Its code writes a file twice. No published description judges: it has no containers."""
    written = Written("out/sums.csv", b"a,b\n")
    sandbox = ScriptedSandbox({"write()": Ran("", (written,)), "again()": Ran("", (written,))})
    called = calls(*(("code_interpreter", json.dumps({"code": code})) for code in ("write()", "again()")))
    model = ScriptedModel(called, says("See [sums](sandbox:/mnt/data/out/sums.csv)."))
    return open_caller(sandbox=sandbox, language_model=model, services=find_services())


def cited(caller: Caller) -> Any:
    answer: Any = caller.client.responses.create(model="gpt-4o", input="Add up.", tools=[CODE])  # type: ignore[list-item]
    (annotation,) = answer.output[-1].content[0].annotations
    return annotation


def test_the_files_of_an_answer_are_fetched_by_container(caller: Caller) -> None:
    containers, mark = caller.client.containers, cited(caller)
    assert containers.files.content.retrieve(mark.file_id, container_id=mark.container_id).read() == b"a,b\n"
    file = containers.files.retrieve(mark.file_id, container_id=mark.container_id)
    assert (file.path, file.bytes, file.source) == ("/mnt/data/out/sums.csv", 4, "assistant")
    assert [each.id for each in containers.files.list(mark.container_id)] == [mark.file_id], "one of each name"
    (shown,) = containers.list()
    assert (shown.id, shown.status) == (mark.container_id, "running")
    assert containers.retrieve(mark.container_id).expires_after.minutes == 20  # type: ignore[union-attr]


def test_a_container_ends_after_twenty_minutes_or_by_request(caller: Caller) -> None:
    containers, mark = caller.client.containers, cited(caller)
    caller.account.clock.now += 20 * 60
    assert containers.retrieve(mark.container_id).status == "expired"
    with pytest.raises(openai.NotFoundError, match="has expired"):
        containers.files.content.retrieve(mark.file_id, container_id=mark.container_id)
    containers.delete(mark.container_id)
    with pytest.raises(openai.NotFoundError, match="No container found with id"):
        containers.retrieve(mark.container_id)


@pytest.mark.parametrize("way", ["from the container", "from the account"])
def test_a_file_that_is_deleted_is_not_in_its_container(caller: Caller, way: str) -> None:
    containers, mark = caller.client.containers, cited(caller)
    if way == "from the account":
        caller.client.files.delete(mark.file_id)
    else:
        containers.files.delete(mark.file_id, container_id=mark.container_id)
    with pytest.raises(openai.NotFoundError):
        containers.files.content.retrieve(mark.file_id, container_id=mark.container_id)


def test_a_container_of_ones_own_is_refused_with_what_to_do(caller: Caller) -> None:
    client = caller.client
    with pytest.raises(openai.BadRequestError, match="Have one made by code_interpreter"):
        client.containers.create(name="mine")
    with pytest.raises(openai.BadRequestError, match="Have one made by code_interpreter"):
        client.containers.files.create("cntr_1", file=b"x")
    tool: Any = {"type": "code_interpreter", "container": "cntr_1"}
    with pytest.raises(openai.BadRequestError, match=r"Write \{'type': 'auto'\}"):
        client.responses.create(model="gpt-4o", input="Hi", tools=[tool])
