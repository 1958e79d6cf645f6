"""Options of the whole suite."""

from __future__ import annotations

import pytest
from hypothesis import settings

# How long a machine that does other things takes for one example says nothing about the code.
settings.register_profile("retinue", deadline=None)
settings.load_profile("retinue")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--live", action="store_true", help="also run the contract against the account of OPENAI_API_KEY (it costs)"
    )
    parser.addoption("--chaos", action="store_true", help="break every single request instead of those that tell most")


@pytest.fixture(scope="session")
def chaos(request: pytest.FixtureRequest) -> bool:
    """Whether every single request is broken."""
    return bool(request.config.getoption("--chaos"))
