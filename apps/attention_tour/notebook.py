"""The page's widget for notebooks and single files: everything in one piece of HTML, and no server.

from apps.attention_tour.notebook import attention_html

attention_html(model, image)  # the last line of a cell shows it
Path("heads.html").write_text(attention_html(model, image).document)
"""

from __future__ import annotations

import json
import secrets
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

import prisma_engine as pe
from apps.attention_tour.files import FILE_KINDS, LOGS, RunFiles
from apps.attention_tour.head_types import shipped
from apps.common.answers import top_answers, vocabulary_for
from apps.common.maps import maps_bytes
from apps.common.offline import NotebookHtml, data_url, document, framed
from apps.common.payload import pack_lens
from prisma_engine.labels.font import FONT
from prisma_engine.labels.subset import write_subset

if TYPE_CHECKING:
    from prisma_engine import Evidence, HookedViT
    from prisma_engine.images import ImageSource

MAX_BYTES = 48_000_000  # of one piece of HTML; a notebook that holds more is slow to open and to save
KINDS = ("pattern", "scores")
WORDS = ("id", "names", "emoji", "colors")  # what the widget reads of a vocabulary


def attention_html(
    model: HookedViT,
    image: ImageSource | Sequence[ImageSource],
    layers: Iterable[int] | None = None,
    kinds: Sequence[str] = KINDS,
    causal_from: int | None = None,
    head_types: Evidence | None = None,
    view: Mapping[str, Any] | None = None,
    title: str = "",
    height: int = 900,
) -> NotebookHtml:
    """Every head of `model` on one picture, to look into in a notebook, in a file, or on any page.

    The widget sits in a frame of its own, so that several live in one notebook, and fetches nothing: pictures,
    matrices and script are in the text, which takes 1.4 bytes for each cell of a matrix. One layer of one kind is
    0.7 MB for a ViT-B/16 (197 tokens, 12 heads) and 8.0 MB for a ViT-L/14 at 336 pixels (577 tokens, 16 heads); all
    of a ViT-B/16 in both default kinds is 17 MB. One token in all heads at once and the table of exact numbers need
    the live page.

    Args:
        image: anything that `model.preprocess` takes; for a model of videos, a list of its frames.
        layers: whose matrices come along; all of them, if None. The wall shows every head in any case.
        kinds: "pattern", "scores", "rank", "value", and "log_pattern", "log_value" for a log scale.
        causal_from: what if attention were causal from that layer on? See `pe.causal_edits`.
        head_types: what `pe.gather` found over many pictures; an embedded model has its own, if None.
        view: what is shown first, such as {"layer": 2, "unit": 1, "token": 40}.
        title: of the picture.
        height: of the frame in pixels, until the widget says how high it is.

    Returns:
        A string, the frame, which a notebook shows; its `document` is the same as a whole page.

    Raises:
        ValueError: one sentence, if there is no such layer or kind, if a video has another number of frames, or if
            the text would be larger than 48 MB; the sentence says what to leave out.
    """
    chosen = _checked(model, layers, kinds)
    run, emoji = _run(model, _frames(model, image), chosen, kinds, causal_from)
    types = head_types or shipped(model.name)
    value = {
        "nonce": 1,
        "runs": [run | {"picture": title}, None],
        "urls": {"font": _font_url(emoji), "types": _json_url(types.to_dict()) if types else None},
        "view": dict(view) if view else None,
    }
    name = f"Attention of {model.name}"
    return framed(document("attention", value, name), name, height)


