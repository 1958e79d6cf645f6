"""`plan` in all its forms, from the command line."""

from __future__ import annotations

import json

from tests.cli.conftest import Shell


def test_every_form_tells_of_the_same_plan(project: Shell) -> None:
    digest = json.loads(project("plan", "--json").out)["digest"]
    assert json.loads(project("plan", "--format", "json").out)["digest"] == digest
    for form, start in (("markdown", "# Plan for `test`\n"), ("github", "<!-- retinue plan: test -->\n")):
        done = project("plan", "--format", form)
        assert (done.code, done.err) == (0, "")
        assert done.out.startswith(start)
        assert digest in done.out
        assert "Plan: 2 to add, 0 to change, 0 to destroy." in done.out


def test_a_page_is_written_besides(project: Shell) -> None:
    page = project.team.root / "plan.html"
    done = project("plan", "--html", str(page), "--detailed-exitcode")
    assert done.code == 2
    assert "Plan: 2 to add" in done.out
    assert done.err == f"wrote {page}\n"
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>\n")


def test_a_page_that_cannot_be_written_is_an_error(project: Shell) -> None:
    page = project.team.root / "missing" / "plan.html"
    done = project("plan", "--html", str(page))
    assert done.code == 1
    assert (
        done.err == f"error: cannot write '{page}': no such file or directory\n  hint: choose another file for --html\n"
    )
