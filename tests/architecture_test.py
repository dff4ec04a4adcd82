"""The arrows of docs/architecture.md, read from the import statements of every file."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("prisma_engine", "apps", "model_cards", "space_configs", "benchmarks")
APPS = ("dogit_lens", "attention_tour", "cat_dog_patching", "sae_steering", "vlm_steering")
MAX_LINES = 400

# who (a dotted prefix) may not import what (dotted prefixes), and why; "except" names the files that may
NEVER = (
    (
        "prisma_engine",
        ("apps", "benchmarks", "model_cards", "space_configs"),
        "arrows point from the apps to the engine",
    ),
    ("prisma_engine", ("gradio", "matplotlib", "plotly"), "the engine knows no screen"),
    ("apps.common", tuple(f"apps.{app}" for app in APPS), "common serves the apps"),
    ("apps", ("benchmarks", "model_cards", "space_configs"), "apps run without the tools that publish them"),
    ("model_cards", ("gradio",), "cards know no screen"),
    ("space_configs", ("gradio",), "a Space is assembled, not run"),
)
# what only runs inside functions, so that `import prisma_engine` costs little more than `import torch`
LAZY = ("timm", "transformers", "torchvision", "datasets", "huggingface_hub", "fontTools")
LAZY_IN = ("prisma_engine",)
FAMILIES = ("timm", "transformers")
FAMILIES_IN = ("prisma_engine.load", "prisma_engine.convert", "prisma_engine.vlm", "prisma_engine.toy.llava")
# the layers of the engine, lowest first: a module imports its own layer and those before it
LAYERS = (
    (
        "prisma_engine.images",
        "prisma_engine.labels",
        "prisma_engine.plain",
        "prisma_engine.history",
        "prisma_engine.curves",
    ),
    ("prisma_engine.preprocess", "prisma_engine.config"),
    (
        "prisma_engine.hooks",
        "prisma_engine.edits",
        "prisma_engine.heads",
        "prisma_engine.cache",
        "prisma_engine.running",
    ),
    ("prisma_engine.vit",),
    (
        "prisma_engine.convert",
        "prisma_engine.hub",
        "prisma_engine.torchfile",
        "prisma_engine.analysis",
        "prisma_engine.load",
        "prisma_engine.listing",
        "prisma_engine.remote",
        "prisma_engine.vlm",
    ),
    ("prisma_engine.training",),
    ("prisma_engine.toy",),
    ("prisma_engine.sources",),
    ("prisma_engine.sae", "prisma_engine.name_heads"),
    ("prisma_engine.studies",),
)


@dataclass(frozen=True)
class Import:
    importer: str
    imported: str
    line: int
    when: str
    """"start" when the importer is imported, "call" inside a function, "types" for type checkers only."""


def modules(root: Path) -> dict[str, Path]:
    """Dotted name → file, of every module of the project."""
    paths = (path for package in PACKAGES for path in sorted((root / package).rglob("*.py")))
    return {_dotted(path.relative_to(root)): path for path in paths}


def _dotted(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(name: str, path: Path, known: set[str]) -> list[Import]:
    """Every import of a file, relative ones resolved, `from package import module` as the module."""
    found = []
    for node, when in _walk(ast.parse(path.read_text(encoding="utf-8")), "start"):
        if isinstance(node, ast.Import):
            found += [Import(name, alias.name, node.lineno, when) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, name, path)
            for alias in node.names:
                full = f"{base}.{alias.name}"
                found.append(Import(name, full if full in known else base, node.lineno, when))
    return found


def _walk(node: ast.AST, when: str) -> Iterator[tuple[ast.AST, str]]:
    yield node, when
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        when = "call"
    elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        when = "types"
    for child in ast.iter_child_nodes(node):
        yield from _walk(child, when)


def _absolute(node: ast.ImportFrom, name: str, path: Path) -> str:
    if not node.level:
        return node.module or ""
    parts = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    parts = parts[: len(parts) - node.level + 1]
    return ".".join([*parts, *filter(None, [node.module])])


def within(name: str, *prefixes: str) -> bool:
    return any(name == prefix or name.startswith(prefix + ".") for prefix in prefixes)


def faults(root: Path) -> list[str]:
    """One sentence for each broken rule."""
    files = modules(root)
    every = [i for name, path in files.items() for i in imports(name, path, set(files))]
    where = {i: f"{files[i.importer].relative_to(root)}:{i.line} imports {i.imported}" for i in every}
    broken = [f"{where[i]}, but {why}" for i in every for why in _forbidden(i)]
    long = [f"{p.relative_to(root)} has {n} lines; {MAX_LINES} is the limit" for p, n in _lengths(files)]
    return broken + long + [f"modules import each other in a ring: {' → '.join(ring)}" for ring in rings(every, files)]


def _lengths(files: dict[str, Path]) -> list[tuple[Path, int]]:
    lengths = [(path, len(path.read_text(encoding="utf-8").splitlines())) for path in files.values()]
    return [(path, n) for path, n in lengths if n > MAX_LINES]


def _forbidden(i: Import) -> Iterator[str]:
    for who, what, why in NEVER:
        if within(i.importer, who) and within(i.imported, *what):
            yield why
    if _app(i.importer) and _app(i.imported) and _app(i.importer) != _app(i.imported):
        yield "apps never import each other"
    if i.when == "start" and within(i.importer, *LAZY_IN) and within(i.imported, *LAZY):
        yield "heavy libraries are imported inside functions, so that the engine starts fast"
    if within(i.importer, "prisma_engine") and within(i.imported, *FAMILIES) and not within(i.importer, *FAMILIES_IN):
        yield "only load.py and convert/ know timm and transformers, beside vlm/ and toy/llava/, which run them"
    here, there = _layer(i.importer), _layer(i.imported)
    if i.when != "types" and here is not None and there is not None and there > here:
        yield f"{LAYERS[there][0]} lies in a layer above"


def _app(name: str) -> str | None:
    """Which app a module belongs to; None for what all of them share and for the suite that lists them."""
    return next((app for app in APPS if within(name, f"apps.{app}")), None)


def _layer(name: str) -> int | None:
    return next((level for level, names in enumerate(LAYERS) if within(name, *names)), None)


def rings(every: list[Import], files: dict[str, Path]) -> list[list[str]]:
    """Cycles among the imports that run when a module is imported."""
    graph: dict[str, list[str]] = {name: [] for name in files}
    for i in every:
        if i.when == "start" and i.imported in graph and i.imported != i.importer:
            graph[i.importer].append(i.imported)
    found, done = [], set()

    def visit(name: str, path: list[str]) -> None:
        if name in path:
            found.append([*path[path.index(name) :], name])
        elif name not in done:
            for target in graph[name]:
                visit(target, [*path, name])
            done.add(name)

    for name in graph:
        visit(name, [])
    return found


def test_the_project_keeps_its_arrows():
    assert modules(ROOT), "no modules found, so nothing was checked"
    broken = faults(ROOT)
    assert not broken, "\n" + "\n".join(broken)


def test_every_module_of_the_engine_has_a_layer():
    homeless = [name for name in modules(ROOT) if within(name, "prisma_engine") and _layer(name) is None]
    assert homeless == ["prisma_engine"], f"give these a place in LAYERS: {homeless}"


def test_every_app_is_watched():
    folders = {path.parent.name for path in (ROOT / "apps").glob("*/__init__.py")}
    assert folders - {"common", "pictures", "static_files"} <= set(APPS), "add the new app to APPS"


BROKEN = {
    "the engine knows no screen": ("prisma_engine/vit.py", "import gradio as gr"),
    "the engine knows no screen, even late": ("prisma_engine/vit.py", "def f():\n    from matplotlib import pyplot"),
    "arrows point from the apps": ("prisma_engine/analysis/lens.py", "from apps.common import figures"),
    "apps never import each other": ("apps/dogit_lens/app.py", "from apps.sae_steering.handlers import f"),
    "common serves the apps": ("apps/common/share.py", "import apps.dogit_lens"),
    "imported inside functions": ("prisma_engine/convert/clip.py", "import transformers"),
    "only load.py and convert/": ("prisma_engine/vit.py", "def f():\n    import timm"),
    "lies in a layer above": ("prisma_engine/cache.py", "from prisma_engine.vit import HookedViT"),
    "lies in a layer above, relatively": ("prisma_engine/vit.py", "from .analysis import lens"),
    "cards know no screen": ("model_cards/build.py", "import gradio"),
    "400 is the limit": ("apps/common/figures.py", "x = 1\n" * 401),
}


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


@pytest.mark.parametrize("rule", BROKEN)
def test_a_broken_rule_is_found(rule, tmp_path):
    path, text = BROKEN[rule]
    others = {"prisma_engine/analysis/lens.py": "", "prisma_engine/vit.py": "", "apps/sae_steering/handlers.py": ""}
    (fault,) = faults(tree(tmp_path, {**others, path: text}))
    assert rule.split(",")[0] in fault and fault.startswith(path)


def test_a_ring_is_found_and_a_late_import_breaks_it(tmp_path):
    files = {"apps/common/a.py": "from apps.common import b", "apps/common/b.py": "from apps.common import a"}
    (fault,) = faults(tree(tmp_path, files))
    assert "apps.common.a → apps.common.b → apps.common.a" in fault
    assert not faults(tree(tmp_path, {"apps/common/b.py": "def f():\n    from apps.common import a"}))


def test_what_is_allowed_is_not_a_fault(tmp_path):
    files = {
        "prisma_engine/vit.py": "import torch\nfrom prisma_engine.hooks import HookPoint",
        "prisma_engine/hooks.py": "if TYPE_CHECKING:\n    from prisma_engine import vit",
        "prisma_engine/convert/clip.py": "def f():\n    import transformers",
        "apps/dogit_lens/app.py": "import gradio\nfrom apps.common import share\nfrom prisma_engine import vit",
        "apps/common/share.py": "import prisma_engine.vit",
        "apps/__main__.py": "from apps.dogit_lens import app",
    }
    assert not faults(tree(tmp_path, files))
