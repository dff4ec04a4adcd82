"""The pictures of docs/cat-dog-patching.md, from what docs/data/ keeps. Scenes are drawn; no photo is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.patches import Rectangle

from apps.cat_dog_patching.drawing import PALETTE, PairView, Panel, pair_figure
from apps.common.figures import ACCENT, BASELINE, INK, MUTED
from apps.common.paper import Sheet
from apps.pictures.rates import general_photos, general_scenes
from apps.pictures.sheets import DPI, MARGIN, WIDTH, data, tidy
from prisma_engine.studies.mean_patterns import head_of
from prisma_engine.studies.patching_pairs import CAT, DOG, OPENING, with_hidden
from prisma_engine.toy.compose import EXAMPLES, render_scene

PREPARED = {"checkpoint": "as the checkpoint expects", "tutorial": "squashed, not normalised"}
DIRECTED = {"noise": "corrupt put into clean", "denoise": "clean put into corrupt"}
EXAMPLE = next(example for example in EXAMPLES if example.name == "cat-and-dog")
Map = Float[np.ndarray, "row column"]


def pair(model: str, name: str, preparation: str = "checkpoint") -> dict[str, Any]:
    """One pair's findings."""
    found = data(model, "patching")["pairs"]
    return next(one for one in found if (one["name"], one["preparation"]) == (name, preparation))


def moved(one: dict[str, Any], direction: str) -> Float[np.ndarray, "layer head"]:
    """How far each head moved the metric towards the other picture's: 0 not at all, 1 all the way."""
    metric = np.array(next(t["metric"] for t in one["tables"] if t["direction"] == direction))
    clean, corrupt = one["clean"]["metric"], one["corrupt"]["metric"]
    return (metric - corrupt) / (clean - corrupt) if direction == "denoise" else (metric - clean) / (corrupt - clean)


def scene_pair() -> bytes:
    """A cat and a dog, each alone in the same scene: every head exchanged, and the two that do it."""
    one = pair("emoji-vit", "a cat alone with a dog alone")
    flip = next(f for f in one["flips"] if (f["direction"], f["token"]) == ("denoise", "cls"))
    clean, corrupt = (render_scene([placed], EXAMPLE.background).image for placed in EXAMPLE.placements)
    n_layers, n_heads = moved(one, "noise").shape
    top = tuple(f"{name} {logit:.2f} ({p:.1%})" for name, logit, p in flip["patched"]["top"][:2])
    return pair_figure(
        PairView(
            title="emoji-vit: which heads carry the animal?",
            subtitle=f"logit of cat face − logit of dog face: {_metric(one['clean'])} and {_metric(one['corrupt'])}",
            pictures=(clean, corrupt),
            names=("clean: the cat alone", "corrupt: the dog alone"),
            captions=(_answers(one["clean"]), _answers(one["corrupt"])),
            patched=(f"corrupt with {' and '.join(flip['heads'])} of clean, {flip['n_numbers']} numbers:", top),
            panels=tuple(Panel(DIRECTED[way], moved(one, way)) for way in ("denoise", "noise")),
            rows=tuple(f"L{i}" for i in range(n_layers)),
            columns=tuple(f"H{i}" for i in range(n_heads)),
            axes=("layer", "head"),
            marked=frozenset(map(head_of, flip["heads"])),
        ),
        DPI,
    )


def scene_reading() -> bytes:
    """Two scenes with a cat and a dog, and from where a head of each writes its animal."""
    shown = (
        ("opening with its cat hidden", with_hidden(*OPENING, CAT)[0], "L4H2", CAT),
        ("cat-and-dog with its dog hidden", render_scene(EXAMPLE.placements, EXAMPLE.background).image, "L4H0", DOG),
    )
    sheet, side = Sheet(WIDTH, 2.55, DPI), 1.5
    sheet.write("emoji-vit: from where a head writes its animal", MARGIN, 0.22, 10)
    for index, (name, picture, head, answer) in enumerate(shown):
        one, left = pair("emoji-vit", name), MARGIN + index * 3.5
        reading = reading_of(one, head, answer)
        values, total = _square(reading["patches"]), sum(reading["patches"]) + reading["prefix"]
        inside = sum(reading["patches"][patch] for patch in one["hidden"])
        sheet.picture(picture, left, 0.72, side, side)
        _grid(sheet.axes(left + side + 0.1, 0.72, side, side), values, float(values.max()), [one["hidden"]])
        sheet.write(f"{head} → {answer}: {total:+.2f} logits", left, 0.5, 8)
        said = f"of it {inside:+.2f} from the patches in the frame; darkest: {values.max():+.2f}"
        sheet.write(said, left, 0.64, 6.5, MUTED)
    sheet.write("frame: the patches of the animal's box; colour: logits from each patch", MARGIN, 2.4, 7, MUTED)
    return sheet.png()


