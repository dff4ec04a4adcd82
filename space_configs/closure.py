"""What an app needs to run: the modules that it imports, directly or through others, and the files beside them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

PACKAGES = ("apps", "prisma_engine")
DATA = (".css", ".html", ".js", ".json", ".ttf", ".txt", ".woff2")
"""Suffixes of files that a running app reads; recipes of trainings (.toml) are not among them."""


@dataclass(frozen=True)
class Closure:
    """Attributes:
    modules: dotted name → file, packages as their `__init__.py`.
    foreign: top-level names of the libraries that they import, Python's own among them.
    """

    modules: Mapping[str, Path]
    foreign: frozenset[str]


def closure(root: Path, start: Iterable[str]) -> Closure:
    """Everything that `start` needs of the packages below `root`, imports inside functions included.

    Args:
        start: dotted names of modules.

    Raises:
        ValueError: one sentence, if there is no such module.
    """
    known = {_dotted(path.relative_to(root)): path for package in PACKAGES for path in (root / package).rglob("*.py")}
    found: dict[str, Path] = {}
    foreign: set[str] = set()
    waiting = list(start)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        if name not in known:
            raise ValueError(f"there is no module {name}")
        found[name] = known[name]
        for imported in (*imports(name, known[name], known), *_parents(name)):
            if imported in known:
                waiting.append(imported)
            elif imported.partition(".")[0] not in PACKAGES:
                foreign.add(imported.partition(".")[0])
    return Closure(dict(sorted(found.items())), frozenset(foreign))


def imports(name: str, path: Path, known: Mapping[str, Path]) -> list[str]:
    """Dotted names that a module imports when it runs; those for type checkers alone are left out."""
    found: list[str] = []
    for node in _statements(path, path.stat().st_mtime_ns):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, name, path.name == "__init__.py")
            found += [full if (full := f"{base}.{alias.name}") in known else base for alias in node.names]
    return found


@lru_cache(maxsize=4096)
def _statements(path: Path, changed: int) -> list[ast.AST]:
    """The import statements of a file that run; `changed` tells one state of it from another."""
    nodes = _running(ast.parse(path.read_text(encoding="utf-8")))
    return [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]


def _running(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        for each in node.orelse:
            yield from _running(each)
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _running(child)


def _absolute(node: ast.ImportFrom, name: str, is_package: bool) -> str:
    if not node.level:
        return node.module or ""
    parts = name.split(".") if is_package else name.split(".")[:-1]
    return ".".join([*parts[: len(parts) - node.level + 1], *filter(None, [node.module])])


def _parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:n]) for n in range(1, len(parts))]


def _dotted(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def data_files(root: Path, modules: Mapping[str, Path]) -> list[Path]:
    """Files of `DATA` beside those modules: each belongs to the nearest package above it."""
    packages = {path.parent for path in modules.values() if path.name == "__init__.py"}
    paths = (path for package in PACKAGES for path in sorted((root / package).rglob("*")) if path.suffix in DATA)
    return [path for path in paths if _package(path) in packages]


def _package(path: Path) -> Path | None:
    return next((parent for parent in path.parents if (parent / "__init__.py").exists()), None)
