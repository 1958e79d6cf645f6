"""A project as it is in a revision of its git repository, laid out in a directory of its own.

The files are those that a checkout would have, filters and line ends included. The repository, its index and its
working tree are not touched, and nothing is fetched.
"""

from __future__ import annotations

import os
import posixpath
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from retinue.errors import RetinueError

# Inside of a hook, git says by these where it is; they are about the repository of the hook, and relative to it.
_OF_HOOKS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")
_SUBMODULE = "160000"


@contextmanager
def checked_out(root: Path, revision: str, shared: Callable[[Path], Iterable[str]] = lambda _: ()) -> Iterator[Path]:
    """A directory with the files below the project's `root` as they are in a revision; empty if it has none there.
    `shared` says of the project as it was then which directories beside it belong to it.

    Raises RetinueError when there is no git, no repository, or no such revision, or when a shared directory is outside
    of the repository, so that no revision has it.
    """
    top = Path(_git(root, "rev-parse", "--show-toplevel", failed=_no_repository(root)).decode().rstrip("\n"))
    below = root.resolve().relative_to(top.resolve()).as_posix()
    commit = _git(
        top,
        "rev-parse",
        "--verify",
        "--quiet",
        "--end-of-options",
        f"{revision}^{{commit}}",
        failed=_no_revision(revision),
    )
    with TemporaryDirectory(prefix="retinue-") as scratch:
        tree = Path(scratch) / "tree"
        tree.mkdir()
        index = {"GIT_INDEX_FILE": str(Path(scratch) / "index"), "GIT_LITERAL_PATHSPECS": "1"}
        _git(top, "read-tree", commit.decode().strip(), more=index)

        def lay_out(directory: str) -> None:
            listed = _git(top, "ls-files", "--stage", "-z", "--", directory, more=index)
            given = b"\0".join(_files(listed))
            _git(top, "checkout-index", "-z", "--stdin", f"--prefix={tree}/", more=index, given=given)

        lay_out(below)
        for written in shared(tree / below):
            directory = posixpath.normpath(posixpath.join(below, written))
            if directory.startswith(("../", "/")) or directory == "..":
                message = f"'{written}', which {revision} shares, is outside of the repository, so no revision has it"
                raise RetinueError(message, hint="compare environments instead: -e A -e B")
            apart = directory != "." and not f"{directory}/".startswith(f"{below}/")
            if apart and not f"{below}/".startswith(f"{directory}/"):
                lay_out(directory)
        yield tree / below


def _files(listed: bytes) -> Iterator[bytes]:
    """The paths of `ls-files --stage -z`, without submodules: they are other repositories."""
    for entry in listed.split(b"\0"):
        about, _, path = entry.partition(b"\t")
        if path and not about.startswith(_SUBMODULE.encode()):
            yield path


def _git(
    directory: Path,
    *words: str,
    more: Mapping[str, str] | None = None,
    given: bytes | None = None,
    failed: Sequence[str] = ("git could not lay out the revision", ""),
) -> bytes:
    environ = {name: value for name, value in os.environ.items() if name not in _OF_HOOKS}
    command = ["git", "-C", str(directory), *words]
    try:
        done = subprocess.run(  # noqa: S603 - no shell, and a revision cannot be taken for an option
            command, input=given, capture_output=True, check=False, env={**environ, **(more or {})}
        )
    except FileNotFoundError as error:
        raise RetinueError("git is not installed", hint="install it, or compare environments: -e A -e B") from error
    if done.returncode:
        said = next(iter(done.stderr.decode(errors="replace").strip().splitlines()), "")
        message, hint = failed
        raise RetinueError(f"{message} ({said.removeprefix('fatal: ')})" if said else message, hint=hint or None)
    return done.stdout


def _no_repository(root: Path) -> tuple[str, str]:
    return f"'{root}' is in no git repository that can be read", "compare environments instead: -e A -e B"


def _no_revision(revision: str) -> tuple[str, str]:
    remote, slash, branch = revision.partition("/")
    fetch = f"git fetch {remote} {branch}" if slash else "git fetch --unshallow"
    return f"there is no revision '{revision}' here", f"correct it; if it is only elsewhere, fetch it first: {fetch}"
