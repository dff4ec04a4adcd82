"""The view that a run opens with: a head in which there is something to see."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from apps.attention_tour.analysis import TourResult
from apps.attention_tour.head_types import shipped
from apps.attention_tour.view import TourView
from prisma_engine import AttentionMaps

OPENING = {
    # Of all heads on this picture the one whose scores depend most on both tokens: the whole toilet reads this patch.
    ("emoji-vit", "cat-in-toilet"): TourView(layer=3, unit=0, token=103),
}


def first_view(result: TourResult) -> TourView:
    """The patch in the middle, in the head that is most surely of one type; where nobody has measured that, in the
    head in which this patch spreads its attention least. The example that opens the page has a view of its own."""
    if chosen := OPENING.get((result.model_id, result.picture.source)):
        return chosen
    maps = result.maps
    rows, columns = maps.grid
    token = maps.n_prefix + (rows // 2) * columns + columns // 2
    evidence = shipped(result.model_id)
    if evidence is not None and evidence.found:
        layer, head = evidence.found[0].layer, evidence.found[0].head
    else:
        layer, head = divmod(int(_entropies(maps, token).argmin()), maps.n_heads)
    return TourView(layer=layer, unit=head, token=token)


@torch.inference_mode()
def _entropies(maps: AttentionMaps, token: int) -> Float[Tensor, "layer head"]:
    """How widely one token spreads its attention over the patches, in every head; nats."""
    scores = torch.einsum("lhd,lthd->lht", maps.q[:, token], maps.k) * maps.q.shape[-1] ** -0.5
    for layer in range(maps.n_layers):
        if (hidden := maps.hidden(layer)) is not None:
            scores[layer].masked_fill_(hidden[token], -torch.inf)
    return torch.special.entr(scores[..., maps.n_prefix :].softmax(-1)).sum(-1)
