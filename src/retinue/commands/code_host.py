"""Pull requests of GitHub and merge requests of GitLab, through the programs that people and pipelines have there: `gh`
and `glab`. Both send a request of the host's API with the login of whoever runs them; we hold no token."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, NamedTuple
from urllib.parse import quote, urlsplit

from retinue.errors import AccountError, CredentialError, RetinueError

_SCP = re.compile(r"(?:[^@/]+@)?(?P<host>[^:/]+):(?P<path>.+)")
"""How ssh is told a repository: `git@github.com:acme/shop.git`."""
_NEEDS_LOGIN = 4
"""The exit code of gh where nobody is logged in (its manual, "exit codes")."""
_LOGGED_OUT = re.compile(r"401|auth login|not logged in|authentication", re.IGNORECASE)


class Request(NamedTuple):
    """An open pull request or merge request."""

    number: int
    url: str
    title: str
    body: str


@dataclass(frozen=True, slots=True)
class CodeHost:
    """One repository on a host: `path` is `OWNER/REPO`, or the namespace of GitLab."""

    program: Literal["gh", "glab"]
    host: str
    path: str

    @property
    def what(self) -> str:
        return "pull request" if self.program == "gh" else "merge request"

    @property
    def helper(self) -> str:
        """The credential helper for git that the program is."""
        return f"!{self.program} auth git-credential"

    def open_request(self, branch: str, base: str) -> Request | None:
        """The one from a branch into the base, if it is open."""
        if self.program == "gh":
            head = quote(f"{self.path.partition('/')[0]}:{branch}", safe="")
            found = self._api(f"repos/{self.path}/pulls?state=open&head={head}&base={quote(base, safe='')}")
        else:
            wanted = f"source_branch={quote(branch, safe='')}&target_branch={quote(base, safe='')}"
            found = self._api(f"{self._project}/merge_requests?state=opened&{wanted}")
        return self._read(found[0]) if found else None

    def create(self, branch: str, base: str, title: str, body: str) -> Request:
        if self.program == "gh":
            fields = {"title": title, "head": branch, "base": base}
            return self._read(self._api(f"repos/{self.path}/pulls", "POST", fields, body=("body", body)))
        fields = {"title": title, "source_branch": branch, "target_branch": base, "remove_source_branch": "true"}
        return self._read(self._api(f"{self._project}/merge_requests", "POST", fields, body=("description", body)))

    def update(self, number: int, title: str, body: str) -> None:
        if self.program == "gh":
            self._api(f"repos/{self.path}/pulls/{number}", "PATCH", {"title": title}, body=("body", body))
        else:
            path = f"{self._project}/merge_requests/{number}"
            self._api(path, "PUT", {"title": title}, body=("description", body))

    @property
    def _project(self) -> str:
        return f"projects/{quote(self.path, safe='')}"

    def _read(self, found: Mapping[str, Any]) -> Request:
        names = ("number", "html_url", "title", "body")
        names = names if self.program == "gh" else ("iid", "web_url", "title", "description")
        number, url, title, body = (found.get(name) for name in names)
        return Request(int(number or 0), str(url or ""), str(title or ""), str(body or ""))

    def _api(
        self, path: str, method: str = "GET", fields: Mapping[str, str] | None = None, body: tuple[str, str] = ("", "")
    ) -> Any:
        """Raises CredentialError where nobody is logged in, AccountError for another refusal of the host."""
        words = [self.program, "api", "--hostname", self.host, "--method", method, path]
        for name, value in (fields or {}).items():
            words += ["--raw-field", f"{name}={value}"]
        with TemporaryDirectory(prefix="retinue-") as scratch:
            name, text = body
            if name:
                file = Path(scratch) / "body.md"
                file.write_text(text, encoding="utf-8")
                words += ["--field", f"{name}=@{file}"]
            done = subprocess.run(words, capture_output=True, check=False, stdin=subprocess.DEVNULL)  # noqa: S603 - no shell
        said = next(iter(done.stderr.decode("utf-8", "replace").strip().splitlines()), "").strip()
        if done.returncode == _NEEDS_LOGIN or (done.returncode and _LOGGED_OUT.search(said)):
            token = "GH_TOKEN" if self.program == "gh" else "GITLAB_TOKEN"
            hint = f"'{self.program} auth login --hostname {self.host}', or set {token}"
            raise CredentialError(f"'{self.program}' is not logged in to {self.host}", hint=hint)
        if done.returncode:
            raise AccountError(f"{self.host} refused a {self.what}: {said or f'{self.program} ended with an error'}")
        try:
            return json.loads(done.stdout or b"null")
        except ValueError as error:
            raise AccountError(f"'{self.program}' answered with what is no JSON") from error


def code_host(url: str) -> CodeHost:
    """The host of a remote by its address. Raises RetinueError where it is none, or its program is not installed."""
    parts = urlsplit(url) if "://" in url else None
    scp = _SCP.fullmatch(url) if parts is None else None
    host = (parts.hostname or "") if parts else scp["host"] if scp else ""
    path = (parts.path if parts else scp["path"] if scp else "").strip("/").removesuffix(".git")
    if not host or not path:
        message = f"the remote '{_shown(url)}' is on no host that has pull requests"
        raise RetinueError(message, hint="use --accept without --pull-request, and commit what it writes")
    program: Literal["gh", "glab"] = "glab" if _is_gitlab(host) else "gh"
    if shutil.which(program) is None:
        hint = "install it, or use --accept without --pull-request, and commit what it writes"
        raise RetinueError(f"'{program}', which speaks to {host}, is not installed", hint=hint)
    return CodeHost(program, host, path)


def _is_gitlab(host: str) -> bool:
    """By its name; a host whose name says nothing is of the one program that is there."""
    if "gitlab" in host or "github" in host:
        return "gitlab" in host
    return shutil.which("glab") is not None and shutil.which("gh") is None


def _shown(url: str) -> str:
    """An address without what may be a secret in it."""
    return re.sub(r"//[^/@]*@", "//", url)
