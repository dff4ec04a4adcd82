"""SAEs of a language model on a model that sees: steering by their latents, and whether they belong there."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import tiny_vlms as tiny
from prisma_engine.hooks import NoSuchName
from prisma_engine.sae import SAE, SAEConfig
from prisma_engine.sae.decoders import family_of, for_decoder
from prisma_engine.sae.probe import WrongModel, check, probe
from prisma_engine.vlm import at

D, N = 24, 60
POINT = "blocks.1.hook_resid_post"


def numbers(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) / 3


def weights(threshold=False):
    found = {"W_enc": numbers(1, D, N), "W_dec": numbers(2, N, D), "b_enc": numbers(3, N), "b_dec": numbers(4, D)}
    return found | ({"threshold": numbers(5, N).abs()} if threshold else {})


def saelens(folder, **changes):
    """The layout of the SAEs of Gemma 2B that were published first."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {"model_name": "gemma-2b", "hook_point": POINT, "hook_point_layer": 1, "d_in": D, "d_sae": N}
    config |= {"activation_fn_str": "relu", "normalize_activations": "none", "apply_b_dec_to_input": False}
    (folder / "cfg.json").write_text(json.dumps(config | changes))
    save_file(weights(), folder / "sae_weights.safetensors")
    return folder


def saelens_6(folder):
    """The layout since version 6."""
    folder.mkdir(parents=True, exist_ok=True)
    about = {"sae_lens_version": "6.0.0", "model_name": "gemma-2b", "hook_name": POINT}
    config = {"d_in": D, "d_sae": N, "dtype": "float32", "device": "cpu", "architecture": "jumprelu", "metadata": about}
    config |= {"normalize_activations": "none", "reshape_activations": "none", "apply_b_dec_to_input": False}
    (folder / "cfg.json").write_text(json.dumps(config))
    save_file(weights(threshold=True), folder / "sae_weights.safetensors")
    return folder


def gemma_scope(folder):
    folder = folder / "gemma-scope-2b-pt-res" / "layer_1" / "width_60" / "average_l0_9"
    folder.mkdir(parents=True)
    np.savez(folder / "params.npz", **{name: array.numpy() for name, array in weights(threshold=True).items()})
    return folder


LAYOUTS = {"older": (saelens, "gemma"), "newer": (saelens_6, "gemma"), "scope": (gemma_scope, "gemma2")}


@pytest.fixture(scope="module")
def models():
    return {family: tiny.hooked(family) for family in ("llama", "gemma", "gemma2")}


def ask(model):
    return model.prompt("what is there ?", tiny.picture())


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_published_sae_steers_the_llava_on_its_model(layout, models, tmp_path):
    """A decoder row times a strength is what the stream moves by, at image tokens alone."""
    write, family = LAYOUTS[layout]
    model = models[family]
    sae = for_decoder(SAE.load(write(tmp_path)), model)
    assert (sae.config.model, sae.hook_name) == (f"tiny-{family}", POINT)
    check(sae, model)
    prompt = ask(model)
    _, clean = model.run_with_cache(prompt, POINT)
    edit = at(sae.steer({7: -8.0}), where={"image"})
    _, steered = model.run_with_cache(prompt, POINT, edits={POINT: edit})
    moved = (steered[POINT] - clean[POINT])[0]
    image, rest = list(prompt.positions("image")), list(prompt.positions("prompt"))
    torch.testing.assert_close(moved[image], (-8 * weights()["W_dec"][7]).expand(len(image), D), rtol=0, atol=1e-5)
    assert float(moved[rest].abs().max()) == 0
    # in a window of Gemma 2 no word sees the image from the second layer on, so the whole prompt is steered
    edits = ({POINT: at(sae.steer({7: -8.0}), when={"prefill"})}, {})
    answers = [[step.log_prob for step in model.generate(prompt, each, 5)] for each in edits]
    assert abs(answers[0][0] - answers[1][0]) > 1e-3


def test_clamping_and_the_reconstruction_alone(models):
    model = models["llama"]
    sae = SAE(SAEConfig("tiny-llama", POINT, D, N, activation="relu", input_bias="none", normalize="none"))
    sae.load_state_dict(
        weights() | {"W_enc": weights()["W_enc"].T, "scale_in": torch.ones(()), "scale_out": torch.ones(())}
    )
    sae.requires_grad_(False)
    prompt = ask(model)
    _, clean = model.run_with_cache(prompt, POINT)
    x, image = clean[POINT][0], list(prompt.positions("image"))
    acts = (x @ weights()["W_enc"] + weights()["b_enc"]).relu()
    recon = acts @ weights()["W_dec"] + weights()["b_dec"]
    clamped = at(sae.steer({7: ("clamp", 3.0)}), where={"image"})
    _, found = model.run_with_cache(prompt, POINT, edits={POINT: clamped})
    expected = x[image] + (3 - acts[image, 7:8]) * weights()["W_dec"][7]
    torch.testing.assert_close(found[POINT][0, image], expected, rtol=0, atol=1e-5)
    _, found = model.run_with_cache(prompt, POINT, edits={POINT: at(sae.splice(), where={"image"})})
    torch.testing.assert_close(found[POINT][0, image], recon[image], rtol=0, atol=1e-5)
    assert torch.equal(found[POINT][0, 12:], x[12:]) and float((recon - x).abs().max()) > 0.1
    kept, again = (
        [s.log_prob for s in model.generate(prompt, {POINT: sae.steer({7: 5.0}, keep_error=False)}, 6, cache=cache)]
        for cache in (True, False)
    )
    assert max(abs(a - b) for a, b in zip(kept, again, strict=True)) <= 1e-5


