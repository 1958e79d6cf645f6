"""Which environment a project is read for: -e, else RETINUE_ENVIRONMENT, else `default_environment`, else none."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from retinue.config.problems import Diagnostics, did_you_mean, listed
from retinue.config.yaml.syntax_tree import Tree
from retinue.model.declared import ChosenBy
from retinue.model.values import NAME

VARIABLE = "RETINUE_ENVIRONMENT"
REQUIRED = "required"
_DEFAULT, _REQUIRE = "default_environment", "require_environment"


@dataclass(frozen=True, slots=True)
class EnvironmentChoice:
    """The name of the environment, None for none, and who chose it."""

    name: str | None = None
    by: ChosenBy | None = None


def choose_environment(named: str | None, data: Mapping[str, Any], environ: Mapping[str, str]) -> EnvironmentChoice:
    """What is in force where `named` was said on the command line. Nothing is checked."""
    if named is not None:
        return EnvironmentChoice(named, "option")
    # Pipelines give an empty text for what is not set.
    if environ.get(VARIABLE):
        return EnvironmentChoice(environ[VARIABLE], "variable")
    default = data.get(_DEFAULT)
    return EnvironmentChoice(default, "default") if isinstance(default, str) else EnvironmentChoice()


def check_environment(
    choice: EnvironmentChoice, known: Collection[str], data: Mapping[str, Any], tree: Tree, diagnostics: Diagnostics
) -> None:
    """Report an environment that there is not, and one that is missing where the project asks for one."""
    declared = f"declared: {listed(known)}" if known else "declare it under 'environments:' in retinue.yaml"
    required, default = _required(data), data.get(_DEFAULT)
    if isinstance(default, str) and default not in known and NAME.fullmatch(default):
        message, place = f"there is no environment '{default}'", tree.at((_DEFAULT,))
        diagnostics.error("unknown-environment", message, place, did_you_mean(default, known, otherwise=declared))
    if choice.name is not None and choice.name not in known and choice.by != "default":
        where = f", which {VARIABLE} names" if choice.by == "variable" else ""
        hint = did_you_mean(choice.name, known, otherwise=declared)
        diagnostics.error("unknown-environment", f"there is no environment '{choice.name}'{where}", None, hint)
    if required and default is not None:
        message = "where an environment has to be chosen, there is no default one"
        diagnostics.error("misplaced-field", message, tree.at((_DEFAULT,), key=True), "keep one of the two")
    elif required and choice.name is None:
        hint = f"choose one, such as -e {next(iter(known))}; or set {VARIABLE}" if known else declared
        message = "no environment is chosen, and this project asks for one"
        diagnostics.error("environment-required", message, tree.at((required,), key=True), hint)


def is_required(data: Mapping[str, Any]) -> bool:
    """Whether a project file asks for an environment to be chosen."""
    return _required(data) is not None


def _required(data: Mapping[str, Any]) -> str | None:
    """The key that says that an environment has to be chosen; None where nothing says so."""
    if data.get(_REQUIRE) is True:
        return _REQUIRE
    return "environments" if data.get("environments") == REQUIRED else None
