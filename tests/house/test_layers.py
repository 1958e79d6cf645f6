"""The architecture, checked: imports point down, and heavy libraries have one home each."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from retinue.kinds import all_kinds

SOURCE = Path(__file__).parents[2] / "src" / "retinue"

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
    "engine": {*BELOW_ENGINE, "session"},
    "commands": {*BELOW_ENGINE, "session", "engine"},
    "cli": {*BELOW_ENGINE, "session", "engine", "commands", "report"},
    "__main__": {"cli"},
    "emulator": set(),
}
# The one place that opens the default account, and the command that serves it.
MAY_OPEN_EMULATOR = {"providers/openai/connect.py", "cli/account_commands.py"}
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
    "httpx2": {"providers", "emulator"},
}


def modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def is_module(name: str) -> bool:
    place = SOURCE.parent.joinpath(*name.split("."))
    return place.with_suffix(".py").is_file() or (place / "__init__.py").is_file()


def imports(path: Path) -> set[str]:
    """The absolute names a module imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            # Whoever takes a module out of a package names the package only on the way.
            found.update(names if all(is_module(name) for name in names) else {str(node.module), *names})
    return found


def package(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def layer(name: str) -> str:
    """The package or top module where an absolute name stands."""
    return name.split(".")[1]


def module_name(path: Path) -> str:
    """The absolute name of a module."""
    return ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_point_down(path: Path) -> None:
    if path.parent == SOURCE and path.stem == "__init__":
        return
    own = layer(module_name(path))
    for name in imports(path):
        if not name.startswith("retinue."):
            continue
        above = layer(name)
        if above in (own, "errors", "__version__"):
            continue
        if above == "emulator" and str(path.relative_to(SOURCE)) in MAY_OPEN_EMULATOR:
            continue
        assert above in ALLOWED[own], f"{own} must not import {name}"


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Not even for types: what two of them need stands in a third."""
    named = {module_name(path): path for path in modules()}
    graph = {name: imports(path) & (named.keys() - {name}) for name, path in named.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_heavy_libraries_have_one_home(path: Path) -> None:
    for name in imports(path):
        library = name.split(".")[0]
        if library in HOMES:
            assert package(path) in HOMES[library], f"{name} is imported in {package(path)}"


PURE = [path for name in ("model", "content", "kinds", "planning") for path in sorted((SOURCE / name).rglob("*.py"))]


@pytest.mark.parametrize("path", PURE, ids=lambda path: str(path.relative_to(SOURCE)))
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
    called = {node.attr for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Attribute)}
    assert not called & {"today", "now", "utcnow", "fromtimestamp"}


@pytest.mark.parametrize("package_name", ["planning", "providers", "report", "config"])
def test_no_kind_is_named_in_the_engine(package_name: str) -> None:
    """What differs between kinds is data in their modules."""
    kinds = set(all_kinds())
    for path in sorted((SOURCE / package_name).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Compare):
                named = {each.value for each in ast.walk(node) if isinstance(each, ast.Constant)} & kinds
                assert not named, f"{path.name}:{node.lineno} compares with {named}"


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
