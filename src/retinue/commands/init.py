"""The files that `retinue init` writes: a project to start with, and pipelines by what a project says of itself.

Nothing that exists is overwritten unasked; a .gitignore gets a missing line.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from retinue.commands.suggested_names import name_from
from retinue.config import Loaded, Project, load
from retinue.config.loader import SEAL
from retinue.config.project import PROJECT_FILE
from retinue.config.schema.declaration_schema import documents
from retinue.config.yaml.constructor import scalar
from retinue.errors import DeclarationError, RetinueError, cannot_write
from retinue.kinds import all_kinds
from retinue.providers.openai.key_source import KeySource, key_source

Host = Literal["github", "gitlab"]
Outcome = Literal["wrote", "kept", "extended", "replaced"]

IGNORED = ".retinue/"
EXAMPLE = (
    "assistants/concierge.yaml",
    "assistants/prompts/concierge.md",
    "assistants/handbook/meeting-rooms.md",
    "assistants/handbook/opening-hours.md",
)
SCHEMAS = ("retinue.schema.json", "declarations.schema.json")

LOCAL, OPENAI = "local", "openai"
RESPONSES, ASSISTANTS = "responses", "assistants-v2"
KEY = "OPENAI_API_KEY"
_INCLUDE = "include:\n  - assistants/**/*.yaml\n"
_PRINTS_ID = "`retinue output assistant.concierge` prints the id."
_PRINTS_ARGUMENTS = "`retinue output --json assistant.concierge` prints it as a call takes it."

_SAME_AS_IGNORED = frozenset({".retinue", ".retinue/", "/.retinue", "/.retinue/"})
_FALLBACK = "my-stack"

ONLY = "default"
"""What the one environment of a project without any is called in a pipeline."""
UNKNOWN_SOURCE = "git+https://github.com/OWNER/retinue"
_NO_KEY = "no key, since the account is reached by workload identity"
_ISSUED_INTO = "OPENAI_ID_TOKEN"
_ISSUERS: Mapping[str, str] = {"github": "github_actions_id_token", "gitlab": "gitlab_id_token"}
_OF_RUNNERS = re.compile(r"CI$|CI_|GITHUB_|GITLAB_|RUNNER_")
_WORDS = ("true", "false", "null")
_PLACE = re.compile(r"@([A-Z_]+)@")


# ── a project to start with ───────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Choices:
    """What a new project is to be like. `account` is `local`, `openai` or the base URL of a server, `api` the home of
    assistants (None: `usual_api`), `stack` its name (None: the directory's); `example`: whether it gets assistants to
    start with."""

    account: str = LOCAL
    api: str | None = None
    stack: str | None = None
    example: bool = True

    @property
    def setting(self) -> str | dict[str, str]:
        """The account as a project file has it."""
        return self.account if self.account in (LOCAL, OPENAI) else {"base_url": self.account, "api_key_env": KEY}


def usual_api(account: str) -> str:
    """Where assistants live on an account of which no more is known. OpenAI's own ended the Assistants API on
    2026-08-26 (its guide to migration); servers that took it over have it, as the local account does."""
    return RESPONSES if account == OPENAI else ASSISTANTS


def address_of(text: str) -> str:
    """A base URL as a project file has it. Raises ValueError with what is wrong about another text."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or not text.isprintable() or " " in text:
        raise ValueError("it is neither a name nor an address")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("a key has no place in a file that others read, nor has a query")
    return text.rstrip("/")


def write_starter(directory: Path, choices: Choices | None = None) -> Iterator[tuple[Path, Outcome]]:
    """Write the project, and tell of every file what became of it.

    A directory that is a project already gets no example assistants: they would become part of its stack.
    Raises RetinueError when something cannot be written.
    """
    choices = choices or Choices()
    path, outcome = _create(directory / PROJECT_FILE, _project_file(directory, choices))
    yield path, outcome
    rendered = (choices.api or usual_api(choices.account)) == RESPONSES
    for each in EXAMPLE if outcome == "wrote" and choices.example else ():
        text = _template(f"starter/{each}")
        yield _create(directory / each, text.replace(_PRINTS_ID, _PRINTS_ARGUMENTS) if rendered else text)
    for each, text in _schemas():
        yield _create(directory / each, text)
    yield _create(directory / ".gitattributes", _template("starter/gitattributes"))
    yield _ignore(directory)


def _project_file(directory: Path, choices: Choices) -> str:
    name = choices.stack or stack_name(directory)
    told = choices.account if choices.account in (LOCAL, OPENAI) else "server"
    about_api = _template("starter/api") if choices.api or usual_api(choices.account) != ASSISTANTS else ""
    values = {"URL": json.dumps(choices.account), "KEY": KEY, "API": choices.api or usual_api(choices.account)}
    inner = {
        "ACCOUNT": fill(_template(f"starter/account-{told}"), values),
        "HOME": f"\n{fill(about_api, values)}" if about_api else "",
    }
    template = _template(f"starter/{PROJECT_FILE}")
    made = template.replace("stack: STACK", f"stack: {_as_yaml(name)}").replace("STACK", name)
    if not choices.example:  # what is written and matches nothing is a mistake, and the default is none
        made = made.replace(_INCLUDE, "".join(f"# {each}" for each in _INCLUDE.splitlines(keepends=True)))
    return fill(made, inner)


def stack_name(directory: Path) -> str:
    """A valid name for the stack, as close to the directory's as can be."""
    return name_from(directory.resolve().name, otherwise=_FALLBACK)


def _as_yaml(name: str) -> str:
    """The name as YAML that reads as a string even where it looks like a number or a word of YAML."""
    return name if scalar(name) == name else f'"{name}"'


def _schemas() -> Iterator[tuple[str, str]]:
    made = documents(all_kinds())
    for name in SCHEMAS:
        yield f"schemas/{name}", json.dumps(made[name], indent=2, ensure_ascii=False) + "\n"


def _create(path: Path, text: str) -> tuple[Path, Outcome]:
    """Write a file that is not there yet."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
    except FileExistsError as error:
        if not path.is_file():
            raise _refused(path, error) from error
        return path, "kept"
    except OSError as error:
        raise _refused(path, error) from error
    return path, "wrote"


def _ignore(directory: Path) -> tuple[Path, Outcome]:
    """Keep the local account out of version control: the one thing that is added to a file that exists."""
    path, outcome = _create(directory / ".gitignore", _template("starter/gitignore"))
    if outcome == "wrote":
        return path, outcome
    try:
        lines = path.read_bytes().decode("utf-8", "surrogateescape").splitlines(keepends=True)
        if any(line.strip() in _SAME_AS_IGNORED for line in lines):
            return path, "kept"
        end = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
        before = end if lines and not lines[-1].endswith(("\n", "\r")) else ""
        with path.open("ab") as stream:
            stream.write(f"{before}{IGNORED}{end}".encode())
    except OSError as error:
        raise _refused(path, error) from error
    return path, "extended"


def _refused(path: Path, error: OSError) -> RetinueError:
    """Why a file could not be written, naming whatever stands in the way."""
    hint = "rename it, or choose another directory"
    for each in reversed(path.parents):
        if os.path.isfile(each):  # noqa: PTH113 - pathlib raises where the name is too long
            return RetinueError(f"cannot write '{path}': '{each}' is a file, not a directory", hint=hint)
    if isinstance(error, FileExistsError):
        return RetinueError(f"cannot write '{path}': something else has its name", hint=hint)
    return cannot_write(path, error, hint="choose a directory you may write to")


# ── pipelines ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Pipelines:
    """What the templates are filled with. `keys` maps each environment to where its key comes from, `secrets` and
    `settings` to the environment variables that its declarations ask for; `tokens` are those that GitLab is to put
    tokens into. `directory` is that of the project in its repository, empty when they are the same."""

    stack: str
    several: bool
    stacks: Mapping[str, str]
    keys: Mapping[str, KeySource]
    secrets: Mapping[str, tuple[str, ...]]
    settings: Mapping[str, tuple[str, ...]]
    tokens: tuple[str, ...]
    root: Path
    directory: str
    branch: str
    source: str

    @property
    def prefix(self) -> str:
        """What the names of files and jobs begin with: several projects of one repository must not share them."""
        return f"retinue-{self.stack}" if self.directory else "retinue"

    @property
    def local(self) -> tuple[str, ...]:
        """The environments whose account no pipeline can reach."""
        return tuple(name for name, key in self.keys.items() if key.form == "none")


def read_pipelines(directory: Path, environ: Mapping[str, str], *, source: str | None = None) -> Pipelines:
    """What is to be known of a project. Raises DeclarationError when its project file holds a mistake."""
    base = _loaded(directory, None, environ)
    if base.outline is None or base.outline.stack is None:
        raise DeclarationError.of(base.diagnostics)
    # Where there are environments, the project need not be of use without one: a variable may lack its value.
    names = base.outline.environments
    chosen = {name: _loaded(directory, name, environ) for name in names} or {ONLY: base}
    projects = {name: _settled(loaded) for name, loaded in chosen.items()}
    keys = {name: key_source(project.account, environ) for name, project in projects.items()}
    within = {name: key for name, key in keys.items() if key.form != "none"} or keys
    root = _repository(base.outline.root)
    inside = base.outline.root.resolve().relative_to(root).as_posix()
    secrets = {name: _asked(chosen[name], "secret") for name in within}
    return Pipelines(
        stack=base.outline.stack,
        several=bool(names),
        stacks={name: projects[name].stack for name in within},
        keys=within,
        secrets={name: (*found, SEAL) if found else () for name, found in secrets.items()},
        settings={name: _asked(chosen[name], "env") for name in within},
        tokens=tuple(sorted({each for name in within for each in _tokens(projects[name].account)})),
        root=root,
        directory="" if inside == "." else inside,
        branch=_default_branch(root),
        source=source or _installed_from(),
    )


def _loaded(directory: Path, environment: str | None, environ: Mapping[str, str]) -> Loaded:
    return load(directory, environment=environment, environ=environ, kinds=all_kinds(), stand_ins=("env", "secret"))


def _tokens(account: Any) -> Iterator[str]:
    """The environment variable that a project file expects a token of GitLab in, if it does."""
    identity = account.get("workload_identity") if isinstance(account, Mapping) else None
    provider = identity.get("provider") if isinstance(identity, Mapping) else None
    if provider == _ISSUERS["gitlab"]:
        yield _ISSUED_INTO
    elif isinstance(provider, Mapping) and _ISSUERS["gitlab"] in provider:
        yield str((provider[_ISSUERS["gitlab"]] or {}).get("variable", _ISSUED_INTO))


def _settled(loaded: Loaded) -> Project:
    if loaded.project is None:
        raise DeclarationError.of(loaded.diagnostics)
    return loaded.project


def _asked(loaded: Loaded, namespace: str) -> tuple[str, ...]:
    """The environment variables that declarations ask for, but those that runners have anyway."""
    asked = sorted(name for form, name in loaded.variables.asked if form == namespace)
    return tuple(name for name in asked if not _OF_RUNNERS.match(name))


def write_pipelines(found: Pipelines, host: Host, *, force: bool = False) -> Iterator[tuple[Path, Outcome]]:
    """Write the files of one host, and tell of each what became of it. What exists is kept unless `force` is given.
    Raises RetinueError when a file cannot be written."""
    if host == "github":
        for name in ("plan", "apply", "drift"):
            text = fill(_template(f"pipelines/github/{name}.yml"), _for_github(found))
            yield _write(found.root / ".github" / "workflows" / f"{found.prefix}-{name}.yml", text, force=force)
        return
    included = f".gitlab/{found.prefix}.yml"
    yield _write(
        found.root / included, fill(_template("pipelines/gitlab/retinue.yml"), _for_gitlab(found)), force=force
    )
    # Never replaced: it is the pipeline of everything else, too.
    main = fill(_template("pipelines/gitlab/gitlab-ci.yml"), {"INCLUDED": included})
    yield _write(found.root / ".gitlab-ci.yml", main, force=False)


def advice(found: Pipelines, host: Host, written: Mapping[Path, Outcome]) -> Iterator[str]:
    """What is left to do by hand."""
    if found.source == UNKNOWN_SOURCE:
        yield "put the place to install Retinue from into RETINUE_FROM, or run this again with --install-from, --force"
    if found.local == tuple(found.keys):
        yield "the account is the local one, which no pipeline can reach: name another in retinue.yaml first"
    other = next(name for name in _ISSUERS if name != host)
    if any(key.name == _ISSUERS[other] for key in found.keys.values()):
        yield f"name another provider in retinue.yaml: there is no {_ISSUERS[other]} here, but {_ISSUERS[host]}"
    secrets = [name for name in _users(found.keys, found.secrets) if name != SEAL]
    settings = [name for name in _users({}, found.settings) if name not in secrets]
    if secrets:
        where = "secret" if host == "github" else "CI/CD variable"
        yield f"add the {where}{'s' if len(secrets) > 1 else ''} {', '.join(secrets)}"
        if host == "github":
            first = next(iter(found.keys))
            yield f"  to the GitHub environments: '{first}-plan' gets a key that may read, '{first}' one that may write"
    if settings:
        where = "variable" if host == "github" else "CI/CD variable"
        yield f"add the {where}{'s' if len(settings) > 1 else ''} {', '.join(settings)}"
    if host == "gitlab":
        yield "add the CI/CD variable GITLAB_TOKEN, and a pipeline schedule for drift"
        if written.get(found.root / ".gitlab-ci.yml") == "kept":
            yield f"add to .gitlab-ci.yml: include: [{{local: .gitlab/{found.prefix}.yml}}]"


# ── filling ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def fill(template: str, values: Mapping[str, str]) -> str:
    """The template with every `@NAME@` replaced. One alone on its line may become several lines, or none."""
    lines: list[str] = []
    for line in template.splitlines():
        alone = _PLACE.fullmatch(line.strip())
        if alone is None:
            lines.append(_PLACE.sub(lambda found: values[found[1]], line))
            continue
        indent = line[: len(line) - len(line.lstrip())]
        lines += [f"{indent}{each}" for each in values[alone[1]].splitlines()]
    return "\n".join(lines) + "\n"


def _shared(found: Pipelines) -> dict[str, str]:
    names = list(found.keys)
    return {
        "PREFIX": found.prefix,
        "STACK": found.stack,
        "FROM": json.dumps(found.source),
        "BRANCH": found.branch,
        "ENVIRONMENTS": ", ".join(_name(each) for each in names),
        "ENVIRONMENTS_JSON": ", ".join(json.dumps(each) for each in names),
        "E": ' -e "$ENVIRONMENT"' if found.several else "",
    }


def _for_github(found: Pipelines) -> dict[str, str]:
    secrets = _users(found.keys, found.secrets)
    settings = {name: users for name, users in _users({}, found.settings).items() if name not in secrets}
    identity = any(key.form == "workload_identity" for key in found.keys.values())
    asks = any(key.name == _ISSUERS["github"] for key in found.keys.values())
    return {
        **_shared(found),
        "PATHS": f"paths: {json.dumps(_watched(found, '**', '.github/workflows', '-*'))}" if found.directory else "",
        "WORKING_DIRECTORY": f"working-directory: {json.dumps(found.directory)}" if found.directory else "",
        "ID_TOKEN": "id-token: write # for workload identity" if asks else "",
        "CREDENTIALS": "\n".join(_given(found, "secrets", secrets)) or f"RETINUE: {_NO_KEY if identity else 'no key'}",
        "SETTINGS": "\n".join(_given(found, "vars", settings)),
    }


def _watched(found: Pipelines, below: str, folder: str, rest: str) -> list[str]:
    """What a change has to touch to be one of this project, in a repository that has others: its directory, and its
    pipelines."""
    directory = re.sub(r"([*?+!\[\]\\])", r"\\\1", found.directory)
    return [f"{directory}/{below}", f"{folder}/{found.prefix}{rest}.yml"]


def _name(text: str) -> str:
    """A name in YAML. Quoted, unless no reader could take it for a number, a boolean or nothing."""
    return text if re.fullmatch(r"[a-z]{4,}(-[a-z0-9]+)*", text) and text not in _WORDS else json.dumps(text)


def _given(found: Pipelines, context: str, users: Mapping[str, list[str]]) -> Iterator[str]:
    """The lines of `env:`. Where environments have keys of their own, each job gets its own only."""
    for variable, names in users.items():
        if len(names) == len(found.keys):
            yield f"{variable}: ${{{{ {context}.{variable} }}}}"
        else:
            condition = " || ".join(f"matrix.environment == '{each}'" for each in names)
            yield f"{variable}: ${{{{ ({condition}) && {context}.{variable} || '' }}}}"


def _for_gitlab(found: Pipelines) -> dict[str, str]:
    keys, declared = _users(found.keys, {}), _users({}, found.secrets)
    settings = [name for name in _users({}, found.settings) if name not in {**keys, **declared}]
    variables = [
        *(f"{name}   the key of the account" for name in keys),
        *(f"{name}   {_what(name)}" for name in declared if name not in keys),
        *(f"{name}   a value of the declarations, which need not be hidden" for name in settings),
    ]
    identity = any(key.form == "workload_identity" for key in found.keys.values())
    tokens = "\n".join(f"  {name}:\n    aud: https://api.openai.com/v1" for name in found.tokens)
    return {
        **_shared(found),
        "MATRIX": "\n".join(
            f"- ENVIRONMENT: {_name(name)}\n  STACK: {_name(stack)}" for name, stack in found.stacks.items()
        ),
        "SUFFIX": "/$ENVIRONMENT" if found.several else "",
        "KEYS": "\n".join(f"# {each}" for each in variables)
        or f"# ({_NO_KEY if identity else 'and the key of the account'})",
        "ID_TOKEN": f"id_tokens:\n{tokens}" if tokens else "",
        "CHANGES": f"changes: {json.dumps(_watched(found, '**/*', '.gitlab', ''))}" if found.directory else "",
        "CHANGE_DIRECTORY": f"- {json.dumps(f'cd {shlex.quote(found.directory)}')}" if found.directory else "",
    }


def _what(secret: str) -> str:
    return "where there is one: the key of the digests of secrets" if secret == SEAL else "a secret of the declarations"


def _users(keys: Mapping[str, KeySource], others: Mapping[str, tuple[str, ...]]) -> dict[str, list[str]]:
    """Every environment variable, sorted, with the environments that need it."""
    needs = [(key.name, name) for name, key in keys.items() if key.form == "environment"]
    needs += [(variable, name) for name, variables in others.items() for variable in variables]
    return {
        variable: list(dict.fromkeys(name for each, name in needs if each == variable)) for variable, _ in sorted(needs)
    }


def _template(name: str) -> str:
    return files("retinue.commands").joinpath("init_files", name).read_text(encoding="utf-8")


# ── where we are ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _repository(start: Path) -> Path:
    """The repository that a directory is in; the directory itself where there is none."""
    start = start.resolve()
    return next((each for each in (start, *start.parents) if (each / ".git").exists()), start)


def _default_branch(root: Path) -> str:
    """The branch that others start from, as far as git knows here."""
    command = ["git", "symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD"]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)  # noqa: S603 - constant
    except OSError:  # no git
        return "main"
    name = done.stdout.strip().removeprefix("origin/")
    return name if re.fullmatch(r"[A-Za-z0-9._/-]+", name) else "main"


def _installed_from() -> str:
    """What pip would install this very version from, where it came from a git repository."""
    try:
        text = metadata.distribution("retinue").read_text("direct_url.json")
        found: Any = json.loads(text or "{}")
        url, commit = str(found["url"]), str(found["vcs_info"]["commit_id"])
    except (metadata.PackageNotFoundError, ValueError, LookupError, TypeError):
        return UNKNOWN_SOURCE
    return f"git+{url}@{commit}" if re.fullmatch(r"https://[A-Za-z0-9./_~-]+", url) else UNKNOWN_SOURCE


def _write(path: Path, text: str, *, force: bool) -> tuple[Path, Outcome]:
    try:
        if path.exists() and not force:
            return path, "kept"
        outcome: Outcome = "replaced" if path.exists() else "wrote"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise cannot_write(path, error, hint="choose a directory you may write to") from error
    return path, outcome
