"""How every page wires its events: refusals as sentences, one queue for models, files to take away."""

from __future__ import annotations

import html
import tempfile
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any

import gradio as gr

from apps.common.runtime import MODEL_QUEUE

QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
# Gradio's "always_last" sends the data of the first event again, so an event with data of its own is sent each time.
IN_TURN: dict[str, Any] = {"trigger_mode": "multiple", "concurrency_limit": 1}
# Hidden progress: Gradio would lay "Error" over every output of a failed event, and the old view is to stay whole.
RUNS_MODEL: dict[str, Any] = {**QUIET, "concurrency_id": MODEL_QUEUE, "concurrency_limit": 1}
# What follows an event is done each time, also while the last one's is under way: Gradio would leave it out.
FOLLOWS: dict[str, Any] = {**QUIET, "trigger_mode": "multiple"}
WORKING, DONE = (f"() => document.body.classList.{verb}('working')" for verb in ("add", "remove"))
LEFT = """(text, ...rest) => {
  const isChosen = performance.now() - (window.prismaPickedAt ?? 0) < 1500;
  return [isChosen || text === window.prismaAsked?.asked ? null : text, ...rest];
}"""
COPY, DOWNLOAD, ONCE, PICKS = (
    (Path(__file__).parent / name).read_text(encoding="utf-8")
    for name in ("copy.js", "download.js", "once.js", "picks.js")
)


def spoken(handler: Callable[..., Any]) -> Callable[..., Any]:
    """Turn a handler's ValueError into the one sentence that the visitor reads; the page keeps its last view."""

    @wraps(handler)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return handler(*args, **kwargs)
        except ValueError as error:
            raise _toast(error) from error

    return wrapper


def spoken_steps(handler: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    """The same for a handler that yields what it has so far."""

    @wraps(handler)
    def wrapper(*args: Any, **kwargs: Any) -> Iterator[Any]:
        try:
            yield from handler(*args, **kwargs)
        except ValueError as error:
            raise _toast(error) from error

    return wrapper


def _toast(error: ValueError) -> gr.Error:
    # The sentence may quote what a visitor typed, and a toast renders markup.
    sentence = html.escape(str(error), quote=False)
    return gr.Error(sentence, title="That did not work", print_exception=False)


def runs(
    trigger: Callable[..., Any],
    handler: Callable[..., Any],
    inputs: Any,
    outputs: Any,
    after: tuple[Callable[..., Any], Any, Any] | None = None,
    steps: tuple[Callable[..., Iterator[Any]], Any, Any, dict[str, Any]] | None = None,
    **more: Any,
) -> Any:
    """Wire an event that runs a model: the page says that it works until the event has ended, well or badly.

    Args:
        after: a quick handler with inputs and outputs of its own, run with what the page then holds.
        steps: long work that is then done in steps, with inputs, outputs and options of its own.
    """
    trigger(None, None, None, js=WORKING, **QUIET)
    event = trigger(spoken(handler), inputs, outputs, **RUNS_MODEL, **more)
    for ended in (event.success, event.failure):
        ended(None, None, None, js=DONE, **QUIET)
    if after is not None:
        event.success(spoken(after[0]), after[1], after[2], **FOLLOWS)
    if steps is not None:
        event.success(spoken_steps(steps[0]), steps[1], steps[2], **QUIET, **steps[3])
    return event


def titled(demo: gr.Blocks, title: str) -> None:
    """Name the browser's tab: under the suite every page would otherwise carry the suite's name."""
    demo.load(None, None, None, js=f"() => {{ document.title = '{title}'; ({PICKS})(); }}", **QUIET)


def takes_away(button: gr.Button, write: Callable[..., str], inputs: Any, file: gr.File, js: str | None = None) -> None:
    """Wire a button that makes a file and downloads it; `js` is run on the inputs, in the browser."""
    saved = button.click(spoken(write), inputs, file, js=js, **QUIET)
    saved.success(None, file, None, js=DOWNLOAD, **QUIET)


def copies(
    button: gr.Button,
    text: gr.components.Component,
    is_link: bool = False,
    before: tuple[Callable[..., Any], Any, Any] | None = None,
    js: str | None = None,
) -> None:
    """Wire a button that copies the text of a component; a link is completed with the page's address.

    `before` is a handler with its inputs and outputs that writes that text anew; `js` is run on its inputs.
    """
    copy = f"(text) => ({COPY})(text, {'true' if is_link else 'false'})"
    if before is None:
        button.click(None, text, None, js=copy, **QUIET)
        return
    handler, inputs, outputs = before
    button.click(spoken(handler), inputs, outputs, js=js, **QUIET).success(None, text, None, js=copy, **QUIET)


def field(event: gr.EventData, name: str) -> object:
    """One field of what the browser sent, which may be anything."""
    data = event._data
    return data.get(name) if isinstance(data, dict) else None


def saved_file(name: str, data: bytes) -> str:
    """Write a file into Gradio's temporary folder, from where it is removed later, and return its path."""
    from gradio.utils import get_upload_folder

    Path(get_upload_folder()).mkdir(parents=True, exist_ok=True)
    path = Path(tempfile.mkdtemp(prefix="prisma-", dir=get_upload_folder())) / name
    path.write_bytes(data)
    return str(path)


def sentences(notes: tuple[str, ...]) -> str:
    """Remarks as whole sentences in one line."""
    return " ".join(_capital(text).rstrip(".") + "." for text in notes)


def _capital(text: str) -> str:
    """A sentence with its first letter large, unless its first word is a name that is written small."""
    word = text.split(" ", 1)[0]
    return text[:1].upper() + text[1:] if word.replace("’", "").rstrip(",:;").isalpha() else text
