"""Workload identity: a token of the place where a program runs, exchanged for one of the account. No key is stored.

The exchange and the tokens of Kubernetes, Azure and Google Cloud are the SDK's. Pipelines of GitHub and GitLab are
added here: the SDK leaves them to its callers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
import openai
from openai.auth import (
    SubjectTokenProvider,
    WorkloadIdentity,
    WorkloadIdentityAuth,
    azure_managed_identity_token_provider,
    gcp_id_token_provider,
    k8s_service_account_token_provider,
)

from retinue.errors import CredentialError, RetinueError

AUDIENCE = "https://api.openai.com/v1"
TIMEOUT = 10.0
REQUEST_URL = "ACTIONS_ID_TOKEN_REQUEST_URL"
REQUEST_TOKEN = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"  # noqa: S105 - the name of the variable
GITLAB_VARIABLE = "OPENAI_ID_TOKEN"

# What may be a token: long words of its alphabet, in one part or in three. Ids are shorter.
_LIKE_A_TOKEN = re.compile(r"[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*|[A-Za-z0-9_-]{48,}")

Provider = Callable[..., SubjectTokenProvider]


class IdentityError(CredentialError):
    """There is no token for the account. The message holds no part of any."""


def github_actions_id_token_provider(environ: Mapping[str, str], *, audience: str = AUDIENCE) -> SubjectTokenProvider:
    """The token of a GitHub Actions job, which needs `permissions: id-token: write`. It is asked for anew each time,
    since it is good for minutes only."""

    def get_token() -> str:
        url, bearer = environ.get(REQUEST_URL), environ.get(REQUEST_TOKEN)
        if not (url and bearer):
            raise IdentityError(
                f"there is no token of GitHub Actions: '{REQUEST_URL}' and '{REQUEST_TOKEN}' are not both set",
                hint="run this in a job of GitHub Actions that has 'permissions: id-token: write'",
            )
        answer = httpx2.get(
            httpx2.URL(url).copy_merge_params({"audience": audience}),
            headers={"Authorization": f"bearer {bearer}"},
            timeout=TIMEOUT,
        )
        if answer.is_error:
            raise IdentityError(
                f"GitHub Actions gave no token (HTTP {answer.status_code})",
                hint="the job needs 'permissions: id-token: write'",
                status=answer.status_code,
            )
        value = _field(answer, "value")
        if not value:
            raise IdentityError(f"what '{REQUEST_URL}' answered holds no token")
        return value

    return {"token_type": "jwt", "get_token": get_token}


def gitlab_id_token_provider(environ: Mapping[str, str], *, variable: str = GITLAB_VARIABLE) -> SubjectTokenProvider:
    """The token that `id_tokens:` of a GitLab job puts into an environment variable."""

    def get_token() -> str:
        token = environ.get(variable, "").strip()
        if not token:
            raise IdentityError(
                f"there is no token of GitLab: the environment variable '{variable}' is not set",
                hint=f"give the job 'id_tokens: {{{variable}: {{aud: {AUDIENCE}}}}}'",
            )
        return token

    return {"token_type": "jwt", "get_token": get_token}


_OF_THE_SDK: dict[str, Provider] = {
    "k8s_service_account_token": k8s_service_account_token_provider,
    "azure_managed_identity_token": azure_managed_identity_token_provider,
    "gcp_id_token": gcp_id_token_provider,
}
_OF_PIPELINES: dict[str, Callable[..., SubjectTokenProvider]] = {
    "github_actions_id_token": github_actions_id_token_provider,
    "gitlab_id_token": gitlab_id_token_provider,
}
PROVIDERS = (*_OF_PIPELINES, *_OF_THE_SDK)


@dataclass(frozen=True, slots=True)
class Identity:
    """Where access tokens come from. `token` gives one that is good now, `renew` another than the one refused."""

    auth: WorkloadIdentityAuth
    provider: str

    def token(self) -> str:
        """An access token of the account, from memory while it is good. Raises IdentityError."""
        try:
            return self.auth.get_token()
        except RetinueError:
            raise
        except openai.OAuthError as error:
            raise _refused(error) from None
        # From the provider, or an answer of the exchange that makes no sense; a RuntimeError is a token that has ended.
        except (openai.OpenAIError, RuntimeError) as error:
            raise IdentityError(
                f"no token for the account could be had from '{self.provider}': {_masked(str(error)).rstrip('.')}",
                hint="run this where that provider exists, or choose another under 'workload_identity'",
            ) from None
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise IdentityError(
                f"no token for the account: {_masked(str(error)) or type(error).__name__}",
                hint="check the network, then run the command again",
            ) from None

    def renew(self, refused: str) -> bool:
        """Forget a token that the account no longer takes; the next one is asked for. Always worth another attempt."""
        self.auth.invalidate_token(refused)
        return True


def workload_identity(setting: Mapping[str, Any], environ: Mapping[str, str]) -> Identity:
    """The identity that `account: {workload_identity: …}` describes. Asks for nothing yet."""
    written = setting["provider"]
    name, options = (written, {}) if isinstance(written, str) else next(iter(written.items()))
    if name in _OF_PIPELINES:
        provider = _OF_PIPELINES[name](environ, **(options or {}))
    elif name in _OF_THE_SDK:
        provider = _OF_THE_SDK[name](**(options or {}))
    else:
        raise RetinueError(f"there is no provider '{name}' of tokens", hint=f"there are: {', '.join(PROVIDERS)}")
    identity: WorkloadIdentity = {
        "identity_provider_id": setting["identity_provider_id"],
        "service_account_id": setting["service_account_id"],
        "provider": provider,
    }
    if "refresh_buffer_seconds" in setting:
        identity["refresh_buffer_seconds"] = setting["refresh_buffer_seconds"]
    where = {"token_exchange_url": setting["token_exchange_url"]} if "token_exchange_url" in setting else {}
    return Identity(WorkloadIdentityAuth(workload_identity=identity, **where), name)


def _refused(error: openai.OAuthError) -> IdentityError:
    """What the exchange said, which may repeat the token that it was sent."""
    code = f" ({error.error})" if error.error else ""
    return IdentityError(
        f"the exchange of tokens was refused{code}: {_masked(error.message).rstrip('.')}",
        hint="check identity_provider_id, service_account_id and the audience against the account's settings",
        status=error.status_code,
        request_id=error.request_id,
    )


def _masked(text: str) -> str:
    return _LIKE_A_TOKEN.sub("***", text)


def _field(answer: httpx2.Response, name: str) -> str:
    try:
        value = answer.json().get(name)
    except (ValueError, AttributeError):
        return ""
    return value if isinstance(value, str) else ""
