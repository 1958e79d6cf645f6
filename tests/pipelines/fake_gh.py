"""A stand-in for the program `gh`: answers from files below $STATE, and notes what it was asked."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import jq

STATE = Path(os.environ["STATE"])
BOT = "github-actions[bot]"
LONGEST = 65536


def read(name: str) -> Any:
    path = STATE / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def remember(name: str, value: Any) -> None:
    (STATE / f"{name}.json").write_text(json.dumps(value))


def show(value: Any, program: str | None) -> None:
    for each in jq.compile(program).input_value(value).all() if program else [value]:
        sys.stdout.write((each if isinstance(each, str) else json.dumps(each)) + "\n")


def body_of(text: str) -> str:
    if len(text) > LONGEST:
        sys.exit("gh: Validation Failed (HTTP 422): body is too long (maximum is 65536 characters)")
    return text


def api(args: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("path")
    parser.add_argument("--paginate", action="store_true")
    parser.add_argument("--silent", action="store_true")
    parser.add_argument("--method", default="GET")
    parser.add_argument("--field", action="append", default=[])
    parser.add_argument("--jq")
    given = parser.parse_args(args)
    parts = given.path.split("/")[3:]
    if parts[0] == "issues" and parts[-1] == "comments":
        comments = [each for each in read("comments").values() if each["issue"] == parts[1]]
        show(comments, given.jq)
    elif parts[:2] == ["issues", "comments"] and given.method == "PATCH":
        comments = read("comments")
        name, _, value = given.field[0].partition("=")
        assert name == "body", name
        assert value.startswith("@"), value
        comments[parts[2]]["body"] = body_of(Path(value[1:]).read_text())
        remember("comments", comments)
    elif parts[0] == "commits" and parts[-1] == "pulls":
        show(read("pulls").get(parts[1], []), given.jq)
    elif parts[0] == "pulls" and parts[-1] == "reviews":
        show(read("reviews").get(parts[1], []), given.jq)
    elif parts[:2] == ["actions", "runs"] and parts[3].startswith("artifacts?name="):
        name = parts[3].partition("=")[2]
        kept = (STATE / "artifacts" / parts[2] / name).is_dir()
        made = read("made").get(f"{parts[2]}/{name}", "2026-11-22T09:00:00Z")
        show({"artifacts": [{"name": name, "expired": False, "created_at": made}] if kept else []}, given.jq)
    else:
        sys.exit(f"gh: Not Found (HTTP 404): {given.method} {given.path}")


def pr_comment(args: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("number")
    parser.add_argument("--body-file", required=True)
    given = parser.parse_args(args)
    comments = read("comments")
    body = body_of(Path(given.body_file).read_text())
    comments[str(len(comments) + 101)] = {
        "id": len(comments) + 101,
        "issue": given.number,
        "user": {"login": BOT},
        "body": body,
    }
    remember("comments", comments)


def run_list(args: list[str]) -> None:
    parser = argparse.ArgumentParser()
    for name in ("workflow", "event", "commit", "status", "limit", "json", "jq"):
        parser.add_argument(f"--{name}")
    given = parser.parse_args(args)
    # A workflow has succeeded when all of its jobs have; the newest comes first.
    found = [
        {"databaseId": int(number)}
        for number, run in sorted(read("runs").items(), key=lambda each: -int(each[0]))
        if (run["workflow"], run["event"], run["sha"], run["status"])
        == (given.workflow, given.event, given.commit, given.status)
    ]
    show(found[: int(given.limit)], given.jq)


def run_download(args: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("number")
    parser.add_argument("--name")
    parser.add_argument("--dir")
    given = parser.parse_args(args)
    source = STATE / "artifacts" / given.number / given.name
    if not source.is_dir():
        sys.exit("no valid artifacts found to download")
    shutil.copytree(source, given.dir)


def issue(verb: str, args: list[str]) -> None:
    parser = argparse.ArgumentParser()
    if verb in ("edit", "close"):
        parser.add_argument("number")
    for name in ("state", "app", "limit", "json", "jq", "title", "body-file", "comment"):
        parser.add_argument(f"--{name}")
    given = parser.parse_args(args)
    issues = read("issues")
    if verb == "list":
        found = [each for each in issues.values() if each["state"] == given.state and each["app"] == given.app]
        show([{name: each[name] for name in given.json.split(",")} for each in found], given.jq)
        return
    number = getattr(given, "number", None) or str(len(issues) + 7)
    if verb == "create":
        issues[number] = {"number": int(number), "title": given.title, "state": "open", "app": "github-actions"}
    if verb in ("create", "edit"):
        issues[number]["body"] = body_of(Path(given.body_file).read_text())
    if verb == "close":
        issues[number] |= {"state": "closed", "comment": given.comment}
    remember("issues", issues)


def main(args: list[str]) -> None:
    with (STATE / "calls.jsonl").open("a") as stream:
        stream.write(json.dumps({"args": args, "environ": sorted(os.environ)}) + "\n")
    if not os.environ.get("GH_TOKEN"):
        sys.exit("gh: To use GitHub CLI in a GitHub Actions workflow, set the GH_TOKEN environment variable.")
    match args:
        case ["api", *rest]:
            api(rest)
        case ["pr", "comment", *rest]:
            pr_comment(rest)
        case ["run", "list", *rest]:
            run_list(rest)
        case ["run", "download", *rest]:
            run_download(rest)
        case ["issue", verb, *rest]:
            issue(verb, rest)
        case _:
            sys.exit(f"gh: unknown command {args}")


main(sys.argv[1:])
