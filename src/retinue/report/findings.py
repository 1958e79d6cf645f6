"""What was found in declarations, in every form that programs read. The text for people is in `diagnostics`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from retinue.core.model import Diagnostic, Position
from retinue.core.plan_file import diagnostic_document

FindingsFormat = Literal["json", "sarif", "github", "junit"]


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
        return replace(position, file=f"{self.folder}/{position.file}") if self.folder else position


def render_findings(findings: Findings, form: FindingsFormat) -> str:
    """The findings in one of the forms; empty where the form has nothing to say about a project without mistakes."""
    match form:
        case "sarif":
            from retinue.report.sarif import render_sarif

            return render_sarif(findings)
        case "github":
            from retinue.report.annotations import render_annotations

            return render_annotations(findings.placed)
        case "junit":
            from retinue.report.junit import render_findings_junit

            return render_findings_junit(findings.diagnostics)
    document = {"valid": findings.valid, "diagnostics": [*map(diagnostic_document, findings.diagnostics)]}
    return json.dumps(document, indent=2, ensure_ascii=False)


def described(diagnostic: Diagnostic) -> str:
    """The message with its hint and the further places, for forms that have one text for all of it."""
    lines = [diagnostic.message]
    lines += [f"{words}: {place.file}:{place.line}:{place.column}" for words, place in diagnostic.related]
    return "\n".join([*lines, *([f"hint: {diagnostic.hint}"] if diagnostic.hint else [])])
