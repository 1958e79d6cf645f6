"""A repository on GitHub, played: git is real, a real shell runs the scripts, and `gh` is a stand-in with a memory.

The account is the local one, served on loopback with a key, as any account of a team would be.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import openai
import yaml

from tests.pipelines.expressions import evaluate, filled
from tests.support.forms import beta
from tests.support.team import listed

HERE = Path(__file__).parent
REPOSITORY = "acme/shop"
TODAY = "2026-11-22"


@dataclass(frozen=True)
class Ended:
    """How a job ended: its exit code (None when it was skipped), what it printed and its summary."""

    code: int | None
    output: str
    summary: str


@dataclass
class GitHub:
    """`work` is a clone of the repository, `home` holds everything else. `secrets` and `variables` are those of the
    repository."""

    home: Path
    secrets: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.state.mkdir(parents=True)
        self.bin.mkdir()
        for name, script in (("gh", "fake_gh.py"), ("glab", "fake_glab.py"), ("jq", "fake_jq.py")):
            self._program(name, f'exec "{sys.executable}" "{HERE / script}" "$@"')
        self._program("pip", ":")
        self.git("init", "--quiet", "--bare", "--initial-branch=main", str(self.home / "origin.git"), cwd=self.home)
        self.git("clone", "--quiet", str(self.home / "origin.git"), str(self.work), cwd=self.home)
        self.git("checkout", "--quiet", "-B", "main")

    def _program(self, name: str, line: str) -> None:
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)

    @property
    def work(self) -> Path:
        return self.home / "work"

    @property
    def state(self) -> Path:
        return self.home / "state"

    @property
    def bin(self) -> Path:
        return self.home / "bin"

    # ── the repository ────────────────────────────────────────────────────────────────────────────────────────────────

    def git(self, *args: str, cwd: Path | None = None) -> str:
        identity = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "advice.detachedHead=false"]
        done = subprocess.run(
            ["git", *identity, *args], cwd=cwd or self.work, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def write(self, name: str, text: str) -> None:
        path = self.work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def commit(self, message: str) -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def push(self) -> str:
        """What is there, straight to main."""
        sha = self.commit("Change main")
        self.git("push", "--quiet", "origin", "HEAD:main")
        return sha

    def propose(self, branch: str, files: Mapping[str, str]) -> str:
        """Another commit of a branch, checked out as GitHub does for its pull request: merged with main."""
        known = branch in self.git("branch", "--list", branch)
        self.git("checkout", "--quiet", *([branch] if known else ["-b", branch, "main"]))
        for name, text in files.items():
            self.write(name, text)
        sha = self.commit(f"Change {', '.join(files)}")
        self.git("checkout", "--quiet", "--detach", "main")
        self.git("merge", "--quiet", "--no-ff", "--message", "merge", branch)
        return sha

    def merge(self, branch: str, number: int, *, repository: str = REPOSITORY, base: str = "main") -> str:
        """Squash it into main, which makes another commit of it; `base` is the branch that it was proposed for."""
        head = self.git("rev-parse", branch)
        self.git("checkout", "--quiet", "main")
        self.git("merge", "--quiet", "--squash", branch)
        sha = self.push()
        pulls = self.read("pulls")
        head_of = {"sha": head, "repo": {"full_name": repository}}
        merged = {"number": number, "merged_at": "2026-11-22T10:00:00Z", "base": {"ref": base}, "head": head_of}
        pulls[sha] = [merged]
        self.remember("pulls", pulls)
        return sha

    # ── what `gh` sees ────────────────────────────────────────────────────────────────────────────────────────────────

    def read(self, name: str) -> Any:
        path = self.state / f"{name}.json"
        return json.loads(path.read_text()) if path.exists() else {}

    def remember(self, name: str, value: Any) -> None:
        (self.state / f"{name}.json").write_text(json.dumps(value))

    def calls(self) -> list[dict[str, Any]]:
        path = self.state / "calls.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    # ── running ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def run(self, file: str, event: Mapping[str, Any]) -> dict[str, Ended]:
        """One run of a workflow: every job for every entry of its matrix, in order, by `job environment`.

        `event` is the context `github` beyond the usual; `inputs` in it are those of a run by hand.
        """
        workflow = yaml.safe_load((self.work / ".github" / "workflows" / file).read_text())
        number = str(len(self.read("runs")) + 1)
        ended: dict[str, Ended] = {}
        for name, job in workflow["jobs"].items():
            context: dict[str, Any] = {
                "github": {"repository": REPOSITORY, "token": "token-of-the-job", "ref": "refs/heads/main", **event},
                "inputs": event.get("inputs", {}),
                "secrets": self.secrets,
                "vars": self.variables,
            }
            for environment in filled(job["strategy"]["matrix"]["environment"], context):
                key = f"{name} {environment}"
                failed = any(each.code for each in ended.values())
                context["matrix"] = {"environment": environment}
                skipped = "if" in job and not evaluate(_bare(job["if"]), context)
                if skipped or (failed and job["strategy"].get("fail-fast", True)):
                    ended[key] = Ended(None, "", "")
                    continue
                temp = self.home / "temp" / number / key
                temp.mkdir(parents=True)
                ended[key] = _Job(self, workflow, job, context, temp, number).ended()
        sha = event.get("event", {}).get("pull_request", {}).get("head", {}).get("sha")
        status = "failure" if any(each.code for each in ended.values()) else "success"
        record = {"workflow": file, "event": event["event_name"], "sha": sha, "status": status}
        self.remember("runs", {**self.read("runs"), number: record})
        return ended


def instructions(client: openai.OpenAI) -> list[str]:
    """What the assistants of the account are told."""
    return [each["instructions"] for each in listed(client, "/assistants")]


def edit(client: openai.OpenAI, text: str) -> None:
    """Somebody in the dashboard gives the one assistant other instructions."""
    [desk] = listed(client, "/assistants")
    path = f"/assistants/{desk['id']}"
    client.post(path, cast_to=httpx2.Response, body={"instructions": text}, options={"headers": beta(path)})


def pull_request(number: int, sha: str, *, repository: str = REPOSITORY) -> dict[str, Any]:
    return {
        "event_name": "pull_request",
        "base_ref": "main",
        "event": {"pull_request": {"number": number, "head": {"sha": sha, "repo": {"full_name": repository}}}},
    }


def _bare(condition: Any) -> str:
    text = str(condition).strip()
    return text[3:-2] if text.startswith("${{") else text


@dataclass
class _Job:
    """One run of one job."""

    host: GitHub
    workflow: Mapping[str, Any]
    job: Mapping[str, Any]
    context: Mapping[str, Any]
    temp: Path
    run: str
    failed: int = 0
    output: str = ""

    def ended(self) -> Ended:
        summary = self.temp / "summary.md"
        exported = self.temp / "env"
        for path in (summary, exported):
            path.touch()
        context = {**self.context, "runner": {"temp": str(self.temp)}}
        for step in self.job["steps"]:
            condition = _bare(step["if"]) if "if" in step else ""
            # A condition that names no status is joined with success().
            if self.failed and "cancelled()" not in condition:
                continue
            if condition and not evaluate(condition, context):
                continue
            if "run" in step:
                self._script(step, context, summary, exported)
            else:
                self._action(step, context)
        return Ended(self.failed, self.output, summary.read_text())

    def _script(self, step: Mapping[str, Any], context: Mapping[str, Any], summary: Path, exported: Path) -> None:
        levels = (self.workflow.get("env", {}), self.job.get("env", {}), step.get("env", {}))
        given = {name: str(filled(value, context)) for level in levels for name, value in level.items()}
        kept = dict(line.split("=", 1) for line in exported.read_text().splitlines())
        defaults = self.workflow["defaults"]["run"]
        assert defaults["shell"] == "bash"
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", str(filled(step["run"], context))],
            cwd=self.host.work / defaults.get("working-directory", ""),
            env={
                "PATH": f"{self.host.bin}:{Path(sys.executable).parent}:{os.environ['PATH']}",
                "HOME": str(self.host.home),
                "LC_ALL": "C.UTF-8",
                "CI": "true",
                "GITHUB_ACTIONS": "true",
                "GITHUB_REPOSITORY": REPOSITORY,
                "GITHUB_SHA": self.host.git("rev-parse", "HEAD"),
                "GITHUB_STEP_SUMMARY": str(summary),
                "GITHUB_ENV": str(exported),
                "RUNNER_TEMP": str(self.temp),
                "RETINUE_TODAY": TODAY,
                "STATE": str(self.host.state),
                **kept,
                **given,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        self.output += done.stdout
        self.failed = self.failed or done.returncode

    def _action(self, step: Mapping[str, Any], context: Mapping[str, Any]) -> None:
        name = step["uses"].split("@")[0]
        assert name in ("actions/checkout", "actions/setup-python", "actions/upload-artifact"), name
        if name == "actions/upload-artifact":
            kept = self.host.state / "artifacts" / self.run / filled(step["with"]["name"], context)
            kept.mkdir(parents=True)
            for path in filled(step["with"]["path"], context).splitlines():
                shutil.copy(path, kept)
