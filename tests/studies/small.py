"""A small random model, pictures for it, and pictures on disk."""

from __future__ import annotations

import io
from pathlib import Path

import torch
from PIL import Image

import prisma_engine as pe
from prisma_engine.labels import vocabulary
from prisma_engine.preprocess import Preprocess
from prisma_engine.studies.samples import Sample


def small(**changes) -> pe.HookedViT:
    """Three layers, two heads, a CLS token and 4 × 6 patches, unless said; every parameter random."""
    sizes = dict(
        image_size=(16, 24), patch_size=(4, 4), n_layers=3, n_heads=2, d_model=16, d_head=8, d_mlp=32, n_classes=5
    )
    model = pe.HookedViT(pe.ViTConfig(**{**sizes, **changes})).eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        parameter.copy_(0.4 * torch.randn(parameter.shape, generator=generator))
    height, width = model.config.image_size
    model.preprocess = Preprocess(height, width, (0.5,) * 3, (0.5,) * 3)
    model.vocabulary = vocabulary(["cat", "dog", "red car", "tree", "house"], id="five")
    return model


def samples_of(model: pe.HookedViT, n: int, classes: tuple[int, ...] = (), seed: int = 1) -> list[Sample]:
    """Random inputs, all with the same right answers."""
    x = torch.randn(n, 3, *model.config.image_size, generator=torch.Generator().manual_seed(seed))
    return [Sample(str(i), x[i : i + 1], classes) for i in range(n)]


def png(shade: int, size: tuple[int, int] = (24, 16)) -> bytes:
    """A picture of one colour."""
    buffer = io.BytesIO()
    Image.new("RGB", size, (shade, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()


def folder_of(folder: Path, names: list[str]) -> Path:
    """Pictures of those names, darkest first."""
    for i, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(20 * i))
    return folder


def balanced(model: pe.HookedViT) -> pe.HookedViT:
    """The model, its classes' biases set so that none is likelier than another over random inputs."""
    x = torch.cat([sample.x for sample in samples_of(model, 40)])
    model.head.linear.bias -= model(x).mean(0)
    return model
