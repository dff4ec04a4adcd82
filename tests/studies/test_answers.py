"""How often a model is right, and how often its answer stays the same."""

import pytest
import torch

import prisma_engine as pe
from prisma_engine.studies.answers import exchanged, outcomes
from prisma_engine.studies.samples import Sample
from studies.small import samples_of, small


def labelled(model: pe.HookedViT, n: int) -> list[Sample]:
    """Pictures whose right answer is the model's own for all but the first."""
    found = samples_of(model, n)
    answers = [int(model(s.x).argmax()) for s in found]
    return [
        Sample(s.reference, s.x, ((a + (i == 0)) % 5,)) for i, (s, a) in enumerate(zip(found, answers, strict=True))
    ]


def test_accuracy_and_sameness_by_hand():
    model = small()
    samples = labelled(model, 30)  # more than a batch
    always = torch.tensor([0.0, 9.0, 0, 0, 0])
    n, (plain, constant) = outcomes(model, samples, {"plain": {}, "constant": {"hook_logits": pe.replace(always)}})
    answers = [int(model(s.x).argmax()) for s in samples]
    assert len(set(answers)) > 1
    assert n == 30 and (plain.plan, plain.accuracy, plain.same) == ("plain", round(29 / 30, 4), 1.0)
    assert constant.same == round(answers.count(1) / 30, 4)
    assert constant.accuracy == round(sum(1 in s.classes for s in samples) / 30, 4)


def test_one_of_several_right_answers_is_enough():
    model = small()
    every = samples_of(model, 4, classes=(0, 1, 2, 3, 4))
    assert outcomes(model, every, {"plain": {}})[1][0].accuracy == 1.0


def test_pictures_without_a_label_do_not_count_for_the_accuracy():
    model = small()
    samples = labelled(model, 4)
    unknown = [Sample(s.reference, s.x, ()) for s in samples]
    assert outcomes(model, [*samples, *unknown], {"plain": {}})[1][0].accuracy == 0.75
    assert outcomes(model, unknown, {"plain": {}})[1][0].accuracy is None


def test_no_pictures_and_no_classifier_are_refused():
    with pytest.raises(ValueError, match="at least one picture"):
        outcomes(small(), [], {"plain": {}})
    features = small(head="identity", n_classes=16)
    with pytest.raises(ValueError, match="gives features, no answers"):
        outcomes(features, samples_of(features, 1), {"plain": {}})


def test_exchanged_patches_are_exchanged_and_nothing_else():
    model = small()
    (sample,) = samples_of(model, 1)
    x = exchanged(sample.x, model, [0, 5], [8, 23])
    before, after = (model.embed.patches(picture)[0] for picture in (sample.x, x))
    order = list(range(24))
    for one, other in ((0, 8), (5, 23)):
        order[one], order[other] = other, one
    assert torch.equal(after, before[order])
    assert torch.equal(exchanged(x, model, [0, 5], [8, 23]), sample.x)


def test_exchanging_pixels_is_exchanging_positions():
    """Attention does not care about order: what follows a place follows its position vector."""
    model, (sample,) = small(), samples_of(small(), 1)
    by_pixels = model(exchanged(sample.x, model, [0], [8]))
    plain = model(sample.x)
    positions = model.embed.pos_embed
    positions[:, [1, 9]] = positions[:, [9, 1]].clone()
    assert torch.allclose(model(sample.x), by_pixels, atol=1e-5)
    assert not torch.allclose(plain, by_pixels, atol=1e-3)
