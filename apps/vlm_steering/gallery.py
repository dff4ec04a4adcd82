"""Scenes that no model of ours has seen, as an SAE reads their image tokens: where a latent of text fires in them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from torch import Tensor

from apps.common.pictures import seeded
from apps.vlm_steering import vlms

if TYPE_CHECKING:
    from apps.common.saes import Loaded
    from prisma_engine.vlm import HookedVLM

FIRST_SEED, N_SCENES, BATCH = 7 * 10**8, 96, 8
N_SHOWN, KEEP = 10, 6


@dataclass(frozen=True)
class Shown:
    """One scene in which a latent fires.

    Attributes:
        seed: of the scene.
        heat: its activation at every patch, row by row.
        rank: counted from the scene in which it fires most, and of how many it fires in.
    """

    seed: int
    heat: tuple[float, ...]
    rank: int
    of: int


@dataclass(frozen=True)
class Gallery:
    """What an SAE reads at the patches of many scenes.

    Attributes:
        seeds: of the scenes.
        n_patches: of each.
        start: where the entries of each latent begin, and at the end how many there are.
        place, act: of each entry, scene after scene, patch after patch.
    """

    seeds: tuple[int, ...]
    n_patches: int
    start: Int[Tensor, " latent+1"]
    place: Int[Tensor, " active"]
    act: Float[Tensor, " active"]

    def share(self, latent: int) -> float:
        """Share of the scenes in which a latent is active at some patch."""
        return float((self._of(latent) > 0).any(1).float().mean())

    def pictures(self, latent: int, n: int = N_SHOWN) -> tuple[Shown, ...]:
        """Scenes in which it fires, from the strongest to the weakest in even steps, at most `n`."""
        heat = self._of(latent)
        most = heat.amax(1)
        order = most.argsort(descending=True)[: int((most > 0).sum())].tolist()
        if not order:
            return ()
        steps = torch.linspace(0, len(order) - 1, min(n, len(order))).round().int().tolist()
        return tuple(
            Shown(self.seeds[order[i]], tuple(heat[order[i]].tolist()), i, len(order)) for i in dict.fromkeys(steps)
        )

    def _of(self, latent: int) -> Float[Tensor, "scene patch"]:
        entries = slice(int(self.start[latent]), int(self.start[latent + 1]))
        heat = torch.zeros(len(self.seeds) * self.n_patches).index_put((self.place[entries],), self.act[entries])
        return heat.view(len(self.seeds), -1)


class Galleries:
    """A small table of galleries, made once for an SAE and a model, the one used last kept longest."""

    def __init__(self, n: int = N_SCENES, keep: int = KEEP) -> None:
        self.n, self._keep = n, keep
        self._made: OrderedDict[tuple[str, str | None, str], Gallery] = OrderedDict()
        self._lock = threading.Lock()

    def known(self, model_id: str, loaded: Loaded) -> Gallery | None:
        """The gallery of an SAE, if it was made."""
        key = (loaded.id, loaded.revision, model_id)
        with self._lock:
            if key in self._made:
                self._made.move_to_end(key)
            return self._made.get(key)

    def is_cheap(self, model_id: str) -> bool:
        """Whether it may be made without being asked for: of a model that ships, in a second or two."""
        return vlms.ships(model_id)

    def make(self, model_id: str, model: HookedVLM, loaded: Loaded) -> Iterator[int | Gallery]:
        """How many scenes are done, again and again, and at last the gallery."""
        seeds = tuple(range(FIRST_SEED, FIRST_SEED + self.n))
        found, n_patches = [], 0
        for first in range(0, len(seeds), BATCH):
            acts = patch_acts(model, loaded, seeds[first : first + BATCH])
            n_patches = acts.shape[1]
            scene, patch, latent = (acts > 0).nonzero(as_tuple=True)
            found.append((latent, (scene + first) * n_patches + patch, acts[scene, patch, latent]))
            yield min(first + BATCH, len(seeds))
        gallery = gathered(seeds, n_patches, loaded.config.d_sae, found)
        with self._lock:
            self._made[loaded.id, loaded.revision, model_id] = gallery
            while len(self._made) > self._keep:
                self._made.popitem(last=False)
        yield gallery


def gathered(seeds: tuple[int, ...], n_patches: int, d_sae: int, found: list[tuple[Tensor, Tensor, Tensor]]) -> Gallery:
    """Entries (latent, place, activation) of many scenes, put in the order of latents."""
    latent, place, act = (torch.cat(part) for part in zip(*found, strict=True))
    order = latent.argsort(stable=True)
    counts = latent.bincount(minlength=d_sae)
    return Gallery(seeds, n_patches, torch.cat([counts.new_zeros(1), counts.cumsum(0)]), place[order], act[order])


@torch.no_grad()
def patch_acts(model: HookedVLM, loaded: Loaded, seeds: tuple[int, ...]) -> Float[Tensor, "scene patch latent"]:
    """Activations at the patches of scenes; a decoder reads them before any word, so the prompt says nothing."""
    name = loaded.config.hook_name
    prompt = model.prompts(["."] * len(seeds), [seeded(str(seed)).image for seed in seeds])
    layer = int(name.split(".")[1]) + 1 if name.startswith("blocks.") else 0
    _, cache = model.run_with_cache(prompt, [name], stop_at_layer=min(layer, model.config.n_layers))
    return loaded.sae.encode(cache[name][:, prompt.patch_positions().flatten()].float().cpu())


GALLERIES = Galleries()
