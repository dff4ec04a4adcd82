"""Metrics: one number for each answer of a model, to say what a patch or an ablation did.

A metric is a function of the logits. Those made here also know their classes by name, which are looked up in the
model's vocabulary when the metric meets a model.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from prisma_engine.vit import HookedViT

Logits = Float[Tensor, "batch class"]
Values = Float[Tensor, " batch"]
ClassName = str | int


@dataclass(frozen=True)
class Metric:
    """A metric whose classes may still be names; `bind` makes it a function of logits.

    Attributes:
        kind: "logit", "logit difference", "probability" or "rank".
        classes: names or indices, in the order in which they were given.
    """

    kind: str
    classes: tuple[ClassName, ...]

    @property
    def is_linear(self) -> bool:
        """Whether it is a linear function of the logits, so that contributions to it can be added up."""
        return self.kind in ("logit", "logit difference")

    def bind(self, model: HookedViT) -> Callable[[Logits], Values]:
        """The metric on this model's logits.

        Raises:
            ValueError: if the model has no such class; the sentence says which names are near.
        """
        indices = [class_index(model, name) for name in self.classes]
        return lambda logits: _COMPUTE[self.kind](logits, *indices)

    def __str__(self) -> str:
        return f"{self.kind} of {' − '.join(map(str, self.classes))}"


AnyMetric = Metric | Callable[[Logits], Values]
"""A `Metric`, or any function logits [batch class] → [batch]."""


def logit(name: ClassName) -> Metric:
    """The logit of a class, in the head's own units."""
    return Metric("logit", (name,))


def logit_diff(a: ClassName, b: ClassName) -> Metric:
    """logit[a] − logit[b]: positive where the model holds `a` for likelier than `b`, by a factor of exp(value)."""
    return Metric("logit difference", (a, b))


def probability(name: ClassName) -> Metric:
    """Softmax probability of a class over all classes, 0 to 1."""
    return Metric("probability", (name,))


def rank(name: ClassName) -> Metric:
    """How many classes have a higher logit: 0 is the top answer."""
    return Metric("rank", (name,))


def bound(metric: AnyMetric, model: HookedViT) -> Callable[[Logits], Values]:
    """`metric` as a function of this model's logits, whose answer is checked.

    Raises:
        ValueError: now, for a class that the model does not have; later, for an answer that is not one number for
            each image.
    """
    compute = metric.bind(model) if isinstance(metric, Metric) else metric

    def checked(logits: Logits) -> Values:
        values = compute(logits)
        if not isinstance(values, Tensor) or values.shape != logits.shape[:1]:
            got = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
            raise ValueError(f"a metric takes logits [batch class] to [batch], here [{len(logits)}]; got {got}")
        return values

    return checked


def class_index(model: HookedViT, name: ClassName) -> int:
    """Index of a class that is given by name or index.

    Raises:
        ValueError: if the model has no such class, or no names.
    """
    vocabulary, n = model.vocabulary, model.config.n_classes
    if vocabulary is not None and len(vocabulary) == n:
        return vocabulary.index(name)
    if isinstance(name, str):
        raise ValueError(f"{model.name} has no class names, so {name!r} says nothing; use an index from 0 to {n - 1}")
    if not 0 <= (index := operator.index(name)) < n:
        raise ValueError(f"{model.name} has {n} classes, 0 to {n - 1}; got {index}")
    return index


def _rank(logits: Logits, c: int) -> Values:
    return (logits > logits[:, c : c + 1]).sum(-1).to(logits.dtype)


_COMPUTE: dict[str, Callable[..., Values]] = {
    "logit": lambda logits, c: logits[:, c],
    "logit difference": lambda logits, a, b: logits[:, a] - logits[:, b],
    "probability": lambda logits, c: (logits[:, c] - logits.logsumexp(-1)).exp(),
    "rank": _rank,
}
