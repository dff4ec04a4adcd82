"""The first page of the suite: what this is, the lens alive in small, a card for each page, the models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from apps.common import catalog, checkpoints, routes
from apps.common.runtime import MODEL_QUEUE, MODELS
from apps.common.widgets import lens_canvas

WELCOME = """# Look inside a vision transformer
A classifier that was never told where things are turns out to segment the picture: open it up here and see, touch and
measure every layer of it.
"""
READ_MORE = """## Read more
- `docs/architecture.md` in the repository: how the suite is built, on one page, with the name of every hook point
- `README.md`: the same models and numbers from Python, and the typed endpoint of each page
- [Interpreting GPT: the logit lens](https://www.lesswrong.com/posts/AcKRB8wDpdaN6v6ru/interpreting-gpt-the-logit-lens)
  by nostalgebraist (2020): where the idea comes from
"""


@dataclass(frozen=True)
class PageCard:
    """One page of the suite; a page without an entry has no card and no route."""

    title: str
    path: str
    sentence: str
    add: Callable[[gr.Blocks], Any]  # builds the page inside the current route
    picture: Callable[[], bytes]  # PNG, drawn from our own scene by the current code
    miniature: Callable[[], dict[str, Any]] | None = None  # a lens value for the landing page


def landing(demo: gr.Blocks, cards: Sequence[PageCard]) -> None:
    """Build the page inside `demo`."""
    gr.Markdown(WELCOME, elem_classes="page-title")
    live = next(card for card in cards if card.miniature)
    with gr.Row(elem_classes="landing"):
        with gr.Column(scale=6, min_width=300):
            lens = lens_canvas(None, elem_id="miniature", elem_classes="miniature")
            gr.Markdown(
                "Touch a patch, or press play: each emoji is what the model's own head would say of that patch, read "
                "at the layer shown; patches that are not sure of anything are left alone.",
                elem_classes="quiet",
            )
        with gr.Column(scale=5, min_width=300):
            gr.HTML("".join(_card(card) for card in cards), elem_id="cards")
            gr.Markdown("## Models", elem_classes="section-title")
            models = gr.Markdown(elem_id="models")
            gr.Markdown(READ_MORE, elem_classes="section-title")
    loading = demo.load(
        live.miniature, None, lens, concurrency_id=MODEL_QUEUE, concurrency_limit=1, show_progress="hidden",
        api_visibility="private",
    )  # fmt: skip
    loading.then(models_text, None, models, show_progress="hidden", api_visibility="private")


def _card(card: PageCard) -> str:
    """Markup of one card: our own words only, never a visitor's."""
    picture = routes.lazy_picture_url(card.path, card.picture)
    return (
        f'<a class="card" href="{escape(card.path)}"><img src="{escape(picture)}" alt="{escape(card.title)} on one of '
        f'our scenes" loading="lazy"><strong>{escape(card.title)}</strong><span>{escape(card.sentence)}</span></a>'
    )


def models_text() -> str:
    """What is in memory and what else can be asked for, in the catalog's own words."""
    loaded = set(map(checkpoints.base_of, MODELS.loaded()))
    rows = [(offer.title, _state(offer, offer.id in loaded)) for offer in catalog.OFFERS.values()]
    others = len(loaded - set(catalog.OFFERS))
    rows += [(f"{others} of your own", "in memory")] if others else []
    return "\n".join(["| model | |", "|---|---|", *(f"| {title} | {state} |" for title, state in rows)])


def _state(offer: catalog.Offer, loaded: bool) -> str:
    if loaded:
        return "**in memory**"
    return "ships with the suite" if offer.family == "embedded" else "from the Hub, when asked for"
