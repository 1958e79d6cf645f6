"""A commit on a branch of the remote, made without a checkout: index, working tree and branches of whoever works here
stay as they are, and nothing of what they have not committed or pushed gets in.

fetch the base ─→ blobs ─→ a tree of its own index ─→ commit ─→ push to the branch
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from retinue.errors import BlockedError, RetinueError

# Inside of a hook, git says by these where it is.
_OF_HOOKS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")
_NOBODY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "retinue"), ("EMAIL", "retinue@localhost"))
}
"""Who commits where git knows nobody, as on a fresh runner."""
_KEPT = "refs/retinue/"
"""Where what was fetched is kept while it is looked at; nobody's branches are there."""


class Change(NamedTuple):
    """A file as it has to be, and as it will be: below the project, with forward slashes."""

    name: str
    before: bytes
    after: bytes


@dataclass(frozen=True, slots=True)
class Repository:
    """The git repository that a project is in, its `remote`, where that is, and the `base` branch."""

    root: Path
    top: Path
    remote: str
    url: str
    base: str

    def below(self, name: str) -> str:
        """The path in the repository of a file of the project. Raises RetinueError for one elsewhere."""
        path = (self.root / name).resolve()
        if not path.is_relative_to(self.top):
            raise RetinueError(f"'{name}' is not in the repository '{self.top}'", hint="commit it by hand there")
        return path.relative_to(self.top).as_posix()


def open_repository(root: Path, base: str | None) -> Repository:
    """The repository of a project, and the branch that is checked out where no `base` is given.

    Raises RetinueError without git, a repository, a branch or a remote.
    """
    found = _git(
        root, "rev-parse", "--show-toplevel", failed=(f"'{root}' is in no git repository that can be read", "")
    )
    top = Path(found.decode().rstrip("\n")).resolve()
    if base is None:
        base = _asked(top, "symbolic-ref", "--quiet", "--short", "HEAD")
    if not base:
        message = "no branch is checked out here (detached HEAD), so it is not clear what the request is for"
        raise RetinueError(message, hint="say it: --base main")
    remote = _asked(top, "config", f"branch.{base}.remote").strip(".") or "origin"  # `.` is the repository itself
    url = _asked(top, "config", f"remote.{remote}.url")
    if not url:
        raise RetinueError(f"the repository has no remote '{remote}'", hint=f"git remote add {remote} …")
    return Repository(root, top, remote, url, base)


def put_on_branch(
    repository: Repository, branch: str, changes: Sequence[Change], message: str, trailer: str, *, helper: str
) -> bool:
    """Have the remote's `branch` be the base with these changes, in one commit; whether that was something new.

    `trailer` is the line by which our own commits are known, `helper` a credential helper besides those of the user.
    Raises BlockedError where the files are not those of the base, or somebody else's commits are on the branch.
    """
    run = _Git(repository.top, helper)
    remote = repository.remote
    try:
        base = run.fetched(remote, repository.base)
        if base is None:
            raise RetinueError(f"'{remote}' has no branch '{repository.base}'", hint="push it, or name another: --base")
        old = run.fetched(remote, branch)
        tree = _tree(run, repository, base, changes)
        if old is not None:
            if trailer not in run("log", "-1", "--format=%B", old).decode("utf-8", "replace").splitlines():
                said = f"somebody else committed to the branch '{branch}' of '{remote}', which would be lost"
                raise BlockedError(said, hint="merge it or delete it, then run this again")
            if (run.parsed(f"{old}^{{tree}}"), run.parsed(f"{old}^")) == (tree, base):
                return False
        commit = run("commit-tree", tree, "-p", base, given=f"{message}\n\n{trailer}\n".encode(), more=run.identity())
        target = f"refs/heads/{branch}"
        run(
            "push",
            "--quiet",
            "--no-verify",
            f"--force-with-lease={target}:{old or ''}",
            remote,
            f"{commit.decode().strip()}:{target}",
            failed=(f"the branch '{branch}' cannot be pushed to '{remote}'", "see that you may push there"),
        )
        return True
    finally:
        run.forget()


