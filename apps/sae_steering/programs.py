"""The page's functions for programs, each with a name and typed parameters."""

from __future__ import annotations

from typing import Any

import gradio as gr

from apps.common.events import spoken
from apps.common.runtime import MODEL_QUEUE
from apps.common.upload import photo_input
from apps.sae_steering import endpoint
from apps.sae_steering.endpoint import Asked
from apps.sae_steering.handlers import SteerDesk

DEFAULTS = {"where": "all", "latent": "0", "source": "scenes"}


def endpoints(desk: SteerDesk) -> None:
    """Add `sae_features`, `sae_latent`, `sae_steer` and `sae_generality` to the current Blocks."""

    def sae_features(
        image: str, model: str = "", sae: str = "", watch: str = "", classes: str = "", tokens: str = ""
    ) -> dict[str, Any]:
        return endpoint.sae_features(desk, _asked(image, model, sae, watch, classes), tokens)

    def sae_latent(latent: str = "0", model: str = "", sae: str = "", classes: str = "") -> dict[str, Any]:
        return endpoint.sae_latent(desk, _asked("", model, sae, "", classes), latent)

    def sae_steer(
        image: str,
        changes: str,
        where: str = "all",
        keep_error: bool = True,
        model: str = "",
        sae: str = "",
        watch: str = "",
        classes: str = "",
        lens: str = "",
    ) -> dict[str, Any]:
        asked = _asked(image, model, sae, watch, classes)
        return endpoint.sae_steer(desk, asked, changes, where, keep_error, lens)

    def sae_generality(
        image: str,
        changes: str,
        where: str = "all",
        keep_error: bool = True,
        model: str = "",
        sae: str = "",
        watch: str = "",
        classes: str = "",
        n: float = 100,
        source: str = "scenes",
        place: str = "",
        same: bool = False,
    ) -> dict[str, Any]:
        asked = _asked(image, model, sae, watch, classes)
        return endpoint.sae_generality(desk, asked, changes, where, keep_error, n, source, place, same)

    one_model: dict[str, Any] = {"concurrency_id": MODEL_QUEUE, "concurrency_limit": 1}
    with gr.Group(visible=False):
        answer, image = gr.JSON(), photo_input(label="image")
        model, sae, watch, classes, tokens, latent, changes, where, lens, source, place = (
            gr.Textbox(DEFAULTS.get(name, ""), label=name)
            for name in (
                "model", "sae", "watch", "classes", "tokens", "latent", "changes", "where", "lens", "source", "place",
            )
        )  # fmt: skip
        keep_error, same = gr.Checkbox(True, label="keep_error"), gr.Checkbox(False, label="same")
        n = gr.Number(100, label="n")
        steered = [image, changes, where, keep_error, model, sae, watch, classes]
        asked = {
            sae_features: [image, model, sae, watch, classes, tokens],
            sae_latent: [latent, model, sae, classes],
            sae_steer: [*steered, lens],
            sae_generality: [*steered, n, source, place, same],
        }
        for function, inputs in asked.items():
            name = function.__name__
            function.__doc__ = getattr(endpoint, name).__doc__
            gr.Button(name).click(spoken(function), inputs, answer, api_name=name, **one_model)


def _asked(*sent: str | None) -> Asked:
    return Asked(*(value if value is not None else "" for value in sent))
