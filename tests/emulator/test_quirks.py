"""Every quirk does what it says, by counting, and nothing when it is off."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from retinue.emulator.server.quirks import Quirks
from tests.emulator.conftest import Account, OpenAccount


def test_latency_delays_every_answer(open_account: OpenAccount) -> None:
    http = open_account(Quirks(latency=0.02)).http
    for path in ("/models", "/assistants/asst_1"):
        assert int(http.get(path).headers["openai-processing-ms"]) >= 20


def test_list_lag_leaves_a_new_object_out_of_the_next_lists(open_account: OpenAccount) -> None:
    account = open_account(Quirks(list_lag=2))
    made = account.post("/assistants", model="gpt-4o")["id"]
    assert account.get(f"/assistants/{made}")["id"] == made
    assert [account.ids("/assistants") for _ in range(3)] == [[], [], [made]]


def test_list_lag_outlasts_the_program(open_account: OpenAccount) -> None:
    made = open_account(Quirks(list_lag=1)).post("/vector_stores", name="x")["id"]
    later = open_account()
    assert [later.ids("/vector_stores") for _ in range(2)] == [[], [made]]


def test_lists_lag_for_each_collection_on_its_own(open_account: OpenAccount) -> None:
    account = open_account(Quirks(list_lag=1))
    file = account.add_file()
    account.post("/vector_stores", name="x")
    assert account.ids("/vector_stores") == []
    assert account.ids("/files") == []
    assert account.ids("/files") == [file]


def test_indexing_takes_polls(open_account: OpenAccount) -> None:
    account = open_account(Quirks(indexing_polls=2))
    file = account.add_file()
    store = account.post("/vector_stores")["id"]
    account.post(f"/vector_stores/{store}/files", file_id=file)
    polls = [account.http.get(f"/vector_stores/{store}/files/{file}") for _ in range(3)]
    assert [poll.json()["status"] for poll in polls] == ["in_progress", "in_progress", "completed"]
    assert ["openai-poll-after-ms" in poll.headers for poll in polls] == [True, True, False]


def test_some_files_fail_and_some_are_stuck(open_account: OpenAccount) -> None:
    account = open_account(Quirks(fail_files=("bad-*",), stuck_files=("slow*",)))
    store = account.add_store(("bad-one.txt", b"x"), ("slow.txt", b"x"), ("good.txt", b"x"))
    files = [account.get(f"/vector_stores/{store}/files")["data"] for _ in range(3)][-1]
    assert [file["status"] for file in files] == ["completed", "in_progress", "failed"]
    assert files[2]["last_error"]["code"] == "server_error"
    assert account.get(f"/vector_stores/{store}")["status"] == "in_progress"


def test_every_nth_request_is_rate_limited(open_account: OpenAccount) -> None:
    http = open_account(Quirks(rate_limit_every=3)).http
    answers = [http.get("/models") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200, 200, 429] * 2
    assert answers[2].headers["retry-after"] == "0"
    assert answers[2].json()["error"]["code"] == "rate_limit_exceeded"


def test_every_nth_request_is_a_server_error_and_does_nothing(open_account: OpenAccount) -> None:
    account = open_account(Quirks(server_error_every=2))
    statuses = [account.http.post("/vector_stores", json={}).status_code for _ in range(4)]
    assert statuses == [200, 500, 200, 500]
    assert len(account.ids("/vector_stores")) == 2


def test_a_lost_response_is_a_write_that_was_made(open_account: OpenAccount) -> None:
    account = open_account(Quirks(lose_response_every=2))
    account.post("/vector_stores", name="first")
    with pytest.raises(httpx2.RemoteProtocolError):
        account.post("/vector_stores", name="second")
    assert [store["name"] for store in account.get("/vector_stores")["data"]] == ["second", "first"]


def test_reads_and_refusals_are_not_lost(open_account: OpenAccount) -> None:
    account = open_account(Quirks(lose_response_every=1))
    assert account.get("/models")["data"]
    assert account.http.post("/assistants", json={}).status_code == 400


def test_merged_metadata_keeps_old_keys(open_account: OpenAccount) -> None:
    def updated(account: Account) -> Any:
        made = account.post("/assistants", model="gpt-4o", metadata={"a": "1", "b": "1"})["id"]
        return account.post(f"/assistants/{made}", metadata={"b": "2"})["metadata"]

    assert updated(open_account()) == {"b": "2"}
    assert updated(open_account(Quirks(merge_metadata=True))) == {"a": "1", "b": "2"}


def test_merged_attributes_keep_old_keys(open_account: OpenAccount) -> None:
    account = open_account(Quirks(merge_metadata=True))
    file, store = account.add_file(), account.post("/vector_stores")["id"]
    account.post(f"/vector_stores/{store}/files", file_id=file, attributes={"a": 1})
    changed = account.post(f"/vector_stores/{store}/files/{file}", attributes={"b": True})
    assert changed["attributes"] == {"a": 1, "b": True}


def test_a_new_object_cannot_be_read_for_a_while(open_account: OpenAccount) -> None:
    account = open_account(Quirks(read_after_create_404=2))
    file, store = account.add_file(), account.post("/vector_stores")["id"]
    account.post(f"/vector_stores/{store}/files", file_id=file)
    for path in (f"/files/{file}", f"/vector_stores/{store}", f"/vector_stores/{store}/files/{file}"):
        assert [account.http.get(path).status_code for _ in range(3)] == [404, 404, 200]


def test_an_account_may_have_no_assistants(open_account: OpenAccount) -> None:
    account = open_account(Quirks(no_assistants=True))
    assert account.http.post("/assistants", json={"model": "gpt-4o"}).status_code == 404
    assert account.http.get("/assistants/asst_1").status_code == 404
    assert account.http.get("/vector_stores").status_code == 200


def test_an_account_may_have_no_agents(open_account: OpenAccount) -> None:
    account = open_account(Quirks(no_agents=True))
    for path in ("/agents", "/agents/agent_1", "/agents/automations", "/agents/environments/templates", "/vaults"):
        refused = account.http.get(path)
        assert refused.status_code == 404
        assert refused.json()["error"]["message"] == f"Invalid URL (GET /v1{path})"
    assert account.ids("/skills") == account.ids("/assistants") == []
    assert open_account(Quirks(no_assistants=True)).ids("/agents") == []


def test_the_collections_of_agents_and_skills_are_as_quirky_as_the_others(open_account: OpenAccount) -> None:
    account = open_account(Quirks(list_lag=1, read_after_create_404=1, adds_metadata={"provider": "x"}))
    agent = account.post("/agents", model="gpt-6-astra")
    vault = account.post("/vaults")
    template = account.post("/agents/environments/templates")
    skill = account.add_skill()
    assert agent["metadata"] == vault["metadata"] == {"provider": "x"}
    made = {
        "/agents": agent["id"],
        "/vaults": vault["id"],
        "/agents/environments/templates": template["id"],
        "/skills": skill,
    }
    for path, made_id in made.items():
        assert [account.ids(path) for _ in range(2)] == [[], [made_id]]
        assert [account.http.get(f"{path}/{made_id}").status_code for _ in range(2)] == [404, 200]


def test_a_lost_skill_is_a_skill_that_was_made(open_account: OpenAccount) -> None:
    account = open_account(Quirks(lose_response_every=1))
    with pytest.raises(httpx2.RemoteProtocolError):
        account.add_skill()
    with pytest.raises(httpx2.RemoteProtocolError):
        account.post("/agents", model="gpt-6-astra")
    assert len(account.ids("/skills")) == len(account.ids("/agents")) == 1


def test_merging_reaches_the_metadata_of_agents_and_vaults(open_account: OpenAccount) -> None:
    account = open_account(Quirks(merge_metadata=True))
    agent = account.post("/agents", model="gpt-6-astra", metadata={"a": "1"})["id"]
    vault = account.post("/vaults", metadata={"a": "1"})["id"]
    for path in (f"/agents/{agent}", f"/vaults/{vault}"):
        assert account.post(path, metadata={"b": "1"})["metadata"] == {"a": "1", "b": "1"}


def test_a_server_may_add_metadata_of_its_own(open_account: OpenAccount) -> None:
    account = open_account(Quirks(adds_metadata={"provider": "x"}))
    made = account.post("/assistants", model="gpt-4o", metadata={"a": "1"})
    assert made["metadata"] == {"provider": "x", "a": "1"}
    assert account.post(f"/assistants/{made['id']}", metadata={"a": "2"})["metadata"] == {"a": "2"}


def test_quirks_are_read_from_words() -> None:
    given = {
        "latency": "0.05",
        "list-lag": "2",
        "indexing_polls": 3,
        "fail-files": "bad-*, *.tmp",
        "merge-metadata": "yes",
        "adds-metadata": "a=1, b=2",
        "no-assistants": False,
        "no-agents": "on",
    }
    assert Quirks.parse(given) == Quirks(
        latency=0.05,
        list_lag=2,
        indexing_polls=3,
        fail_files=("bad-*", "*.tmp"),
        merge_metadata=True,
        no_agents=True,
        adds_metadata={"a": "1", "b": "2"},
    )
    assert Quirks.parse({}) == Quirks()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"list-lagg": "1"}, "unknown quirk 'list-lagg', did you mean 'list-lag'?"),
        ({"list-lag": "soon"}, "quirk 'list-lag': expected a whole number, got 'soon'"),
        ({"list-lag": -1}, "quirk 'list-lag': expected 0 or more, got -1"),
        ({"list-lag": True}, "quirk 'list-lag': expected a whole number, got True"),
        ({"latency": "long"}, "quirk 'latency': expected seconds, got 'long'"),
        ({"latency": 3600}, "quirk 'latency': expected 0 to 60 seconds, got 3600"),
        ({"merge-metadata": "perhaps"}, "quirk 'merge-metadata': expected true or false, got 'perhaps'"),
        ({"adds-metadata": "a"}, "quirk 'adds-metadata': expected key=value pairs, got 'a'"),
    ],
)
def test_a_quirk_that_is_none_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match="quirk") as caught:
        Quirks.parse(given)
    assert str(caught.value).startswith(message)
