"""The files of one run: what the bytes say is what the engine says, at any shape, and nothing else has a name."""

import numpy as np
import pytest
import torch

import prisma_engine as pe
from apps.attention_tour.files import FILE_KINDS, NoSuchFile, RunFiles
from apps.common import maps as packing
from prisma_engine.analysis.attention import attention_maps
from prisma_engine.analysis.heads.metrics import measure_heads

SHAPES = {
    "still": dict(image_size=(12, 16), prefix=("CLS", "REG1")),
    "no prefix": dict(image_size=(8, 8), prefix=(), pool="mean"),
    "video": dict(image_size=(8, 12), n_frames=4, tubelet=2),
    "causal": dict(image_size=(8, 12), attention_direction="causal", pool="mean"),
}
BASE = dict(patch_size=(4, 4), n_layers=3, n_heads=3, d_model=12, d_head=4, d_mlp=16, n_classes=5)


def model_of(name: str) -> tuple[pe.HookedViT, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    model = pe.HookedViT(pe.ViTConfig(**{**BASE, **SHAPES[name]})).eval().requires_grad_(False)
    for parameter in model.parameters():
        parameter.copy_(0.5 * torch.randn(parameter.shape, generator=random))
    config = model.config
    frames = (config.n_frames,) if config.is_video else ()
    return model, torch.randn(1, *frames, 3, *config.image_size, generator=random)


def frames_of(maps) -> list[np.ndarray]:
    return [np.full((8, 8, 3), 40 * i, np.uint8) for i in range(maps.n_frames)]


def files_of(name: str, **what_if) -> RunFiles:
    model, x = model_of(name)
    maps = attention_maps(model, x, **what_if)
    return RunFiles(maps, frames_of(maps))


@pytest.fixture(params=[*SHAPES, "what if causal"])
def files(request) -> RunFiles:
    return files_of("still", causal_from=1) if request.param == "what if causal" else files_of(request.param)


@pytest.fixture
def still() -> RunFiles:
    return files_of("still")


def unpack_maps(blob: bytes, n_tokens: int) -> np.ndarray:
    n_units = len(blob) // (8 + 4 * n_tokens + n_tokens**2)
    low, high = np.frombuffer(blob, "<f4", 2 * n_units).astype(float).reshape(2, n_units, 1)
    ends = np.frombuffer(blob, "<u2", 2 * n_units * n_tokens, offset=8 * n_units).reshape(2, n_units, n_tokens)
    code = np.frombuffer(blob, np.uint8, offset=8 * n_units + 4 * n_units * n_tokens)
    lo, hi = low + (high - low) * ends / 65535
    return lo[..., None] + (hi - lo)[..., None] * code.reshape(n_units, n_tokens, n_tokens) / 255


def expected(maps, kind: str, layer: int) -> np.ndarray:
    if kind == "log_pattern":
        return maps.pattern(layer).clamp(min=1e-6).log10().numpy()
    if kind == "log_value":
        value = maps.value_weighted(layer)
        return value.maximum(1e-6 * value.amax((-2, -1), keepdim=True)).log10().numpy()
    return maps.kind(kind, layer).numpy()


def visible(maps, kind: str, layer: int) -> np.ndarray:
    hidden = maps.hidden(layer)
    shown = np.ones((maps.n_tokens, maps.n_tokens), bool)
    return shown if hidden is None or kind in ("pattern", "value") else ~hidden.numpy()


@pytest.mark.parametrize("kind", FILE_KINDS)
def test_maps_say_what_the_engine_says(files, kind):
    maps = files.maps
    for layer in range(maps.n_layers):
        decoded, exact = unpack_maps(files.read(f"maps/{kind}/{layer}/0"), maps.n_tokens), expected(maps, kind, layer)
        shown = np.broadcast_to(visible(maps, kind, layer), exact.shape)
        span = exact[shown].max() - exact[shown].min()
        assert np.abs(decoded - exact)[shown].max() <= span / 255
    other = expected(maps, kind, 0)
    assert np.abs(decoded - other)[shown & np.isfinite(other)].max() > span / 255  # not just any layer's


@pytest.mark.parametrize("kind", FILE_KINDS)
def test_a_token_file_holds_that_row_and_column_of_every_matrix(files, kind):
    maps, n_units, token = files.maps, files.maps.n_layers * files.maps.n_heads, files.maps.n_prefix + 1
    blob = files.read(f"token/{kind}/{token}")
    ends = np.frombuffer(blob, "<f4", 4 * n_units).reshape(4, n_units, 1)
    codes = np.frombuffer(blob, np.uint8, offset=16 * n_units).reshape(2, n_units, maps.n_tokens)
    for side in (0, 1):
        low, high = ends[2 * side], ends[2 * side + 1]
        decoded = (low + (high - low) * codes[side] / 255).reshape(maps.n_layers, maps.n_heads, -1)
        for layer in range(maps.n_layers):
            exact = expected(maps, kind, layer)
            line, shown = (np.take(m, token, -1 - (1 - side)) for m in (exact, visible(maps, kind, layer)))
            scale = np.ptp(line[:, shown], -1).max()
            assert np.abs(decoded[layer] - line)[:, shown].max() <= scale / 255 + 1e-5


@pytest.mark.parametrize("unit", [0, 2, "mean"])
def test_exact_numbers_are_the_engines(files, unit):
    maps, token = files.maps, files.maps.n_tokens - 1
    lines = np.frombuffer(files.read(f"exact/2/{unit}/{token}"), "<f4").reshape(6, -1)
    for i, kind in enumerate(("scores", "pattern", "value")):
        matrix = maps.mean(kind, 2) if unit == "mean" else maps.kind(kind, 2)[unit]
        torch.testing.assert_close(torch.tensor(lines[2 * i]), matrix[token], rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(torch.tensor(lines[2 * i + 1]), matrix[:, token], rtol=1e-5, atol=1e-6)


def test_the_rollout_has_patterns_and_nothing_else(files):
    maps = files.maps
    lines = np.frombuffer(files.read("exact/1/rollout/0"), "<f4").reshape(6, -1)
    assert np.isnan(lines[[0, 1, 4, 5]]).all()
    np.testing.assert_allclose(lines[2], maps.rollout(1)[0], rtol=1e-6)
    decoded = unpack_maps(files.read("maps/pattern/1/rollout"), maps.n_tokens)
    np.testing.assert_allclose(decoded[0], maps.rollout(1), atol=1 / 255)
    with pytest.raises(NoSuchFile, match="no.*'scores'"):
        files.read("maps/scores/1/rollout")


def test_the_mean_is_logged_after_it_is_taken(still):
    maps = still.maps
    decoded = unpack_maps(still.read("maps/log_pattern/2/mean"), maps.n_tokens)[0]
    span = 2 * np.ptp(maps.mean("pattern", 2).clamp(min=1e-6).log10().numpy()) / 255
    np.testing.assert_allclose(decoded, maps.mean("pattern", 2).clamp(min=1e-6).log10(), atol=span)
    assert np.abs(decoded - maps.pattern(2).clamp(min=1e-6).log10().mean(0).numpy()).max() > span


def test_the_wall_has_every_head_in_order(still, monkeypatch):
    monkeypatch.setattr(packing, "THUMB", 4)
    maps, n_units = still.maps, still.maps.n_layers * still.maps.n_heads
    blob = files_of("still").read("wall/scores")
    side = round(((len(blob) - 8 * n_units) / n_units) ** 0.5)
    low, high = np.frombuffer(blob, "<f4", 2 * n_units).reshape(2, n_units)
    codes = np.frombuffer(blob, np.uint8, offset=8 * n_units).reshape(n_units, side, side)
    thumbs = np.concatenate([packing.thumbnails(maps.scores(i).numpy(), side) for i in range(maps.n_layers)])
    np.testing.assert_allclose(low, thumbs.min((1, 2)), rtol=1e-6)
    np.testing.assert_allclose(high, thumbs.max((1, 2)), rtol=1e-6)
    assert codes[-1].argmax() == thumbs[-1].argmax() and len(np.unique(codes[0])) > 3


def test_metrics_are_the_engines_in_the_order_told(files):
    told, maps = files.describe()["metrics"], files.maps
    blob = np.frombuffer(files.read("metrics"), "<f4").reshape(len(told), maps.n_layers, maps.n_heads)
    found = measure_heads(maps)
    assert {metric["id"] for metric in told} == set(found)
    for plane, metric in zip(blob, told, strict=True):
        np.testing.assert_allclose(plane, found[metric["id"]], rtol=1e-6)


def test_chunks_put_together_are_the_layer(still, monkeypatch):
    whole = unpack_maps(still.read("maps/rank/1/0"), still.maps.n_tokens)
    names = ("maps/value/1/mean", "wall/log_value", "token/log_value/3", "token/rank/3", "exact/1/2/3")
    together = [still.read(name) for name in names]
    monkeypatch.setattr(packing, "CHUNK_BYTES", 2 * still.maps.n_tokens**2)
    divided = files_of("still")
    assert divided.describe()["heads_per_chunk"] == 2
    parts = [unpack_maps(divided.read(f"maps/rank/1/{i}"), still.maps.n_tokens) for i in range(2)]
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-5)
    for name, blob in zip(names, together, strict=True):
        a, b = (np.frombuffer(data, np.uint8).astype(int) for data in (blob, divided.read(name)))
        assert len(a) == len(b) and (a != b).mean() < 0.02
    with pytest.raises(NoSuchFile, match="chunks 0 to 1"):
        divided.read("maps/rank/1/2")


def test_lines_of_an_edited_run_are_those_of_its_matrices():
    model, x = model_of("still")
    with model.hooks({"blocks.1.attn.hook_pattern": pe.zero(head=[1])}):
        maps = attention_maps(model, x)
    lines = np.frombuffer(RunFiles(maps, frames_of(maps)).read("exact/1/1/2"), "<f4").reshape(6, -1)
    assert lines[0].any() and not lines[2].any()


def test_pictures_are_the_ones_given():
    files = files_of("video")
    assert files.read("image") == files.read("image/0") != files.read("image/1")
    with pytest.raises(ValueError, match="2 frames of tokens need as many pictures, got 1"):
        RunFiles(files.maps, files.frames[:1])


def test_a_causal_model_says_so(still):
    told = files_of("causal").describe()
    assert (told["causal_from"], told["prefix_sees_all"]) == (0, False)
    assert still.describe()["causal_from"] is None
    assert files_of("still", causal_from=2).describe()["causal_from"] == 2


def test_everything_offline_can_be_read(files):
    names = list(files.offline(["pattern", "scores"], [0, 2]))
    assert len(names) == len(set(names)) and all(files.read(name) for name in names)
    assert "maps/pattern/2/rollout" in names and "maps/scores/2/rollout" not in names


def test_the_lens_is_there_only_if_given(still):
    assert RunFiles(still.maps, still.frames, b"lens").read("lens") == b"lens"
    with pytest.raises(NoSuchFile, match="no lens"):
        still.read("lens")


def test_what_is_kept_is_weighed():
    files = files_of("still")
    before = files.n_bytes
    for name in [*files.offline(FILE_KINDS, [0, 1, 2]), *(f"token/log_value/{t}" for t in range(14))]:
        files.read(name)
    kept = sum(map(len, files._kept.values()))
    assert files.n_bytes == before > kept > 0


@pytest.mark.parametrize(
    "name",
    ["", "maps", "maps/pattern/0", "maps/pattern/0/0/0", "maps/colour/0/0", "maps/pattern/3/0", "maps/pattern/-1/0",
     "maps/pattern/0/1", "maps/pattern/0/sum", "maps/pattern/١/0", "maps/pattern/1e0/0", "maps/pattern/+1/0", "wall",
     "wall/colour", "token/pattern/14", "token/colour/0", "exact/0/3/0", "exact/0/0/14", "exact/3/0/0", "image/1",
     "metrics/0", "../image", "image/", "maps/pattern/0/" + "9" * 5000],
)  # fmt: skip
def test_any_other_name_is_refused_in_a_sentence(still, name):
    with pytest.raises(NoSuchFile, match="there is no (file|kind|layer|chunk|head|token|frame) '") as refusal:
        still.read(name)
    assert len(str(refusal.value)) < 250
