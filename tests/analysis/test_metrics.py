"""Metrics read logits, and their classes are looked up in the model's vocabulary."""

import pytest
import torch

from families import tiny_model
from prisma_engine import labels
from prisma_engine.analysis.metrics import bound, class_index, logit, logit_diff, probability, rank
from prisma_engine.load import load

LOGITS = torch.tensor([[1.0, 3.0, 2.0, 0.0, -1.0, 5.0, 2.5], [0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0]])


class Named:
    """What a metric needs of a model."""

    class config:
        n_classes = 7

    name = "seven"
    vocabulary = labels.vocabulary(["tabby cat", "collie", "banana", "bus", "car", "lion", "owl"])


def test_each_metric_is_its_formula():
    values = {
        logit("banana"): LOGITS[:, 2],
        logit_diff("Collie", 0): LOGITS[:, 1] - LOGITS[:, 0],
        probability("owl"): LOGITS.softmax(-1)[:, 6],
        rank("banana"): torch.tensor([3.0, 4.0]),
        rank(5): torch.tensor([0.0, 1.0]),
    }
    for metric, expected in values.items():
        assert torch.allclose(bound(metric, Named)(LOGITS), expected), metric
    assert not torch.allclose(bound(logit_diff(0, 1), Named)(LOGITS), values[logit_diff("Collie", 0)])


def test_only_sums_of_logits_are_linear():
    assert [m.is_linear for m in (logit(0), logit_diff(0, 1), probability(0), rank(0))] == [True, True, False, False]


def test_a_metric_says_what_it_is():
    assert str(logit_diff("tabby", "collie")) == "logit difference of tabby − collie"
    assert str(probability(3)) == "probability of 3"


def test_names_are_looked_up_when_the_model_is_known():
    assert class_index(load("emoji-vit"), "cat face") == 0
    metric = logit("tabby")  # no model yet, so no error yet
    with pytest.raises(ValueError, match="did you mean 'tabby cat'"):
        bound(metric, Named)


@pytest.mark.parametrize("name, sentence", [(9, "7 classes, 0 to 6; got 9"), ("cat", "no class names, so 'cat'")])
def test_a_model_without_names_takes_indices(name, sentence):
    model = tiny_model("attention-only")
    assert class_index(model, 6) == 6
    with pytest.raises(ValueError, match=sentence):
        class_index(model, name)


def test_any_function_is_a_metric_if_it_gives_a_number_for_each_image():
    assert torch.equal(bound(lambda logits: logits.amax(-1), Named)(LOGITS), torch.tensor([5.0, 5.0]))
    for wrong in (lambda logits: logits, lambda logits: 1.0, lambda logits: logits.amax()):
        with pytest.raises(ValueError, match=r"here \[2\]"):
            bound(wrong, Named)(LOGITS)
