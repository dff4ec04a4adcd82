"""A folder as transformers saves it: weights, preprocessing, labels and tokenizer come back as one model."""

import json
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from families import largest, tiny
from prisma_engine.convert import NotUnderstood, load_transformers_folder

IMAGE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8))


def save(name, folder, processor=None):
    tiny(name).original.save_pretrained(folder)
    if processor is not None:
        processor.save_pretrained(folder)
    return json.loads((folder / "config.json").read_text())


def vit_processor(size=32):
    from transformers import ViTImageProcessor

    return ViTImageProcessor(size={"height": size, "width": size})


@torch.no_grad()
def test_weights_and_preprocessing(tmp_path):
    config = save("ViT", tmp_path, vit_processor())
    model = load_transformers_folder(tmp_path, config)
    assert torch.equal(model(tiny("ViT").x), tiny("ViT").answer)
    assert (model.preprocess.height, model.preprocess.mean) == (32, (0.5, 0.5, 0.5))
    assert model(model.preprocess(IMAGE)).shape == (1, 7)
    assert model.name == tmp_path.name


@torch.no_grad()
def test_positions_follow_the_size_of_the_preprocessing(tmp_path):
    """The released DINOv2 have positions for 518 pixels and a processor for 224."""
    config = save("DINOv2", tmp_path, vit_processor(size=48))
    model = load_transformers_folder(tmp_path, config)
    x = model.preprocess(IMAGE)
    assert model.grid == (6, 6)
    assert torch.equal(model(x), tiny("DINOv2").original(x).logits)


def test_half_precision_becomes_single(tmp_path):
    import transformers as hf

    shape: dict[str, Any] = {
        "hidden_size": 12,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 8,
    }
    module = hf.ViTForImageClassification(hf.ViTConfig(**shape, image_size=16, patch_size=8)).half()
    module.save_pretrained(tmp_path)
    model = load_transformers_folder(tmp_path, json.loads((tmp_path / "config.json").read_text()))
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert model.preprocess is None


def clip_folder(folder):
    from transformers import CLIPImageProcessor

    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)]
    tokens = ["!", '"', *letters, *(f"{c}</w>" for c in letters), "ca", "cat</w>"]
    vocab = {t: i for i, t in enumerate(tokens)} | {"<|startoftext|>": 98, "<|endoftext|>": 99}
    (folder / "vocab.json").write_text(json.dumps(vocab))
    (folder / "merges.txt").write_text("#version: 0.2\nc a\nca t</w>\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "CLIPTokenizer"}))
    processor = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    return save("CLIP", folder, processor)


@torch.no_grad()
def test_clip_takes_class_names(tmp_path):
    from transformers import AutoTokenizer

    from prisma_engine.convert import with_classes

    config = clip_folder(tmp_path)
    model = load_transformers_folder(tmp_path, config, classes=["cat", "red dog"])
    assert model.vocabulary.names == ("cat", "red dog")
    x = model.preprocess(IMAGE)
    tokens = AutoTokenizer.from_pretrained(tmp_path)(["cat", "red dog"], padding=True, return_tensors="pt")
    expected = tiny("CLIP").original(pixel_values=x, **tokens).logits_per_image
    assert largest(expected[:, 0] - expected[:, 1]) > 0.01
    assert torch.equal(with_classes(model, ["cat", "red dog"], templates=["{}"])(x), expected)
    plain = load_transformers_folder(tmp_path, config)
    assert plain.config.head == "linear"
    assert with_classes(plain, ["sky"]).config.n_classes == 1


def test_what_is_refused(tmp_path):
    config = save("ViT features", tmp_path)
    with pytest.raises(NotUnderstood, match="no text tower"):
        load_transformers_folder(tmp_path, config, classes=["cat"])
    with pytest.raises(NotUnderstood, match="names BertModel"):
        load_transformers_folder(tmp_path, config | {"architectures": ["BertModel"]})
    with pytest.raises(NotUnderstood, match="names no architecture"):
        load_transformers_folder(tmp_path, {})
    with pytest.raises(NotUnderstood, match="the weights lack"):
        load_transformers_folder(tmp_path, config | {"architectures": ["ViTForImageClassification"]})
