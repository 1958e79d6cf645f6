"""The documents of commands that look and decide nothing, as types: show, output, models, validate, doctor.

`schemas/` is generated from them, like from those of plans.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from retinue.planning.documents.document_types import (
    Address,
    Count,
    CountByKind,
    DiagnosticDocument,
    Environment,
    FormatVersion,
)

VERSION = "1.0"
"""Of the formats below; fields are only added within one major version."""

# ── show and output ───────────────────────────────────────────────────────────────────────────────────────────────────


class ShownObjectDocument(TypedDict):
    """A live object of the stack."""

    address: Annotated[str, "Its address; `?` where its tag cannot be read."]
    id: Annotated[str, "Its live id; of what is rendered instead of stored, its place in the lock file."]
    name: Annotated[str | None, "What people call it."]
    state: Annotated[str, "What the account says of it, else `live`; or `no longer declared`, `unreadable tag`."]
    labels: NotRequired[Annotated[dict[str, str], "The labels of its declaration, where it has any."]]


class MarkerDocument(TypedDict):
    """The object in the account that remembers the stack."""

    id: Annotated[str, "Its live id."]
    objects: Annotated[Count, "How many objects the last apply left."]
    as_left: Annotated[bool | None, "Whether those are the ones that are there; null where that is not told."]


class ShowDocument(TypedDict):
    """What a stack has in its account: the output of `retinue show --json`."""

    format_version: FormatVersion
    objects: Annotated[list[ShownObjectDocument], "By address."]
    foreign: Annotated[CountByKind, "Live objects of other stacks, by kind."]
    unowned: Annotated[CountByKind, "Live objects without an owner, by kind."]
    marker: MarkerDocument | None
    applying: Annotated[str | None, "Who is applying the stack right now."]


OUTPUT: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "urn:retinue:schema:output",
    "title": "The live ids of a stack",
    "description": "The output of `retinue output --json`: live ids by address, and one key that is no address.",
    "type": "object",
    "properties": {
        "format_version": {
            "type": "string",
            "pattern": r"^1\.[0-9]+$",
            "description": "The version of this format: major.minor. No address is without a dot.",
        }
    },
    "patternProperties": {
        r"^[a-z_]+\..+$": {
            "type": "string",
            "description": "The live id; of what is rendered instead of stored, its place in the lock file.",
        }
    },
    "required": ["format_version"],
    "$defs": {},
}

# ── models ────────────────────────────────────────────────────────────────────────────────────────────────────────────


class UseDocument(TypedDict):
    """A declaration that uses a model."""

    address: Address
    file: Annotated[str, "Relative to the project."]
    line: Annotated[Count, "Counted from 1."]


class ModelDocument(TypedDict):
    """A model that the account lists, or that declarations use."""

    model: Annotated[str, "Its id."]
    listed: Annotated[bool | None, "Whether the account lists it; null where it lists none."]
    owned_by: Annotated[str | None, "Whose it is, as the account says."]
    shutdown_date: Annotated[str | None, ("pattern", r"^\d{4}-\d{2}-\d{2}$"), "When it shuts down, if that is known."]
    days_left: Annotated[int | None, "Days until then; negative once it is past."]
    used_by: Annotated[list[UseDocument], "The declarations that use it."]


class ModelsDocument(TypedDict):
    """The models there are: the output of `retinue models --json`."""

    format_version: FormatVersion
    listed: Annotated[bool, "Whether the account says which models it has."]
    models: Annotated[list[ModelDocument], "The most pressing first."]


# ── validate ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class ValidateDocument(TypedDict):
    """What is wrong with declarations: the output of `retinue validate --json`."""

    format_version: FormatVersion
    valid: Annotated[bool, "Whether there is no error; warnings do not count."]
    diagnostics: Annotated[list[DiagnosticDocument], "Everything that was found, in the order of the files."]


# ── doctor ────────────────────────────────────────────────────────────────────────────────────────────────────────────


class ProjectFoundDocument(TypedDict):
    """The project."""

    root: Annotated[str | None, "Its directory."]
    stack: Annotated[str | None, "Its stack, in the environment."]
    environment: Environment
    environments: Annotated[list[str], "Those that it has."]
    declared: Annotated[Count | None, "How many objects are declared; null where that cannot be read."]
    errors: Annotated[Count, "Mistakes in the declarations."]
    warnings: Annotated[Count, "Warnings about them."]


class KeyDocument(TypedDict):
    """Where the key comes from; never what it is."""

    source: Annotated[Literal["none", "environment", "workload_identity"], "How one is had, if one is needed."]
    name: Annotated[str | None, "The environment variable, or the provider of tokens."]
    set: Annotated[bool | None, "Whether the variable holds anything; null where there is none."]


class ConfiguredDocument(TypedDict):
    """Whom the project file says the account answers for."""

    organization: str | None
    project: str | None


class AccountFoundDocument(TypedDict):
    """The account, and what it says of itself."""

    name: Annotated[str | None, "Its name; null where it could not be opened."]
    url: Annotated[str | None, "Its base URL."]
    key: KeyDocument
    variables: Annotated[list[str], "Environment variables that say where to connect to, by name."]
    configured: ConfiguredDocument
    organization: Annotated[str | None, "The organization that answered."]
    project: Annotated[str | None, "The project that answered."]
    clock_offset: Annotated[int | None, "Seconds by which its clock is ahead of this machine's."]


class NetworkDocument(TypedDict):
    """What the environment says of the network, by variable and safe to print."""

    proxies: dict[str, str]
    exempt: Annotated[dict[str, str], "Hosts without a proxy."]
    certificates: Annotated[dict[str, str], "Where the certificates of authorities are."]
    ignored: Annotated[list[str], "Variables that others read in place of these."]
    faults: Annotated[list[str], "What of it cannot be used, and why."]


class CollectionDocument(TypedDict):
    """How one collection of the account answered."""

    name: Annotated[str, "The section of declarations, or `files`."]
    path: Annotated[str, "Its path in the API."]
    state: Annotated[
        Literal["answers", "not-served", "missing-scope", "refused", "unreachable", "error"], "How it answered."
    ]
    status: Annotated[int | None, "The HTTP status; null without an answer."]
    code: Annotated[str | None, "The error's code, as the account gave it."]
    scopes: Annotated[list[str], "What the key lacks."]
    hint: Annotated[str | None, "What to do where nothing was to be reached."]
    needed: Annotated[bool, "Whether the declarations use it."]


class ListedDocument(TypedDict):
    """The models of the account."""

    listed: Annotated[Count | None, "How many it lists; null where it does not say."]


class CacheDocument(TypedDict):
    """What this machine remembers."""

    directory: Annotated[str, "Where."]
    bytes: Annotated[Count, "How much that is."]
    ids: Annotated[Count | None, "How many live ids."]
    uploads_under_way: Annotated[Count | None, "Uploads of an apply that did not come to its end."]


class TerminalDocument(TypedDict):
    """What is written to."""

    color: bool
    width: Annotated[Count, "In columns."]
    interactive: Annotated[bool, "Whether a person can be asked."]
    variables: Annotated[list[str], "Variables that say what a terminal is like, by name."]


class DoctorDocument(TypedDict):
    """What Retinue needs and has: the output of `retinue doctor --json`. Holds no key and no secret."""

    format_version: Annotated[Literal[1], "The version of this format: its major number alone."]
    versions: Annotated[dict[str, str], "Of Retinue, Python, the system and the libraries."]
    project: ProjectFoundDocument | None
    account: AccountFoundDocument | None
    network: NetworkDocument | None
    collections: Annotated[list[CollectionDocument], "Those of the account."]
    models: ListedDocument | None
    cache: CacheDocument | None
    usable: Annotated[bool, "Whether nothing keeps Retinue from working."]
    problems: Annotated[list[str], "What does."]
    terminal: NotRequired[TerminalDocument]
