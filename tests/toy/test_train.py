"""The trainer on miniatures: it learns, only from true labels, and resumes as if never interrupted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from prisma_engine.toy.emoji import train as train_module
from prisma_engine.toy.emoji.loss import cross_entropy, divergence, pool, target
from prisma_engine.toy.emoji.recipe import Recipe, load_recipe
from prisma_engine.toy.emoji.train import Trainer, run
from prisma_engine.toy.emoji.windows import Reader, cut, join
from prisma_engine.toy.initial import sines

pytestmark = pytest.mark.filterwarnings("ignore:.*OpenMP.*")


@pytest.fixture
def recipe() -> Recipe:
    full = load_recipe("emoji-vit")
    return replace(
        full,
        precision="float32",
        model=replace(full.model, patch_size=16, n_layers=1, n_heads=2, d_model=16, d_mlp=16),
        data=replace(full.data, batch=4),
        loss=replace(full.loss, windows=(2, 3)),
        optimizer=replace(full.optimizer, steps=8, warmup=2, decay=3, lr=3e-3),
    )


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_resuming_changes_no_bit(recipe: Recipe, tmp_path: Path) -> None:
    straight = Trainer(recipe, tmp_path / "straight")
    run(straight)
    run(Trainer(recipe, tmp_path / "broken"), steps=5)
    again = Trainer(recipe, tmp_path / "broken")
    assert again.resume() and again.step == 5
    run(again)
    assert again.step == straight.step == 8
    for name, p in straight.model.named_parameters():
        assert torch.equal(p, dict(again.model.named_parameters())[name]), name
        assert torch.equal(straight.average[name], again.average[name]), name
    fresh = Trainer(recipe, tmp_path / "none")
    assert not fresh.resume()
    assert not torch.equal(fresh.model.head.linear.weight, again.model.head.linear.weight)


def test_shards_are_parts_of_the_batch(recipe: Recipe, tmp_path: Path) -> None:
    """Two workers that each do their own shard get the gradient of one that does both."""
    from prisma_engine.toy.emoji.workers import Worker

    class Half(Worker):
        def sum_gradients(self, model: torch.nn.Module) -> None:
            pass

    def gradient(worker: Worker) -> list[torch.Tensor]:
        trainer = Trainer(recipe, tmp_path, worker)
        torch.nn.init.normal_(trainer.model.head.linear.weight, generator=torch.Generator().manual_seed(0))
        trainer._gradient()
        return [p.grad.clone() for p in trainer.model.parameters() if p.grad is not None]

    both = gradient(Worker(0, 1))
    halves = [gradient(Half(rank, 2)) for rank in range(2)]
    for whole, a, b in zip(both, *halves, strict=True):
        torch.testing.assert_close(whole, a + b)
    assert not torch.equal(halves[0][0], halves[1][0])


def losses(recipe: Recipe, folder: Path, steps: int) -> tuple[float, float]:
    trainer = Trainer(recipe, folder)
    values = [sum(trainer.update().values()) for _ in range(steps)]
    return sum(values[:5]) / 5, sum(values[-5:]) / 5


def test_it_learns_and_only_from_true_labels(recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One batch again and again is learnt; with labels that change at random it cannot be."""
    recipe = replace(recipe, optimizer=replace(recipe.optimizer, steps=1000, lr=1e-2))
    scenes = train_module.sample_scenes("train", 0, 2)
    monkeypatch.setattr(train_module, "sample_scenes", lambda *given: scenes)
    start, end = losses(recipe, tmp_path, 60)
    assert end < start - 1
    shuffled = torch.Generator().manual_seed(0)

    def relabelled(*given: object):
        order = torch.randperm(64, generator=shuffled)
        return replace(scenes, objects=order[scenes.objects].where(scenes.objects >= 0, -1))

    monkeypatch.setattr(train_module, "sample_scenes", relabelled)
    start, end = losses(recipe, tmp_path, 60)
    assert end > start - 0.5


