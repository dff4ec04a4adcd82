"""From a checkout to a site: compute the files, put pages around them, check the weight."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from space_configs.static.sizes import MAX_BYTES, table, total

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
OUT = ROOT / "out" / "spaces" / "static"
MARK = "site.json"  # a folder with it is one of ours
LEFT_OUT = ("widgets/*.html",)  # what only the building needs
HALVES = (("steering",), ("parts", "lens", "attention", "patching"))  # parts that take about as long, computed at once


class OverBudget(ValueError):
    """A site heavier than it may be; the message is a sentence with the sizes."""


def build(out: Path = OUT, is_small: bool = False) -> Path:
    """Write the whole site into `out`, in place of one that is there.

    Args:
        is_small: with two examples and without long sweeps, to try the building.

    Raises:
        OverBudget: if it weighs more than 30 MB.
        ValueError: if `out` holds anything else, or the files could not be computed; the reason is on the screen.
    """
    _clear(out)
    _compute(out, is_small)
    assemble(out)
    if total(out) > MAX_BYTES:
        raise OverBudget(f"the site may weigh {MAX_BYTES / 1e6:.0f} MB and is heavier:\n{table(out)}")
    return out


def _compute(out: Path, is_small: bool) -> None:
    """Let the pages' code write its files, in processes of its own: it knows a screen, and this package does not."""
    command = [sys.executable, "-m", "apps.static_files", str(out.resolve()), *(["--small"] if is_small else [])]
    running = [subprocess.Popen([*command, "--only", *names], cwd=ROOT) for names in HALVES]
    if any([each.wait() for each in running]):  # all of them, also after one that failed
        raise ValueError("the files of the static edition could not be computed; the reason is above")


def _clear(out: Path) -> None:
    if out.exists() and any(out.iterdir()) and not (out / MARK).is_file():
        raise ValueError(f"{out} holds something else than a site; name a folder that is empty, or a new one")
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)


def assemble(out: Path) -> None:
    """Put the pages around the files that lie in `out`."""
    site = json.loads((out / MARK).read_text(encoding="utf-8"))
    shutil.copytree(HERE / "site", out / "site")
    templates = Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    templates.filters["prose"] = prose
    for page in site["pages"]:
        folder = out / page["folder"]
        folder.mkdir(exist_ok=True)
        widget = Markup((out / "widgets" / f"{page['folder']}.html").read_text(encoding="utf-8"))
        text = templates.get_template("page.html.jinja").render(site=site, page=page, widget=widget, up="../")
        (folder / "index.html").write_text(text, encoding="utf-8")
    lens = Markup((out / "widgets" / "lens.html").read_text(encoding="utf-8"))
    for name in ("index.html", "README.md"):
        text = templates.get_template(f"{name}.jinja").render(site=site, lens=lens, up="")
        (out / name).write_text(text, encoding="utf-8")
    for pattern in LEFT_OUT:
        for path in out.glob(pattern):
            path.unlink()


def prose(text: str) -> Markup:
    """Markdown of the pages' own words as HTML: paragraphs, and words between stars."""
    paragraphs = [" ".join(part.split()) for part in text.split("\n\n")]
    return Markup("").join(Markup("<p>{}</p>").format(_starred(part)) for part in paragraphs)


def _starred(text: str) -> Markup:
    pieces = text.split("*")
    return Markup("").join(Markup("<em>{}</em>").format(p) if i % 2 else escape(p) for i, p in enumerate(pieces))
