"""A wrapped model is the model: the same logits outside of runs, and every hook point sees and changes what it says."""

from collections import Counter

import pytest
import torch

import tiny_vlms as tiny
from prisma_engine.hooks import NoSuchName

FAMILIES = ("llama", "gemma", "gemma2")
every_family = pytest.mark.parametrize("family", FAMILIES)
EXPLICIT = ("hook_attn_scores", "hook_pattern")  # asking for these selects explicit attention, which rounds otherwise


@pytest.fixture(autouse=True)
def no_grad():
    with torch.no_grad():
        yield


def largest(x):
    return float(x.abs().max())


@pytest.fixture(scope="module", params=FAMILIES)
def sees(request):
    """A model and a prompt with an image."""
    model = tiny.hooked(request.param)
    return model, model.prompt("what is there ?", tiny.picture())


@pytest.fixture(scope="module", params=[(family, kind) for family in FAMILIES for kind in ("sees", "reads")])
def either(request):
    """A model that sees images, or one of text alone, and a prompt."""
    family, kind = request.param
    model = tiny.hooked(family) if kind == "sees" else tiny.hooked_text(family)
    return model, model.prompt("what is there in the park ?", tiny.picture() if kind == "sees" else None)


@every_family
def test_logits_are_the_originals_to_the_bit(family):
    original, model = tiny.llava(family), tiny.hooked(family)
    prompt = model.prompt("what is there ?", tiny.picture())
    expected = original(input_ids=prompt.ids, pixel_values=prompt.pixels).logits
    assert torch.equal(model(prompt), expected)
    assert largest(expected - tiny.llava(family, seed=1)(input_ids=prompt.ids, pixel_values=prompt.pixels).logits) > 0.1


@every_family
def test_logits_of_text_alone_are_the_originals(family):
    model = tiny.hooked_text(family)
    prompt = model.prompt("a dog in the park .", raw=True)
    assert torch.equal(model(prompt), tiny.language_model(family)(input_ids=prompt.ids).logits)
    assert "vision.hook_embed" not in model.hook_points and model.vision is None


def test_looking_everywhere_changes_nothing_but_rounding(sees):
    model, prompt = sees
    logits, cache = model.run_with_cache(prompt)
    assert largest(logits - model(prompt)) <= 1e-5
    assert set(cache) == set(model.hook_points)


def test_every_hook_point_fires_once(sees):
    model, prompt = sees
    fired = Counter()

    def count(x, point):
        fired[point.name] += 1
        return x

    model.run_with_hooks(prompt, {"*": count})
    assert fired == Counter(dict.fromkeys(model.hook_points, 1))


def test_shapes_are_what_the_axes_say(sees):
    model, prompt = sees
    c, n = model.config, len(prompt)
    sizes = {"batch": 1, "token": n, "query": n, "key": n, "d_model": c.d_model, "d_head": c.d_head, "d_mlp": c.d_mlp}
    _, cache = model.run_with_cache(prompt, ["hook_embed", "blocks.*", "ln_final.*"])
    for name, x in cache.items():
        heads = c.n_key_value_heads if name.endswith(("hook_k", "hook_v")) else c.n_heads
        axes = model.hook_points[name].axes
        assert tuple(x.shape) == tuple({**sizes, "head": heads}[axis] for axis in axes), name


def test_an_identity_edit_changes_nothing(sees):
    model, prompt = sees
    bare = model(prompt)
    for name in model.hook_points:
        looked = name.startswith("vision.") or name.endswith(EXPLICIT)
        same_path = model.run_with_cache(prompt, names=name)[0] if looked else bare
        assert torch.equal(model.run_with_hooks(prompt, {name: lambda x, point: x}), same_path), name


def test_a_zero_edit_changes_something(either):
    model, prompt = either
    bare = model(prompt)
    for name in model.hook_points:
        edited = model.run_with_hooks(prompt, {name: lambda x, point: torch.zeros_like(x)})
        if name.endswith("hook_scale"):  # it divides
            assert not edited.isfinite().all()
        else:
            assert largest(edited - bare) > 1e-4, name


def test_the_stream_is_the_sum_of_what_is_added(sees):
    model, prompt = sees
    _, cache = model.run_with_cache(prompt, ["hook_embed", "blocks.*"])
    assert torch.equal(cache["hook_embed"], cache["resid_pre", 0])
    for i in range(model.config.n_layers):
        written = cache["attn_out", i] + cache["mlp_out", i]
        assert largest(cache["resid_pre", i] + written - cache["resid_post", i]) <= 1e-5
        assert largest(written) > 0.1
        if i:
            assert torch.equal(cache["resid_pre", i], cache["resid_post", i - 1])


def test_embed_holds_words_and_what_the_projector_says(sees):
    model, prompt = sees
    _, cache = model.run_with_cache(prompt, "hook_embed")
    words = model.decoder.embed_tokens(prompt.ids)
    features = model.model.get_image_features(pixel_values=prompt.pixels, return_dict=True, vision_feature_layer=-2)
    image, text = list(prompt.positions("image")), list(prompt.positions("prompt"))
    assert torch.equal(cache["hook_embed"][:, text], words[:, text])
    assert torch.equal(cache["hook_embed"][0, image], features.pooler_output[0])


