"""What storage costs a day, as a plan says it where the project file has prices, and says nothing where not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from retinue.cli import main
from retinue.planning.documents.plan_digest import plan_digest
from tests.cli.conftest import Shell
from tests.support.team import Team

PLAIN = "stack: test\ninclude: ['*.yaml']\n"
PRICED = PLAIN + "prices: {vector_store_gb_day: 0.10}\n"
DEAR = PLAIN + "prices: {vector_store_gb_day: 12345.6, currency: CHF}\n"
STORE = "vector_stores:\n  kb: {name: Knowledge, files: [kb/*.md]}\n"


@pytest.fixture
def kb(shell: Shell) -> Shell:
    """A store with a file of 3,000 bytes, declared and not applied."""
    shell.write("retinue.yaml", DEAR)
    shell.write("s.yaml", STORE)
    shell.write("kb/a.md", "a" * 3_000)
    return shell


def storage(shell: Shell, *args: str) -> Any:
    return json.loads(shell("plan", "--json", *args).out).get("storage")


def line(shell: Shell, *args: str) -> list[str]:
    return [each for each in shell("plan", *args).out.splitlines() if "Storage" in each]


def usage(shell: Shell) -> int:
    return sum(each["usage_bytes"] for each in shell.team.listed("/vector_stores"))


def test_a_life_of_a_store(kb: Shell) -> None:
    """It comes, changes, and goes: each time the line tells of it, and what goes is what the account billed."""
    shown = kb("plan").out.splitlines()
    assert shown[-3:-1] == [
        "Plan: 1 to add, 0 to change, 0 to destroy.",
        "Storage: about +0.04 CHF a day (+3.0 KB; new files by their size)",
    ]
    assert kb("apply", "--yes").code == 0
    took = usage(kb)
    assert line(kb) == []
    assert storage(kb) == {
        "bytes": 0, "per_day": "0", "currency": "CHF", "gb_day": "12345.6", "unknown": 0, "stores": []
    }  # fmt: skip

    kb.write("kb/b.md", "b" * 6_000)
    [told] = storage(kb)["stores"]
    assert told == {
        "address": "vector_store.kb", "bytes": 2 * took, "added": 2 * took, "removed": 0, "basis": "usage_ratio",
        "unknown": 0,
    }  # fmt: skip
    assert line(kb) == ["Storage: about +0.10 CHF a day (+8.0 KB; new files by the ratio of their store)"]
    assert kb("apply", "--yes").code == 0
    together = usage(kb)

    kb.write("s.yaml", "{}\n")
    gone = storage(kb)
    assert (gone["bytes"], gone["stores"][0]["basis"]) == (-together, None)
    [said] = line(kb)
    assert said.startswith("Storage: about -0.")
    assert said.endswith(f" CHF a day (-{together / 1000:.1f} KB)")
    assert line(kb, "--format", "markdown") == [f"`{said}`"]
    assert kb("destroy", "--yes").out.count("Storage: about -") == 1


def test_a_saved_plan_a_comment_and_a_page_say_the_same(kb: Shell) -> None:
    [said] = line(kb)
    assert line(kb, "--format", "github", "--detail", "summary") == [f"`{said}`"]
    root = kb.team.root
    assert kb("plan", "--out", str(root / "plan.json"), "--html", str(root / "plan.html")).code == 0
    kb.capture.readouterr()
    assert main(["show-plan", str(root / "plan.json")]) == 0
    assert said in kb.capture.readouterr().out.splitlines()
    assert f"<p>{said}</p>" in (root / "plan.html").read_text(encoding="utf-8").splitlines()


def test_a_few_bytes_cost_less_than_there_are_digits_for(kb: Shell) -> None:
    kb.write("retinue.yaml", PRICED)
    assert line(kb) == ["Storage: less than 0.0001 USD a day (+3.0 KB; new files by their size)"]
    assert storage(kb)["per_day"] == "0.0000003"


def test_without_prices_nothing_is_said(kb: Shell) -> None:
    kb.write("retinue.yaml", PLAIN)
    assert line(kb) == []
    assert storage(kb) is None
    kb.write("retinue.yaml", PLAIN + "prices: {currency: EUR}\n")
    assert storage(kb) is None


def test_an_environment_may_have_prices_of_its_own(kb: Shell) -> None:
    own = "environments: {a: {prices: {vector_store_gb_day: 2}}, b: {prices: {vector_store_gb_day: null}}, c: {}}\n"
    kb.write("retinue.yaml", DEAR + own)
    prices = {name: storage(kb, "-e", name) for name in "abc"}
    assert (prices["a"]["gb_day"], prices["a"]["currency"], prices["a"]["per_day"]) == ("2", "CHF", "0.000006")
    assert prices["b"] is None
    assert prices["c"]["gb_day"] == "12345.6"


@pytest.mark.parametrize(
    ("prices", "said"),
    [
        ("{vector_store_gb_day: -1}", "'vector_store_gb_day' "),
        ("{vector_store_gb_day: '0.10'}", "'vector_store_gb_day' "),
        ("{vector_store_gb_day: .inf}", ".inf"),
        ("{vector_store_gb_day: 1, currency: dollars}", "'currency' cannot be 'dollars'"),
        ("{vector_store_gb_dy: 1}", "did you mean 'vector_store_gb_day'?"),
    ],
)
def test_prices_that_are_none_are_refused_where_they_stand(kb: Shell, prices: str, said: str) -> None:
    kb.write("retinue.yaml", f"{PLAIN}prices: {prices}\n")
    refused = kb("validate")
    assert refused.code == 1
    assert said in refused.out + refused.err
    assert "retinue.yaml:3:" in refused.out + refused.err


def test_no_request_is_sent_for_it_and_the_digest_stays(tmp_path: Path) -> None:
    """Neither of an unchanged store nor of a large one that changes, whose files are known from notes: these tell what
    its other files take up."""
    team = Team(tmp_path, checked=False)
    team.write("s.yaml", STORE)
    for number in range(101):
        team.write(f"kb/{number:03}.md", f"# {number}\n")
    team.write("retinue.yaml", PRICED)
    assert team.apply().converged
    for word in ("", "Another text.\n"):
        team.write("kb/050.md", f"# 50\n{word}")
        team.write("retinue.yaml", PLAIN)
        plain, sent = team.plan(), list(team.calls)
        team.write("retinue.yaml", PRICED)
        priced = team.plan()
        assert sorted(team.calls) == sorted(sent)
        assert plan_digest(plain) == plan_digest(priced)
        assert plain.storage is None
        assert priced.storage is not None
        assert [each.basis for each in priced.storage.stores] == (["usage_ratio"] if word else [])
        assert not any(each.startswith("GET") and each.endswith("/files") for each in sent), "known from notes"


def test_notes_of_an_earlier_version_are_read_and_tell_no_ratio(tmp_path: Path) -> None:
    team = Team(tmp_path, checked=False)
    team.write("retinue.yaml", PRICED)
    team.write("s.yaml", STORE)
    for number in range(101):
        team.write(f"kb/{number:03}.md", f"# {number}\n")
    assert team.apply().converged
    [notes] = (tmp_path / ".retinue").glob("attached.*.json")
    noted = json.loads(notes.read_text(encoding="utf-8"))
    noted["files"] = [row[:7] for row in noted["files"]]
    notes.write_text(json.dumps(noted), encoding="utf-8")
    team.write("kb/050.md", "# 50\nAnother text.\n")
    storage = team.plan().storage
    assert storage is not None
    assert [(each.basis, each.unknown) for each in storage.stores] == [("file_size", 0)], "what goes was looked at"
    assert not any(each.endswith("/files") for each in team.calls)
