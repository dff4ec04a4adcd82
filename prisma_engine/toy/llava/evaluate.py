"""Measure emoji-llava on held-out scenes: `python -m prisma_engine.toy.llava.evaluate` writes its eval.json.

Scenes are those of seeds 0 to 999 (`seeded_scene`), which no training step drew: one to three objects each. Every
answer is greedy and computed with exactly the half-precision weights that ship, in float32.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from prisma_engine.analysis.intervals import share_interval
from prisma_engine.load import models_folder
from prisma_engine.toy.emoji_scenes import seeded_scene, to_input
from prisma_engine.toy.llava.answering import answers, named, placed
from prisma_engine.toy.llava.conversation import PREPROCESS
from prisma_engine.toy.llava.language import Rows, perplexity
from prisma_engine.toy.llava.nouns import WORDS
from prisma_engine.toy.llava.questions import DESCRIBE, ask
from prisma_engine.toy.llava.recipe import NEEDS, Recipe, load_recipe
from prisma_engine.toy.llava.things import Thing, description, things_of
from prisma_engine.training import checkpoint

SCENES, ASKED = 1000, 3
"""Held-out scenes, and questions about each, of different kinds."""
TEXT_ROWS = 200
"""Rows of held-out text whose perplexity is told."""


@dataclass(frozen=True)
class HeldOut:
    """Scenes with what shows in them, and a few questions about each.

    Attributes:
        questions: number of the scene, kind of the question, question, answer.
    """

    pixels: Float[Tensor, "scene channel height width"]
    things: tuple[tuple[Thing, ...], ...]
    questions: tuple[tuple[int, str, str, str], ...]


def held_out(n: int = SCENES) -> HeldOut:
    """The first `n` scenes."""
    scenes = [seeded_scene(seed) for seed in range(n)]
    images = torch.stack([torch.from_numpy(scene.image).permute(2, 0, 1) for scene in scenes])
    things = tuple(
        things_of(torch.tensor(scene.classes, dtype=torch.long), torch.from_numpy(scene.masks)) for scene in scenes
    )
    questions = [
        (i, kind, question, answer)
        for i, shown in enumerate(things)
        if shown
        for kind, (question, answer) in ask(Random(f"held-out {i}"), shown, ASKED)
    ]
    return HeldOut(to_input(images, PREPROCESS), things, tuple(questions))


def describing(said: Sequence[str], things: Sequence[Sequence[Thing]]) -> dict[str, Any]:
    """How far descriptions say what the pictures show.

    Returns:
        `right`: every object named and nothing else; by the number of objects too; `word_for_word`: the very
        description that the rules give; `size` and `place` of the objects that were named; and, by class, how often it
        was named of the times that it showed, and how often where it did not.
    """
    right, exact, by_count = [], [], {}
    size, place = [], []
    shown, found, extra = Counter[str](), Counter[str](), Counter[str]()
    for answer, each in zip(said, things, strict=True):
        kinds, spoken = [thing.kind for thing in each], named(answer)
        right.append(sorted(kinds) == sorted(spoken))
        exact.append(answer == description(each))
        by_count.setdefault(str(len(kinds)), []).append(right[-1])
        shown.update(WORDS[kind] for kind in kinds)
        found.update(WORDS[kind] for kind in kinds if kind in spoken)
        extra.update(WORDS[kind] for kind in spoken if kind not in kinds)
        for thing in each:
            if (told := placed(answer).get(thing.kind)) is not None:
                size.append(told[0] == thing.size)
                place.append(told[1] == thing.place)
    return {
        "right": _share(right),
        "by_count": {count: _share(hits) for count, hits in sorted(by_count.items())},
        "word_for_word": _share(exact),
        "size": _share(size),
        "place": _share(place),
        "classes": {word: [found[word], shown[word], extra[word]] for word in WORDS},
    }


def answering(said: Sequence[str], questions: Sequence[tuple[int, str, str, str]]) -> dict[str, Any]:
    """The share of questions answered word for word, in all and by kind."""
    hits: dict[str, list[bool]] = {}
    for answer, (_, kind, _, wanted) in zip(said, questions, strict=True):
        hits.setdefault(kind, []).append(answer == wanted)
    return {
        "right": _share([hit for each in hits.values() for hit in each]),
        "by_kind": {kind: _share(each) for kind, each in sorted(hits.items())},
    }


def commonest(questions: Sequence[tuple[int, str, str, str]]) -> list[str]:
    """To each question the answer that is commonest for its kind, told after the fact: the best without any model."""
    counts: dict[str, Counter[str]] = {}
    for _, kind, _, wanted in questions:
        counts.setdefault(kind, Counter()).update([wanted])
    return [counts[kind].most_common(1)[0][0] for _, kind, _, _ in questions]


def _share(hits: Sequence[bool]) -> dict[str, Any]:
    return {**share_interval(sum(hits), len(hits)).as_dict("share"), "n": len(hits)}


def evaluate(folder: Path, out: Path, recipe: Recipe, n: int = SCENES) -> dict[str, Any]:
    """Score a model's folder and write its eval.json.

    Args:
        out: where the training left its stages: the decoder as it was before it saw a picture, and its checkpoints.
    """
    from transformers import AutoProcessor, LlamaForCausalLM, LlavaForConditionalGeneration

    llava = LlavaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
    processor: Any = AutoProcessor.from_pretrained(folder)
    scenes = held_out(n)
    prompts = [DESCRIBE[0]] * n
    asked = [question for _, _, question, _ in scenes.questions]
    chosen = scenes.pixels[[scene for scene, *_ in scenes.questions]]
    rows = Rows(processor.tokenizer, recipe.block)("held-out", 0, TEXT_ROWS)
    before: Any = LlamaForCausalLM.from_pretrained(out / "language").eval()
    scores = {
        "n_parameters": sum(p.numel() for p in llava.parameters()),
        "scenes": n,
        "described": describing(answers(llava, processor, prompts, scenes.pixels), scenes.things),
        "answered": answering(answers(llava, processor, asked, chosen), scenes.questions),
        "blind": {
            "described": describing(answers(llava, processor, prompts[:1], None) * n, scenes.things)["right"],
            "answered": answering(answers(llava, processor, asked, None), scenes.questions),
        },
        "commonest": answering(commonest(scenes.questions), scenes.questions),
        "text": {
            "rows": TEXT_ROWS,
            "perplexity_before": perplexity(before, rows),
            "perplexity": perplexity(llava, rows),
        },
        "training": {"recipe": recipe.to_dict(), "minutes": _minutes(out)},
    }
    (folder / "eval.json").write_text(json.dumps(scores, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return scores


def _minutes(out: Path) -> dict[str, float]:
    """On the clock, of each stage."""
    found = {stage: checkpoint.load(out / stage) for stage in NEEDS}
    return {stage: round(kept[1]["seconds"] / 60, 1) for stage, kept in found.items() if kept is not None}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", default="emoji-llava", help="a shipped recipe or a .toml file")
    parser.add_argument("--folder", type=Path, help="the model's folder (default: the embedded one of that name)")
    parser.add_argument("--out", type=Path, default=Path("out") / "llava", help="where the stages of its training are")
    parser.add_argument("--scenes", type=int, default=SCENES)
    given = parser.parse_args()
    recipe = load_recipe(given.recipe)
    scores = evaluate(given.folder or models_folder() / recipe.name, given.out, recipe, given.scenes)
    for words, found in (
        ("descriptions that name every object and nothing else", scores["described"]["right"]),
        ("questions answered", scores["answered"]["right"]),
        ("descriptions without a picture", scores["blind"]["described"]),
        ("questions answered without a picture", scores["blind"]["answered"]["right"]),
        ("questions answered by the commonest answer of their kind", scores["commonest"]["right"]),
    ):
        print(f"{words}: {found['share']:.4f} [{found['low']:.4f}, {found['high']:.4f}] of {found['n']}")
    text = scores["text"]
    print(f"perplexity of held-out text: {text['perplexity_before']:.4f}, after tuning {text['perplexity']:.4f}")


if __name__ == "__main__":
    main()
