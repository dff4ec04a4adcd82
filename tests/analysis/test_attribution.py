"""Direct logit attribution closes, on every family, and only with the scale of the run itself."""

import copy

import pytest
import torch

import prisma_engine as pe
from families import MODELS, largest, random_input, tiny_model
from prisma_engine.analysis.attribution import direct_logit_attribution, neuron_attribution, source_attribution
from prisma_engine.analysis.metrics import bound, logit, logit_diff, probability, rank
from prisma_engine.analysis.readout import ReadOut
from prisma_engine.cache import hook_name

every_model = pytest.mark.parametrize("name", MODELS)


def some_metric(logits):
    return logits @ torch.arange(1.0, logits.shape[1] + 1).mul(2.3).cos()


def setup(name):
    model = tiny_model(name)
    return model, random_input(model.config)


@every_model
@pytest.mark.parametrize("token", [None, 0, -1])
def test_contributions_sum_to_the_metric(name, token):
    model, x = setup(name)
    dla = direct_logit_attribution(model, x, some_metric, token)
    last = model(x, stop_at_layer=model.config.n_layers)
    answer = model(x) if token is None else model.unembed(last)[:, token]
    assert largest(dla.metric - some_metric(answer)) <= 1e-5
    assert largest(dla.residual_error) <= 1e-4 and largest(dla.total + dla.residual_error - dla.metric) <= 1e-5
    assert dla.contribution.shape == (len(dla.labels), 2) and len(set(dla.labels)) == len(dla.labels)
    left_out = dla.contribution.abs().sum(1).argmax()
    assert largest(dla.total - dla.contribution[left_out] - dla.metric) > 1e-2


@every_model
def test_every_part_is_named(name):
    model, x = setup(name)
    c = model.config
    labels = direct_logit_attribution(model, x, some_metric).labels
    heads = [f"L{i}H{h}" for i in range(c.n_layers) for h in range(c.n_heads)]
    assert set(heads) <= set(labels) and "head bias" in labels
    assert ("ln_final bias" in labels) is c.final_norm
    assert (("ln_pre" in labels), ("embed" in labels)) == (c.pre_norm, not c.pre_norm)
    assert sum("MLP" in label for label in labels) == (0 if c.attn_only else c.n_layers) + (c.head == "attention_pool")
    assert sum("b_O" in label for label in labels) == c.n_layers * c.out_bias


@every_model
def test_a_wrong_scale_does_not_close(name):
    model, x = setup(name)
    if not model.config.final_norm:
        return
    last = model(x, stop_at_layer=2)
    read_out = ReadOut(model, last)
    right = some_metric(read_out(last) + (0 if read_out.pool_mlp is None else read_out.pool_mlp))
    other = ReadOut(model, last.flip(0))  # the scales of another image
    wrong = some_metric(other(last) + (0 if other.pool_mlp is None else other.pool_mlp))
    assert largest(right - some_metric(model(x))) <= 1e-5
    assert largest(wrong - some_metric(model(x))) > 1e-4


@every_model
def test_the_read_out_is_affine(name):
    model, x = setup(name)
    a, b = model(x, stop_at_layer=2), model(random_input(model.config, seed=7), stop_at_layer=2)
    fixed = ReadOut(model, a)
    between = fixed(0.3 * a + 0.7 * b)
    assert largest(between - (0.3 * fixed(a) + 0.7 * fixed(b))) <= 1e-4
    own = 0.3 * model.read_out(a) + 0.7 * model.read_out(b)
    assert not model.config.final_norm or largest(model.read_out(0.3 * a + 0.7 * b) - own) > 1e-4


@every_model
def test_tokens_neurons_and_sources_sum_to_their_part(name):
    model, x = setup(name)
    dla = direct_logit_attribution(model, x, some_metric)
    of_stream = [i for i, label in enumerate(dla.labels) if label not in ("ln_final bias", "head bias", "pool MLP")]
    assert largest((dla.per_token.sum(-1) - dla.contribution)[of_stream]) <= 1e-5
    assert largest(dla.per_token[len(of_stream) :]) == 0
    if model.head.n_read is not None:
        assert largest(dla.per_token[:, :, model.head.n_read :]) == 0
    for layer in range(2):
        by_source = source_attribution(model, x, some_metric, layer)
        assert largest(by_source.sum(-1).T - dla.by_head()[layer]) <= 1e-4
        assert by_source.shape == (2, model.config.n_heads, model.config.n_tokens)
        if not model.config.attn_only:
            neurons = neuron_attribution(model, x, some_metric, layer)
            mlp = dla.contribution[dla.labels.index(f"L{layer} MLP")]
            assert largest(neurons.sum((1, 2)) - mlp) <= 1e-4
            assert neurons.shape == (2, model.config.n_tokens, model.config.d_mlp)


