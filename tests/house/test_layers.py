"""The architecture, checked: imports point down, and heavy libraries have one home each."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Collection, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.house.source import SOURCE, folder, imported_modules, imports, module_name, modules, package, place, tree

# A package, or a module beside them, may import those listed; everything may import itself and `retinue.errors`.
BELOW_ENGINE = {"model", "content", "kinds", "planning", "config", "providers", "state"}
ALLOWED = {
    "model": set(),
    "errors": {"model"},
    "content": {"model"},
    "kinds": {"model", "content"},
    "planning": {"model", "content", "kinds"},
    "config": {"model", "kinds", "planning"},
    "state": {"model"},
    "providers": {"model", "content", "kinds", "planning", "state"},
    "report": {"model", "kinds", "planning"},
    "session": BELOW_ENGINE,
    "applying": {*BELOW_ENGINE, "session"},
    "engine": {*BELOW_ENGINE, "session", "applying"},
    "commands": {*BELOW_ENGINE, "session", "engine"},
    "cli": {*BELOW_ENGINE, "session", "engine", "commands", "report"},
    "__main__": {"cli"},
    "emulator": set(),
}
# The one place that opens the default account, and the commands that serve it.
MAY_OPEN_EMULATOR = {"providers/openai/connect.py", "cli/account_commands.py", "cli/console_command.py"}
HOMES = {
    "yaml": {"config"},
    "jsonschema": {"config"},
    "jsonschema_rs": {"config"},
    "openai": {"providers"},
    "rich": {"report"},
    "deepdiff": {"model"},
    "click": {"cli"},
    "starlette": {"emulator"},
    "uvicorn": {"emulator"},
    "sqlite3": {"emulator"},
    "pypdf": {"emulator"},
    "httpx2": {"providers", "emulator"},
}


def layer(name: str) -> str:
    """The package or top module where an absolute name stands."""
    return name.split(".")[1]


def test_imports_point_down() -> None:
    wrong = []
    for path in modules():
        own = package(path)
        for name in sorted(imports(path)):
            if own == "__init__" or not name.startswith("retinue."):
                continue
            above = layer(name)
            if above in (own, "errors", "__version__", *ALLOWED[own]):
                continue
            if above == "emulator" and place(path) in MAY_OPEN_EMULATOR:
                continue
            wrong.append(f"{place(path)} must not import {name}")
    assert not wrong, "\n".join(wrong)


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Not even for types: what two of them need stands in a third."""
    graph = {module_name(path): {module_name(each) for each in imported_modules(path)} for path in modules()}
    _assert_no_circle(graph)


def test_no_packages_import_each_other_in_a_circle() -> None:
    """Not even for types. What stands beside the packages of the root counts as one of them."""
    graph: dict[str, set[str]] = {}
    for path in modules():
        graph.setdefault(package(path), set()).update(
            {package(each) for each in imported_modules(path)} - {package(path)}
        )
    _assert_no_circle(graph)


def test_no_package_imports_one_that_imports_it() -> None:
    """At any depth, and not even for types; a package and the packages within it are one subject."""
    witnesses: dict[tuple[str, str], str] = {}
    for path in modules():
        for each in imported_modules(path):
            witnesses.setdefault((folder(path), folder(each)), f"{place(path)} imports {place(each)}")
    mutual = [
        f"{there}, {witnesses[above, own]}"
        for (own, above), there in witnesses.items()
        if own < above and (above, own) in witnesses and not f"{above}/".startswith(f"{own}/")
    ]
    assert not mutual, "\n".join(mutual)


def _assert_no_circle(graph: Mapping[str, Collection[str]]) -> None:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_heavy_libraries_have_one_home() -> None:
    wrong = [
        f"{place(path)} must not import {name}"
        for path in modules()
        for name in sorted(imports(path))
        if package(path) not in HOMES.get(name.split(".")[0], {package(path)})
    ]
    assert not wrong, "\n".join(wrong)


PURE = [path for name in ("model", "content", "kinds", "planning") for path in sorted((SOURCE / name).rglob("*.py"))]


@pytest.mark.parametrize("path", PURE, ids=place)
def test_deciding_is_pure(path: Path) -> None:
    """No files, network, clock, environment or randomness where decisions are made."""
    forbidden = {
        "os",
        "io",
        "pathlib",
        "socket",
        "time",
        "datetime",
        "random",
        "uuid",
        "subprocess",
        "threading",
        "sys",
    }
    # A date and a path are values; what day it is today, and what stands at the path, comes in.
    values = {"datetime.date", "datetime.datetime", "datetime.UTC", "pathlib.PurePosixPath"}
    names = imports(path) - values
    names -= {module for module in ("datetime", "pathlib") if not any(name.startswith(f"{module}.") for name in names)}
    assert not {name.split(".")[0] for name in names} & forbidden
    called = {node.attr for node in ast.walk(tree(path)) if isinstance(node, ast.Attribute)}
    assert not called & {"today", "now", "utcnow", "fromtimestamp"}


@pytest.mark.slow
def test_offline_commands_do_not_import_openai() -> None:
    """`--help`, `validate` and `schema` must not pay the half second that openai takes to import."""
    script = (
        "import sys\n"
        "from retinue.cli import main\n"
        "migrate = ['migrate', '-C', sys.argv[1], '--to', 'agents', '--dry-run']\n"
        "render = ['render', '-C', sys.argv[1], '--explain']\n"
        "for args in (['--help'], ['--version'], ['schema'], ['validate', '-C', sys.argv[1]], render, migrate):\n"
        "    assert main(args) == 0, args\n"
        "heavy = {'openai', 'httpx2', 'starlette', 'deepdiff', 'pydantic'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", script, str(root)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
