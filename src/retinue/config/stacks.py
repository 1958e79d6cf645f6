"""Stacks of several environments that would be one and the same: each would undo what the other does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from retinue.config.mistakes import Mistakes
from retinue.model.declared import Position

_DEFAULTS: Mapping[str, Any] = {"local": {"local": ".retinue/local"}, "openai": {"api_key_env": "OPENAI_API_KEY"}}


@dataclass(frozen=True, slots=True)
class Home:
    """Where an environment's objects live: the stack, the account as it is written, and the place that says so.

    `environment` is None for the project without one.
    """

    environment: str | None
    stack: str
    account: Any
    position: Position


def check_stacks(homes: Sequence[Home], mistakes: Mistakes, *, plain: Home | None) -> None:
    """Report environments that share a stack in one account. `plain` is the project without an environment, when it is
    about to be used: sharing with it may be meant, since there is a choice never to use it."""
    for index, home in enumerate(homes):
        first = next((each for each in homes[:index] if _same(each, home)), None)
        if first is not None:
            mistakes.error(
                "same-stack",
                f"the environments '{first.environment}' and '{home.environment}' have the stack '{home.stack}' in "
                "one account",
                home.position,
                "name another stack, or leave it out: each then has its own",
                related=((f"the stack of '{first.environment}'", first.position),),
            )
        elif plain is not None and _same(plain, home):
            message = f"without an environment, the stack is '{home.stack}', which is that of '{home.environment}'"
            mistakes.warning("same-stack", message, home.position, f"add -e {home.environment}, or name another stack")


def _same(one: Home, other: Home) -> bool:
    return one.stack == other.stack and _account(one.account) == _account(other.account)


def _account(written: Any) -> Mapping[str, Any]:
    """An account with the defaults that say which one it is; what does not say so is left out."""
    account: Mapping[str, Any] = written if isinstance(written, Mapping) else _DEFAULTS.get(str(written), {})
    if "local" in account:
        return {"local": account["local"]}
    return {**_DEFAULTS["openai"], **account}
