"""What is on the page and where; no behaviour."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from apps.common import catalog
from apps.common.controls import link_and_code, picture_sources, toolbar
from apps.common.parts import address, note
from apps.common.saebox import sae_choice
from apps.common.widgets import language_canvas
from apps.vlm_steering import vlms

ABOUT = """# Steering a LLaVA
A small model looks at a picture and describes it, one word after another; beside it stands a dictionary of *latents*
found in text alone, each a thing such as “dog” that the model may be thinking of. See which of them its view of the
picture switches on, turn one down, and read what the model says then, beside what it says untouched.
"""
BUTTONS = {
    "start-over": "Start over",
    "save-picture": "Save picture",
    "save-numbers": "Save JSON",
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
    classes: gr.Textbox  # never shown: what other pages ask of a zero-shot model
    sae: gr.Dropdown
    labels: gr.Textbox | None  # where the suite runs locally
    note: gr.HTML
    address: gr.HTML
    canvas: gr.HTML
    buttons: dict[str, gr.Button]  # by element id, see BUTTONS
    link: gr.Textbox
    code: gr.Textbox
    file: gr.File


def lay_out() -> Layout:
    """Build the page inside the current Blocks."""
    gr.Markdown(ABOUT, elem_classes="page-title")
    notice, where = note(), address()
    with gr.Row(elem_classes="tool-page"):
        with gr.Column(scale=3, min_width=280, elem_classes="side"):
            picker, photo, composer = picture_sources()
            model, sae = _model(), sae_choice(vlms.DEFAULT, "Its latents, found in text")
            labels = None if catalog.on_space() else _labels()
            classes = gr.Textbox("", visible=False)
        with gr.Column(scale=11, min_width=560, elem_classes="canvas-column"):
            buttons = toolbar(BUTTONS)
            canvas = language_canvas(None, elem_id="language", elem_classes="canvas")
            link, code, file = link_and_code("Prints what the model says in each column")
    return Layout(
        picker=picker,
        photo=photo,
        composer=composer,
        model=model,
        classes=classes,
        sae=sae,
        labels=labels,
        note=notice,
        address=where,
        canvas=canvas,
        buttons=buttons,
        link=link,
        code=code,
        file=file,
    )


def _labels() -> gr.Textbox:
    with gr.Accordion("Labels of others", open=False):
        where = gr.Textbox(
            label="A .json or .csv file, or a name on Neuronpedia", placeholder="gemma-2b/6-res-jb", max_length=400,
            elem_id="labels",
        )  # fmt: skip
        gr.Markdown(
            "A file has a number (latent, index or feature) and a text (label, description or explanation) for each "
            "latent. Press Enter.",
            elem_classes="quiet",
        )
    return where


def _model() -> gr.Dropdown:
    custom = not catalog.on_space()
    model = gr.Dropdown(
        vlms.choices(),
        value=vlms.DEFAULT,
        allow_custom_value=custom,
        label="Model that sees and talks",
        elem_id="model",
    )
    if custom:
        gr.Markdown("Or type a folder that holds another LLaVA, and press Enter.", elem_classes="quiet")
    return model
