"""One directory for many threads, many transports and many processes."""

from __future__ import annotations

import ast
import gc
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

import retinue.emulator
from retinue.emulator.server.storage import LAYOUT, LayoutError, Storage
from retinue.emulator.server.transport import LocalTransport
from tests.emulator.conftest import HEADERS, Account, OpenAccount

WRITER = """
import sys
from pathlib import Path
import httpx2
from retinue.emulator.server.transport import LocalTransport

directory, name = Path(sys.argv[1]), sys.argv[2]
with httpx2.Client(transport=LocalTransport(directory), base_url="http://local.invalid/v1") as http:
    for number in range(40):
        file = http.post("/files", files={"file": (f"{name}-{number}.txt", b"words")}, data={"purpose": "assistants"})
        http.post("/vector_stores", json={"name": name, "file_ids": [file.json()["id"]]}).raise_for_status()
        http.get("/vector_stores", params={"limit": 100}).raise_for_status()
"""


def test_two_processes_write_to_one_directory(account: Account, tmp_path: Path) -> None:
    """Also from the very start, when both would create the database."""
    directory = str(tmp_path / "account")
    writers = [subprocess.Popen([sys.executable, "-W", "error", "-c", WRITER, directory, name]) for name in "ab"]
    assert [writer.wait() for writer in writers] == [0, 0]
    stores = account.get("/vector_stores", limit=100)["data"]
    assert sorted(store["name"] for store in stores) == ["a"] * 40 + ["b"] * 40
    assert all(store["file_counts"]["completed"] == 1 for store in stores)
    assert len(account.ids("/files")) == 80


def test_threads_share_a_transport(account: Account) -> None:
    def work(number: int) -> str:
        made = account.post("/assistants", model="gpt-4o", name=str(number))["id"]
        for _ in range(5):
            account.post(f"/assistants/{made}", metadata={"n": str(number)})
        return str(account.get(f"/assistants/{made}")["metadata"]["n"])

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(40))) == [str(number) for number in range(40)]
    assert len(account.ids("/assistants", limit=100)) == 40


def test_counts_are_right_when_two_transports_attach_at_once(open_account: OpenAccount) -> None:
    accounts = [open_account(), open_account()]
    store = accounts[0].post("/vector_stores")["id"]

    def attach(number: int) -> None:
        account = accounts[number % 2]
        account.post(f"/vector_stores/{store}/files", file_id=account.add_file(f"{number}.txt"))
        account.get(f"/vector_stores/{store}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(attach, range(30)))
    counts = accounts[0].get(f"/vector_stores/{store}")["file_counts"]
    assert counts == {"in_progress": 0, "completed": 30, "failed": 0, "cancelled": 0, "total": 30}


def test_objects_outlast_the_transport(open_account: OpenAccount) -> None:
    first = open_account()
    made = first.post("/assistants", model="gpt-4o")
    project = first.http.get("/models").headers["openai-project"]
    first.http.close()
    second = open_account()
    assert second.get(f"/assistants/{made['id']}") == made
    assert second.http.get("/models").headers["openai-project"] == project


def test_a_directory_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    storage = Storage(tmp_path, new_id=lambda prefix: prefix)
    storage.db.execute(f"PRAGMA user_version = {LAYOUT + 1}")
    storage.close()
    with pytest.raises(LayoutError, match=f"has layout {LAYOUT + 1}, this version of retinue knows up to {LAYOUT}"):
        LocalTransport(tmp_path)
    with pytest.raises(LayoutError):
        Storage(tmp_path, new_id=lambda prefix: prefix)


def test_a_closed_transport_answers_nothing(tmp_path: Path) -> None:
    transport = LocalTransport(tmp_path)
    request = httpx2.Request("GET", "http://local.invalid/v1/models", headers=HEADERS)
    assert transport.handle_request(request).status_code == 200
    transport.close()
    transport.close()
    with pytest.raises(RuntimeError, match="closed"):
        transport.handle_request(request)


def test_a_transport_nobody_closed_is_collected(tmp_path: Path) -> None:
    """No thread, loop or connection is left behind; a ResourceWarning would fail the test."""
    transport = LocalTransport(tmp_path)
    transport.handle_request(httpx2.Request("GET", "http://local.invalid/v1/models"))
    assert transport._loop is not None
    loop = transport._loop
    del transport
    gc.collect()
    assert loop.is_closed()


def test_an_unused_transport_writes_nothing(tmp_path: Path) -> None:
    LocalTransport(tmp_path / "account").close()
    assert not (tmp_path / "account").exists()


def test_ids_and_clock_are_in_the_callers_hands(open_account: OpenAccount) -> None:
    counter = iter(range(1000))
    account = open_account(new_id=lambda prefix: f"{prefix}{next(counter)}")
    made = account.post("/assistants", model="gpt-4o")
    assert made["id"].startswith("asst_")
    assert made["id"].removeprefix("asst_").isdigit()
    assert made["created_at"] == int(account.clock())


def test_importing_the_package_is_cheap() -> None:
    heavy = {"starlette", "uvicorn", "httpx2", "sqlite3"}
    code = f"import sys, retinue.emulator; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_local_account_imports_nothing_of_the_engine() -> None:
    for path in Path(retinue.emulator.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                assert not name.startswith("retinue") or name.startswith("retinue.emulator"), f"{path}: {name}"
                assert name.partition(".")[0] != "openai", f"{path}: {name}"


def test_closing_ends_requests_that_are_under_way(tmp_path: Path) -> None:
    """A thread that waits for an answer gets an error, not a hang."""
    transport = LocalTransport(tmp_path)
    request = httpx2.Request("GET", "http://local.invalid/v1/models")

    def ask(_number: int) -> str:
        try:
            return str(transport.handle_request(request).status_code)
        except (httpx2.ReadError, RuntimeError):
            return "closed"

    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(ask, number) for number in range(200)]
        answers[20].result()
        transport.close()
        assert {answer.result() for answer in answers} <= {"200", "closed"}