def test_words_of_a_vision_transformer_are_refused_at_a_decoder(models):
    model, sae = models["llama"], SAE(SAEConfig("tiny-llama", POINT, D, N, k=4))
    for edit in (sae.steer({7: 1.0}, token="patches"), sae.splice(token="cls")):
        with pytest.raises(ValueError, match="is of a language model, whose tokens are no patches"):
            model.run_with_hooks(ask(model), {POINT: edit})


@pytest.mark.parametrize(
    ("changes", "family", "says"),
    [
        ({}, "gemma2", r"this SAE is of gemma-2b \(gemma\), and the decoder of tiny-gemma2 is of the family gemma2"),
        ({"hook_point": "blocks.7.hook_resid_post"}, "gemma", "no hook point matches 'blocks.7.hook_resid_post'"),
        ({"hook_point": "blocks.1.hook_resid_mid"}, "gemma", "no boundary of a module"),
        ({"hook_point": "blocks.1.mlp.hook_post"}, "gemma", "this SAE is 24 wide at blocks.1.mlp.hook_post, where "),
    ],
)
def test_an_sae_that_cannot_belong_here_says_why(changes, family, says, models, tmp_path):
    sae = SAE.load(saelens(tmp_path / "sae", **changes))
    with pytest.raises((ValueError, NoSuchName), match=says):
        for_decoder(sae, models[family])


def test_names_of_layers_and_of_models(models, tmp_path):
    sae = SAE.load(saelens(tmp_path / "sae", hook_point="model.layers.1"))
    assert for_decoder(sae, models["gemma"]).hook_name == POINT
    families = {"gemma-2b": "gemma", "google/gemma-2-2b": "gemma2", "google/gemma-2-9b-it": "gemma2", "gpt2": None}
    families |= {"google/gemma-7b": "gemma", "gemma-1.1-2b-it": "gemma", "meta-llama/Llama-3-8B": "llama"}
    assert {name: family_of(name) for name in families} == families
    patches = replace(sae.config, tokens="patches")
    sae.config = patches
    with pytest.raises(ValueError, match="for patches of a vision transformer, and tiny-gemma reads a text"):
        for_decoder(sae, models["gemma"])


def test_an_sae_is_bound_to_its_model(models):
    model = models["llama"]
    sae = SAE(SAEConfig("tiny-llama", POINT, D, N, k=4))
    check(sae, model)
    for changes, says in (
        ({"model": "emoji-llava"}, "this SAE is for 'emoji-llava', and the model is 'tiny-llama'"),
        ({"hook_name": "blocks.9.hook_resid_post"}, "which tiny-llama does not have"),
        ({"tokens": "cls"}, "for cls of a vision transformer, and tiny-llama reads a text"),
    ):
        with pytest.raises(ValueError, match=says):
            check(SAE(replace(sae.config, **changes)), model)
    with pytest.raises(ValueError, match="for 'other', and the model is 'tiny-llama'"):
        check(SAE(replace(sae.config, model="other")), model)


def test_five_texts_tell_another_model(models):
    """An SAE that reconstructs by the eigenvectors of this model's activations explains those of another one worse."""
    model, other = models["llama"], tiny.hooked("llama", seed=5)
    prompt = ask(model)
    _, cache = model.run_with_cache(prompt, POINT)
    x = cache[POINT][0]
    basis = torch.linalg.svd(x - x.mean(0)).Vh[:12]
    sae = SAE(SAEConfig("tiny-llama", POINT, D, 24, activation="relu", input_bias="tied", normalize="none"))
    with torch.no_grad():
        sae.W_enc.copy_(torch.cat([basis, -basis]))
        sae.W_dec.copy_(sae.W_enc)
        sae.b_dec.copy_(x.mean(0))
    explained = probe(sae, model)
    assert 0 < explained <= 1 and probe(sae, other) < explained - 0.1
    sae.config = replace(sae.config, probe=explained)
    check(sae, model)
    with pytest.warns(WrongModel, match="of the variance of five built-in texts"):
        check(sae, other)


def test_the_stream_splits_into_what_was_added(models):
    for model in models.values():
        _, cache = model.run_with_cache(ask(model), ["hook_embed", "blocks.*"])
        parts, labels = cache.decompose_resid()
        assert labels == ("embed", "0_attn_out", "0_mlp_out", "1_attn_out", "1_mlp_out", "2_attn_out", "2_mlp_out")
        torch.testing.assert_close(parts.sum(0), cache["resid_post", 2], rtol=0, atol=1e-5)
        stacked, points = cache.accumulated_resid()
        assert points == ("0_pre", "1_pre", "2_pre", "final") and torch.equal(stacked[1], cache["resid_post", 0])
        with pytest.raises(ValueError, match="does not show the scale of its final norm"):
            cache.apply_final_norm(parts)
