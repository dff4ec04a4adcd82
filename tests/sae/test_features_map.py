"""Which latents are active where, what is known of them, and how they are found."""

from __future__ import annotations

import json

import pytest
import torch

from prisma_engine.hub import LoadError
from prisma_engine.sae import SAE, files
from prisma_engine.sae.features import (
    Start,
    activations,
    by_class,
    by_example,
    by_label,
    compare,
    facts,
    feature_map,
    heat,
    neighbours,
    positions,
)
from prisma_engine.sae.measuring.metrics import explained_variance
from saes import D_IN, VARIANTS, random_sae, tiny_vit

HOOK = "blocks.0.hook_resid_post"


@pytest.fixture(autouse=True)
def no_grad():
    with torch.no_grad():
        yield


@pytest.fixture(scope="module")
def model():
    return tiny_vit()


@pytest.fixture(scope="module")
def x():
    return torch.randn(1, 3, 96, 96, generator=torch.Generator().manual_seed(1))


def placed(variant: str, **changes) -> SAE:
    """A random SAE that fits the model; transcoders from the MLP's normalised input to its output."""
    given = dict(VARIANTS[variant]) | changes
    if "hook_out" in given:
        given |= {"hook_name": "blocks.0.ln2.hook_normalized", "d_out": D_IN}
    return random_sae(**given)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_list_holds_exactly_what_is_active(model, x, variant):
    sae = placed(variant)
    _, cache = model.run_with_cache(x, [sae.hook_name, sae.config.writes])
    output = sae(cache[sae.hook_name][0], cache[sae.config.writes][0])
    found = activations(sae, model, x)
    dense = torch.zeros(found.n_tokens, sae.config.d_sae)
    dense[found.token, found.latents] = found.acts
    torch.testing.assert_close(dense, output.acts)
    assert found.n_entries == int((output.acts > 0).sum()) and found.l0 == pytest.approx(output.l0)
    assert found.explained_variance == pytest.approx(float(explained_variance(output.target, output.recon)), rel=1e-5)
    error, target = (output.target - output.recon).pow(2).sum(1), output.target
    torch.testing.assert_close(found.error, error / (target - target.mean(0)).pow(2).sum(1))
    weights = (target - target.mean(0)).pow(2).sum(1)
    mean_of_errors = float((found.error * weights).sum() / weights.sum())
    assert 1 - mean_of_errors == pytest.approx(found.explained_variance, rel=1e-4)
    for token in range(found.n_tokens):
        latents, acts = found.at(token)
        assert acts.tolist() == sorted(acts.tolist(), reverse=True)
        assert set(latents.tolist()) == set(output.acts[token].nonzero().flatten().tolist())
    latent = int(found.latents[0])
    torch.testing.assert_close(found.heat(latent), output.acts[:, latent])
    torch.testing.assert_close(heat(sae, model, x, latent)[0], output.acts[:, latent])


@pytest.mark.parametrize(("tokens", "own"), [("cls", [0]), ("patches", list(range(1, 10))), ("all", list(range(10)))])
def test_other_tokens_have_nothing(model, x, tokens, own):
    sae = random_sae(tokens=tokens)
    found = activations(sae, model, x)
    assert found.own == tuple(own) and set(found.token.tolist()) <= set(own)
    outside = [token for token in range(10) if token not in own]
    assert found.error[outside].isnan().all()
    assert found.error[own].isnan().any() == (tokens == "cls"), "a single token has no variance to explain"
    assert (found.explained_variance != found.explained_variance) == (tokens == "cls")
    latent = int(found.latents[0])
    assert not heat(sae, model, x, latent)[:, outside].any() and heat(sae, model, x, latent)[:, own].any()


def test_several_saes_share_a_run(model, x):
    saes = [random_sae(1), random_sae(2, hook_name="blocks.1.hook_resid_post"), placed("transcoder")]
    together = compare(saes, model, x)
    for sae, found in zip(saes, together, strict=True):
        alone, again = activations(sae, model, x), feature_map(Start(sae, model, x))
        assert torch.equal(found.latents, alone.latents) and torch.equal(found.offsets, alone.offsets)
        torch.testing.assert_close(again.acts, found.acts)
    assert together[0].explained_variance != together[1].explained_variance


def test_tokens_are_chosen_among_those_the_sae_is_for(model):
    every, patches, cls = (random_sae(tokens=tokens) for tokens in ("all", "patches", "cls"))
    assert positions(every, model, "all") == list(range(10)) and positions(every, model, [7, 2, 2]) == [2, 7]
    assert positions(patches, model, "all") == list(range(1, 10)) and positions(patches, model, [0, 3]) == [3]
    assert positions(cls, model, "all") == positions(every, model, "cls") == [0]
    with pytest.raises(ValueError, match="this SAE is for patches only"):
        positions(patches, model, "cls")
    with pytest.raises(ValueError, match="this SAE is for the CLS token only"):
        positions(cls, model, [4])
    with pytest.raises(ValueError, match="has tokens 0 to 9, got 4 to 10"):
        positions(every, model, [4, 10])
    with pytest.raises(ValueError, match="got 'corner'"):
        positions(every, model, "corner")


def test_mistakes_are_one_sentence(model, x):
    with pytest.raises(ValueError, match="there is no latent 40; this SAE has latents 0 to 39"):
        heat(random_sae(), model, x, 40)
    with pytest.raises(ValueError, match="one image at a time, got 2"):
        activations(random_sae(), model, x.expand(2, -1, -1, -1))
    with pytest.raises(ValueError, match="belongs at 'blocks.7.hook_resid_post', which tiny does not have"):
        Start(random_sae(hook_name="blocks.7.hook_resid_post"), model, x)
    with pytest.raises(ValueError, match="width 8 at .*, and tiny's are 12"):
        activations(random_sae(d_in=8), model, x)
    with pytest.raises(ValueError, match="an SAE steers one vector a token"):
        Start(random_sae(hook_name="blocks.0.attn.hook_z"), model, x)


