"""The faster matrix product is the same function, in one thread alone."""

import threading

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from families import tiny_model
from prisma_engine.analysis.patching import kernels
from prisma_engine.analysis.patching.activation import patch_sweep
from prisma_engine.analysis.patching.kernels import fast_linear


@pytest.fixture(params=[True, False])
def switched(request, monkeypatch):
    """With the fast product and without it, whatever this machine's CPU."""
    if request.param and not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        pytest.skip("this build of torch has no oneDNN")
    monkeypatch.setattr(kernels, "_is_worth_it", lambda: request.param)
    return request.param


@torch.no_grad()
@pytest.mark.parametrize("shape", [(5,), (3, 5), (2, 3, 5), (0, 5)])
@pytest.mark.parametrize("bias", [True, False])
def test_it_is_the_same_function(switched, shape, bias):
    layer, x = nn.Linear(5, 7, bias=bias), torch.randn(shape)
    with fast_linear():
        fast = layer(x)
        assert torch.allclose(F.linear(input=x, weight=layer.weight), F.linear(x, layer.weight), atol=1e-6)
        assert layer.double()(x.double()).dtype == torch.float64
    assert torch.allclose(fast, layer.float()(x), atol=1e-6)
    assert not shape[0] or not torch.allclose(fast, layer(x + 1), atol=1e-6)


@torch.no_grad()
def test_it_is_used_inside_alone(monkeypatch):
    monkeypatch.setattr(kernels, "_is_worth_it", lambda: True)
    used = []
    monkeypatch.setattr(kernels, "_is_float32", lambda *tensors: bool(used.append(threading.get_ident())))
    layer, x = nn.Linear(3, 3), torch.randn(2, 3)
    layer(x)
    assert not used
    with fast_linear():
        layer(x)
        other = threading.Thread(target=layer, args=(x,))
        other.start()
        other.join()
    layer(x)
    assert used == [threading.get_ident()]


@torch.no_grad()
def test_sweeps_are_the_same_with_it_and_without(monkeypatch):
    model = tiny_model("ViT")
    a, b = torch.randn(2, 1, 3, 32, 32).unbind()
    sweeps = []
    for choice in (True, False):
        monkeypatch.setattr(kernels, "_is_worth_it", lambda choice=choice: choice)
        sweeps.append(patch_sweep(model, a, b, "*.hook_z", ("layer", "head"), metric=lambda logits: logits[:, 2]))
    assert torch.allclose(sweeps[0].metric, sweeps[1].metric, atol=1e-5)
