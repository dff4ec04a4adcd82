"""What depends on an SAE and a model but on no picture: the classes that latents write. Bounded and shared."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from prisma_engine.sae.features import class_directions, written

if TYPE_CHECKING:
    from apps.sae_steering.analysis import SteerResult

KEEP = 4


class Knowledge:
    """A small table of read-out matrices, the one used last kept longest."""

    def __init__(self, keep: int = KEEP) -> None:
        self._keep = keep
        self._rows: OrderedDict[tuple[object, ...], Float[Tensor, "latent class"]] = OrderedDict()
        self._lock = threading.Lock()

    def written(self, result: SteerResult) -> Float[Tensor, "latent class"]:
        """Logits that one typical activation of each latent writes directly.

        Raises:
            ValueError: one sentence, where a direct effect means nothing.
        """
        loaded = result.loaded
        key = (loaded.id, loaded.revision, result.model_id, result.revision, result.classes)
        with self._lock:
            if key not in self._rows:
                ones = torch.ones(loaded.config.d_sae)
                self._rows[key] = written(loaded.sae, result.model, ones, class_directions(result.model))
            self._rows.move_to_end(key)
            while len(self._rows) > self._keep:
                self._rows.popitem(last=False)
            rows = self._rows[key]
        return result.typical[:, None] * rows


KNOWLEDGE = Knowledge()
