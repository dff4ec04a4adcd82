"""Concepts of tokens, and labels that are chosen on some texts and scored on others."""

from __future__ import annotations

import pytest
import torch

from prisma_engine.analysis.language.concepts import Concept, Concepts
from prisma_engine.analysis.language.labels import Detectors

THE, CAT, DOG, RED, STOP = range(5)


def concepts() -> Concepts:
    every = [
        Concept("cat", "object", (CAT,)),
        Concept("any animal", "category", (CAT, DOG)),
        Concept("before cat", "before", (CAT,), "next"),
        Concept("stories", "genre", (1,), "text"),
    ]
    return Concepts(every, n_words=5, n_genres=2)


def test_a_token_is_about_itself_the_next_word_and_its_text():
    found = concepts().present(torch.tensor([THE, CAT, STOP, DOG]), genre=1)
    assert found.tolist() == [
        [False, False, True, True],
        [True, True, False, True],
        [False, False, False, True],
        [False, True, False, True],
    ]
    assert not concepts().present(torch.tensor([THE, CAT]), genre=0)[:, 3].any()
    assert not concepts().present(torch.tensor([THE, CAT]))[:, 3].any()


def test_concepts_are_found_by_kind():
    assert concepts().of_kind("object") == (0,) and concepts().of_kind("colour") == ()


@pytest.mark.parametrize(
    ("every", "sentence"),
    [
        ([], "no concepts"),
        ([Concept("a", "word", (1,)), Concept("a", "word", (2,))], "two concepts are called 'a'"),
        ([Concept("a", "word", (9,))], "'a' has word 9"),
    ],
)
def test_a_list_of_concepts_that_cannot_be_is_refused(every, sentence):
    with pytest.raises(ValueError, match=sentence):
        Concepts(every, 5)


def labelled(half_of_luck: int = 0, n: int = 40):
    """Latent 0 is active at cats, 1 at animals, 2 before cats, 3 nowhere; 4 at cats in one half of the texts alone."""
    known, detectors = concepts(), Detectors(5, 4)
    for text in range(n):
        ids = torch.tensor([THE, CAT, STOP, THE, DOG])
        acts = torch.zeros(5, 5)
        acts[1, 0], acts[1, 1], acts[4, 1], acts[0, 2] = 2.0, 1.0, 1.5, 0.5
        acts[1, 4] = float(text % 2 == half_of_luck)
        acts[3, 4] = float(text % 2 != half_of_luck)
        detectors.add(acts, known.present(ids, genre=text % 2), text % 2)
    return detectors.result()


def test_each_latent_gets_the_concept_that_it_detects():
    found = labelled()
    assert found.label.tolist()[:4] == [0, 1, 2, -1]
    assert found.precision[:3].tolist() == found.recall[:3].tolist() == found.f1[:3].tolist() == [1, 1, 1]
    assert found.auroc[:3].tolist() == [1, 1, 1] and float(found.f1[3]) == 0


def test_luck_on_the_texts_that_choose_is_not_rewarded():
    found = labelled()
    assert found.label[4] == 0 and float(found.f1[4]) == 0 and float(found.auroc[4]) < 0.5
    lucky = labelled(half_of_luck=1)
    assert lucky.label[4] != 0


def test_recall_counts_what_is_missed_and_precision_what_is_not_it():
    known, detectors = concepts(), Detectors(1, 4)
    for text in range(40):
        acts = torch.zeros(4, 1)
        acts[0], acts[3] = 1.0, 1.0  # at one of two cats, and at a stop
        detectors.add(acts, known.present(torch.tensor([CAT, THE, CAT, STOP])), text % 2)
    found = detectors.result()
    assert found.label[0] == 0 and (float(found.precision[0]), float(found.recall[0])) == (0.5, 0.5)


def test_a_latent_that_is_hardly_ever_active_gets_no_label():
    detectors = Detectors(1, 4)
    for text in range(8):
        present = concepts().present(torch.tensor([CAT]))
        detectors.add(torch.ones(1, 1) * (text < 6), present, text % 2)
    assert int(detectors.result().label[0]) == -1
