"""The architecture, checked: imports point down, and heavy libraries have one home each."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "retinue"

# A package may import those listed; everything may import itself, `retinue` and `retinue.errors`.
ALLOWED = {
    "core": set(),
    "errors": {"core"},
    "kinds": {"core"},
    "source": {"core", "kinds"},
    "bundles": {"core"},
    "account": {"core", "kinds", "bundles"},
    "report": {"core"},
    "migrate": {"core", "kinds"},
    "sessions": {"core", "kinds", "source", "account", "bundles"},
    "guarding": {"core", "account", "sessions"},
    "standing": {"core", "account", "sessions"},
    "workflow": {"core", "account", "sessions", "standing", "guarding"},
    "comparing": {"core", "kinds", "source", "sessions"},
    "approved": {"core", "sessions"},
    "looking": {"core", "sessions", "workflow"},
    "drifting": {"core", "sessions", "standing", "workflow"},
    "accepting": {"core", "sessions", "source"},
    "checkup": {"core", "kinds", "source", "account", "sessions"},
    "originals": {"core", "kinds", "source", "migrate", "workflow", "looking"},
    "restacking": {"core", "account", "bundles", "sessions", "guarding"},
    "drafting": {"core", "sessions", "source"},
    "drafted_texts": {"core", "account", "sessions", "source", "drafting"},
    "importing": {"core", "source", "account", "migrate", "sessions", "drafting", "drafted_texts"},
    "migration": {"core", "kinds", "source", "migrate", "workflow", "originals"},
    "cli": {
        *("core", "kinds", "source", "account", "bundles", "report", "migrate"),
        *("workflow", "looking", "standing", "migration", "comparing", "checkup", "approved", "drifting"),
        *("importing", "restacking", "guarding", "accepting"),
    },
    "__main__": {"cli"},
    "local": set(),
}
# The one place that opens the default account, and the command that serves it.
MAY_OPEN_LOCAL = {"account/opening.py", "cli/account_commands.py"}
HOMES = {
    "yaml": {"source"},
    "ruamel": {"source"},
    "jsonschema": {"source"},
    "openai": {"account"},
    "rich": {"report"},
    "deepdiff": {"core"},
    "click": {"cli"},
    "starlette": {"local"},
    "uvicorn": {"local"},
    "sqlite3": {"local"},
    "httpx2": {"account", "local"},
}


def modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def imports(path: Path) -> set[str]:
    """The absolute names a module imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module or "")
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def package(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_point_down(path: Path) -> None:
    own = package(path)
    if own == "__init__":
        return
    for name in imports(path):
        parts = name.split(".")
        if parts[0] != "retinue" or len(parts) < 2 or parts[1] in (own, "errors", "__version__"):
            continue
        if parts[1] == "local" and str(path.relative_to(SOURCE)) in MAY_OPEN_LOCAL:
            continue
        assert parts[1] in ALLOWED[own], f"{own} must not import {name}"


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Not even for types: what two of them need stands in a third."""
    named = {path.relative_to(SOURCE.parent).with_suffix("").as_posix().replace("/", "."): path for path in modules()}
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


@pytest.mark.parametrize("path", sorted((SOURCE / "core").rglob("*.py")), ids=lambda path: path.name)
def test_core_is_pure(path: Path) -> None:
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
    names = imports(path)
    # A date is a value; what day it is today comes in as one.
    names -= {"datetime", "datetime.date"} if "datetime.date" in names else set()
    assert not {name.split(".")[0] for name in names} & forbidden
    called = {node.attr for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Attribute)}
    assert not called & {"today", "now", "utcnow", "fromtimestamp"}


@pytest.mark.parametrize("package_name", ["core", "account", "report", "source"])
def test_no_kind_is_named_in_the_engine(package_name: str) -> None:
    """What differs between kinds is data in their modules."""
    kinds = {path.stem for path in (SOURCE / "kinds").glob("[a-z]*.py")}
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
