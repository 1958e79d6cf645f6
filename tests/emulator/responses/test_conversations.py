"""Conversations: items that responses go on with and add to."""

from __future__ import annotations

import openai
import pytest

from retinue.emulator.language_models.language_model import Message
from tests.emulator.responses.conftest import FUNCTION, Caller, OpenCaller, text_of
from tests.support.scripted_model import UNTIL_STOPPED, Gate, ScriptedModel, calls, says


def test_a_conversation_is_made_read_changed_and_deleted(caller: Caller) -> None:
    conversations = caller.client.conversations
    made = conversations.create(metadata={"a": "b"}, items=[{"role": "user", "content": "Hello."}])
    assert made.to_dict() == {
        "id": made.id,
        "object": "conversation",
        "created_at": caller.account.clock.now,
        "metadata": {"a": "b"},
    }
    assert conversations.retrieve(made.id) == made
    assert conversations.update(made.id, metadata={"c": "d"}).metadata == {"c": "d"}
    assert conversations.delete(made.id).to_dict() == {
        "id": made.id,
        "object": "conversation.deleted",
        "deleted": True,
    }
    with pytest.raises(openai.NotFoundError, match=f"Conversation with id '{made.id}' not found."):
        conversations.retrieve(made.id)


def test_items_are_added_listed_read_and_removed(caller: Caller) -> None:
    items, conversation = caller.client.conversations.items, caller.client.conversations.create().id
    assert list(items.list(conversation)) == []
    said = [{"role": "user", "content": str(number)} for number in range(5)]
    added = items.create(conversation, items=said)  # type: ignore[arg-type]
    listed = list(items.list(conversation, order="asc", limit=2))
    assert listed == added.data
    assert added.data[0].to_dict() == {
        "id": added.first_id,
        "type": "message",
        "status": "completed",
        "role": "user",
        "content": [{"type": "input_text", "text": "0"}],
    }
    assert [each.id for each in items.list(conversation)] == [each.id for each in reversed(listed)]
    first = str(added.first_id)
    assert items.retrieve(first, conversation_id=conversation) == listed[0]
    assert items.delete(first, conversation_id=conversation).id == conversation
    with pytest.raises(openai.NotFoundError, match="not found"):
        items.retrieve(first, conversation_id=conversation)
    assert len(list(items.list(conversation))) == 4


def test_a_response_goes_on_with_a_conversation_and_adds_to_it(open_caller: OpenCaller) -> None:
    """Also one that is not stored itself."""
    model = ScriptedModel(says("One."), calls(("look_up", "{}")), says("Two."))
    caller = open_caller(language_model=model)
    conversation = caller.account.post("/conversations", items=[{"role": "user", "content": "Before."}])["id"]
    made = caller.ask("a", conversation=conversation, store=False)
    assert made["conversation"] == {"id": conversation}
    caller.ask("b", conversation={"id": conversation}, tools=[FUNCTION])
    output = {"type": "function_call_output", "call_id": "call_0", "output": "found"}
    assert caller.text([output], conversation=conversation, tools=[FUNCTION]) == "Two."
    assert model.prompts[0].items == (Message("user", "Before."), Message("user", "a"))
    assert [each["type"] for each in caller.items(conversation)] == [
        *("message", "message", "message", "message"),
        *("function_call", "function_call_output", "message"),
    ]
    assert len(model.prompts[2].items) == 6


def test_what_fails_adds_nothing(open_caller: OpenCaller) -> None:
    caller = open_caller(language_model=ScriptedModel((ValueError("a bug"),), says("Yes.")))
    conversation = caller.account.post("/conversations")["id"]
    assert caller.ask("a", conversation=conversation)["status"] == "failed"
    assert caller.items(conversation) == []
    assert caller.text("b", conversation=conversation) == "Yes."


def test_one_response_at_a_time_works_on_a_conversation(open_caller: OpenCaller) -> None:
    gate = Gate()
    caller = open_caller(language_model=ScriptedModel((gate, UNTIL_STOPPED), says("Free.")))
    conversation = caller.account.post("/conversations")["id"]
    made = caller.ask("a", conversation=conversation, background=True)
    gate.wait()
    gate.open()
    status, error = caller.refuse("/responses", model="gpt-4o", input="b", conversation=conversation)
    assert (status, error["code"], error["param"]) == (400, "conversation_locked", "conversation")
    caller.account.post(f"/responses/{made['id']}/cancel")
    assert caller.text("b", conversation=conversation) == "Free."


def test_a_conversation_outlives_its_responses(caller: Caller) -> None:
    conversation = caller.account.post("/conversations")["id"]
    made = caller.ask("Remember me.", conversation=conversation)
    caller.account.delete(f"/responses/{made['id']}")
    caller.account.clock.advance(days=365)
    assert "Message 2" in text_of(caller.ask("And now?", conversation=conversation))


def test_items_outlive_their_conversation(caller: Caller) -> None:
    """They can still be named, as published."""
    conversation = caller.account.post("/conversations", items=[{"role": "user", "content": "Remember me."}])["id"]
    (item,) = caller.items(conversation)
    caller.account.delete(f"/conversations/{conversation}")
    assert "Remember me." in caller.text([{"type": "item_reference", "id": item["id"]}])


def test_results_of_a_search_are_shown_to_who_asks_for_them(caller: Caller) -> None:
    store = caller.account.add_store(("a.md", b"Refunds take five days."), name="Handbook")
    conversation = caller.account.post("/conversations")["id"]
    caller.ask("refunds", conversation=conversation, tools=[{"type": "file_search", "vector_store_ids": [store]}])
    items = caller.client.conversations.items
    shown = {each.id: each for each in items.list(conversation, include=["file_search_call.results"])}
    (searched,) = (each for each in items.list(conversation) if each.type == "file_search_call")
    assert searched.results is None
    found = shown[searched.id]
    assert found.type == "file_search_call"
    assert [each.filename for each in found.results or []] == ["a.md"]
    assert items.retrieve(searched.id, conversation_id=conversation, include=["file_search_call.results"]) == found
