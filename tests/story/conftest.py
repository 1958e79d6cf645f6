"""Chapters follow each other: whoever runs one alone, or on a worker of its own, plays those before it first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from tests.story.company import Company, found_company

Chapter = Callable[[Company], None]


@dataclass
class Month:
    """What has been played so far."""

    company: Company
    played: list[Chapter] = field(default_factory=list)

    def catch_up(self, chapters: list[Chapter], wanted: Chapter) -> None:
        for chapter in chapters[len(self.played) : chapters.index(wanted)]:
            self.played.append(chapter)
            chapter(self.company)
        assert self.played == chapters[: chapters.index(wanted)], "chapters are played in their order"
        self.played.append(wanted)


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Month]:
    with found_company(tmp_path_factory.mktemp("company")) as company:
        yield Month(company)


@pytest.fixture
def company(month: Month, request: pytest.FixtureRequest) -> Company:
    """The company as the chapters before this one left it."""
    chapters = [each for name, each in vars(request.module).items() if name.startswith("test_")]
    try:
        month.catch_up(chapters, request.function)
    except AssertionError as error:
        told = f"an earlier chapter failed, {month.played[-1].__name__}: {error}"
        raise AssertionError(told) from error
    return month.company
