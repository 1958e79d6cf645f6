"""What people and machines read: plans, drift, events, objects and errors. Renders documents; decides nothing.

`render` is the one way from a document to a form of it, and `render_pieces` the same bit by bit; what there is only as
text has a function of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from retinue.model.printable import json_pieces, json_text

if TYPE_CHECKING:
    from retinue.report.text.change_text import Detail

Subject = Literal["plan", "drift", "diff", "findings"]
Form = Literal["text", "json", "markdown", "github", "junit", "sarif"]


def render_pieces(
    subject: Subject, document: Any, form: Form, *, detail: Detail = "hunks", width: int = 80, color: bool = False
) -> Iterator[str]:
    """The same in pieces that end where a line does: JSON, which holds whole texts several times, as it is written."""
    if form == "json" and subject != "findings":
        yield from json_pieces(document)
    else:
        yield render(subject, document, form, detail=detail, width=width, color=color)


def render(
    subject: Subject, document: Any, form: Form, *, detail: Detail = "hunks", width: int = 80, color: bool = False
) -> str:
    """A document (of findings: the `Findings`) in one of its forms; JSON has every detail.

    Width (in columns) and colour are for text only. Raises ValueError when the subject has no such form.
    """
    match subject, form:
        case "findings", "json":
            from retinue.report.diagnostics.findings import findings_document

            return json_text(findings_document(document))
        case _, "json":
            return json_text(document)
        case "plan", "text":
            from retinue.report.plan.plan_text import render_plan

            return render_plan(document, detail=detail, width=width, color=color)
        case "plan", "markdown":
            from retinue.report.plan.plan_markdown import render_plan_markdown

            return render_plan_markdown(document, detail=detail)
        case "plan", "github":
            from retinue.report.plan.plan_markdown import render_plan_comment

            return render_plan_comment(document, detail=detail)
        case "diff", "text":
            from retinue.report.plan.diff_text import render_diff

            return render_diff(document, detail=detail, width=width, color=color)
        case "diff", "markdown":
            from retinue.report.plan.diff_text import render_diff_markdown

            return render_diff_markdown(document, detail=detail)
        case "drift", "text":
            from retinue.report.drift.drift_text import render_drift

            return render_drift(document, detail=detail, width=width, color=color)
        case "drift", "markdown":
            from retinue.report.drift.drift_markdown import render_drift_markdown

            return render_drift_markdown(document, detail=detail)
        case "drift", "github":
            from retinue.report.drift.drift_markdown import render_drift_comment

            return render_drift_comment(document, detail=detail)
        case "drift", "junit":
            from retinue.report.diagnostics.junit import render_drift_junit

            return render_drift_junit(document)
        case "findings", "text":
            from retinue.report.diagnostics.diagnostic_text import render_diagnostics

            return render_diagnostics(document.diagnostics, width=width, color=color)
        case "findings", "sarif":
            from retinue.report.diagnostics.findings import render_sarif

            return render_sarif(document)
        case "findings", "github":
            from retinue.report.diagnostics.findings import render_annotations

            return render_annotations(document.placed)
        case "findings", "junit":
            from retinue.report.diagnostics.junit import render_findings_junit

            return render_findings_junit(document.diagnostics)
    raise ValueError(f"a {subject} document has no form '{form}'")
