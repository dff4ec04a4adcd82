"""The zoo's trainer on miniatures: it learns, only from true labels, keeps its history, and resumes bit for bit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import prisma_engine as pe
from prisma_engine.history import read_history, revision_of
from prisma_engine.load import history
from prisma_engine.toy.train import zoo
from prisma_engine.toy.zoo.augment import mirrored, shifted
from prisma_engine.toy.zoo.evaluate import evaluate, read
from prisma_engine.toy.zoo.export import export
from prisma_engine.toy.zoo.learner import cells, kept_patches
from prisma_engine.toy.zoo.recipe import Data, Model, Optimizer, Patches, Recipe, load_recipe, recipe_names
from prisma_engine.toy.zoo.run import train
from prisma_engine.toy.zoo.scoring import normalised, score
from prisma_engine.toy.zoo.snapshots import is_kept
from prisma_engine.toy.zoo.supply import numbers
from prisma_engine.toy.zoo.task import TASKS, Examples, Task, load_task
from prisma_engine.toy.zoo.trainer import Trainer
from prisma_engine.training.world import World

SIZE = 16


class Stripes:
    """Horizontal or vertical stripes on noise: easy, and named by their direction (or, with `lie`, at random)."""

    def __init__(self, n: int, seed: int, lie: bool = False) -> None:
        random = torch.Generator().manual_seed(seed)
        self.labels = torch.randint(2, (n,), generator=random)
        line = ((torch.arange(SIZE) + torch.randint(4, (n, 1), generator=random)) // 2 % 2 * 160).float()
        across, down = line[:, None, :].expand(n, SIZE, SIZE), line[:, :, None].expand(n, SIZE, SIZE)
        noise = 60 * torch.rand(n, SIZE, SIZE, generator=random)
        self.pixels = (torch.where(self.labels[:, None, None] == 0, down, across) + noise).to(torch.uint8)[:, None]
        if lie:
            self.labels = torch.randint(2, (n,), generator=random)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, chosen: np.ndarray) -> Examples:
        index = torch.as_tensor(chosen)
        return self.pixels[index], self.labels[index]


def stripes(lie: bool = False) -> Task:
    return Task(
        names=("lying", "standing"),
        emoji=("➖", "📍"),
        image_size=(SIZE, SIZE),
        mean=(0.5,),
        std=(0.25,),
        train=Stripes(400, 0, lie),
        held_out={"test": Stripes(200, 1)},
        licence="drawn by this test",
    )


def recipe(steps: int = 40, **over: object) -> Recipe:
    made = Recipe(
        name="stripes",
        seed=0,
        precision="float32",
        model=Model(patch_size=4, n_layers=1, n_heads=2, d_model=16, d_mlp=32),
        data=Data(set="stripes", batch=32, shards=2, shift=1, mirror=True),
        patches=Patches(keep=0.5, until=0.5),
        optimizer=Optimizer(steps=steps, lr=1e-2, warmup=4, label_smoothing=0.1),
    )
    return replace(made, **over)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def weights(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in trainer.model.named_parameters()}


@pytest.mark.parametrize("lie", [False, True])
def test_it_learns_and_only_from_true_labels(lie: bool, tmp_path: Path) -> None:
    trainer = train(recipe(60), stripes(lie), tmp_path, every=20)
    accuracy = trainer.watch()["held_out_accuracy"]
    assert accuracy > 0.95 if not lie else 0.2 < accuracy < 0.8
    rows = read_history(tmp_path).rows
    assert rows[-1].loss < rows[0].loss if not lie else rows[-1].held_out_loss > 0.5


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_a_killed_run_ends_with_the_same_weights_and_history(ema: float, tmp_path: Path) -> None:
    asked = recipe(24, optimizer=replace(recipe(24).optimizer, ema=ema))
    straight = train(asked, stripes(), tmp_path / "a", every=6, save_every=5)
    train(asked, stripes(), tmp_path / "b", stop=10, every=6, save_every=5)
    train(asked, stripes(), tmp_path / "b", stop=13, every=6, save_every=100)  # saved at its stop
    again = train(asked, stripes(), tmp_path / "b", every=6, save_every=5)
    for name, p in weights(straight).items():
        assert torch.equal(p, weights(again)[name]), name
        if ema:
            assert torch.equal(straight.average[name], again.average[name])
    rows = [[json.loads(line) for line in (tmp_path / x / "history.jsonl").read_text().splitlines()] for x in "ab"]
    steps = {row["step"] for row in rows[0]}
    assert [row for row in rows[1] if row["step"] in steps and row["step"] not in (12, 16)] == [
        row for row in rows[0] if row["step"] not in (12, 16)
    ], "only rows whose means span a stop differ"
    for path in sorted((tmp_path / "a" / "steps").iterdir()):
        mine, theirs = load_file(path), load_file(tmp_path / "b" / "steps" / path.name)
        assert all(torch.equal(mine[name], theirs[name]) for name in mine), path.name


def test_rows_done_again_after_a_kill_are_not_there_twice(tmp_path: Path) -> None:
    train(recipe(24), stripes(), tmp_path, stop=14, every=2, save_every=100)
    kept = (tmp_path / "checkpoint.safetensors").read_bytes()
    train(recipe(24), stripes(), tmp_path, stop=20, every=2, save_every=100)
    (tmp_path / "checkpoint.safetensors").write_bytes(kept)  # killed before the last save
    train(recipe(24), stripes(), tmp_path, every=2, save_every=100)
    steps = [row.step for row in read_history(tmp_path).rows]
    assert steps == sorted(set(steps)) and steps[0] == 0 and steps[-1] == 24


def test_another_recipes_checkpoint_is_refused(tmp_path: Path) -> None:
    train(recipe(8), stripes(), tmp_path)
    other = recipe(8, optimizer=replace(recipe(8).optimizer, lr=0.5))
    with pytest.raises(ValueError, match=r"another recipe: optimizer.lr was 0.01 and is 0.5; use another --out"):
        train(other, stripes(), tmp_path)


def test_the_weights_of_log_spaced_steps_are_kept_and_load_by_name(tmp_path: Path) -> None:
    assert [step for step in range(21) if is_kept(step, 20)] == [0, 1, 2, 4, 8, 16, 20]
    trainer = train(recipe(20), stripes(), tmp_path / "out", every=100)
    folder = export(trainer, tmp_path / "cards", with_steps=True)
    found = history(folder)
    assert found.steps == (0, 1, 2, 4, 8, 16, 20) == tuple(row.step for row in found.rows)
    assert found.at(15).step == 16
    first, last = (pe.load(folder, revision=revision_of(step)) for step in (0, 20))
    whole = pe.load(folder)
    x = normalised(trainer.task.held_out["test"][np.arange(4)][0], trainer.task)
    assert torch.equal(last(x), whole(x)) and not torch.equal(first(x), whole(x))
    assert (
        first.revision == "step-000000" and whole.revision is None and whole.vocabulary.names == ("lying", "standing")
    )
    with pytest.raises(pe.LoadError, match="stripes has no revision 'step-000003'; it keeps step-000000, step-000001"):
        pe.load(folder, revision="step-000003")
    with pytest.raises(pe.LoadError, match="emoji-vit has no revision 'step-000001'; it keeps none but its last"):
        pe.load("emoji-vit", revision="step-000001")
    assert history("emoji-vit").rows == ()


def test_eval_json_holds_what_the_exported_weights_score(tmp_path: Path) -> None:
    trainer = train(recipe(40), stripes(), tmp_path / "out")
    folder = export(trainer, tmp_path / "cards")
    told = evaluate(folder, trainer.task, {"pictures": 1, "recipe": trainer.recipe.to_dict()})
    assert read(folder)["held_out"]["test"]["accuracy"] == told["held_out"]["test"]["accuracy"]
    again = score(pe.load(folder), trainer.task, trainer.task.held_out["test"])
    assert (again.n, again.accuracy) == (200, told["held_out"]["test"]["accuracy"])
    assert Recipe.from_dict(read(folder)["training"]["recipe"]) == trainer.recipe
    assert evaluate(folder, trainer.task, most=50)["training"]["pictures"] == 1


def test_what_the_trainer_normalises_is_what_the_model_preprocesses(tmp_path: Path) -> None:
    from PIL import Image

    task = stripes()
    pictures = task.held_out["test"][np.arange(3)][0]
    images = [Image.fromarray(picture[0].numpy()) for picture in pictures]
    assert torch.equal(task.preprocess()(images), normalised(pictures, task))


def test_the_learner_computes_what_the_model_computes(tmp_path: Path) -> None:
    trainer = Trainer(recipe(), stripes(), tmp_path)
    for p in trainer.model.parameters():
        torch.nn.init.normal_(p, std=0.3)
    (pictures, _), kept = trainer.batch(0)
    x = normalised(pictures, trainer.task)
    assert kept is not None and kept.shape == (16, 8)
    assert torch.allclose(trainer.learner(x, None), trainer.model(x), atol=1e-5)
    everything = torch.arange(16).expand(16, 16)
    assert torch.allclose(trainer.learner(x, everything), trainer.model(x), atol=1e-5)
    assert not torch.allclose(trainer.learner(x, kept), trainer.model(x), atol=1e-2)


def test_halves_of_a_batch_in_two_processes_make_the_gradient_of_one(tmp_path: Path) -> None:
    class Alone(World):
        def average_gradients(self, parameters) -> None:  # type: ignore[no-untyped-def]
            pass

        def sum(self, tensor):  # type: ignore[no-untyped-def]
            return tensor

    def gradients(world: World) -> list[torch.Tensor]:
        trainer = Trainer(recipe(), stripes(), tmp_path, world)
        torch.nn.init.normal_(trainer.model.head.linear.weight, generator=torch.Generator().manual_seed(0))
        for shard in trainer.shards:
            trainer._learn(shard)
        return [p.grad.clone() for p in trainer.model.parameters() if p.grad is not None]

    whole, *halves = gradients(World()), *(gradients(Alone(rank, 2)) for rank in range(2))
    for one, a, b in zip(whole, *halves, strict=True):
        assert torch.allclose(one, (a + b) / 2, atol=1e-7)
    with pytest.raises(ValueError, match="2 shards cannot be shared out between 3 processes"):
        Trainer(recipe(), stripes(), tmp_path, World(0, 3))


def test_every_epoch_shows_every_picture_once_in_another_order() -> None:
    row = numbers(10, 0, 0, 30).reshape(3, 10)
    assert all(sorted(epoch) == list(range(10)) for epoch in row.tolist()) and (row[0] != row[1]).any()
    assert (numbers(10, 0, 7, 9) == numbers(10, 0, 0, 30)[7:16]).all(), (
        "places mean the same however they are asked for"
    )
    assert (numbers(10, 1, 0, 10) != row[0]).any()


def test_blank_patches_are_left_out_first_and_patches_keep_their_order() -> None:
    picture = torch.zeros(1, 1, 16, 16, dtype=torch.uint8)
    picture[0, 0, 5, 5], picture[0, 0, 15, 15] = 255, 255  # patches 5 and 15 of a 4×4 grid
    for seed in range(20):
        kept = kept_patches(picture, 4, 0.25, torch.Generator().manual_seed(seed))[0].tolist()
        assert {5, 15} <= set(kept) and kept == sorted(kept) and len(kept) == 4
    assert cells(picture, 4)[0].amax(1).nonzero().flatten().tolist() == [5, 15]


def test_shifts_and_mirrors_move_pixels_and_make_none() -> None:
    pictures = torch.arange(2 * 3 * 8 * 8, dtype=torch.uint8).reshape(2, 3, 8, 8)
    random = torch.Generator().manual_seed(0)
    turned = mirrored(pictures.repeat(20, 1, 1, 1), random)
    same = (turned == pictures.repeat(20, 1, 1, 1)).flatten(1).all(1)
    flipped = (turned == pictures.repeat(20, 1, 1, 1).flip(3)).flatten(1).all(1)
    assert (same ^ flipped).all() and 5 < int(same.sum()) < 35
    for seed in range(10):
        moved = shifted(pictures, 2, torch.Generator().manual_seed(seed))
        assert moved.shape == pictures.shape and moved.dtype == torch.uint8
        inner, whole = moved[0, 0, 2:6, 2:6], pictures[0, 0]
        assert any(torch.equal(inner, whole[y : y + 4, x : x + 4]) for y in range(5) for x in range(5))


def test_every_shipped_recipe_reads_and_fits_its_data_set() -> None:
    names = recipe_names()
    assert len(names) == len(set(names)) and len([n for n in names if n.startswith(("dsprites", "cifar10"))]) == 16
    for name in names:
        found = load_recipe(name)
        assert found.name == name and Recipe.from_dict(found.to_dict()) == found and found.data.set in TASKS
        assert (found.model.d_mlp == 0) == ("attn-only" in name)
    assert len(zoo()) == 16 and set(zoo()) < set(names)
    config = load_recipe("dsprites-base-attn-only").model.config(load_task("dsprites"))
    assert config.attn_only and config.n_channels == 1 and config.n_layers == 2


def test_a_recipe_is_found_by_name_or_path_or_refused(tmp_path: Path) -> None:
    from prisma_engine.toy.zoo.recipe import RECIPES

    with pytest.raises(ValueError, match="there is no recipe 'nothing'; shipped: .*dsprites-tiny-attn-mlp"):
        load_recipe("nothing")
    with pytest.raises(ValueError, match="there is no file absent.toml"):
        load_recipe(tmp_path / "absent.toml")
    (tmp_path / "bad.toml").write_text("name = ")
    with pytest.raises(ValueError, match="bad.toml is not TOML"):
        load_recipe(tmp_path / "bad.toml")
    flat = (RECIPES / "dsprites.toml").read_text().split("[members")[0].replace("[model]", "[model]\nn_layers = 1")
    (tmp_path / "mine.toml").write_text('name = "mine"\n' + flat)
    assert load_recipe(tmp_path / "mine.toml").name == "mine"
    (tmp_path / "mine.toml").write_text('name = "mine"\n' + flat.replace("warmup", "warmpu"))
    with pytest.raises(ValueError, match=r"the recipe's \[optimizer\] has unknown fields: warmpu"):
        load_recipe(tmp_path / "mine.toml")
    with pytest.raises(ValueError, match="there is no data set 'mnist'; there are dsprites, cifar10"):
        load_task("mnist")
    with pytest.raises(ValueError, match="a batch of 32 does not divide into 5 shards"):
        recipe(data=Data(set="dsprites", batch=32, shards=5))


def test_a_damaged_history_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "history.jsonl").write_text('{"step": 1}\n')
    with pytest.raises(ValueError, match="history.jsonl of .* cannot be read"):
        read_history(tmp_path)
