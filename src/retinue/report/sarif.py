"""Findings → SARIF 2.1.0, which code scanning services take."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from typing import Any
from urllib.parse import quote

from retinue.model.declared import Diagnostic, Position
from retinue.report.findings import Findings, described

_LINK = re.compile(r" \(\[[^\]]*\]\([^)]*\)\)")
SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def render_sarif(findings: Findings) -> str:
    """One run with a result for each finding. Paths are relative to the working directory."""
    found = findings.placed
    codes = sorted({each.code for each in found})
    seen: Counter[tuple[str, ...]] = Counter()
    rules = [_rule(code, findings.meanings.get(code)) for code in codes]
    run = {
        "tool": {"driver": {"name": "retinue", "version": findings.version, "rules": rules}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(each, codes.index(each.code), seen) for each in found],
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2, ensure_ascii=False)


def _rule(code: str, meaning: str | None) -> dict[str, Any]:
    return {"id": code, **({"shortDescription": {"text": _LINK.sub("", meaning)}} if meaning else {})}


def _result(each: Diagnostic, rule: int, seen: Counter[tuple[str, ...]]) -> dict[str, Any]:
    related = [
        {"id": number, **_location(position), "message": _message(words)}
        for number, (words, position) in enumerate(each.related, start=1)
    ]
    # A finding is the same one as long as its code, file and message are: lines move. Equal ones are counted.
    same = (each.code, each.position.file if each.position else "", each.message)
    seen[same] += 1
    print_of = "\0".join([*same, str(seen[same])]).encode("utf-8", "replace")
    return {
        "ruleId": each.code,
        "ruleIndex": rule,
        "level": each.severity,
        "message": _message(described(each)),
        **({"locations": [_location(each.position)]} if each.position else {}),
        **({"relatedLocations": related} if related else {}),
        "partialFingerprints": {"finding/v1": hashlib.sha256(print_of).hexdigest()},
    }


def _message(text: str) -> dict[str, str]:
    """A text without links: in messages of SARIF, `[words](target)` would be one."""
    return {"text": text.replace("](", "] (")}


def _location(position: Position) -> dict[str, Any]:
    # SARIF counts from 1, and what is about a whole file has line 0 here.
    region = {"startLine": max(position.line, 1), "startColumn": max(position.column, 1)}
    uri = quote(position.file.encode("utf-8", "replace"), safe="/")
    return {"physicalLocation": {"artifactLocation": {"uri": uri, "uriBaseId": "%SRCROOT%"}, "region": region}}
