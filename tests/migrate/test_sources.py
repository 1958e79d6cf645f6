"""What a file is taken for: a dump in JSON or YAML, or a prompt; and never one for the other."""

from __future__ import annotations

from pathlib import Path

import pytest

from retinue.cli import main
from retinue.commands.migrate.sources import read_files
from retinue.errors import RetinueError

DUMPS = {
    "dump.json": b'{"name": "Desk", "model": "gpt-4o", "instructions": "Help."}',
    "dump.jsonl": b'{"name": "Desk", "model": "gpt-4o", "instructions": "Help."}\n',
    "dump.yaml": b"name: Desk\nmodel: gpt-4o\ninstructions: Help.\n",
    "dump.yml": b"---\n- {name: Desk, model: gpt-4o, instructions: Help.}\n",
    "list.yaml": b"object: list\ndata:\n- name: Desk\n  model: gpt-4o\n  instructions: |-\n    Help.\n",
    "-": b"---\nname: Desk\nmodel: gpt-4o\ninstructions: Help.\n",
    "DUMP.YAML": b"\xef\xbb\xbfname: Desk\r\nmodel: gpt-4o\r\ninstructions: Help.\r\n",
}
PROMPTS = {
    "desk.md": b"# Desk\n\nmodel: the way you answer\n",
    "desk.txt": b"Name: Bob\nTone: kind\n",
    "desk.prompt": b"You help.\n\n---\n\nBe brief.\n",
    "-": b"You help.\n",
    "prompts/desk": b"Answer: briefly\n",
    "customer-requirements.txt": b"You ask what a customer needs.\n",
    "requirements.md": b"You write requirements.\n\n- requests come first\n",
    "prompts/profile": b"You describe people.\n",
    "limits.txt": b"# Limits\n\nA price < 5 is low.\nNever promise more than 10 >= x.\n",
}
OTHERS = {
    "package.json": (b'{"name": "shop", "version": "1.0.0", "dependencies": {}}', "neither a model nor instructions"),
    "composer.json": (b'{"name": "a/b", "require": {}}', "neither a model nor instructions"),
    "server.json": (b'{"name": "files", "tools": [{"name": "read"}]}', "neither a model nor instructions"),
    "azure.yaml": (b"name: shop\nservices: {}\n", "neither a model nor instructions"),
    "openapi.yaml": (b"openapi: 3.1.0\ninfo: {title: Shop}\n", "neither a model nor instructions"),
    "words.yaml": (b"You help.\n", "is no object"),
    "broken.yaml": (b"name: Desk\n model: x\n", "broken.yaml:2"),
    "tagged.yaml": (b"model: !Ref x\n", "the tag '!Ref' is not known"),
    "team.yaml": (b"assistants:\n  desk: {model: x}\n", "holds declarations"),
    "pyproject.toml": (b'[project]\nname = "shop"\n', "of a type that is not known"),
    "desk.py": (b'PROMPT = "You help."\n', "of a type that is not known"),
    "desk.html": (b"<p>You help.</p>\n", "of a type that is not known"),
    "desk.md": (b"---\nmodel: gpt-4o\n---\nYou help.\n", "front matter"),
    "desk.prompt": (b"\n---\r\nmodel: gpt-4o\r\n---\r\nYou help.\n", "front matter"),
    "hugo.md": (b'+++\ntitle = "x"\n+++\nYou help.\n', "front matter"),
    "-": (b"---\nmodel: gpt-4o\n---\nYou help.\n", "front matter"),
    "data.md": (b"model: gpt-4o\ninstructions: Help.\n", "is no text, but data"),
    "data.txt": (b'{"model": "gpt-4o"}', "is no text, but data"),
    "text.json": (b"You help.\n", "this is not JSON"),
}


@pytest.mark.parametrize("name", DUMPS)
def test_a_dump_says_the_same_in_every_form(name: str) -> None:
    (original,) = read_files({name: DUMPS[name]}).originals
    assert dict(original.raw) == {"name": "Desk", "model": "gpt-4o", "instructions": "Help."}


@pytest.mark.parametrize("name", PROMPTS)
def test_a_prompt_is_its_text(name: str) -> None:
    (original,) = read_files({name: PROMPTS[name]}).originals
    assert dict(original.raw) == {"instructions": PROMPTS[name].decode().removesuffix("\n")}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_neither_is_refused(name: str) -> None:
    content, words = OTHERS[name]
    with pytest.raises(RetinueError, match=words):
        read_files({name: content})


@pytest.mark.parametrize(
    "name",
    [
        *("requirements.txt", "requirements-dev.txt", "dev-requirements.txt", "REQUIREMENTS.TXT", "constraints.txt"),
        *("Pipfile", "Gemfile", "Gemfile.lock", "go.mod", "go.sum", "Cargo.toml", "Cargo.lock", "poetry.lock"),
        *("uv.lock", "yarn.lock", "package-lock.json", "pnpm-lock.yaml", "Dockerfile", "Dockerfile.dev", "Makefile"),
        *("GNUmakefile", "Containerfile", "Justfile", "Procfile", "Jenkinsfile", "CMakeLists.txt", "conanfile.txt"),
        *("build.gradle", "pom.xml", "setup.cfg", "LICENSE", "LICENSE.txt", ".gitignore", ".env", "sub/Makefile"),
    ],
)
def test_what_packages_and_builds_are_made_with_is_no_prompt(name: str) -> None:
    with pytest.raises(RetinueError):
        read_files({name: b"all: words\n"})


@pytest.mark.parametrize(
    "text",
    [
        b"requests==2\n",
        b"# pinned\n\n-r base.txt\n--index-url https://example.com/simple\nclick >= 8.1 ; python_version > '3'\n",
        b"uvicorn[standard]~=0.30\nhttpx<1\n",
    ],
)
@pytest.mark.parametrize("name", ["requirements/base.txt", "packages", "-"])
def test_what_pins_packages_is_no_prompt_whatever_it_is_called(name: str, text: bytes) -> None:
    with pytest.raises(RetinueError, match="a file of packages"):
        read_files({name: text})


@pytest.mark.parametrize("name", ["search.yaml", "search.json"])
def test_a_field_that_has_no_place_is_lost_in_yaml_as_in_json(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    dump = '{"model": "gpt-4o", "instructions": "Help.", "file_search": true}'
    (tmp_path / name).write_text(
        dump if name.endswith("json") else "model: gpt-4o\ninstructions: Help.\nfile_search: true\n"
    )
    command = ["migrate", name, "--to", "assistants-v2"]
    assert main([*command, "--strict"]) == 4
    assert not (tmp_path / "migrated").exists()
    assert main([*command, "--model", "gpt-6-luna"]) == 0
    assert "1 not carried over" in capsys.readouterr().out
    assert "model: gpt-4o" in (tmp_path / "migrated/assistants.yaml").read_text()
