"""The pipelines that `retinue init --ci` writes, from templates and what the project says of its environments."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from retinue.config import Loaded, Project, load
from retinue.config.loader import SEAL
from retinue.errors import DeclarationError, cannot_write
from retinue.kinds import all_kinds
from retinue.providers.openai.key_source import KeySource, key_source

Host = Literal["github", "gitlab"]
Outcome = Literal["wrote", "kept", "replaced"]

ONLY = "default"
"""What the one environment of a project without any is called in a pipeline."""
UNKNOWN_SOURCE = "git+https://github.com/OWNER/retinue"
_NO_KEY = "no key, since the account is reached by workload identity"
_ISSUED_INTO = "OPENAI_ID_TOKEN"
_ISSUERS: Mapping[str, str] = {"github": "github_actions_id_token", "gitlab": "gitlab_id_token"}
_OF_RUNNERS = re.compile(r"CI$|CI_|GITHUB_|GITLAB_|RUNNER_")
_WORDS = ("true", "false", "null")
_PLACE = re.compile(r"@([A-Z_]+)@")


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
            text = fill(_template(f"github/{name}.yml"), _for_github(found))
            yield _write(found.root / ".github" / "workflows" / f"{found.prefix}-{name}.yml", text, force=force)
        return
    included = f".gitlab/{found.prefix}.yml"
    yield _write(found.root / included, fill(_template("gitlab/retinue.yml"), _for_gitlab(found)), force=force)
    # Never replaced: it is the pipeline of everything else, too.
    main = fill(_template("gitlab/gitlab-ci.yml"), {"INCLUDED": included})
    yield _write(found.root / ".gitlab-ci.yml", main, force=False)


def advice(found: Pipelines, host: Host, written: Mapping[Path, Outcome]) -> Iterator[str]:
    """What is left to do by hand."""
    if found.source == UNKNOWN_SOURCE:
        yield "put the place to install Retinue from into RETINUE_FROM, or run this again with --from and --force"
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
        "WORKING_DIRECTORY": f"working-directory: {json.dumps(found.directory)}" if found.directory else "",
        "ID_TOKEN": "id-token: write # for workload identity" if asks else "",
        "CREDENTIALS": "\n".join(_given(found, "secrets", secrets)) or f"RETINUE: {_NO_KEY if identity else 'no key'}",
        "SETTINGS": "\n".join(_given(found, "vars", settings)),
    }


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
    return files("retinue.cli").joinpath("pipeline_files", name).read_text(encoding="utf-8")


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
