"""Train toy models from their recipes: `python -m prisma_engine.toy.train dsprites-tiny-attn-mlp`.

Writes `out/<recipe>/`: a checkpoint that a second start resumes from (on a CPU with the same number of threads, bit
for bit), `history.jsonl`, and the weights at steps 0, 1, 2, 4, … and the last. At the end the model's folder is written
below `model_cards/` and scored. Several recipes are trained one after the other; "zoo" stands for those of the sixteen
models that ship.

In several processes, which gives the same losses as one: `accelerate launch --multi_gpu --num_processes 2 -m
prisma_engine.toy.train …` or `torchrun --nproc-per-node 2 -m …`, with `--device cuda` where there are GPUs. `emoji-vit`
and `emoji-llava` have trainings of their own (`prisma_engine.toy.emoji.train`, `prisma_engine.toy.llava.train`), which
this command starts.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from prisma_engine.toy.emoji import train as emoji
from prisma_engine.toy.emoji.recipe import recipe_names as emoji_recipes
from prisma_engine.toy.llava import train as llava
from prisma_engine.toy.llava.recipe import recipe_names as llava_recipes
from prisma_engine.toy.zoo.evaluate import evaluate
from prisma_engine.toy.zoo.export import export
from prisma_engine.toy.zoo.recipe import load_recipe, recipe_names
from prisma_engine.toy.zoo.run import record, train
from prisma_engine.toy.zoo.task import load_task
from prisma_engine.training.world import World, launched

SETS = ("dsprites", "cifar10")
"""What the models of the zoo learn; recipes for other data sets are trained by name."""
WITH_STEPS = ("dsprites-base-attn-mlp", "cifar10-base-attn-mlp")
"""Models that ship with the weights of every step that was kept; those of the others go to the Hub alone."""


def zoo() -> tuple[str, ...]:
    """The recipes of the models that ship."""
    return tuple(name for name in recipe_names() if load_recipe(name).data.set in SETS)


def one(name: str, given: argparse.Namespace, world: World) -> None:
    """One recipe from start, or from where it stopped, to its scored folder."""
    recipe = load_recipe(name)
    task = load_task(recipe.data.set, given.source)
    folder = given.out or Path("out") / recipe.name
    trainer = train(recipe, task, folder, world, given.device, every=given.every, trackers=tuple(given.tracker))
    if world.rank == 0:
        done = export(trainer, given.cards, with_steps=recipe.name in WITH_STEPS)
        scores = evaluate(done, task, record(trainer), given.most)
        for part, found in scores["held_out"].items():
            print(f"{recipe.name}, {part}: {found['accuracy']:.4f} [{found['low']:.4f}, {found['high']:.4f}]")
        print(f"{trainer.seconds / 60:.1f} minutes of training", flush=True)


def main() -> None:
    known = ", ".join((*emoji_recipes(), *llava_recipes(), *recipe_names()))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", nargs="*", default=["emoji-vit"], help=f"zoo, a .toml file, or of: {known}")
    parser.add_argument("--out", type=Path, help="folder for checkpoints and history (default: out/<recipe>)")
    parser.add_argument("--cards", type=Path, help="folder to export to (default: model_cards)")
    parser.add_argument("--source", help="where the data set is, if not in its usual place")
    parser.add_argument("--workers", type=int, default=2, help="processes of emoji-vit's training, one core each")
    parser.add_argument("--device", default="cpu", help="where to run, such as cuda")
    parser.add_argument("--every", type=int, default=250, help="steps between rows of the history")
    parser.add_argument("--most", type=int, help="score at most this many held-out pictures of each part")
    parser.add_argument("--tracker", action="append", default=[], help="also send progress to tensorboard or wandb")
    given = parser.parse_args()
    names = [name for asked in given.recipe for name in (zoo() if asked == "zoo" else (asked,))]
    with launched(given.device) as world:
        for name in names:
            if Path(name).stem in emoji_recipes():
                emoji.start(name, given.out, given.cards, given.workers)
            elif Path(name).stem in llava_recipes():
                llava.start(name, given.out, given.cards, world)
            else:
                one(name, given, world)


if __name__ == "__main__":
    main()
