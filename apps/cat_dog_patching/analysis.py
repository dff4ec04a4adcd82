"""Two pictures through one model: everything that the page shows of them before anything is patched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from PIL import Image
from torch import Tensor

import prisma_engine as pe
from apps.cat_dog_patching.corrupting import Hidden, Shape, around, box, hide
from apps.cat_dog_patching.places import Extent, sites_of
from apps.cat_dog_patching.plan import Plan
from apps.common.answers import Answer, classifier_of_pictures, top_answers, vocabulary_for
from apps.common.pictures import Picture
from prisma_engine.preprocess import prepared

if TYPE_CHECKING:
    from prisma_engine import HookedViT
    from prisma_engine.labels import Vocabulary
    from prisma_engine.preprocess import Preprocess

Side = Literal["clean", "corrupt"]
SIDES: tuple[Side, Side] = ("clean", "corrupt")
TOP_K = 10
MAX_TOKENS = 1500
MIDDLE = box(0.3, 0.3, 0.7, 0.7)  # hidden at first, where nobody has said what is where
CONTROLS = ("banana", "carrot", "bicycle")

Pixels = UInt8[np.ndarray, "height width 3"]


@dataclass(frozen=True)
class Evolution:
    """The three chosen classes through the residual stream, in the order a, b, control.

    Attributes:
        logit, rank: rank 0 is the top answer.
        labels: of the points, "0_pre" to "final".
    """

    logit: Float[np.ndarray, "point token 3"]
    rank: Int[np.ndarray, "point token 3"]
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Run:
    """One of the two pictures, and what the model makes of it."""

    title: str
    pixels: Pixels  # exactly what the model saw
    x: Float[Tensor, "1 channel height width"]
    logits: Float[Tensor, " class"]
    top: tuple[Answer, ...]
    metric: float  # logit[a] − logit[b]
    evolution: Evolution
    dla: pe.Attribution


@dataclass(frozen=True)
class PairResult:
    """Both runs, with every choice that the page made for the visitor filled in."""

    model_id: str
    revision: str | None
    classes: tuple[str, ...] | None  # as typed by the visitor, for a zero-shot model
    picture: Picture
    other: Picture | None  # the second picture, where it is not the first with something hidden
    plan: Plan
    clean: Run
    corrupt: Run
    vocabulary: Vocabulary
    grid: tuple[int, int]
    prefix_names: tuple[str, ...]
    n_layers: int
    n_heads: int
    sites: tuple[str, ...]  # ids of what can be patched

    @property
    def first_side(self) -> Side:
        """Which of the two runs is that of the first picture."""
        return "corrupt" if self.plan.swap else "clean"

    @property
    def extent(self) -> Extent:
        """The ranges that patches and sweeps must lie in."""
        return Extent(self.n_layers, self.n_heads, self.n_tokens, self.prefix_names, self.sites)

    @property
    def answers(self) -> tuple[int, int, int]:
        """Classes a, b and control, by index."""
        a, b, control = self.plan.a, self.plan.b, self.plan.control
        assert a is not None and b is not None and control is not None, "a result has its answers chosen"
        return a, b, control

    @property
    def is_same(self) -> bool:
        """Whether the model sees the same picture twice, so that there is nothing to look for."""
        return torch.equal(self.clean.x, self.corrupt.x)

    @property
    def n_tokens(self) -> int:
        return len(self.prefix_names) + self.grid[0] * self.grid[1]

    @property
    def n_bytes(self) -> int:
        """Weight in memory."""
        runs = [self.clean, self.corrupt]
        arrays = [a for run in runs for a in (run.pixels, run.evolution.logit, run.evolution.rank)]
        tensors = [t for run in runs for t in (run.x, run.logits, run.dla.per_token)]
        return sum(a.nbytes for a in arrays) + sum(t.nbytes for t in tensors)

    def named(self, index: int) -> dict[str, Any]:
        """A class as the canvas reads it."""
        return {"index": index, "name": self.vocabulary.names[index], "emoji": self.vocabulary.emoji[index]}

    def name(self, index: int) -> str:
        return self.vocabulary.names[index]

    def top(self, logits: Float[Tensor, " class"]) -> list[dict[str, Any]]:
        """The ten best answers of any run of this model."""
        return [asdict(answer) for answer in top_answers(logits.float(), self.vocabulary, TOP_K)]


def analyse(
    model: HookedViT,
    picture: Picture,
    plan: Plan,
    model_id: str | None = None,
    classes: tuple[str, ...] | None = None,
    other: Picture | None = None,
) -> PairResult:
    """Run `model` on `picture` and on its second picture, and choose the answers where the plan leaves them open.

    Raises:
        ValueError: one sentence, for a model without classes or pictures, and for answers that it does not have.
    """
    preprocess = prepared(check_model(model), plan.preparation)
    seen = [_seen(picture, preprocess)]
    first = _logits(model, preprocess, seen[0])
    vocabulary = vocabulary_for(model, len(first))
    if other is None:
        plan = replace(plan, hidden=plan.hidden or default_hidden(picture, preprocess, first, vocabulary))
        assert plan.hidden is not None
        seen.append(hide(seen[0], plan.hidden.shapes, plan.hidden.fill))
    else:
        plan = replace(plan, hidden=None)
        seen.append(_seen(other, preprocess))
    second = _logits(model, preprocess, seen[1])
    titles = [picture.title, other.title if other else f"{picture.title}, {_hidden_said(plan.hidden)}"]
    pairs = list(zip(titles, seen, (first, second), strict=True))[:: -1 if plan.swap else 1]
    plan = with_answers(plan, pairs[0][2], pairs[1][2], vocabulary)
    clean, corrupt = (_run(model, title, pixels, preprocess, plan, vocabulary) for title, pixels, _ in pairs)
    return PairResult(
        model_id=model_id or model.name,
        revision=model.revision,
        classes=classes,
        picture=replace(picture, image=None),
        other=replace(other, image=None) if other else None,
        plan=plan,
        clean=clean,
        corrupt=corrupt,
        vocabulary=vocabulary,
        grid=model.grid,
        prefix_names=tuple(model.prefix_names),
        n_layers=model.config.n_layers,
        n_heads=model.config.n_heads,
        sites=sites_of(model),
    )


def check_model(model: HookedViT) -> Preprocess:
    """How the model's pictures are prepared; refuses what this page cannot show, as `classifier_of_pictures` does."""
    return classifier_of_pictures(model, "a patch", MAX_TOKENS)


