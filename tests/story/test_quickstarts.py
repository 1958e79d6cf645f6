"""Programs written for the Assistants API run on the local account as they are: with an address, a key, and no more."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).parent / "programs"
QUESTION = "I need to solve the equation `3x + 11 = 14`. Can you help me?"


@pytest.fixture(scope="module")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What ``retinue serve`` says, in a directory without a project."""
    command = [sys.executable, "-m", "retinue", "serve", "-C", str(tmp_path_factory.mktemp("served")), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.terminate()


def run_program(name: str, base_url: str) -> str:
    """What it prints."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("OPENAI_")}
    env = {**kept, "OPENAI_BASE_URL": base_url, "OPENAI_API_KEY": "local"}
    command = [sys.executable, str(PROGRAMS / name)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_streamed_quickstart(base_url: str) -> None:
    shown = run_program("math_tutor_streaming.py", base_url)
    assert shown.startswith("\nassistant > [rehearsal] ")
    assert shown.endswith(QUESTION)


def test_the_polled_quickstart(base_url: str) -> None:
    first, second = run_program("math_tutor_polling.py", base_url).splitlines()
    assert first.startswith("assistant > [rehearsal] ")
    assert second == f"user > {QUESTION}"


def test_two_questions_in_one_thread(base_url: str) -> None:
    lines = run_program("python_master.py", base_url).splitlines()
    assert [lines[0], lines[2]] == ["How do I reverse a list?", "And a string?"]
    assert lines[1].startswith("[rehearsal] ")
    assert "Message 1 " in lines[1]
    assert "Message 2 " in lines[3]
    assert lines[4:] == ["user", "assistant", "user", "assistant"]
