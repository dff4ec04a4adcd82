"""Zero-shot classification: a list of class names, through CLIP's own text tower, becomes a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from prisma_engine.convert.table import NotUnderstood
from prisma_engine.vit import HookedViT

TEMPLATES = (
    "a photo of a {}.",
    "a photo of the {}.",
    "a close-up photo of a {}.",
    "a photo of one {}.",
    "a photo of a small {}.",
    "a photo of a large {}.",
    "a picture of a {} in the distance.",
)
"""Sentences that a class name is put into (`{}`); their embeddings are averaged (Radford et al. 2021, §3.1.4)."""

MAX_CLASSES, MAX_LENGTH = 200, 60
TEXTS_AT_ONCE = 64


@dataclass(frozen=True)
class TextTower:
    """What turns texts into CLIP's joint space, without the vision tower beside it."""

    text_model: nn.Module
    text_projection: nn.Module
    logit_scale: Tensor
    tokenizer: Any

    @classmethod
    def of(cls, clip: Any, tokenizer: Any) -> TextTower:
        """The text half of a `CLIPModel`.

        Raises:
            NotUnderstood: if there is none.
        """
        if missing := [n for n in ("text_model", "text_projection", "logit_scale") if not hasattr(clip, n)]:
            raise NotUnderstood(f"{type(clip).__name__} has no {missing[0]}; class names need the whole CLIPModel")
        return cls(clip.text_model.eval(), clip.text_projection, clip.logit_scale.detach(), tokenizer)

    @torch.no_grad()
    def embed(self, texts: Sequence[str]) -> Float[Tensor, "text d_projection"]:
        """A unit vector for each text."""
        batches = [list(texts[i : i + TEXTS_AT_ONCE]) for i in range(0, len(texts), TEXTS_AT_ONCE)]
        return torch.cat([self._embed(batch) for batch in batches])

    def _embed(self, texts: list[str]) -> Float[Tensor, "text d_projection"]:
        limit: Any = self.text_model.config.max_position_embeddings  # type: ignore[union-attr]
        tokens = self.tokenizer(texts, padding=True, truncation=True, max_length=limit, return_tensors="pt")
        pooled = self.text_model(input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"]).pooler_output
        return _unit(self.text_projection(pooled))


def zero_shot(
    tower: HookedViT,
    clip: nn.Module,
    tokenizer: Any,
    class_names: Sequence[str],
    templates: Sequence[str] = TEMPLATES,
) -> HookedViT:
    """A classifier over `class_names` from CLIP's vision tower and the text tower of the same checkpoint.

    Args:
        tower: what `from_transformers` made of `clip`, or an earlier result of this function. The new model shares
            its weights (nothing but the text embeddings is added), and both stay usable.
        clip: the `CLIPModel`: text tower, text projection and logit scale.
        tokenizer: the checkpoint's, called as transformers' tokenizers are.
        class_names: 1 to 200 names of at most 60 characters.
        templates: sentences with `{}` for the name.

    Raises:
        ValueError: if the list of names or a template is not usable; one sentence.
    """
    return _with_text(tower, TextTower.of(clip, tokenizer), class_names, templates)


def with_classes(model: HookedViT, class_names: Sequence[str], templates: Sequence[str] = TEMPLATES) -> HookedViT:
    """The same CLIP with other classes, at the cost of embedding their names; weights are shared, not copied.

    Raises:
        ValueError: if the model came without a text tower, or the names are not usable.
    """
    if model.text_tower is None:
        raise NotUnderstood(f"{model.name} has no text tower, so it cannot take class names; load a CLIP model")
    return _with_text(model, model.text_tower, class_names, templates)


def _with_text(tower: HookedViT, text: TextTower, class_names: Sequence[str], templates: Sequence[str]) -> HookedViT:
    names = check_class_names(class_names)
    embeddings = class_embeddings(text, names, templates)
    weights = {key: value for key, value in tower.state_dict().items() if not key.startswith("head.")}
    weights |= {"head.text": embeddings, "head.logit_scale": text.logit_scale.exp()}
    weights["head.projection.weight"] = _projection(tower, embeddings.shape[1])
    config = replace(tower.config, head="zero_shot", n_classes=len(names), d_projection=embeddings.shape[1])
    with torch.device("meta"):
        model = HookedViT(config)
    model.load_state_dict(weights, assign=True)
    return _described(model.eval().requires_grad_(False), tower, text, names)


def check_class_names(class_names: Sequence[str]) -> tuple[str, ...]:
    """The names with their spaces tidied.

    Raises:
        ValueError: for none or too many, and for an empty, overlong or repeated name.
    """
    if isinstance(class_names, str):
        raise ValueError("class names are a list, got one text; split it at the commas")
    names = tuple(" ".join(str(name).split()) for name in class_names)
    if not 1 <= len(names) <= MAX_CLASSES:
        raise ValueError(f"expected 1 to {MAX_CLASSES} class names, got {len(names)}")
    seen: set[str] = set()
    for number, name in enumerate(names, 1):
        if not name:
            raise ValueError(f"class name {number} is empty")
        if len(name) > MAX_LENGTH:
            raise ValueError(f"class name {name[:20]!r}… has {len(name)} characters; at most {MAX_LENGTH} are read")
        if name.casefold() in seen:  # CLIP's tokenizer does not see case
            raise ValueError(f"class name {name!r} is given twice")
        seen.add(name.casefold())
    return names


def class_embeddings(
    text: TextTower, names: Sequence[str], templates: Sequence[str] = TEMPLATES
) -> Float[Tensor, "class d_projection"]:
    """One unit vector per class: the mean over templates of unit text embeddings, normalised again."""
    if not templates or any(template.count("{}") != 1 for template in templates):
        raise ValueError("each template needs one {} where the class name goes")
    embeddings = text.embed([template.replace("{}", name) for name in names for template in templates])
    if len(templates) == 1:
        return embeddings  # already of length one; normalising twice would move the last bit
    return _unit(embeddings.unflatten(0, (len(names), len(templates))).mean(1))


def _unit(x: Tensor) -> Tensor:
    return x / x.pow(2).sum(-1, keepdim=True).pow(0.5)  # as CLIPModel writes the norm, bit for bit


def _projection(tower: HookedViT, d_projection: int) -> Tensor:
    state = tower.state_dict()
    weight = state.get("head.projection.weight", state.get("head.linear.weight"))
    if weight is None or weight.shape[0] != d_projection or "head.linear.bias" in state:
        raise NotUnderstood(f"{tower.name} has no projection to {d_projection} dimensions; convert the whole CLIPModel")
    return weight


def _described(model: HookedViT, tower: HookedViT, text: TextTower, names: tuple[str, ...]) -> HookedViT:
    from prisma_engine import labels

    model.name, model.revision, model.preprocess = tower.name, tower.revision, tower.preprocess
    model.text_tower = text
    model.vocabulary = labels.vocabulary(names)
    return model
