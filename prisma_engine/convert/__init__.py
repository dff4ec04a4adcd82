"""From the original libraries' modules to `HookedViT`: one file per family, each a table and a config reader."""

from prisma_engine.convert.hf import from_transformers, load_transformers_folder
from prisma_engine.convert.prisma_toy import load_checkpoint
from prisma_engine.convert.table import NotUnderstood
from prisma_engine.convert.timm_vit import from_timm
from prisma_engine.convert.zero_shot import TEMPLATES, TextTower, with_classes, zero_shot

__all__ = [
    "TEMPLATES",
    "NotUnderstood",
    "TextTower",
    "from_timm",
    "from_transformers",
    "load_checkpoint",
    "load_transformers_folder",
    "with_classes",
    "zero_shot",
]
