"""Train an SAE from its recipe: `python -m prisma_engine.sae.train emoji-vit --hook blocks.3.hook_resid_post`.

Writes `out/<recipe>/<hook>/`: a checkpoint that a second start resumes from (on a CPU with the same number of
threads, bit for bit), history as JSON lines and CSV, and at the end the SAE itself. In several processes, which
gives the same losses as one: `accelerate launch --multi_gpu --num_processes 2 -m prisma_engine.sae.train …` or
`torchrun --nproc-per-node 2 -m …`, with `--device cuda` where there are GPUs.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from prisma_engine import vlm
from prisma_engine.load import load
from prisma_engine.running import HookedModule
from prisma_engine.sae import files
from prisma_engine.sae.model import SAE
from prisma_engine.sae.training.dead import resample, silence
from prisma_engine.sae.training.initial import initialise
from prisma_engine.sae.training.loss import Judged, judge
from prisma_engine.sae.training.recipe import Recipe, load_recipe
from prisma_engine.sae.training.stream import Batch, Stream, activations
from prisma_engine.sae.training.texts import text_activations
from prisma_engine.training import checkpoint
from prisma_engine.training.optimizing import moments, restore
from prisma_engine.training.report import Report, tracker
from prisma_engine.training.seeds import generator
from prisma_engine.training.world import ALONE, World, launched
from prisma_engine.vlm import HookedVLM

SLOW = 0.99
"""How much of BatchTopK's threshold each step keeps."""


