"""The studies of emoji-llava's SAEs on miniatures: what is counted, and that it can fail."""

from __future__ import annotations

import json
import math

import pytest
import torch

from prisma_engine import vlm
from prisma_engine.analysis.language.contexts import read_contexts
from prisma_engine.sae import SAE, SAEConfig, files
from prisma_engine.sae.features.exemplars import exemplars
from prisma_engine.sae.features.facts import Facts, facts
from prisma_engine.sae.training.texts import as_tokens
from prisma_engine.studies import llava_saes, llava_transfer
from prisma_engine.studies.llava_concepts import llava_concepts
from prisma_engine.studies.llava_rows import Fluency, Rows, Way, descriptions
from prisma_engine.studies.llava_scenes import held_out_scenes, image_activations, named
from prisma_engine.studies.llava_steering import Bench, Case, measured
from prisma_engine.studies.llava_transfer import Gathered, class_latents, rank, transfer
from prisma_engine.toy.llava.nouns import WORDS
from prisma_engine.toy.llava.tokenizer import build_tokenizer
from tiny_vlms import hooked

HOOK = "blocks.1.hook_resid_post"
DOG, PIZZA = WORDS.index("dog"), WORDS.index("pizza")


@pytest.fixture(scope="module")
def model():
    return hooked()


@pytest.fixture(scope="module")
def scenes(model):
    return held_out_scenes(model, "pairs", 0, 4, (0, 0, 1))


def sae_of(model, d_sae: int = 30, seed: int = 1) -> SAE:
    config = SAEConfig(model.name, HOOK, model.config.d_model, d_sae, k=4, normalize="layer_norm")
    sae, generator = SAE(config), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in sae.parameters():
            p.copy_(torch.randn(p.shape, generator=generator) / 3)
    return sae.eval().requires_grad_(False)


def facts_of(d_sae: int, owned: dict[int, int], f1: float = 0.9) -> Facts:
    """Latents that are labelled with object classes: {latent: class}."""
    ones, label = torch.ones(d_sae), torch.full((d_sae,), -1)
    for latent, kind in owned.items():
        label[latent] = kind
    return Facts(ones / 5, ones * 2, ones * 3, ones * 0, label, WORDS, "texts", "texts", ones, ones, ones * f1, ones)


def test_every_object_colour_and_category_is_a_concept():
    tokenizer = build_tokenizer()
    concepts = llava_concepts(tokenizer)
    assert concepts.names[:64] == WORDS and len(concepts.of_kind("colour")) == 11
    ids = torch.tensor(tokenizer.encode("there is a red pizza .", add_special_tokens=False))
    found = concepts.present(ids)
    about = {concepts.names[i] for i in found[4].nonzero()[:, 0].tolist()}
    assert {"pizza", "any food", "any object", "before ."} <= about and "dog" not in about
    assert "before pizza" in {concepts.names[i] for i in found[3].nonzero()[:, 0].tolist()}


def test_scenes_say_what_each_image_token_shows(model, scenes):
    assert len(scenes) == 4 and scenes.patches.shape == (4, 9)
    assert all(
        set(row.tolist()) - {-1} <= set(of.tolist()) for row, of in zip(scenes.patches, scenes.objects, strict=True)
    )
    x = image_activations(model, scenes.prompt, [HOOK])[HOOK]
    assert x.shape == (4, 9, model.config.d_model)
    twice = scenes.rows([2, 2, 0])
    assert torch.equal(image_activations(model, twice.prompt, [HOOK])[HOOK][:2], x[[2, 2]])
    assert named("there is a large dog on the left , and a pizza .") == {DOG, PIZZA} and named("a hotdog") == set()


def test_the_rank_of_a_silent_latent_is_the_last():
    values = torch.tensor([3.0, 0.0, 1.0, 0.0])
    assert [rank(values, i) for i in range(4)] == [1, 4, 2, 4]


