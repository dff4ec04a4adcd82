"""What we import is pinned exactly, and a Hugging Face Space can install it together with its own line."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from architecture_test import PACKAGES, ROOT, imports, modules, within

DISTRIBUTIONS = {
    "PIL": "pillow",
    "fontTools": "fonttools",
    "yaml": "pyyaml",
}  # where the name to install is not the name to import
# what the Hub's builder adds to `-r requirements.txt`; its extras cap pydantic at 2.12.5
SPACE_LINE = ("gradio[oauth,mcp]=={gradio}", "uvicorn>=0.14.0", "websockets>=10.4", "spaces")


def pins(name: str = "requirements.txt") -> dict[str, str]:
    """Package → version, of every line of a requirements file."""
    lines = [line.split("#")[0].strip() for line in (ROOT / name).read_text(encoding="utf-8").splitlines()]
    matches = [
        (line, re.fullmatch(r"([\w.-]+)==([\w.]+)", line)) for line in lines if line and not line.startswith("-r")
    ]
    loose = [line for line, match in matches if match is None]
    assert not loose, f"{name} holds exact versions only, got {loose}"
    return {match[1]: match[2] for _, match in matches if match}


def pip(*arguments: str, timeout: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL)


def unpinned(importers: tuple[str, ...], pinned: dict[str, str]) -> list[str]:
    """Distributions that these packages import and that no pin names."""
    files = modules(ROOT)
    found = [i for name, path in files.items() if within(name, *importers) for i in imports(name, path, set(files))]
    foreign = {i.imported.split(".")[0] for i in found} - set(sys.stdlib_module_names) - set(PACKAGES)
    return sorted({DISTRIBUTIONS.get(name, name) for name in foreign} - set(pinned))


def test_every_library_that_we_import_is_pinned():
    for_users = tuple(name for name in PACKAGES if name != "benchmarks")
    assert not unpinned(for_users, pins()), "add these to requirements.txt, with their exact versions"
    assert not unpinned(("benchmarks",), pins() | pins("requirements-dev.txt")), "add these to requirements-dev.txt"


def test_a_missing_pin_is_noticed():
    assert "torch" in unpinned(("prisma_engine",), {name: v for name, v in pins().items() if name != "torch"})


def test_development_tools_are_pinned_and_not_installed_for_users():
    assert {"pytest", "ruff", "pyright"} <= set(pins("requirements-dev.txt"))
    assert not set(pins()) & set(pins("requirements-dev.txt"))


@pytest.mark.slow
def test_a_space_can_install_the_requirements(tmp_path: Path):
    if pip("download", "--no-deps", "--retries=0", "--timeout=5", "-d", str(tmp_path), "spaces", timeout=60).returncode:
        pytest.skip("no package index can be reached from here; run `make check-space` where one can")
    extra = [part.format(gradio=pins()["gradio"]) for part in SPACE_LINE]
    report = tmp_path / "report.json"
    options = ["--dry-run", "--ignore-installed", "--quiet", f"--report={report}"]
    done = pip("install", *options, "-r", str(ROOT / "requirements.txt"), *extra, timeout=540)
    assert done.returncode == 0, done.stderr[-2000:]
    found = {i["metadata"]["name"].lower(): i["metadata"]["version"] for i in json.loads(report.read_text())["install"]}
    assert {name: found[name.lower()] for name in pins()} == pins()
    assert tuple(map(int, found["pydantic"].split("."))) <= (2, 12, 5)
