"""The bytes that the browser reads say what the logits say, and are few."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from apps.common.payload import pack_class, pack_lens, pack_png


def unpack_lens(blob: bytes, n_layers: int, n_tokens: int, k: int = 5):
    n = n_layers * n_tokens * k
    index = np.frombuffer(blob, "<u2", n).reshape(n_layers, n_tokens, k)
    code = np.frombuffer(blob, "<u2", n, offset=2 * n).reshape(n_layers, n_tokens, k)
    logprob = np.frombuffer(blob, "<f4", n // k, offset=4 * n).reshape(n_layers, n_tokens)
    low, step = np.frombuffer(blob[-8:], "<f4")
    return index, low + step * code.astype(np.float32), logprob.astype(np.float32)


@pytest.fixture(scope="module")
def logits():
    return torch.randn(4, 9, 50, generator=torch.Generator().manual_seed(0)) * 3


def test_lens_round_trip(logits):
    index, logit, logprob = unpack_lens(pack_lens(logits), 4, 9)
    best = logits.topk(5)
    assert (index == best.indices.numpy()).all()
    np.testing.assert_allclose(logit, best.values, atol=2e-4)  # half a step of a range of about 20
    probability = np.exp(logprob[..., None] + logit - logit[..., :1])
    np.testing.assert_allclose(probability, logits.softmax(-1).gather(-1, best.indices), rtol=1e-3)


def test_a_base_16_result_is_at_most_120_kilobytes():
    blob = pack_lens(torch.randn(25, 197, 1000))
    assert len(blob) == 25 * 197 * (5 * 4 + 4) + 8 <= 120_000


def test_too_few_classes_are_refused():
    with pytest.raises(ValueError, match="5 classes"):
        pack_lens(torch.randn(2, 3, 4))


def test_class_round_trip(logits):
    blob = pack_class(logits.numpy(), 7)
    logit, logprob = (np.frombuffer(blob, "<f4", 36, offset=at).reshape(4, 9) for at in (0, 144))
    rank = np.frombuffer(blob, "<u2", 36, offset=288).reshape(4, 9)
    np.testing.assert_allclose(logit, logits[..., 7])
    np.testing.assert_allclose(logprob, logits.log_softmax(-1)[..., 7], rtol=1e-5)
    assert (rank == (logits > logits[..., 7:8]).sum(-1).numpy()).all()


@pytest.mark.parametrize("index", [-1, 50])
def test_classes_out_of_range_are_refused(logits, index):
    with pytest.raises(ValueError, match="classes run from 0 to 49"):
        pack_class(logits.numpy(), index)


def test_the_picture_is_lossless():
    pixels = np.random.default_rng(0).integers(0, 256, (9, 13, 3), dtype=np.uint8)
    assert (np.asarray(Image.open(io.BytesIO(pack_png(pixels)))) == pixels).all()


def test_constant_logits_have_a_scale():
    _, logit, logprob = unpack_lens(pack_lens(torch.full((2, 3, 8), 1.5)), 2, 3)
    assert (logit == 1.5).all() and np.allclose(logprob, -np.log(8), atol=1e-3)