def gathered(right: bool) -> Gathered:
    """Two classes with a latent each, active at their own objects or at each other's."""
    kinds = torch.tensor([0, 0, 1, 1, -1, -1])
    of_latents = torch.zeros(6, 64)
    means = torch.zeros(64, 40)
    for kind in (0, 1):
        of_latents[kinds == (kind if right else 1 - kind), kind] = 1.0
        means[kind if right else 1 - kind, kind] = 1.0
    return Gathered(kinds, of_latents, means)


def test_latents_that_know_images_transfer_and_others_do_not():
    known = facts_of(40, {0: 0, 1: 1})
    latents = class_latents(known)
    assert latents[:2] == [0, 1] and latents[2:] == [None] * 62
    good, bad = (transfer("x", known, latents, gathered(right)) for right in (True, False))
    assert good.labelled == 2 and good.in_top.value == pytest.approx(2 / 64) and bad.in_top.value == 0
    assert good.auroc.value == good.auroc_objects.value == 1 and bad.auroc.value < 0.5
    assert (good.shuffled, bad.shuffled) == (0.0, 1.0) and good.random == 10 / 40
    assert good.classes[0].top[0].latent == 0 and good.classes[0].top[0].label == WORDS[0]


def test_of_several_latents_of_a_class_the_best_labelled_is_its_own():
    known = facts_of(10, {3: DOG, 5: DOG})
    assert known.f1 is not None
    known.f1[5] = 0.95
    assert class_latents(known)[DOG] == 5


def test_a_control_moves_as_far_in_another_direction(model, scenes):
    sae = sae_of(model)
    x = image_activations(model, scenes.prompt, [HOOK])[HOOK]
    latent = int(sae.encode(x).sum((0, 1)).argmax())
    latents, amounts, along = (
        torch.tensor([latent] * 4),
        torch.tensor([-3.0] * 4),
        torch.tensor([(latent + 1) % 30] * 4),
    )
    point = model.hook_points[HOOK]
    own = Rows(sae, "scale", latents, amounts)(x, point) - x
    other = Rows(sae, "scale", latents, amounts, along)(x, point) - x
    assert torch.allclose(own.norm(dim=-1), other.norm(dim=-1), atol=1e-4) and float(own.norm()) > 0
    active = own.norm(dim=-1) > 1e-6
    assert torch.equal(active, sae.encode(x)[..., latent] > 0)
    assert float(torch.cosine_similarity(own[active], other[active]).abs().max()) < 0.99


def test_a_random_sae_does_not_transfer(model, tmp_path):
    sae = sae_of(model)
    found = llava_transfer.gather(model, [sae], [[0] * 64], each=1, of=(DOG, PIZZA))[0]
    told = transfer("x", facts_of(30, {0: DOG}), [0 if k == DOG else None for k in range(64)], found)
    assert told.labelled == 1 and abs(told.auroc.value - 0.5) < 0.4
    assert json.loads(llava_transfer.to_json([told], 1))["saes"][0]["sae"] == "x"
    assert "classes with a latent" in llava_transfer.report([told])


@pytest.mark.parametrize("how", ["add", "clamp", "scale"])
def test_rows_are_steered_as_one_by_one(model, scenes, how):
    sae = sae_of(model)
    x = image_activations(model, scenes.prompt, [HOOK])[HOOK]
    latents = sae.encode(x).sum((0, 1)).topk(4).indices
    amounts = torch.tensor([4.0, -2.0, 0.5, 9.0])
    together = model.run_with_hooks(scenes.prompt, {HOOK: vlm.at(Rows(sae, how, latents, amounts), ("image",))})
    for row in range(4):
        alone = vlm.at(sae.steer({int(latents[row]): float(amounts[row])}, how), ("image",))
        one = model.run_with_hooks(scenes.rows([row]).prompt, {HOOK: alone})
        assert torch.allclose(together[row], one[0], atol=1e-4)
    assert not torch.allclose(together, model(scenes.prompt), atol=1e-2)


def test_descriptions_change_only_where_something_is_changed(model, scenes):
    sae = sae_of(model)
    plain = descriptions(model, scenes)
    assert descriptions(model, scenes, sae, Way(), [0] * 4, [0.0] * 4) == plain
    assert descriptions(model, scenes, sae, Way(), [0] * 4, [50.0] * 4) != plain
    assert descriptions(model, scenes, sae, Way("splice"), [0] * 4, [0.0] * 4) != plain


