"""A training step of a TopK SAE beside sae-lens, on cached activations, with the same losses on the same batches.

sae-lens and what it needs are no dependency of this project. Install `sae-lens==6.54.*` and `transformer-lens<4` in an
environment of their own, beside this project's requirements, and run `python -m benchmarks.sae` with its Python.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from benchmarks.paired import Comparison, compare, show
from prisma_engine.sae.train import Trainer
from prisma_engine.sae.training.recipe import Data, Latents, Loss, Optimizer, Recipe

SIZES = ((192, 16, 1 / 2), (768, 32, 1 / 3))
"""d_in, latents for each of it, and the share of sae-lens' time that we promise to stay under."""
BATCH, K, N_BATCHES = 4096, 32, 4
STEPS = 3


class Cached:
    """Activations in memory: few of many directions at a time, and noise."""

    def __init__(self, d: int) -> None:
        generator = torch.Generator().manual_seed(0)
        directions = torch.randn(4 * d, d, generator=generator)
        self.batches = []
        for _ in range(N_BATCHES):
            chosen = torch.rand(BATCH, 4 * d, generator=generator)
            active = chosen.where(chosen < 20 / (4 * d), 0.0) * (4 * d / 10)
            self.batches.append(active @ directions + 0.1 * torch.randn(BATCH, d, generator=generator))

    def __getitem__(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        return self.batches[step % N_BATCHES], self.batches[step % N_BATCHES]


def ours(d: int, expansion: int) -> Trainer:
    """As the shipped recipes train."""
    recipe = Recipe(
        name="benchmark",
        seed=0,
        data=Data(model="", hook="blocks.0.hook_resid_post", images="", batch=BATCH, buffer=BATCH),
        latents=Latents(expansion=expansion, activation="topk", k=K, normalize="none"),
        loss=Loss(),
        optimizer=Optimizer(steps=10**6, lr=3e-4),
    )
    return Trainer(recipe, [Cached(d)], Path("unused"))


def theirs(d: int, expansion: int, start: Trainer, sparse: bool = False, rescale: bool = True) -> Any:
    """sae-lens' trainer from the same weights.

    `rescale` is its default, which ours does not have: acts multiplied by the norms of the decoder's rows. Its sparse
    activations do not run on a CPU with it.
    """
    # by name: used only where somebody has installed it
    settings, model, training = (
        import_module(f"sae_lens.{name}") for name in ("config", "saes.topk_sae", "training.sae_trainer")
    )
    sae = model.TopKTrainingSAE(
        model.TopKTrainingSAEConfig(
            d_in=d,
            d_sae=d * expansion,
            k=K,
            use_sparse_activations=sparse,
            rescale_acts_by_decoder_norm=rescale,
            apply_b_dec_to_input=True,
        )
    )
    with torch.no_grad():
        sae.W_enc.copy_(start.sae.W_enc.T)
        for name in ("W_dec", "b_enc", "b_dec"):
            getattr(sae, name).copy_(getattr(start.sae, name))
    config = settings.SAETrainerConfig(
        total_training_samples=10**9,
        train_batch_size_samples=BATCH,
        lr_end=3e-5,
        lr=3e-4,
        logger=settings.LoggingConfig(log_to_wandb=False),
    )
    return training.SAETrainer(config, sae, iter(()))


def same_losses(d: int, expansion: int) -> None:
    """Both sides from the same weights on the same batches, decoders free on both: the same loss, step by step."""
    trainer = ours(d, expansion)
    trainer.recipe = replace(trainer.recipe, optimizer=replace(trainer.recipe.optimizer, unit_norm=False))
    other = theirs(d, expansion, trainer, rescale=False)
    for step in range(STEPS):
        batch, _ = trainer.streams[0][step]
        loss, reference = trainer.update()["loss"], float(other.step(batch).loss.detach())
        other.n_training_steps += 1
        assert abs(loss - reference) <= 1e-4 * reference, f"step {step}: {loss} and {reference} are not the same loss"


def steps(d: int, expansion: int, pairs: int) -> list[Comparison]:
    same_losses(d, expansion)
    promised = next(share for size, _, share in SIZES if size == d)
    trainer, lines = ours(d, expansion), []
    for sparse in (False, True):
        other = theirs(d, expansion, trainer, sparse, rescale=not sparse)
        batches, at = Cached(d), iter(range(10**6))
        name = f"{d} → {d * expansion:,}, sae-lens {'with sparse acts' if sparse else 'as it comes'}"

        def reference(other: Any = other, batches: Cached = batches, at: Any = at) -> None:
            other.step(batches[next(at)][0])
            other.n_training_steps += 1

        lines.append(compare(name, trainer.update, reference, promised, pairs, warmup=1))
    return lines


def peak(side: str, d: int, expansion: int) -> None:
    """Print how many megabytes a few steps need at most beyond what is held between them, in a process of its own."""
    trainer = ours(d, expansion)
    sparse = side == "sparse"
    other = None if side == "ours" else theirs(d, expansion, trainer, sparse, rescale=not sparse)
    run = trainer.update if other is None else lambda: other.step(trainer.streams[0][0][0])
    run()  # what stays: the optimiser's moments
    Path("/proc/self/clear_refs").write_text("5")  # Linux: the peak is now what is held
    before = _megabytes("VmRSS")
    for _ in range(STEPS):
        run()
    print(_megabytes("VmHWM") - before)


def _megabytes(field: str) -> float:
    """This process's memory, now (VmRSS) or at most (VmHWM), as Linux tells it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


def memory(d: int, expansion: int) -> str:
    """What each side's steps take beyond its weights and the batches."""

    def measured(side: str) -> float:
        asked = [sys.executable, "-m", "benchmarks.sae", side, str(d), str(expansion)]
        return float(subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()[-1])

    own, plain, sparse = (measured(side) for side in ("ours", "plain", "sparse"))
    said = f"ours {own:,.0f} MB, sae-lens {plain:,.0f} MB, with sparse acts {sparse:,.0f} MB"
    return f"{d} → {d * expansion:,}, peak memory of a step: {said}"


def main() -> None:
    if len(sys.argv) == 4:
        peak(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
        return
    if importlib.util.find_spec("sae_lens") is None:
        print("SAE training beside sae-lens: skipped, sae-lens is not installed; benchmarks/sae.py says how to run it")
        return
    for d, expansion, _ in SIZES:
        lines = steps(d, expansion, pairs=9 if d < 500 else 5)
        show(f"SAE training step, TopK {K}, batch {BATCH:,}, {torch.get_num_threads()} threads, same losses", lines)
        print(memory(d, expansion))


if __name__ == "__main__":
    main()
