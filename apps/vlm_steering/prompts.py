"""What to ask of a picture: a short list for each model, the first of which opens the page."""

from __future__ import annotations

from apps.vlm_steering import vlms
from prisma_engine.toy.llava.questions import DESCRIBE

QUESTIONS = (
    "how many things are there ?",
    "what is furthest left ?",
    "what colour is the thing furthest right ?",
    "is there an animal ?",
    "which animal is there ?",
)
OTHERS = ("Describe the picture.", "What is in the picture?", "What colour is it?", "How many things are there?")


def prompts_for(model_id: str) -> tuple[str, ...]:
    """The list for a model: for ours, what it was taught to answer."""
    return (*DESCRIBE[:2], *QUESTIONS) if model_id == vlms.DEFAULT else OTHERS
