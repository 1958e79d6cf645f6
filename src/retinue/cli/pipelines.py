"""The pipelines that `retinue init --ci` writes, from templates and what the project says of its environments."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from retinue.account.key_source import KeySource, key_source
from retinue.errors import DeclarationError, RetinueError
from retinue.kinds import all_kinds
from retinue.source import Project, load

Host = Literal["github", "gitlab"]
Outcome = Literal["wrote", "kept", "replaced"]

ONLY = "default"
"""What the one environment of a project without any is called in a pipeline."""
UNKNOWN_SOURCE = "git+https://github.com/OWNER/retinue"
_PLACE = re.compile(r"@([A-Z_]+)@")


@dataclass(frozen=True, slots=True)
class Pipelines:
    """What the templates are filled with. `keys` maps each environment to where its key comes from; `directory` is
    that of the project in its repository, empty when they are the same."""

    project: Project
    stacks: Mapping[str, str]
    keys: Mapping[str, KeySource]
    root: Path
    directory: str
    branch: str
    source: str

    @property
    def prefix(self) -> str:
        """What the names of files and jobs begin with: several projects of one repository must not share them."""
        return f"retinue-{self.stack}" if self.directory else "retinue"

    @property
    def stack(self) -> str:
        return self.project.stack

    @property
    def local(self) -> tuple[str, ...]:
        """The environments whose account no pipeline can reach."""
        return tuple(name for name, key in self.keys.items() if key.form == "none")


def read_pipelines(directory: Path, environ: Mapping[str, str], *, source: str | None = None) -> Pipelines:
    """What is to be known of a project. Raises DeclarationError when its project file holds a mistake."""
    base = _settled(directory, None, environ)
    chosen = {name: _settled(directory, name, environ) for name in base.environments} or {ONLY: base}
    keys = {name: key_source(project.account, environ) for name, project in chosen.items()}
    within = {name: key for name, key in keys.items() if key.form != "none"}
    root = _repository(base.root)
    inside = base.root.resolve().relative_to(root).as_posix()
    return Pipelines(
        project=base,
        stacks={name: project.stack for name, project in chosen.items() if name in within or not within},
        keys=within or keys,
        root=root,
        directory="" if inside == "." else inside,
        branch=_default_branch(root),
        source=source or _installed_from(),
    )


def _settled(directory: Path, environment: str | None, environ: Mapping[str, str]) -> Project:
    loaded = load(directory, environment=environment, environ=environ, kinds=all_kinds())
    if loaded.project is None:
        raise DeclarationError.of(loaded.diagnostics)
    return loaded.project


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
    secrets = sorted({key.name for key in found.keys.values() if key.form == "environment"})
    if secrets:
        where = "secret" if host == "github" else "CI/CD variable"
        yield f"add the {where}{'s' if len(secrets) > 1 else ''} {', '.join(secrets)}"
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
        "FROM": found.source,
        "BRANCH": found.branch,
        "ENVIRONMENTS": ", ".join(names),
        "ENVIRONMENTS_JSON": ", ".join(json.dumps(each) for each in names),
        "E": ' -e "$ENVIRONMENT"' if found.project.environments else "",
    }


def _for_github(found: Pipelines) -> dict[str, str]:
    identity = any(key.form == "workload_identity" for key in found.keys.values())
    return {
        **_shared(found),
        "WORKING_DIRECTORY": f"working-directory: {json.dumps(found.directory)}" if found.directory else "",
        "ID_TOKEN": "id-token: write # for workload identity" if identity else "",
        "CREDENTIALS": "\n".join(_secret(name, found.keys) for name in _variables(found.keys)) or "RETINUE: no key",
    }


def _secret(variable: str, keys: Mapping[str, KeySource]) -> str:
    """A line of `env:`. Where environments have keys of their own, each job gets its own only."""
    users = [name for name, key in keys.items() if key.form == "environment" and key.name == variable]
    if len(users) == len(keys):
        return f"{variable}: ${{{{ secrets.{variable} }}}}"
    condition = " || ".join(f"matrix.environment == '{each}'" for each in users)
    return f"{variable}: ${{{{ ({condition}) && secrets.{variable} || '' }}}}"


def _for_gitlab(found: Pipelines) -> dict[str, str]:
    variables = [f"{name}   the key of the account" for name in _variables(found.keys)]
    tokens = [key.name for key in found.keys.values() if key.form == "workload_identity"]
    return {
        **_shared(found),
        "MATRIX": "\n".join(f"- ENVIRONMENT: {name}\n  STACK: {stack}" for name, stack in found.stacks.items()),
        "SUFFIX": "/$ENVIRONMENT" if found.project.environments else "",
        "KEYS": "\n".join(f"# {each}" for each in variables)
        or "# (no key: the account is reached by workload identity)",
        "ID_TOKEN": "id_tokens:\n  OPENAI_ID_TOKEN:\n    aud: https://api.openai.com/v1" if tokens else "",
        "CHANGE_DIRECTORY": f"- cd {json.dumps(found.directory)}" if found.directory else "",
    }


def _variables(keys: Mapping[str, KeySource]) -> list[str]:
    return sorted({key.name for key in keys.values() if key.form == "environment"})


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
        reason = (error.strerror or str(error)).lower()
        raise RetinueError(f"cannot write '{path}': {reason}", hint="choose a directory you may write to") from error
    return path, outcome
