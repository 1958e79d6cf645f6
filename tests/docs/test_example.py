"""The example stack of this repository: right, complete, and useful as a demonstration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from retinue import engine
from retinue.cli import main
from retinue.emulator.server.transport import LocalTransport
from retinue.model.declared import Declared
from retinue.model.values import Address
from tests.docs.pages import ROOT
from tests.docs.runner import copy_example


@pytest.fixture(scope="module")
def declared() -> dict[Address, Declared]:
    reading, found = engine.check(engine.Where(ROOT, environ={}))
    assert found == ()
    assert reading is not None
    return {each.address: each for each in reading.declared}


def spec(declared: dict[Address, Declared], address: str) -> dict[str, Any]:
    return dict(declared[Address.parse(address)].spec)


def test_the_two_assistants_are_those_of_the_article(declared: dict[Address, Declared]) -> None:
    assert spec(declared, "assistant.math-tutor") == {
        "name": "Math Tutor",
        "instructions": "You are a personal math tutor. Write and run code to answer math questions.",
        "tools": {"code_interpreter": {}},
        "model": "gpt-4o",
    }
    assert spec(declared, "assistant.python-master") == {
        "name": "Python Master",
        "instructions": "You are a Python Expert. Generate runnable Python code according to messages.",
        "tools": {"code_interpreter": {}},
        "model": "gpt-4o",
    }


def test_the_support_desk_uses_the_rest(declared: dict[Address, Declared]) -> None:
    desk, triage = spec(declared, "assistant.support-desk"), spec(declared, "assistant.ticket-triage")
    store = declared[Address("vector_store", "handbook")]
    assert sorted(desk["tools"]) == [
        "code_interpreter",
        "file_search",
        "function/hand_over",
        "function/look_up_order",
        "function/service_status",
    ]
    assert desk["tools"]["function/look_up_order"]["parameters"]["required"] == ["order_number", "email", "include"]
    assert list(desk["file_ids"]) == ["assistants/support-desk/prices.csv"]
    assert "\n\n# Tone\n" in desk["instructions"]
    assert desk["metadata"]["team"] == "support"
    assert desk["model"] == "gpt-6-luna"
    assert triage["response_format"]["json_schema"]["strict"] is True
    assert store.lifecycle.protect
    assert len(store.spec["files"]) >= 5


def test_every_environment_of_the_example_is_valid() -> None:
    reading, found = engine.check(engine.Where(ROOT, environment="shared", environ={"TICKETS_TOKEN": "canary"}))
    assert found == ()
    assert reading is not None
    assert reading.project.stack == "example-shared"


def test_the_example_and_what_init_writes_are_in_their_canonical_form(tmp_path: Path) -> None:
    assert main(["fmt", "--check", "-C", str(ROOT)]) == 0
    for api in ("responses", "assistants-v2"):
        assert main(["init", str(tmp_path / api), "--account", "openai", "--api", api]) == 0
        assert main(["fmt", "--check", "-C", str(tmp_path / api)]) == 0


@pytest.mark.parametrize(
    ("question", "document"),
    [
        ("Within how many days after delivery can a feeder be returned?", "refunds-and-returns.md"),
        ("The carrier asks me for import VAT in Norway", "shipping-and-delivery.md"),
        ("The code to sign in does not arrive", "accounts-and-privacy.md"),
        ("What does the error E31 mean?", "troubleshooting.md"),
        ("Cancel Plus and get the yearly plan refunded pro rata", "plans-and-billing.md"),
        ("Is the battery covered by the warranty after two years?", "warranty-and-repairs.md"),
        ("Which urgency has a hand-over for a dispute?", "escalation.md"),
    ],
)
def test_questions_find_the_document_that_answers_them(applied: openai.OpenAI, question: str, document: str) -> None:
    store = next(iter(applied.vector_stores.list()))
    found = applied.vector_stores.search(store.id, query=question, max_num_results=3)
    assert document in [each.filename for each in found.data]


def test_staff_documents_can_be_filtered_out(applied: openai.OpenAI) -> None:
    store = next(iter(applied.vector_stores.list()))
    wanted: Any = {"type": "eq", "key": "audience", "value": "customers"}
    found = applied.vector_stores.search(store.id, query="escalation level urgency", filters=wanted)
    assert found.data
    assert "escalation.md" not in {each.filename for each in found.data}


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Any:
    project: Path = tmp_path_factory.mktemp("example")
    copy_example(project)
    assert main(["apply", "--yes", "-C", str(project)]) == 0
    with httpx2.Client(transport=LocalTransport(project / ".retinue" / "local")) as http_client:
        yield openai.OpenAI(base_url="http://local.invalid/v1", api_key="local", http_client=http_client)
