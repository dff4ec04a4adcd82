"""A visitor's first event without the wait: Gradio describes every block of every page anew for each visitor.

For this suite that is a tenth of a second of work on the server's event loop, during which nobody else is served: each
description inspects a constructor, and looks a dozen times for event names through a canvas' whole script. Blocks that
no event has replaced stay as they were built, so here they are described once.
"""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.blocks import BlocksConfig

Known = dict[int, tuple[Any, dict[str, Any]]]
"""Of each block's id: the block as it was built, and what the browser is told of it."""


class Described(BlocksConfig):
    """Blocks whose descriptions are kept; a copy for a visitor shares them."""

    known: Known

    def __copy__(self) -> Described:
        return _with(super().__copy__(), self.known)

    def config_for_block(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, _id: int, rendered_ids: list[int], block: Any, renderable: Any = None
    ) -> dict[str, Any]:
        """What the browser is told of a block; a visitor's own values are put into the copy."""
        first, told = self.known.get(_id, (None, {}))
        if renderable is not None or first is not block:
            return BlocksConfig.config_for_block(_id, rendered_ids, block, renderable)
        return told | {"props": dict(told["props"])}


def describe_once(demo: gr.Blocks) -> None:
    """Keep the descriptions of all blocks of `demo`; call it when they are complete."""
    config = demo.default_config
    _with(config, {i: (block, config.config_for_block(i, [], block)) for i, block in config.blocks.items()})


def _with(config: BlocksConfig, known: Known) -> Described:
    config.__class__ = Described
    assert isinstance(config, Described)
    config.known = known
    return config
