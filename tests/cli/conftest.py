"""The command line, run in this process against a project in a temporary directory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from retinue.cli import main
from tests.support.team import Team

NETWORK = (
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "SSLKEYLOGFILE"),
)
"""What the machine of a test may say of its network."""


@dataclass(frozen=True)
class Result:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


@dataclass
class Shell:
    """A project and a way to run commands on it. Outputs are plain: no terminal, 80 columns."""

    team: Team
    capture: pytest.CaptureFixture[str]

    def __call__(self, *args: str) -> Result:
        name, *rest = args
        self.capture.readouterr()
        code = main([name, "-C", str(self.team.root), *rest])
        captured = self.capture.readouterr()
        return Result(code, captured.out, captured.err)

    def write(self, name: str, text: str) -> None:
        self.team.write(name, text)


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR", "OPENAI_API_KEY", "OPENAI_BASE_URL", *NETWORK):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RETINUE_TODAY", "2026-11-22")
    return Shell(Team(tmp_path), capsys)


@pytest.fixture
def project(shell: Shell) -> Shell:
    """A small stack that is declared and not applied yet."""
    shell.write(
        "team.yaml",
        """\
assistants:
  tutor:
    name: Tutor
    model: gpt-4o
    instructions: {file: tutor.md}
    tools:
      - code_interpreter
      - function: get_weather
      - file_search: {vector_store: handbook, max_num_results: 8}
    metadata: {team: education}
functions:
  get_weather:
    description: Current weather for a city.
    parameters: {type: object, properties: {city: {type: string}}, required: [city]}
vector_stores:
  handbook:
    name: Handbook
    files: [handbook/*.md]
""",
    )
    shell.write("tutor.md", "".join(f"Rule {number}: be kind.\n" for number in range(1, 2001)))
    shell.write("handbook/refunds.md", "# Refunds\n\nMoney comes back within thirty days.\n")
    shell.write("handbook/shipping.md", "# Shipping\n\nParcels leave on weekdays.\n")
    return shell


Run = Callable[..., Result]
