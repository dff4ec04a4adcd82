"""Look at every latent over many images: `python -m prisma_engine.sae.profile model_cards/emoji-vit-sae/…`.

Writes `exemplars.safetensors` beside the weights: densities, histograms, and for each latent an image from every
decile of its activation; see `prisma_engine.sae.features.exemplars`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from prisma_engine.load import load as load_model
from prisma_engine.sae import files
from prisma_engine.sae.features.exemplars import Profile
from prisma_engine.sae.features.profiling import Profiler, batches
from prisma_engine.sae.probe import check
from prisma_engine.sources import SCENES, pictures


def write_profiles(
    folders: Sequence[Path], images: str = SCENES, n: int = 2000, weights: Path | None = None
) -> list[Profile]:
    """Profile the SAEs in some folders, all of one model, on the same images, and write a file into each.

    Args:
        images: a source for `prisma_engine.sources.pictures`.
        n: images, at most.
        weights: where the model is on this machine, if not under its own name.

    Raises:
        ValueError: if an SAE, the model or the images cannot be had, or the SAEs are of several models.
    """
    saes = [files.load(folder) for folder in folders]
    models = {(sae.config.model, sae.config.revision) for sae in saes}
    if len(models) != 1:
        raise ValueError(f"SAEs are profiled together if they are of one model, got {len(models)} models")
    ((name, revision),) = models
    model = load_model(weights or name, None if weights else revision)
    for sae in saes:
        check(sae, model, same_weights=weights is not None)
    profilers = [Profiler(sae, model) for sae in saes]
    for x, references in batches(model, pictures(images, n)):
        for profiler in profilers:
            profiler.add(x, references)
        print(f"\r{len(profilers[0].references)} images", end="", flush=True)
    title = (
        "emoji scenes" if images == SCENES else f"images of {Path(images).name if Path(images).is_dir() else images}"
    )
    found = [profiler.profile(f"{len(profiler.references):,} {title}") for profiler in profilers]
    for profile, folder in zip(found, folders, strict=True):
        profile.save(folder)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="+", help="folders with an SAE each, all of one model")
    parser.add_argument("--images", default=SCENES, help=f"{SCENES}, a folder, or the Hub id of a data set")
    parser.add_argument("--n", type=int, default=2000, help="how many images, at most")
    parser.add_argument("--weights", type=Path, help="the model's weights on this machine, if not under its own name")
    given = parser.parse_args()
    try:
        profiles = write_profiles(given.folder, given.images, given.n, given.weights)
    except ValueError as error:
        parser.error(str(error))
    print()
    for folder, found in zip(given.folder, profiles, strict=True):
        seen = int((found.images > 0).sum())
        print(f"{folder.name}: {seen} of {len(found.images)} latents active in {found.source}")


if __name__ == "__main__":
    main()
