"""Sparse autoencoders and transcoders: the model, its training, its measures, and what it can do to a run."""

from prisma_engine.sae.config import SAEConfig
from prisma_engine.sae.model import SAE, SAEOutput

__all__ = ["SAE", "SAEConfig", "SAEOutput"]