def test_history_has_a_line_per_report(recipe: Recipe, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(Trainer(recipe, tmp_path), steps=4, every=2)
    rows = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [2, 4]
    assert {"lr", "images_per_second", "cls", "patches", "disagreement"} <= set(rows[0])
    assert "step 4" in capsys.readouterr().out


def test_learning_rate_rises_stays_and_falls(recipe: Recipe, tmp_path: Path) -> None:
    trainer = Trainer(recipe, tmp_path)
    rates = []
    for trainer.step in range(8):
        rates.append(trainer.learning_rate() / 3e-3)
    assert rates == pytest.approx([0.5, 1, 1, 1, 1, 1, 2 / 3, 1 / 3])


def test_parts_of_the_loss() -> None:
    labels = torch.tensor([[True, False, True, False], [False] * 4])
    assert target(labels).tolist() == [[0.5, 0, 0.5, 0], [0.25] * 4]
    uniform = torch.zeros(2, 4)
    assert cross_entropy(uniform, target(labels)).item() == pytest.approx(torch.tensor(4.0).log().item())
    patches = torch.tensor([[[0.0, 3.0], [6.0, 3.0]]])
    assert pool(patches, 1e-4)[0].tolist() == pytest.approx([3, 3], abs=1e-2)
    assert pool(patches, 100.0)[0].tolist() == pytest.approx([6, 3], abs=1e-2)
    assert divergence(patches, patches).item() == pytest.approx(0)
    other = torch.zeros(1, 2, 2, requires_grad=True)
    apart = divergence(patches.requires_grad_(), other)
    apart.backward()
    assert apart.item() > 0.3 and other.grad is not None and patches.grad is None  # the windows teach, and do not learn


def test_windows_are_cut_and_joined() -> None:
    patches = torch.arange(2 * 24.0).view(2, 24, 1)
    windows = cut(patches, (4, 6), 2)
    assert windows.shape == (2 * 6, 4, 1)
    assert windows[1, :, 0].tolist() == [2, 3, 8, 9]
    assert torch.equal(join(windows, (4, 6), 2), patches)
    with pytest.raises(ValueError, match="does not divide into windows of 4×4"):
        cut(patches, (4, 6), 4)


def test_a_window_knows_nothing_of_the_rest(recipe: Recipe, tmp_path: Path) -> None:
    """Pixels outside a window leave what its patches say there alone, and change it in the ordinary pass."""
    model = Trainer(recipe, tmp_path).model
    torch.nn.init.normal_(model.head.linear.weight, generator=torch.Generator().manual_seed(0))
    x = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(1))
    changed = x.clone()
    changed[..., 48:] = 0
    (whole, before), (whole_changed, after) = Reader(model)(x, 3), Reader(model)(changed, 3)
    assert before is not None and after is not None
    first = cut(torch.arange(36).view(1, 36, 1), (6, 6), 3)[0, :, 0]
    torch.testing.assert_close(before[:, first], after[:, first])
    assert (whole[:, 1:][:, first] - whole_changed[:, 1:][:, first]).abs().max() > 1e-3
    single = Reader(model)(x, 6)  # one window that is the whole picture changes nothing
    assert single[1] is not None
    torch.testing.assert_close(single[1], single[0][:, 1:])


def test_the_windows_of_a_step_are_always_the_same(recipe: Recipe, tmp_path: Path) -> None:
    def drawn(trainer: Trainer) -> list[int | None]:
        sides = []
        for trainer.step in range(40):
            sides.append(trainer.window())
        return sides

    first = drawn(Trainer(recipe, tmp_path))
    assert first == drawn(Trainer(recipe, tmp_path)) and set(first) == {2, 3}
    none = replace(recipe, loss=replace(recipe.loss, windows=()))
    assert set(drawn(Trainer(none, tmp_path))) == {None}


def test_positions_start_distinct() -> None:
    distance = torch.cdist(sines((12, 12), 128), sines((12, 12), 128))
    assert (distance + 9 * torch.eye(144)).min() > 0.3


def test_a_recipe_with_a_wrong_field_is_refused(tmp_path: Path) -> None:
    text = (Path(train_module.__file__).parent / "recipes" / "emoji-vit.toml").read_text()
    (tmp_path / "x.toml").write_text(text.replace("sharpness", "sharpnes"))
    with pytest.raises(ValueError, match="see sharpnes, sharpness"):
        load_recipe(tmp_path / "x.toml")
    with pytest.raises(ValueError, match="no recipe 'y'; shipped: .*emoji-vit"):
        load_recipe("y")
