"""The story of `retinue drift --pull-request`: what was accepted, as a commit on a branch of its own and one request to
merge it. A second run brings the same two up to date."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from retinue.commands.branch_commit import Change, Repository, open_repository, put_on_branch
from retinue.commands.code_host import CodeHost, Request, code_host
from retinue.commands.drift import Accepted
from retinue.config import Project
from retinue.model.paths import show

Outcome = Literal["opened", "updated", "kept", "nothing"]


@dataclass(frozen=True, slots=True)
class Requested:
    """What became of the request: `nothing` where there is nothing to accept, and `request` is then the one that is
    left open, if one is."""

    outcome: Outcome
    what: str
    branch: str
    base: str
    request: Request | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where the request is to be; opened before anything else, so that what is missing is told at once."""

    repository: Repository
    host: CodeHost
    request: Request | None
    branch: str


def open_place(project: Project, base: str | None) -> Place:
    """Raises RetinueError without git, a remote or the host's program, and where nobody is logged in."""
    repository = open_repository(project.root, base)
    host = code_host(repository.url)
    branch = f"retinue/drift-{project.stack}"
    return Place(repository, host, host.open_request(branch, repository.base), branch)


def request_merge(place: Place, project: Project, accepted: Accepted, body: Callable[[], str]) -> Requested:
    """Commit what was accepted and ask for it to be merged; `body` says in Markdown what it is.

    Nothing of the working tree changes. Raises BlockedError where the files are not those of the base branch, or
    somebody else committed to ours.
    """
    about = (place.host.what, place.branch, place.repository.base)
    if not accepted.files:
        return Requested("nothing", *about, place.request)
    title = f"Accept drift of {project.stack}"
    changes = [Change(name, before, after) for name, (before, after) in sorted(accepted.files.items())]
    lines = [f"{address}.{show(change.path)}" for address, change in accepted.changes]
    message = "\n".join([title, "", *lines])
    pushed = put_on_branch(
        place.repository, place.branch, changes, message, f"Retinue-Stack: {project.stack}", helper=place.host.helper
    )
    text = body()
    if place.request is None:
        made = place.host.create(place.branch, place.repository.base, title, text)
        return Requested("opened", *about, made)
    if not pushed and _same(place.request, title, text):
        return Requested("kept", *about, place.request)
    place.host.update(place.request.number, title, text)
    return Requested("updated", *about, place.request)


def _same(request: Request, title: str, body: str) -> bool:
    """Hosts change line ends and leave out blanks at the end."""
    return (request.title, request.body.replace("\r\n", "\n").strip()) == (title, body.strip())