def photo_heads() -> bytes:
    """Every head of ViT-Tiny on the famous photo and its version without the dog, both ways, both preparations."""
    sheet, high = Sheet(WIDTH, 4.55, DPI), 3.0
    sheet.write("ViT-Tiny/16, cat_dog against crop_dog: each head patched at CLS", MARGIN, 0.22, 10)
    sheet.write("% of the way from one logit difference, Border collie − tabby, to the other", MARGIN, 0.42, 7, MUTED)
    for column, (preparation, said) in enumerate(PREPARED.items()):
        one, left = pair("vit-tiny", "cat_dog with crop_dog", preparation), MARGIN + 0.1 + column * 3.45
        sheet.write(said, left, 0.66, 8.5)
        for index, direction in enumerate(("noise", "denoise")):
            axes = sheet.axes(left + index * 1.62, 1.05, 1.38, high)
            sheet.write(DIRECTED[direction], left + index * 1.62, 0.94, 7, MUTED)
            _numbers(axes, moved(one, direction), flipping(one, direction))
    sheet.write("framed: heads that flip the difference alone", MARGIN + 0.1, 4.38, 7, MUTED)
    return sheet.png()


def flipping(one: dict[str, Any], direction: str) -> list[tuple[int, int]]:
    """Heads that alone bring the metric to the other side of 0."""
    metric = np.array(next(t["metric"] for t in one["tables"] if t["direction"] == direction))
    target = one["clean" if direction == "noise" else "corrupt"]["metric"]
    return [(int(layer), int(head)) for layer, head in np.argwhere(metric * target < 0)]


def photo_reading() -> bytes:
    """From where L9H0 writes: the grid of patches with the two boxes, without the photo."""
    one, other = pair("vit-tiny", "cat_dog with crop_dog"), pair("vit-tiny", "cat_dog with cat_crop")
    boxes = [one["hidden"], other["hidden"]]
    shown = (("tabby", "clean"), ("Border collie", "clean"), ("tabby", "corrupt"))
    maps = [_square(reading_of(one, "L9H0", answer, picture)["patches"]) for answer, picture in shown]
    limit, side, step = 0.35, 1.85, 2.2
    sheet = Sheet(WIDTH, 3.2, DPI)
    sheet.write("ViT-Tiny/16 L9H0: from where it writes, as the checkpoint expects", MARGIN, 0.22, 10)
    for index, ((answer, picture), values) in enumerate(zip(shown, maps, strict=True)):
        left = MARGIN + index * step
        whole = reading_of(one, "L9H0", answer, picture)
        name = "cat_dog" if picture == "clean" else "crop_dog"
        sheet.write(f"{name} → {answer}: {sum(whole['patches']) + whole['prefix']:+.2f}", left, 0.52, 8)
        axes = sheet.axes(left, 0.66, side, side)
        _grid(axes, values, limit, boxes)
        for word, box in zip(("dog", "cat"), boxes, strict=True):
            rows, columns = np.divmod(box, len(values))
            axes.text(columns.mean(), rows.max() + 1.2, word, ha="center", va="center", fontsize=7, color=INK)
    _bar(sheet, limit, 2.86, "logits from each patch")
    sheet.write("frames: the boxes that are black in crop_dog and in cat_crop", MARGIN, 2.9, 7, MUTED)
    return sheet.png()


def photo_attribution() -> bytes:
    """Direct logit attribution of both answers on the famous photo, sublayer by sublayer."""
    one = pair("vit-tiny", "cat_dog with crop_dog")
    sheet = Sheet(WIDTH, 2.75, DPI)
    sheet.write("ViT-Tiny/16 on cat_dog: what each part writes directly, in logits", MARGIN, 0.22, 10)
    axes = sheet.axes(MARGIN + 0.1, 0.5, WIDTH - 2 * MARGIN - 0.1, 1.65)
    for shift, direct, color in zip((-0.2, 0.2), one["direct"], (ACCENT, BASELINE), strict=True):
        parts = direct["sublayers"]
        label = f"{direct['answer']}: {direct['total']:.2f} in all"
        axes.bar(np.arange(len(parts)) + shift, list(parts.values()), 0.4, color=color, label=label)
    names = [name.removesuffix("_out").replace("_", " ") for name in one["direct"][0]["sublayers"]]
    tidy(axes, "")
    axes.set_xticks(range(len(names)), names, rotation=90)
    axes.axhline(0, color=MUTED, lw=0.5)
    axes.set_xlim(-0.8, len(names) - 0.2)
    axes.legend(frameon=False, fontsize=7, labelcolor=INK, loc="upper left")
    return sheet.png()


