"""`retinue init`: the project it writes works at once, and nothing that exists is lost."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from retinue import engine
from retinue.cli import main
from retinue.commands.init import EXAMPLE, SCHEMAS, stack_name, write_starter
from retinue.errors import RetinueError
from retinue.model.values import NAME

ALL = {
    *map(Path, ("retinue.yaml", ".gitattributes", ".gitignore", *EXAMPLE)),
    *(Path("schemas") / each for each in SCHEMAS),
}


def outcomes(directory: Path) -> dict[str, str]:
    return {str(path.relative_to(directory)): outcome for path, outcome in write_starter(directory)}


def written(directory: Path) -> set[Path]:
    return {path.relative_to(directory) for path in directory.rglob("*") if path.is_file()}


def test_the_project_is_complete_and_valid_without_a_warning(tmp_path: Path) -> None:
    directory = tmp_path / "my-assistants"
    assert set(outcomes(directory).values()) == {"wrote"}
    assert written(directory) == ALL
    reading, found = engine.check(engine.Where(directory, environ={}))
    assert found == ()
    assert reading is not None
    assert reading.project.stack == "my-assistants"
    assert sorted(str(each.address) for each in reading.declared) == ["assistant.concierge", "vector_store.handbook"]


def test_the_project_applies_and_then_has_no_changes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(tmp_path)]) == 0
    assert main(["apply", "--yes", "-C", str(tmp_path)]) == 0
    assert "Apply complete: 2 added" in capsys.readouterr().out
    assert main(["plan", "--detailed-exitcode", "-C", str(tmp_path)]) == 0


def test_the_schemas_named_in_the_files_are_there(tmp_path: Path) -> None:
    list(write_starter(tmp_path))
    for path in tmp_path.rglob("*.yaml"):
        first = path.read_text().splitlines()[0]
        named = first.removeprefix("# yaml-language-server: $schema=")
        assert named != first
        assert (path.parent / named).is_file()


def test_a_second_init_changes_nothing(tmp_path: Path) -> None:
    list(write_starter(tmp_path))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert set(outcomes(tmp_path).values()) == {"kept"}
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_files_that_exist_are_kept(tmp_path: Path) -> None:
    """A prompt of the same name, and whatever else lies in the directory."""
    prompt = tmp_path / "assistants" / "prompts" / "concierge.md"
    prompt.parent.mkdir(parents=True)
    prompt.write_text("mine")
    (tmp_path / "README.md").write_text("mine too")
    result = outcomes(tmp_path)
    assert prompt.read_text() == "mine"
    assert (tmp_path / "README.md").read_text() == "mine too"
    assert result["assistants/prompts/concierge.md"] == "kept"
    assert result["assistants/concierge.yaml"] == "wrote"


def test_a_project_that_exists_gets_no_example_assistants(tmp_path: Path) -> None:
    """They would become part of its stack, and of its next plan."""
    (tmp_path / "retinue.yaml").write_text("stack: mine\n")
    result = outcomes(tmp_path)
    assert (tmp_path / "retinue.yaml").read_text() == "stack: mine\n"
    assert result["retinue.yaml"] == "kept"
    assert not (tmp_path / "assistants").exists()


@pytest.mark.parametrize(
    ("before", "after", "outcome"),
    [
        ("*.log\n", "*.log\n.retinue/\n", "extended"),
        ("*.log", "*.log\n.retinue/\n", "extended"),
        ("*.log\r\n", "*.log\r\n.retinue/\r\n", "extended"),
        ("", ".retinue/\n", "extended"),
        ("# .retinue/\n", "# .retinue/\n.retinue/\n", "extended"),
        ("/.retinue\n", "/.retinue\n", "kept"),
        ("a\n  .retinue/\nb\n", "a\n  .retinue/\nb\n", "kept"),
    ],
)
def test_a_gitignore_gets_the_line_it_lacks(tmp_path: Path, before: str, after: str, outcome: str) -> None:
    path = tmp_path / ".gitignore"
    path.write_bytes(before.encode())
    assert outcomes(tmp_path)[".gitignore"] == outcome
    assert path.read_bytes() == after.encode()


def test_a_gitignore_that_is_not_text_is_extended_too(tmp_path: Path) -> None:
    path = tmp_path / ".gitignore"
    path.write_bytes(b"caf\xe9\n")
    assert outcomes(tmp_path)[".gitignore"] == "extended"
    assert path.read_bytes() == b"caf\xe9\n.retinue/\n"


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_git_ignores_the_local_account(tmp_path: Path) -> None:
    """Also where the project is a directory of a larger repository."""
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    project = tmp_path / "services" / "desk"
    assert main(["init", str(project)]) == 0
    assert main(["apply", "--yes", "-C", str(project)]) == 0
    shown = subprocess.run(
        ["git", "status", "--short", "--untracked-files=all"], cwd=tmp_path, check=True, capture_output=True, text=True
    ).stdout
    assert "services/desk/retinue.yaml" in shown
    assert ".retinue" not in shown


@pytest.mark.parametrize(
    ("name", "stack"),
    [
        ("my-assistants", "my-assistants"),
        ("My Assistants!", "my-assistants"),
        ("Café Büro", "cafe-buro"),
        ("_hidden", "hidden"),
        ("...", "my-stack"),
        ("日本語", "my-stack"),
        ("a.b_c", "a-b_c"),
        ("x" * 80, "x" * 63),
        ("2026", "2026"),
        ("1e3", "1e3"),
        ("null", "null"),
    ],
)
def test_the_stack_is_named_after_the_directory(tmp_path: Path, name: str, stack: str) -> None:
    directory = tmp_path / name
    assert stack_name(directory) == stack
    assert NAME.fullmatch(stack)
    if name != "...":
        list(write_starter(directory))
        reading, _ = engine.check(engine.Where(directory, environ={}))
        assert reading is not None
        assert reading.project.stack == stack


def test_the_root_directory_has_a_stack_name() -> None:
    assert stack_name(Path("/")) == "my-stack"


def test_what_was_written_is_told_on_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".gitignore").write_text("*.log\n")
    assert main(["init", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert f"wrote    {tmp_path}/retinue.yaml" in said.err
    assert f"extended {tmp_path}/.gitignore" in said.err
    assert f"Next: cd {tmp_path} && retinue apply" in said.err


def test_the_current_directory_is_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init"]) == 0
    assert "wrote    retinue.yaml" in capsys.readouterr().err
    assert written(tmp_path) == ALL


def test_a_directory_name_with_a_space_can_be_pasted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(tmp_path / "my desk")]) == 0
    assert f"Next: cd '{tmp_path}/my desk' && retinue apply" in capsys.readouterr().err


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "assistants").write_text("a file")
    with pytest.raises(RetinueError, match=r"'.*assistants' is a file, not a directory") as caught:
        list(write_starter(tmp_path))
    assert caught.value.hint


def test_a_directory_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").mkdir()
    with pytest.raises(RetinueError, match=r"\.gitignore': something else has its name"):
        list(write_starter(tmp_path))


def test_a_file_as_the_directory_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("a file")
    assert main(["init", str(tmp_path / "plain")]) == 64
    with pytest.raises(RetinueError, match="is a file, not a directory"):
        list(write_starter(tmp_path / "plain" / "project"))


def test_what_the_system_refuses_is_an_error_with_its_reason(tmp_path: Path) -> None:
    with pytest.raises(RetinueError, match="file name too long") as caught:
        list(write_starter(tmp_path / ("x" * 300)))
    assert caught.value.hint == "choose a shorter name"


def test_git_gives_the_same_line_ends_on_every_machine(tmp_path: Path) -> None:
    """Where git is set to turn them, as it is on Windows by default."""
    list(write_starter(tmp_path))
    git = ["git", "-C", str(tmp_path), "-c", "core.autocrlf=true", "-c", "user.name=a", "-c", "user.email=a@b.c"]
    for words in (
        ["init", "-q"],
        ["add", "."],
        ["commit", "-qm", "x"],
        ["rm", "-rfq", "assistants"],
        ["checkout", "HEAD", "."],
    ):
        subprocess.run([*git, *words], check=True, capture_output=True)
    assert all(b"\r" not in (tmp_path / each).read_bytes() for each in EXAMPLE)
