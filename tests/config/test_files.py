"""What declarations may name of the project's files: texts, JSON Schemas, and files for the account."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Any

import pytest

from retinue.cli import main
from retinue.config import load
from retinue.config.problems import RefusedError
from retinue.config.project import find
from retinue.config.project_files import PIECE, Folder
from retinue.kinds import all_kinds
from retinue.model.canonical import as_uploaded
from retinue.model.declared import Position

from .conftest import Files, Load, Write


def instructions(loaded: Load, written: str, files: Files) -> Any:
    found = loaded({"assistants/a.yaml": f"assistants:\n  a: {{model: x, instructions: {written}}}\n", **files})
    assert found.diagnostics == ()
    return found.declarations[0].spec["instructions"]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"one\ntwo\n", "one\ntwo"),
        (b"one\r\ntwo\r\n", "one\ntwo"),
        (b"one\rtwo", "one\ntwo"),
        (b"\xef\xbb\xbfone\n\n", "one\n"),
        ("Grüße 🎓 שלום\n".encode(), "Grüße 🎓 שלום"),
        (b"${{ var.x }} \x1b[31m", "${{ var.x }} \x1b[31m"),
    ],
)
def test_a_text_file_is_taken_as_it_is_but_for_marks_and_line_ends(loaded: Load, content: bytes, text: str) -> None:
    assert instructions(loaded, "{file: p.md}", {"assistants/p.md": content}) == text


def test_texts_of_a_list_are_joined_by_a_blank_line(loaded: Load) -> None:
    written = '[Be kind., {file: sub/p.md}, "End.\\n\\n"]'
    assert instructions(loaded, written, {"assistants/sub/p.md": "one\ntwo\n"}) == "Be kind.\n\none\ntwo\n\nEnd.\n"


def test_a_string_in_place_is_not_touched(loaded: Load) -> None:
    assert instructions(loaded, '"one\\n\\n"', {}) == "one\n\n"


def test_a_text_file_is_rendered_on_request(loaded: Load) -> None:
    files: Files = {
        "retinue.yaml": "stack: demo\nvariables: {name: Ann, level: 3}\n",
        "assistants/p.md": "Hello ${{ var.name }}, level ${{ var.level }}, $${{ literal }}.\n",
    }
    assert instructions(loaded, "{file: p.md, render: true}", files) == "Hello Ann, level 3, ${{ literal }}."


def test_the_place_inside_an_included_schema_is_in_its_own_file(loaded: Load) -> None:
    found = loaded(
        {
            "assistants/a.yaml": "functions:\n  f: {parameters: {file: f.json}}\n  g: {parameters: {file: f.json}}\n",
            "assistants/f.json": '{\n  "type": "object",\n  "properties": {"city": {"type": "string"}}\n}\n',
        }
    )
    assert found.diagnostics == ()
    for declaration in found.declarations:
        assert declaration.spec["parameters"]["properties"] == {"city": {"type": "string"}}
        place = declaration.places.at(("parameters", "properties", "city", "type"))
        assert place == Position("assistants/f.json", 3, 35)
        assert declaration.places.at(("parameters",)).file == "assistants/a.yaml"


def files_of(loaded: Load, written: str, files: Files) -> list[dict[str, Any]]:
    found = loaded({"assistants/a.yaml": f"vector_stores:\n  s: {{files: {written}}}\n", **files})
    assert found.diagnostics == ()
    return list(found.declarations[0].spec["files"])


TREE: Files = {
    "assistants/h/b.md": "B\n",
    "assistants/h/a.md": "A\n",
    "assistants/h/deep/er/c.md": "C\n",
    "assistants/h/x.txt": "X\n",
    "assistants/h/.hidden.md": "no\n",
    "assistants/h/.git/d.md": "no\n",
    "shared/e.md": "E\n",
}


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("h/*.md", ["h/a.md", "h/b.md"]),
        ("h/**/*.md", ["h/a.md", "h/b.md", "h/deep/er/c.md"]),
        ("h/**", ["h/a.md", "h/b.md", "h/deep/er/c.md", "h/x.txt"]),
        ("**/c.md", ["h/deep/er/c.md"]),
        ("h/**/**/er/*", ["h/deep/er/c.md"]),
        ("h/[ab].md", ["h/a.md", "h/b.md"]),
        ("h/[!a].md", ["h/b.md"]),
        ("h/?.txt", ["h/x.txt"]),
        ("./h/../h/a.md", ["h/a.md"]),
        ("h/.hidden.md", ["h/.hidden.md"]),
        ("h/.*.md", ["h/.hidden.md"]),
        ("*/x.txt", ["h/x.txt"]),
    ],
)
def test_globs(loaded: Load, pattern: str, names: list[str]) -> None:
    found = files_of(loaded, f"['{pattern}']", TREE)
    assert [each["path"] for each in found] == [f"assistants/{each}" for each in names]


def test_paths_are_relative_to_the_file_that_names_them(loaded: Load) -> None:
    assert [each["path"] for each in files_of(loaded, "[../shared/*.md]", TREE)] == ["shared/e.md"]


def test_a_file_has_its_digest_its_size_and_the_entry_that_named_it(loaded: Load) -> None:
    content = b"\x00\x01" * 700_000
    (found,) = files_of(loaded, "[h/big.md]", {"assistants/h/big.md": content})
    sha256 = hashlib.sha256(content).hexdigest()
    assert found == {"path": "assistants/h/big.md", "sha256": sha256, "size": len(content), "entry": 0}


def test_a_file_named_twice_is_one_and_later_entries_add_to_earlier_ones(loaded: Load) -> None:
    written = "[h/*.md, {path: h/a.md, attributes: {year: 1}}, {path: 'h/?.md', chunking: auto}, h/b.md]"
    first, second = files_of(loaded, written, TREE)
    assert (first["path"], first["attributes"], first["chunking"], first["entry"]) == (
        "assistants/h/a.md",
        {"year": 1},
        "auto",
        2,
    )
    assert (second["path"], second["chunking"], second["entry"]) == ("assistants/h/b.md", "auto", 3)
    assert "attributes" not in second


def test_a_name_with_the_characters_of_a_glob_is_a_file_if_there_is_one(loaded: Load) -> None:
    found = files_of(loaded, "['[id].md']", {"assistants/[id].md": "X\n", "assistants/i.md": "Y\n"})
    assert [each["path"] for each in found] == ["assistants/[id].md"]


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="needs symbolic links")
class TestLinks:
    def test_links_inside_of_the_project_are_followed_but_never_in_circles(self, write: Write) -> None:
        stores = "vector_stores: {s: {files: ['d/*.md', 'e/**/*.md']}}\n"
        project = write({"docs/a.md": "A\n", "assistants/a.yaml": stores})
        (project / "assistants/d").symlink_to("../docs")
        (project / "assistants/e").mkdir()
        (project / "assistants/e/loop").symlink_to("..")
        (project / "assistants/e/b.md").symlink_to("../../docs/a.md")
        found = load(project, environ={}, kinds=all_kinds())
        assert [each.code for each in found.diagnostics] == ["linked-folder"]
        paths = [each["path"] for each in found.declarations[0].spec["files"]]
        assert paths == ["assistants/d/a.md", "assistants/e/b.md"]

    def test_the_project_may_itself_be_reached_through_a_link(self, write: Write, tmp_path: Path) -> None:
        project = write({"assistants/a.yaml": "assistants:\n  a: {model: x}\n"})
        (tmp_path / "link").symlink_to(project)
        found = load(tmp_path / "link" / "assistants", environ={}, kinds=all_kinds())
        assert found.diagnostics == ()
        assert found.project is not None
        assert found.project.root == project.resolve()

    @pytest.mark.parametrize("link", ["../../outside", "/etc"])
    def test_no_link_leads_out(self, write: Write, tmp_path: Path, link: str) -> None:
        project = write({"assistants/a.yaml": ""})
        (tmp_path / "outside").mkdir()
        (tmp_path / "outside" / "secret.md").write_text("x", encoding="utf-8")
        (project / "assistants" / "link").symlink_to(link)
        folder = Folder(project)
        for use in (
            lambda: folder.file("assistants", "link/secret.md"),
            lambda: folder.read("assistants/link/secret.md"),
            lambda: folder.digest("assistants/link/secret.md"),
        ):
            with pytest.raises(RefusedError) as refused:
                use()
            assert refused.value.code == "path-outside-project"


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("../x", "path-outside-project"),
        ("a/../../x", "path-outside-project"),
        ("/etc/passwd", "absolute-path"),
        ("C:\\x", "absolute-path"),
        ("~/x", "absolute-path"),
        ("nothing", "missing-file"),
        ("a.md/below", "missing-file"),
        ("", "is-directory"),
        (".", "is-directory"),
        ("nul\0", "missing-file"),
        ("n" * 5000, "missing-file"),
        ("../x*", "path-outside-project"),
        ("x*", "no-match"),
        ("[", "no-match"),
        ("[]", "no-match"),
    ],
)
def test_what_is_not_there_or_not_allowed_is_refused_and_never_raised(write: Write, written: str, code: str) -> None:
    folder = Folder(write({"a.md": "A\n"}))
    with pytest.raises(RefusedError) as refused:
        folder.files("", written)
    assert refused.value.code == code


def test_a_fifo_is_not_read(write: Write) -> None:
    project = write({})
    os.mkfifo(project / "pipe")
    with pytest.raises(RefusedError) as refused:
        Folder(project).file("", "pipe")
    assert refused.value.code == "unreadable-file"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_reported(write: Write) -> None:
    project = write({"a.md": "A\n"})
    (project / "a.md").chmod(0)
    with pytest.raises(RefusedError) as refused:
        Folder(project).digest("a.md")
    assert refused.value.code == "unreadable-file"


@pytest.mark.parametrize(("depth", "codes"), [(200, []), (300, ["bad-json"]), (100_000, ["bad-json"])])
def test_no_schema_exhausts_the_stack(loaded: Load, depth: int, codes: list[str]) -> None:
    schema = '{"not": ' * depth + "{}" + "}" * depth
    written = "functions: {f: {parameters: {file: f.json}}}\nassistants: {a: {model: x, tools: [{function: f}]}}\n"
    found = loaded({"assistants/a.yaml": written, "assistants/f.json": schema})
    assert [each.code for each in found.diagnostics] == codes


@pytest.mark.parametrize(
    ("text", "size", "place"),
    [
        ("vector_stores: {s: {files: [big.md]}}", 512, 29),
        ("vector_stores: {s: {files: [{path: 'b*.md'}, a.md]}}", 512, 36),
        ("assistants: {a: {model: x, tools: [{code_interpreter: {files: [big.md]}}]}}", 512, 64),
        ("environment_templates: {e: {files: [{path: /workspace/a.md, file: big.md}]}}", 50, 67),
    ],
)
def test_a_file_over_the_limit_is_refused_where_it_is_named(write: Write, text: str, size: int, place: int) -> None:
    project = write({"assistants/a.yaml": f"{text}\n", "assistants/a.md": "A\n"})
    with (project / "assistants/big.md").open("wb") as file:
        file.truncate(size * 1024 * 1024 + 1)
    (found,) = load(project, environ={}, kinds=all_kinds()).diagnostics
    message = f"'assistants/big.md' has {size * 1024 * 1024 + 1:,} bytes, over the API's {size} MiB"
    assert (found.code, found.message, found.position) == (
        "file-too-large",
        message,
        Position("assistants/a.yaml", 1, place),
    )


# ── where the local account is ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("directory", ["/elsewhere", "../..", "..", "a/../../b", "~/x", "C:\\x", "link", "link/below"])
@pytest.mark.parametrize("form", ["plain", "variable", "environment"])
def test_the_local_account_stays_in_the_project(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str], directory: str, form: str
) -> None:
    account = "account: {local: '%s'}" % ("${{ var.where }}" if form == "variable" else directory)
    variables = f"variables: {{where: '{directory}'}}\n"
    where = {
        "plain": f"stack: s\n{account}\n",
        "variable": f"stack: s\n{variables}{account}\n",
        "environment": f"stack: s\nenvironments:\n  e: {{{account}}}\n",
    }[form]
    project = write({"retinue.yaml": where, "assistants/a.yaml": "assistants: {a: {model: x}}\n"})
    (tmp_path / "outside").mkdir()
    (project / "link").symlink_to(tmp_path / "outside")
    command = ["-C", str(project), *(["-e", "e"] if form == "environment" else [])]
    for name in ("validate", "plan", "apply"):
        assert main([name, *command, *(["--yes"] if name == "apply" else [])]) == 1
        said = capsys.readouterr().err
        assert re.search(r"retinue.yaml:[23]:\d+: error\[(path-outside-project|absolute-path)\]", said)
        assert "name a directory of the project, such as .retinue/local" in said
    assert list((tmp_path / "outside").iterdir()) == []
    assert sorted(each.name for each in tmp_path.iterdir()) == ["outside", "project"]


@pytest.mark.parametrize("directory", [".retinue/other", "./a/../b", "state"])
def test_the_local_account_may_be_anywhere_in_it(write: Write, directory: str) -> None:
    found = load(
        write({"retinue.yaml": f"stack: s\naccount: {{local: '{directory}'}}\n"}), environ={}, kinds=all_kinds()
    )
    assert found.project is not None


# ── line ends ─────────────────────────────────────────────────────────────────────────────────────────────────────────

LINES = b"one\r\ntwo\r\n\r\nthree\rfour\r"
LONG = (b"x" * (PIECE - 1) + b"\r\n" + b"y" * PIECE + b"\r\n\r", b"x" * (PIECE - 1) + b"\n" + b"y" * PIECE + b"\n\r")


@pytest.mark.parametrize(
    ("name", "content", "same"),
    [
        *((f"a.{suffix}", LINES, True) for suffix in ["md", "txt", "py", "json", "html", "csv", "MD", "ts", "tex"]),
        ("a.md", LONG[0], True),
        ("a.pdf", LINES, False),
        ("a.docx", LINES, False),
        ("a.png", LINES, False),
        ("a.bat", LINES, False),
        ("a", LINES, False),
        ("a.md", "one\r\ntwo\r\n".encode("utf-16"), False),
        ("a.txt", LINES + b"\0", False),
        ("a.txt", LONG[0] + b"\0", False),
    ],
)
def test_text_is_digested_with_plain_line_ends_and_anything_else_as_it_is(
    write: Write, name: str, content: bytes, same: bool
) -> None:
    folder = Folder(write({name: content}))
    expected = LONG[1] if content is LONG[0] else content.replace(b"\r\n", b"\n") if same else content
    digest = folder.digest(name)
    assert (digest.sha256, digest.size) == (hashlib.sha256(expected).hexdigest(), len(expected))
    assert as_uploaded(name, content) == expected
    assert Folder(folder.root, {name: content}).digest(name) == digest


def test_what_is_above_a_directory_does_not_lie_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`-C ..` means the directory that we would be in after `cd ..`, and not the project that we stand in."""
    inner = tmp_path / "repository" / "desk"
    inner.mkdir(parents=True)
    (inner / "retinue.yaml").write_text("stack: desk\n")
    monkeypatch.chdir(inner)
    assert find(Path()) == inner / "retinue.yaml"
    assert find(Path("..")) is None
    (tmp_path / "retinue.yaml").write_text("stack: all\n")
    assert find(Path("..")) == tmp_path / "retinue.yaml"
