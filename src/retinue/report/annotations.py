"""Findings → workflow commands, by which GitHub Actions shows them at their lines."""

from __future__ import annotations

from collections.abc import Iterable

from retinue.model.declared import Diagnostic
from retinue.report.findings import described
from retinue.report.ink import visible


def render_annotations(diagnostics: Iterable[Diagnostic]) -> str:
    """A line for each finding; paths must count from the root of the repository."""
    return "".join(f"{_command(each)}\n" for each in diagnostics)


def _command(each: Diagnostic) -> str:
    place = each.position
    where = {"file": place.file, "line": max(place.line, 1), "col": max(place.column, 1)} if place else {}
    properties = ",".join(f"{key}={_property(str(value))}" for key, value in {**where, "title": each.code}.items())
    return f"::{each.severity} {properties}::{_data(described(each))}"


def _data(text: str) -> str:
    """A message as commands take it. Line breaks are kept; what else would move the cursor becomes visible first."""
    shown = "\n".join(visible(line) for line in text.split("\n"))
    return shown.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
