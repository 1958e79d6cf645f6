"""What `render` prints is a file of declarations, and comes to the very same."""

from __future__ import annotations

from pathlib import Path

import pytest

from retinue.commands.diff import render
from retinue.session import Where, read
from tests.docs.runner import copy_example
from tests.laws.conftest import Sample


def assert_same(where: Where, rendered: str) -> None:
    before = read(where)
    root = before.project.root
    (root / "rendered.yaml").write_text(rendered, encoding="utf-8")
    project = (root / "retinue.yaml").read_text(encoding="utf-8")
    lines = [line for line in project.splitlines() if not line.startswith("include:")]
    (root / "retinue.yaml").write_text("\n".join([*lines, "include: rendered.yaml", ""]), encoding="utf-8")
    after = read(Where(root, environ=where.environ))
    assert {each.address: (each.spec, each.lifecycle, each.home) for each in after.declared} == {
        each.address: (each.spec, each.lifecycle, each.home) for each in before.declared
    }


@pytest.mark.parametrize("explain", [False, True], ids=["plain", "explained"])
def test_every_kind_is_printed_as_it_could_have_been_written(sample: Sample, tmp_path: Path, *, explain: bool) -> None:
    sample.team(tmp_path)
    where = Where(tmp_path, environ={})
    assert_same(where, render(where).yaml(explain=explain))


@pytest.mark.parametrize("explain", [False, True], ids=["plain", "explained"])
def test_so_is_the_example(tmp_path: Path, *, explain: bool) -> None:
    copy_example(tmp_path)
    where = Where(tmp_path, environ={})
    assert_same(where, render(where).yaml(explain=explain))