def test_patterns_are_probabilities_of_the_past(sees):
    model, prompt = sees
    _, cache = model.run_with_cache(prompt, ["*.hook_pattern", "blocks.*.hook_attn_scores"])
    for i in range(model.config.n_layers):
        pattern = cache["pattern", i]
        assert largest(pattern.sum(-1) - 1) <= 1e-5 and float(pattern.min()) >= 0
        assert largest(pattern.triu(1)) == 0
        assert torch.equal(cache["attn_scores", i].softmax(-1), pattern)
        window = model.decoder.config.layer_types[i] if model.config.family == "gemma2" else "full_attention"
        assert (largest(pattern.tril(-6)) == 0) == (window == "sliding_attention")


def test_a_pattern_that_is_replaced_is_used(sees):
    """z becomes what the pattern says of the values, head by head, with grouped keys and values."""
    model, prompt = sees
    uniform = torch.ones(1, model.config.n_heads, len(prompt), len(prompt)) / len(prompt)
    edit = {"blocks.1.attn.hook_pattern": lambda x, point: uniform}
    _, cache = model.run_with_cache(prompt, ["blocks.1.attn.hook_v", "blocks.1.attn.hook_z"], edits=edit)
    mean = cache["v", 1].mean(1).repeat_interleave(model.config.n_heads // model.config.n_key_value_heads, 1)
    assert largest(cache["z", 1] - mean[:, None]) <= 1e-5


def test_queries_are_before_the_rotation(sees):
    """At every position the same words give the same q; rotated ones would differ."""
    model, _ = sees
    prompt = model.prompt("dog dog dog dog", raw=True)
    _, cache = model.run_with_cache(prompt, ["blocks.0.attn.hook_q", "blocks.0.attn.hook_k"])
    dogs = [i for i, word in enumerate(prompt.tokens) if word == "dog"]
    assert len(dogs) == 4
    for name in ("q", "k"):
        x = cache[name, 0][0, dogs]
        assert largest(x - x[:1]) <= 1e-6 < largest(x)


def test_stopping_early_gives_the_stream_that_enters(either):
    model, prompt = either
    n = model.config.n_layers
    _, cache = model.run_with_cache(prompt, "blocks.*.hook_resid_p*")
    for layer in range(n + 1):
        resid, early = model.run_with_cache(prompt, "blocks.*.hook_resid_p*", stop_at_layer=layer)
        assert torch.equal(resid, cache["resid_pre", layer] if layer < n else cache["resid_post", n - 1])
        assert {int(name.split(".")[1]) for name in early} == set(range(layer))
    with pytest.raises(ValueError, match=f"has layers 0 to {n - 1}, got stop_at_layer={n + 1}"):
        model(prompt, stop_at_layer=n + 1)
    assert model(prompt).shape[-1] == model.config.d_vocab, "the stop is over"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("blocks.1.hook_resid_mid", "no boundary of a module"),
        ("blocks.*.hook_resid_mid", "no boundary of a module"),
        ("blocks.0.attn.hook_rot_q", "use attn.hook_q, which is before"),
        ("blocks.0.attn.hook_result", "use attn.hook_z"),
        ("hook_logits", "edit ln_final.hook_normalized"),
        ("blocks.0.hook_resid_past", "did you mean 'blocks.0.hook_resid_post'"),
        ("vision.blocks.2.hook_resid_post", "vision tower is read before"),
        ("vision.ln_final.hook_scale", "vision tower is read before"),
    ],
)
def test_a_hook_that_cannot_be_honoured_says_so(name, says):
    model = tiny.hooked()
    prompt = model.prompt("what is there ?", tiny.picture())
    for ask in (lambda: model.run_with_cache(prompt, name), lambda: model.run_with_hooks(prompt, {name: None})):
        with pytest.raises(NoSuchName, match=says) as error:
            ask()
        assert len(str(error.value).split("\n")) == 1


def test_words_of_a_vision_transformer_mean_nothing_here():
    from prisma_engine import zero

    model = tiny.hooked()
    prompt = model.prompt("what is there ?", tiny.picture())
    for token in ("patches", "cls", "prefix"):
        with pytest.raises(ValueError, match="is of a language model, whose tokens are no patches"):
            model.run_with_hooks(prompt, {"blocks.0.hook_resid_post": zero(token=token)})
    edited = model.run_with_hooks(prompt, {"vision.blocks.0.hook_resid_post": zero(token="patches")})
    assert largest(edited - model(prompt)) > 1e-4


def test_an_unknown_decoder_is_refused():
    from transformers import Qwen2Config, Qwen2ForCausalLM

    from prisma_engine.vlm import HookedVLM

    other = Qwen2ForCausalLM(
        Qwen2Config(vocab_size=8, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2)
    )
    with pytest.raises(ValueError, match="a decoder of type 'qwen2' is not understood; known are llama, gemma, gemma2"):
        HookedVLM(other, tiny.tokenizer())
