"""Pictures of what a plan looks like, for the pages: `python -m tests.docs.pictures` takes them, with a browser.

A plan of a project that `retinue init` writes, after a change of its prompt, its documents and its name: as a page
(`--html`), and as a comment (`--format github`) the way a host renders Markdown.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

from tests.docs.pages import ROOT
from tests.docs.runner import TODAY
from tests.support.browser import Browser, find_browser, running_browser

PICTURES = ROOT / "docs" / "pictures"
STYLE = """
:root { color-scheme: light dark; }
body { margin: 0; background: light-dark(#f6f8fa, #0d1117); color: light-dark(#1f2328, #e6edf3);
  font: 14px/1.5 system-ui, sans-serif; }
article { max-width: 820px; margin: 16px auto; padding: 12px 16px; border: 1px solid light-dark(#d0d7de, #30363d);
  border-radius: 6px; background: light-dark(#fff, #0d1117); }
h2 { margin: 4px 0 12px; font-size: 1.4em; } h3 { font-size: 1.1em; }
code { font: 12px/1.5 ui-monospace, monospace; background: light-dark(#eff1f3, #262c36); padding: 2px 4px;
  border-radius: 4px; overflow-wrap: anywhere; }
pre { overflow: auto; padding: 10px; background: light-dark(#f6f8fa, #161b22); border-radius: 6px; }
pre code { display: inline-block; min-width: 100%; padding: 0; background: none; overflow-wrap: normal; }
table { border-collapse: collapse; } td, th { padding: 4px 10px; border: 1px solid light-dark(#d0d7de, #30363d); }
pre .gone { display: block; background: light-dark(#ffebe9, #67060c); }
pre .new { display: block; background: light-dark(#dafbe1, #033a16); }
"""


@dataclass(frozen=True)
class View:
    """One picture: of what, how wide in pixels, and for whom."""

    name: str
    of: str
    width: int
    dark: bool = False


VIEWS = (
    View("plan-page", "plan.html", 1280),
    View("plan-page-phone", "plan.html", 375, dark=True),
    View("plan-comment", "comment.html", 1280),
    View("plan-comment-phone", "comment.html", 375, dark=True),
)


def make_pages(directory: Path) -> None:
    """Write `plan.html` and `comment.html` of a changed project."""
    project = directory / "desk"
    _retinue(directory, "init", "desk", "--yes")
    _retinue(project, "apply", "--yes")
    prompt = project / "assistants" / "prompts" / "concierge.md"
    prompt.write_text(prompt.read_text().replace("at most five sentences", "at most three sentences"))
    declared = project / "assistants" / "concierge.yaml"
    declared.write_text(declared.read_text().replace("name: Concierge", "name: Front desk"))
    (project / "assistants" / "handbook" / "parking.md").write_text("# Parking\n\nThere are eight parking spaces.\n")
    comment = _retinue(project, "plan", "--html", str(directory / "plan.html"), "--format", "github")
    (directory / "comment.html").write_text(render_comment(comment), encoding="utf-8")


def render_comment(markdown: str) -> str:
    """A comment as a host shows it, about: GitHub's own colours of a `diff` block, details unfolded."""
    body = MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown)
    lines = []
    for line in body.replace("<details>", "<details open>").split("\n"):
        sort = {"+": "new", "-": "gone"}.get(line[:1])
        lines.append(f'<span class="{sort}">{line}</span>' if sort else line)
    text = "\n".join(lines).replace("</span>\n", "</span>")
    return f'<!doctype html><meta charset="utf-8"><style>{STYLE}</style><article>{text}</article>'


def take(browser: Browser, pages: Path, views: tuple[View, ...] = VIEWS, into: Path = PICTURES) -> Iterator[Path]:
    """Take the pictures, each of the whole page. Raises PageError where a page is wider than the window."""
    for view in views:
        browser.show(view.width, 300, dark=view.dark)
        browser.open((pages / view.of).as_uri())
        browser.wait_for(f"document.documentElement.scrollWidth <= {view.width}")
        file = into / f"{view.name}.png"
        browser.picture(file, whole=True)
        yield file


def _retinue(directory: Path, *args: str) -> str:
    environ = {**os.environ, "RETINUE_TODAY": TODAY, "NO_COLOR": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "retinue", *args],
        cwd=directory,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


if __name__ == "__main__":
    program = find_browser()
    if program is None:
        sys.exit("there is no Chromium on this machine")
    with tempfile.TemporaryDirectory() as made, running_browser(program, Path(made) / "profile") as page:
        make_pages(Path(made))
        for taken in take(page, Path(made)):
            sys.stdout.write(f"{taken.relative_to(ROOT)}\n")
