"""The trainer on miniatures: the dense arithmetic, resumed as if never interrupted, shared out without a difference."""

from __future__ import annotations

import json

import pytest
import torch

from prisma_engine.sae.train import Trainer, run, said
from prisma_engine.sae.training.dead import resample, silence
from prisma_engine.sae.training.initial import geometric_median, initialise
from prisma_engine.sae.training.loss import judge
from prisma_engine.sae.training.recipe import RECIPES, Loss, load_recipe
from prisma_engine.training import checkpoint
from prisma_engine.training.report import Report, tracker
from saes import RECIPE, TRAININGS, config, random_sae, recipe, tiny_vit, to_toml, values


@pytest.fixture(scope="module")
def model():
    return tiny_vit()


def weights(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {name: t.clone() for name, t in trainer.sae.state_dict().items()}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.slow
@pytest.mark.parametrize("kind", TRAININGS)
def test_resuming_changes_no_bit(kind, model, tmp_path):
    chosen = recipe(TRAININGS[kind])
    straight = Trainer.on(chosen, model, tmp_path / "straight")
    start = weights(straight)
    run(straight)
    run(Trainer.on(chosen, model, tmp_path / "broken"), steps=11)
    again = Trainer.on(chosen, model, tmp_path / "broken")
    assert again.resume() and again.step == 11 and not same(weights(again), weights(straight))
    run(again)
    assert again.step == straight.step == 24
    assert same(weights(again), weights(straight)) and torch.equal(again.since, straight.since)
    assert not same(weights(straight), start)
    assert not Trainer.on(chosen, model, tmp_path / "none").resume()


def test_another_recipe_does_not_resume(model, tmp_path):
    run(Trainer.on(recipe(), model, tmp_path), steps=1)
    with pytest.raises(ValueError, match="of another recipe: latents.k was 4 and is 3; use another --out"):
        Trainer.on(recipe(latents={"k": 3}), model, tmp_path).resume()
    (tmp_path / checkpoint.FILE).write_bytes(b"not much")
    with pytest.raises(ValueError, match="is damaged; remove it"):
        Trainer.on(recipe(), model, tmp_path).resume()


def dense_losses(trainer: Trainer) -> list[float]:
    """The same training written as plainly as can be, with dense matrices and torch's own Adam."""
    sae, o = trainer.sae, trainer.recipe.optimizer
    W_enc, b_enc, W_dec, b_dec = (p.detach().clone().requires_grad_() for p in
                                  (sae.W_enc, sae.b_enc, sae.W_dec, sae.b_dec))  # fmt: skip
    optimizer = torch.optim.Adam([W_enc, b_enc, W_dec, b_dec], lr=o.lr, betas=o.betas)
    losses, since = [], torch.zeros(len(W_enc))
    for trainer.step in range(o.steps):
        x = trainer.batch()[0] * sae.scale_in
        pre_acts = (x - b_dec) @ W_enc.T + b_enc
        values, latent = pre_acts.topk(sae.config.k, dim=1)
        acts = torch.zeros_like(pre_acts).scatter(1, latent, values.relu())
        recon = acts @ W_dec + b_dec
        loss = ((x - recon) ** 2).sum(1).mean()
        dead = since > trainer.recipe.loss.dead_after
        if dead.any():
            k_aux = min(sae.config.d_in // 2, int(dead.sum()))
            hidden = pre_acts.masked_fill(~dead, -torch.inf)
            values, latent = hidden.topk(k_aux, dim=1)
            aux = torch.zeros_like(pre_acts).scatter(1, latent, values) @ W_dec
            weight = min(1.0, int(dead.sum()) / (sae.config.d_in // 2)) * trainer.recipe.loss.aux
            loss = loss + weight * (((x - recon).detach() - aux) ** 2).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        with torch.no_grad():
            assert W_dec.grad is not None
            W_dec.grad -= (W_dec.grad * W_dec).sum(1, keepdim=True) * W_dec
            torch.nn.utils.clip_grad_norm_([W_enc, b_enc, W_dec, b_dec], o.clip)
            optimizer.param_groups[0]["lr"] = trainer.learning_rate()
            optimizer.step()
            W_dec /= W_dec.norm(dim=1, keepdim=True)
        since = (since + len(x)) * (acts.detach() <= 0).all(0)
        losses.append(loss.item())
    return losses


def test_the_losses_are_those_of_a_plain_dense_training(model, tmp_path):
    chosen = recipe(latents={"expansion": 16, "k": 3}, optimizer={"steps": 60})
    plain = dense_losses(Trainer.on(chosen, model, tmp_path))
    trainer = Trainer.on(chosen, model, tmp_path)
    rows = [trainer.update() for _ in range(60)]
    assert [row["loss"] for row in rows] == pytest.approx(plain, rel=1e-4)
    assert any("aux" in row for row in rows), "no latent died, so that the comparison left something out"
    other = Trainer.on(recipe(latents={"expansion": 16, "k": 4}, optimizer={"steps": 60}), model, tmp_path)
    assert [other.update()["loss"] for _ in range(60)] != pytest.approx(plain, rel=1e-2)


def test_what_a_step_reports_is_what_the_sae_does(model, tmp_path):
    trainer = Trainer.on(recipe(), model, tmp_path)
    for _ in range(5):
        trainer.update()
    x, _ = trainer.batch()
    out = trainer.sae(x)
    row = trainer.update()
    assert row["explained_variance"] == pytest.approx(out.explained_variance, abs=1e-5)
    assert row["l0"] == pytest.approx(out.l0)


@pytest.mark.slow
@pytest.mark.parametrize("kind", TRAININGS)
def test_it_learns(kind, model, tmp_path):
    """More variance is explained after a while; with a learning rate of 0 nothing changes."""
    chosen = recipe(TRAININGS[kind], optimizer={"steps": 150, "lr": 1e-2})
    trainer = Trainer.on(chosen, model, tmp_path)
    rows = [trainer.update() for _ in range(150)]
    start, end = (sum(row["explained_variance"] for row in part) / 5 for part in (rows[:5], rows[-5:]))
    assert end > max(0.5, start + 0.1)
    still = Trainer.on(recipe(TRAININGS[kind], optimizer={"lr": 0.0}), model, tmp_path)
    before = weights(still)
    for _ in range(3):
        still.update()
    moved = [name for name, t in weights(still).items() if not torch.allclose(t, before[name])]
    assert moved in ([], ["threshold"])  # BatchTopK's follows the data


def test_decoder_rows_stay_at_length_one_unless_told_otherwise(model, tmp_path):
    for unit in (True, False):
        trainer = Trainer.on(recipe(optimizer={"unit_norm": unit, "lr": 1e-2}), model, tmp_path)
        for _ in range(10):
            trainer.update()
        lengths = trainer.sae.W_dec.norm(dim=1)
        assert torch.allclose(lengths, torch.ones_like(lengths), atol=1e-5) == unit


@pytest.mark.slow
def test_batch_topk_learns_a_threshold_that_keeps_k(model, tmp_path):
    trainer = Trainer.on(recipe(latents={"activation": "batch_topk"}, optimizer={"steps": 300}), model, tmp_path)
    for _ in range(300):
        trainer.update()
    x, _ = trainer.batch()
    assert trainer.sae(x).l0 == pytest.approx(4, abs=0.8)
    assert trainer.sae.threshold is not None
    trainer.sae.threshold.zero_()
    assert trainer.sae(x).l0 > 6


@pytest.mark.slow
def test_matryoshka_prefixes_reconstruct_alone(model, tmp_path):
    """A quarter of the latents explains more if it was trained to."""

    def explained(nested: list[float]) -> float:
        latents = {"activation": "batch_topk", "nested": nested, "expansion": 4}
        trainer = Trainer.on(recipe(latents=latents, optimizer={"steps": 300, "lr": 1e-2}), model, tmp_path)
        for _ in range(300):
            trainer.update()
        x, _ = trainer.batch()
        acts = trainer.sae.encode(x).detach()
        acts[:, 12:] = 0
        error = (x - trainer.sae.decode(acts).detach()).pow(2).sum()
        return 1 - float(error / (x - x.mean(0)).pow(2).sum())

    assert explained([0.25, 1.0]) > explained([1.0]) + 0.1


def test_silence_is_counted_in_tokens():
    since = torch.tensor([100, 100, 0])
    assert silence(since, torch.tensor([0, 2, 0]), 64).tolist() == [164, 0, 64]


def test_auxk_gives_the_dead_a_gradient_and_nobody_else():
    sae = random_sae(d_sae=40, k=3)
    with torch.no_grad():
        sae.b_enc[:10] = -100
    dead = torch.zeros(40, dtype=torch.bool)
    dead[:10] = True
    x = torch.randn(50, 12, generator=torch.Generator().manual_seed(0))

    def gradient(loss: Loss, dead: torch.Tensor | None) -> torch.Tensor:
        (found,) = torch.autograd.grad(judge(sae, x, x, loss, dead=dead).total, sae.W_dec)
        return found.norm(dim=1)

    without, with_aux = gradient(Loss(aux=0.0), dead), gradient(Loss(aux=1.0, k_aux=4), dead)
    assert (without[:10] == 0).all() and (with_aux[:10] > 0).any()
    torch.testing.assert_close(with_aux[10:], without[10:])
    assert torch.equal(gradient(Loss(aux=1.0), None), without)


def test_resampled_latents_are_active_on_what_was_badly_reconstructed():
    sae = random_sae(d_sae=40, activation="relu", normalize="none")
    with torch.no_grad():
        sae.b_enc[:5] = -100
        sae.W_dec.zero_(), sae.b_dec.zero_()  # nothing is reconstructed yet
    optimizer = torch.optim.Adam(sae.parameters())
    x = torch.randn(200, 12, generator=torch.Generator().manual_seed(0))
    x[:20, 3] += 40  # what the SAE explains worst
    (x - sae(x).recon).pow(2).sum().backward()
    optimizer.step()
    others = sae.W_dec[5:].clone()
    resample(sae, optimizer, torch.arange(5), x, x, torch.Generator().manual_seed(0))
    active = (sae.encode(x)[:, :5] > 0).float()
    assert (active.sum(0) > 0).all() and active[:20].mean() > 0.9
    assert torch.equal(sae.W_dec[5:], others) and float(optimizer.state[sae.W_dec]["exp_avg"][:5].abs().sum()) == 0
    assert float(optimizer.state[sae.W_dec]["exp_avg"][5:].abs().sum()) > 0


def test_the_start_normalises_and_centres():
    x = torch.randn(3000, 12, generator=torch.Generator().manual_seed(0)) * 5 + 3
    sae = random_sae()
    initialise(sae, x, x, seed=0)
    assert (x * sae.scale_in).pow(2).sum(1).mean().item() == pytest.approx(12, rel=1e-4)
    torch.testing.assert_close(sae.b_dec / sae.scale_in, torch.full((12,), 3.0), atol=0.4, rtol=0)
    assert torch.equal(sae.W_enc, sae.W_dec) and torch.allclose(sae.W_dec.norm(dim=1), torch.ones(40))


def test_the_geometric_median_is_little_moved_by_outliers():
    x = torch.randn(500, 4, generator=torch.Generator().manual_seed(0))
    x[:20] += 1000
    centre = geometric_median(x)
    assert centre.norm() < 0.5 < x.mean(0).norm()
    distance = (x - centre).norm(dim=1).sum()
    for direction in torch.eye(4):
        assert (x - centre - 0.05 * direction).norm(dim=1).sum() > distance


def test_shards_and_processes_have_to_divide(model, tmp_path):
    from prisma_engine.training.world import World

    with pytest.raises(ValueError, match="a batch of 64 in 3 shards cannot be shared out"):
        Trainer.on(recipe(data={"shards": 3}), model, tmp_path)
    with pytest.raises(ValueError, match="between 4 processes"):
        Trainer.on(recipe(), model, tmp_path, World(0, 4))


def test_the_learning_rate_rises_stays_and_falls(model, tmp_path):
    trainer = Trainer.on(recipe(optimizer={"steps": 10, "warmup": 2, "decay": 3, "lr": 1.0}), model, tmp_path)
    rates = []
    for trainer.step in range(10):
        rates.append(trainer.learning_rate())
    assert rates == pytest.approx([0.5, 1, 1, 1, 1, 1, 1, 1, 2 / 3, 1 / 3])


def test_history_is_kept_twice_and_forgets_what_is_done_again(tmp_path, capsys):
    row = {"loss": 1.0, "explained_variance": 0.5, "l0": 4.0, "dead_share": 0.25}
    sent = []
    report = Report(tmp_path, 10, trackers=(lambda step, values: sent.append(step),), said=said)
    for step in (2, 4, 6):
        report(step, row)
    assert "EV 0.5000  L0 4.0  dead 25.0%" in capsys.readouterr().out and sent == [2, 4, 6]
    Report(tmp_path, 10, first=4)(6, row | {"loss": 2.0})
    rows = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert [(r["step"], r["loss"]) for r in rows] == [(2, 1), (4, 1), (6, 2)]
    table = (tmp_path / "history.csv").read_text().splitlines()
    assert table[0].startswith("step,loss,explained_variance") and len(table) == 4


def test_a_tracker_that_is_not_there_is_one_sentence(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(ValueError, match="wandb is not installed; install it, or train without --tracker"):
        tracker("wandb", tmp_path, "run", {})
    with pytest.raises(ValueError, match="no tracker 'notebook'"):
        tracker("notebook", tmp_path, "run", {})


def test_recipes_are_read_strictly(tmp_path):
    for path in RECIPES.glob("*.toml"):
        shipped = load_recipe(path.stem)
        assert shipped.config(128, 128, None).d_sae == 128 * shipped.latents.expansion
    file = tmp_path / "mine.toml"
    file.write_text(to_toml(RECIPE))
    assert load_recipe(file) == recipe()
    file.write_text(to_toml(values({"latents": {"kk": 3}})))
    with pytest.raises(ValueError, match=r"the recipe's \[latents\] has unknown fields: kk"):
        load_recipe(file)
    with pytest.raises(ValueError, match="there is no recipe 'none'; shipped: .*emoji-vit"):
        load_recipe("none")
    file.write_text("seed =")
    with pytest.raises(ValueError, match="mine.toml is not TOML"):
        load_recipe(file)


def test_nested_shares_become_latents():
    assert recipe(latents={"activation": "batch_topk", "nested": [0.25, 1.0]}).config(12, 12, None).nested == (12, 48)
    assert config().nested == ()