def default_hidden(
    picture: Picture, preprocess: Preprocess, logits: Float[Tensor, " class"], vocabulary: Vocabulary
) -> Hidden:
    """A black box around the object that the model names, or around the largest; in the middle where none is known."""
    if picture.mask is None or not picture.objects:
        return Hidden((MIDDLE,))
    areas = [int((picture.mask == i + 1).sum()) for i in range(len(picture.objects))]
    answer = int(logits.argmax())
    named = [i for i, c in enumerate(picture.objects) if vocabulary.id == picture.vocabulary_id and c == answer]
    chosen = next((i for i in named if areas[i]), int(np.argmax(areas)))
    return Hidden((as_seen(around(picture.mask == chosen + 1), picture.mask.shape, preprocess),))


def as_seen(shape: Shape, size: tuple[int, ...], preprocess: Preprocess) -> Shape:
    """A box around part of a picture of that (height, width), as a box on what the model sees of it."""
    height, width = size[:2]
    left, top, right, bottom = preprocess.crop_box((width, height))
    x0, y0, x1, y1 = (number / 1000 for number in shape.numbers)
    across, down = right - left, bottom - top
    edges = ((x0 * width - left) / across, (y0 * height - top) / down)
    far = ((x1 * width - left) / across, (y1 * height - top) / down)
    return box(*(min(max(edge, 0.0), 1.0) for edge in (*edges, *far)))


def _hidden_said(hidden: Hidden | None) -> str:
    return "partly hidden" if hidden and hidden.shapes else "nothing hidden"


def with_answers(plan: Plan, clean: Tensor, corrupt: Tensor, vocabulary: Vocabulary) -> Plan:
    """`plan` with the answers filled in: what each picture is called, and a class that should not care.

    Raises:
        ValueError: if the plan names a class that the model does not have, or one class twice.
    """
    n = len(vocabulary.names)
    for index in (plan.a, plan.b, plan.control):
        if index is not None and not 0 <= index < n:
            raise ValueError(f"this model has classes 0 to {n - 1}; there is no class {index}")
    if plan.a is not None and plan.a == plan.b:
        raise ValueError(f"both answers are {vocabulary.names[plan.a]}; choose two different ones")
    a = plan.a if plan.a is not None else _best(clean, [plan.b])
    b = plan.b if plan.b is not None else _best(corrupt, [a])
    return replace(plan, a=a, b=b, control=plan.control if plan.control is not None else _control(vocabulary, (a, b)))


def _best(logits: Tensor, but: Sequence[int | None]) -> int:
    return next(i for i in logits.topk(min(len(logits), 3)).indices.tolist() if i not in but)


def _control(vocabulary: Vocabulary, taken: tuple[int, int]) -> int:
    named = (vocabulary.names.index(name) for name in CONTROLS if name in vocabulary.names)
    free = (i for i in range(len(vocabulary.names)) if i not in taken)
    return next((i for i in named if i not in taken), next(free, taken[0]))


def _seen(picture: Picture, preprocess: Preprocess) -> Image.Image:
    assert picture.image is not None, "a picture that is to be analysed holds its image"
    return preprocess.pixels(picture.image)


@torch.no_grad()
def _logits(model: HookedViT, preprocess: Preprocess, seen: Image.Image) -> Float[Tensor, " class"]:
    return model(preprocess.normalize(seen)[None])[0].float()


def _run(
    model: HookedViT, title: str, seen: Image.Image, preprocess: Preprocess, plan: Plan, vocabulary: Vocabulary
) -> Run:
    a, b, control = plan.a, plan.b, plan.control
    assert a is not None and b is not None and control is not None
    x = preprocess.normalize(seen)[None]
    lens = pe.logit_lens(model, x)
    chosen = [a, b, control]
    evolution = Evolution(
        logit=lens.logits[:, 0][..., chosen].float().numpy(),
        rank=np.stack([lens.rank(index)[:, 0].numpy() for index in chosen], -1),
        labels=lens.labels,
    )
    logits = lens.answer[0].float()
    return Run(
        title=title,
        pixels=np.asarray(seen.convert("RGB")),
        x=x,
        logits=logits,
        top=top_answers(logits, vocabulary, TOP_K),
        metric=float(logits[a] - logits[b]),
        evolution=evolution,
        dla=pe.direct_logit_attribution(model, x, pe.logit_diff(a, b)),
    )
