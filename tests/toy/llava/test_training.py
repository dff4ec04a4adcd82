"""The stages on miniatures: resuming changes no bit, exchanges do not see each other, the parts fit together."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

import prisma_engine as pe
from model_cards.text import to_toml
from prisma_engine.toy.emoji_scenes import sample_scenes, to_input
from prisma_engine.toy.llava import train as stages
from prisma_engine.toy.llava.conversation import PREPROCESS, Writer, seen_by, stacked
from prisma_engine.toy.llava.evaluate import evaluate
from prisma_engine.toy.llava.export import save_pretrained
from prisma_engine.toy.llava.joint import SPEAKING, Joint, share_right
from prisma_engine.toy.llava.language import IGNORED, Rows, next_token_loss
from prisma_engine.toy.llava.model import build_decoder, build_llava, build_tower
from prisma_engine.toy.llava.recipe import NEEDS, Recipe, load_recipe, recipe_names
from prisma_engine.toy.llava.tokenizer import build_tokenizer
from prisma_engine.toy.llava.trainer import Trainer, run

pytestmark = pytest.mark.filterwarnings("ignore:.*OpenMP.*")


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return build_tokenizer()


@pytest.fixture(autouse=True)
def one_build(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counting the words of the grammar takes a second; once is enough."""
    monkeypatch.setattr(stages, "build_tokenizer", lambda: tokenizer)


@pytest.fixture
def recipe() -> Recipe:
    full = load_recipe()
    short = replace(full.language, steps=20, batch=2, warmup=2, lr=1e-2)
    return replace(
        full,
        precision="float32",
        block=32,
        decoder=replace(full.decoder, n_layers=1, n_heads=2, d_model=16, d_mlp=16),
        conversation=replace(full.conversation, questions=2),
        language=short,
        vision=replace(short, steps=3),
        projector=replace(short, steps=2, shards=2),
        tuning=replace(short, steps=2, shards=2),
    )


@pytest.fixture
def llava(recipe: Recipe, tokenizer: Any) -> Any:
    torch.manual_seed(0)
    vit = pe.load("emoji-vit")
    warm = to_input(sample_scenes("train", 0, 2).images, PREPROCESS)
    return build_llava(recipe, build_decoder(recipe, len(tokenizer)), build_tower(vit, warm)).eval()


def weights(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in trainer.learning.items()}


def test_resuming_changes_no_bit(recipe: Recipe, tmp_path: Path) -> None:
    straight = stages.language(recipe, tmp_path / "straight")
    before = weights(straight)
    run(straight)
    run(stages.language(recipe, tmp_path / "broken"), stop=12)
    again = stages.language(recipe, tmp_path / "broken")
    run(again)
    assert again.step == straight.step == 20
    for name, p in weights(straight).items():
        assert torch.equal(p, weights(again)[name]), name
        assert not torch.equal(p, before[name]), name
    rows = (tmp_path / "straight/language/history.jsonl").read_text()
    assert (tmp_path / "broken/language/history.jsonl").read_text().splitlines()[-1].startswith('{"step": 20')
    assert rows.splitlines()[-1].startswith('{"step": 20')


def test_a_checkpoint_of_another_recipe_is_refused(recipe: Recipe, tmp_path: Path) -> None:
    run(stages.language(recipe, tmp_path), stop=1)
    other = replace(recipe, language=replace(recipe.language, lr=5e-3))
    with pytest.raises(ValueError, match="language.lr was 0.01 and is 0.005"):
        stages.language(other, tmp_path).resume()
    elsewhere = replace(recipe, tuning=replace(recipe.tuning, lr=5e-3))
    assert stages.language(elsewhere, tmp_path).resume(), "the language stage does not depend on the tuning"


def test_the_decoder_learns_from_text(recipe: Recipe, tmp_path: Path) -> None:
    trainer = stages.language(recipe, tmp_path)
    losses = [trainer.update()["loss"] for _ in range(20)]
    assert sum(losses[-3:]) < sum(losses[:3]) - 1.5