def _tree(run: _Git, repository: Repository, base: str, changes: Sequence[Change]) -> str:
    """The tree of the base with the changes in it."""
    entries = []
    for each in changes:
        path = repository.below(each.name)
        listed = run("ls-tree", "-z", base, "--", path).decode("utf-8", "surrogateescape")
        mode, _, rest = listed.partition(" ")
        known = rest.partition(" ")[2].partition("\t")[0]
        # As it would be committed: with the filters and line ends of the repository.
        if known != run("hash-object", "--stdin", f"--path={path}", given=each.before).decode().strip():
            where = f"{repository.remote}/{repository.base}"
            message = f"'{path}' is not here as it is on {where}"
            raise BlockedError(message, hint="push or set aside what you changed, or pull what others did")
        blob = run("hash-object", "-w", "--stdin", f"--path={path}", given=each.after).decode().strip()
        entries.append(f"{mode} {blob}\t{path}\0")
    with TemporaryDirectory(prefix="retinue-") as scratch:
        index = {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
        run("read-tree", base, more=index)
        run("update-index", "-z", "--index-info", given="".join(entries).encode("utf-8", "surrogateescape"), more=index)
        return run("write-tree", more=index).decode().strip()


@dataclass(slots=True)
class _Git:
    """git in one repository, with credentials for its remote."""

    top: Path
    helper: str
    kept: int = 0

    def __call__(
        self,
        *words: str,
        given: bytes | None = None,
        more: Mapping[str, str] | None = None,
        failed: tuple[str, str] = ("git cannot make the commit", ""),
    ) -> bytes:
        options = ("-c", f"credential.helper={self.helper}") if self.helper else ()
        return _git(self.top, *options, *words, given=given, more=more, failed=failed)

    def fetched(self, remote: str, branch: str) -> str | None:
        """The commit that a branch of the remote is at, fetched; None where there is no such branch."""
        failed = (f"the remote '{remote}' cannot be read", "see that it is there, and that you may read it")
        if not self("ls-remote", remote, f"refs/heads/{branch}", failed=failed).strip():
            return None
        self.kept += 1
        spec = f"+refs/heads/{branch}:{_KEPT}{os.getpid()}/{self.kept}"
        self("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", remote, spec, failed=failed)
        return self.parsed(f"{_KEPT}{os.getpid()}/{self.kept}")

    def parsed(self, revision: str) -> str:
        return self("rev-parse", "--verify", "--quiet", "--end-of-options", revision).decode().split()[0]

    def identity(self) -> Mapping[str, str]:
        """Who commits: the user, or where git knows of none, we."""
        return {} if _asked(self.top, "var", "GIT_COMMITTER_IDENT") else _NOBODY

    def forget(self) -> None:
        """Let go of what was fetched; it stays where branches are."""
        for number in range(1, self.kept + 1):
            _asked(self.top, "update-ref", "-d", f"{_KEPT}{os.getpid()}/{number}")


def _asked(directory: Path, *words: str) -> str:
    """What git answers; nothing where it refuses."""
    try:
        return _git(directory, *words).decode("utf-8", "replace").strip()
    except RetinueError:
        return ""


def _git(
    directory: Path,
    *words: str,
    given: bytes | None = None,
    more: Mapping[str, str] | None = None,
    failed: tuple[str, str] = ("", ""),
) -> bytes:
    environ = {name: value for name, value in os.environ.items() if name not in _OF_HOOKS}
    try:
        done = subprocess.run(  # noqa: S603 - no shell, and names of branches are refs
            ["git", "-C", str(directory), *words],  # noqa: S607 - the one in PATH
            input=given if given is not None else b"",
            capture_output=True,
            check=False,
            env={**environ, **(more or {})},
        )
    except FileNotFoundError as error:
        raise RetinueError("git is not installed", hint="install it, or use --accept without --pull-request") from error
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        said = next((each for each in lines if each.startswith(("fatal: ", "error: ", "! "))), next(iter(lines), ""))
        message, hint = failed
        said = said.removeprefix("fatal: ").removeprefix("error: ").strip()
        raise RetinueError(f"{message} ({said})" if said and message else said or message, hint=hint or None)
    return done.stdout
