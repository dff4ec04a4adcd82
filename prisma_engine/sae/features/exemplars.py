"""The profile of an SAE's latents as a small file beside its weights. Images are named there, and drawn when shown."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from jaxtyping import Float, Int
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from prisma_engine.hub import LoadError
from prisma_engine.load import one_line
from prisma_engine.sae import files

FILE = "exemplars.safetensors"
DECILES = 10
OCTAVE = 3
"""Bins of a histogram in which the activation doubles."""
TENSORS = ("images", "typical", "largest", "offsets", "first", "counts", "example", "maximum")


@dataclass(frozen=True)
class Histogram:
    """How often a latent had which activation: counts[i] tokens from edges[i] to edges[i + 1]. 0 is not counted."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Exemplar:
    """An image on which a latent is active.

    Attributes:
        decile: 1 to 10; the largest activations of the images with any, from the lowest tenth to the highest.
        reference: as the source calls the image, such as "scene:17".
        maximum: the latent's largest activation in it.
    """

    decile: int
    reference: str
    maximum: float


@dataclass(frozen=True)
class Profile:
    """What every latent is like over many images.

    Attributes:
        source: the images, in words.
        references: of the images, in order.
        n_tokens: tokens of all images that the SAE is for.
        images: in how many images each latent is active.
        typical: mean activation where it is active; 0 if it never is.
        largest: largest activation.
        offsets, first, counts: histograms; latent i's bins are counts[offsets[i]:offsets[i + 1]], and bin j of them
            holds activations from 2^((first[i] + j) / 3) to the next.
        example, maximum: an image for each latent and decile, by its number (-1 for none), and the maximum in it.
    """

    source: str
    references: tuple[str, ...]
    n_tokens: int
    images: Int[Tensor, " latent"]
    typical: Float[Tensor, " latent"]
    largest: Float[Tensor, " latent"]
    offsets: Int[Tensor, " latent+1"]
    first: Int[Tensor, " latent"]
    counts: Int[Tensor, " bin"]
    example: Int[Tensor, "latent 10"]
    maximum: Float[Tensor, "latent 10"]

    @property
    def n_images(self) -> int:
        return len(self.references)

    def histogram(self, latent: int) -> Histogram | None:
        """Positive activations by token, in bins of equal ratio; None if there are none."""
        counts = self.counts[int(self.offsets[latent]) : int(self.offsets[latent + 1])].tolist()
        if not counts:
            return None
        first = int(self.first[latent])
        edges = tuple(2.0 ** ((first + i) / OCTAVE) for i in range(len(counts) + 1))
        return Histogram(edges, tuple(counts))

    def density(self, latent: int) -> tuple[float, float]:
        """Share of tokens, and of images, in which a latent is active."""
        active = int(self.counts[int(self.offsets[latent]) : int(self.offsets[latent + 1])].sum())
        return active / self.n_tokens, int(self.images[latent]) / self.n_images

    def exemplars(self, latent: int) -> tuple[Exemplar, ...]:
        """One image for each decile, strongest first; fewer where a latent is active in fewer than ten.

        The highest decile's is the image with the largest activation of all, the others' the middle of their decile.
        """
        rows = zip(range(1, DECILES + 1), self.example[latent].tolist(), self.maximum[latent].tolist(), strict=True)
        found = [Exemplar(decile, self.references[i], value) for decile, i, value in rows if i >= 0]
        return tuple(reversed(found))

    def save(self, folder: Path) -> Path:
        """Write it beside an SAE's weights; activations of exemplars are rounded to float16."""
        tensors = {name: getattr(self, name).contiguous() for name in TENSORS}
        tensors["maximum"] = tensors["maximum"].clamp(max=65504).half()
        if self.n_images < 2**15:
            tensors["example"] = tensors["example"].short()
        notes = {"source": self.source, "n_tokens": str(self.n_tokens), "references": _short(self.references)}
        save_file(tensors, folder / FILE, notes)
        return folder / FILE


def exemplars(name: str | Path) -> Profile | None:
    """The profile beside an SAE's weights, or None if there is none.

    Args:
        name: as `prisma_engine.sae.files.load` takes it.

    Raises:
        LoadError: if there is no such SAE, or the file is damaged.
    """
    path = files.find(name) / FILE
    if not path.exists():
        return None
    try:
        with safe_open(path, "pt") as opened:
            tensors, notes = {name: opened.get_tensor(name) for name in TENSORS}, opened.metadata() or {}
        found = Profile(
            source=notes["source"],
            references=_long(notes["references"]),
            n_tokens=int(notes["n_tokens"]),
            **(tensors | {"maximum": tensors["maximum"].float()}),
        )
        _check(found)
        return found
    except (SafetensorError, OSError, KeyError, ValueError, IndexError) as error:
        raise LoadError(f"{FILE} of {path.parent.name} is damaged: {one_line(error)}") from None


def _check(profile: Profile) -> None:
    n = len(profile.images)
    shapes = {"typical": (n,), "largest": (n,), "first": (n,), "offsets": (n + 1,)}
    shapes |= {"example": (n, DECILES), "maximum": (n, DECILES), "counts": (int(profile.offsets[-1]),)}
    for name, shape in shapes.items():
        if tuple(getattr(profile, name).shape) != shape:
            raise ValueError(f"{name} has shape {tuple(getattr(profile, name).shape)}, expected {shape}")
    if bool((profile.offsets.diff() < 0).any()) or int(profile.example.max()) >= profile.n_images:
        raise ValueError("its numbers do not fit each other")


def _short(references: tuple[str, ...]) -> str:
    """References as JSON; those of consecutive scenes as their first and their number."""
    if references == tuple(f"scene:{i}" for i in range(len(references))):
        return json.dumps({"scenes": len(references)})
    return json.dumps(references, ensure_ascii=False)


def _long(text: str) -> tuple[str, ...]:
    values = json.loads(text)
    return tuple(f"scene:{i}" for i in range(values["scenes"])) if isinstance(values, dict) else tuple(values)