@torch.no_grad()
def test_the_tower_starts_where_its_teacher_is(recipe: Recipe, tmp_path: Path) -> None:
    trainer = stages.vision(recipe, tmp_path)
    batch = trainer.draw(0, 8)
    warm = trainer.stage(batch)
    tower: Any = trainer.stage.tower  # type: ignore[union-attr]
    for p in tower.encoder.parameters():
        torch.nn.init.normal_(p, std=0.05)
    cold = trainer.stage(batch)
    assert float(warm["patches"]) < 0.5 * float(cold["patches"])
    assert float(warm["cls"]) < float(cold["cls"])


def test_rows_are_whole_texts_that_follow_each_other(tokenizer: Any) -> None:
    rows = Rows(tokenizer, 64)
    ids = rows("train", 3, 2)
    assert ids.shape == (2, 64) and torch.equal(ids, rows("train", 3, 2))
    assert bool((ids[:, 0] == tokenizer.bos_token_id).all())
    starts = (ids[:, 1:] == tokenizer.bos_token_id).nonzero()
    assert len(starts) and all(int(ids[row, at]) == tokenizer.eos_token_id for row, at in starts.tolist())
    with pytest.raises(ValueError, match="not enough for 100000 tokens"):
        Rows(tokenizer, 100_000)("train", 0, 1)


def test_only_answers_are_learned(tokenizer: Any) -> None:
    row = Writer(tokenizer, 4).row([[("is there a cat ?", "yes ."), ("a dog ?", "no .")]])
    words = tokenizer.convert_ids_to_tokens(row.ids)
    assert " ".join(words) == (
        "<bos> <user> <image> <image> <image> <image> is there a cat ? <assistant> yes . <eos> "
        "<user> a dog ? <assistant> no . <eos>"
    )
    learned = [word for word, label in zip(words, row.labels, strict=True) if label != IGNORED]
    assert learned == ["yes", ".", "<eos>", "no", ".", "<eos>"]


def test_exchanges_see_the_picture_and_themselves_alone(llava: Any, tokenizer: Any) -> None:
    """In a row of three, each gives the logits that it gives by itself."""
    stage = Joint(llava, SPEAKING)
    writer = Writer(tokenizer, llava.config.image_seq_length)
    exchanges = [
        [("what do you see ?", "there is nothing .")],
        [("is there a cat ?", "yes ."), ("is there a dog ?", "no .")],
        [("how many things are there ?", "one .")],
    ]
    pixels = to_input(sample_scenes("threshold", 0, 1).images, PREPROCESS)
    together = stacked([writer.row(exchanges)])
    logits = stage.logits({"pixels": pixels, **together})
    for number, turns in enumerate(exchanges, 1):
        alone = stacked([writer.row([turns])])
        plain = llava(input_ids=alone["ids"], pixel_values=pixels).logits
        own = (together["exchange"][0] == number).nonzero()[:, 0]
        assert torch.allclose(logits[0, own], plain[0, -len(own) :], atol=1e-5)
    shifted = {**together, "exchange": (together["exchange"] > 0).long()}
    assert not torch.allclose(stage.logits({"pixels": pixels, **shifted}), logits, atol=1e-3)


def test_what_fills_up_a_row_changes_nothing(llava: Any, tokenizer: Any) -> None:
    stage, writer = Joint(llava, SPEAKING), Writer(tokenizer, 144)
    pixels = to_input(sample_scenes("threshold", 0, 2).images, PREPROCESS)
    rows = [writer.row([[("is there a cat ?", "yes .")]]), writer.row([[("what do you see ?", "there is nothing .")]])]
    both = stage.logits({"pixels": pixels, **stacked(rows)})
    one = stage.logits({"pixels": pixels[:1], **stacked(rows[:1])})
    assert torch.isfinite(both).all()
    assert torch.allclose(both[:1, : one.shape[1]], one, atol=1e-5)


