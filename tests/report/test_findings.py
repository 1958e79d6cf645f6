"""Findings and drift in the forms of pipelines: what they say must be what was found, and hold any text."""

from __future__ import annotations

import json
import re
from typing import Any
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from retinue.config.problems import CODES
from retinue.model.declared import Diagnostic, Position
from retinue.report import render
from retinue.report.diagnostics.findings import Findings, render_annotations

hostile = st.text(max_size=20) | st.sampled_from(
    ["\r\n::error::x", "%0A,:", "\x1b[2J\0\ufffe\ud800", "]]><a/>", "[a](1)"]
)
positions = st.builds(Position, hostile, st.integers(0, 99), st.integers(0, 99))
diagnostics = st.builds(
    Diagnostic,
    st.sampled_from(["error", "warning"]),
    st.sampled_from(list(CODES)),
    hostile,
    st.none() | positions,
    st.none() | hostile,
    related=st.lists(st.tuples(hostile, positions), max_size=2).map(tuple),
)
several = st.lists(diagnostics, max_size=3).map(tuple)

# ── SARIF ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def record(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


TEXT = {"type": "string"}
MESSAGE = record(("text",), text=TEXT)
PLACE = record(
    ("artifactLocation", "region"),
    artifactLocation=record(("uri",), uri={**TEXT, "pattern": r"^[\w.~!$&'()*+,;=:@%/-]*$"}, uriBaseId=TEXT),
    region=record(
        ("startLine",),
        startLine={"type": "integer", "minimum": 1},
        startColumn={"type": "integer", "minimum": 1},
    ),
)
LOCATION = record(id={"type": "integer", "minimum": -1}, physicalLocation=PLACE, message=MESSAGE)
RESULT = record(
    ("message",),
    ruleId=TEXT,
    ruleIndex={"type": "integer", "minimum": -1},
    level={"enum": ["none", "note", "warning", "error"]},
    message=MESSAGE,
    locations={"type": "array", "items": LOCATION},
    relatedLocations={"type": "array", "items": LOCATION, "uniqueItems": True},
    partialFingerprints={"type": "object", "additionalProperties": TEXT},
)
RULE = record(("id",), id=TEXT, shortDescription=MESSAGE)
DRIVER = record(("name",), name=TEXT, version=TEXT, rules={"type": "array", "items": RULE, "uniqueItems": True})
RUN = record(
    ("tool",),
    tool=record(("driver",), driver=DRIVER),
    columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
    results={"type": "array", "items": RESULT},
)
# The part of the published schema of SARIF 2.1.0 that is used, closed: whatever else appears must be added here first.
SARIF = Draft202012Validator(
    record(
        ("version", "runs"),
        **{
            "$schema": {**TEXT, "format": "uri"},
            "version": {"const": "2.1.0"},
            "runs": {"type": "array", "items": RUN},
        },
    )
)


@given(several)
def test_sarif_is_what_the_standard_asks_for(found: tuple[Diagnostic, ...]) -> None:
    log = json.loads(render("findings", Findings(found, valid=False, meanings=CODES, version="1"), "sarif"))
    assert [error.message for error in SARIF.iter_errors(log)] == []
    (run,) = log["runs"]
    assert len(run["results"]) == len(found)
    for result, each in zip(run["results"], found, strict=True):
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == each.code
        assert result["level"] == each.severity
        assert ("locations" in result) is (each.position is not None)
        assert len(result.get("relatedLocations", ())) == len(each.related)
        assert "](" not in result["message"]["text"]
    prints = [result["partialFingerprints"]["finding/v1"] for result in run["results"]]
    assert len(set(prints)) == len(prints)


def test_a_finding_keeps_its_fingerprint_when_lines_move() -> None:
    def print_of(line: int) -> str:
        found = Diagnostic("error", "unknown-field", "unknown field 'x'", Position("a.yaml", line, 3))
        log = json.loads(render("findings", Findings((found,), valid=False), "sarif"))
        return str(log["runs"][0]["results"][0]["partialFingerprints"])

    assert print_of(3) == print_of(30)


# ── GitHub ────────────────────────────────────────────────────────────────────────────────────────────────────────────

COMMAND = re.compile(r"::(?P<severity>error|warning) (?P<properties>[^:\r\n]*)::(?P<message>[^\r\n]*)")


@given(several)
def test_every_annotation_is_one_command_whatever_it_says(found: tuple[Diagnostic, ...]) -> None:
    lines = render_annotations(found).split("\n")
    assert lines.pop() == ""
    assert len(lines) == len(found)
    for line, each in zip(lines, found, strict=True):
        command = COMMAND.fullmatch(line)
        assert command
        properties = dict(each.split("=", 1) for each in command["properties"].split(","))
        assert list(properties) == (["file", "line", "col", "title"] if each.position else ["title"])
        if each.message.isprintable() and "%" not in each.message:
            assert command["message"].split("%0A")[0] == each.message
        assert "%" not in re.sub("%(25|0D|0A)", "", command["message"])


# ── JUnit ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@given(several)
def test_junit_counts_what_failed(found: tuple[Diagnostic, ...]) -> None:
    root = ET.fromstring(render("findings", Findings(found, valid=False), "junit"))
    errors = sum(1 for each in found if each.severity == "error")
    assert root.get("failures") == str(errors) == str(len(root.findall(".//failure")))
    assert root.get("tests") == str(len(root.findall(".//testcase"))) == str(len(found) + (not errors))