def _checked(model: HookedViT, layers: Iterable[int] | None, kinds: Sequence[str]) -> list[int]:
    """The layers that come along, once they and the kinds are known to exist and to fit."""
    config = model.config
    chosen = list(range(config.n_layers)) if layers is None else sorted(set(layers))
    if wrong := [layer for layer in chosen if not 0 <= layer < config.n_layers]:
        raise ValueError(f"there is no layer {wrong[0]}; {model.name} has layers 0 to {config.n_layers - 1}")
    if unknown := [kind for kind in kinds if kind not in FILE_KINDS]:
        raise ValueError(f"there is no kind {unknown[0]!r}; there are {', '.join(FILE_KINDS)}")
    # Beside the heads come their mean and, of patterns, the rollout; four bytes for three, since HTML is text.
    units = [config.n_heads + 1 + (LOGS.get(kind, kind) == "pattern") for kind in kinds]
    n_bytes = sum(maps_bytes(n, config.n_tokens) for n in units) * len(chosen) * 4 // 3
    if n_bytes > MAX_BYTES:
        raise ValueError(
            f"{len(chosen)} layers in {len(kinds)} kinds of {model.name} would make {n_bytes / 1e6:.0f} MB of HTML; "
            f"up to {MAX_BYTES / 1e6:.0f} MB is fine, so choose fewer, such as "
            f"layers=[0, {config.n_layers - 1}], kinds=['pattern']"
        )
    return chosen


def _frames(model: HookedViT, image: ImageSource | Sequence[ImageSource]) -> list[ImageSource]:
    """The pictures that go in together: one, or every frame of a video."""
    if model.preprocess is None:
        raise ValueError(f"{model.name} does not say how its pictures are prepared, so it cannot be shown one")
    frames: list[Any] = list(image) if isinstance(image, (list, tuple)) else [image]
    if len(frames) != model.config.n_frames:
        raise ValueError(f"{model.name} takes {model.config.n_frames} frames, got {len(frames)}")
    return frames


@torch.inference_mode()
def _run(
    model: HookedViT, frames: list[ImageSource], layers: list[int], kinds: Sequence[str], causal_from: int | None
) -> tuple[dict[str, Any], set[str]]:
    """A run with its files in it, and the emoji that it shows."""
    x = model.preprocess(frames)
    x = x[None] if model.config.is_video else x
    maps = pe.attention_maps(model, x, causal_from)
    pixels = [np.asarray(model.preprocess.pixels(frame).convert("RGB")) for frame in frames]
    run: dict[str, Any] = {"title": model.name, "revision": model.revision}
    emoji, packed = set(), None
    if maps.answer is not None:
        words = vocabulary_for(model, len(maps.answer))
        with nullcontext() if causal_from is None else model.hooks(pe.causal_edits(model, causal_from)):
            lens = pe.logit_lens(model, x)
        answers = top_answers(maps.answer, words)
        packed = pack_lens(lens.logits[:, 0], k=1)
        vocabulary = _json_url({name: getattr(words, name) for name in WORDS})
        run |= {"answer": [asdict(one) for one in answers], "lens": {"labels": lens.labels, "vocabulary": vocabulary}}
        emoji = {one.emoji for one in answers} | {words.emoji[i] for i in lens.logits.argmax(-1).unique().tolist()}
    files = RunFiles(maps, pixels[:: model.config.tubelet], packed)
    return offline_run(files, layers, kinds) | run, emoji


def offline_run(files: RunFiles, layers: Sequence[int], kinds: Sequence[str]) -> dict[str, Any]:
    """A run of the widget's value that holds its own files, as data: addresses, and has no name yet."""
    run = dict.fromkeys(("title", "picture"), "") | dict.fromkeys(("revision", "answer", "lens", "note", "why"))
    data = {name: data_url(files.read(name)) for name in files.offline(kinds, layers)}
    return run | files.describe() | {"key": secrets.token_urlsafe(8), "base": "", "files": data}


def _font_url(emoji: set[str]) -> str | None:
    """The pictures of these emoji, and of no others, as a web font."""
    if not emoji:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "emoji.woff2")
        write_subset(emoji, path.with_suffix(".ttf"), path, source=FONT)
        return data_url(path.read_bytes(), "font/woff2")


def _json_url(value: object) -> str:
    return data_url(json.dumps(value, ensure_ascii=False).encode(), "application/json")