def test_the_mask_says_who_sees_whom() -> None:
    mask = seen_by(torch.tensor([[0, 1, 1, 2, -1]]))[0, 0] == 0
    expected = [[1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [1, 1, 1, 0, 0], [1, 0, 0, 1, 0], [0, 0, 0, 0, 1]]
    assert mask.int().tolist() == expected


def test_the_projector_learns_alone_and_then_with_the_decoder(recipe: Recipe, llava: Any, tmp_path: Path) -> None:
    tower = {name: p.clone() for name, p in llava.model.vision_tower.state_dict().items()}
    decoder = {name: p.clone() for name, p in llava.model.language_model.state_dict().items()}
    first = stages.joint(recipe, llava, "projector", tmp_path)
    assert all("projector" in name for name in first.learning)
    assert "text" not in first.update()
    assert all(torch.equal(p, decoder[name]) for name, p in llava.model.language_model.state_dict().items())
    recipe = replace(recipe, tuning=replace(recipe.tuning, batch=4, shards=1))
    second = stages.joint(recipe, llava, "tuning", tmp_path)
    assert set(second.update()) == {"loss", "accuracy", "text"}
    assert any(not torch.equal(p, decoder[name]) for name, p in llava.model.language_model.state_dict().items())
    assert all(torch.equal(p, tower[name]) for name, p in llava.model.vision_tower.state_dict().items())


@pytest.mark.slow
def test_one_command_trains_exports_and_scores(
    recipe: Recipe, tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import AutoProcessor, LlavaForConditionalGeneration

    few = {stage: replace(getattr(recipe, stage), steps=1, batch=4, warmup=1) for stage in NEEDS}
    path = tmp_path / "mini.toml"
    path.write_text(to_toml(replace(recipe, name="mini", **few).to_dict()), encoding="utf-8")
    monkeypatch.setattr(stages, "evaluate", partial(evaluate, n=2))
    stages.start(str(path), tmp_path / "out", tmp_path / "cards")
    folder = tmp_path / "cards" / "mini"
    scores = json.loads((folder / "eval.json").read_text())
    assert scores["scenes"] == 2 and scores["answered"]["right"]["n"] == 6
    assert set(scores["training"]["minutes"]) == set(NEEDS)
    assert scores["text"]["perplexity"] > 1 and scores["described"]["right"]["share"] == 0
    llava = LlavaForConditionalGeneration.from_pretrained(folder)
    assert llava.dtype == torch.float16
    assert AutoProcessor.from_pretrained(folder).tokenizer.get_vocab() == tokenizer.get_vocab()
    assert len((folder / "history.jsonl").read_text().splitlines()) == 1


def test_a_stage_of_many_processes_has_shards_for_them(recipe: Recipe, llava: Any, tmp_path: Path) -> None:
    from prisma_engine.training.world import World

    with pytest.raises(ValueError, match="1 shards cannot be shared out between 2 processes"):
        stages.language(recipe, tmp_path, World(0, 2))


def test_saved_and_loaded_it_says_the_same(llava: Any, tokenizer: Any, tmp_path: Path) -> None:
    from transformers import LlavaForConditionalGeneration

    save_pretrained(llava, tmp_path)
    again = LlavaForConditionalGeneration.from_pretrained(tmp_path).eval()
    batch = stacked([Writer(tokenizer, 144).row([[("what do you see ?", "there is nothing .")]])])
    pixels = to_input(sample_scenes("threshold", 0, 1).images, PREPROCESS)
    with torch.no_grad():
        given = again(input_ids=batch["ids"], pixel_values=pixels).logits
        assert torch.allclose(given, llava(input_ids=batch["ids"], pixel_values=pixels).logits, atol=1e-5)
        assert again.lm_head.weight.data_ptr() != again.get_input_embeddings().weight.data_ptr(), "untied"
    assert again.generation_config.eos_token_id == tokenizer.eos_token_id


def test_the_share_of_right_tokens_counts_labels_only() -> None:
    labels = torch.tensor([[IGNORED, IGNORED, 1, 0]])
    logits = torch.full((1, 4, 2), 0.0)
    logits[0, 1, 1] = logits[0, 2, 1] = 5.0  # says 1 and 1; 1 and 0 are right
    assert float(share_right(logits, labels)) == 0.5
    assert float(next_token_loss(logits, labels)) == pytest.approx(2.5067, abs=1e-3)


def test_recipes_read_back() -> None:
    assert recipe_names() == ("emoji-llava",)
    recipe = load_recipe()
    assert Recipe.from_dict(recipe.to_dict()) == recipe
    assert all(stage in recipe.of(stage) for stage in NEEDS)
    with pytest.raises(ValueError, match="there is no recipe 'emoji-lava'"):
        load_recipe("emoji-lava")
    with pytest.raises(ValueError, match=r"the recipe's \[tower\] lacks layer"):
        Recipe.from_dict({**recipe.to_dict(), "tower": {"start": "emoji-vit"}})
