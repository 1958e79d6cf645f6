"""Prompts made of files: parts by a glob, files that take in others, and parameters of one assistant."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from retinue.cli import main
from retinue.config import Loaded, load
from retinue.config.problems import Diagnostics
from retinue.config.project_files import Folder
from retinue.config.scope import Scope
from retinue.config.source_text import Excerpts
from retinue.config.text_files import DEEPEST, TextFiles
from retinue.config.variables import Variables
from retinue.config.yaml.parser import FileReader
from retinue.kinds import all_kinds
from retinue.model.values import Address

from .conftest import Files, Load, Write

ONE = "assistants:\n  desk:\n    model: gpt-4o\n    instructions: %s\n"


def text(loaded: Loaded) -> Any:
    assert [each for each in loaded.diagnostics if each.severity == "error"] == []
    return loaded.declarations[0].spec["instructions"]


def codes(loaded: Loaded) -> list[str]:
    return [each.code for each in loaded.diagnostics]


def asking(written: str, **files: str) -> Files:
    named = {f"assistants/{name.replace('__', '/')}.md": content for name, content in files.items()}
    return {"assistants/a.yaml": ONE % written, **named}


# ── laws ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

PARTS = {"parts__b": "B\n", "parts__a": "A\n\n", "parts__deep__c": "C", "parts__no": "draft\n", "own": "Own.\n"}
SAME = {
    "a glob and its files": ("{file: 'parts/*.md'}", "[{file: parts/a.md}, {file: parts/b.md}, {file: parts/no.md}]"),
    "a glob among others": (
        "[{file: own.md}, {file: 'parts/**/*.md', exclude: 'no.md'}, End.]",
        "[{file: own.md}, {file: parts/a.md}, {file: parts/b.md}, {file: parts/deep/c.md}, End.]",
    ),
    "a list of exclusions": ("{file: 'parts/*.md', exclude: [no.md, parts/a.md]}", "[{file: parts/b.md}]"),
    "a rendered glob": ("{file: 'parts/[ab].md', render: true}", "[{file: parts/a.md}, {file: parts/b.md}]"),
    "a variable": ("{file: 'parts/${{ self.name }}.md'}", "[{file: parts/b.md}]"),
}


@pytest.mark.parametrize("case", SAME)
def test_what_is_said_shortly_comes_to_what_is_written_out(loaded: Load, case: str) -> None:
    short, long = (written.replace("${{ self.name }}", "b") for written in SAME[case])
    assert text(loaded(asking(short, **PARTS))) == text(loaded(asking(long, **PARTS)))


@pytest.mark.parametrize(
    "inner", ["one line", "one line\n", "two\nlines\n", "windows\r\nlines\r\n", "${{ var.v }}\n", ""]
)
@pytest.mark.parametrize("around", ["Before @ after.\n", "@", "@\n", "a\n@\nb\n"])
def test_an_include_comes_to_the_text_in_its_place(loaded: Load, inner: str, around: str) -> None:
    files = asking("{file: p.md, render: true}", p=around.replace("@", '${{ include "sub/q.md" }}'), sub__q=inner)
    project = {"retinue.yaml": "stack: demo\nvariables: {v: filled}\n"}
    taken = text(loaded({**project, **files}))
    plain = inner.replace("\r\n", "\n").removesuffix("\n").replace("${{ var.v }}", "filled")
    assert taken == around.replace("@", plain).removesuffix("\n")


def reading(root: Path) -> TextFiles:
    return TextFiles(FileReader(Folder(root), Diagnostics(), Excerpts()))


def test_the_same_values_give_the_same_text_and_others_another(tmp_path: Path) -> None:
    (tmp_path / "p.md").write_text('In ${{ with.language }}. ${{ include "q.md" }}\n', encoding="utf-8")
    (tmp_path / "q.md").write_text("Be ${{ with.tone }}, ${{ var.v }}.\n", encoding="utf-8")
    texts = reading(tmp_path)
    source = texts.reader.text("p.md")
    assert source is not None
    around = Variables({}, {}, None, Diagnostics())

    def rendered(name: str, **given: str) -> str | None:
        scope = Scope.of(Address("assistant", name), Scope(around, {"var": {"v": "please"}}))
        found = texts.rendered(source, scope.narrowed(given))
        return found.value if found else None

    first = rendered("a", language="German", tone="kind", unused="x")
    assert first == "In German. Be kind, please."
    assert rendered("b", language="German", tone="kind", unused="y") is first, (
        "what it does not use makes no difference"
    )
    assert rendered("c", language="German", tone="calm") == "In German. Be calm, please."
    assert rendered("d", language="French", tone="kind") == "In French. Be kind, please."


def test_what_a_model_reads_at_run_time_stays_as_it_is(loaded: Load) -> None:
    written = "Hello {{ user }}, {{include 'x'}}, {% if a %}, $${{ self.name }}, {{ with.x }}.\n"
    files = asking("{file: p.md, render: true, with: {y: 1}}", p=written)
    assert text(loaded(files)) == "Hello {{ user }}, {{include 'x'}}, {% if a %}, ${{ self.name }}, {{ with.x }}."


def test_a_file_knows_whose_it_is(loaded: Load) -> None:
    written = "${{ self.name }} ${{ self.address }} ${{ environment.name }} ${{ with.l }} ${{ with.map.k }}"
    files = asking("{file: p.md, render: true, with: {l: '${{ var.v }} ${{ self.name }}', map: {k: 3}}}", p=written)
    files["retinue.yaml"] = "stack: demo\nvariables: {v: x}\nenvironments: {prod: {}}\n"
    assert text(loaded(files, environment="prod")) == "desk assistant.desk prod x desk 3"


def test_paths_are_relative_to_the_file_that_includes(loaded: Load) -> None:
    files = asking("{file: p.md, render: true}", p="${{ include 'sub/q.md' }}", sub__q="${{ include '../own.md' }}!")
    assert text(loaded({**files, "assistants/own.md": "Own"})) == "Own!"


def test_several_files_are_included_by_a_glob(loaded: Load) -> None:
    assert text(loaded(asking("{file: own.md, render: true}", **{**PARTS, "own": "${{ include 'parts/*.md' }}"}))) == (
        "A\n\n\nB\n\ndraft"
    )


# ── what is a mistake ─────────────────────────────────────────────────────────────────────────────────────────────────

MISTAKES: dict[str, tuple[str, dict[str, str], str, str]] = {
    "itself": ("{file: p.md, render: true}", {"p": "${{ include 'p.md' }}"}, "include-cycle", "p.md → assistants/p.md"),
    "a circle": (
        "{file: p.md, render: true}",
        {"p": "x ${{ include 'q.md' }}", "q": "${{ include 'r*.md' }}", "r1": "${{ include './q.md' }}"},
        "include-cycle",
        "assistants/q.md → assistants/r1.md → assistants/q.md",
    ),
    "no file": ("{file: p.md, render: true}", {"p": "${{ include 'on.md' }}", "own": ""}, "missing-file", "'on.md'"),
    "no match": ("{file: p.md, render: true}", {"p": "${{ include 'x*.md' }}"}, "no-match", "'x*.md'"),
    "out of the project": (
        "{file: p.md, render: true}",
        {"p": "${{ include '../../private.md' }}"},
        "path-outside-project",
        "leads out",
    ),
    "an absolute path": ("{file: p.md, render: true}", {"p": "${{ include '/etc/passwd' }}"}, "absolute-path", "/etc"),
    "a directory": ("{file: p.md, render: true}", {"p": "${{ include 'sub' }}", "sub__q": ""}, "is-directory", "'sub'"),
    "no quotes": ("{file: p.md, render: true}", {"p": "${{ include q.md }}"}, "bad-expression", "names no file"),
    "a list": (
        "{file: p.md, render: true, with: {l: [a]}}",
        {"p": "${{ with.l }}"},
        "wrong-type",
        "'with.l' is a list",
    ),
    "no value": (
        "{file: p.md, render: true, with: {lang: a}}",
        {"p": "${{ with.lag }}"},
        "unknown-variable",
        "with.lag",
    ),
    "in a declaration": ("\"${{ include 'p.md' }}\"", {"p": ""}, "bad-expression", "that are rendered"),
    "values for nothing": ("{file: p.md, with: {l: a}}", {"p": "x"}, "misplaced-field", "not rendered"),
    "nothing left": ("{file: 'p*.md', exclude: p.md}", {"p": "x"}, "no-match", "is left out"),
    "no part": ("[{file: 'x/*.md'}]", {"p": "x"}, "no-match", "'x/*.md'"),
    "no text": ("{file: p.md, render: true}", {"p": "${{ include 'q.md' }}", "q": "\ud800"}, "not-utf8", "0x"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_told_once_with_its_place(loaded: Load, case: str) -> None:
    written, files, code, words = MISTAKES[case]
    made: Files = {
        name: content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
        for name, content in asking(written, **files).items()
    }
    found = [each for each in loaded(made).diagnostics if each.severity == "error"]
    assert [each.code for each in found] == [code]
    assert words in found[0].message
    assert found[0].position is not None


def test_a_mistake_in_a_prompt_of_many_is_told_once(loaded: Load) -> None:
    many = "".join(f"  a{at}: {{model: x, instructions: {{file: p.md, render: true}}}}\n" for at in range(50))
    found = loaded({"assistants/a.yaml": f"assistants:\n{many}", "assistants/p.md": "${{ with.x }} ${{ self.nam }}"})
    assert codes(found) == ["unknown-variable", "unknown-variable"]
    assert all(each.broken for each in found.declarations)


def test_an_include_that_is_not_rendered_is_a_likely_slip(loaded: Load) -> None:
    found = loaded(asking("{file: p.md}", p='${{ include "q.md" }}'))
    assert codes(found) == ["likely-slip"]
    assert """${{ include "q.md" }}""" in found.diagnostics[0].message


def test_no_link_leads_an_include_out_of_the_project(write: Write) -> None:
    root = write({**asking("{file: p.md, render: true}", p="${{ include 'q.md' }}"), "../private.md": "secret"})
    (root / "assistants" / "q.md").symlink_to("../../private.md")
    assert codes(load(root, environ={}, kinds=all_kinds())) == ["path-outside-project"]


def test_includes_that_double_have_an_end(loaded: Load) -> None:
    """Thirty doublings would come to a thousand million lines."""
    files = {f"p{at}": f"${{{{ include 'p{at + 1}.md' }}}}\n" * 2 for at in range(30)}
    found = loaded(asking("{file: p0.md, render: true}", **files, p30="A line of a text.\n"))
    assert codes(found) == ["too-large"]


def test_includes_go_only_so_deep(loaded: Load) -> None:
    files = {f"p{at}": f"${{{{ include 'p{at + 1}.md' }}}}\n" for at in range(2 * DEEPEST)}
    assert "too-deep" in codes(loaded(asking("{file: p0.md, render: true}", **files)))


def test_links_in_circles_have_an_end(write: Write) -> None:
    root = write(asking("{file: p.md, render: true}", p="${{ include 'again/p.md' }}"))
    (root / "assistants" / "again").symlink_to(".")
    assert "too-deep" in codes(load(root, environ={}, kinds=all_kinds()))


def test_a_secret_that_comes_by_an_include_is_a_secret(loaded: Load) -> None:
    files = asking("{file: p.md, render: true}", p="Key: ${{ include 'q.md' }}", q="${{ secret.KEY }}")
    found = loaded(files, environ={"KEY": "hunter2"})
    assert codes(found) == ["secret-in-the-open"]
    assert "hunter2" not in repr((found.diagnostics, found.declarations))


# ── what is printed ───────────────────────────────────────────────────────────────────────────────────────────────────

DESK = asking(
    "\n      - {file: role.md, render: true, with: {language: German}}\n      - {file: 'parts/*.md'}\n      - End.",
    role="You speak ${{ with.language }}, ${{ var.v }}.\n${{ include 'tone.md' }}\n",
    tone="Be kind to {{ user }}.\n",
    parts__1="One.\n",
    parts__2="Two.\nThree.\n",
)
DESK["retinue.yaml"] = "stack: demo\nvariables: {v: please}\n"


def run(root: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main(["render", "-C", str(root), *words])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_a_prompt_alone_is_printed_with_its_size_beside_it(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(write(DESK), capsys, "assistant.desk", "--only", "instructions", "--explain")
    assert code == 0
    assert out == "You speak German, please.\nBe kind to {{ user }}.\n\nOne.\n\nTwo.\nThree.\n\nEnd.\n"
    assert err == (
        "instructions: 73 characters\n"
        "  lines 1-2: assistants/role.md (assistants/a.yaml:5)\n"
        "    with assistants/tone.md (assistants/role.md:2)\n"
        "  line 4: assistants/parts/1.md (assistants/a.yaml:6)\n"
        "  lines 6-7: assistants/parts/2.md (assistants/a.yaml:6)\n"
        "  line 9: assistants/a.yaml:7\n"
    )
    lines = out.splitlines()
    assert (lines[0], lines[3], lines[5:7], lines[8]) == (
        "You speak German, please.",
        "One.",
        ["Two.", "Three."],
        "End.",
    )


def test_an_explanation_names_the_file_and_the_line_of_each_part(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = run(write(DESK), capsys, "--explain")
    (line,) = (each for each in out.splitlines() if "instructions:" in each)
    assert line.partition("# ")[2] == (
        "assistants/a.yaml:5, from assistants/role.md, from assistants/tone.md (assistants/role.md:2), "
        "from assistants/parts/1.md (assistants/a.yaml:6), from assistants/parts/2.md (assistants/a.yaml:6), "
        "with.language from assistants/a.yaml:5, var.v from retinue.yaml:2"
    )


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["assistant.desk", "--only", "instruction"], 64, "did you mean 'instructions'?"),
        (["--only", "instructions"], 64, "--only is about a field of one declaration"),
        (["assistant.desk", "--only", "model", "--json"], 0, ""),
    ],
)
def test_what_only_can_be_about(
    write: Write, capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    root = write({**DESK, "assistants/b.yaml": "assistants: {other: {model: x}}\n"})
    done, out, err = run(root, capsys, *words)
    assert done == code
    assert said in err
    assert out == ('"gpt-4o"\n' if not code else "")


def test_other_fields_are_printed_as_in_a_file(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    root = write({"assistants/a.yaml": "assistants:\n  a: {model: x, metadata: {team: desk}}\n"})
    assert run(root, capsys, "assistant.a", "--only", "metadata")[1] == "metadata: {team: desk}\n"
    explained = run(root, capsys, "assistant.a", "--only", "metadata", "--explain")[1]
    assert explained == "metadata:\n  team: desk  # assistants/a.yaml:2\n"


TOKENIZER = {
    "tiktoken/__init__.py": """\
