"""Edits: what splicing and steering change, what they leave, and where they refuse to be."""

from __future__ import annotations

import threading

import pytest
import torch

import prisma_engine as pe
from families import randomised
from prisma_engine.sae import SAE
from saes import VARIANTS, random_sae

SIZES = dict(image_size=(16, 16), patch_size=(8, 8), n_layers=2, n_heads=2, d_model=12, d_head=6, d_mlp=16, n_classes=4)
READS = "blocks.1.ln2.hook_normalized"
WRITES = "blocks.1.hook_mlp_out"
LAST = "blocks.1.hook_resid_post"


@pytest.fixture(autouse=True)
def no_grad():
    with torch.no_grad():
        yield


@pytest.fixture(scope="module")
def model() -> pe.HookedViT:
    torch.manual_seed(0)
    return randomised(pe.HookedViT(pe.ViTConfig(**SIZES))).eval()


@pytest.fixture(scope="module")
def x() -> torch.Tensor:
    return torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(1))


def sae_at(hook: str = LAST, **changes) -> SAE:
    if "hook_out" in changes:
        return random_sae(hook_name=READS, **changes | {"hook_out": WRITES, "d_out": 12})
    return random_sae(hook_name=hook, **changes)


def stream(model, x, edits=None, name=LAST) -> torch.Tensor:
    return model.run_with_cache(x, names=name, edits=edits)[1][name]


@pytest.mark.parametrize("variant", VARIANTS)
def test_keeping_the_error_and_changing_nothing_changes_nothing(model, x, variant):
    sae = sae_at(**VARIANTS[variant])
    before = model(x)
    assert torch.equal(model.run_with_hooks(x, sae.splice(keep_error=True).at()), before)
    assert torch.equal(model.run_with_hooks(x, sae.steer({3: 0.0}).at()), before)
    assert torch.equal(model.run_with_hooks(x, sae.steer({3: 1.0}, how="scale").at()), before)
    assert not torch.allclose(model.run_with_hooks(x, sae.splice().at()), before)
    assert not torch.allclose(model.run_with_hooks(x, sae.steer({3: 1.0}).at()), before)


@pytest.mark.parametrize("variant", VARIANTS)
def test_splicing_puts_the_reconstruction_in_place(model, x, variant):
    sae = sae_at(**VARIANTS[variant])
    read, writes = stream(model, x, name=sae.hook_name), sae.config.writes
    spliced = stream(model, x, sae.splice().at(), name=writes)
    torch.testing.assert_close(spliced, sae(read).recon)


def test_a_perfect_sae_changes_nothing(model, x):
    sae = random_sae(hook_name=LAST, d_sae=24, activation="relu")
    sae.W_enc.copy_(torch.cat([torch.eye(12), -torch.eye(12)]))
    sae.W_dec.copy_(sae.W_enc)
    sae.b_enc.zero_()
    torch.testing.assert_close(model.run_with_hooks(x, {LAST: sae.splice()}), model(x), rtol=1e-4, atol=1e-4)
    sae.W_dec[::2] = 0
    assert not torch.allclose(model.run_with_hooks(x, {LAST: sae.splice()}), model(x), rtol=1e-4, atol=1e-4)


def expected(acts: torch.Tensor, how: str, amount: float) -> torch.Tensor:
    return {"add": acts + amount, "scale": acts * amount, "clamp": acts * 0 + amount, "ablate": acts * 0}[how]


@pytest.mark.parametrize("how", ["add", "scale", "clamp", "ablate"])
@pytest.mark.parametrize("keep_error", [True, False])
@pytest.mark.parametrize("variant", ["topk", "jumprelu", "transcoder"])
def test_each_way_to_change_latents(model, x, how, keep_error, variant):
    sae = sae_at(**VARIANTS[variant])
    read, before = stream(model, x, name=sae.hook_name), stream(model, x, name=sae.config.writes)
    acts = sae.encode(read)
    often = (acts > 0).sum((0, 1)).topk(2).indices.tolist()
    changed = acts.clone()
    for latent in often:
        changed[..., latent] = expected(acts[..., latent], how, 2.5)
    after = stream(model, x, sae.steer(dict.fromkeys(often, 2.5), how, keep_error=keep_error).at(), sae.config.writes)
    recon = sae.decode(changed, read)
    torch.testing.assert_close(after, recon + (before - sae(read).recon if keep_error else 0))
    assert not torch.allclose(after, before)


