"""Paths may lead into the directories that retinue.yaml shares: never further, and never through a link."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from retinue.cli import main
from retinue.config import Loaded, load
from retinue.config.problems import RefusedError
from retinue.config.project import shared_directories
from retinue.config.project_files import Folder
from retinue.kinds import all_kinds

from .conftest import Files, Write

ASKING = """\
assistants:
  tutor:
    model: gpt-4o
    instructions: {file: %s}
"""
PROJECT = "stack: demo\nshared: [../prompts]\n"
OUTSIDE: Files = {"../prompts/tone.md": "Be kind.\n", "../private/key.md": "secret\n"}


def read(root: Path) -> Loaded:
    return load(root, environ={}, kinds=all_kinds())


def codes(loaded: Loaded) -> list[str]:
    """What is wrong, but for that nothing is declared."""
    return [each.code for each in loaded.diagnostics if each.code != "no-match" or each.severity == "error"]


def text_of(loaded: Loaded) -> object:
    return loaded.declarations[0].spec["instructions"]


# ── what may be read ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_reader_of_paths_may_read_what_is_shared(write: Write) -> None:
    """Texts, schemas, files of stores, folders of skills, and declarations, which name files of their own."""
    loaded = read(
        write(
            {
                "retinue.yaml": "stack: demo\nshared: ../common\ninclude: [assistants/*.yaml, ../common/*.yaml]\n",
                "assistants/a.yaml": ASKING % "../../common/tone.md"
                + "vector_stores:\n  s: {files: [../../common/kb/**/*.md]}\n"
                + "skills:\n  k: {folder: ../../common/skill}\n",
                "../common/tone.md": "Be kind.\n",
                "../common/kb/deep/a.md": "A\n",
                "../common/kb/b.md": "B\n",
                "../common/skill/SKILL.md": "---\nname: k\ndescription: It counts.\n---\nCount.\n",
                "../common/f.yaml": "functions:\n  look_up: {description: d, parameters: {file: f.json}}\n",
                "../common/f.json": '{"type": "object", "properties": {"x": {"$ref": "x.json"}}}',
                "../common/x.json": '{"type": "string"}',
            }
        )
    )
    assert set(codes(loaded)) <= {"unused-declaration"}
    found = {str(each.address): each.spec for each in loaded.declarations}
    assert found["assistant.tutor"]["instructions"] == "Be kind."
    assert [each["path"] for each in found["vector_store.s"]["files"]] == [
        "../common/kb/b.md",
        "../common/kb/deep/a.md",
    ]
    assert list(found["skill.k"]["folder"]) == ["SKILL.md"]
    assert found["function.look_up"]["parameters"]["$defs"] == {"x": {"type": "string"}}


@pytest.mark.parametrize("written", ["../../prompts/tone.md", "./../../private/../prompts//tone.md"])
def test_a_path_is_what_it_comes_to(write: Write, written: str) -> None:
    loaded = read(write({**OUTSIDE, "retinue.yaml": PROJECT, "assistants/a.yaml": ASKING % written}))
    assert (codes(loaded), text_of(loaded)) == ([], "Be kind.")


def test_sharing_a_folder_above_another_is_sharing_both(write: Write) -> None:
    project = "stack: demo\nshared: [../common/parts, ../common]\n"
    files: Files = {"../common/parts/a.md": "A\n", "../common/b.md": "B\n"}
    loaded = read(write({**files, "retinue.yaml": project, "assistants/a.yaml": ASKING % "../../common/parts/../b.md"}))
    assert (codes(loaded), text_of(loaded)) == ([], "B")


# ── what may not ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "written",
    [
        "../../private/key.md",
        "../../prompts/../private/key.md",
        "../../prompts2/tone.md",
        "../../prompts-private/tone.md",
        "../../project/assistants/a.md",
        "../../prompts/../../prompts/tone.md",
        "../../../../../../../../../etc/passwd",
        "'../../p*/tone.md'",
        "'../../**/key.md'",
        "../..",
    ],
)
def test_a_path_that_leads_further_is_refused(write: Write, written: str) -> None:
    files: Files = {**OUTSIDE, "../prompts2/tone.md": "no\n", "../prompts-private/tone.md": "no\n"}
    files |= {"assistants/a.md": "own\n"}
    loaded = read(write({**files, "retinue.yaml": PROJECT, "assistants/a.yaml": ASKING % written}))
    assert codes(loaded) == ["path-outside-project"]
    assert "shared:" in str(loaded.diagnostics[0].hint)


@pytest.mark.parametrize("written", ["/etc/passwd", "~/tone.md", "C:/tone.md"])
def test_an_absolute_path_is_refused(write: Write, written: str) -> None:
    loaded = read(write({**OUTSIDE, "retinue.yaml": PROJECT, "assistants/a.yaml": ASKING % written}))
    assert codes(loaded) == ["absolute-path"]


def test_a_shared_directory_is_no_file(write: Write) -> None:
    loaded = read(write({**OUTSIDE, "retinue.yaml": PROJECT, "assistants/a.yaml": ASKING % "../../prompts"}))
    assert codes(loaded) == ["is-directory"]


def test_nothing_is_shared_unless_it_is_said(write: Write) -> None:
    loaded = read(write({**OUTSIDE, "assistants/a.yaml": ASKING % "../../prompts/tone.md"}))
    assert codes(loaded) == ["path-outside-project"]


LINKS: dict[str, tuple[str, str, str]] = {
    "from what is shared to anywhere": ("prompts/out.md", "private/key.md", "../../prompts/out.md"),
    "from what is shared into the project": ("prompts/back.md", "project/own.md", "../../prompts/back.md"),
    "from the project into what is shared": ("project/assistants/in.md", "prompts/tone.md", "in.md"),
    "a folder of what is shared": ("prompts/folder", "private", "../../prompts/folder/key.md"),
    "from one shared directory to another": ("prompts/other.md", "second/b.md", "../../prompts/other.md"),
}


@pytest.mark.parametrize("case", LINKS)
@pytest.mark.parametrize("asked", ["a path", "a glob"])
def test_no_link_leads_out_of_the_directory_it_is_in(write: Write, case: str, asked: str) -> None:
    link, target, written = LINKS[case]
    files: Files = {**OUTSIDE, "own.md": "own\n", "../second/b.md": "B\n"}
    pattern = written if asked == "a path" else f"{written.rpartition('.md')[0][:-1]}*.md"
    wanted = f"vector_stores:\n  s: {{files: ['{pattern}']}}\n"
    project = "stack: demo\nshared: [../prompts, ../second]\n"
    root = write({**files, "retinue.yaml": project, "assistants/a.yaml": wanted})
    (root.parent / link).symlink_to(root.parent / target)
    assert codes(read(root)) == ["path-outside-project"]


def test_a_link_within_what_is_shared_is_followed(write: Write) -> None:
    root = write({**OUTSIDE, "retinue.yaml": PROJECT, "assistants/a.yaml": ASKING % "../../prompts/same.md"})
    (root.parent / "prompts" / "same.md").symlink_to("tone.md")
    assert text_of(read(root)) == "Be kind."


@pytest.mark.parametrize(
    "written", ["../../prompts/.git/config", "../../prompts/.GIT/config", "../.git/config", "in.md"]
)
@pytest.mark.parametrize("form", [ASKING, "vector_stores:\n  s: {files: ['%s']}\n"])
def test_what_git_keeps_is_not_read(write: Write, written: str, form: str) -> None:
    """A checkout of a pipeline has a key in there."""
    shared = written.startswith("../../")
    kept = ["../prompts/.git/config", "../prompts/.GIT/config"] if shared else [".git/config"]
    files: Files = dict.fromkeys(kept, "[http] extraheader = AUTHORIZATION: basic aGVsbG8=\n")
    root = write({**files, "retinue.yaml": PROJECT if shared else "stack: demo\n", "assistants/a.yaml": form % written})
    (root / "assistants" / "in.md").symlink_to("../.git/config")
    assert codes(read(root)) == ["path-outside-project"]


@pytest.mark.parametrize("pattern", [".*/config", ".git/*", "../.git/**"])
def test_no_pattern_reads_what_git_keeps(write: Write, pattern: str) -> None:
    files: Files = {".git/config": "x\n", "assistants/.git/config": "x\n"}
    found = read(write({**files, "assistants/a.yaml": f"vector_stores:\n  s: {{files: ['{pattern}']}}\n"}))
    assert "path-outside-project" in codes(found)


# ── what may be shared ────────────────────────────────────────────────────────────────────────────────────────────────


def shares(written: str) -> Callable[[Write], list[str]]:
    def tried(write: Write) -> list[str]:
        return codes(read(write({**OUTSIDE, "a/b.md": "", "retinue.yaml": f"stack: demo\nshared: ['{written}']\n"})))

    return tried


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("..", "invalid-value"),
        ("../..", "invalid-value"),
        ("../project", "invalid-value"),
        ("../project/a", "invalid-value"),
        (".", "invalid-value"),
        ("a", "invalid-value"),
        ("../p*", "invalid-value"),
        ("../.git", "invalid-value"),
        ("../prompts/.git/hooks", "invalid-value"),
        ("../../../../../../../../../../../../../..", "invalid-value"),
        ("/etc", "absolute-path"),
        ("~/prompts", "absolute-path"),
        ("../missing", "missing-file"),
        ("../prompts/tone.md", "invalid-value"),
        ("${{ env.WHERE }}", "invalid-value"),
    ],
)
def test_what_cannot_be_shared_is_told(write: Write, written: str, code: str) -> None:
    assert code in shares(written)(write)


@pytest.mark.parametrize("written", ["5", "true", "{a: b}", "[5, {a: b}]"])
def test_what_is_no_list_of_directories_is_refused(write: Write, written: str) -> None:
    root = write({"retinue.yaml": f"stack: demo\nshared: {written}\n"})
    assert shared_directories(root / "retinue.yaml") == ()
    loaded = load(root, environ={}, kinds=all_kinds())
    assert {each.code for each in loaded.diagnostics if each.severity == "error"} == {"wrong-type"}


def test_a_shared_directory_that_a_link_leads_to_is_refused(write: Write) -> None:
    for link, shared in (("prompts", "../prompts"), ("up", "../up/prompts")):
        root = write({"../real/prompts/tone.md": "x\n", "retinue.yaml": f"stack: demo\nshared: [{shared}]\n"})
        (root.parent / link).symlink_to("real/prompts" if link == "prompts" else "real")
        (found,) = (each for each in read(root).diagnostics if each.severity == "error")
        assert (found.code, found.position and found.position.line) == ("path-outside-project", 2)
        assert "symbolic link" in found.message


def test_a_directory_that_becomes_a_link_later_is_not_followed(tmp_path: Path) -> None:
    """A check at the start is no promise for later: links are looked for whenever a file is read."""
    root, prompts = tmp_path / "project", tmp_path / "prompts"
    root.mkdir()
    prompts.mkdir()
    (prompts / "tone.md").write_text("Be kind.\n", encoding="utf-8")
    folder = Folder(root)
    folder.share("../prompts")
    prompts.rename(tmp_path / "moved")
    prompts.symlink_to("moved")
    with pytest.raises(RefusedError, match="symbolic link"):
        folder.read("../prompts/tone.md")


def test_the_local_account_is_never_kept_in_what_is_shared(write: Write) -> None:
    root = write({**OUTSIDE, "retinue.yaml": f"{PROJECT}account: {{local: ../prompts/account}}\n"})
    assert codes(read(root)) == ["path-outside-project"]


def test_a_surrogate_in_a_name_is_no_crash(write: Write) -> None:
    wanted = "vector_stores:\n  s: {files: [../../prompts/*.md]}\n"
    root = write({**OUTSIDE, "retinue.yaml": PROJECT, "assistants/a.yaml": wanted})
    (Path(os.fsdecode(bytes(root.parent / "prompts") + b"/\xff.md"))).write_text("x", encoding="utf-8")
    assert codes(read(root)) == ["unreadable-file"]


# ── in a repository ───────────────────────────────────────────────────────────────────────────────────────────────────


def git(root: Path, *words: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    subprocess.run(["git", "-C", str(root), *who, *words], check=True, capture_output=True)


def committed(write: Write, files: Files) -> Path:
    root = write(files)
    git(root.parent, "init", "-q")
    git(root.parent, "add", "-A")
    git(root.parent, "commit", "-qm", "first")
    return root


def test_a_revision_has_what_was_shared_then(
    write: Write, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asking = {"assistants/a.yaml": ASKING % "../../prompts/tone.md"}
    root = committed(write, {**OUTSIDE, **asking, "retinue.yaml": PROJECT})
    monkeypatch.chdir(root)
    assert main(["diff", "--base", "HEAD", "--detailed-exitcode"]) == 0
    (root.parent / "prompts" / "tone.md").write_text("Be brief.\n", encoding="utf-8")
    capsys.readouterr()
    assert main(["diff", "--base", "HEAD", "--detailed-exitcode"]) == 2
    shown = capsys.readouterr().out
    assert '"Be kind." -> "Be brief."' in shown


def test_nothing_outside_of_the_repository_is_shared(write: Write) -> None:
    """Whoever proposes a change does not choose what of a pipeline's machine is read, whether it is there or not."""
    for shared in ("../prompts", "../missing", "../../../../etc"):
        project = f"stack: demo\nshared: [{shared}]\n"
        root = write({**OUTSIDE, "retinue.yaml": project, "assistants/a.yaml": ASKING % "../../prompts/tone.md"})
        (root / ".git").mkdir(exist_ok=True)
        assert "is outside of the repository" in read(root).diagnostics[-1].message
        (root / ".git").rmdir()
        (root / ".git").write_text("gitdir: elsewhere\n", encoding="utf-8")  # as in a worktree
        assert "is outside of the repository" in read(root).diagnostics[-1].message
        (root / ".git").unlink()


def test_a_revision_that_shared_what_is_outside_is_not_read(
    write: Write, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In particular, nothing is read from beside the directory that it is laid out in."""
    root = write({**OUTSIDE, "retinue.yaml": PROJECT, "assistants/a.yaml": ASKING % "../../prompts/tone.md"})
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "first")
    write({"assistants/a.yaml": ASKING % "own.md", "assistants/own.md": "x\n"})
    monkeypatch.chdir(root)
    assert main(["diff", "--base", "HEAD"]) == 1
    assert "'../prompts', which HEAD shares, is outside of the repository" in capsys.readouterr().err
