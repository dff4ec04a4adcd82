"""The list of SAEs that a page offers for its model."""

from __future__ import annotations

from typing import Any

import gradio as gr

from apps.common import catalog
from apps.common.saes import Loaded, shipped_for, title_of


def sae_choice(model: str, label: str) -> gr.Dropdown:
    """The list of those that ship for the model that a page opens with; where the suite runs locally, any other too."""
    custom = not catalog.on_space()
    sae = gr.Dropdown(_choices(model), value=None, allow_custom_value=custom, label=label, elem_id="sae")
    if custom:
        gr.Markdown("Or type the folder or the Hub id of any other, and press Enter.", elem_classes="quiet")
    return sae


def sae_box(loaded: Loaded, model: str) -> Any:
    """The list for a model, with the one on show."""
    choices = _choices(model)
    if loaded.id not in {name for _, name in choices}:
        choices = [(f"{loaded.title} · {loaded.id}", loaded.id), *choices]
    return gr.update(choices=choices, value=loaded.id)


def _choices(model: str) -> list[tuple[str, str]]:
    """(title, name) of the SAEs that ship for a model."""
    return [(title_of(config), name) for name, config in shipped_for(model)]
