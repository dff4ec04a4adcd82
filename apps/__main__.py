"""`python -m apps`: the suite, every app a page of one Gradio server."""

from __future__ import annotations

import gradio as gr

from apps.common.runtime import DELETE_CACHE
from apps.common.server import launch
from apps.landing import landing
from apps.pages import PAGES


def build() -> gr.Blocks:
    """The landing page and all pages of the registry."""
    with gr.Blocks(
        title="Look inside a vision transformer", delete_cache=DELETE_CACHE, analytics_enabled=False
    ) as demo:
        gr.Navbar(main_page_name="Start")
        landing(demo, PAGES)
    for card in PAGES:
        with demo.route(card.title, f"/{card.path}"):
            gr.Navbar(main_page_name="Start")
            card.add(demo)
    return demo


def main() -> None:
    """Serve the suite until it is stopped."""
    launch(build())


if __name__ == "__main__":
    main()
