"""Bundle a widget's ES modules into the one script that `gr.HTML(js_on_load=…)` takes.

Gradio runs that script as the body of a function, where `import` and `export` are not allowed. So the modules are
put one after the other, what is imported before what imports it, without their import and export words. Their
top-level names then share one scope and must differ; two alike are an error here, not a puzzle in the browser.
"""

import json
import re
from abc import ABCMeta
from functools import lru_cache
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.component_meta import ComponentMeta

HERE = Path(__file__).parent
IMPORT = re.compile(r"^import\s+\{[^}]*\}\s+from\s+'(\.[^']+)';\n", re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async )?(?:function|const|class)\b)", re.MULTILINE)
TOP_LEVEL = re.compile(r"^(?:export )?(?:async )?(?:function|const|let|class) (\w+)", re.MULTILINE)
START = """
const readPart = ([name, text]) => [name, JSON.parse(text)];
const readValue = () => props.value && Object.fromEntries(Object.entries(props.value).map(readPart));
const mounted = mount({ element, value: readValue(), onEvent: (name, data) => trigger(name, data) });
watch('value', () => mounted.update(readValue()));
"""


def modules(entry: Path) -> list[Path]:
    """Every module that `entry` needs, itself last, each after what it imports."""
    order: dict[Path, None] = {}

    def visit(path: Path, above: tuple[Path, ...]) -> None:
        if path in above:
            raise ValueError(f"{path.name} imports itself by way of {', '.join(p.name for p in above)}")
        for found in IMPORT.findall(path.read_text(encoding="utf-8")):
            needed = (path.parent / found).resolve()
            if needed not in order:
                visit(needed, (*above, path))
        order[path] = None

    visit(entry.resolve(), ())
    return list(order)


def check_names(sources: dict[str, str]) -> None:
    """Refuse modules, file name to text, that define the same top-level name twice."""
    owner: dict[str, str] = {}
    for file, text in sources.items():
        for name in TOP_LEVEL.findall(text):
            if name in owner:
                raise ValueError(f"{name} is defined in {owner[name]} and in {file}; rename one of them")
            owner[name] = file


def script(entry: Path) -> str:
    """The body for `js_on_load`: all modules of `entry` in one scope, then the call of its `mount`."""
    return "(() => {\n'use strict';\n" + "\n\n".join([*_bodies(entry), START.strip()]) + "\n})();\n"


def module(entry: Path) -> str:
    """The same for a page without Gradio: all modules of `entry` as one that exports its `mount`."""
    return "\n\n".join([*_bodies(entry), "export { mount };"]) + "\n"


def _bodies(entry: Path) -> list[str]:
    """Text of every module, without its import and export words."""
    sources = {f"{path.parent.name}/{path.name}": path.read_text(encoding="utf-8") for path in modules(entry)}
    check_names(sources)
    return [EXPORT.sub("", IMPORT.sub("", text)).strip() for text in sources.values()]


def template(path: Path) -> str:
    """Text of an HTML or CSS file, refused where Gradio would fill something in (`${`, `{{`) or lose a character."""
    text = path.read_text(encoding="utf-8")
    for trap in ("${", "{{", "`", "\\"):
        if trap in text:
            raise ValueError(f"{path.name} holds {trap!r}, which Gradio's templates do not leave alone")
    return text


@lru_cache(maxsize=8)
def parts(folder: str, also: tuple[str, ...] = ()) -> dict[str, str]:
    """Keyword arguments of `gr.HTML` for the widget in a folder beside this file: template, style and script.

    `also` are folders of widgets whose styles come before its own, since it shows parts of theirs.
    """
    home = HERE / folder
    sheets = [HERE / name / "widget.css" for name in (*also, folder)]
    style = "\n".join(template(path) for path in (HERE / "shared" / "shared.css", *sheets))
    return {
        "html_template": template(home / "widget.html"),
        "css_template": style,
        "js_on_load": script(home / "widget.js"),
    }


def to_json(value: Any) -> str:
    """A value as JSON; numbers that JSON has no word for become null, as Gradio makes them."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError:
        return to_json(json.loads(json.dumps(value), parse_constant=lambda _: None))


class _Quiet(ComponentMeta):
    """Gradio's own writes a .pyi file beside every module that defines a component; this one does not."""

    def __new__(cls, name: str, bases: tuple[type, ...], attrs: dict[str, Any]) -> type:
        return ABCMeta.__new__(cls, name, bases, attrs)


class Canvas(gr.HTML, metaclass=_Quiet):
    """A `gr.HTML` whose value is a dict; the browser is given each of its parts as JSON.

    Gradio makes everything inside a value reactive, number by number, and copies it several times, which took longer
    than drawing it. A text is one thing to it. Of a streamed value only the parts that changed are sent, as before.
    """

    def postprocess(self, value: dict[str, Any] | None) -> dict[str, str] | None:  # pyright: ignore
        """Each part as JSON."""
        return value and {name: to_json(part) for name, part in value.items()}

    def get_block_name(self) -> str:
        return "html"


def widget(folder: str, value: dict | None, also: tuple[str, ...] = (), **kwargs) -> gr.HTML:
    """A `gr.HTML` that shows `value` with the widget in `folder`, see `parts`; further arguments go to `gr.HTML`."""
    return Canvas(value, apply_default_css=False, **parts(folder, also), **kwargs)
