"""prisma_engine: vision transformers whose every intermediate has a name.

The contents page: what a user of the library calls, and nothing else.
"""

from prisma_engine.analysis.attention import AttentionMaps, attention_maps, causal_edits
from prisma_engine.analysis.heads.evidence import Evidence
from prisma_engine.analysis.heads.gathering import gather
from prisma_engine.analysis.heads.metrics import head_metrics, measure_heads
from prisma_engine.analysis.layout import Layout
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
    "AttentionMaps",
    "Cache",
    "Edit",
    "Evidence",
    "HookPoint",
    "HookedViT",
    "Layout",
    "LoadError",
    "LogitLens",
    "TopClasses",
    "ViTConfig",
    "add",
    "attention_maps",
    "causal_edits",
    "embedded_models",
    "from_timm",
    "from_transformers",
    "gather",
    "head_metrics",
    "load",
    "logit_lens",
    "mean",
    "measure_heads",
    "replace",
    "scale",
    "with_classes",
    "zero",
]
