"""What a folder gives: globs, what is left out of them, links, and how much work a pattern can ask for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from retinue.config import load
from retinue.config.globs import Listing, Pattern, Search
from retinue.config.project_files import Folder
from retinue.kinds import all_kinds

from .conftest import Files, Load, Write

TREE: Files = {
    "assistants/kb/a.md": "A\n",
    "assistants/kb/draft.md": "D\n",
    "assistants/kb/old/b.md": "B\n",
    "assistants/kb/old/draft.md": "D\n",
    "assistants/kb/old/older/c.md": "C\n",
    "assistants/kb/[x].md": "X\n",
    "assistants/kb/!loud.md": "L\n",
}
ALL = ["!loud.md", "[x].md", "a.md", "draft.md", "old/b.md", "old/draft.md", "old/older/c.md"]


def paths(found: Any) -> list[str]:
    return [each["path"].removeprefix("assistants/kb/") for each in found.declarations[0].spec["files"]]


@pytest.mark.parametrize(
    ("files", "left"),
    [
        ('["kb/**/*.md", "!kb/draft.md"]', ["draft.md"]),
        ('["!kb/draft.md", "kb/**/*.md"]', ["draft.md"]),
        ('["kb/**/*.md", "!draft.md"]', ["draft.md", "old/draft.md"]),
        ('["kb/**/*.md", "!d*.md"]', ["draft.md", "old/draft.md"]),
        ('["kb/**/*.md", "!kb/old"]', ["old/b.md", "old/draft.md", "old/older/c.md"]),
        ('["kb/**/*.md", "!old/"]', ["old/b.md", "old/draft.md", "old/older/c.md"]),
        ('["kb/**/*.md", "!kb/old/*.md"]', ["old/b.md", "old/draft.md"]),
        ('["kb/**/*.md", "!kb/old/**"]', ["old/b.md", "old/draft.md", "old/older/c.md"]),
        ('["kb/**/*.md", "!kb/**/c.md", "!./kb/a.md"]', ["a.md", "old/older/c.md"]),
        ('["kb/**/*.md", "!kb/[[]x].md", "!kb/!loud.md"]', ["!loud.md", "[x].md"]),
        ('["kb/**/*.md", "!*.tmp"]', []),
        ('[{path: "kb/**/*.md", exclude: kb/draft.md}]', ["draft.md"]),
        ('[{path: "kb/**/*.md", exclude: [draft.md, kb/a.md]}]', ["a.md", "draft.md", "old/draft.md"]),
        ('[{path: "kb/*.md", exclude: [draft.md]}, kb/old/**/*.md]', ["draft.md"]),
    ],
)
def test_what_is_left_out_of_a_folder(loaded: Load, files: str, left: list[str]) -> None:
    found = loaded({"assistants/a.yaml": f"vector_stores: {{s: {{files: {files}}}}}\n", **TREE})
    assert found.diagnostics == ()
    assert paths(found) == [each for each in ALL if each not in left]


@pytest.mark.parametrize(
    ("files", "code", "words"),
    [
        ('["kb/*.md", "!kb/drafd.md"]', "left-out", "did you mean '!kb/draft.md'?"),
        ('["kb/*.md", "!kb/nothing-like-it"]', "left-out", "correct it, or remove it"),
        ('["kb/*.md", "!../../x"]', "path-outside-project", "remove it: nothing outside of the project is taken in"),
        ('["kb/*.md", "!/x"]', "absolute-path", "remove it: nothing outside of the project is taken in"),
        (
            '[{path: "kb/*.md", exclude: ../../x}]',
            "path-outside-project",
            "remove it: nothing outside of the project is taken in",
        ),
        ('["kb/*.md", "!kb"]', "no-match", "remove it, or one of: !kb"),
        ('["kb/a.md", "!kb/a.md"]', "no-match", "remove it, or one of: !kb/a.md"),
        ('["kb/*.rst", "!kb"]', "no-match", "it was looked for in 'assistants/kb'"),
        ('["!kb/draft.md"]', "left-out", "correct it, or remove it"),
    ],
)
def test_an_exclusion_that_makes_no_sense_is_told(loaded: Load, files: str, code: str, words: str) -> None:
    found = loaded({"assistants/a.yaml": f"vector_stores: {{s: {{files: {files}}}}}\n", **TREE})
    assert [(each.code, each.hint) for each in found.diagnostics][:1] == [(code, words)]


def test_every_field_that_takes_a_folder_can_leave_something_out(loaded: Load) -> None:
    text = """\
