"""Each measure against a computation by hand, and batches that add up to the whole."""

from __future__ import annotations

import math

import pytest
import torch

from prisma_engine.analysis.detection import auroc, scores
from prisma_engine.sae.measuring.agreement import Agreement
from prisma_engine.sae.measuring.metrics import (
    Answers,
    Reconstruction,
    Usage,
    cosine_per_token,
    duplicates,
    explained_variance,
    kl_divergence,
    recovered,
)

X = torch.tensor([[1.0, 0.0], [3.0, 0.0], [2.0, 3.0]])  # mean (2, 1), squared deviations 2 + 2 + 4
RECON = torch.tensor([[1.0, 1.0], [3.0, 0.0], [2.0, 1.0]])  # squared errors 1, 0, 4


def test_explained_variance_by_hand():
    assert float(explained_variance(X, RECON)) == pytest.approx(1 - 5 / 8)
    assert float(explained_variance(X, X)) == 1
    assert float(explained_variance(X, X.mean(0).expand(3, 2))) == 0
    assert float(explained_variance(X, -X)) < 0
    with pytest.raises(ValueError, match="the same at every token"):
        explained_variance(X[:1], RECON[:1])


def test_cosines_by_hand():
    assert cosine_per_token(X, RECON).tolist() == pytest.approx([1 / math.sqrt(2), 1, 7 / math.sqrt(13 * 5)])
    result = reconstruction([(X, RECON)])
    assert result["cosine_per_token"] == pytest.approx((1 / math.sqrt(2) + 1 + 7 / math.sqrt(65)) / 3)
    # dimension 0 is perfect; dimension 1 is (0, 0, 3) against (1, 0, 1)
    assert result["cosine_per_dimension"] == pytest.approx((1 + 3 / (3 * math.sqrt(2))) / 2)


def reconstruction(batches) -> dict[str, float]:
    added = Reconstruction()
    for x, recon in batches:
        added.add(x, recon)
    return added.result()


def test_reconstruction_by_hand_and_in_parts():
    result = reconstruction([(X, RECON)])
    assert result["explained_variance"] == pytest.approx(3 / 8)
    assert result["mse"] == pytest.approx(5 / 6)
    assert result["explained_variance_per_token"] == pytest.approx((1 - 1 / 2 + 1 + 1 - 4 / 4) / 3)
    parts = reconstruction([(X[:2], RECON[:2]), (X[2:], RECON[2:])])
    for name in ("explained_variance", "mse", "cosine_per_token", "cosine_per_dimension"):
        assert parts[name] == pytest.approx(result[name]), name
    with pytest.raises(ValueError, match="not defined"):
        reconstruction([(X[:1], RECON[:1])])


def test_a_few_long_tokens_do_not_hide_the_others():
    """An SAE that has learnt one outlier alone explains nearly everything, and of the usual tokens nothing."""
    x = torch.randn(200, 8, generator=torch.Generator().manual_seed(0))
    x[:4, 0] += 1000
    recon = x.clone()
    recon[4:] = x[4:].mean(0)
    result = reconstruction([(x, recon)])
    assert result["explained_variance"] > 0.999 and result["usual_share"] == pytest.approx(196 / 200)
    assert result["explained_variance_usual"] == pytest.approx(0, abs=1e-6)
    assert reconstruction([(x[4:], recon[4:])])["usual_share"] == 1


def test_kl_by_hand():
    p, q = torch.tensor([[0.75, 0.25]]), torch.tensor([[0.5, 0.5]])
    by_hand = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    assert float(kl_divergence(p.log(), q.log())) == pytest.approx(by_hand)
    assert float(kl_divergence(p.log() + 3, p.log())) == pytest.approx(0, abs=1e-6)


def test_recovered_by_hand():
    assert recovered(1.0, 1.5, 3.0) == pytest.approx(0.75)
    assert recovered(1.0, 0.9, 3.0) == pytest.approx(1.05)
    assert recovered(1.0, 1.01, 1.05) is None  # zeros add 0.05 nats: any share of that is noise


