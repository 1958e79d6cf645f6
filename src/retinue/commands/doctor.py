"""What `retinue doctor` finds: versions, project, account, collections and cache, as one document that is safe to show.

Nothing here stops at the first thing that is wrong: what cannot be known is null, and `problems` says why.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from importlib import metadata
from typing import TYPE_CHECKING, Any

from retinue import __version__
from retinue.config import Project
from retinue.errors import AccountError, RetinueError
from retinue.kinds import all_kinds
from retinue.kinds.kind import Kinds
from retinue.model.declared import HOW_CHOSEN
from retinue.providers.openai.key_source import key_source
from retinue.session import STATE, Reading, Where, check_loaded, load_from

if TYPE_CHECKING:
    from retinue.providers.openai.client import Account
    from retinue.providers.openai.probe import Probe


FORMAT_VERSION = 1
DISTRIBUTION = "retinue"
SETTINGS = ("OPENAI_BASE_URL", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID")
"""Variables that say where to connect to; their names are reported when they are set, never what they hold."""

Document = dict[str, Any]


def examine(where: Where) -> Document:
    """The whole document. Sends one request for each collection, and one for the models."""
    problems: list[str] = []
    kinds = all_kinds()
    project, reading, about_project = _project(where, problems)
    document: Document = {
        "format_version": FORMAT_VERSION,
        "versions": _versions(),
        "project": about_project,
        "account": None,
        "network": None,
        "collections": [],
        "models": None,
        "cache": _cache(project),
    }
    if project is not None:
        _account(document, project, reading, where, kinds, problems)
    document |= {"usable": not problems, "problems": problems}
    found: Document = _without_home(document, where.environ.get("HOME") or "")
    return found


def _versions() -> Document:
    """Ours, Python's, the system's, and those of the libraries that we ask for."""
    found = {"retinue": __version__, "python": platform.python_version()}
    try:
        wanted = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        wanted = []
    for each in wanted:
        name = re.split(r"[^A-Za-z0-9._-]", each, maxsplit=1)[0]
        if "extra ==" not in each:
            try:
                found[name] = metadata.version(name)
            except metadata.PackageNotFoundError:
                found[name] = "missing"
    return {**found, "system": f"{platform.system()} {platform.machine()}"}


def _project(where: Where, problems: list[str]) -> tuple[Project | None, Reading | None, Document | None]:
    # What is there is told apart from what is written: 'retinue validate' needs no secrets either.
    loaded = load_from(replace(where, offline=True))
    reading, found = check_loaded(loaded)
    errors = [each for each in found if each.severity == "error"]
    project = loaded.project
    if any(each.code == "no-project" for each in errors):
        problems.append("there is no project here: run 'retinue init' to make one, or change to its directory")
        return None, None, None
    if errors:
        count = f"{len(errors)} {'error' if len(errors) == 1 else 'errors'}"
        problems.append(f"{count} in the declarations: 'retinue validate' shows them")
    secrets = sorted(name for form, name in loaded.variables.asked if form == "secret")
    unset = [name for name in secrets if not where.environ.get(name)]
    problems += [f"there is no secret '{name}': the environment variable is not set" for name in unset]
    return (
        project,
        reading,
        {
            "root": str(project.root) if project else None,
            "stack": project.stack if project else None,
            "environment": project.environment if project else where.environment,
            **({"environment_from": project.chosen_by} if project and project.chosen_by in HOW_CHOSEN else {}),
            "environments": list(project.environments) if project else [],
            "declared": len(reading.declared) if reading else None,
            "errors": len(errors),
            "warnings": len(found) - len(errors),
        },
    )


def _cache(project: Project | None) -> Document | None:
    if project is None:
        return None
    directory = project.root / STATE
    files = [each for each in directory.rglob("*") if each.is_file()] if directory.is_dir() else []
    size = sum(each.stat().st_size for each in files)
    return {"directory": str(directory), "bytes": size, "ids": None, "uploads_under_way": None}


def _account(
    document: Document, project: Project, reading: Reading | None, where: Where, kinds: Kinds, problems: list[str]
) -> None:
    from retinue.providers.openai import http_client
    from retinue.providers.openai.connect import open_account
    from retinue.state.cache import Cache
    from retinue.state.upload_journal import UploadJournal

    source = key_source(project.account, where.environ)
    about: Document = {
        "name": None,
        "url": None,
        "key": {"source": source.form, "name": source.name or None, "set": source.present},
        "variables": [name for name in SETTINGS if where.environ.get(name)],
        "configured": _configured(project.account),
        "organization": None,
        "project": None,
        "clock_offset": None,
    }
    document["account"] = about
    if source.form != "none":
        network = http_client.describe(where.environ)
        faults = [each.message for each in http_client.faults(where.environ)]
        document["network"] = {**asdict(network), "ignored": list(network.ignored), "faults": faults}
    try:
        hidden = reading.resolved.hidden if reading else frozenset[str]()
        account = open_account(project.account, root=project.root, environ=where.environ, hidden=hidden)
    except RetinueError as error:
        problems += error.message.split("\n")
        return
    account.retries = 0
    try:
        known = (project.root / STATE, account.info, project.stack)
        cache, journal = Cache.load(*known), UploadJournal.load(*known)
        document["cache"] |= {"ids": len(cache.ids), "uploads_under_way": len(journal.entries)}
        problems += _ask(document, account, _needed(reading, kinds), kinds)
    finally:
        account.close()
    info = account.info
    about |= {"name": info.name, "url": info.url, "organization": info.organization, "project": info.project}
    if info.url and any(each["status"] for each in document["collections"]):
        about["clock_offset"] = round(account.clock_offset)


def _configured(setting: Any) -> Document:
    details = setting if isinstance(setting, Mapping) else {}
    return {name: details.get(name) for name in ("organization", "project")}


def _needed(reading: Reading | None, kinds: Kinds) -> set[str]:
    """The sections that the declarations use in the account, and files where they bring some."""
    names = {each.address.kind for each in reading.declared if each.home is None} if reading else set()
    used = [kinds[name] for name in names]
    files = {"files" for kind in used if kind.holds_files}
    return {kind.section for kind in used if kind.stored} | files


def _ask(document: Document, account: Account, needed: set[str], kinds: Kinds) -> list[str]:
    """Fill in how the account answers; gives what is wrong with that."""
    from retinue.providers.openai.model_list import list_models
    from retinue.providers.openai.probe import probe
    from retinue.providers.openai.workload_identity import IdentityError

    try:
        models = list_models(account)
    except IdentityError as error:
        return [error.message]
    except AccountError:
        models = None
    document["models"] = {"listed": None if models is None else len(models)}
    probes = probe(account, kinds)
    document["collections"] = [
        {**asdict(each), "scopes": list(each.scopes), "needed": each.name in needed} for each in probes
    ]
    return list(_complaints(probes, needed, account.address_hint()))


def _complaints(probes: Sequence[Probe], needed: set[str], about_address: str) -> Iterator[str]:
    states = {each.state for each in probes}
    if states == {"unreachable"}:
        yield f"the account cannot be reached: {probes[0].hint or 'check the network and base_url'}"
    elif states <= {"refused", "unreachable"}:
        yield "the account refuses the key: check the key and its project"
    elif "answers" not in states and "missing-scope" not in states:
        yield f"no collection answers: {about_address}"
    else:
        for each in probes:
            if each.name in needed and each.state != "answers":
                yield f"{each.name.replace('_', ' ')} are declared, and the account {SAID[each.state]}{_lacking(each)}"


SAID = {
    "not-served": "does not serve them",
    "missing-scope": "does not show them to this key",
    "refused": "refuses the key for them",
    "unreachable": "did not answer for them",
    "error": "answered with an error for them",
}


def _lacking(probe: Probe) -> str:
    return f": it lacks {', '.join(probe.scopes)}" if probe.scopes else ""


def _without_home(value: Any, home: str) -> Any:
    """The same with `~` for the home directory: its name is often a person's."""
    if isinstance(value, dict):
        return {key: _without_home(each, home) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_home(each, home) for each in value]
    if isinstance(value, str) and len(home) > 1:
        return re.sub(rf"{re.escape(home.rstrip('/'))}(?![^/\s:'])", "~", value)
    return value
