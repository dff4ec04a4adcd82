"""The most active contexts of each latent, and their file."""

from __future__ import annotations

import pytest
import torch

from prisma_engine.analysis.language.contexts import BEFORE, EACH, FILE, WIDTH, Contexts, Strongest, read_contexts
from prisma_engine.hub import LoadError

WORDS = tuple(f"w{i}" for i in range(40))


def gathered(n_texts: int = 50, batch: int = 8) -> tuple[Contexts, torch.Tensor, torch.Tensor]:
    """Contexts of three latents in random texts, with the texts and activations that they are from."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(0, 40, (n_texts, 20), generator=generator)
    acts = torch.rand(n_texts, 20, 3, generator=generator)
    acts[:, :, 1] = 0
    acts[3, 7, 1] = 2.0
    kept = torch.ones(n_texts, 20, dtype=torch.bool)
    kept[:, 0] = False
    strongest = Strongest(3)
    for part in torch.arange(n_texts).split(batch):
        strongest.add(acts[part], ids[part], kept[part])
    return strongest.result("50 texts", WORDS), ids, acts


def test_the_strongest_of_each_text_are_kept_in_order():
    found, ids, acts = gathered()
    of = found.of(0)
    expected = acts[:, 1:, 0].amax(1).sort(descending=True).values[:EACH]
    assert torch.allclose(torch.tensor([context.acts[context.at] for context in of]), expected)
    text, place = divmod(int(acts[:, 1:, 0].argmax()), 19)
    best, place = of[0], place + 1
    low, high = max(1, place - BEFORE), min(20, place + WIDTH - BEFORE)
    assert best.words == tuple(WORDS[i] for i in ids[text, low:high].tolist())
    assert best.at == place - low and best.text.split()[best.at] == WORDS[ids[text, place]]


def test_a_latent_that_is_active_in_one_text_has_one_context():
    found, ids, _ = gathered()
    (only,) = found.of(1)
    assert only.words[only.at] == WORDS[ids[3, 7]] and only.acts[only.at] == 2.0
    with pytest.raises(ValueError, match="no latent 3; contexts are of latents 0 to 2"):
        found.of(3)


def test_batches_do_not_matter():
    one, other = gathered(batch=8)[0], gathered(batch=50)[0]
    assert all(one.of(latent) == other.of(latent) and one.of(latent) for latent in range(3))


def test_the_file_says_the_same(tmp_path):
    found, _, _ = gathered()
    assert read_contexts(tmp_path) is None
    found.save(tmp_path)
    again = read_contexts(tmp_path)
    assert again is not None and again.source == "50 texts"
    assert [c.words for c in again.of(2)] == [c.words for c in found.of(2)]
    assert torch.allclose(again.acts, found.acts, atol=1e-3)


@pytest.mark.parametrize("spoil", ["cut", "words"])
def test_a_damaged_file_is_refused_in_a_sentence(tmp_path, spoil):
    found, _, _ = gathered()
    path = found.save(tmp_path)
    if spoil == "cut":
        path.write_bytes(path.read_bytes()[:90])
    else:
        Contexts(found.source, WORDS[:4], found.ids, found.acts).save(tmp_path)
    with pytest.raises(LoadError, match=f"{FILE} of .* is damaged"):
        read_contexts(tmp_path)
