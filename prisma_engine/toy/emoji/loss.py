"""The training loss of the toy models: image-level labels alone, read by the CLS token and by every patch.

One head reads both. The CLS token answers for the image, as in any ViT. The patches answer by multiple
instance learning (Dietterich et al. 1997): the image shows a class if some patch of it does. Masks are for
evaluation only.

On the ordinary forward pass that does not make patches say what *they* show: attention lets every patch say
what the whole scene shows, and no image-level label objects. (Trained so for 1,500 steps, 68 % of the
background patches named an object of their scene.) So the patches are trained in a second pass over small
windows, each run through the blocks by itself. A window cannot know what lies outside it; an empty one that
claimed a banana would claim it just as well in images that hold none. In the ordinary pass every patch then
learns to say what it said in its window.
"""

from __future__ import annotations

import math

from jaxtyping import Bool, Float
from torch import Tensor

from prisma_engine.toy.emoji.recipe import Loss


def target(labels: Bool[Tensor, "image class"]) -> Float[Tensor, "image class"]:
    """The classes in the image share probability 1; in an image of nothing, all classes do."""
    share = labels.float()
    share[~labels.any(1)] = 1
    return share / share.sum(1, keepdim=True)


def cross_entropy(logits: Float[Tensor, "image class"], share: Float[Tensor, "image class"]) -> Float[Tensor, ""]:
    """Mean cross entropy in nats; 0 is out of reach where several classes share."""
    return -(share * logits.log_softmax(1)).sum(1).mean()


def pool(patches: Float[Tensor, "image patch class"], sharpness: float) -> Float[Tensor, "image class"]:
    """Soft maximum over patches, log-mean-exp: the mean as `sharpness` → 0, the maximum as it → ∞."""
    n = patches.shape[1]
    return ((sharpness * patches).logsumexp(1) - math.log(n)) / sharpness


def divergence(
    teacher: Float[Tensor, "image patch class"], student: Float[Tensor, "image patch class"]
) -> Float[Tensor, ""]:
    """KL(teacher ‖ student) of the softmax answers in nats, mean over patches; the teacher takes no gradient."""
    wanted, given = teacher.detach().log_softmax(-1), student.log_softmax(-1)
    return (wanted.exp() * (wanted - given)).sum(-1).mean()


def loss(
    whole: Float[Tensor, "image token class"],
    windowed: Float[Tensor, "image patch class"] | None,
    labels: Bool[Tensor, "image class"],
    recipe: Loss,
) -> tuple[Float[Tensor, ""], dict[str, float]]:
    """The loss, and its parts for the history.

    Args:
        whole: logits of CLS (token 0) and of every patch in the ordinary pass.
        windowed: logits of every patch in its window, or None to train the CLS token alone.
    """
    share = target(labels)
    cls = cross_entropy(whole[:, 0], share)
    if windowed is None:
        return cls, {"cls": float(cls.detach())}
    patches = cross_entropy(pool(windowed, recipe.sharpness), share)
    disagreement = divergence(windowed, whole[:, 1:])
    parts = {"cls": cls, "patches": patches, "disagreement": disagreement}
    return cls + patches + recipe.agreement * disagreement, {k: float(v.detach()) for k, v in parts.items()}
