"""What is on the page and where; no behaviour."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from apps.common.answer import answer_list
from apps.common.controls import link_and_code, model_choice, picture_sources, toolbar
from apps.common.parts import address, note
from apps.common.widgets import lens_canvas, step_scrubber

ABOUT = """# Dogit Lens
A vision transformer cuts a picture into small squares (patches) and refines each of them layer by layer. Here every
patch, at every layer, is put to the part of the model that gives its final answer (its head), and shown as the emoji
of what that says.
"""
CAVEAT = """An emoji on a patch is what the final head would say if it read that patch at that point;
it does not prove that the model uses it."""

BUTTONS = {
    "save-picture": "Save picture",
    "save-strip": "Save all layers",
    "save-animation": "Save animation",
    "save-numbers": "Save numbers",
    "copy-link": "Copy link",
    "copy-code": "Copy as Python",
}


@dataclass(frozen=True)
class Layout:
    """The components that the wiring needs."""

    picker: gr.HTML
    photo: gr.Image
    composer: gr.HTML
    model: gr.Dropdown
    classes: gr.Textbox
    classes_box: gr.Group
    steps: gr.HTML
    answer: gr.HTML
    note: gr.HTML
    address: gr.HTML
    lens: gr.HTML
    buttons: dict[str, gr.Button]  # by element id, see BUTTONS
    link: gr.Textbox
    code: gr.Textbox
    file: gr.File


def lay_out() -> Layout:
    """Build the page inside the current Blocks."""
    gr.Markdown(ABOUT, elem_classes="page-title")
    notice, where = note(), address()
    with gr.Row(elem_classes="tool-page"):
        with gr.Column(scale=3, min_width=300, elem_classes="side"):
            picker, photo, composer = picture_sources()
            model, classes_box, classes = model_choice()
            steps = step_scrubber(None, elem_id="steps")
            with gr.Column(elem_classes="after-canvas"):
                gr.Markdown("## The model's own answer\nfor the whole picture", elem_classes="section-title")
                answer = answer_list()
                gr.Markdown(CAVEAT, elem_classes="caveat")
        with gr.Column(scale=11, min_width=320, elem_classes="canvas-column"):
            buttons = toolbar(BUTTONS)
            lens = lens_canvas(None, elem_id="lens", elem_classes="canvas")
            link, code, file = link_and_code("Prints the numbers of the selected patch")
    return Layout(
        picker=picker,
        photo=photo,
        composer=composer,
        model=model,
        classes=classes,
        classes_box=classes_box,
        steps=steps,
        answer=answer,
        note=notice,
        address=where,
        lens=lens,
        buttons=buttons,
        link=link,
        code=code,
        file=file,
    )
