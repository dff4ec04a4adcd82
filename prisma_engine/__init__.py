"""prisma_engine: vision transformers whose every intermediate has a name.

The contents page: what a user of the library calls, and nothing else.
"""

from prisma_engine.analysis.attention import AttentionMaps, attention_maps, causal_edits
from prisma_engine.analysis.attribution import (
    Attribution,
    direct_logit_attribution,
    neuron_attribution,
    source_attribution,
)
from prisma_engine.analysis.heads.evidence import Evidence
from prisma_engine.analysis.heads.gathering import gather
from prisma_engine.analysis.heads.metrics import head_metrics, measure_heads
from prisma_engine.analysis.layout import Layout
from prisma_engine.analysis.lens import LogitLens, TopClasses, logit_lens
from prisma_engine.analysis.metrics import Metric, logit, logit_diff, probability, rank
from prisma_engine.analysis.patching.ablation import AblationSweep, ablation_sweep, mean_activations
from prisma_engine.analysis.patching.activation import PatchSweep, apply_patches, patch_sweep, patch_sweep_steps
from prisma_engine.analysis.patching.gradients import attribution_patching
from prisma_engine.analysis.patching.minimal import MinimalFlip, minimal_flip
from prisma_engine.analysis.patching.paths import PathPatching, all_receivers, path_patching
from prisma_engine.analysis.patching.sites import Site
from prisma_engine.cache import Cache
from prisma_engine.config import ViTConfig
from prisma_engine.convert import from_timm, from_transformers, with_classes
from prisma_engine.edits import add, mean, replace, scale, zero
from prisma_engine.history import History
from prisma_engine.hooks import Edit, HookPoint
from prisma_engine.hub import LoadError
from prisma_engine.listing import Listed, list_models
from prisma_engine.load import embedded_models, history, load
from prisma_engine.sae import SAE
from prisma_engine.vit import HookedViT

__all__ = [
    "AblationSweep",
    "AttentionMaps",
    "Attribution",
    "Cache",
    "Edit",
    "Evidence",
    "History",
    "HookPoint",
    "HookedViT",
    "Layout",
    "Listed",
    "LoadError",
    "LogitLens",
    "Metric",
    "MinimalFlip",
    "PatchSweep",
    "PathPatching",
    "SAE",
    "Site",
    "TopClasses",
    "ViTConfig",
    "ablation_sweep",
    "add",
    "all_receivers",
    "apply_patches",
    "attention_maps",
    "attribution_patching",
    "causal_edits",
    "direct_logit_attribution",
    "embedded_models",
    "from_timm",
    "from_transformers",
    "gather",
    "head_metrics",
    "history",
    "list_models",
    "load",
    "logit",
    "logit_diff",
    "logit_lens",
    "mean",
    "mean_activations",
    "measure_heads",
    "minimal_flip",
    "neuron_attribution",
    "patch_sweep",
    "patch_sweep_steps",
    "path_patching",
    "probability",
    "rank",
    "replace",
    "scale",
    "source_attribution",
    "with_classes",
    "zero",
]
