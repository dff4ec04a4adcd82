"""The real ViT-Tiny on real photos: from the file to the five most likely classes, the same as timm's."""

from typing import Any

import pytest
import torch
from PIL import Image

from prisma_engine.convert import from_timm

WEIGHTS = "vit_tiny_patch16_224_in1k/vit_tiny_patch16_224_in1k.safetensors"


@pytest.fixture(scope="module")
def pair(assets):
    """timm's model with the real weights, and ours."""
    import timm
    from safetensors.torch import load_file

    module = timm.create_model("vit_tiny_patch16_224")
    module.load_state_dict(load_file(assets / WEIGHTS))
    return module.eval(), from_timm(module)


@pytest.fixture(scope="module")
def photos(assets):
    return sorted(path for path in (assets / "images").iterdir() if path.suffix.lower() in (".jpeg", ".jpg", ".png"))


@torch.no_grad()
def test_top_five_from_the_raw_photo(pair, photos):
    from timm.data import create_transform, resolve_model_data_config

    module, model = pair
    transform: Any = create_transform(**resolve_model_data_config(module), is_training=False)
    assert len(photos) >= 10
    for photo in photos:
        theirs = module(transform(Image.open(photo).convert("RGB"))[None]).softmax(-1).topk(5)
        ours = model(model.preprocess(photo)).softmax(-1).topk(5)
        assert ours.indices.tolist() == theirs.indices.tolist(), photo.name
        assert (ours.values - theirs.values).abs().max() <= 1e-4, photo.name


@torch.no_grad()
def test_both_attention_paths_and_single_heads(pair, photos):
    module, model = pair
    x = model.preprocess(photos[1])
    expected = module(x)
    assert torch.equal(model(x), expected)
    out, _ = model.run_with_cache(x, names=["*.hook_pattern"])
    assert (out - expected).abs().max() <= 1e-5 * expected.abs().max()
    by_head = model.run_with_hooks(x, {"*.hook_result": lambda result, point: result + 0})
    assert (by_head - expected).abs().max() <= 1e-5 * expected.abs().max()


@torch.no_grad()
def test_a_photo_of_cheetahs_is_called_a_cheetah(pair, assets):
    _, model = pair
    best = model(model.preprocess(assets / "images" / "cheetah.jpeg")).argmax().item()
    assert model.vocabulary.names[best] == "cheetah"
