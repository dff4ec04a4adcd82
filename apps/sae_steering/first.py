"""What the page opens with: the picture of the first SAE's guide, the object that the model names, a latent of it."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from apps.common import catalog, pictures
from apps.common.pictures import Picture
from apps.common.saes import SAES, first_for
from apps.common.share import Link
from apps.sae_steering.analysis import SteerResult, object_tokens
from apps.sae_steering.view import SteerView
from prisma_engine.sae.features import Guide, direct_effect


@lru_cache(maxsize=1)
def opening() -> Picture:
    """The picture that the page opens with."""
    name = first_for(catalog.DEFAULT)
    guide = SAES.get(name).guide if name else None
    return guided(guide) if guide else pictures.first()


def guided(guide: Guide) -> Picture:
    """The picture that a guide begins with.

    Raises:
        ValueError: if there is no such picture.
    """
    given = guide.picture
    return named(pictures.required(Link(kind=given.kind, source=given.source)))  # type: ignore[arg-type]


def named(picture: Picture) -> Picture:
    """The picture, under the guide's title if it is the one that opens the page."""
    name = first_for(catalog.DEFAULT)
    guide = SAES.get(name).guide if name else None
    is_its = guide is not None and (picture.kind, picture.source) == (guide.picture.kind, guide.picture.source)
    return replace(picture, title=guide.picture.title) if guide and is_its else picture


def is_opening(picture: Picture) -> bool:
    """Whether it is that one."""
    return (picture.kind, picture.source) == (opening().kind, opening().source)


def first_view(result: SteerResult) -> SteerView:
    """The object that the model names is chosen, and the latent open that speaks most for the answer there."""
    tokens = object_tokens(result, [result.answer]) or _busiest(result)
    features = result.features
    here = [i for token in tokens for i in range(int(features.offsets[token]), int(features.offsets[token + 1]))]
    if not here:
        return SteerView(tokens=tokens)
    try:
        effect = direct_effect(result.start, result.answer, features).effect
    except ValueError:  # nothing speaks for it directly
        return SteerView(tokens=tokens, latent=int(features.latents[here[int(features.acts[here].argmax())]]))
    return SteerView(tokens=tokens, sort="effect", latent=int(features.latents[here[int(effect[here].argmax())]]))


def _busiest(result: SteerResult) -> tuple[int, ...]:
    """The middle of a picture of which nobody knows what is where, or the first token that the SAE is for."""
    rows, columns = result.grid
    first = len(result.prefix_names)
    middle = [first + r * columns + c for r in (rows // 2 - 1, rows // 2) for c in (columns // 2 - 1, columns // 2)]
    own = set(result.features.own)
    return tuple(token for token in middle if token in own) or result.features.own[:1]