def test_ways_can_be_mixed_and_latents_alone_are_ablated(model, x):
    sae = sae_at()
    acts = sae.encode(stream(model, x))
    a, b, c = (acts > 0).sum((0, 1)).topk(3).indices.tolist()
    mixed = stream(model, x, {LAST: sae.steer({a: 1.5, b: ("scale", 3.0), c: ("ablate", 0)})})
    apart = [stream(model, x, {LAST: sae.steer(*given)}) - stream(model, x) for given in
             (({a: 1.5},), ({b: 3.0}, "scale"), ([c], "ablate"))]  # fmt: skip
    torch.testing.assert_close(mixed, stream(model, x) + sum(apart), rtol=1e-4, atol=1e-5)


def test_only_the_chosen_tokens_move(model, x):
    sae = sae_at()
    before = stream(model, x)
    for token, where in (("cls", [0]), ("patches", [1, 2, 3, 4]), ([2, 4], [2, 4]), (3, [3])):
        moved = (stream(model, x, {LAST: sae.steer({3: 2.0}, token=token)}) - before).abs().sum((0, 2)) > 0
        assert moved.nonzero().flatten().tolist() == where, token


def test_an_sae_for_some_tokens_leaves_the_others(model, x):
    before = stream(model, x)
    for tokens, where in (("cls", [0]), ("patches", [1, 2, 3, 4]), ("all", [0, 1, 2, 3, 4])):
        moved = (stream(model, x, {LAST: sae_at(tokens=tokens).splice()}) - before).abs().sum((0, 2)) > 0
        assert moved.nonzero().flatten().tolist() == where
    everywhere = sae_at(tokens="cls").splice(token=slice(None))
    assert not torch.allclose(stream(model, x, {LAST: everywhere})[:, 1:], before[:, 1:])


def test_steering_is_linear_in_the_last_layer(model, x):
    """What is added after the last block moves the stream in proportion; ablating is not a multiple of adding."""
    sae = sae_at()
    before = stream(model, x)
    once, twice = (stream(model, x, {LAST: sae.steer({3: a, 8: -a})}) - before for a in (1.0, 2.0))
    torch.testing.assert_close(twice, 2 * once)
    torch.testing.assert_close(once, ((sae.W_dec[3] - sae.W_dec[8]) / sae.scale_out).expand_as(once))
    ablated = stream(model, x, {LAST: sae.steer([3], how="ablate")}) - before
    assert not torch.allclose(ablated / ablated.abs().max(), once / once.abs().max())


def test_layer_norm_is_undone_in_what_is_written(model, x):
    sae = sae_at(normalize="layer_norm", activation="relu")
    before = stream(model, x)
    moved = stream(model, x, {LAST: sae.steer({3: 1.0})}) - before
    torch.testing.assert_close(moved, before.std(-1, keepdim=True) * sae.W_dec[3])


def test_mistakes_are_one_sentence(model, x):
    sae = sae_at()
    with pytest.raises(ValueError, match="there is no latent 40; this SAE has latents 0 to 39"):
        sae.steer({40: 1.0})
    with pytest.raises(ValueError, match="no way 'push' to change a latent; there are add, scale, clamp, ablate"):
        sae.steer({4: 1.0}, how="push")
    with pytest.raises(ValueError, match="say how much"):
        sae.steer([4])
    with pytest.raises(ValueError, match=f"belongs at '{LAST}', not at 'blocks.0.hook_resid_post'"):
        model.run_with_hooks(x, {"blocks.0.hook_resid_post": sae.splice()})
    with pytest.raises(ValueError, match="this transcoder reads 'blocks.1.ln2.hook_normalized'; run with hooks"):
        model.run_with_hooks(x, {WRITES: sae_at(**VARIANTS["transcoder"]).splice()})


def test_two_threads_with_one_transcoder_edit_do_not_meet(model, x):
    edit = sae_at(**VARIANTS["transcoder"]).splice().at()
    inputs = [x, 2 * x]
    alone = [model.run_with_hooks(given, edit) for given in inputs]
    assert not torch.allclose(alone[0], alone[1])
    wrong: list[int] = []

    def work(which: int) -> None:
        with torch.no_grad():
            for _ in range(40):
                if not torch.equal(model.run_with_hooks(inputs[which], edit), alone[which]):
                    wrong.append(which)

    threads = [threading.Thread(target=work, args=(i,)) for i in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
