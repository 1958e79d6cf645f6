"""What differs between kinds is data in their modules: the engine names none of them, in whatever form."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from retinue.kinds import all_kinds
from tests.house.source import modules, place, texts, tree

SUBJECTS = ("kinds/", "emulator/", "commands/migrate/")
"""Where kinds are the subject: their modules, what the account hosts, and assistants that come from elsewhere."""
OTHER_WORDS = {
    ("providers/bundle/lock_file.py", "assistants"): "a key of the published lock file",
    ("providers/bundle/reader.py", "assistants"): "a key of the published lock file",
    ("report/account/migration_text.py", "assistants"): "a key of the published document of a migration",
    ("providers/openai/conversations/thread_talk.py", "assistants"): "a key of the description of the API's version",
    ("providers/openai/conversations/thread_talk.py", "function"): "a type of tool in what runs tell",
    (
        "providers/openai/conversations/thread_talk.py",
        "/vector_stores/",
    ): "what the account makes for files of a thread",
    ("report/talk/transcript.py", "function"): "a word of the document of an answer",
    ("cli/import_commands.py", "agents"): "the word for a home that --to takes",
    ("cli/init_command.py", "assistants"): "the word that --from takes for what is in the account",
}
"""Texts that are equal to the name of a kind and mean something else: module and text, and what it means."""


WORDS = {word for kind in all_kinds().values() for word in (kind.name, kind.section)}


@cache
def kinds_named(path: Path) -> list[tuple[int, str]]:
    """Where a module has a kind's name or section.

    As a text, it may be compared, matched, a key, looked up, in a list, or the collection of a path; it may also be the
    name of an attribute or of an argument.
    """
    found = [(line, text) for line, text in texts(path) if text in WORDS or (text.startswith("/") and names_one(text))]
    for node in ast.walk(tree(path)):
        match node:
            case ast.Attribute(attr=name) | ast.keyword(arg=str(name), value=ast.expr()) if name in WORDS:
                found.append((node.lineno, name))
    return found


def names_one(path: str) -> bool:
    return not WORDS.isdisjoint(path.split("/"))


ENGINE = [path for path in modules() if not place(path).startswith(SUBJECTS)]


TESTS = Path(__file__).parents[1]
HELPERS = ("laws/conftest", "support/team", "support/forms", "support/breaking", "support/faults", "support/sdk_types")


def test_no_kind_is_named_in_the_engine() -> None:
    found = [
        f"{place(path)}:{line} names '{text}'"
        for path in ENGINE
        for line, text in kinds_named(path)
        if (place(path), text) not in OTHER_WORDS
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", HELPERS)
def test_no_kind_is_named_in_what_the_laws_stand_on(name: str) -> None:
    """A new kind comes under every law with its sample alone."""
    found = kinds_named(TESTS / f"{name}.py")
    assert not found, "\n".join(f"tests/{name}.py:{line} names '{text}'" for line, text in found)


def test_every_exception_is_needed() -> None:
    there = {(place(path), text) for path in ENGINE for _, text in kinds_named(path)}
    assert OTHER_WORDS.keys() <= there, f"no such text is there any more: {sorted(OTHER_WORDS.keys() - there)}"


def test_what_a_kind_refers_to_stands_in_fields_that_say_so() -> None:
    """Planning looks for references in those fields only."""
    for kind in (each for one in all_kinds().values() for each in (one, *one.homes.values())):
        named = {each.kind for each in kind.references if not each.inline}
        assert not kind.stored or named == {each.refs for each in kind.fields if each.refs}, kind.name