LOGITS = {
    "original": torch.tensor([[4.0, 0.0], [0.0, 2.0]]),
    "spliced": torch.tensor([[1.0, 0.0], [3.0, 0.0]]),
    "zero_ablated": torch.tensor([[0.0, 0.0], [5.0, 0.0]]),
}


def nats(margins: list[float]) -> float:
    """Mean cross-entropy of two classes with these margins of the right one."""
    return sum(math.log(1 + math.exp(-m)) for m in margins) / len(margins)


def test_answers_by_hand():
    answers = Answers(logit_scale=10.0)
    answers.add(LOGITS, torch.tensor([0, 1]))
    result = answers.result()
    assert result["accuracy"] == {"original": 1, "spliced": 0.5, "zero_ablated": 0.5, "kept": 0.5, "images": 2}
    assert result["top1_agreement"] == 0.5 and result["images"] == 2
    entropy = result["cross_entropy"]
    original, spliced, ablated = nats([4, 2]), nats([1, -3]), nats([0, -5])
    assert [entropy[way] for way in Answers.WAYS] == pytest.approx([original, spliced, ablated])
    assert entropy["recovered"] == pytest.approx((ablated - spliced) / (ablated - original))
    assert entropy["saved"] / entropy["added_by_ablation"] == pytest.approx(entropy["recovered"])
    unscaled = result["cross_entropy_unscaled"]
    assert unscaled["original"] == pytest.approx(nats([0.4, 0.2]))
    assert unscaled["added_by_ablation"] == pytest.approx(nats([0, -0.5]) - nats([0.4, 0.2]))


def test_unscaled_cross_entropy_flatters():
    """With CLIP's scale left out, nothing is ever far from ln(classes): a share of nothing is recovered."""
    answers = Answers(logit_scale=100.0)
    answers.add(LOGITS, torch.tensor([0, 1]))
    assert answers.result()["cross_entropy_unscaled"]["recovered"] == "not meaningful"
    assert answers.result()["cross_entropy"]["recovered"] < 1


def test_answers_without_labels_are_only_compared():
    answers = Answers()
    answers.add(LOGITS, None)
    result = answers.result()
    assert result["accuracy"] is None and result["cross_entropy"] is None and result["kl"] > 0
    answers.add(LOGITS, torch.tensor([0, -1]))
    result = answers.result()
    assert result["accuracy"]["images"] == 1 and result["accuracy"]["spliced"] == 1 and result["images"] == 4
    assert result["cross_entropy"]["zero_ablated"] == pytest.approx(nats([0]))
    assert result["cross_entropy_unscaled"] is None  # no logit scale, so nothing to leave out


def test_usage_by_hand():
    acts = torch.zeros(2, 3, 4)  # two images of CLS and two patches
    acts[0, 0, 0] = acts[0, 1, 0] = acts[1, 2, 0] = 2.0
    acts[0, 2, 1] = 5.0
    acts[1, 1, 0] = 4.0
    usage = Usage(4, n_prefix=1)
    usage.add(acts[:1])
    usage.add(acts[1:])
    result = usage.result()
    assert result["l0"] == {"all": 5 / 6, "cls": 0.5, "patches": 1.0, "per_image": 1.5}
    assert result["alive_share"] == 0.5 and result["dense_share"] == 0.5  # both are active at more than a tenth
    assert usage.frequency.tolist() == pytest.approx([4 / 6, 1 / 6, 0, 0])
    assert usage.typical.tolist() == [2.5, 5, 0, 0] and usage.largest.tolist() == [4, 5, 0, 0]
    bars = result["frequency"]
    assert sum(bars["latents"]) == 2 and len(bars["log10_edges"]) == len(bars["latents"]) + 1
    where = [i for i, n in enumerate(bars["latents"]) if n]
    for i, share in zip(where, sorted([4 / 6, 1 / 6]), strict=True):
        assert bars["log10_edges"][i] <= math.log10(share) < bars["log10_edges"][i + 1]


