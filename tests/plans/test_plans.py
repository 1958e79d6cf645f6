"""Every plan reads exactly as its golden directory says.

`RETINUE_UPDATE_GOLDENS=1 pytest tests/plans` rewrites the goldens; the difference is then reviewed like code.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from retinue import report
from retinue.planning.documents.plan_document import from_document, to_document
from retinue.report.plan.plan_text import render_plan
from tests.plans.cases import CASES, View
from tests.support.pages import render_page

HERE = Path(__file__).parent
ENDINGS = {"markdown": "md", "github": "md", "page": "html"}
UPDATING = bool(os.environ.get("RETINUE_UPDATE_GOLDENS"))


def render(document: dict[str, Any], view: View) -> str:
    match view:
        case "summary":
            return render_plan(document, detail="summary")
        case "full":
            return render_plan(document, detail="full")
        case "wide":
            return render_plan(document, width=160)
        case "markdown" | "github":
            return report.render("plan", document, view)
        case "page":
            return render_page(document)
        case "color":
            # Escape sequences as text, so that a golden can be read and compared anywhere.
            return render_plan(document, color=True).replace("\x1b", "\\e")
    return render_plan(document)


def golden(name: str, view: View) -> Path:
    return HERE / name / f"{view}.{ENDINGS.get(view, 'txt')}"


def check(path: Path, text: str) -> None:
    if UPDATING:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
    assert path.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("name", CASES)
def test_engine_makes_the_plan_of_the_golden(name: str) -> None:
    """The input of the renderer is what the engine makes today."""
    make, _ = CASES[name]
    check(HERE / name / "plan.json", json.dumps(to_document(make()), indent=1, ensure_ascii=True) + "\n")


@pytest.mark.parametrize(("name", "view"), [(name, view) for name, (_, views) in CASES.items() for view in views])
def test_plan_reads_as_its_golden(name: str, view: View) -> None:
    """The text is rendered from the document alone."""
    document = json.loads((HERE / name / "plan.json").read_text(encoding="utf-8"))
    check(golden(name, view), render(document, view))


@pytest.mark.parametrize("name", CASES)
def test_plan_survives_its_document(name: str) -> None:
    """Reading a document back and writing it again changes nothing that is shown."""
    document = json.loads((HERE / name / "plan.json").read_text(encoding="utf-8"))
    assert to_document(from_document(document)) == document


def test_every_golden_directory_has_a_case() -> None:
    """No golden outlives the case that made it."""
    kept = {path.relative_to(HERE) for path in HERE.glob("*/*") if path.parent.name != "__pycache__"}
    wanted = {golden(name, view).relative_to(HERE) for name, (_, views) in CASES.items() for view in views}
    assert kept == wanted | {Path(name, "plan.json") for name in CASES}
