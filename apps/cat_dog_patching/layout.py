"""What is on the page and where; no behaviour."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from apps.common import scenes, streams
from apps.common.controls import link_and_code, model_choice, picture_sources, toolbar
from apps.common.parts import address, note
from apps.common.picker import example_picker
from apps.common.upload import photo_input
from apps.common.widgets import mask_painter, patching_canvas, step_scrubber

ABOUT = """# Cat–Dog Patching
A model calls one picture a cat, and the same picture with the cat hidden a dog: put what single heads computed for the
first into its run on the second, and see which of them carry the answer across. That shows what is *enough* to move
the answer between these two pictures, not that every cat is recognised that way; whether it holds for others, the page
measures too.
"""
HOW = (("Hide part of it", "hide"), ("Take another picture", "other"))
PREPARE = (("As the checkpoint expects", "checkpoint"), ("As in the tutorial", "tutorial"))
PREPARE_SAID = "The tutorial squashed its pictures to the input's size and did not normalise them."
GENERAL_SAID = """What *Is it general?* tries the applied patches on. Our scenes show both answers, and their second
version is made in the same way. Of pictures from outside, one that the model calls the first answer is paired with one
that it calls the second."""
N_CASES, FIRST_N = (20, 1000), 100
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
    steps: gr.HTML
    how: gr.Radio
    hide_box: gr.Column
    mask: gr.HTML
    other_box: gr.Column
    other_picker: gr.HTML
    other_photo: gr.Image
    swap: gr.Checkbox
    answers: tuple[gr.Dropdown, gr.Dropdown, gr.Dropdown]
    prepare: gr.Radio
    source: gr.Radio
    place: gr.Textbox
    n_cases: gr.Slider
    note: gr.HTML
    address: gr.HTML
    patching: gr.HTML
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
            gr.Markdown("## The first picture", elem_classes="section-title")
            picker, photo, composer = picture_sources()
            how, hide_box, mask, other_box, other_picker, other_photo = _second()
            swap = gr.Checkbox(False, label="Swap: patch the first with parts of the second", elem_id="swap")
            model, classes_box, classes = model_choice()
            steps = step_scrubber(None, elem_id="steps")
            answers = _answers()
            with gr.Column(elem_classes="after-canvas"):
                prepare = gr.Radio(
                    PREPARE,
                    value="checkpoint",
                    label="Preparation",
                    info=PREPARE_SAID,
                    elem_id="prepare",
                    visible=False,
                )
        with gr.Column(scale=11, min_width=320, elem_classes="canvas-column"):
            buttons = toolbar(BUTTONS)
            patching = patching_canvas(None, elem_id="patching", elem_classes="canvas")
            source, place, n_cases = _cases()
            link, code, file = link_and_code("Prints the map on show, and what the applied patches do")
    return Layout(
        picker=picker,
        photo=photo,
        composer=composer,
        model=model,
        classes=classes,
        classes_box=classes_box,
        steps=steps,
        how=how,
        hide_box=hide_box,
        mask=mask,
        other_box=other_box,
        other_picker=other_picker,
        other_photo=other_photo,
        swap=swap,
        answers=answers,
        prepare=prepare,
        source=source,
        place=place,
        n_cases=n_cases,
        note=notice,
        address=where,
        patching=patching,
        buttons=buttons,
        link=link,
        code=code,
        file=file,
    )


def _second() -> tuple[gr.Radio, gr.Column, gr.HTML, gr.Column, gr.HTML, gr.Image]:
    how = gr.Radio(HOW, value="hide", label="The second picture", elem_id="second")
    with gr.Column(elem_id="hide-box") as hide_box:
        mask = mask_painter(None, elem_id="mask")
    with gr.Column(visible=False, elem_id="other-box") as other_box:
        other_picker = example_picker(scenes.picker_value(None), elem_id="other-examples")
        other_photo = photo_input(
            sources=["upload", "clipboard"],
            show_label=False,
            buttons=[],
            height=120,
            elem_id="other-photo",
            placeholder="Or a picture of your own",
        )
    return how, hide_box, mask, other_box, other_picker, other_photo


def _answers() -> tuple[gr.Dropdown, gr.Dropdown, gr.Dropdown]:
    texts = (
        ("First answer", "answer-a", "What the first picture is called."),
        ("Second answer", "answer-b", "What the second picture is called."),
        ("A class that should not care", "answer-control", "Drawn beside the two, to compare."),
    )
    with gr.Column(elem_id="answers"):
        a, b, control = (
            gr.Dropdown([], value=None, label=label, info=info, elem_id=name, filterable=True)
            for label, name, info in texts
        )
    return a, b, control


def _cases() -> tuple[gr.Radio, gr.Textbox, gr.Slider]:
    with gr.Accordion("Pictures to try it on", open=False, elem_id="cases", elem_classes="link-box"):
        gr.Markdown(GENERAL_SAID, elem_classes="quiet")
        with gr.Row():
            source = gr.Radio(streams.sources(), value="scenes", label="Pictures", elem_id="cases-source")
            n_cases = gr.Slider(*N_CASES, value=FIRST_N, step=10, label="How many pairs", elem_id="cases-n")
        place = gr.Textbox("", label="Where the pictures are", max_length=400, visible=False, elem_id="cases-place")
    return source, place, n_cases
