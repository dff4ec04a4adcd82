"""One number for each attention head: where it looks, how far, how widely; each with its formula.

A is the pattern (rows are queries and sum to 1), s the scores, i a query and j a key; queries are patches, never
prefix tokens. P is the number of patches.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from prisma_engine.analysis.attention import AttentionMaps
from prisma_engine.analysis.heads import templates
from prisma_engine.analysis.heads.templates import Template
from prisma_engine.analysis.layout import Layout

HeadMaps = Float[Tensor, "*any query key"]
HeadValues = Float[Tensor, "*any"]


@dataclass(frozen=True)
class HeadMetric:
    """A number that every head has.

    Attributes:
        id: for links and files.
        title: for people.
        unit: "share" (0 to 1), "patches", "frames" or "nats".
        formula: what is computed.
        meaning: what a high value says, in a sentence.
        compute: (maps [… query key] over all tokens, layout) → one value for each of them.
        applies: whether a layout has it; without registers there is no attention to registers.
        reads: "pattern" or "scores".
    """

    id: str
    title: str
    unit: str
    formula: str
    meaning: str
    compute: Callable[[HeadMaps, Layout], HeadValues]
    applies: Callable[[Layout], bool]
    reads: str = "pattern"


def head_metrics(pattern: HeadMaps, layout: Layout, scores: HeadMaps | None = None) -> dict[str, HeadValues]:
    """Every metric of `METRICS` that applies to `layout`, by id: [… head query key] → [… head].

    Those that read scores are there only if `scores` are given; they are NaN for a head with hidden (-inf) keys.

    Raises:
        ValueError: if a map has another number of tokens than the layout.
    """
    given = {"pattern": pattern} if scores is None else {"pattern": pattern, "scores": scores}
    for name, maps in given.items():
        if maps.shape[-2:] != (layout.n_tokens, layout.n_tokens):
            raise ValueError(
                f"the layout has {layout.n_tokens} tokens, but the {name} {'are' if name == 'scores' else 'is'} "
                f"{' × '.join(map(str, maps.shape[-2:]))}"
            )
    return {m.id: m.compute(given[m.reads], layout) for m in METRICS if m.reads in given and m.applies(layout)}


def measure_heads(maps: AttentionMaps) -> dict[str, Float[Tensor, "layer head"]]:
    """Every metric of every head of one picture, by id."""
    layers = [head_metrics(maps.pattern(i), maps.layout, maps.scores(i)) for i in range(maps.n_layers)]
    return {id: torch.stack([layer[id] for layer in layers]) for id in layers[0]}


def best_offset(pattern: HeadMaps, layout: Layout) -> tuple[HeadValues, Int[Tensor, "*any"]]:
    """The step Δ ≠ 0 along the raster order that most attention takes, and the share that takes it.

    Patches count as a ring, j = (i + Δ) mod P. Returns the share, and Δ between -P/2 and P/2: -1 is the patch to
    the left, the number of columns the patch below.
    """
    n = layout.n_patches
    patches = pattern[..., layout.patch_slice, layout.patch_slice]
    key = (torch.arange(n)[:, None] + torch.arange(1, n)) % n  # [query step]
    share, step = patches.gather(-1, key.to(pattern.device).expand(*patches.shape[:-1], -1)).mean(-2).max(-1)
    step = step + 1
    return share, step.where(step <= n // 2, step - n)


def score_shares(scores: HeadMaps, layout: Layout) -> tuple[HeadValues, HeadValues, HeadValues]:
    """How the variance of patch × patch scores splits: by query, by key, and by both together; the three sum to 1.

    A two-way analysis of variance: s_ij = mean + r_i + c_j + rest_ij, and each part's share of the sum of squares.
    NaN where the scores do not vary, or where keys are hidden.
    """
    patches = scores[..., layout.patch_slice, layout.patch_slice].double()
    centred = patches - patches.mean((-2, -1), keepdim=True)
    total = centred.square().mean((-2, -1))
    by_query = centred.mean(-1).square().mean(-1) / total
    by_key = centred.mean(-2).square().mean(-1) / total
    joint = (1 - by_query - by_key).clamp(min=0)
    return by_query.to(scores.dtype), by_key.to(scores.dtype), joint.to(scores.dtype)


def sink_mass(pattern: HeadMaps, layout: Layout) -> HeadValues:
    """Largest over patches j of the mean over patches i ≠ j of A[i, j]: 0 to 1."""
    patches = pattern[..., layout.patch_slice, layout.patch_slice]
    from_others = patches.sum(-2) - patches.diagonal(dim1=-2, dim2=-1)
    return from_others.amax(-1) / (layout.n_patches - 1)


def _distance(pattern: HeadMaps, layout: Layout) -> HeadValues:
    return _mean_step(pattern, layout, layout.distance)


def _frame_distance(pattern: HeadMaps, layout: Layout) -> HeadValues:
    return _mean_step(pattern, layout, layout.steps[..., 0].abs().float())


def _mean_step(pattern: HeadMaps, layout: Layout, length: Float[Tensor, "query key"]) -> HeadValues:
    """Mean length over the attention from patches to patches; NaN where there is none."""
    patches = pattern[..., layout.patch_slice, layout.patch_slice].flatten(-2)
    return patches @ length.flatten().to(pattern) / patches.sum(-1)


def _entropy(pattern: HeadMaps, layout: Layout) -> HeadValues:
    return torch.special.entr(pattern[..., layout.patch_slice, :]).sum(-1).mean(-1)


def _has_patches(n: int) -> Callable[[Layout], bool]:
    return lambda layout: layout.n_patches >= n


def _mass(
    id: str, title: str, template: Template, keys: str, meaning: str, queries: str = "all patches i"
) -> HeadMetric:
    formula = f"mean over {queries} of Σ A[i, j] over {keys}"
    return HeadMetric(id, title, "share", formula, meaning, template.mass, template.applies)


def _score_share(id: str, title: str, part: int, formula: str, meaning: str) -> HeadMetric:
    def compute(scores: HeadMaps, layout: Layout) -> HeadValues:
        return score_shares(scores, layout)[part]

    return HeadMetric(id, title, "share", formula, meaning, compute, _has_patches(2), reads="scores")


METRICS: tuple[HeadMetric, ...] = (
    _mass("cls_mass", "CLS mass", templates.CLS, "j = CLS", "How much patches read the CLS token, which has no place."),
    HeadMetric(
        "distance",
        "Mean distance",
        "patches",
        "Σ A[i, j] · d(i, j) / Σ A[i, j] over patches i, j; d is the Euclidean distance on the grid",
        "How far attention reaches; attention on prefix tokens, which have no place, is left out.",
        _distance,
        _has_patches(2),
    ),
    HeadMetric(
        "entropy",
        "Entropy",
        "nats",
        "mean over all patches i of -Σ A[i, j] · ln A[i, j] over all keys j",
        "How widely a patch spreads its attention: 0 is a single key, ln(number of tokens) all keys alike.",
        _entropy,
        _has_patches(1),
    ),
    _mass(
        "row_mass",
        "Same-row mass",
        templates.ROW,
        "patches j ≠ i in i's row (and frame)",
        "How much a patch reads its own row.",
    ),
    _mass(
        "column_mass",
        "Same-column mass",
        templates.COLUMN,
        "patches j ≠ i in i's column (and frame)",
        "How much a patch reads its own column.",
    ),
    HeadMetric(
        "offset_mass",
        "Offset mass",
        "share",
        "largest over Δ = 1 … P - 1 of the mean over patches i of A[i, (i + Δ) mod P]",
        "How much attention takes one and the same step through the raster order, such as one patch to the left.",
        lambda pattern, layout: best_offset(pattern, layout)[0],
        _has_patches(3),
    ),
    _mass(
        "neighbour_mass",
        "Neighbour mass",
        templates.NEIGHBOURS,
        "the up to 8 patches j around i (in its frame)",
        "How much a patch reads the patches that touch it.",
    ),
    _mass("self_mass", "Self mass", templates.SELF, "j = i", "How much a patch reads itself."),
    _mass(
        "corner_mass",
        "Corner mass",
        templates.CORNERS,
        "the corner patches j (of every frame)",
        "How much patches elsewhere read the four corners of the picture.",
        queries="patches i outside the corners",
    ),
    _mass(
        "edge_mass",
        "Edge mass",
        templates.EDGES,
        "the outermost patches j (of every frame)",
        "How much patches inside read the border of the picture.",
        queries="patches i inside",
    ),
    _mass(
        "register_mass",
        "Register mass",
        templates.REGISTERS,
        "the registers j",
        "How much patches read the registers, tokens that were added to keep notes in.",
    ),
    HeadMetric(
        "sink_mass",
        "Sink mass",
        "share",
        "largest over patches j of the mean over patches i ≠ j of A[i, j]",
        "How much all patches agree on one single patch, whatever it is; CLS and registers have their own metrics.",
        sink_mass,
        _has_patches(3),
    ),
    HeadMetric(
        "frame_distance",
        "Frame distance",
        "frames",
        "Σ A[i, j] · |frame(i) - frame(j)| / Σ A[i, j] over patches i, j; frames of tokens (tubelets)",
        "How far attention reaches in time.",
        _frame_distance,
        lambda layout: layout.n_frames > 1,
    ),
    _mass(
        "place_mass",
        "Same-place mass",
        templates.OTHER_FRAMES,
        "patches j at i's place in other frames",
        "How much a patch reads what was or will be where it is.",
    ),
    _score_share(
        "query_share",
        "Query share of scores",
        0,
        "variance of the row means of s over patches / variance of all s (patches × patches)",
        "How much of the scores is constant along a row: it cannot change which patch is read more than another.",
    ),
    _score_share(
        "key_share",
        "Key share of scores",
        1,
        "variance of the column means of s over patches / variance of all s (patches × patches)",
        "How much of the scores is constant along a column: keys that all queries prefer.",
    ),
    _score_share(
        "joint_share",
        "Joint share of scores",
        2,
        "1 - query share - key share",
        "How much of the scores depends on query and key together: who reads whom.",
    ),
)
