"""Logits of the lens → the little-endian bytes that the browser reads.

The lens blob holds, for L layers, T tokens (prefix tokens first, patches row by row) and k classes:
`uint16 class[L][T][k]`, `uint16 code[L][T][k]`, `float32 logprob1[L][T]`, `float32 low`, `float32 step`. A logit is
`low + step · code`: over the range of one result this is tens of times finer than float16 at the same size, so that
the page's numbers agree with the exact ones to the digits that it shows. logprob1 is the log-probability, in nats, of
the top class; the others follow as `p_k = exp(logprob1 + logit_k - logit_1)`.
"""

from __future__ import annotations

import io

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

TOP_K = 5


def pack_lens(logits: Float[Tensor, "layer token class"], k: int = TOP_K) -> bytes:
    """The k highest classes of every token at every layer, with the normaliser of the softmax.

    Raises:
        ValueError: if there are fewer than k classes, or more than a uint16 can name.
    """
    n_classes = logits.shape[-1]
    if not k <= n_classes <= 65536:
        raise ValueError(f"the lens shows {k} classes of at most 65,536, got a head with {n_classes}")
    top = logits.topk(k, dim=-1)
    log_probability = top.values[..., 0] - logits.logsumexp(dim=-1)
    low, high = top.values.min().item(), top.values.max().item()
    step = (high - low) / 65535 or 1.0
    code = ((top.values.double() - low) / step).round()
    scale = np.array([low, step], "<f4").tobytes()
    return b"".join((_uint16(top.indices), _uint16(code), _float32(log_probability), scale))


def pack_class(logits: Float[np.ndarray, "layer token class"], index: int) -> bytes:
    """One class everywhere: `float32 logit[L][T]`, `float32 logprob[L][T]`, `uint16 rank[L][T]`, 0 = top.

    Raises:
        ValueError: if there is no class `index`.
    """
    if not 0 <= index < logits.shape[-1]:
        raise ValueError(f"there is no class {index}; classes run from 0 to {logits.shape[-1] - 1}")
    tensor = torch.from_numpy(logits)
    wanted = tensor[..., index]
    rank = (tensor > wanted[..., None]).sum(dim=-1)
    log_probability = wanted - tensor.logsumexp(dim=-1)
    return b"".join((_float32(wanted), _float32(log_probability), _uint16(rank)))


def pack_png(pixels: UInt8[np.ndarray, "height width 3"]) -> bytes:
    """A PNG of these very pixels: lossless, so the page shows what the model saw."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


def _uint16(tensor: Tensor) -> bytes:
    return tensor.numpy().astype("<u2").tobytes()


def _float32(tensor: Tensor) -> bytes:
    return tensor.numpy().astype("<f4").tobytes()
