"""The program `jq`, by the library of the same name: the options that our pipelines use."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import jq

parser = argparse.ArgumentParser()
parser.add_argument("--raw-output", action="store_true")
parser.add_argument("--slurp", action="store_true")
parser.add_argument("--arg", nargs=2, action="append", default=[])
parser.add_argument("--argjson", nargs=2, action="append", default=[])
parser.add_argument("program")
parser.add_argument("file", nargs="?", type=Path)
given = parser.parse_args()

values = {**dict(given.arg), **{name: json.loads(text) for name, text in given.argjson}}
text = given.file.read_text() if given.file else sys.stdin.read()
try:
    for each in jq.compile(given.program, args=values).input_text(text, slurp=given.slurp).all():
        sys.stdout.write((each if given.raw_output and isinstance(each, str) else json.dumps(each)) + "\n")
except ValueError as error:
    sys.exit(f"jq: error: {error}")
