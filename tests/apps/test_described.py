"""Blocks that are described once are described as Gradio does it, and visitors' values stay their own.

Each test runs this file in a process of its own, since Gradio leaves event loops behind.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import gradio as gr
import pytest
from gradio.blocks import BlocksConfig
from gradio.state_holder import SessionState

from apps.common.described import describe_once


def page() -> gr.Blocks:
    with gr.Blocks(analytics_enabled=False) as demo:
        gr.Textbox("as built", elem_id="box")
        gr.HTML("<p></p>", js_on_load="trigger('turned')")
        gr.Dropdown(["a", "b"], value="a")
    return demo


def same_without_asking() -> None:
    demo = page()
    told = SessionState(demo).config_values
    describe_once(demo)
    gr.Textbox.get_config = None  # pyright: ignore
    assert SessionState(demo).config_values == told


def typed_by_one() -> None:
    demo = page()
    describe_once(demo)
    box = next(i for i, block in demo.blocks.items() if isinstance(block, gr.Textbox))
    one, two = SessionState(demo), SessionState(demo)
    one._update_value_in_config(box, "typed")
    assert one.config_values[box]["props"]["value"] == "typed"
    assert two.config_values[box]["props"]["value"] == "as built"
    assert SessionState(demo).config_values[box]["props"]["value"] == "as built"


def replaced_by_an_event() -> None:
    demo = page()
    describe_once(demo)
    box = next(i for i, block in demo.blocks.items() if isinstance(block, gr.Textbox))
    one, two = SessionState(demo), SessionState(demo)
    with demo:
        one[box] = gr.Textbox("replaced", label="new", render=False)
    one._update_config(box)
    assert one.config_values[box]["props"]["label"] == "new"
    assert two.config_values == SessionState(demo).config_values
    assert isinstance(demo.default_config, BlocksConfig)


CASES = {case.__name__: case for case in (same_without_asking, typed_by_one, replaced_by_an_event)}


@pytest.mark.parametrize("case", CASES)
def test_visitors_are_told_what_they_were(case: str):
    done = subprocess.run(
        [sys.executable, __file__, case], cwd=Path(__file__).parents[2], env={**os.environ, "PYTHONPATH": "."},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


if __name__ == "__main__":
    CASES[sys.argv[1]]()
