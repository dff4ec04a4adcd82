"""Pictures of attention against stored ones, drawn from fixed arrays."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from apps.attention_tour.drawing import head_figure, npy_bytes, strongest
from apps.attention_tour.evidence_figure import (
    MeanPattern,
    TypeMap,
    evidence_figure,
    gallery_figure,
    key_map,
    mean_patterns,
    step_map,
    type_maps,
)
from apps.attention_tour.film import card_png, film_frame, layers_gif
from apps.attention_tour.measures import ends, say, shade
from apps.attention_tour.painting import READ_BY, READS, HeadView, painted
from apps.common.animation import animated_gif
from apps.common.paper import picture_png
from golden.stored import MEAN_TOLERANCE, assert_as_stored, difference
from prisma_engine.analysis.heads.evidence import Evidence, FoundHead, TypeEvidence
from prisma_engine.analysis.layout import Layout

GRID = (3, 4)
RANDOM = np.random.default_rng(7)
SCORES = (2 * RANDOM.standard_normal((14, 14))).astype("f4")
SCORES[:, 6] += 3
PATTERN = np.exp(SCORES) / np.exp(SCORES).sum(-1, keepdims=True)
HIDDEN = ~np.tril(np.ones((14, 14), bool))


def picture(shift: int = 0) -> np.ndarray:
    ramp = np.linspace(0, 255, 24 * 32).reshape(24, 32)
    return np.roll(np.stack([ramp, ramp[::-1], np.full_like(ramp, 128)], -1).astype(np.uint8), shift, 1)


STILL = HeadView("emoji-vit · A $scene$ 漢", "layer 3, head 5", (picture(),), GRID, ("CLS", "REG1"), PATTERN, 2 + 6)
VIDEO = HeadView(
    "ViViT · Frames", "mean over heads of layer 0", tuple(picture(8 * i) for i in range(3)), (2, 2), (),
    np.tile(PATTERN[2:, 2:], (1, 1)), 5, scale="log", norm="row",
)  # fmt: skip
CAUSAL = replace(STILL, matrix=np.where(HIDDEN, -np.inf, SCORES), kind="scores", token=0)
RANK = replace(STILL, matrix=SCORES - SCORES.mean(), kind="rank", unit="layer 0, head 1")
TYPES = [
    TypeMap("Corner head", np.linspace(-0.1, 1, 20).reshape(5, 4), ((4, 3), (4, 2))),
    TypeMap("Sink head", np.linspace(1, 0, 20).reshape(5, 4), ()),
]
MEAN = MeanPattern("Sink head, layer 3, head 5", "strength 0.62", PATTERN, GRID, 2)

FIGURES = {
    "attention_head": lambda: head_figure(STILL, dpi=80),
    "attention_causal": lambda: head_figure(CAUSAL, dpi=80),
    "attention_rank": lambda: head_figure(RANK, dpi=80),
    "attention_video": lambda: head_figure(VIDEO, dpi=80),
    "attention_film": lambda: picture_png(film_frame(STILL, side=150)),
    "attention_card": lambda: card_png(STILL, np.broadcast_to(PATTERN, (3, 2, 14, 14)), height=120),
    "attention_types": lambda: evidence_figure(TYPES, "Head types of emoji-vit", "named from 0.9 on", dpi=80),
    "attention_gallery": lambda: gallery_figure([MEAN, replace(MEAN, title="x")], "Mean over 2 scenes", dpi=80),
}


@pytest.mark.parametrize("name", FIGURES)
def test_figures_are_as_stored(name: str):
    assert_as_stored(name, FIGURES[name]())


def test_a_difference_would_be_seen():
    other = head_figure(replace(STILL, matrix=PATTERN.T.copy()), dpi=80)
    assert difference(FIGURES["attention_head"](), other) > MEAN_TOLERANCE


def test_figures_are_the_same_each_time():
    assert FIGURES["attention_head"]() == FIGURES["attention_head"]()


def test_the_strongest_patch_is_the_most_opaque():
    one = replace(STILL, norm="row")
    drawn = np.asarray(painted(one, one.row, READS, 8), float)
    means = drawn.reshape(3, 8, 4, 8, 3).mean((1, 3)).reshape(12, 3)
    patch = int(one.row[2:].argmax())
    hue = np.array([0x1F, 0x6F, 0xFF])
    assert np.abs(means - hue).sum(-1).argmin() == patch != one.token - 2
    other = np.asarray(painted(one, one.column, READ_BY, 8), float)
    assert np.abs(other - drawn).mean() > 10


def test_a_selected_patch_is_outlined_and_a_prefix_token_is_not():
    plain, outlined = (painted(replace(STILL, token=t, matrix=0 * PATTERN), np.zeros(14), READS, 16) for t in (0, 8))
    changed = (np.asarray(plain) != np.asarray(outlined)).any(-1)
    rows, columns = np.nonzero(changed)
    assert 14 <= rows.min() <= 16 and 30 <= rows.max() <= 34 and 30 <= columns.min() <= 32 and columns.max() <= 50


def test_numbers_are_said_with_their_units():
    said = [say("pattern", x) for x in (0, 1e-6, 0.00123, 0.0123, 0.0999, 0.31)]
    assert said == ["0 %", "< 0.01 %", "0.12 %", "1.2 %", "10 %", "31 %"]
    assert say("scores", -3.2) == "−3.20" and say("rank", 12.3) == "+12 pp" and say("rank", -0.2) == "0 pp"
    assert say("value", 0.01234) == "0.0123" and say("scores", -np.inf) == "hidden"


def test_places_and_the_strongest_are_named():
    assert (STILL.place(0), STILL.place(8)) == ("CLS", "row 2, column 3")
    assert VIDEO.place(5) == "frame 2, row 1, column 2"
    best = 2 + int(STILL.row[2:].argmax())
    words = STILL.place(best).replace("row ", "r").replace("column ", "c").replace(", ", " ")
    assert strongest(STILL, STILL.row).startswith(f"{words}: {say('pattern', STILL.row[best])}")
    assert strongest(CAUSAL, CAUSAL.row) == ""  # the first token of a causal run reads no patch


def test_hidden_cells_have_no_shade_and_no_say():
    low, high = ends(CAUSAL.matrix, "scores", "linear")
    assert (low, high) == (SCORES[~HIDDEN].min(), SCORES[~HIDDEN].max())
    shown = shade(CAUSAL.matrix, "scores", "linear", low, high)
    assert np.isnan(shown[HIDDEN]).all() and shown[~HIDDEN].min() == 0 and shown[~HIDDEN].max() == 1


def test_a_log_scale_ends_at_a_millionth_and_ranks_have_0_in_the_middle():
    assert ends(np.array([1e-9, 0.5]), "pattern", "log") == (1e-6, 0.5)
    assert ends(np.array([0.0, 50.0]), "value", "log") == pytest.approx((5e-5, 50.0))
    assert ends(np.array([-3.0, 1.0]), "rank", "linear") == (-3.0, 3.0)
    assert shade(np.array([0.0]), "rank", "linear", -3, 3) == 0.5
    assert ends(np.array([-2.0, 1.0]), "scores", "log") == (-2.0, 1.0)


def test_steps_and_keys_of_a_known_pattern():
    n = 12
    left = np.eye(n, k=-1)  # every patch reads the one to its left, or the end of the row above
    one = MeanPattern("", "", left, GRID, 0)
    steps = step_map(one)
    middle = np.array(steps.shape) // 2
    assert steps[middle[0], middle[1] - 1] == 1 and steps[middle[0], middle[1] + 1] == 0
    assert steps[middle[0] - 1, middle[1] + 3] == 1  # from a row's beginning to the end of the one above
    keys = np.full(n, 1 / n)
    keys[-1] = 0
    np.testing.assert_allclose(key_map(one).ravel(), keys)


def test_evidence_becomes_maps_and_a_gallery():
    def evidence_of(id: str, strength: tuple) -> TypeEvidence:
        blank = ((None, None), (None, None))
        return TypeEvidence(id, id.title(), "", "", blank, blank, strength, blank, blank, None)

    found = tuple(FoundHead("sink", layer, 1, 0.5 - 0.1 * layer, (0.5, 0.5), {}) for layer in (0, 1))
    types = (evidence_of("row", ((None, 0.1), (0.2, 0.3))), evidence_of("sink", ((0.0, 0.5), (0.0, 0.4))))
    evidence = Evidence("m", "2 pictures", 2, 0, 2, 2, "rule", 9, types, found, {})
    row, sink = type_maps(evidence)
    assert row.strength.tolist() == [[0, 0.1], [0.2, 0.3]] and row.found == () and sink.found == ((0, 1), (1, 1))
    patterns = np.stack([[PATTERN, PATTERN.T], [PATTERN, PATTERN]])
    (one,) = mean_patterns(evidence, patterns, Layout(("CLS", "REG1"), GRID))
    assert (one.title, one.note) == ("Sink, layer 0, head 1", "strength 0.50") and (one.pattern == PATTERN.T).all()
    assert len(mean_patterns(evidence, patterns, Layout(("CLS", "REG1"), GRID), per_type=5)) == 2


def test_a_matrix_can_be_loaded_again():
    loaded = np.load(io.BytesIO(npy_bytes(PATTERN)), allow_pickle=False)
    assert loaded.dtype == np.float32 and (loaded == PATTERN).all()


def test_a_gif_has_every_layer_and_holds_the_last():
    layers = [replace(STILL, unit=f"layer {i}, head 0", token=2 + i) for i in range(3)]
    gif = Image.open(io.BytesIO(layers_gif(layers, side=60)))
    assert gif.n_frames == 3 and gif.info["loop"] == 0
    durations = []
    for index in range(3):
        gif.seek(index)
        durations.append(gif.info["duration"])
    assert durations == [500, 500, 2000]
    with pytest.raises(ValueError, match="at least one layer"):
        layers_gif([])


def test_kept_colours_come_out_exactly():
    rare = Image.fromarray(RANDOM.integers(0, 256, (64, 64, 3), np.uint8))
    rare.putpixel((5, 5), (253, 231, 37))
    for keep, expected in (([(253, 231, 37)], True), ([], False)):
        gif = Image.open(io.BytesIO(animated_gif([rare], keep=keep))).convert("RGB")
        assert (gif.getpixel((5, 5)) == (253, 231, 37)) is expected
    with pytest.raises(ValueError, match="up to 192 colours"):
        animated_gif([rare], keep=[(0, 0, 0)] * 193)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"token": 14}, "tokens run from 0 to 13, got 14"),
        ({"token": -1}, "got -1"),
        ({"matrix": PATTERN[:5]}, r"14 tokens need a matrix \[14 14\], got \[5, 14\]"),
        ({"frames": (picture(), picture())}, "26 tokens"),
    ],
)
def test_what_does_not_fit_together_is_refused(change, sentence):
    with pytest.raises(ValueError, match=sentence):
        replace(STILL, **change)
    if "matrix" in change:
        with pytest.raises(ValueError, match=sentence):
            replace(MEAN, pattern=change["matrix"])


def test_empty_evidence_is_refused():
    with pytest.raises(ValueError, match="at least one type"):
        evidence_figure([], "", "")
    with pytest.raises(ValueError, match="at least one head"):
        gallery_figure([], "")
