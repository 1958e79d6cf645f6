"""The source as data: its modules, what they import, and the constants in them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "retinue"


@cache
def modules() -> tuple[Path, ...]:
    return tuple(sorted(SOURCE.rglob("*.py")))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def place(path: Path) -> str:
    """Where a module stands, as people write it: `config/loader.py`."""
    return path.relative_to(SOURCE).as_posix()


def folder(path: Path) -> str:
    """The package a module stands in, from the root's; the root's own modules count as packages of one module."""
    above = path.relative_to(SOURCE).parent.as_posix()
    return path.stem if above == "." else above


def package(path: Path) -> str:
    """The package below the root, or the module beside them."""
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def module_name(path: Path) -> str:
    """The absolute name of a module."""
    return ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")


@cache
def by_name() -> dict[str, Path]:
    """Every module by its absolute name."""
    return {module_name(path): path for path in modules()}


@cache
def imports(path: Path) -> frozenset[str]:
    """The absolute names a module imports, wherever in it and if only for its types."""
    found: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{place(path)}: relative import"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            # Whoever takes a module out of a package names the package only on the way.
            found.update(names if names <= by_name().keys() else {str(node.module), *names})
    return frozenset(found)


def imported_modules(path: Path) -> frozenset[Path]:
    """The other modules of Retinue that a module imports; the root only says which version it is."""
    return frozenset(by_name()[name] for name in imports(path) & by_name().keys() - {"retinue"}) - {path}


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Every text in a module but those that document something, with its line."""
    documenting = {id(node.value) for node in ast.walk(tree(path)) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documenting:
            yield node.lineno, node.value
