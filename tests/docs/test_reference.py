"""The reference is complete: every command, field, limit and quirk is written down, and every link leads somewhere."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import pytest

from retinue.cli import retinue
from retinue.config.schema.declaration_schema import documents
from retinue.config.schema.project_schema import PROJECT
from retinue.emulator.server.quirks import Quirks
from retinue.errors import RetinueError
from retinue.kinds import all_kinds
from retinue.kinds._shapes import JSON_SCHEMA
from retinue.kinds.kind import Kind
from retinue.model.tag import KEEP, PROTECT, RETIRE, SYNCING, TAG_KEY, Tag, read_tag, write_tag
from retinue.model.values import Address
from tests.docs.pages import PAGES, ROOT, read_blocks
from tests.report.test_document_schema import published
from tests.support.forms import form

DOCS = ROOT / "docs"
COMMANDS = sorted(retinue.commands)
LINK = re.compile(r"\[[^\]]+\]\((?P<target>[^)\s]+)\)")


def section(page: str, heading: str) -> str:
    """The text below a heading of a page, up to the next one of the same level or higher."""
    text = (DOCS / page).read_text(encoding="utf-8")
    level = heading.partition(" ")[0]
    found = re.search(rf"^{re.escape(heading)}$\n(?P<text>.*?)(?=^#{{1,{len(level)}}} |\Z)", text, re.M | re.S)
    assert found, f"{page} has no section '{heading}'"
    return found["text"]


def normal(text: str) -> str:
    return " ".join(text.split())


# ── commands ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented_with_its_help(name: str) -> None:
    """The help in the page is written by a command, and so cannot be old; here only that it is there."""
    assert f"<!-- written: help {name} -->" in section("commands.md", f"## retinue {name}")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_every_command_has_an_example_and_says_what_options_do(name: str) -> None:
    command = retinue.commands[name]
    assert command.help
    assert re.search(rf"^Example:\n.*\bretinue {name}\b", inspect.cleandoc(command.help), re.M)
    for option in command.params:
        assert not isinstance(option, click.Option) or option.help, f"{name} {option.name}"


def test_the_order_and_names_of_sections_follow_the_commands() -> None:
    text = (DOCS / "commands.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^## retinue ([\w-]+)$", text, re.M)) == COMMANDS


def test_every_exit_code_is_in_the_readme() -> None:
    def codes(kind: type[RetinueError]) -> Iterator[int]:
        yield kind.exit_code
        for each in kind.__subclasses__():
            yield from codes(each)

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for code in {0, 2, 70, *codes(RetinueError)}:
        assert f"\n| {code} | " in readme, code


# ── YAML ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def fields(schema: Any, path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every property of a schema as an author may write it; what stands inside a JSON Schema is the author's own."""
    if not isinstance(schema, Mapping) or schema is JSON_SCHEMA:
        return
    for name, each in schema.get("properties", {}).items():
        if isinstance(each, Mapping) and "not" not in each:  # such a one is there to be refused
            yield f"{path}{name}", each
            yield from fields(each, f"{path}{name}.")
    for word in ("items", "additionalProperties"):
        yield from fields(schema.get(word), path)
    for each in schema.get("anyOf", ()):
        yield from fields(each, path)


def limits(schema: Any) -> Iterator[int]:
    if isinstance(schema, Mapping) and schema is not JSON_SCHEMA:
        for word in ("maxLength", "maxItems", "maxProperties", "maximum"):
            if isinstance(schema.get(word), int):
                yield schema[word]
        for word, each in schema.items():
            # The number of keys of a tool is a matter of its form, and not of the API.
            if word != "maxProperties":
                yield from limits(each)
    elif isinstance(schema, list | tuple):
        for each in schema:
            yield from limits(each)


KINDS = all_kinds()


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_field_of_every_kind_is_documented(kind: Kind) -> None:
    text = section("yaml.md", f"### {kind.section}")
    names = {path: path.rpartition(".")[2] for path, _ in fields(kind.schema)}
    missing = [path for path, name in names.items() if f"`{name}`" not in text and not re.search(rf"\b{name}:", text)]
    assert missing == []


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_limit_of_every_kind_is_documented(kind: Kind) -> None:
    text = section("yaml.md", f"### {kind.section}")
    numbers = {int(each.replace(",", "")) for each in re.findall(r"\d[\d,]*\d|\d", text)}
    wanted = {*limits(kind.schema), *(each.limit for each in kind.fields if each.limit)} - {2}
    assert wanted - numbers == set()


def test_every_choice_of_a_field_is_documented() -> None:
    text = (DOCS / "yaml.md").read_text(encoding="utf-8")
    for kind in KINDS.values():
        for path, schema in fields(kind.schema):
            for choice in schema.get("enum", ()):
                assert f"`{choice}`" in text or f"type: {choice}" in text, f"{kind.name} {path} {choice}"


def test_every_field_of_the_project_file_is_documented() -> None:
    text = section("yaml.md", "## retinue.yaml")
    names = {path: path.rpartition(".")[2] for path, _ in fields(PROJECT)}
    missing = [path for path, name in names.items() if f"`{name}`" not in text and not re.search(rf"\b{name}:", text)]
    assert missing == []