@every_model
def test_sublayers_are_what_the_cache_says_was_written(name):
    model, x = setup(name)
    dla = direct_logit_attribution(model, x, some_metric)
    by_sublayer, names = dla.by_sublayer()
    _, cache = model.run_with_cache(x)
    parts, labels = cache.decompose_resid()
    assert names[: len(labels)] == labels
    read_out = ReadOut(model, cache[hook_name("resid_post", 1)])
    nothing = some_metric(read_out(torch.zeros_like(parts[0])))
    for part, own in zip(parts, by_sublayer, strict=False):
        assert largest(some_metric(read_out(part)) - nothing - own) <= 1e-4
    assert largest(by_sublayer.sum(0) - dla.total) <= 1e-5


@every_model
def test_removing_what_a_head_writes_in_the_last_block_without_mlp_is_its_contribution(name):
    """Direct is direct: with the norm fixed, taking a part out of the final stream changes the answer by its share."""
    model, x = setup(name)
    dla = direct_logit_attribution(model, x, some_metric)
    _, cache = model.run_with_cache(x, names=["blocks.1.attn.hook_z", "blocks.1.hook_resid_post"])
    stream = cache["resid_post", 1]
    read_out = ReadOut(model, stream)
    for head in range(model.config.n_heads):
        alone = torch.zeros_like(cache["z", 1])
        alone[:, :, head] = cache["z", 1][:, :, head]
        written = model.blocks[1].ls1(model.blocks[1].attn.result(alone).sum(2))
        change = some_metric(read_out(stream)) - some_metric(read_out(stream - written))
        assert largest(change - dla.by_head()[1, head]) <= 1e-4


def test_edits_around_it_are_seen():
    model, x = setup("ViT")
    with model.hooks({"blocks.0.hook_mlp_out": pe.scale(0.3), "blocks.1.attn.hook_z": pe.zero(head=1)}):
        dla = direct_logit_attribution(model, x, some_metric)
        assert largest(dla.metric - some_metric(model(x))) <= 1e-5
    assert largest(dla.residual_error) <= 1e-4
    assert largest(dla.by_head()[1, 1]) == 0
    with model.hooks({"blocks.1.hook_attn_out": pe.zero()}):  # what heads write is thrown away, and the sum says so
        assert largest(direct_logit_attribution(model, x, some_metric).residual_error) > 1e-3


def test_named_classes():
    model = pe.load("emoji-vit")
    x = random_input(model.config)
    dla = direct_logit_attribution(model, x, logit_diff("cat face", "dog face"))
    assert torch.allclose(dla.metric, bound(logit("cat face"), model)(model(x)) - model(x)[:, 2], atol=1e-5)
    assert largest(dla.residual_error) <= 1e-4


def test_attention_pooling_has_a_part_for_its_mlp():
    model, x = setup("timm SigLIP, classifier")
    dla = direct_logit_attribution(model, x, some_metric)
    assert dla.labels[-1] == "pool MLP" and largest(dla.contribution[-1]) > 1e-2


@pytest.mark.parametrize("scale", ["ln_final.hook_scale", "blocks.1.ln1.hook_scale"])
def test_a_norms_scale_carries_its_gradient(scale):
    model, x = setup("ViT")
    weights = torch.arange(1.0, 8).mul(2.3).cos().double()
    model, x = copy.deepcopy(model).double(), x[:1].double()

    def doubled(x):
        return (model.run_with_hooks(x, {scale: pe.scale(2.0)}) @ weights).sum()

    (gradient,) = torch.autograd.grad(doubled(x.requires_grad_()), x)
    with torch.no_grad():
        step = 1e-4 * random_input(model.config, 1, seed=9).double()
        difference = (doubled(x + step) - doubled(x - step)) / 2
    assert (gradient * step).sum().item() == pytest.approx(difference.item(), rel=1e-5)


BAD = {
    "a probability is no sum of contributions": lambda m, x: direct_logit_attribution(m, x, probability(0)),
    "a rank is no sum": lambda m, x: direct_logit_attribution(m, x, rank(0)),
    "one token is read at a time, got 16": lambda m, x: direct_logit_attribution(m, x, logit(0), "patches"),
    "there is no layer 2": lambda m, x: neuron_attribution(m, x, logit(0), 2),
    "there is no layer -3": lambda m, x: source_attribution(m, x, logit(0), -3),
    "0 to 6; got 7": lambda m, x: direct_logit_attribution(m, x, logit(7)),
}


@pytest.mark.parametrize("sentence", BAD)
def test_errors_say_what_there_is(sentence):
    with pytest.raises(ValueError, match=sentence):
        BAD[sentence](*setup("ViT"))


def test_a_model_without_mlps_has_no_neurons():
    with pytest.raises(ValueError, match="no MLPs"):
        neuron_attribution(*setup("attention-only"), logit(0), 0)