def test_usage_of_patches_alone_has_no_cls():
    usage = Usage(4, n_prefix=1)
    usage.add(torch.ones(2, 3, 4), first=1)
    assert usage.result()["l0"] == {"all": 4, "cls": None, "patches": 4, "per_image": 4}


def test_duplicates_by_hand():
    rows = torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
    assert duplicates(rows, rows=2).tolist() == pytest.approx([1, 1, 0, -1 / math.sqrt(2)], abs=1e-6)


def test_scores_by_hand():
    precision, recall, f1 = scores(torch.tensor(3.0), torch.tensor(4.0), torch.tensor(6.0))
    assert (float(precision), float(recall), float(f1)) == pytest.approx((0.75, 0.5, 0.6))


def plain_auroc(values: list[float], positive: list[bool]) -> float:
    """Every pair compared."""
    ups = [v for v, p in zip(values, positive, strict=True) if p]
    downs = [v for v, p in zip(values, positive, strict=True) if not p]
    return sum((u > d) + (u == d) / 2 for u in ups for d in downs) / len(ups) / len(downs)


@pytest.mark.parametrize("seed", range(8))
def test_auroc_is_that_of_all_pairs(seed):
    generator = torch.Generator().manual_seed(seed)
    values = (torch.randint(-3, 4, (60,), generator=generator)).clamp(min=0).float()  # zeros and ties
    positive = torch.rand(60, generator=generator) < 0.3
    active = values > 0
    found = auroc(values[active], positive[active], int(positive.sum()), int((~positive).sum()))
    assert found == pytest.approx(plain_auroc(values.tolist(), positive.tolist()))
    assert auroc(values[active], positive[active], 0, 60) == 0.5


def test_a_latent_that_is_a_class_is_labelled_so():
    generator = torch.Generator().manual_seed(0)
    classes = torch.randint(-1, 3, (40, 9), generator=generator)
    acts = torch.zeros(40, 9, 4)
    acts[..., 0] = (classes == 2).float() * 3
    acts[..., 1] = ((classes == 0) & (torch.rand(40, 9, generator=generator) < 0.5)).float()
    acts[..., 2] = (classes == -1).float()  # background is no class
    agreement = Agreement(4, 3)
    for start in (0, 20):
        part = slice(start, start + 20)
        agreement.add(acts[part], classes[part], torch.arange(20) % 2)
    labels = agreement.result()
    assert labels.label.tolist() == [2, 0, -1, -1]
    assert labels.f1[0] == 1 and labels.auroc[0] == 1 and labels.precision[1] == 1
    held = torch.arange(40) % 20 % 2 == 1
    found = (acts[held][..., 1] > 0).sum() / (classes[held] == 0).sum()
    assert float(labels.recall[1]) == pytest.approx(float(found)) and labels.f1[2] == 0
    assert float(labels.auroc[1]) == pytest.approx((1 + float(found)) / 2)


def test_luck_in_choosing_is_not_rewarded_in_scoring():
    """Latents that fire at random find some class in one half; on the other half they are as bad as chance."""
    generator = torch.Generator().manual_seed(0)
    classes = torch.randint(0, 30, (60, 16), generator=generator)
    acts = (torch.rand(60, 16, 50, generator=generator) < 0.05).float()
    agreement = Agreement(50, 30)
    agreement.add(acts, classes, torch.arange(60) % 2)
    labels = agreement.result()
    named = labels.label >= 0
    chosen = scores(
        agreement.both[0].gather(1, labels.label.clamp(min=0)[:, None])[:, 0],
        agreement.both[0].sum(1),
        agreement.present[0][labels.label.clamp(min=0)],
    )[2]
    assert named.any() and labels.f1[named].mean() < 0.6 * chosen[named].mean()
    assert labels.auroc[named].mean() == pytest.approx(0.5, abs=0.05)