class Trainer:
    """One training: the SAE, its optimiser, how long each latent has been silent, and the number of steps done.

    Args:
        streams: of this process's shards; each gives its part of a step's batch when it is asked for by number.
        folder: for checkpoints.
        revision: of the model, where it is known.
    """

    def __init__(
        self,
        recipe: Recipe,
        streams: Sequence[Stream],
        folder: Path,
        world: World = ALONE,
        revision: str | None = None,
    ) -> None:
        self.recipe, self.streams, self.folder, self.world, self.step = recipe, streams, folder, world, 0
        x, target = self.streams[0][0]
        self.sae = SAE(recipe.config(x.shape[1], target.shape[1], revision)).to(x.device)
        initialise(self.sae, x, target, recipe.seed)
        world.share([*self.sae.parameters(), *self.sae.buffers()])
        self.since = torch.zeros(self.sae.config.d_sae, dtype=torch.long, device=x.device)
        lr, betas = recipe.optimizer.lr, recipe.optimizer.betas
        self.optimizer = torch.optim.Adam(self.sae.parameters(), lr=lr, betas=betas, fused=True)

    @classmethod
    def on(cls, recipe: Recipe, model: HookedModule | HookedVLM, folder: Path, world: World = ALONE) -> Trainer:
        """A training on what a model makes of the recipe's images, or of its texts.

        Raises:
            ValueError: if the batch cannot be shared out evenly.
        """
        data = recipe.data
        if data.batch % data.shards or data.shards % world.count:
            raise ValueError(
                f"a batch of {data.batch} in {data.shards} shards cannot be shared out evenly between {world.count} "
                "processes; make shards a multiple of the processes and a divisor of the batch"
            )
        mine = range(world.rank, data.shards, world.count)
        if isinstance(model, HookedVLM):
            return cls(recipe, text_activations(model, data, recipe.seed, mine), folder, world, model.revision)
        return cls(recipe, activations(model, data, recipe.seed, mine), folder, world, model.revision)

    def learning_rate(self) -> float:
        o = self.recipe.optimizer
        rise = min(1.0, (self.step + 1) / max(1, o.warmup))
        fall = min(1.0, (o.steps - self.step) / max(1, o.decay))
        return o.lr * min(rise, fall)

    def batch(self) -> Batch:
        """This process's part of the step's batch: what its shards give, one after the other."""
        parts = [stream[self.step] for stream in self.streams]
        x = torch.cat([part[0] for part in parts])
        return x, (torch.cat([part[1] for part in parts]) if self.recipe.data.hook_out else x)

    def update(self) -> dict[str, float]:
        """One step; what it measured, over all processes."""
        x, target = self.batch()
        loss, warm = self.recipe.loss, self.recipe.loss.sparsity_warmup
        share = min(1.0, (self.step + 1) / warm) if warm else 1.0
        judged = judge(self.sae, x, target, loss, share, self.since > loss.dead_after, self.world.gather)
        self.optimizer.zero_grad()
        judged.total.backward()
        self._descend()
        self.step += 1
        return self._watch(judged, x, target)

    def _descend(self) -> None:
        """A step along the mean gradient of all processes, decoder rows staying at length 1."""
        o, sae = self.recipe.optimizer, self.sae
        self.world.average_gradients(sae.parameters())
        if o.unit_norm:
            remove_parallel(sae.W_dec)
        if o.clip:
            nn.utils.clip_grad_norm_(sae.parameters(), o.clip)
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate()
        self.optimizer.step()
        if o.unit_norm:
            sae.W_dec.data.div_(sae.W_dec.data.norm(dim=1, keepdim=True))
        if isinstance(sae.threshold, nn.Parameter):
            sae.threshold.data.clamp_(min=0)

    @torch.no_grad()
    def _watch(self, judged: Judged, x: Tensor, target: Tensor) -> dict[str, float]:
        """Count what was active, everywhere; keep BatchTopK's threshold; replace dead latents when it is time."""
        sae, loss, tokens = self.sae, self.recipe.loss, self.recipe.data.batch
        counts = self.world.sum(judged.counts.clone())
        self.since = silence(self.since, counts, tokens)
        if sae.config.activation == "batch_topk" and sae.threshold is not None:
            kept = 0.0 if self.step == 1 else SLOW
            sae.threshold.mul_(kept).add_((1 - kept) * judged.least)
        if loss.resample_every and self.step % loss.resample_every == 0:
            dead = (self.since > loss.dead_after).nonzero().squeeze(1)
            if len(dead):
                resample(sae, self.optimizer, dead, x, target, generator(self.recipe.seed, "resample", self.step))
                self.world.share([sae.W_enc, sae.W_dec, sae.b_enc])
                self.since[dead] = 0
        return self._measured(judged, target, counts, tokens)

    def _measured(self, judged: Judged, target: Tensor, counts: Tensor, tokens: int) -> dict[str, float]:
        sums = torch.stack([torch.linalg.vector_norm(rows) for rows in (target, target - judged.recon)]).double() ** 2
        named = [float(judged.total.detach()), *judged.parts.values()]
        parts = torch.tensor(named, dtype=torch.double, device=target.device)
        # The parts are means over this process's tokens, the rest are sums.
        flat = self.world.sum(torch.cat([parts / self.world.count, sums, target.sum(0).double()]))
        means, (squares, error), total = flat[: len(parts)], flat[len(parts) : len(parts) + 2], flat[len(parts) + 2 :]
        variance = float(squares - total.pow(2).sum() / tokens)
        return dict(zip(("loss", *judged.parts), means.tolist(), strict=True)) | {
            "explained_variance": 1 - float(error) / variance if variance else 0.0,
            "l0": float(counts.sum()) / tokens,
            "dead_share": float((self.since > self.recipe.loss.dead_after).float().mean()),
        }

    def save(self) -> None:
        """Everything that a resumed training needs."""
        tensors = {f"sae.{name}": t for name, t in self.sae.state_dict().items()} | {"since": self.since}
        tensors |= moments(self.optimizer, dict(self.sae.named_parameters()))
        checkpoint.save(self.folder, tensors, {"step": self.step, "recipe": self.recipe.to_dict()})

    def resume(self) -> bool:
        """Continue from the folder's checkpoint; False if there is none.

        Raises:
            ValueError: if it is damaged, or of another recipe.
        """
        found = checkpoint.resumed(self.folder, self.recipe.to_dict())
        if found is None:
            return False
        tensors, state = found
        self.step, self.since = state["step"], tensors["since"].to(self.since.device)
        self.sae.load_state_dict({name: tensors[f"sae.{name}"] for name in self.sae.state_dict()})
        restore(self.optimizer, dict(self.sae.named_parameters()), tensors, self.step)
        return True


