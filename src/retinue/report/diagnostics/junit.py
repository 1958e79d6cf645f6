"""Findings, and drift, → JUnit XML, which pipelines show as tests."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from retinue.model.declared import Diagnostic
from retinue.model.printable import visible, visible_lines
from retinue.report.diagnostics.findings import described
from retinue.report.drift.drift_text import Item, Section, sections
from retinue.report.plan.plan_text import block_lines
from retinue.report.text.ink import paint

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


def render_drift_junit(document: Mapping[str, Any]) -> str:
    """A test for each object of the stack: it fails where the object is not as it was applied, or gone."""
    found: dict[str, list[tuple[Section, Item]]] = {each: [] for each in document["owned"]}
    cases = []
    group = f"retinue.drift.{document['stack']}"
    for section in sections(document, detail="hunks", width=WIDTH, marks=True):
        for item in section.items:
            if item.address is not None:
                found.setdefault(item.address, []).append((section, item))
            else:
                case = _case(group, section.title)
                _fail(case, section.title, paint([item.head], color=False), kind="drift")
                cases.append(case)
    for address in sorted(found):
        case = _case(group, address)
        if found[address]:
            lines = [line for _, item in found[address] for line in (item.head, *item.body)]
            titles = dict.fromkeys(section.title for section, _ in found[address])
            _fail(case, "; ".join(titles), paint(lines, color=False), kind="drift")
        cases.append(case)
    for block in document["blocks"]:
        case = _case(group, f"blocked {block['code']}")
        _fail(case, block["message"], paint(block_lines(block), color=False), kind=block["code"])
        cases.append(case)
    return _document(f"retinue drift {document['stack']}", cases)


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
    return _NOT_XML.sub(lambda found: f"\\u{ord(found.group()):04x}", visible_lines(text))
