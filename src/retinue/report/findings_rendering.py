"""What was found in declarations → one of the forms that programs read."""

from __future__ import annotations

import json
from typing import Literal

from retinue.planning.documents.plan_document import diagnostic_document
from retinue.report.findings import Findings

FindingsFormat = Literal["json", "sarif", "github", "junit"]


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
