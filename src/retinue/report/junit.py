"""Findings, and the drift in a plan document, → JUnit XML, which pipelines show as tests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from retinue.core.model import Diagnostic
from retinue.report.findings import described
from retinue.report.ink import paint, visible
from retinue.report.plan_text import block_lines
from retinue.report.step_text import is_touched_outside, outside_block, step_summary
from retinue.report.values import count

WIDTH = 100
# What XML has no way to write, beyond what `visible` writes as an escape.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render_findings_junit(diagnostics: Sequence[Diagnostic]) -> str:
    """A failed test for each error, a passed one for each warning, and one that passes when there is no error."""
    cases = []
    for each in diagnostics:
        place = each.position
        where = f"{place.file}:{place.line}:{place.column} " if place else ""
        case = _case("retinue.validate", f"{where}{each.code}")
        if each.severity == "error":
            _fail(case, each.message, described(each), kind=each.code)
        else:
            SubElement(case, "system-out").text = _xml(f"warning: {described(each)}")
        cases.append(case)
    if not any(each.severity == "error" for each in diagnostics):
        cases.insert(0, _case("retinue.validate", "declarations"))
    return _document("retinue validate", cases)


def render_drift_junit(document: Mapping[str, Any], *, owned: Iterable[str] = ()) -> str:
    """A test for each address: it fails where somebody changed the object outside, and where something blocks it.

    `owned` are the addresses of the stack's objects; those that the document does not mention are as they should be.
    """
    steps: dict[str, list[Mapping[str, Any]]] = {each: [] for each in owned}
    for step in document["steps"]:
        steps.setdefault(step["address"], []).append(step)
    stack = document["stack"]
    cases = []
    for address in sorted(steps):
        case = _case(f"retinue.drift.{stack}", address)
        touched = [each for each in steps[address] if is_touched_outside(each)]
        if touched:
            lines = [line for each in touched for line in outside_block(each, detail="hunks", width=WIDTH, marks=True)]
            number = sum(len(each["changes"]) + len(each["files"]) for each in touched)
            _fail(case, f"{count(number, 'difference')} from what was applied", paint(lines, color=False), kind="drift")
        elif steps[address]:
            lines = [step_summary(each, {}) for each in steps[address]]
            SubElement(case, "system-out").text = _xml(paint(lines, color=False))
        cases.append(case)
    for block in document["blocks"]:
        case = _case(f"retinue.drift.{stack}", f"blocked {block['code']}")
        _fail(case, block["message"], paint(block_lines(block), color=False), kind=block["code"])
        cases.append(case)
    return _document(f"retinue drift {stack}", cases)


def _case(group: str, name: str) -> Element:
    return Element("testcase", {"classname": _xml(group), "name": _xml(visible(name)), "time": "0"})


def _fail(case: Element, message: str, text: str, *, kind: str) -> None:
    SubElement(case, "failure", {"message": _xml(message), "type": _xml(kind)}).text = _xml(text)


def _document(name: str, cases: Sequence[Element]) -> str:
    failed = sum(1 for each in cases if each.find("failure") is not None)
    counts = {"name": _xml(name), "tests": str(len(cases)), "failures": str(failed), "errors": "0", "time": "0"}
    root = Element("testsuites", counts)
    SubElement(root, "testsuite", {**counts, "skipped": "0"}).extend(cases)
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _xml(text: str) -> str:
    """Text that XML can hold: line breaks stay, other control characters become visible."""
    shown = "\n".join(visible(line) for line in text.split("\n"))
    return _NOT_XML.sub(lambda found: f"\\u{ord(found.group()):04x}", shown)
