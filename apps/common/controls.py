"""What the pages share of their layout: where a picture comes from, which model sees it, and what can be taken away."""

from __future__ import annotations

from collections.abc import Mapping

import gradio as gr

from apps.common import catalog, scenes
from apps.common.picker import example_picker
from apps.common.upload import photo_input
from apps.common.widgets import scene_composer


def picture_sources() -> tuple[gr.HTML, gr.Image, gr.HTML]:
    """Three ways to a picture, as tabs: the example picker, the upload, the scene composer."""
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


def model_choice() -> tuple[gr.Dropdown, gr.Group, gr.Textbox]:
    """The list of models, and the classes of a zero-shot one in a group that is shown when there is one."""
    custom = not catalog.on_space()
    model = gr.Dropdown(
        catalog.choices(), value=catalog.DEFAULT, allow_custom_value=custom, label="Model", elem_id="model"
    )
    if custom:
        gr.Markdown("Or type any Hub id, or a path on this computer, and press Enter.", elem_classes="quiet")
    with gr.Group(visible=False) as classes_box:
        classes = gr.Textbox(
            catalog.default_classes(),
            lines=3,
            max_lines=6,
            max_length=4000,
            label="Classes it may answer",
            info="Any words, 5 to 64, separated by commas. Shift and Enter runs the model.",
            elem_id="classes",
        )
    return model, classes_box, classes


def toolbar(texts: Mapping[str, str]) -> dict[str, gr.Button]:
    """Small buttons in a row, by element id, after the line that says when the model runs."""
    with gr.Row(elem_classes="toolbar"):
        gr.HTML('<span role="status" id="said"></span>', min_width=80)
        return {name: gr.Button(text, size="sm", min_width=100, scale=0, elem_id=name) for name, text in texts.items()}


def link_and_code(code_label: str) -> tuple[gr.Textbox, gr.Textbox, gr.File]:
    """The view as a link and as Python, to open and read, and an invisible file for what is saved."""
    with gr.Accordion("This view as a link and as Python", open=False, elem_classes="link-box"):
        link = gr.Textbox(label="What follows the ? in the address", interactive=False, elem_id="link")
        code = gr.Textbox(label=code_label, lines=6, max_lines=30, interactive=False, elem_id="code")
    return link, code, gr.File(visible=False)
