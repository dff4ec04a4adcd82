"""Random generators for a seed and any numbers beside it, such as (seed, step): unlike for unlike keys."""

from __future__ import annotations

import hashlib

import torch


def generator(seed: int, purpose: str, *numbers: int) -> torch.Generator:
    """A fresh generator, always the same for the same arguments.

    torch's CPU generator reads only the lowest 32 bits of a seed, so arithmetic such as seed · 2³² + step would
    forget the seed; a hash does not.
    """
    key = f"{seed} {purpose} {' '.join(map(str, numbers))}".encode()
    return torch.Generator().manual_seed(int.from_bytes(hashlib.blake2b(key, digest_size=4).digest(), "little"))
