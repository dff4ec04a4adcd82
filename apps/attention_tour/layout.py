"""What is on the page and where; no behaviour."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from apps.attention_tour import measuring
from apps.attention_tour.evidence import MIN_IMAGES
from apps.common import catalog, scenes, streams
from apps.common.answer import answer_list
from apps.common.controls import link_and_code, model_choice, picture_sources, toolbar
from apps.common.parts import address, note
from apps.common.picker import example_picker
from apps.common.progress import progress
from apps.common.upload import photo_input
from apps.common.widgets import attention_canvas, step_scrubber

ABOUT = """# Attention Tour
A vision transformer cuts a picture into small squares (patches), and in each layer several *heads* decide, each by a
rule of its own, how much every patch takes over from every other one. Choose any head of any layer, point at a patch,
and see what it reads and what reads it.
"""
CAUSAL = """Causal: every patch reads only itself and the patches before it, row by row, as words do in a language
model. This model was not trained that way, so the difference shows how much it relies on looking ahead."""
SEES_ALL = """CLS and other tokens that are not patches have no place in the rows. Without the tick they too read only
what comes before them: CLS is first and is left with itself."""
EVIDENCE = """A head type is found, not asserted: it is measured over many pictures and compared with chance. Here the
model of this page is measured on pictures of your choice; you can stop at any time and keep what there is."""
N_INFO = f"{measuring.N_IMAGES[0]} to {measuring.N_IMAGES[1]:,}; with fewer than {MIN_IMAGES} no head is named."

COMPARE = (
    ("Nothing", "nothing"),
    ("Another picture", "picture"),
    ("Another model", "model"),
    ("What if attention were causal?", "causal"),
)
BUTTONS = {
    "save-picture": "Save picture",
    "save-animation": "Save animation",
    "save-matrix": "Save matrix",
    "save-numbers": "Save numbers",
    "copy-link": "Copy link",
    "copy-code": "Copy as Python",
}


@dataclass(frozen=True)
class Compare:
    """The components that choose a second run."""

    what: gr.Dropdown
    picture_box: gr.Column
    picker: gr.HTML
    photo: gr.Image
    model_box: gr.Column
    model: gr.Dropdown
    causal_box: gr.Column
    layer: gr.Slider
    sees_all: gr.Checkbox


@dataclass(frozen=True)
class Measure:
    """The components that measure head types on many pictures."""

    source: gr.Radio
    place: gr.Textbox
    n_images: gr.Slider
    start: gr.Button
    stop: gr.Button
    progress: gr.HTML
    save: gr.Button
    back: gr.Button


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
    compare: Compare
    answer: gr.HTML
    other_answer: gr.HTML
    note: gr.HTML
    address: gr.HTML
    tour: gr.HTML
    measure: Measure
    buttons: dict[str, gr.Button]  # by element id, see BUTTONS
    link: gr.Textbox
    code: gr.Textbox
    file: gr.File


def lay_out() -> Layout:
    """Build the page inside the current Blocks."""
    gr.Markdown(ABOUT, elem_classes="page-title")
    notice, where = note(), address()
    with gr.Row(elem_classes=["tool-page", "tour-page"]):
        with gr.Column(scale=3, min_width=300, elem_classes="side"):
            picker, photo, composer = picture_sources()
            with gr.Column(elem_classes="model-box"):
                model, classes_box, classes = model_choice()
                steps = step_scrubber(None, elem_id="steps")
            with gr.Column(elem_classes="compare-box"):
                compare = _compare()
            with gr.Column(elem_classes="after-canvas"):
                gr.Markdown("## The model's own answer\nfor the whole picture", elem_classes="section-title")
                answer, other_answer = answer_list(), answer_list(elem_id="other-answer")
        with gr.Column(scale=11, min_width=320, elem_classes="canvas-column"):
            buttons = toolbar(BUTTONS)
            tour = attention_canvas(None, elem_id="tour", elem_classes="canvas")
            measure = _measure()
            link, code, file = link_and_code("Prints what the selected token reads most")
    return Layout(
        picker=picker,
        photo=photo,
        composer=composer,
        model=model,
        classes=classes,
        classes_box=classes_box,
        steps=steps,
        compare=compare,
        answer=answer,
        other_answer=other_answer,
        note=notice,
        address=where,
        tour=tour,
        measure=measure,
        buttons=buttons,
        link=link,
        code=code,
        file=file,
    )


def _compare() -> Compare:
    what = gr.Dropdown(COMPARE, value="nothing", label="Compare with", filterable=False, elem_id="compare")
    with gr.Column(visible=False) as picture_box:
        picker = example_picker(scenes.picker_value(None), elem_id="other-examples")
        photo = photo_input(
            sources=["upload", "clipboard"],
            show_label=False,
            buttons=[],
            height=120,
            elem_id="other-photo",
            placeholder="Or a picture of your own",
        )
    with gr.Column(visible=False) as model_box:
        model = gr.Dropdown(
            catalog.choices(),
            value=None,
            allow_custom_value=not catalog.on_space(),
            label="The other model",
            elem_id="other-model",
        )
    with gr.Column(visible=False, elem_id="causal") as causal_box:
        layer = gr.Slider(0, 11, value=0, step=1, label="From which layer on", elem_id="causal-from")
        sees_all = gr.Checkbox(True, label="CLS may still see everything", info=SEES_ALL, elem_id="sees-all")
        gr.Markdown(CAUSAL, elem_classes="quiet")
    return Compare(what, picture_box, picker, photo, model_box, model, causal_box, layer, sees_all)


def _measure() -> Measure:
    with gr.Accordion("Measure head types on other pictures", open=False, elem_id="measure", elem_classes="link-box"):
        gr.Markdown(EVIDENCE, elem_classes="quiet")
        with gr.Row():
            source = gr.Radio(streams.sources(), value="scenes", label="Pictures", elem_id="measure-source")
            n_images = gr.Slider(
                *measuring.N_IMAGES,
                value=measuring.FIRST_N,
                step=10,
                label="How many",
                info=N_INFO,
                elem_id="measure-n",
            )
        place = gr.Textbox("", label="Where the pictures are", max_length=400, visible=False, elem_id="measure-place")
        with gr.Row(elem_classes="toolbar"):
            start = gr.Button("Measure", size="sm", variant="primary", min_width=100, scale=0, elem_id="measure-start")
            stop = gr.Button("Stop", size="sm", min_width=80, scale=0, elem_id="measure-stop", interactive=False)
            back = gr.Button(
                "Back to the shipped figures", size="sm", min_width=180, scale=0, elem_id="measure-back", visible=False
            )
            save = gr.Button("Save as JSON", size="sm", min_width=100, scale=0, elem_id="measure-save")
        bar = progress("measured")
    return Measure(source, place, n_images, start, stop, bar, save, back)
