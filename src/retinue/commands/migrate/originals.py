"""Where assistants to migrate are found: in the declarations, on the account, in dumps and prompt files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from retinue import engine
from retinue.commands.migrate.dump_reader import NotAnAssistantError, is_cut, read_data, read_text
from retinue.commands.migrate.original import Original
from retinue.commands.migrate.rules import Home
from retinue.config.project_files import Source, UndecodableError, decode
from retinue.config.yaml.parser import NotJsonError, read_json
from retinue.errors import AccountError, RetinueError
from retinue.kinds import all_kinds
from retinue.model.tag import TAG_KEY, TagError, read_tag
from retinue.model.values import Ref

_TEXT_FILES = frozenset({".md", ".markdown", ".txt", ".prompt"})


@dataclass(frozen=True, slots=True)
class Found:
    """Assistants to migrate, and the vector stores of the account that they may use, by id."""

    originals: tuple[Original, ...]
    stores: Mapping[str, str]
    warnings: tuple[str, ...] = ()


def read_declared(where: engine.Where, home: Home) -> Found:
    """The assistants that the project declares, but for those that are at home there already."""
    reading = engine.read(where)
    kind = all_kinds()["assistant"]
    originals: list[Original] = []
    stores: dict[str, str] = {}
    for each in reading.declared:
        if each.address.kind != kind.name or getattr(each, "home", None) == home:
            continue
        spec = dict(each.spec)
        files = spec.pop("file_ids", {})
        ids = [str(one) for one in spec.get("vector_store_ids", ())]
        stores |= {str(one): one.address.name for one in spec.pop("vector_store_ids", ()) if isinstance(one, Ref)}
        raw = kind.write({name: value for name, value in spec.items() if kind.has(name)})
        raw |= {name: value for name, value in spec.items() if not kind.has(name)}
        raw["tool_resources"] = {"file_search": {"vector_store_ids": ids}}
        place = str(each.position())
        originals.append(Original(raw, str(each.address), each.address.name, tuple(files), origin=place))
    return Found(tuple(originals), stores)


def read_live(where: engine.Where) -> Found:
    """The assistants of the project's account, whoever owns them, and the names of the stores that are the stack's."""
    with engine.open_session(where) as session:
        account = session.providers[None]
        listed: dict[str, list[dict[str, Any]]] = {}
        for name in ("assistant", "vector_store"):
            try:
                listed[name] = list(account.pages(name))
            except AccountError as error:
                if error.status != 404 or name != "assistant":
                    raise
                raise AccountError(
                    f"the account serves no assistants: {error.message}",
                    hint="give a JSON dump of them, or leave --live out to migrate what is declared here",
                    status=404,
                ) from error
        declared = {each.address for each in session.reading.declared}
        stores: dict[str, str] = {}
        for raw in listed["vector_store"]:
            try:
                tag = read_tag((raw.get("metadata") or {}).get(TAG_KEY) or "")
            except TagError:
                continue
            if tag.stack == session.project.stack and tag.address in declared:
                stores[raw["id"]] = tag.address.name
    return Found(tuple(each for raw in listed["assistant"] for each in _read(raw, raw["id"])), stores)


def read_files(texts: Mapping[str, bytes]) -> Found:
    """The assistants in dumps and prompt files, by the names of the files. Raises RetinueError for what is neither."""
    originals: list[Original] = []
    warnings: list[str] = []
    for name, content in texts.items():
        try:
            source = decode(name, content)
        except UndecodableError as error:
            raise RetinueError(f"'{name}' cannot be read: {error.message}", hint=error.hint) from error
        suffix = PurePosixPath(name).suffix.lower()
        if suffix in _TEXT_FILES or not source.text.lstrip().startswith(("{", "[")):
            if suffix in (".json", ".jsonl") or not source.text.strip():
                raise RetinueError(f"'{name}' holds neither JSON nor a prompt", hint="give a dump of assistants")
            originals.append(read_text(source.text, name))
            continue
        data = _json(source)
        if is_cut(data):
            warnings.append(f"'{name}' is one page of a longer list (has_more): dump the pages that follow, too")
        originals += _read(data, name)
    return Found(tuple(originals), {}, tuple(warnings))


def _read(data: Any, name: str) -> list[Original]:
    try:
        return read_data(data, name)
    except NotAnAssistantError as error:
        raise RetinueError(str(error), hint="give the answer of GET /assistants, or single assistants") from error


def _json(source: Source) -> Any:
    """The value of a JSON text, or the list of those in its lines."""
    try:
        return read_json(source)
    except NotJsonError as whole:
        try:
            return [read_json(Source(source.name, line)) for line in source.text.splitlines() if line.strip()]
        except NotJsonError:
            where = source.position(whole.offset)
            raise RetinueError(f"{where}: {whole.message}", hint=whole.hint) from whole
