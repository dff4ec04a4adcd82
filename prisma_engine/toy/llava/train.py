"""The training of emoji-llava, stage by stage: `python -m prisma_engine.toy.train emoji-llava`.

Or one stage at a time: `python -m prisma_engine.toy.llava.train language`, then `vision` (which needs no other),
`projector`, `tuning`, `refining`, `finishing`. Each writes `out/llava/<stage>/`: a checkpoint that a second start
resumes from, `history.jsonl`, and the model as transformers saves it (those of the last three in `out/llava/joint/`,
`refined/` and `finished/`). `torchrun --nproc-per-node 2 -m …` shares each step between two processes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from prisma_engine.load import load
from prisma_engine.toy.emoji_scenes import sample_scenes, to_input
from prisma_engine.toy.llava.conversation import PREPROCESS, Conversations, Writer
from prisma_engine.toy.llava.evaluate import evaluate
from prisma_engine.toy.llava.export import export, save_pretrained
from prisma_engine.toy.llava.joint import PROJECTOR, SPEAKING, Joint, Mixed, watch
from prisma_engine.toy.llava.language import Language, Rows
from prisma_engine.toy.llava.model import ATTENTION, build_decoder, build_llava, build_tower
from prisma_engine.toy.llava.recipe import Recipe, load_recipe
from prisma_engine.toy.llava.tokenizer import build_tokenizer
from prisma_engine.toy.llava.trainer import Stage, Trainer, run
from prisma_engine.toy.llava.vision import Scenes, Vision
from prisma_engine.training.world import ALONE, World, launched

if TYPE_CHECKING:
    from transformers import LlavaForConditionalGeneration

OUT = Path("out") / "llava"
WARM_SCENES = 64
"""Scenes from which the tower's first norm is set."""
WATCHED = 64
"""Held-out scenes whose answers every row of the history is about."""


def language(recipe: Recipe, out: Path, world: World = ALONE) -> Trainer:
    """A trainer of the decoder on text."""
    tokenizer = build_tokenizer()
    torch.manual_seed(recipe.seed)
    rows = Rows(tokenizer, recipe.block)

    def draw(number: int, n: int) -> Mapping[str, Tensor]:
        return {"ids": rows("train", number * n, n)}

    return _trainer(Language(build_decoder(recipe, len(tokenizer))), draw, "language", recipe, out, world)


def vision(recipe: Recipe, out: Path, world: World = ALONE) -> Trainer:
    """A trainer of the tower on scenes."""
    teacher = load(recipe.tower.start)
    torch.manual_seed(recipe.seed)
    assert teacher.preprocess is not None
    warm = to_input(sample_scenes("train", 0, WARM_SCENES).images, teacher.preprocess)
    stage = Vision(build_tower(teacher, warm), teacher, recipe.tower.layer)
    return _trainer(stage, Scenes(teacher, recipe.conversation.mixture), "vision", recipe, out, world)


def joint(recipe: Recipe, llava: LlavaForConditionalGeneration, name: str, out: Path, world: World = ALONE) -> Trainer:
    """A trainer of the whole on conversations about scenes: of its "projector", or with the decoder too."""
    tokenizer, said = build_tokenizer(), {"refining": recipe.refined, "finishing": recipe.finished}.get(name)
    said = said or recipe.conversation
    conversations = Conversations(Writer(tokenizer, llava.config.image_seq_length), PREPROCESS, said.questions)
    speaks = name != "projector"  # only then can text be forgotten
    draw = Mixed(conversations, Rows(tokenizer, recipe.block), said.mixture, said.text if speaks else 0.0)
    stage = Joint(llava, SPEAKING if speaks else PROJECTOR)
    return _trainer(stage, draw, name, recipe, out, world)


def _trainer(
    stage: Stage,
    draw: Callable[[int, int], Mapping[str, Tensor]],
    name: str,
    recipe: Recipe,
    out: Path,
    world: World,
) -> Trainer:
    return Trainer(stage, draw, getattr(recipe, name), out / name, recipe.of(name), recipe.precision, world)


def _language(recipe: Recipe, out: Path, world: World) -> None:
    trainer = language(recipe, out, world)
    run(trainer)
    if world.rank == 0:
        trainer.stage.decoder.save_pretrained(out / "language")  # type: ignore[operator]
        build_tokenizer().save_pretrained(out / "language")


def _vision(recipe: Recipe, out: Path, world: World) -> None:
    trainer = vision(recipe, out, world)
    run(trainer)
    if world.rank == 0:
        trainer.stage.tower.save_pretrained(out / "vision")  # type: ignore[operator]


def _projector(recipe: Recipe, out: Path, world: World) -> None:
    from transformers import CLIPVisionModel, LlamaForCausalLM

    decoder, tower = LlamaForCausalLM.from_pretrained(out / "language"), CLIPVisionModel.from_pretrained(out / "vision")
    torch.manual_seed(recipe.seed)
    llava = build_llava(recipe, decoder, tower)
    _speak(joint(recipe, llava, "projector", out, world), out / "projector")


def _tuning(recipe: Recipe, out: Path, world: World) -> None:
    _speak(joint(recipe, _left_in(out / "projector"), "tuning", out, world), out / "joint")


def _refining(recipe: Recipe, out: Path, world: World) -> None:
    _speak(joint(recipe, _left_in(out / "joint"), "refining", out, world), out / "refined")


def _finishing(recipe: Recipe, out: Path, world: World) -> None:
    _speak(joint(recipe, _left_in(out / "refined"), "finishing", out, world), out / "finished")


def _left_in(folder: Path) -> LlavaForConditionalGeneration:
    """The model that an earlier stage left."""
    from transformers import LlavaForConditionalGeneration

    return LlavaForConditionalGeneration.from_pretrained(folder, attn_implementation=ATTENTION)


def _speak(trainer: Trainer, folder: Path) -> None:
    """Train, watch the answers about held-out scenes, and keep in `folder` what transformers opens."""
    stage, draw = trainer.stage, trainer.draw
    assert isinstance(stage, Joint) and isinstance(draw, Mixed)
    held_out = Conversations(draw.conversations.writer, PREPROCESS, draw.conversations.questions, "threshold")
    batch = held_out(0, WATCHED, draw.mixture) if trainer.world.rank == 0 else {}
    run(trainer, watch=lambda: watch(stage, batch), saved=lambda: save_pretrained(stage.llava, folder))


STAGES: dict[str, Callable[[Recipe, Path, World], None]] = {
    "language": _language,
    "vision": _vision,
    "projector": _projector,
    "tuning": _tuning,
    "refining": _refining,
    "finishing": _finishing,
}
"""In the order of the training."""


def start(name: str, out: Path | None = None, cards: Path | None = None, world: World = ALONE) -> None:
    """Train every stage of a recipe, or go on training them; then write the model's folder and score it.

    Args:
        out: folder for checkpoints; default: out/llava.
        cards: folder to export to; default: where embedded models are.
    """
    recipe, out = load_recipe(name), out or OUT
    for stage in STAGES.values():
        stage(recipe, out, world)
        world.wait()
    if world.rank == 0:
        evaluate(export(recipe.name, out, cards), out, recipe)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stage", nargs="+", choices=list(STAGES))
    parser.add_argument("--recipe", default="emoji-llava", help="a shipped recipe or a .toml file")
    parser.add_argument("--out", type=Path, default=OUT, help="folder for checkpoints and models (default: out/llava)")
    given = parser.parse_args()
    with launched() as world:
        for stage in given.stage:
            STAGES[stage](load_recipe(given.recipe), given.out, world)
            world.wait()


if __name__ == "__main__":
    main()