def test_neighbours_are_the_nearest_rows():
    sae = random_sae()
    sae.W_dec[7] = -2 * sae.W_dec[3]
    sae.W_dec[9] = 5 * sae.W_dec[3]
    best, *others = neighbours(sae, 3, 4)
    assert best.latent == 9 and best.cosine == pytest.approx(1)
    assert len(others) == 3 and all(0 < each.cosine < 1 for each in others)
    everybody = neighbours(sae, 3, 100)
    assert len(everybody) == 39 and everybody[-1].latent == 7 and 3 not in {each.latent for each in everybody}


# ------------------------------------------------------------------ what is known

CLASSES = ["cat face", "dog face", "red apple"]
COLUMNS = {
    "frequency": [0.1, 0.2, 0.0, 0.4],
    "typical": [2.0, 1.0, 0.0, 4.0],
    "largest": [5.0, 6.0, 0.0, 7.0],
    "nearest": [0.5, 0.6, 0.7, 0.8],
    "label": [0, 1, None, 1],
    "precision": [0.9, 0.8, 0.0, 0.2],
    "recall": [0.7, 0.6, 0.0, 0.2],
    "f1": [0.8, 0.7, 0.0, 0.2],
    "auroc": [0.9, 0.8, 0.5, 0.6],
}


@pytest.fixture
def known(tmp_path):
    files.save(random_sae(d_sae=4, k=2), tmp_path)
    (tmp_path / "latents.json").write_text(json.dumps({"classes": CLASSES, "latents": COLUMNS}))
    (tmp_path / "eval.json").write_text(json.dumps({"measured_on": "7 scenes", "labels_from": "8 others"}))
    return tmp_path


def test_what_was_measured_is_read(known):
    found = facts(known)
    assert found.typical.tolist() == [2.0, 1.0, 0.0, 4.0] and found.label.tolist() == [0, 1, -1, 1]
    assert [found.name(i) for i in range(4)] == ["cat face", "dog face", None, "dog face"]
    assert (found.source, found.labels_from) == ("7 scenes", "8 others")
    unlabelled = {name: COLUMNS[name] for name in ("frequency", "typical", "largest", "nearest")}
    (known / "latents.json").write_text(json.dumps({"classes": [], "latents": unlabelled}))
    assert facts(known).f1 is None and facts(known).name(1) is None and by_label(facts(known), "cat") == ()
    (known / "latents.json").unlink()
    assert facts(known) is None


@pytest.mark.parametrize("harm", [{"typical": [1.0]}, {"label": [9, 0, 0, 0]}, {"f1": ["much"] * 4}, {"nearest": 3}])
def test_damaged_latents_are_refused(known, harm):
    (known / "latents.json").write_text(json.dumps({"classes": CLASSES, "latents": COLUMNS | harm}))
    with pytest.raises(LoadError, match="latents.json of .* is damaged"):
        facts(known)


def test_search_by_label(known):
    found = by_label(facts(known), "DOG")
    assert [(each.latent, each.label, each.f1) for each in found] == [
        (1, "dog face", pytest.approx(0.7)),
        (3, "dog face", pytest.approx(0.2)),
    ]
    assert [each.latent for each in by_label(facts(known), "face")] == [0, 1, 3]
    assert [each.latent for each in by_label(facts(known), "face cat")] == [0]
    assert by_label(facts(known), "apple") == by_label(facts(known), "") == by_label(facts(known), "bus") == ()


def test_search_by_class(known):
    written = torch.tensor([[1.0, 0.0, 0.5], [3.0, 2.5, 0.0], [-1.0, 5.0, 0.0], [2.0, 0.0, -1.0]])
    assert [(each.latent, each.value) for each in by_class(written, 0)] == [(1, 3.0), (3, 2.0), (0, 1.0)]
    assert [each.latent for each in by_class(written, 0, 1)] == [3, 0, 1], "cat rather than dog"
    assert [each.latent for each in by_class(written, 0, k=1, facts=facts(known))] == [1]
    assert by_class(written, 0, k=1, facts=facts(known))[0].label == "dog face"


def test_search_by_example(model, x):
    sae = random_sae()
    found, typical = activations(sae, model, x), torch.full((40,), 2.0)
    acts = torch.stack([found.heat(latent) for latent in range(40)], 1)
    score = (acts[[1, 4]].mean(0) - acts[[2, 3, 5]].mean(0)) / 2
    ranked = by_example(found, [1, 4], [2, 3, 5], typical)
    assert [each.latent for each in ranked] == score.argsort(descending=True)[: int((score > 0).sum())].tolist()
    assert [each.value for each in ranked] == pytest.approx(score.sort(descending=True).values[: len(ranked)].tolist())
    turned = by_example(found, [2, 3, 5], [1, 4], typical)
    assert not {each.latent for each in ranked} & {each.latent for each in turned}
    alone = by_example(found, [1, 4], [], typical)
    assert alone[0].value == pytest.approx(float(acts[[1, 4]].mean(0).max() / 2))
    typical[ranked[0].latent] = 0
    assert ranked[0].latent not in {each.latent for each in by_example(found, [1, 4], [2, 3, 5], typical)}
    with pytest.raises(ValueError, match="where the latents should be active"):
        by_example(found, [], [2], typical)
