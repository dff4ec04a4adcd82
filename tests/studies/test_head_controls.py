"""Networks that have learned nothing: what the controls keep and what they destroy."""

from __future__ import annotations

import pytest
import torch

import prisma_engine as pe
from prisma_engine.sources import pictures
from prisma_engine.studies.head_controls import (
    KINDS,
    control,
    initialised,
    report,
    shuffled_positions,
    shuffled_weights,
    study,
)
from studies.small import samples_of, small


def entries(model: pe.HookedViT) -> dict[str, torch.Tensor]:
    return {name: p.flatten().sort().values for name, p in model.named_parameters()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_control_is_another_network_and_the_same_one_for_a_seed(kind):
    model, (sample,) = small(), samples_of(small(), 1)
    before, state = model(sample.x).clone(), torch.get_rng_state()
    one, again, other = (KINDS[kind](model, seed) for seed in (0, 0, 1))
    _, cache = model.run_with_cache(sample.x, names="*.hook_resid_post")

    def stream(network: pe.HookedViT) -> torch.Tensor:
        return network.run_with_cache(sample.x, names="*.hook_resid_post")[1]["resid_post", -1]

    assert torch.equal(stream(one), stream(again))
    assert not torch.allclose(stream(one), stream(other), atol=1e-3)
    assert not torch.allclose(stream(one), cache["resid_post", -1], atol=1e-3)
    assert torch.equal(model(sample.x), before) and torch.equal(torch.get_rng_state(), state)
    assert one.config == model.config and one.preprocess == model.preprocess
    assert not any(p.requires_grad for p in one.parameters())


def test_shuffled_weights_are_the_same_numbers():
    model = small()
    shuffled, own = entries(shuffled_weights(model, 0)), entries(model)
    assert all(torch.equal(shuffled[name], own[name]) for name in own)


def test_shuffled_positions_go_to_other_patches_and_prefix_tokens_keep_theirs():
    model = small(prefix=("CLS", "REG1"))
    dealt, own = shuffled_positions(model, 0).embed.pos_embed[0], model.embed.pos_embed[0]
    assert torch.equal(dealt[:2], own[:2]) and not torch.equal(dealt[2:], own[2:])
    rows = {tuple(row) for row in own[2:].tolist()}
    assert {tuple(row) for row in dealt[2:].tolist()} == rows
    for name, p in shuffled_positions(model, 0).named_parameters():
        if name != "embed.pos_embed":
            assert torch.equal(p, dict(model.named_parameters())[name])


def test_a_network_as_training_starts_answers_nothing():
    (sample,) = samples_of(small(), 1)
    assert (initialised(small(), 0)(sample.x) == 0).all()


@pytest.mark.slow
def test_random_networks_have_no_named_heads_and_the_trained_one_has():
    model = pe.load("emoji-vit")
    result = study(model, lambda: pictures("emoji-scenes", 6), "emoji scenes", n_seeds=1, n_shuffles=39)
    assert [c.kind for c in result.controls] == list(KINDS)
    random = result.controls[:2]
    assert all(c.named == {} and c.n_heads == 20 and max(c.largest.values()) < 0.08 for c in random)
    trained = control("trained", [pe.gather(model, pictures("emoji-scenes", 6), n_shuffles=39)])
    assert trained.named["neighbour"] >= 3 and trained.largest["neighbour"] > 0.15
    text = report(result)
    assert "positions shuffled" in text and "none" in text and "neighbour" in text


def test_videos_are_refused():
    with pytest.raises(ValueError, match="takes videos"):
        study(small(n_frames=2), lambda: pictures("emoji-scenes", 2), "emoji scenes")
