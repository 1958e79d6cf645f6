"""`retinue drift --pull-request`: one commit on a branch of the remote, one request, and nothing of the checkout."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Result, Shell

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

TEAM = "assistants:\n  tutor:\n    model: gpt-4o\n    name: Tutor   # shown\n    instructions: {file: tutor.md}\n"
FAKE = Path(__file__).parents[1] / "support" / "fake_host.py"
KEPT = ("refs/heads", "refs/tags", "refs/stash", "refs/retinue")
ADDRESSES = {"gh": "https://github.com/acme/shop.git", "glab": "git@gitlab.example.com:acme/tools/shop.git"}


@dataclass
class Shop:
    """A project in a clone of a bare repository, which has the address of one on a host."""

    shell: Shell
    root: Path
    origin: Path
    state: Path

    def git(self, *words: str, at: Path | None = None) -> str:
        done = subprocess.run(["git", "-C", str(at or self.root), *words], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def run(self, *words: str) -> Result:
        return self.shell("drift", "--pull-request", *words)

    def edit(self, **fields: Any) -> None:
        """Somebody edits the tutor in a dashboard."""
        (tutor,) = [each for each in self.shell.team.listed("/assistants") if "retinue" in each["metadata"]]
        self.shell.team.send("post", f"/assistants/{tutor['id']}", fields)

    def branches(self) -> dict[str, str]:
        listed = self.git("for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads", at=self.origin)
        return dict(each.split(" ") for each in listed.splitlines())

    def branch(self) -> str:
        return self.branches()["retinue/drift-test"]

    def requests(self) -> list[dict[str, Any]]:
        kept = self.state / "requests.json"
        found: list[dict[str, Any]] = json.loads(kept.read_text()) if kept.exists() else []
        return found

    def calls(self) -> list[list[str]]:
        return [json.loads(line) for line in (self.state / "calls.jsonl").read_text().splitlines()]

    def checkout(self) -> tuple[Any, ...]:
        """Everything of the clone that its owner may look at."""
        files = {str(each): each.read_bytes() for each in self.root.glob("*") if each.is_file()}
        return files, self.git("status", "--porcelain"), self.git("for-each-ref", *KEPT), self.git("rev-parse", "HEAD")


on_both_hosts = pytest.mark.parametrize("program", ["gh", "glab"], indirect=True)


@pytest.fixture
def program(request: pytest.FixtureRequest) -> str:
    return str(getattr(request, "param", "gh"))


@pytest.fixture
def shop(shell: Shell, program: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Shop:
    outside = tmp_path_factory.mktemp("outside")
    origin, bin_, state = outside / "origin.git", outside / "bin", outside / "state"
    bin_.mkdir()
    state.mkdir()
    fake = bin_ / program
    fake.write_text(f"#!{sys.executable}\n{FAKE.read_text()}")
    fake.chmod(0o755)
    (bin_ / "git").symlink_to(str(shutil.which("git")))
    monkeypatch.setenv("PATH", str(bin_))
    monkeypatch.setenv("STATE", str(state))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(outside / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    (outside / "gitconfig").write_text(
        f"[user]\n\tname = A\n\temail = a@example.com\n[init]\n\tdefaultBranch = main\n"
        f'[url "{origin}"]\n\tinsteadOf = {ADDRESSES[program]}\n'
    )
    root = shell.team.root
    made = Shop(shell, root, origin, state)
    shell.write("team.yaml", TEAM)
    shell.write("tutor.md", "Be kind.\n")
    shell.write(".gitignore", ".retinue/\n")
    assert shell("apply", "--yes").code == 0
    subprocess.run(["git", "init", "--quiet", "--bare", str(origin)], check=True)
    made.git("init", "--quiet")
    made.git("add", "-A")
    made.git("commit", "--quiet", "-m", "first")
    made.git("remote", "add", "origin", ADDRESSES[program])
    made.git("push", "--quiet", "origin", "main")
    return made


@on_both_hosts
def test_what_is_accepted_is_a_commit_and_a_request_and_the_checkout_is_as_it_was(shop: Shop, program: str) -> None:
    shop.edit(name="Teacher", instructions="Be strict.")
    (shop.root / "notes.txt").write_text("mine")
    (shop.root / "tutor.txt").write_text("staged")
    shop.git("add", "tutor.txt")
    before = shop.checkout()
    done = shop.run()
    assert done.code == 0, done.err
    assert shop.checkout() == before
    assert done.out.splitlines()[-1].startswith(
        f"opened   {'pull' if program == 'gh' else 'merge'} request https://host/7"
    )
    assert shop.git("diff", "--name-only", "main", shop.branch(), at=shop.origin).split() == ["team.yaml", "tutor.md"]
    assert "name: Teacher   # shown" in shop.git("show", f"{shop.branch()}:team.yaml", at=shop.origin)
    assert shop.git("show", f"{shop.branch()}:tutor.md", at=shop.origin) == "Be strict."
    assert shop.git("log", "--format=%an", "main..retinue/drift-test", at=shop.origin) == "A"
    (request,) = shop.requests()
    assert request["title"] == "Accept drift of test"
    text = request["body" if program == "gh" else "description"]
    assert "`assistant.tutor.name`" in text
    assert "Be strict." in text


@on_both_hosts
def test_a_second_run_brings_the_same_request_up_to_date(shop: Shop) -> None:
    shop.edit(name="Teacher")
    assert shop.run().code == 0
    first = shop.branch()
    assert shop.run().out.splitlines()[-1].startswith("kept ")
    assert shop.branch() == first
    assert [words[words.index("--method") + 1] for words in shop.calls()] == ["GET", "POST", "GET"]
    shop.edit(name="Professor")
    assert shop.run().out.splitlines()[-1].startswith("updated ")
    assert shop.git("rev-list", "--count", "main..retinue/drift-test", at=shop.origin) == "1"
    assert "name: Professor" in shop.git("show", f"{shop.branch()}:team.yaml", at=shop.origin)
    assert len(shop.requests()) == 1


def test_only_what_is_named_is_in_the_request(shop: Shop) -> None:
    shop.edit(name="Teacher", instructions="Be strict.")
    assert shop.run("--accept", "assistant.tutor.instructions").code == 0
    assert shop.git("diff", "--name-only", "main", shop.branch(), at=shop.origin) == "tutor.md"


def test_where_nothing_drifted_nothing_is_opened_and_nothing_closed(shop: Shop) -> None:
    done = shop.run()
    assert (done.code, done.out) == (0, "nothing to accept: no request is opened, and none is closed\n")
    shop.edit(name="Teacher")
    shop.run()
    shop.edit(name="Tutor")
    again = shop.run()
    assert again.code == 0
    assert "https://host/7: merge it or close it" in again.out
    assert len(shop.requests()) == 1


def test_what_cannot_be_accepted_is_told_in_the_request(shop: Shop) -> None:
    (shop.root / "team.yaml").write_text(TEAM.replace("gpt-4o", "${{ var.model }}"))
    (shop.root / "retinue.yaml").write_text("stack: test\ninclude: [team.yaml]\nvariables: {model: gpt-4o}\n")
    shop.git("commit", "--quiet", "-am", "a variable")
    shop.git("push", "--quiet", "origin", "main")
    shop.edit(name="Teacher", model="gpt-4.1")
    assert shop.run().code == 5
    (request,) = shop.requests()
    assert "assistant.tutor.model cannot be accepted" in json.dumps(request)


# ── what is in the way ────────────────────────────────────────────────────────────────────────────────────────────────


def refused(shop: Shop, *words: str, code: int = 1) -> str:
    before = shop.branches()
    done = shop.run(*words)
    assert done.code == code, done.err
    assert shop.branches() == before
    assert shop.requests() == []
    return " ".join(done.err.split())


def test_changes_of_the_same_file_that_are_not_pushed_do_not_get_in(shop: Shop) -> None:
    shop.edit(name="Teacher")
    (shop.root / "team.yaml").write_text(f"# mine\n{TEAM}")
    assert "'team.yaml' is not here as it is on origin/main" in refused(shop, code=4)
    shop.git("commit", "--quiet", "-am", "mine")
    assert "push or set aside what you changed" in refused(shop, code=4)


def test_commits_of_others_on_the_branch_are_not_lost(shop: Shop) -> None:
    shop.edit(name="Teacher")
    shop.git("push", "--quiet", "origin", "main:retinue/drift-test")
    said = refused(shop, code=4)
    assert "somebody else committed to the branch 'retinue/drift-test' of 'origin'" in said


def test_without_a_branch_it_has_to_be_said_what_the_request_is_for(shop: Shop) -> None:
    shop.edit(name="Teacher")
    shop.git("checkout", "--quiet", "--detach")
    assert "(detached HEAD)" in refused(shop)
    assert "'origin' has no branch 'develop'" in refused(shop, "--base", "develop")
    assert shop.run("--base", "main").code == 0


@on_both_hosts
def test_who_is_not_logged_in_is_told_how(shop: Shop, program: str) -> None:
    shop.edit(name="Teacher")
    (shop.state / "logged-out").touch()
    assert f"'{program} auth login --hostname" in refused(shop)


@pytest.mark.parametrize(("missing", "said"), [("git", "git is not installed"), ("gh", "'gh', which speaks to")])
def test_a_program_that_is_not_installed_is_named(shop: Shop, missing: str, said: str) -> None:
    (shop.state.parent / "bin" / missing).unlink()
    done = shop.run()
    assert done.code == 1
    assert said in done.err


def test_a_remote_that_is_a_directory_has_no_requests(shop: Shop) -> None:
    shop.edit(name="Teacher")
    shop.git("remote", "set-url", "origin", str(shop.origin))
    assert "is on no host that has pull requests" in refused(shop)


def test_a_directory_that_is_no_repository_is_told_as_that(shop: Shop) -> None:
    shutil.rmtree(shop.root / ".git")
    done = shop.run()
    assert done.code == 1
    assert "is in no git repository" in done.err


def test_a_base_without_a_request_is_a_slip(shop: Shop) -> None:
    assert shop.shell("drift", "--base", "main").code == 64
