"""One plan document, every form it is printed in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal, get_args

from retinue.report.change_text import Detail

Format = Literal["text", "json", "markdown", "github"]
FORMATS: tuple[Format, ...] = get_args(Format)


def render(
    document: Mapping[str, Any], form: Format, *, detail: Detail = "hunks", width: int = 80, color: bool = False
) -> str:
    """The document in one of the formats. Width (in columns) and colour are for text only; JSON has every detail."""
    match form:
        case "json":
            return json.dumps(document, indent=2, ensure_ascii=False)
        case "markdown":
            from retinue.report.markdown import render_markdown

            return render_markdown(document, detail=detail)
        case "github":
            from retinue.report.github import render_github

            return render_github(document, detail=detail)
    from retinue.report.plan_text import render_plan

    return render_plan(document, detail=detail, width=width, color=color)
