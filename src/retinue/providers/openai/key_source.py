"""Where the key of an account comes from, in words that are safe to print. Imports nothing slow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

DEFAULT_KEY = "OPENAI_API_KEY"


@dataclass(frozen=True, slots=True)
class KeySource:
    """`name` is an environment variable or the provider of a workload identity, empty where none is needed.

    `present` says whether the variable holds anything; of a provider that is known only when it is asked.
    """

    form: Literal["none", "environment", "workload_identity"]
    name: str = ""
    present: bool | None = None


def key_source(setting: Any, environ: Mapping[str, str]) -> KeySource:
    """The source for an account as a project file writes it: `local`, `openai`, or a mapping."""
    details = setting if isinstance(setting, Mapping) else {}
    if setting == "local" or "local" in details:
        return KeySource("none")
    identity = details.get("workload_identity")
    if isinstance(identity, Mapping):
        provider = identity.get("provider")
        return KeySource("workload_identity", provider if isinstance(provider, str) else next(iter(provider or {}), ""))
    variable = str(details.get("api_key_env", DEFAULT_KEY))
    return KeySource("environment", variable, bool(environ.get(variable, "").strip()))
