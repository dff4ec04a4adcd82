"""The smallest set that flips: compared with trying every set, on random tiny models, and on emoji-vit."""

from itertools import combinations

import pytest
import torch
from PIL import Image

from families import random_input, tiny_model
from prisma_engine.analysis.metrics import bound, logit_diff
from prisma_engine.analysis.patching.activation import apply_patches
from prisma_engine.analysis.patching.minimal import minimal_flip
from prisma_engine.analysis.patching.sites import site_grid
from prisma_engine.load import load
from prisma_engine.toy.compose import Placement, render_scene

TOKENS = {"at": "blocks.*.hook_resid_mid", "by": ("layer", "token"), "token": slice(0, 5)}


def pair(model, seed=3):
    return random_input(model.config, 1, seed=seed), random_input(model.config, 1, seed=seed + 100)


def beyond(model, clean, corrupt, share):
    """A metric that changes its sign at a share of the way from the corrupt to the clean run's answer."""
    weights = torch.arange(1.0, model.config.n_classes + 1).mul(2.3).cos()
    low, high = (model(x)[0] @ weights for x in (corrupt, clean))
    return lambda logits: (logits @ weights - (low + share * (high - low))) * (high - low).sign()


def by_brute_force(model, clean, corrupt, sets, metric):
    """Size of the smallest flipping set, and the sets of that size that flip."""
    for size in range(1, len(sets) + 1):
        chosen = list(combinations(range(len(sets)), size))
        together = [[site for i in cells for site in sets[i]] for cells in chosen]
        values = metric(apply_patches(model, corrupt, clean, together)[:, 0]).tolist()
        if flipping := {cells: v for cells, v in zip(chosen, values, strict=True) if v > 0}:
            return size, flipping
    return None, {}


@pytest.mark.parametrize("name", ["timm ViT, mean pool", "causal", "timm SigLIP, classifier"])
@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_it_is_the_best_of_the_smallest_sets(name, share):
    model = tiny_model(name)
    clean, corrupt = pair(model)
    metric = beyond(model, clean, corrupt, share)
    sets = site_grid(model, **TOKENS).sets
    size, flipping = by_brute_force(model, clean, corrupt, sets, metric)
    found = minimal_flip(model, clean, corrupt, **TOKENS, metric=metric, max_exact=10, budget=1e6)
    assert found.flips is (size is not None)
    if size is not None:
        assert found.size == size and found.is_smallest and found.method == "exact"
        assert found.n_flipping == len(flipping)
        best = max(flipping, key=lambda cells: flipping[cells])
        assert found.members == tuple(sets[i] for i in best)
        assert found.margin == pytest.approx(flipping[best], abs=1e-4)


def hard_pair(share=0.5):
    """A model and a pair of images of which several sites have to be patched."""
    model = tiny_model("timm ViT, mean pool")
    clean, corrupt = pair(model)
    return model, clean, corrupt, {**TOKENS, "token": "all", "metric": beyond(model, clean, corrupt, share)}


def test_the_result_says_what_it_did():
    model, clean, corrupt, search = hard_pair()
    found = minimal_flip(model, clean, corrupt, **search)
    metric, sites = search["metric"], [site for member in found.members for site in member]
    alone = metric(apply_patches(model, corrupt, clean, found.members)[:, 0])
    together = apply_patches(model, corrupt, clean, [sites])[0]
    assert found.size > 2
    assert torch.allclose(found.alone, alone, atol=1e-4) and (found.alone < 0).all()
    assert found.margin == pytest.approx(metric(together).item(), abs=1e-4)
    assert torch.allclose(found.logits, together[0], atol=1e-4)
    assert found.margin_before == pytest.approx(metric(model(corrupt)).item(), abs=1e-4)
    assert found.margin_source == pytest.approx(metric(model(clean)).item(), abs=1e-4)
    assert found.margin_before < 0 < min(found.margin, found.margin_source)
    assert found.n_numbers == len(sites) * model.config.d_model
    assert len(found.labels) == found.size and all(label.startswith("L") for label in found.labels)


def test_beyond_its_budget_it_is_greedy_and_says_so():
    model, clean, corrupt, search = hard_pair()
    greedy = minimal_flip(model, clean, corrupt, **search, budget=0)
    assert greedy.flips and greedy.method == "greedy" and greedy.n_flipping is None
    assert greedy.size > 2 and not greedy.is_smallest  # no set of two was ruled out
    pairs = minimal_flip(model, clean, corrupt, **search, budget=1e6, max_exact=2)
    assert pairs.is_smallest is (pairs.size <= 3) and pairs.n_passes > greedy.n_passes
    easy = {**search, "metric": beyond(model, clean, corrupt, 0.05)}
    single = minimal_flip(model, clean, corrupt, **easy, budget=0)
    assert single.size == 1 and single.is_smallest and single.method == "exact"


