"""Class names through CLIP's own text tower: the probabilities are CLIPModel's."""

import pytest
import torch

from families import largest, tiny, words
from prisma_engine.convert import TEMPLATES, NotUnderstood, TextTower, with_classes, zero_shot
from prisma_engine.convert.zero_shot import MAX_CLASSES, MAX_LENGTH, check_class_names, class_embeddings

NAMES = ["cat", "dog", "old red bicycle", "a fruit"]


@pytest.fixture(scope="module")
def clip():
    return tiny("CLIP")


@torch.no_grad()
def logits_per_image(clip, texts):
    return clip.original(pixel_values=clip.x, **words(texts)).logits_per_image


def test_one_template_is_clip_itself(clip):
    template = "a photo of a {}."
    model = zero_shot(clip.model, clip.original, words, NAMES, [template])
    expected = logits_per_image(clip, [template.replace("{}", name) for name in NAMES])
    assert torch.equal(model(clip.x), expected)
    assert torch.equal(model(clip.x).softmax(-1), expected.softmax(-1))
    assert expected.softmax(-1).std() > 0.01


@torch.no_grad()
def test_templates_are_averaged_as_unit_vectors(clip):
    text = TextTower.of(clip.original, words)
    by_template = torch.stack([class_embeddings(text, NAMES, [template]) for template in TEMPLATES])
    assert largest(by_template.norm(dim=-1) - 1) < 1e-6
    mean = by_template.mean(0)
    found = class_embeddings(text, NAMES)
    assert largest(found - mean / mean.norm(dim=-1, keepdim=True)) < 1e-6
    assert largest(found - by_template[0]) > 1e-3, "one template alone says something else"


def test_many_names_are_embedded_as_few_are(clip):
    text = TextTower.of(clip.original, words)
    many = [f"thing number {i}" for i in range(90)]
    assert largest(class_embeddings(text, many, ["{}"])[70:72] - class_embeddings(text, many[70:72], ["{}"])) < 1e-5


def test_another_list_shares_the_weights(clip):
    model = zero_shot(clip.model, clip.original, words, NAMES)
    other = with_classes(model, ["sky", "sea"])
    assert (model(clip.x).shape, other(clip.x).shape) == ((2, 4), (2, 2))
    ours, theirs = dict(model.named_parameters()), dict(other.named_parameters())
    apart = {key for key in ours if ours[key].data_ptr() != theirs[key].data_ptr()}
    assert apart == {"head.text", "head.logit_scale"}
    assert model.hook_points["hook_embed"] is not other.hook_points["hook_embed"]
    assert other.vocabulary.names == ("sky", "sea")
    assert (other.name, other.training) == (model.name, False)
    again = with_classes(other, NAMES)
    assert torch.equal(again(clip.x), model(clip.x))


def test_every_patch_can_be_read(clip):
    from prisma_engine.analysis.lens import logit_lens

    model = zero_shot(clip.model, clip.original, words, NAMES)
    lens = logit_lens(model, clip.x)
    assert largest(lens.logits[-1][:, 0] - model(clip.x)) < 1e-5


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ([], "expected 1 to 200 class names, got 0"),
        ([str(i) for i in range(MAX_CLASSES + 1)], "expected 1 to 200 class names, got 201"),
        (["cat", "  "], "class name 2 is empty"),
        (["x" * (MAX_LENGTH + 1)], "has 61 characters; at most 60"),
        (["cat", "dog", "Cat "], "class name 'Cat' is given twice"),
        ("cat, dog", "class names are a list"),
    ],
)
def test_lists_of_names_that_are_refused(clip, names, sentence):
    with pytest.raises(ValueError, match="class name") as caught:
        zero_shot(clip.model, clip.original, words, names)
    assert sentence in str(caught.value)


def test_names_are_tidied():
    assert check_class_names(["  a\tcat\n", "{braces} 🐱"]) == ("a cat", "{braces} 🐱")


@pytest.mark.parametrize("templates", [[], ["a photo"], ["{} and {}"]])
def test_templates_that_are_refused(clip, templates):
    with pytest.raises(ValueError, match="each template needs one {}"):
        zero_shot(clip.model, clip.original, words, NAMES, templates)


def test_models_without_what_is_needed(clip):
    with pytest.raises(NotUnderstood, match="no text_model"):
        zero_shot(clip.model, tiny("CLIP tower").original, words, NAMES)
    with pytest.raises(NotUnderstood, match="no projection"):
        zero_shot(tiny("CLIP tower").model, clip.original, words, NAMES)
    with pytest.raises(NotUnderstood, match="no text tower"):
        with_classes(tiny("ViT").model, NAMES)