@torch.no_grad()
def remove_parallel(rows: nn.Parameter) -> None:
    """Take out the part of each unit row's gradient along the row, which would only change its length."""
    if rows.grad is not None:
        along = torch.linalg.vecdot(rows.grad, rows.data).unsqueeze(1)
        rows.grad.addcmul_(along, rows.data, value=-1)


def run(
    trainer: Trainer,
    steps: int | None = None,
    every: int = 50,
    save_every: int = 500,
    report: Callable[[int, dict[str, float]], None] | None = None,
) -> None:
    """Train up to `steps` (the recipe's, if None), reporting means over `every` steps and saving every so often."""
    stop = trainer.recipe.optimizer.steps if steps is None else min(steps, trainer.recipe.optimizer.steps)
    rows: list[dict[str, float]] = []
    while trainer.step < stop:
        rows.append(trainer.update())
        last = trainer.step == stop
        if trainer.step % every == 0 or last:
            if report and trainer.world.rank == 0:
                report(trainer.step, _means(rows) | {"dead_share": rows[-1]["dead_share"]})
            rows = []
        if trainer.world.rank == 0 and (trainer.step % save_every == 0 or last):
            trainer.save()


def said(values: Mapping[str, float]) -> str:
    """What the progress line says of a training's numbers."""
    share = f"EV {values['explained_variance']:.4f}  L0 {values['l0']:.1f}  dead {values['dead_share']:.1%}"
    return f"{share}  loss {values['loss']:.4g}"


def _means(rows: list[dict[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: sum(row.get(name, 0.0) for row in rows) / len(rows) for name in names}


def train(
    recipe: Recipe,
    folder: Path,
    world: World = ALONE,
    trackers: tuple[str, ...] = (),
    weights: Path | None = None,
    every: int = 50,
    save_every: int = 500,
    device: str = "cpu",
) -> SAE:
    """Train, or go on training, and write the finished SAE into `folder`.

    Args:
        weights: where the recipe's model is on this machine, if not under its own name.
        every: steps between reports.
        save_every: steps between checkpoints.
        device: where both models run, such as "cuda"; with several processes each takes its own.
    """
    model = (vlm.load if recipe.data.texts else load)(weights or recipe.data.model).to(world.own(device))
    model.name = recipe.data.model
    trainer = Trainer.on(recipe, model, folder, world)
    resumed = trainer.resume()
    report = None
    if world.rank == 0:
        shared = f" in {world.count} processes" if world.count > 1 else ""
        print(f"{'resuming' if resumed else 'starting'} at step {trainer.step}{shared}", flush=True)
        sends = tuple(tracker(name, folder, recipe.name, recipe.to_dict()) for name in trackers)
        report = Report(folder, recipe.optimizer.steps, trainer.step, sends, said)
    run(trainer, every=every, save_every=save_every, report=report)
    if world.rank == 0:
        files.save(trainer.sae, folder, training=recipe.told())
    return trainer.sae


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", help="name of a shipped recipe, or a .toml file")
    parser.add_argument("--model", help="train on this model instead of the recipe's")
    parser.add_argument("--weights", type=Path, help="the model's weights on this machine, if not under its own name")
    parser.add_argument("--hook", help="train on this hook point instead of the recipe's")
    parser.add_argument("--hook-out", help="transcoder: predict this hook point instead of the recipe's")
    parser.add_argument("--images", help="train on these images instead of the recipe's")
    parser.add_argument("--out", type=Path, help="folder (default: out/<recipe>/<hook>)")
    parser.add_argument("--tracker", action="append", default=[], help="also send progress to tensorboard or wandb")
    parser.add_argument("--device", default="cpu", help="where to run, such as cuda")
    parser.add_argument("--every", type=int, default=50, help="steps between reports")
    parser.add_argument("--save-every", type=int, default=500, help="steps between checkpoints")
    given = parser.parse_args()
    recipe = load_recipe(given.recipe).at(given.hook, given.hook_out, given.model, given.images)
    folder = given.out or Path("out") / recipe.name / recipe.data.hook
    with launched(given.device) as world:
        train(recipe, folder, world, tuple(given.tracker), given.weights, given.every, given.save_every, given.device)


if __name__ == "__main__":
    main()
