"""The YAML at the top of a card, by which the Hub files a repository."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

LICENCE, LIBRARY = "mit", "prisma_engine"
TASK = "image-classification"
SHARED_TAGS = ("vision-transformer", "interpretability")


def front_matter(name: str, tags: Sequence[str], results: Sequence[EvalResult] = (), **fields: Any) -> str:
    """A card's YAML without its fences.

    Args:
        results: what was measured, as the Hub's `model-index`.
        fields: further fields, such as `pipeline_tag` or `base_model`; those that are None are left out.
    """
    data = ModelCardData(
        license=LICENCE,
        library_name=LIBRARY,
        tags=[*SHARED_TAGS, *tags],
        model_name=name if results else None,
        eval_results=list(results) or None,
        **fields,
    )
    return data.to_yaml(line_break="\n").strip()


def measured(
    metric: str, value: float, data: tuple[str, str], split: str, words: str | None = None, task: str = TASK
) -> EvalResult:
    """One figure of the `model-index`.

    Args:
        metric: the Hub's name of what was measured, such as "accuracy"; `words` says it in ours.
        data: id and title of the data set.
    """
    return EvalResult(
        task_type=task,
        dataset_type=data[0],
        dataset_name=data[1],
        dataset_split=split,
        metric_type=metric,
        metric_name=words,
        metric_value=value,
    )