skills:
  s: {folder: {path: kit, exclude: [drafts, kit/*.tmp]}}
assistants:
  a: {model: x, tools: [{code_interpreter: {files: ["kit/*", "!SKILL.md", "!*.tmp"]}}]}
"""
    kit: Files = {f"assistants/kit/{each}": "x\n" for each in ("SKILL.md", "a.txt", "b.tmp", "drafts/c.md")}
    found = loaded({"assistants/a.yaml": text, **kit})
    assert found.diagnostics == ()
    skill, assistant = sorted(found.declarations, key=lambda each: each.address.kind, reverse=True)
    assert set(skill.spec["folder"]) == {"SKILL.md", "a.txt"}
    (file,) = assistant.spec["tools"][0]["code_interpreter"]["files"]
    assert file["path"] == "assistants/kit/a.txt"


def test_include_can_leave_out_too(loaded: Load) -> None:
    files: Files = {
        "assistants/a.yaml": "assistants: {a: {model: x}}\n",
        "assistants/kb/b.yaml": "assistants: {b: {model: x}}\n",
        "more/c.yaml": "assistants: {c: {model: x}}\n",
    }
    for include, names in (
        ("['!assistants/kb']", ["a"]),
        ("['**/*.yaml', '!kb/', '!schemas']", ["a", "c"]),
        ("[more/c.yaml, 'assistants/**/*.yaml', '!a.yaml']", ["b", "c"]),
    ):
        found = loaded({"retinue.yaml": f"stack: demo\ninclude: {include}\n", **files})
        assert found.diagnostics == ()
        assert [each.address.name for each in found.declarations] == names


# ── what the account would not take ───────────────────────────────────────────────────────────────────────────────────


def test_what_a_glob_brings_along_is_left_out_with_a_word(loaded: Load) -> None:
    files: Files = {"assistants/kb/a.md": "A\n", "assistants/kb/empty.md": "", "assistants/kb/x.png": "PNG"}
    files |= {f"assistants/kb/{each}.csv": "1,2\n" for each in "pqr"}
    found = loaded({"assistants/a.yaml": "vector_stores: {s: {files: ['kb/**']}}\n", **files})
    assert paths(found) == ["a.md"]
    assert {each.severity for each in found.diagnostics} == {"warning"}
    assert [(each.message, each.hint) for each in found.diagnostics] == [
        ("'kb/empty.md' of 'kb/**' is empty, and is left out", "to say so, add '!kb/empty.md' to the list"),
        (
            "4 files of 'kb/**' are of a type that file search does not take, such as 'kb/p.csv'; they are left out",
            "to say so, add '!*.csv', '!*.png' to the list",
        ),
    ]
    said = "vector_stores: {s: {files: ['kb/**', '!kb/empty.md', '!*.csv', '!*.png']}}\n"
    again = loaded({"assistants/a.yaml": said, **files})
    assert (again.diagnostics, paths(again)) == ((), ["a.md"])


@pytest.mark.parametrize("written", ["[kb/empty.md]", "['kb/*']"])
def test_what_is_named_is_not_left_out(loaded: Load, written: str) -> None:
    found = loaded({"assistants/a.yaml": f"vector_stores: {{s: {{files: {written}}}}}\n", "assistants/kb/empty.md": ""})
    assert paths(found) == ["empty.md"], "the kind refuses it"


# ── links ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def linked(write: Write) -> Path:
    project = write(
        {
            "assistants/a.yaml": "vector_stores: {s: {files: ['kb/**/*.md']}}\n",
            "assistants/kb/real/a.md": "A\n",
            "shared/deep/b.md": "B\n",
        }
    )
    (project / "assistants/kb/shared").symlink_to("../../shared")
    return project


def names(project: Path) -> tuple[list[str], list[tuple[str, str]]]:
    found = load(project, environ={}, kinds=all_kinds())
    told = [(each.code, each.message) for each in found.diagnostics]
    return paths(found) if not any(each.severity == "error" for each in found.diagnostics) else [], told


def test_a_link_to_a_folder_of_the_project_is_followed(linked: Path) -> None:
    assert names(linked) == (["real/a.md", "shared/deep/b.md"], [])


@pytest.mark.parametrize(
    ("link", "target", "code", "words"),
    [
        ("again", "real", "linked-folder", "leads to 'assistants/kb/real', whose files are taken in there"),
        ("real/up", "..", "linked-folder", "leads back to a folder above it"),
        ("real/self", ".", "linked-folder", "leads back to a folder above it"),
        ("outside", "../../../elsewhere", "path-outside-project", "leads out of the project"),
        ("nothing", "gone", "missing-file", "is a symbolic link to nothing"),
        ("nothing.md", "gone.md", "missing-file", "is a symbolic link to nothing"),
        ("circle", "circle", "missing-file", "is a symbolic link to nothing"),
    ],
)
def test_no_link_is_passed_in_silence(
    linked: Path, tmp_path: Path, link: str, target: str, code: str, words: str
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (linked / "assistants/kb" / link).symlink_to(target)
    found, told = names(linked)
    assert {each[0] for each in told} == {code}
    assert f"'assistants/kb/{link}' {words}" in told[0][1]
    assert found in ([], ["real/a.md", "shared/deep/b.md"])
    (linked / "assistants/a.yaml").write_text(f"vector_stores: {{s: {{files: ['kb/**/*.md', '!kb/{link}']}}}}\n")
    (linked / "retinue.yaml").write_text("stack: demo\ninclude: ['assistants/**/*.yaml', '!assistants/kb']\n")
    assert names(linked) == (["real/a.md", "shared/deep/b.md"], [])


@pytest.mark.parametrize(("link", "target"), [("gone", "nowhere"), ("out", "../../../elsewhere"), ("[x]", "nowhere")])
@pytest.mark.parametrize(
    ("declared", "where"),
    [
        ("vector_stores: {s: {files: ['kb/**/*.md', OUT]}}", "kb"),
        ("vector_stores: {s: {files: ['../kb/**/*.md', OUT]}}", "../kb"),
        ("vector_stores: {s: {files: [{path: 'kb/**/*.md'}, OUT]}}", "kb/deep"),
        ("assistants: {a: {model: x, tools: [{code_interpreter: {files: ['kb/**/*.md', OUT]}}]}}", "kb"),
        ("skills: {s: {folder: {path: kb, OUT}}}", "kb"),
        ("skills: {s: {folder: {path: kb, OUT}}}", "kb/deep"),
    ],
)
def test_the_hint_about_a_link_leaves_it_out(
    write: Write, tmp_path: Path, declared: str, where: str, link: str, target: str
) -> None:
    """At each place it is about: in the declaration from where that stands, in retinue.yaml from there."""
    (tmp_path / "elsewhere").mkdir()
    text = declared.replace(", OUT", "")
    files = {f"assistants/{where}/a.md": "A\n", f"assistants/{where}/SKILL.md": "---\nname: a\ndescription: b\n---\n"}
    project = write({"assistants/a.yaml": text, **files})
    (project / "assistants/kb").mkdir(exist_ok=True)
    (project / "assistants/kb/SKILL.md").write_text("---\nname: a\ndescription: b\n---\n")
    (project / "assistants" / where / link).symlink_to(target)
    found = load(project, environ={}, kinds=all_kinds()).diagnostics
    entries = {each.position.file: each.hint.split(": ", 1)[1] for each in found if each.position and each.hint}
    (project / "assistants/a.yaml").write_text(declared.replace("OUT", entries["assistants/a.yaml"]))
    if "retinue.yaml" in entries:
        (project / "retinue.yaml").write_text(
            f"stack: demo\ninclude: ['assistants/**/*.yaml', {entries['retinue.yaml']}]"
        )
    after = load(project, environ={}, kinds=all_kinds()).diagnostics
    assert [each for each in after if each.code in ("missing-file", "path-outside-project")] == []


# ── how much work a pattern can ask for ───────────────────────────────────────────────────────────────────────────────

DEEP = 14
PATTERNS = [each * 30 + "*.md" for each in ("**/", "**/a/", "**/*/", "*/", "**/a*/**/")]


def looked_into(project: Path, pattern: str) -> int:
    """How many directories are listed for a pattern."""
    folder, asked = Folder(project), 0

    def listing(directory: str) -> Listing:
        nonlocal asked
        asked += 1
        return Listing.of(str(folder.root / directory))

    Search(folder.root, listing, folder.real, Pattern(pattern)).matched()
    return asked


@pytest.mark.parametrize("pattern", PATTERNS)
def test_no_pattern_looks_into_a_directory_twice(write: Write, pattern: str) -> None:
    project = write({f"{'a/' * DEEP}x.md": "X\n", f"{'b/' * DEEP}x.md": "X\n"})
    assert looked_into(project, pattern) <= 2 * DEEP + 1


@pytest.mark.parametrize("pattern", PATTERNS)
def test_links_in_circles_cost_no_more_than_the_pattern_is_long(write: Write, pattern: str) -> None:
    project = write({f"{each}/x.md": "X\n" for each in "abcdef"})
    for one in "abcdef":
        for other in "abcdef":
            (project / one / f"to-{other}").symlink_to(f"../{other}")
    assert looked_into(project, pattern) <= (6 + 1) * len(Pattern(pattern).parts)


def test_what_is_left_out_is_no_more_work_than_the_paths_are_long(loaded: Load) -> None:
    bomb = "!" + "**/a*/" * 60 + "nothing"
    text = f"vector_stores: {{s: {{files: ['kb/**/*.md', '{bomb}']}}}}\n"
    found = loaded({"assistants/a.yaml": text, f"assistants/kb/{'aaaa/' * 40}x.md": "X\n"})
    assert (found.diagnostics, len(paths(found))) == ((), 1)
