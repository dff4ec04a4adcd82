"""Edits and their selectors."""

import numpy as np
import pytest
import torch

import prisma_engine as pe
from families import random_input, tiny_model

Z, PATTERN, RESID = "blocks.0.attn.hook_z", "blocks.0.attn.hook_pattern", "blocks.0.hook_resid_mid"


@pytest.fixture(scope="module")
def model():
    return tiny_model("timm DINOv2 with registers")


def after(model, point, edit):
    x = random_input(model.config)
    _, before = model.run_with_cache(x, names=point)
    _, cache = model.run_with_cache(x, names=point, edits={point: edit})
    return before[point], cache[point]


def written(before, index, value):
    expected = before.clone()
    expected[index] = value(before[index]) if callable(value) else value
    return expected


ALL = slice(None)


@pytest.mark.parametrize(
    ("point", "edit", "index", "value"),
    [
        (Z, pe.zero(), ALL, 0),
        (Z, pe.zero(head=1), (ALL, ALL, 1), 0),
        (Z, pe.zero(head=np.int64(1)), (ALL, ALL, 1), 0),
        (Z, pe.zero(head=torch.tensor(1)), (ALL, ALL, 1), 0),
        (Z, pe.zero(head=[0, 2]), (ALL, ALL, [0, 2]), 0),
        (Z, pe.zero(head=range(2)), (ALL, ALL, slice(2)), 0),
        (Z, pe.zero(token="cls"), (ALL, 0), 0),
        (Z, pe.zero(token="prefix"), (ALL, slice(0, 5)), 0),
        (Z, pe.zero(token="patches"), (ALL, slice(5, None)), 0),
        (Z, pe.zero(token=slice(2, 4), head=1), (ALL, slice(2, 4), 1), 0),
        (Z, pe.zero(neuron=3), (..., 3), 0),
        (Z, pe.scale(0.5, token=-1), (ALL, -1), lambda part: part * 0.5),
        (Z, pe.add(1.5, head=0), (ALL, ALL, 0), lambda part: part + 1.5),
        (Z, pe.replace(7.0, head=0), (ALL, ALL, 0), 7.0),
        (PATTERN, pe.zero(head=0, key="cls"), (ALL, 0, ALL, 0), 0),
        (PATTERN, pe.zero(token="cls", key="patches"), (ALL, ALL, 0, slice(5, None)), 0),
        (PATTERN, pe.zero(query=1), (ALL, ALL, 1), 0),
        (RESID, pe.add(torch.arange(24.0), token=3), (ALL, 3), lambda part: part + torch.arange(24.0)),
        (RESID, pe.mean("batch", token=2), (ALL, 2), lambda part: part.mean(0, keepdim=True)),
        (RESID, pe.mean("token"), ALL, lambda part: part.mean(1, keepdim=True)),
    ],
)
def test_an_edit_writes_what_it_says_where_it_says(model, point, edit, index, value):
    before, found = after(model, point, edit)
    assert torch.allclose(found, written(before, index, value), atol=1e-6)
    assert not torch.equal(found, before)


def test_several_lists_select_their_product(model):
    before, found = after(model, Z, pe.zero(head=[0, 2], token=[1, 6]))
    expected = before.clone()
    for head in (0, 2):
        for token in (1, 6):
            expected[:, token, head] = 0
    assert torch.equal(found, expected)


def test_replace_takes_its_part_of_a_whole_activation(model):
    other = model.run_with_cache(random_input(model.config, seed=8), names=Z)[1][Z]
    before, found = after(model, Z, pe.replace(other, head=1))
    assert torch.equal(found, written(before, (ALL, ALL, 1), other[:, :, 1]))


def test_an_edit_leaves_what_it_was_given_alone(model):
    x = torch.ones(2, 3)
    point = pe.HookPoint("batch d_model")
    for edit in (pe.zero(), pe.scale(2.0), pe.add(1.0), pe.replace(3.0), pe.mean("batch")):
        edit(x, point)
    assert torch.equal(x, torch.ones(2, 3))


@pytest.mark.parametrize(
    ("point", "edit", "sentence"),
    [
        (Z, pe.zero(head=3), "head 3 is outside 'blocks.0.attn.hook_z', which has 3"),
        (Z, pe.zero(token=[0, 99]), "token 99 is outside"),
        (Z, pe.zero(key=0), "'blocks.0.attn.hook_z' has no axis 'key'; it has batch, token, head, d_head"),
        (Z, pe.zero(head="cls"), "head='cls' is not understood"),
        (Z, pe.zero(token="everything"), "token='everything' is not understood"),
        (Z, pe.zero(head=1.5), "head=1.5 is not understood"),  # type: ignore[arg-type]
        (RESID, pe.mean("head"), "has no axis 'head'; it has batch, token, d_model"),
    ],
)
def test_selectors_that_are_refused(model, point, edit, sentence):
    with pytest.raises(ValueError, match="axis|outside|understood") as caught:
        after(model, point, edit)
    assert sentence in str(caught.value)


def test_a_model_without_prefix_has_no_cls():
    with pytest.raises(ValueError, match="this model has no CLS token"):
        after(tiny_model("SigLIP tower"), Z, pe.zero(token="cls"))
