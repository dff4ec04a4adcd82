"""The page's functions for programs, each with a name and typed parameters."""

from __future__ import annotations

from typing import Any

import gradio as gr

from apps.cat_dog_patching import endpoint
from apps.cat_dog_patching.endpoint import Asked
from apps.cat_dog_patching.handlers import PairDesk
from apps.common import catalog
from apps.common.events import spoken
from apps.common.runtime import MODEL_QUEUE
from apps.common.upload import photo_input

PAIR = ("image", "second", "hide", "fill", "model", "a", "b", "preparation", "classes")
DEFAULTS = {
    "fill": "black",
    "model": catalog.DEFAULT,
    "preparation": "checkpoint",
    "site": "z",
    "by": "layer,head",
    "direction": "denoise",
}


def endpoints(desk: PairDesk) -> None:
    """Add `patch_sweep`, `patch_apply` and `patch_flip` to the current Blocks."""

    def patch_sweep(
        image: str,
        second: str = "",
        hide: str = "",
        fill: str = "black",
        model: str = catalog.DEFAULT,
        a: str = "",
        b: str = "",
        preparation: str = "checkpoint",
        classes: str = "",
        site: str = "z",
        by: str = "layer,head",
        layer: str = "",
        token: str = "",
        direction: str = "denoise",
    ) -> dict[str, Any]:
        asked = _asked(image, second, hide, fill, model, a, b, preparation, classes)
        return endpoint.patch_sweep(desk, asked, site, by, layer, token, direction)

    def patch_apply(
        image: str,
        second: str = "",
        hide: str = "",
        fill: str = "black",
        model: str = catalog.DEFAULT,
        a: str = "",
        b: str = "",
        preparation: str = "checkpoint",
        classes: str = "",
        patches: str = "",
    ) -> dict[str, Any]:
        asked = _asked(image, second, hide, fill, model, a, b, preparation, classes)
        return endpoint.patch_apply(desk, asked, patches)

    def patch_flip(
        image: str,
        second: str = "",
        hide: str = "",
        fill: str = "black",
        model: str = catalog.DEFAULT,
        a: str = "",
        b: str = "",
        preparation: str = "checkpoint",
        classes: str = "",
        site: str = "z",
        by: str = "layer,head",
        layer: str = "",
        token: str = "",
    ) -> dict[str, Any]:
        asked = _asked(image, second, hide, fill, model, a, b, preparation, classes)
        return endpoint.patch_flip(desk, asked, site, by, layer, token)

    one_model: dict[str, Any] = {"concurrency_id": MODEL_QUEUE, "concurrency_limit": 1}
    with gr.Group(visible=False):
        answer = gr.JSON()
        pair = [photo_input(label=name) if name in PAIR[:2] else _box(name) for name in PAIR]
        swept = [_box(name) for name in ("site", "by", "layer", "token", "direction")]
        patches = _box("patches")
        asked = {"patch_sweep": swept, "patch_apply": [patches], "patch_flip": swept[:4]}
        for function in (patch_sweep, patch_apply, patch_flip):
            name = function.__name__
            function.__doc__ = getattr(endpoint, name).__doc__
            button = gr.Button(name)
            button.click(spoken(function), [*pair, *asked[name]], answer, api_name=name, **one_model)


def _box(name: str) -> gr.Textbox:
    return gr.Textbox(DEFAULTS.get(name, ""), label=name)


def _asked(*sent: str | None) -> Asked:
    if not sent[0]:
        raise ValueError("send a picture")
    return Asked(*(value if value is not None else "" for value in sent))
