"""The account over a socket: who may reach it, how it stops, and a connection that breaks."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from retinue.emulator.server.loopback import running_server, serve
from retinue.emulator.server.quirks import Quirks
from retinue.emulator.server.storage import LAYOUT, LayoutError, Storage

SERVER = """
import sys
from pathlib import Path
from retinue.emulator.server.loopback import serve
serve(Path(sys.argv[1]), on_ready=lambda url: print(url, flush=True))
print("stopped", flush=True)
"""


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_server_says_where_it_is_and_stops_cleanly(tmp_path: Path, stop: signal.Signals) -> None:
    command = [sys.executable, "-W", "error", "-c", SERVER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        base_url = process.stdout.readline().strip()
        assert base_url.startswith("http://127.0.0.1:")
        assert base_url.endswith("/v1")
        with httpx2.Client(verify=False) as http:
            assert http.get(f"{base_url}/models").status_code == 200
            health = base_url.removesuffix("/v1") + "/_internal/health"
            assert http.get(health).json() == {"status": "ok"}
        process.send_signal(stop)
        assert process.wait(timeout=30) == 0
        assert process.stdout.read() == "stopped\n"
        assert process.stderr.read() == ""


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])
def test_a_host_others_can_reach_needs_a_key(tmp_path: Path, host: str) -> None:
    with pytest.raises(ValueError, match="set an API key"):
        serve(tmp_path, host=host, on_ready=lambda url: None)


def test_a_port_that_is_taken_is_an_error(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match=r"[Aa]ddress already in use|in use"):
            serve(tmp_path, port=taken.getsockname()[1], on_ready=lambda url: None)


def test_a_directory_of_a_newer_version_is_refused_before_serving(tmp_path: Path) -> None:
    storage = Storage(tmp_path, new_id=lambda prefix: prefix)
    storage.db.execute(f"PRAGMA user_version = {LAYOUT + 1}")
    storage.close()
    with pytest.raises(LayoutError), running_server(tmp_path):
        pass


def test_the_key_is_asked_for(tmp_path: Path) -> None:
    with running_server(tmp_path, api_key="secret") as base_url, httpx2.Client(base_url=base_url, verify=False) as http:
        wrong = http.get("/models", headers={"authorization": "Bearer wrong"})
        assert wrong.status_code == 401
        assert "wrong" not in wrong.text
        assert http.get("/models", headers={"authorization": "Bearer secret"}).status_code == 200


def test_a_lost_response_breaks_the_connection(tmp_path: Path) -> None:
    quirks = Quirks(lose_response_every=1)
    with (
        running_server(tmp_path, quirks=quirks) as base_url,
        httpx2.Client(base_url=base_url, verify=False) as http,
    ):
        with pytest.raises(httpx2.RemoteProtocolError):
            http.post("/vector_stores", json={"name": "made"})
        assert [store["name"] for store in http.get("/vector_stores").json()["data"]] == ["made"]
