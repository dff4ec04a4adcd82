"""Starting a page's server: the same limits, routes and look for the suite and for each app alone."""

from __future__ import annotations

import os

import gradio as gr

from apps.common import described, runtime, waiting
from apps.common.catalog import on_space
from apps.common.routes import ROUTES
from apps.common.theme import stylesheets, theme

DEFAULT_PORT = 7860


def port() -> int:
    """The port to listen on: PORT, else GRADIO_SERVER_PORT, else 7860."""
    text = os.environ.get("PORT") or os.environ.get("GRADIO_SERVER_PORT") or str(DEFAULT_PORT)
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise SystemExit(f"the port must be a number from 1 to 65535, got {text!r}")
    return int(text)


def launch(demo: gr.Blocks, block: bool = True, at_port: int | None = None) -> str:
    """Serve `demo` and return its address; `block` waits until the process is stopped.

    `launch()` rather than mounting on a server of our own, so that ZeroGPU's wrapper sees it. Server-side
    rendering is off unless PRISMA_SSR is 1: it puts a Node process in front and asks for Node 24, and our canvases
    draw in the browser anyway. On a Space it listens to the world, elsewhere to this machine.
    """
    runtime.settle()
    wanted = at_port or port()
    demo.queue(max_size=runtime.QUEUE_SIZE, default_concurrency_limit=8)
    waiting.polite(demo)
    described.describe_once(demo)
    try:
        _, address, _ = demo.launch(
            server_name=os.environ.get("GRADIO_SERVER_NAME", "0.0.0.0" if on_space() else "127.0.0.1"),
            server_port=wanted,
            prevent_thread_lock=True,
            quiet=True,
            ssr_mode=os.environ.get("PRISMA_SSR") == "1",
            pwa=False,
            mcp_server=False,
            run_history=False,
            enable_monitoring=False,
            show_error=False,
            footer_links=["api"],
            max_file_size=runtime.MAX_UPLOAD,
            app_kwargs={"routes": ROUTES},
            theme=theme(),
            css_paths=stylesheets(),
        )
    except OSError as error:
        raise SystemExit(f"port {wanted} is in use; stop the other server or set PORT to a free one") from error
    print(f"Open {address}", flush=True)
    if block:
        demo.block_thread()
    return address
