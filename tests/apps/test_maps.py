"""The bytes of attention matrices: as close as promised, at most as many as promised, at any shape."""

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.common import maps
from apps.common.maps import pack_maps, pack_thumbs, pack_token, thumbnails

RANDOM = np.random.default_rng(0)
HIDDEN = -np.inf


def unpack_maps(blob: bytes, n_units: int, n_tokens: int) -> np.ndarray:
    """The browser's arithmetic, from the documented layout."""
    low, high = np.frombuffer(blob, "<f4", 2 * n_units).astype(float).reshape(2, n_units, 1)
    ends = np.frombuffer(blob, "<u2", 2 * n_units * n_tokens, offset=8 * n_units).reshape(2, n_units, n_tokens)
    code = np.frombuffer(blob, np.uint8, offset=8 * n_units + 4 * n_units * n_tokens)
    lo, hi = low + (high - low) * ends / 65535
    return lo[..., None] + (hi - lo)[..., None] * code.reshape(n_units, n_tokens, n_tokens) / 255


def unpack_scaled(blob: bytes, *shapes: tuple[int, ...]) -> list[np.ndarray]:
    """Parts of a blob of (low, high) per unit for each part, then codes for each part."""
    n_units = shapes[0][0]
    ends = np.frombuffer(blob, "<f4", 2 * n_units * len(shapes)).astype(float).reshape(len(shapes), 2, n_units)
    decoded, at = [], ends.size * 4
    for (low, high), shape in zip(ends, shapes, strict=True):
        code = np.frombuffer(blob, np.uint8, int(np.prod(shape)), offset=at).reshape(n_units, -1)
        decoded.append((low[:, None] + (high - low)[:, None] * code / 255).reshape(shape))
        at += code.size
    assert at == len(blob)
    return decoded


def row_range(values: np.ndarray) -> np.ndarray:
    """Range of the visible cells of each row, or the part of its unit's range below which rows share one grain."""
    visible = np.where(np.isneginf(values), np.nan, values.astype(float))
    low, high = np.nanmin(visible, -1, keepdims=True), np.nanmax(visible, -1, keepdims=True)
    return np.maximum(high - low, (high.max(1, keepdims=True) - low.min(1, keepdims=True)) * 2 / 65535)


def worst(values: np.ndarray) -> float:
    """Largest error over all visible cells, in units of 1/255 of the row's range."""
    error = np.abs(unpack_maps(pack_maps(values), *values.shape[:2]) - values)
    return float(
        (error[np.isfinite(values)] / np.broadcast_to(unit_of(values), values.shape)[np.isfinite(values)]).max()
    )


def unit_of(values: np.ndarray) -> np.ndarray:
    return np.maximum(row_range(values) / 255, np.finfo(float).tiny)


def softmaxed(n_units: int, n_tokens: int, sharpness: float = 3.0) -> np.ndarray:
    exponents = np.exp(RANDOM.standard_normal((n_units, n_tokens, n_tokens)) * sharpness)
    return (exponents / exponents.sum(-1, keepdims=True)).astype("f4")


finite = st.floats(-(2.0**60), 2.0**60, width=32)
sizes = st.tuples(st.integers(1, 3), st.integers(1, 9)).map(lambda size: (size[0], size[1], size[1]))


@given(arrays.arrays(np.float32, sizes, elements=finite))
def test_every_cell_is_within_a_255th_of_its_rows_range(values):
    assert worst(values) <= 1


@given(sizes, st.floats(-1e6, 1e6), st.floats(1e-3, 1e3), st.integers(0, 2**32 - 1))
def test_narrow_rows_far_from_zero_are_within_it_too(shape, centre, width, seed):
    values = np.random.default_rng(seed).uniform(centre - width, centre + width, shape).astype("f4")
    assert worst(values) <= 1


@given(arrays.arrays(np.float32, sizes, elements=finite))
def test_hidden_cells_have_code_0_and_no_say_in_the_range(values):
    n_units, n_tokens, _ = values.shape
    values = np.where(np.tril(np.ones((n_tokens, n_tokens), bool)), values, HIDDEN).astype("f4")
    blob = pack_maps(values)
    codes = np.frombuffer(blob, np.uint8)[-values.size :].reshape(values.shape)
    assert worst(values) <= 1 and not codes[np.isneginf(values)].any()


def test_one_scale_for_a_whole_unit_would_miss_the_bound():
    values = softmaxed(1, 50)
    low, high = values.min(), values.max()
    coarse = low + (high - low) * np.round((values - low) / (high - low) * 255) / 255
    assert (np.abs(coarse - values) / unit_of(values)).max() > 2
    assert worst(values) <= 0.6


def test_a_real_row_is_within_half_a_255th():
    assert worst(softmaxed(12, 197)) < 0.51


@pytest.mark.parametrize("value", [0.0, -3.25, 1e30, 1e-40])
def test_constant_maps_are_exact(value):
    values = np.full((2, 3, 3), value, "f4")
    assert (unpack_maps(pack_maps(values), 2, 3) == values).all()


def test_constant_rows_are_exact_to_the_grain_of_their_unit():
    values = np.repeat(np.linspace(-1, 3, 7, dtype="f4")[:, None], 7, axis=1)[None]
    assert worst(values) <= 1
    np.testing.assert_allclose(unpack_maps(pack_maps(values), 1, 7), values, atol=4 / 65535)


def test_one_token():
    assert unpack_maps(pack_maps(np.full((3, 1, 1), 1, "f4")), 3, 1).tolist() == [[[1]]] * 3


