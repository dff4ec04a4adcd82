"""A latent's page: what it is called, where it is active, what it writes, and which others write the same."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np
from PIL import Image

from apps.common import payload, routes
from apps.sae_steering.analysis import SteerResult
from apps.sae_steering.bench import Bench
from apps.sae_steering.handlers import SteerDesk, effect_note, latent_link
from apps.sae_steering.profiling import Kept, OwnProfile
from apps.sae_steering.tables import digits
from apps.sae_steering.trying import plain
from prisma_engine.images import ImageRefused, open_image
from prisma_engine.preprocess import Preprocess
from prisma_engine.sae.features import Profile, heat, neighbours, written_classes
from prisma_engine.sources import scene_of

N_CLASSES, N_NEIGHBOURS, MAX_SHOWN = 8, 8, 20
N_SEEDS = 10**9
NO_EXEMPLARS = "No pictures of this SAE's latents are at hand: profile them on pictures of your own."


def latent_value(
    desk: SteerDesk, session: Any, bench: Bench, latent: int, most: int = MAX_SHOWN, heats: Any = heat
) -> dict[str, Any]:
    """The page of one latent as the canvas reads it.

    Args:
        most: exemplars that are shown, at most.
        heats: what tells where the latent is active on them, such as `prisma_engine.sae.features.heat`.

    Raises:
        ValueError: one sentence, if there is no such latent.
    """
    result = desk.result(session)
    facts, own = result.loaded.facts, bench.own if bench.own and bench.own.fits(result) else None
    profile = own.profile if own and own.profile else result.loaded.profile
    of_own = bool(own and own.profile)
    value: dict[str, Any] = {
        "index": latent,
        "address": "?" + latent_link(session, result, latent),
        "label": None,
        "f1": None,
        "auroc": None,
        "typical": plain(float(result.typical[latent])),
        "largest": None,
        "density": {"tokens": None, "images": None},
        "from": facts.source if facts else None,
        "histogram": None,
        "exemplars": None,
        "classes": classes_value(desk, result, latent),
        "neighbours": neighbours_value(result, latent),
        "state": "ready" if profile else "none",
        "text": "" if profile else NO_EXEMPLARS,
    }
    if facts is not None:
        value["label"] = facts.name(latent)
        value |= {name: score_of(facts, name, latent) for name in ("precision", "recall", "f1", "auroc")}
        value["largest"] = plain(float(facts.largest[latent]))
        value["density"]["tokens"] = plain(float(facts.frequency[latent]))
    if profile is not None:
        open_all = exemplars_of(desk, result, profile, own if of_own else None, most)
        value |= profile_value(result, profile, latent, open_all, heats)
    if own is not None and own.profile is not None:
        value["from"] = own.text
    if own is not None and own.state == "profiling":
        value |= {"state": "profiling", "text": own.text}
    return value


def score_of(facts: Any, name: str, latent: int) -> float | None:
    """A score of a latent's label; None without a label."""
    scores = getattr(facts, name)
    return None if scores is None or facts.name(latent) is None else plain(float(scores[latent]))


def classes_value(desk: SteerDesk, result: SteerResult, latent: int) -> dict[str, Any] | None:
    """The classes that one typical activation raises and lowers most, in logits; None where that means nothing."""
    if effect_note(result) is not None:
        return None
    rows = written_classes(desk.knowledge.written(result)[latent], N_CLASSES)
    named = [[{**result.named(index), "value": plain(value)} for index, value in row] for row in rows]
    return dict(zip(("top", "bottom"), named, strict=True))


def neighbours_value(result: SteerResult, latent: int) -> list[dict[str, Any]]:
    """The latents whose decoder rows point most the same way."""
    facts = result.loaded.facts
    found = neighbours(result.loaded.sae, latent, N_NEIGHBOURS)
    return [
        {
            "index": each.latent,
            "cosine": round(each.cosine, 4),
            "label": facts.name(each.latent) if facts else None,
            "f1": score_of(facts, "f1", each.latent) if facts else None,
        }
        for each in found
    ]


Opened = Sequence[tuple[Any, Image.Image, str]]
"""Exemplars with their pictures as the model sees them, and the addresses of these."""


def profile_value(
    result: SteerResult, profile: Profile, latent: int, open_all: Any, heats: Any = heat
) -> dict[str, Any]:
    """Histogram, density and exemplars, with their heatmaps computed now."""
    histogram = profile.histogram(latent)
    tokens, images = profile.density(latent)
    shown: Opened = open_all(latent)
    exemplars = []
    if shown:
        assert result.model.preprocess is not None, "a result's model takes pictures"
        x = np.stack([result.model.preprocess.normalize(picture).numpy() for _, picture, _ in shown])
        rows = heats(result.loaded.sae, result.model, result.start.x.new_tensor(x), latent)
        for (exemplar, _, url), row in zip(shown, rows, strict=True):
            exemplars.append(
                {
                    "decile": exemplar.decile,
                    "reference": exemplar.reference,
                    "maximum": plain(exemplar.maximum),
                    "title": exemplar.reference.replace(":", " "),
                    "picture": url,
                    "heat": digits(row),
                }
            )
    return {
        "from": profile.source,
        "largest": plain(float(profile.largest[latent])),
        "density": {"tokens": plain(float(tokens)), "images": plain(float(images))},
        "histogram": None
        if histogram is None
        else {"edges": digits(histogram.edges), "counts": list(histogram.counts)},
        "exemplars": exemplars,
    }


def exemplars_of(
    desk: SteerDesk, result: SteerResult, profile: Profile, own: OwnProfile | None, most: int = MAX_SHOWN
) -> Any:
    """A function from a latent to its exemplars that can still be shown."""
    preprocess = result.model.preprocess
    assert preprocess is not None, "a result's model takes pictures"
    about = desk.shelf.get(own.key) if own else None
    kept: Kept | None = about.about if about else None

    def opened(latent: int) -> Opened:
        found = []
        for exemplar in profile.exemplars(latent)[:most]:
            try:
                reference = exemplar.reference
                picture = preprocess.pixels(open_image(kept.open(reference))) if kept else _seen(preprocess, reference)
            except (ImageRefused, ValueError):
                continue
            url = f"{routes.PREFIX}/{own.key}/exemplar/{exemplar.reference}" if own else None
            found.append((exemplar, picture, url or scene_url(preprocess, exemplar.reference)))
        return found

    return opened


def scene_url(preprocess: Preprocess, reference: str) -> str:
    """The address of a scene as a model sees it, drawn when it is asked for."""
    name = hashlib.sha256(repr(preprocess).encode()).hexdigest()[:12]
    return routes.series_url(f"seen-{name}", partial(_seen_png, preprocess), N_SEEDS) + reference.partition(":")[2]


@lru_cache(maxsize=64)  # a latent's page looks at its scenes, and asks for their pictures right after
def _seen(preprocess: Preprocess, reference: str) -> Image.Image:
    return preprocess.pixels(open_image(scene_of(reference).image))


def _seen_png(preprocess: Preprocess, seed: int) -> bytes:
    return payload.pack_png(np.asarray(_seen(preprocess, f"scene:{seed}").convert("RGB")))
