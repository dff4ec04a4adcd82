"""Vision-language models of transformers, untouched, with hook points, edits that know where they act, and answers."""

from prisma_engine.vlm.generate import Answer, Step
from prisma_engine.vlm.hooked import HookedVLM
from prisma_engine.vlm.loading import load, needed, shipped
from prisma_engine.vlm.places import at, by_row
from prisma_engine.vlm.prompt import Prompt

__all__ = ["Answer", "HookedVLM", "Prompt", "Step", "at", "by_row", "load", "needed", "shipped"]
