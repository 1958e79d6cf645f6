"""A stand-in for `gh` and `glab`, by the name it is called: keeps requests in $STATE, and notes what it was asked."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

STATE = Path(os.environ["STATE"])
NAMES = {
    "gh": {"number": "number", "url": "html_url", "body": "body", "source": "head", "target": "base"},
    "glab": {
        "number": "iid",
        "url": "web_url",
        "body": "description",
        "source": "source_branch",
        "target": "target_branch",
    },
}
COLLECTION = {"gh": "repos/acme/shop/pulls", "glab": "projects/acme%2Ftools%2Fshop/merge_requests"}


def main(program: str, words: list[str]) -> None:
    with (STATE / "calls.jsonl").open("a") as stream:
        stream.write(json.dumps([program, *words]) + "\n")
    if (STATE / "logged-out").exists():
        sys.stderr.write("To get started with GitHub CLI, please run:  gh auth login\n")
        sys.exit(4 if program == "gh" else 1)
    parser = argparse.ArgumentParser()
    parser.add_argument("api", choices=["api"])
    parser.add_argument("path")
    parser.add_argument("--hostname", required=True)
    parser.add_argument("--method", default="GET")
    parser.add_argument("--raw-field", action="append", default=[])
    parser.add_argument("--field", action="append", default=[])
    given = parser.parse_args(words)
    fields = dict(each.split("=", 1) for each in given.raw_field)
    for name, value in (each.split("=", 1) for each in given.field):
        fields[name] = Path(value.removeprefix("@")).read_text(encoding="utf-8")
    sys.stdout.write(json.dumps(answer(program, given.method, given.path, fields)))


def answer(program: str, method: str, path: str, fields: dict[str, str]) -> Any:
    names, kept = NAMES[program], STATE / "requests.json"
    requests = json.loads(kept.read_text()) if kept.exists() else []
    place, _, query = path.partition("?")
    number = place.removeprefix(COLLECTION[program]).lstrip("/")
    if method == "GET":
        wanted = parse_qs(query)
        source = wanted[names["source"]][0].rpartition(":")[2]
        target = wanted[names["target"]][0]
        return [each for each in requests if (each[names["source"]], each[names["target"]]) == (source, target)]
    if method == "POST":
        made = {names["number"]: len(requests) + 7, names["url"]: f"https://host/{len(requests) + 7}", **fields}
        requests.append(made)
    else:
        made = next(each for each in requests if each[names["number"]] == int(number))
        made |= fields
    kept.write_text(json.dumps(requests))
    return made


main(Path(sys.argv[0]).name, sys.argv[1:])
