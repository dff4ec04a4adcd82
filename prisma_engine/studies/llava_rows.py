"""Steering many scenes at once: each row of a batch has a latent and an amount of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from prisma_engine import vlm
from prisma_engine.hooks import Edit, HookPoint
from prisma_engine.sae.model import SAE
from prisma_engine.sae.training.texts import as_tokens
from prisma_engine.studies.llava_scenes import Scenes
from prisma_engine.vlm.places import KINDS, WHENS, Kind, When

if TYPE_CHECKING:
    from prisma_engine.vlm.hooked import HookedVLM

ROWS, LONGEST = 75, 44
"""Rows in one pass; tokens of a description at most."""


@dataclass(frozen=True)
class Way:
    """How latents are changed, and where.

    Attributes:
        how: "add" an amount of the decoder row (no bias), whether or not the latent is active; "clamp" its activation
            to an amount; "scale" it by a factor, which changes only tokens where it is active; or "splice": put the
            reconstruction in the activation's place and change nothing.
    """

    how: str = "add"
    where: tuple[Kind, ...] = KINDS
    when: tuple[When, ...] = WHENS

    @property
    def said(self) -> str:
        """Where and when, in words."""
        places = "all tokens" if set(self.where) == set(KINDS) else f"{' and '.join(self.where)} tokens"
        return places if set(self.when) == set(WHENS) else f"{places}, {self.when[0]} alone"


class Rows:
    """An edit that changes one latent in each row of a batch, by the same way and each by its own amount.

    Args:
        along: latents whose decoder rows are written instead, as far and at the same tokens: a control.
    """

    def __init__(
        self,
        sae: SAE,
        how: str,
        latents: Int[Tensor, " row"],
        amounts: Float[Tensor, " row"],
        along: Int[Tensor, " row"] | None = None,
    ) -> None:
        self.sae, self.how, self.latents, self.amounts = sae, how, latents, amounts
        rows = sae.W_dec[latents]
        self.directions = rows if along is None else F.normalize(sae.W_dec[along], dim=1) * rows.norm(dim=1)[:, None]

    def __call__(self, x: Float[Tensor, "row token d"], point: HookPoint) -> Tensor:
        if self.how == "splice":
            return self.sae(x).recon
        moved = self.amounts[:, None, None].expand(*x.shape[:2], 1)
        if self.how in ("clamp", "scale"):
            acts = self.sae.encode(x).gather(2, self.latents[:, None, None].expand(*x.shape[:2], 1))
            moved = (acts * moved if self.how == "scale" else moved) - acts
        return x + self.sae.written(moved * self.directions[:, None], x)


@torch.no_grad()
def descriptions(
    model: HookedVLM,
    scenes: Scenes,
    sae: SAE | None = None,
    way: Way | None = None,
    latents: Sequence[int] = (),
    amounts: Sequence[float] = (),
    along: Sequence[int] | None = None,
) -> list[str]:
    """What the model says of each scene, greedily.

    Args:
        sae, way, latents, amounts, along: what to change, see `Rows`, a scene each; without `way`, nothing.
    """
    said: list[str] = []
    for part in torch.arange(len(scenes)).split(ROWS):
        edits: dict[str, Edit] = {}
        if way is not None and sae is not None:
            chosen, by = torch.tensor(latents)[part], torch.tensor(amounts, dtype=torch.float32)[part]
            control = None if along is None else torch.tensor(along)[part]
            edits[sae.hook_name] = vlm.at(Rows(sae, way.how, chosen, by, control), way.where, way.when)
        answers = model.generate_batch(scenes.rows(part.tolist()).prompt, edits, max_new_tokens=LONGEST)
        said += [answer.text for answer in answers]
    return said


class Fluency:
    """How likely texts are, as a model that reads them without any picture has it: nats per token.

    Args:
        model: it is never steered.
    """

    def __init__(self, model: HookedVLM) -> None:
        self.model = model
        self._known: dict[str, float] = {}

    @torch.no_grad()
    def nats(self, texts: Iterable[str]) -> list[float]:
        """Mean over the tokens of each text of −log probability; a text without words counts by its end alone."""
        texts = list(texts)
        new = sorted({text for text in texts if text not in self._known}, key=len)
        for part in (new[at : at + ROWS] for at in range(0, len(new), ROWS)):
            read = as_tokens(self.model.tokenizer, [f"{text} {self.model.tokenizer.eos_token}" for text in part])
            log_probs = self.model(read.prompt).log_softmax(-1)[:, :-1]
            of_next = log_probs.gather(2, read.ids[:, 1:, None])[..., 0].where(read.kept[:, 1:], 0.0)
            means = -of_next.sum(1) / read.kept[:, 1:].sum(1)
            self._known |= dict(zip(part, means.tolist(), strict=True))
        return [self._known[text] for text in texts]
