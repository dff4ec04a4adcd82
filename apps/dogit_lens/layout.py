"""What is on the page and where; no behaviour."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from apps.common import catalog
from apps.common.parts import address, note
from apps.common.upload import photo_input
from apps.common.widgets import lens_canvas, scene_composer
from apps.dogit_lens import restore, scenes
from apps.dogit_lens.answer import answer_list
from apps.dogit_lens.picker import example_picker

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
    answer: gr.HTML
    note: gr.HTML
    address: gr.HTML
    lens: gr.HTML
    buttons: dict[str, gr.Button]  # by element id, see BUTTONS
    link: gr.Textbox
    code: gr.Code
    file: gr.File


def lay_out() -> Layout:
    """Build the page inside the current Blocks."""
    gr.Markdown(ABOUT, elem_classes="page-title")
    notice, where = note(), address()
    with gr.Row(elem_classes="lens-page"):
        with gr.Column(scale=3, min_width=300, elem_classes="side"):
            picker, photo, composer = _sources()
            model, classes_box, classes = _model()
            with gr.Column(elem_classes="after-lens"):
                gr.Markdown("## The model's own answer\nfor the whole picture", elem_classes="section-title")
                answer = answer_list()
                gr.Markdown(CAVEAT, elem_classes="caveat")
        with gr.Column(scale=11, min_width=320, elem_classes="lens-column"):
            buttons = _toolbar()
            lens = lens_canvas(None, elem_id="lens")
            with gr.Accordion("This view as a link and as Python", open=False, elem_classes="link-box"):
                link = gr.Textbox(label="What follows the ? in the address", interactive=False, elem_id="link")
                code = gr.Code(
                    language="python", wrap_lines=True, label="Prints the numbers of the selected patch", elem_id="code"
                )
            file = gr.File(visible=False)
    return Layout(
        picker=picker,
        photo=photo,
        composer=composer,
        model=model,
        classes=classes,
        classes_box=classes_box,
        answer=answer,
        note=notice,
        address=where,
        lens=lens,
        buttons=buttons,
        link=link,
        code=code,
        file=file,
    )


def _sources() -> tuple[gr.HTML, gr.Image, gr.HTML]:
    with gr.Tabs(elem_id="sources"):
        with gr.Tab("Examples"):
            picker = example_picker(scenes.picker_value(None))
        with gr.Tab("Upload"):
            photo = photo_input(
                sources=["upload", "webcam", "clipboard"],
                show_label=False,
                buttons=[],
                height=230,
                elem_id="photo",
                placeholder="Drop a picture here\nor click to choose one",
            )
            gr.Markdown("It stays on this server and is removed within two hours.", elem_classes="quiet")
        with gr.Tab("Compose"):
            composer = scene_composer(scenes.composer_value(scenes.first_scene()))
    return picker, photo, composer


def _model() -> tuple[gr.Dropdown, gr.Group, gr.Textbox]:
    custom = not catalog.on_space()
    model = gr.Dropdown(
        catalog.choices(), value=catalog.DEFAULT, allow_custom_value=custom, label="Model", elem_id="model"
    )
    if custom:
        gr.Markdown("Or type any Hub id, or a path on this computer, and press Enter.", elem_classes="quiet")
    with gr.Group(visible=False) as classes_box:
        classes = gr.Textbox(
            restore.default_classes(),
            lines=3,
            max_lines=6,
            max_length=4000,
            label="Classes it may answer",
            info="Any words, 5 to 64, separated by commas. Shift and Enter runs the model.",
            elem_id="classes",
        )
    return model, classes_box, classes


def _toolbar() -> dict[str, gr.Button]:
    with gr.Row(elem_classes="toolbar"):
        gr.HTML('<span role="status" id="said"></span>', min_width=80)
        return {
            name: gr.Button(text, size="sm", min_width=100, scale=0, elem_id=name) for name, text in BUTTONS.items()
        }
