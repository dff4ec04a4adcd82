"""The widgets' bundles: what Gradio gets is one valid script, names never collide, templates hold no traps."""

import shutil
import subprocess
from pathlib import Path

import gradio as gr
import pytest

from apps.common.widgets import (
    attention_canvas,
    bundle,
    lens_canvas,
    mask_painter,
    patching_canvas,
    scene_composer,
    steering_canvas,
)

HERE = Path(__file__).parent
WIDGETS = Path(bundle.__file__).parent
FOLDERS = ("lens", "attention", "composer", "patching", "mask", "steering", "steps", "language")
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed; install Node 20 or newer to run this")


@pytest.mark.parametrize("folder", FOLDERS)
@needs_node
def test_bundle_parses_as_function_body(folder: str, tmp_path: Path) -> None:
    body = bundle.script(WIDGETS / folder / "widget.js")
    file = tmp_path / "bundle.js"
    file.write_text(f"function run(element, trigger, props, server, upload, watch) {{\n{body}}}\n", encoding="utf-8")
    done = subprocess.run([str(NODE), "--check", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("folder", FOLDERS)
@needs_node
def test_a_page_without_gradio_imports_mount(folder: str, tmp_path: Path) -> None:
    (tmp_path / "widget.mjs").write_text(bundle.module(WIDGETS / folder / "widget.js"), encoding="utf-8")
    (tmp_path / "page.mjs").write_text("import { mount } from './widget.mjs';\nconsole.log(typeof mount);\n")
    command = [str(NODE), str(tmp_path / "page.mjs")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout == "function\n", done.stderr


@pytest.mark.parametrize("folder", FOLDERS)
def test_bundle_is_deterministic_and_free_of_modules(folder: str) -> None:
    body = bundle.script(WIDGETS / folder / "widget.js")
    assert body == bundle.script(WIDGETS / folder / "widget.js")
    assert not [line for line in body.splitlines() if line.startswith(("import ", "export "))]


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_module_comes_after_what_it_imports(folder: str) -> None:
    order = bundle.modules(WIDGETS / folder / "widget.js")
    assert order[-1].name == "widget.js"
    for position, path in enumerate(order):
        needed = [(path.parent / found).resolve() for found in bundle.IMPORT.findall(path.read_text(encoding="utf-8"))]
        assert all(order.index(other) < position for other in needed)


def test_every_module_belongs_to_a_widget() -> None:
    used = {path for folder in FOLDERS for path in bundle.modules(WIDGETS / folder / "widget.js")}
    assert used == set(WIDGETS.rglob("*.js"))


def test_one_name_in_two_modules_is_refused() -> None:
    with pytest.raises(ValueError, match=r"draw is defined in a\.js and in b\.js"):
        bundle.check_names({"a.js": "export function draw() {}\n", "b.js": "const draw = 1;\n"})


def test_circular_imports_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("import { b } from './b.js';\n", encoding="utf-8")
    (tmp_path / "b.js").write_text("import { a } from './a.js';\n", encoding="utf-8")
    with pytest.raises(ValueError, match="imports itself"):
        bundle.modules(tmp_path / "a.js")


@pytest.mark.parametrize("text", ["${value}", "{{value}}", "`", "\\201C"])
def test_template_traps_are_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "widget.html").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"widget\.html holds"):
        bundle.template(tmp_path / "widget.html")


def test_markup_is_built_from_text_only() -> None:
    """No module writes HTML: names and emoji enter through textContent or a canvas."""
    for path in WIDGETS.rglob("*.js"):
        text = path.read_text(encoding="utf-8")
        assert not [word for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "eval(") if word in text], path


def test_factories_return_html_with_their_events() -> None:
    lens, attention, composer = lens_canvas(None), attention_canvas(None), scene_composer(None)
    assert all(isinstance(made, gr.HTML) for made in (lens, attention, composer))
    assert callable(lens.view_change) and callable(composer.compose)
    assert callable(attention.view_change) and callable(attention.open_picture)
    with pytest.raises(AttributeError):
        _ = lens.compose
    with pytest.raises(AttributeError):
        _ = composer.open_picture


def test_patching_and_mask_offer_their_events_alone() -> None:
    patching, mask = patching_canvas(None), mask_painter(None)
    assert all(isinstance(made, gr.HTML) for made in (patching, mask))
    events = ("sweep", "cancel", "apply", "flip", "generality", "reads", "evolution", "view_change")
    assert all(callable(getattr(patching, name)) for name in events)
    assert callable(mask.mask)
    with pytest.raises(AttributeError):
        _ = patching.mask
    with pytest.raises(AttributeError):
        _ = mask.sweep


def test_steering_offers_its_events_alone() -> None:
    steering = steering_canvas(None)
    assert isinstance(steering, gr.HTML)
    asked = ("latent", "profile", "search", "steer", "controls", "generality", "watch", "compare", "guide", "cancel")
    assert all(callable(getattr(steering, name)) for name in (*asked, "view_change"))
    with pytest.raises(AttributeError):
        _ = steering.sweep


@needs_node
def test_node_tests_pass() -> None:
    files = [str(path) for path in sorted(HERE.glob("*.test.mjs"))]
    done = subprocess.run([str(NODE), "--test", *files], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def test_a_canvas_is_given_each_part_as_json() -> None:
    canvas = lens_canvas({"nonce": 3, "run": {"key": "é", "shares": [0.5, float("nan")]}, "view": None})
    assert canvas.value == {"nonce": "3", "run": '{"key": "é", "shares": [0.5, null]}', "view": "null"}
    assert canvas.postprocess(None) is None and lens_canvas().value is None


def test_a_canvas_leaves_no_file_beside_its_module() -> None:
    assert not list(WIDGETS.rglob("*.pyi"))
