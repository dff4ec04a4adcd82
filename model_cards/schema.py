"""What the Hub asks of a card, checked without it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import yaml
from huggingface_hub import ModelCard

LICENCES = frozenset({"mit", "apache-2.0", "bsd-3-clause", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "ofl-1.1", "other"})
"""The Hub's identifiers of licences that a repository of ours may have."""
TASKS = frozenset(
    {
        "image-classification",
        "feature-extraction",
        "image-feature-extraction",
        "image-segmentation",
        "image-text-to-text",
    }
)
RELATIONS = frozenset({"adapter", "finetune", "merge", "quantized"})
REQUIRED = ("license", "library_name", "pipeline_tag", "tags", "model-index")
ID = re.compile(r"[\w.-]+(/[\w.-]+)?", re.ASCII)


def faults(text: str) -> list[str]:
    """What is wrong with a card, one sentence each; nothing when it may be published."""
    try:
        data = ModelCard(text).data
        return list(_faults(data.to_dict()))
    except (ValueError, yaml.YAMLError) as error:
        return ["its YAML cannot be read: " + " ".join(str(error).split())]


def _faults(values: dict[str, Any]) -> Iterator[str]:
    yield from (f"it says no {key}" for key in REQUIRED if not values.get(key))
    if values.get("license") not in (None, *LICENCES):
        yield f"no repository of ours has the licence {values['license']!r}"
    if values.get("pipeline_tag") not in (None, *TASKS):
        yield f"no model of ours does {values['pipeline_tag']!r}"
    tags = values.get("tags", [])
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        yield "its tags are not a list of words"
    if values.get("base_model_relation", "adapter") not in RELATIONS:
        yield f"a model cannot be {values['base_model_relation']!r} to its base model"
    for key in ("base_model", "datasets"):
        for name in _listed(values.get(key)):
            if not isinstance(name, str) or not ID.fullmatch(name):
                yield f"{name!r} in {key} is no name of a repository"
    yield from _results(values.get("model-index", []))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _results(index: list[dict[str, Any]]) -> Iterator[str]:
    for model in index:
        for result in model["results"]:
            for metric in result["metrics"]:
                value = metric["value"]
                if not isinstance(value, int | float) or not math.isfinite(value):
                    yield f"{metric['type']} of {result['dataset']['name']} is {value!r}, not a number"
