"""What was found in declarations → the forms that programs read: JSON, SARIF 2.1.0 for code scanning services, and the
workflow commands by which GitHub Actions shows findings at their lines."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from posixpath import normpath
from typing import Any
from urllib.parse import quote

from retinue.model.declared import Diagnostic, Position
from retinue.model.printable import Printable, inert, json_text, visible_lines
from retinue.planning.documents.account_types import VERSION, ValidateDocument
from retinue.planning.documents.plan_document import diagnostic_document

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LINK = re.compile(r" \(\[[^\]]*\]\([^)]*\)\)")


@dataclass(frozen=True, slots=True)
class Findings:
    """All that was found, and what the forms need besides.

    `valid` is whether there is anything to apply. `folder` leads from the working directory to the project, with
    forward slashes: what annotates files counts paths from there. `meanings` says what a code means, `version` is ours.
    """

    diagnostics: tuple[Diagnostic, ...]
    valid: bool
    folder: str = ""
    meanings: Mapping[str, str] = field(default_factory=dict)
    version: str = ""

    @property
    def placed(self) -> tuple[Diagnostic, ...]:
        """The diagnostics with paths from the working directory."""
        return tuple(
            replace(
                each,
                position=self._from_here(each.position) if each.position else None,
                related=tuple((words, self._from_here(position)) for words, position in each.related),
            )
            for each in self.diagnostics
        )

    def _from_here(self, position: Position) -> Position:
        # What is shared by several projects lies beside this one, and so perhaps below the working directory.
        return replace(position, file=normpath(f"{self.folder}/{position.file}")) if self.folder else position


def described(diagnostic: Diagnostic) -> str:
    """The message with its hint and the further places, for forms that have one text for all of it."""
    lines = [diagnostic.message]
    lines += [f"{words}: {place.file}:{place.line}:{place.column}" for words, place in diagnostic.related]
    return "\n".join([*lines, *([f"hint: {diagnostic.hint}"] if diagnostic.hint else [])])


def findings_document(findings: Findings) -> ValidateDocument:
    """The findings as plain JSON data."""
    return {
        "format_version": VERSION,
        "valid": findings.valid,
        "diagnostics": [*map(diagnostic_document, findings.diagnostics)],
    }


# ── SARIF ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


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
    return json_text(log)


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


# ── annotations ───────────────────────────────────────────────────────────────────────────────────────────────────────


def render_annotations(diagnostics: Iterable[Diagnostic]) -> Printable:
    """A line for each finding, which is a command and has none in it; paths must count from the root of the
    repository."""
    return Printable("".join(f"{_workflow_command(each)}\n" for each in diagnostics))


def _workflow_command(each: Diagnostic) -> str:
    place = each.position
    where = {"file": place.file, "line": max(place.line, 1), "col": max(place.column, 1)} if place else {}
    properties = ",".join(f"{key}={_property(str(value))}" for key, value in {**where, "title": each.code}.items())
    return f"::{each.severity} {properties}::{_data(described(each))}"


def _data(text: str) -> str:
    """A message as commands take it. Line breaks are kept; what else would move the cursor becomes visible first."""
    return inert(visible_lines(text)).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
