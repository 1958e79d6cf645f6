"""The page of a plan as a whole, where it is written in pieces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retinue.report.plan.plan_page import page_pieces


def render_page(document: Mapping[str, Any]) -> str:
    return "".join(page_pieces(document))
