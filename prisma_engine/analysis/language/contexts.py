"""Where in texts each latent is most active: short snippets, a few for each latent, as a small file beside an SAE."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from prisma_engine.hub import LoadError

FILE = "contexts.safetensors"
EACH, BEFORE, AFTER = 20, 9, 4
"""Snippets a latent, and how many tokens each shows before and after the one where the latent is most active."""
WIDTH = BEFORE + 1 + AFTER
NONE = -1


@dataclass(frozen=True)
class Context:
    """A piece of text in which a latent is active.

    Attributes:
        words: the tokens, in order.
        acts: the latent's activation at each.
        at: index of the token where it is most active.
    """

    words: tuple[str, ...]
    acts: tuple[float, ...]
    at: int

    @property
    def text(self) -> str:
        return " ".join(self.words)


@dataclass(frozen=True)
class Contexts:
    """The most active contexts of every latent, at most one from each text.

    Attributes:
        source: the texts, in words.
        vocabulary: the words that ids stand for.
        ids: tokens of each snippet, -1 beyond the text's ends; the middle is the most active one.
        acts: the latent's activation there.
    """

    source: str
    vocabulary: tuple[str, ...]
    ids: Int[Tensor, "latent context place"]
    acts: Float[Tensor, "latent context place"]

    def of(self, latent: int) -> tuple[Context, ...]:
        """A latent's contexts, strongest first; fewer than `EACH` where it is active in fewer texts.

        Raises:
            ValueError: for a latent that there is none of.
        """
        if not 0 <= latent < len(self.ids):
            raise ValueError(f"there is no latent {latent}; contexts are of latents 0 to {len(self.ids) - 1}")
        return tuple(self._context(ids, acts) for ids, acts in zip(self.ids[latent], self.acts[latent], strict=True)
                     if float(acts[BEFORE]) > 0)  # fmt: skip

    def _context(self, ids: Tensor, acts: Tensor) -> Context:
        inside = ids != NONE
        words = tuple(self.vocabulary[i] for i in ids[inside].tolist())
        return Context(words, tuple(acts[inside].tolist()), int(inside[:BEFORE].sum()))

    def save(self, folder: Path) -> Path:
        """Write it beside an SAE's weights; activations are rounded to float16."""
        tensors = {"ids": self.ids.short().contiguous(), "acts": self.acts.clamp(max=65504).half().contiguous()}
        notes = {"source": self.source, "vocabulary": json.dumps(self.vocabulary, ensure_ascii=False)}
        save_file(tensors, folder / FILE, notes)
        return folder / FILE


def read_contexts(folder: Path) -> Contexts | None:
    """The contexts beside an SAE's weights, or None if there are none.

    Raises:
        LoadError: if the file is damaged.
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        with safe_open(path, "pt") as opened:
            ids, acts, notes = opened.get_tensor("ids"), opened.get_tensor("acts"), opened.metadata() or {}
        vocabulary = tuple(json.loads(notes["vocabulary"]))
        if ids.shape != acts.shape or ids.ndim != 3 or ids.shape[-1] != WIDTH or int(ids.max()) >= len(vocabulary):
            raise ValueError("its tokens and activations do not fit each other")
        return Contexts(notes["source"], vocabulary, ids.long(), acts.float())
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise LoadError(f"{FILE} of {folder.name} is damaged: {error}") from None


class Strongest:
    """Keeps the most active context of each text for each latent, as long as it is among the `EACH` best."""

    def __init__(self, d_sae: int, each: int = EACH) -> None:
        self.ids = torch.full((d_sae, each, WIDTH), NONE)
        self.acts = torch.zeros(d_sae, each, WIDTH)

    def add(
        self,
        acts: Float[Tensor, "text token latent"],
        ids: Int[Tensor, "text token"],
        kept: Bool[Tensor, "text token"],
    ) -> None:
        """Look at some texts.

        Args:
            kept: tokens that count and are shown; others, such as padding, are neither.
        """
        seen = acts.where(kept[..., None], 0.0)
        at = seen.argmax(1)
        place = at[..., None] + torch.arange(-BEFORE, AFTER + 1)
        inside = (place >= 0) & (place < ids.shape[1])
        place = place.clamp(0, ids.shape[1] - 1)
        text = torch.arange(len(ids))[:, None, None]
        inside &= kept[text, place]
        words = ids[text, place].where(inside, NONE)
        found = seen[text, place, torch.arange(acts.shape[2])[:, None]].where(inside, 0.0)
        every, shown = torch.cat([self.acts, found.transpose(0, 1)], 1), torch.cat([self.ids, words.transpose(0, 1)], 1)
        best = every[:, :, BEFORE].topk(self.acts.shape[1], dim=1).indices[..., None].expand(-1, -1, WIDTH)
        self.acts, self.ids = every.gather(1, best), shown.gather(1, best)

    def result(self, source: str, vocabulary: tuple[str, ...]) -> Contexts:
        """What was kept.

        Args:
            source: the texts in words, such as "2,000 held-out texts".
        """
        return Contexts(source, vocabulary, self.ids, self.acts)
