"""What the page opens with: the recipe's scene and prompt, and the patches where its latent is most active."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from apps.common import pictures
from apps.common.pictures import Picture
from apps.common.saes import first_for, shipped_for
from apps.common.share import Link
from apps.vlm_steering import vlms
from apps.vlm_steering.analysis import Talk
from apps.vlm_steering.guide import guide_for, recipe_in
from apps.vlm_steering.view import View
from prisma_engine.sae import files
from prisma_engine.sae.features.guide import FILE
from prisma_engine.sae.features.talk_guide import Guide


def first_sae(model_id: str) -> str | None:
    """The SAE to begin with: the first that has a recipe, else as other pages choose it; None where none ships."""
    guided = (name for name, _ in shipped_for(model_id) if (files.find(name) / FILE).exists())
    return next(guided, None) or first_for(model_id)


def opening() -> Picture:
    """The picture that the page opens with."""
    name = first_sae(vlms.DEFAULT)
    return _opening(files.find(name)) if name else pictures.first()


@lru_cache(maxsize=2)
def _opening(folder: Path) -> Picture:
    guide = recipe_in(folder)
    return guided(guide) if guide else pictures.first()


def guided(guide: Guide) -> Picture:
    """The picture of a recipe.

    Raises:
        ValueError: if there is no such picture.
    """
    given = guide.picture
    found = pictures.required(Link(kind=given.kind, source=given.source))  # type: ignore[arg-type]
    return replace(found, title=given.title)


def is_opening(picture: Picture) -> bool:
    """Whether it is that one."""
    return (picture.kind, picture.source) == (opening().kind, opening().source)


def first_view(talk: Talk) -> View:
    """The latent of the recipe is open, and the patches where it is most active are chosen; else the middle."""
    guide, layer = guide_for(talk.loaded), talk.model.config.n_layers // 2
    latent = guide.latent if guide else None
    heat = None if latent is None else talk.heard.heat(latent)[: talk.n_patches]
    if heat is None or not bool((heat > 0).any()):
        return View(tokens=_middle(talk), latent=latent, layer=layer)
    chosen = (heat >= 0.5 * heat.max()).nonzero()[:, 0].tolist()
    return View(tokens=tuple(chosen), latent=latent, layer=layer)


def _middle(talk: Talk) -> tuple[int, ...]:
    rows, columns = talk.grid
    down, across = (rows // 2 - 1, rows // 2), (columns // 2 - 1, columns // 2)
    return tuple(row * columns + column for row in down for column in across)