def reading_of(one: dict[str, Any], head: str, answer: str, picture: str = "clean") -> dict[str, Any]:
    """What a head writes towards an answer, by patch."""
    wanted = (head, answer, picture)
    return next(r for r in one["readings"] if (r["head"], r["answer"], r["picture"]) == wanted)


def _square(patches: Iterable[float]) -> Map:
    values = np.array(list(patches))
    return values.reshape(round(len(values) ** 0.5), -1)


def _grid(axes: Axes, values: Map, limit: float, boxes: Iterable[list[int]]) -> None:
    """A map of patches with the outlines of sets of patches."""
    axes.imshow(values, cmap=PALETTE, vmin=-limit, vmax=limit)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(color="#d1d5db", linewidth=0.5)
    for box in boxes:
        inside = np.zeros(values.shape, bool)
        inside.flat[box] = True
        n_rows, n_columns = values.shape
        for row, column in np.argwhere(inside).tolist():
            for down, right in ((-1, 0), (1, 0), (0, -1), (0, 1)):
                near = row + down, column + right
                if not (0 <= near[0] < n_rows and 0 <= near[1] < n_columns and inside[near]):
                    _edge(axes, row, column, down, right)


def _edge(axes: Axes, row: int, column: int, down: int, right: int) -> None:
    """One side of one patch."""
    y, x = row + down / 2, column + right / 2
    across, along = (0.5, 0.0) if down else (0.0, 0.5)
    axes.plot([x - across, x + across], [y - along, y + along], color=INK, lw=1.0, solid_capstyle="projecting")


def _numbers(axes: Axes, values: Map, framed: Iterable[tuple[int, int]]) -> None:
    """A head table with its percentages."""
    axes.imshow(values, cmap=PALETTE, vmin=-0.3, vmax=0.3, aspect="auto")
    for row, column in np.ndindex(values.shape):
        value = round(100 * float(values[row, column])) or 0
        ink = "white" if abs(value) > 21 else INK
        text = f"{value:+d}".replace("-", "−") if value else "0"
        axes.text(column, row, text, ha="center", va="center", fontsize=6.5, color=ink)
    for row, column in framed:
        axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor=INK, linewidth=1.6))
    axes.set_yticks(range(len(values)), [f"L{i}" for i in range(len(values))])
    axes.set_xticks(range(values.shape[1]), [f"H{i}" for i in range(values.shape[1])])
    axes.tick_params(colors=MUTED, labelsize=6, length=2, width=0.5, pad=1.5)
    axes.spines[:].set_visible(False)


def _bar(sheet: Sheet, limit: float, top: float, label: str) -> None:
    axes = sheet.axes(WIDTH - MARGIN - 1.9, top, 1.6, 0.08)
    bar = sheet.figure.colorbar(
        ScalarMappable(Normalize(-limit, limit), PALETTE), cax=axes, orientation="horizontal", extend="both"
    )
    bar.outline.set_visible(False)  # type: ignore[operator]
    axes.tick_params(colors=MUTED, labelsize=6, length=2, width=0.5)
    sheet.write(label, WIDTH - MARGIN - 2.0, top + 0.04, 7, MUTED, "right")


def _answers(run: dict[str, Any]) -> tuple[str, ...]:
    return tuple(f"{name}  {logit:.2f}  {p:.1%}" for name, logit, p in run["top"])


def _metric(run: dict[str, Any]) -> str:
    return f"{run['metric']:+.2f}".replace("-", "−")


PICTURES: dict[str, Callable[[], bytes]] = {
    "patching-scene-pair": scene_pair,
    "patching-scene-reading": scene_reading,
    "patching-scenes-general": general_scenes,
    "patching-photo-heads": photo_heads,
    "patching-photo-reading": photo_reading,
    "patching-photo-attribution": photo_attribution,
    "patching-photos-general": general_photos,
}
