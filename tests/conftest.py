"""Options of the whole suite."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator

import pytest
from hypothesis import settings

from tests.support.description import ABSENT, NOT_JUDGED, USUAL, VARIABLE
from tests.support.tally import TRIED, table

# How long a machine that does other things takes for one example says nothing about the code.
settings.register_profile("retinue", deadline=None)
settings.register_profile("quick", deadline=None, max_examples=20)
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


def pytest_runtest_setup() -> None:
    TRIED.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if item.nodeid in NOT_JUDGED:
        report.user_properties.append(("not judged", ABSENT))  # this is how a worker can tell who sums up
    if call.when == "call":
        report.user_properties.extend(("tried", [what, often]) for what, often in TRIED.items())
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Generator[None, None, None]:
    """Say last, and loudly, what the one judge that this project did not write has not seen."""
    yield
    if terminalreporter.config.getoption("--chaos"):
        tried: Counter[str] = Counter()
        for report in terminalreporter.stats.get("passed", ()):
            for name, value in report.user_properties:
                if name == "tried":
                    tried[value[0]] += value[1]
        terminalreporter.section("chaos")
        for line in table(tried):
            terminalreporter.line(line)
    unseen = {
        report.nodeid
        for reports in terminalreporter.stats.values()
        for report in reports
        if isinstance(report, pytest.TestReport)
        if ("not judged", ABSENT) in report.user_properties or (report.skipped and ABSENT in str(report.longrepr))
    }
    if unseen:
        folders = sorted({each.partition("::")[0].rpartition("/")[0] for each in unseen})
        message = f"NOT JUDGED by the published description: {len(unseen)} tests in {', '.join(folders)}."
        terminalreporter.section("NOT JUDGED", sep="!", red=True, bold=True)
        terminalreporter.line(message, red=True, bold=True)
        terminalreporter.line(f"Put it beside the checkout as {USUAL}, or name its directory in {VARIABLE}.", red=True)