def test_a_row_with_nothing_visible_stays_readable():
    values = np.array([[[HIDDEN, HIDDEN], [1, 2]]], "f4")
    np.testing.assert_allclose(unpack_maps(pack_maps(values), 1, 2)[0, 1], [1, 2], atol=1e-4)


@pytest.mark.parametrize(("n_heads", "n_tokens", "limit"), [(12, 197, 500_000), (16, 577, 5_400_000)])
def test_a_layer_is_at_most_as_large_as_promised(n_heads, n_tokens, limit):
    values = softmaxed(n_heads, n_tokens)
    n_bytes = len(pack_maps(values))
    assert n_bytes == maps.maps_bytes(n_heads, n_tokens) <= limit < values.nbytes


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_a_number_is_refused(bad):
    values = np.zeros((2, 3, 3), "f4")
    values[1, 2, 0] = bad
    for pack in (pack_maps, pack_thumbs, lambda v: pack_token(v[0], v[1])):
        with pytest.raises(ValueError, match="NaN or \\+inf"):
            pack(values)


def test_matrices_must_be_square():
    with pytest.raises(ValueError, match=r"got \[2, 3, 4\]"):
        pack_maps(np.zeros((2, 3, 4), "f4"))


def test_thumbnails_are_means_of_even_areas():
    values = RANDOM.random((2, 5, 5), "f4")
    small = thumbnails(values, 2)
    np.testing.assert_allclose(small[:, 0, 1], values[:, :2, 2:].mean((1, 2)), rtol=1e-6)
    np.testing.assert_allclose(small[:, 1, 0], values[:, 2:, :2].mean((1, 2)), rtol=1e-6)


@given(st.integers(1, 70), st.integers(1, 40))
def test_thumbnails_agree_with_slow_means(n_tokens, size):
    values = np.random.default_rng(0).random((1, n_tokens, n_tokens), "f4")
    side = min(n_tokens, size)
    edges = [i * n_tokens // side for i in range(side + 1)]
    spans = [slice(a, b) for a, b in zip(edges, edges[1:], strict=False)]
    slow = [[values[0, rows, columns].mean() for columns in spans] for rows in spans]
    np.testing.assert_allclose(thumbnails(values, size)[0], slow, rtol=1e-5)


def test_few_tokens_are_their_own_thumbnail():
    values = softmaxed(2, 17)
    assert (thumbnails(values, 32) == values).all()


def test_thumbnails_leave_hidden_cells_out():
    values = np.array([[[1, HIDDEN, HIDDEN, HIDDEN], [2, 3, HIDDEN, HIDDEN], [4, 4, 5, HIDDEN], [4, 4, 5, 6]]], "f4")
    assert thumbnails(values, 2)[0].tolist() == [[2, HIDDEN], [4, pytest.approx(16 / 3)]]


def test_thumbs_round_trip():
    values = RANDOM.standard_normal((5, 4, 4)).astype("f4") * np.array([1, 10, 100, 0, 1e-3], "f4")[:, None, None]
    (decoded,) = unpack_scaled(pack_thumbs(values), values.shape)
    span = np.ptp(values, (1, 2))[:, None, None]
    assert (np.abs(decoded - values) <= span / 255 * 0.51).all()


def test_tokens_round_trip():
    rows, columns = (RANDOM.standard_normal((6, 9)).astype("f4") * scale for scale in (1, 100))
    decoded = unpack_scaled(pack_token(rows, columns), rows.shape, columns.shape)
    for got, expected in zip(decoded, (rows, columns), strict=True):
        assert (np.abs(got - expected) <= np.ptp(expected, -1)[:, None] / 255 * 0.51).all()
    assert np.abs(decoded[0] - columns).max() > 10  # rows and columns are not the same thing


def test_a_millionth_is_the_floor_of_shares():
    assert maps.log_of_shares(np.array([1, 0.1, 1e-6, 1e-9, 0], "f4")).tolist() == pytest.approx([0, -1, -6, -6, -6])


def test_lengths_have_a_floor_of_their_own_in_each_matrix():
    values = np.array([[[100, 1], [1e-5, 0]], [[1e-3, 0], [1e-8, 1e-10]]], "f4")
    logs = maps.log_of_lengths(values)
    assert logs[0].ravel().tolist() == pytest.approx([2, 0, -4, -4])
    assert logs[1].ravel().tolist() == pytest.approx([-3, -9, -8, -9])


def test_a_part_of_a_matrix_takes_the_floor_of_the_whole():
    values = np.array([[1e-9, 1e-3]], "f4")
    assert maps.log_of_lengths(values, np.array([10], "f4")).ravel().tolist() == pytest.approx([-5, -3])


def test_the_log_of_nothing_is_a_number():
    assert np.isfinite(maps.log_of_lengths(np.zeros((1, 2, 2), "f4"))).all()


@pytest.mark.parametrize(
    ("n_heads", "n_tokens", "expected"),
    [(12, 197, 12), (16, 577, 16), (24, 577, 24), (25, 577, 24), (12, 1370, 4), (12, 3137, 1), (1, 1, 1)],
)
def test_a_layer_travels_whole_up_to_8_megabytes(n_heads, n_tokens, expected):
    chunk = maps.heads_per_chunk(n_heads, n_tokens)
    assert chunk == expected
    assert chunk in (1, n_heads) or chunk * n_tokens**2 <= 8_000_000
