"""prisma_engine: vision transformers whose every intermediate has a name.

The contents page: what a user of the library calls, and nothing else.
"""

from prisma_engine.analysis.lens import LogitLens, TopClasses, logit_lens
from prisma_engine.cache import Cache
from prisma_engine.config import ViTConfig
from prisma_engine.convert import from_timm, from_transformers, with_classes
from prisma_engine.edits import add, mean, replace, scale, zero
from prisma_engine.hooks import Edit, HookPoint
from prisma_engine.hub import LoadError
from prisma_engine.load import embedded_models, load
from prisma_engine.vit import HookedViT

__all__ = [
    "Cache",
    "Edit",
    "HookPoint",
    "HookedViT",
    "LoadError",
    "LogitLens",
    "TopClasses",
    "ViTConfig",
    "add",
    "embedded_models",
    "from_timm",
    "from_transformers",
    "load",
    "logit_lens",
    "mean",
    "replace",
    "scale",
    "with_classes",
    "zero",
]