def test_lifecycle_is_documented_once_for_all_kinds() -> None:
    text = section("yaml.md", "## Declarations")
    for path, _ in fields(documents(KINDS)["assistant.schema.json"]["properties"]["lifecycle"]):
        assert f"`{path}`" in text or f"`{path}: " in text


# ── other contracts ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_quirk_of_the_local_account_is_documented() -> None:
    text = section("local-account.md", "## Quirks")
    for each in dataclasses.fields(Quirks):
        assert f"| `{each.name.replace('_', '-')}` |" in text


def test_the_plan_format_names_every_part() -> None:
    text = (DOCS / "plan-format.md").read_text(encoding="utf-8")
    plan = published("plan")
    documents = [plan, *(plan["$defs"][name] for name in ("step", "field_change", "file_change"))]
    common = {"id", "reason", "replaces", "protected", "attributes", "chunking"}
    for document in documents:
        for name in set(document["properties"]) - common:
            assert f"`{name}`" in text, name


def test_the_tag_in_the_documentation_has_the_parts_of_a_real_one() -> None:
    returned: dict[str, Any] = {"returned": {"field": "b" * 6}, "returned_keys": {"k" * 4: "w" * 6}}
    tag = Tag(
        "s",
        Address("kind", "name"),
        {"field": "a" * 6},
        {"k" * 4: "v" * 6},
        frozenset({"protect"}),
        **returned,
        attached=3,
    )
    parts = [each.partition("=")[0] for each in write_tag(tag).split(";")]
    text = section("how-it-works.md", "## The account is the state")
    shape = next(each for each in re.findall(r"```text\n(.*?)\n```", text, re.S))
    assert [each.partition("=")[0] for each in shape.split(";")] == parts
    assert f"Its key is `{TAG_KEY}`" in text


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS.values() if kind.stored and form(kind).marks.shared], ids=lambda kind: kind.name
)
def test_the_longest_tag_fits_into_one_metadata_value(kind: Kind) -> None:
    """As decision 5 says: the longest names, every field, 15 keys, and the flags that the kind can have."""
    flags = {PROTECT, RETIRE if kind.retire else KEEP} | (
        {SYNCING} if any(each.content for each in kind.fields) else set()
    )
    tag = Tag(
        "s" * 63,
        Address(kind.name, "n" * 63),
        {each.name: "d" * 6 for each in kind.fields if not each.by_key},
        {f"{number:04}": "d" * 6 for number in range(15)},
        frozenset(flags),
    )
    assert len(write_tag(tag)) <= 512
    assert read_tag(write_tag(tag)) == tag


# ── pages ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def anchors(page: Path) -> set[str]:
    """What can follow a `#`: headings in lower case, without punctuation, spaces as dashes."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    headings = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md"], ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_the_page_leads_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    for target in (each["target"] for each in LINK.finditer(text)):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


def test_every_page_is_reached_from_the_index() -> None:
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    for page in DOCS.glob("*.md"):
        assert page.name == "README.md" or f"({page.name})" in index, page.name


def test_every_decision_is_dated_and_numbered() -> None:
    pages = sorted((DOCS / "decisions").glob("*.md"))
    numbers = [int(each.name[:4]) for each in pages]
    assert len(set(numbers)) == len(numbers)
    for page in pages:
        title, _, status, *_ = page.read_text(encoding="utf-8").splitlines()
        assert title.startswith(f"# {int(page.name[:4])}. ")
        assert re.fullmatch(r"\d{4}-\d{2}-\d{2} · \w+.*", status)


def test_every_dependency_has_its_reason() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    reasons = (DOCS / "decisions" / "0002-dependencies.md").read_text(encoding="utf-8").lower()
    for requirement in project["dependencies"]:
        name = re.match(r"[\w.-]+", requirement)
        assert name
        assert f"| {name[0].lower()} |" in reasons, requirement
    for requirement in project["optional-dependencies"]["dev"]:
        name = re.match(r"(?:types-)?([\w-]+)", requirement)
        assert name
        assert name[1].lower() in reasons, requirement


def test_every_make_target_of_the_pages_exists() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M)
    for page in PAGES:
        for target in re.findall(r"`make ([a-z-]+)`", page.read_text(encoding="utf-8")):
            assert target in targets, f"{page.name}: make {target}"


# Written in pieces, so that this file does not mention them either.
REGISTRIES = tuple(".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "com")))


def test_nothing_mentions_a_package_registry_or_claims_to_be_published() -> None:
    declarations = [path for path in (ROOT / "assistants").rglob("*") if path.suffix in (".md", ".yaml", ".json")]
    for path in [*PAGES, ROOT / "CHANGELOG.md", ROOT / "pyproject.toml", ROOT / "retinue.yaml", *declarations]:
        text = path.read_text(encoding="utf-8")
        assert not [each for each in REGISTRIES if each in text], path
        assert not re.search(r"pip install retinue\b", text), path


def test_no_page_has_a_block_without_a_word() -> None:
    for page in PAGES:
        for block in read_blocks(page):
            assert block.word, str(block)


def test_no_line_of_prose_is_longer_than_one_of_code() -> None:
    """Tables and printed output aside."""
    for page in PAGES:
        text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
        long = [line for line in text.splitlines() if len(line) > 120 and not line.startswith("|")]
        assert long == [], page.name
