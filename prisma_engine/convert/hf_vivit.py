"""transformers' ViViT: a video as tubelets, ordered by time, then row, then column."""

from __future__ import annotations

from typing import Any

from prisma_engine.config import ViTConfig
from prisma_engine.convert.hf_vit import IGNORE, TABLE
from prisma_engine.convert.recipe import (
    SHAPE,
    Recipe,
    Size,
    activation,
    check_config,
    classifier,
    pair,
    shape,
    without_prefix,
)
from prisma_engine.convert.table import NotUnderstood

CLASSES = ("VivitModel", "VivitForVideoClassification")


def read(module: Any, image_size: Size | None) -> Recipe:
    """ViViT, the variant in which all tubelets attend to all; input [batch frame channel height width]."""
    config = module.config
    # `video_size` is written into the released checkpoints and read by nobody
    check_config(config, SHAPE | {"intermediate_size", "num_frames", "tubelet_size", "video_size"})
    if image_size not in (None, pair(config.image_size)):
        raise NotUnderstood("positions of a video model cannot be interpolated; leave image_size out")
    if config.num_frames < 2:
        raise NotUnderstood("a video of one frame is not understood")
    frames, *patch = config.tubelet_size
    c = ViTConfig(
        **shape(config, None),
        patch_size=pair(patch),
        n_frames=config.num_frames,
        tubelet=frames,
        d_mlp=config.intermediate_size,
        activation=activation(config),
        **classifier(getattr(module, "classifier", None), config.hidden_size),
    )
    return Recipe(c, TABLE, without_prefix(module.state_dict(), f"{module.base_model_prefix}."), IGNORE)