def test_fluency_is_what_the_model_gives_the_words(model):
    fluency = Fluency(model)
    (nats,) = fluency.nats(["a dog ."])
    read = as_tokens(model.tokenizer, ["a dog . <eos>"])
    log_probs = model(read.prompt).log_softmax(-1)
    expected = [-float(log_probs[0, i, read.ids[0, i + 1]]) for i in range(read.ids.shape[1] - 1)]
    assert nats == pytest.approx(sum(expected) / len(expected), abs=1e-4)
    assert fluency.nats(["a pizza .", "a dog ."])[1] == nats


def case(scene: int, before: set[int]) -> Case:
    return Case(scene, DOG, frozenset(before), "before", 0, 1, 1.0)


def test_what_became_of_descriptions_is_counted():
    cases = [case(0, {DOG, PIZZA}), case(1, {DOG, PIZZA}), case(2, {DOG}), case(3, {DOG, 1})]
    said = ["there is a pizza .", "there is a dog .", "there is a car .", "before"]
    point = measured("forget", -1.0, cases, said, [1.0, 1.0, 1.0, 1.0])
    assert point.done.value == 0.75 and point.invented.value == 0.25 and point.unchanged.value == 0.25
    assert point.kept.value == pytest.approx(1 / 3, abs=1e-3) and point.perplexity == pytest.approx(math.e, abs=1e-3)
    seen = measured("see", 1.0, cases, said, [1.0] * 4)
    assert seen.done.value == 0.25


def test_only_what_is_shown_named_and_known_can_be_forgotten(model, scenes):
    first, second = scenes.objects[0, 0], scenes.objects[0, 1]
    known = facts_of(30, {4: int(first), 9: int(second), 11: (int(first) + 1) % 64})
    bench = Bench(model, model, sae_of(model), known, scenes)
    assert len(bench.texts) == 4
    bench.texts = [f"there is a {WORDS[first]} .", "nothing .", "", "a thing ."]
    (only,) = bench.cases("forget", 10)
    assert (only.scene, only.kind, only.latent) == (0, int(first), 4) and only.unit == 2.0
    assert only.control not in (4, 9, 11)
    (seen,) = bench.cases("see", 10)
    assert seen.kind not in scenes.objects[0].tolist()
    assert bench.cases("forget", 0) == []


def test_an_sae_is_measured_and_its_files_are_read_back(model, tmp_path, monkeypatch):
    folder = tmp_path / HOOK
    files.save(sae_of(model), folder)
    (told,) = llava_saes.score([folder], model, n_texts=12, n_scenes=3)
    assert told["texts"] == 12 and told["on_images"]["scenes"] == 3 and told["l0"]["all"] <= 4
    assert told["reconstruction"]["explained_variance"] < 0.5  # random weights explain little
    entropy = told["answers"]["cross_entropy"]
    assert entropy["original"] > 0 and told["answers"]["texts"] == 12
    known, contexts, profile = facts(folder), read_contexts(folder), exemplars(folder)
    assert known is not None and contexts is not None and profile is not None
    assert profile.n_images == 3 and profile.n_tokens == 27
    active = int(known.typical.argmax())
    assert contexts.of(active) and contexts.source == "12 held-out texts"
    assert max(contexts.of(active)[0].acts) == pytest.approx(float(known.largest[active]), rel=1e-2)


def test_splicing_leaves_the_token_in_front_alone(model):
    texts = as_tokens(model.tokenizer, ["<bos> a dog .", "<bos> a pizza and a dog ."])
    found = llava_saes.Measured(sae_of(model), llava_concepts(model.tokenizer))
    found.answer(model, texts, model(texts.prompt))
    assert found.answers.labelled == int(llava_saes.predicted(texts).sum()) == 2 + 5
    assert found.answers.nats["spliced"] != found.answers.nats["original"] != found.answers.nats["zero_ablated"]
