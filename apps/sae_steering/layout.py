"""What is on the page and where; no behaviour."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from apps.common import catalog, streams
from apps.common.controls import link_and_code, model_choice, picture_sources, toolbar
from apps.common.parts import address, note
from apps.common.saebox import sae_choice
from apps.common.widgets import steering_canvas

ABOUT = """# SAE Steering
A sparse autoencoder takes apart what the model holds at each patch into a few *latents*: choose patches, see which are
active there, turn one, and see what becomes of the answer. That shows what the answer rests on in this picture; a
latent's name is the class that it agrees with best, not all that it stands for.
"""
PICTURES_SAID = """What *on other pictures* tries the changed latents on, and what latents are profiled on. To try them,
our scenes are drawn with what the model calls this picture in front; pictures from outside are taken as they come."""
N_PICTURES, FIRST_N = (20, 2000), 200
BUTTONS = {
    "start-over": "Start over",
    "save-picture": "Save picture",
    "save-table": "Save CSV",
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
    classes: gr.Textbox
    classes_box: gr.Group
    sae: gr.Dropdown
    source: gr.Radio
    place: gr.Textbox
    n_pictures: gr.Slider
    same: gr.Checkbox
    note: gr.HTML
    address: gr.HTML
    steering: gr.HTML
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
            model, classes_box, classes = model_choice()
            sae = sae_choice(catalog.DEFAULT, "Sparse autoencoder")
        with gr.Column(scale=11, min_width=560, elem_classes="canvas-column"):
            buttons = toolbar(BUTTONS)
            steering = steering_canvas(None, elem_id="steering", elem_classes="canvas")
            source, place, n_pictures, same = _pictures()
            link, code, file = link_and_code("Prints the active latents, and what the changed ones do")
    return Layout(
        picker=picker,
        photo=photo,
        composer=composer,
        model=model,
        classes=classes,
        classes_box=classes_box,
        sae=sae,
        source=source,
        place=place,
        n_pictures=n_pictures,
        same=same,
        note=notice,
        address=where,
        steering=steering,
        buttons=buttons,
        link=link,
        code=code,
        file=file,
    )


def _pictures() -> tuple[gr.Radio, gr.Textbox, gr.Slider, gr.Checkbox]:
    with gr.Accordion("Pictures to try it on", open=False, elem_id="cases", elem_classes="link-box"):
        gr.Markdown(PICTURES_SAID, elem_classes="quiet")
        with gr.Row():
            source = gr.Radio(streams.sources(), value="scenes", label="Pictures", elem_id="cases-source")
            n = gr.Slider(*N_PICTURES, value=FIRST_N, step=10, label="How many pictures", elem_id="cases-n")
        place = gr.Textbox("", label="Where the pictures are", max_length=400, visible=False, elem_id="cases-place")
        same = gr.Checkbox(False, label="Only pictures that the model answers as this one", elem_id="cases-same")
    return source, place, n, same