from tiktoken import load

def encoding_name_for_model(model):
    if model != "gpt-4o":
        raise KeyError(model)
    return "o200k_base"

class Encoding:
    def encode(self, text, disallowed_special):
        return text.split()

def get_encoding(name):
    if not AT_HAND:
        load.read_file(f"https://example.org/{name}")
    return Encoding()
""",
    "tiktoken/load.py": "def read_file(path):\n    raise SystemError('something was fetched')\n",
}


@pytest.mark.parametrize(
    ("at_hand", "said"),
    [
        (True, "instructions: 9 characters, 2 tokens (o200k_base)\n"),
        (False, "instructions: 9 characters; tokens are not counted, since tiktoken has not fetched o200k_base yet\n"),
    ],
)
@pytest.mark.parametrize("model", ["gpt-4o", "unknown"])
def test_tokens_are_counted_where_a_tokenizer_is_and_nothing_is_fetched_for_it(
    write: Write,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    at_hand: bool,
    said: str,
    model: str,
) -> None:
    files = {name: content.replace("AT_HAND", str(at_hand)) for name, content in TOKENIZER.items()}
    root = write({**files, "assistants/a.yaml": f"assistants:\n  a: {{model: {model}, instructions: 'Be  kind.'}}\n"})
    monkeypatch.syspath_prepend(root)
    for name in ("tiktoken", "tiktoken.load"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    assert run(root, capsys, "assistant.a", "--only", "instructions") == (0, "Be  kind.\n", said)
    for name in ("tiktoken", "tiktoken.load"):
        monkeypatch.delitem(sys.modules, name, raising=False)