def test_a_member_that_is_no_longer_needed_is_dropped():
    """Site 0 is best alone and chosen first, but 1 and 2 flip without it."""
    model = tiny_model("timm ViT, mean pool")
    clean, corrupt = pair(model)
    search = {"at": "blocks.1.hook_resid_mid", "by": "token", "token": slice(0, 4)}
    margin = {(0,): -1, (1,): -2, (2,): -2, (3,): -3, (0, 1): -0.5, (1, 2): 1, (0, 1, 2): 2}
    sets = site_grid(model, **search).sets
    cells = [c for n in range(5) for c in combinations(range(4), n)]
    answers = apply_patches(model, corrupt, clean, [[s for i in c for s in sets[i]] for c in cells])[:, 0]
    values = torch.tensor([margin.get(c, -4.0) for c in cells])

    def metric(logits):
        """The margin in the table; the clean run's is positive."""
        far, which = torch.cdist(logits, answers).min(1)
        return torch.where(far < 1e-3, values[which], 5.0)

    found = minimal_flip(model, clean, corrupt, **search, metric=metric, budget=0)
    assert found.members == (sets[1], sets[2]) and found.margin == 1 and found.is_smallest
    assert found.method == "greedy" and found.alone.tolist() == [-2, -2]


def test_no_member_of_a_greedy_set_can_be_left_out():
    model, clean, corrupt, search = hard_pair(0.6)
    greedy = minimal_flip(model, clean, corrupt, **search, budget=0)
    rests = [[site for m in rest for site in m] for rest in combinations(greedy.members, greedy.size - 1)]
    assert greedy.flips and greedy.size > 2
    assert (search["metric"](apply_patches(model, corrupt, clean, rests)[:, 0]) < 0).all()


def test_a_shortlist_leaves_sites_out_of_the_greedy_search_alone():
    model, clean, corrupt, search = hard_pair(0.3)
    found = minimal_flip(model, clean, corrupt, **search, budget=0)
    few = minimal_flip(model, clean, corrupt, **search, budget=0, shortlist=found.size + 2)
    assert few.n_tried < found.n_tried
    assert not minimal_flip(model, clean, corrupt, **search, budget=0, shortlist=1).flips


def test_directions_go_both_ways():
    model, clean, corrupt, search = hard_pair(0.3)
    noised = minimal_flip(model, clean, corrupt, **search, direction="noise")
    assert noised.flips
    assert noised.margin_before == pytest.approx(-search["metric"](model(clean)).item(), abs=1e-4)
    sites = [site for member in noised.members for site in member]
    assert search["metric"](apply_patches(model, clean, corrupt, [sites])[0]) < 0


def test_where_nothing_flips_the_best_is_told():
    model = tiny_model("ViT")
    clean, corrupt = pair(model)
    metric = beyond(model, clean, corrupt, 0.5)
    unread = {"at": "blocks.1.attn.hook_z", "by": "token", "token": "patches"}  # behind the last attention CLS is alone
    found = minimal_flip(model, clean, corrupt, **unread, metric=metric)
    assert not found.flips and not found.is_smallest
    assert found.margin == pytest.approx(found.margin_before, abs=1e-4)


def test_it_can_be_watched_and_stopped():
    model, clean, corrupt, search = hard_pair()
    seen = []
    whole = minimal_flip(model, clean, corrupt, **search, max_exact=2, progress=lambda *now: seen.append(now))
    stages = list(dict.fromkeys(what for what, _ in seen))
    assert stages[:2] == ["single sites", "greedy, 2 sites"] and "all sets of 2" in stages
    assert all(0 < share <= 1 for _, share in seen) and seen[-1][1] == 1
    ask = iter([False, False, True])
    stopped = minimal_flip(model, clean, corrupt, **search, chunk=4, stop=lambda: next(ask))
    assert stopped.n_tried == 12 < whole.n_tried and not stopped.flips and stopped.size == 1


def scene(*animals):
    image = render_scene([Placement(name, x, y, 46) for name, x, y in animals], background=5).image
    return load("emoji-vit").preprocess(Image.fromarray(image))


def test_a_few_heads_make_a_dog_a_cat():
    model = load("emoji-vit")
    clean, corrupt = scene(("cat face", 40, 44)), scene(("dog face", 40, 44))
    found = minimal_flip(model, clean, corrupt, token="cls")
    names = [model.vocabulary.names[logits.argmax()] for logits in (model(corrupt)[0], found.logits)]
    assert names == ["dog face", "cat face"] and found.is_smallest and found.size <= 3
    assert found.n_numbers == found.size * model.config.d_head
    difference = bound(logit_diff("cat face", "dog face"), model)
    signed = minimal_flip(model, clean, corrupt, token="cls", metric=logit_diff("cat face", "dog face"))
    assert difference(signed.logits[None]) > 0 > difference(model(corrupt)) and signed.size <= found.size


def test_two_runs_that_agree_cannot_flip():
    model = load("emoji-vit")
    cat = scene(("cat face", 40, 44))
    with pytest.raises(ValueError, match="answer with the same class"):
        minimal_flip(model, cat, scene(("cat face", 60, 40)))
    with pytest.raises(ValueError, match="same side of 0"):
        minimal_flip(model, cat, scene(("bus", 60, 40)), metric=lambda logits: logits.square().sum(-1))
