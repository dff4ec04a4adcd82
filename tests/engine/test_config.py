"""ViTConfig: written, read back, and refused with one sentence where it contradicts itself."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from families import BASE, MODELS, tiny_model
from prisma_engine.config import CHOICES, ViTConfig
from prisma_engine.vit import HookedViT


@pytest.mark.parametrize("name", MODELS)
def test_a_config_survives_json(name):
    import json

    config = tiny_model(name).config
    assert ViTConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@given(
    grid=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    patch=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    spare=st.tuples(st.integers(0, 6), st.integers(0, 6)),
    n_prefix=st.integers(1, 6),
    frames=st.integers(1, 3),
    tubelet=st.integers(1, 3),
)
def test_tokens_are_counted_as_they_are_laid_out(grid, patch, spare, n_prefix, frames, tubelet):
    size = tuple(g * p + min(s, p - 1) for g, p, s in zip(grid, patch, spare, strict=True))
    prefix = ("CLS", *(f"REG{i}" for i in range(1, n_prefix)))
    config = replace(BASE, image_size=size, patch_size=patch, prefix=prefix, n_frames=frames * tubelet, tubelet=tubelet)
    assert config.grid == grid
    assert config.n_tokens == n_prefix + grid[0] * grid[1] * frames
    assert HookedViT(config).embed.pos_embed.shape[1] == config.n_tokens


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"activation": "tanh"}, "activation is 'tanh'; expected one of gelu, "),
        ({"head": "other"}, "head is 'other'; expected one of linear, "),
        ({"attention_direction": "left"}, "expected one of bidirectional, causal"),
        ({"n_layers": 0}, "n_layers is 0; expected a whole number of at least 1"),
        ({"d_head": 2.5}, "d_head is 2.5; expected a whole number"),
        ({"tubelet": 0}, "tubelet is 0"),
        ({"patch_size": (8, 64)}, "a patch of 64 px does not fit an image width of 32 px"),
        ({"n_frames": 3, "tubelet": 2}, "3 frames do not divide into tubelets of 2"),
        ({"prefix": ()}, "pool='token' reads the first prefix token, but there is none; use pool='mean'"),
        ({"attention_direction": "causal"}, "in a causal model the first token sees no patch"),
        ({"d_mlp": 0}, "d_mlp is 0"),
        ({"head": "identity"}, "head='identity' gives 24 features, not n_classes=7"),
        ({"head": "two_head"}, "head='two_head' reads two prefix tokens"),
        ({"head": "zero_shot"}, "head='zero_shot' needs d_projection"),
    ],
)
def test_contradictions_are_refused(changes, sentence):
    with pytest.raises(ValueError, match=".") as caught:
        replace(BASE, **changes)
    assert sentence in str(caught.value)


def test_unknown_and_missing_fields_are_named():
    with pytest.raises(ValueError, match="the model's config has unknown fields: colour"):
        ViTConfig.from_dict(BASE.to_dict() | {"colour": "red"})
    less = BASE.to_dict()
    del less["n_heads"]
    with pytest.raises(ValueError, match="the model's config lacks .*n_heads"):
        ViTConfig.from_dict(less)


def test_every_choice_builds():
    for activation in CHOICES["activation"]:
        HookedViT(replace(BASE, activation=activation))
