"""Measure SAEs that read text: `python -m prisma_engine.studies.llava_saes model_cards/emoji-llava-saes/*/`.

Writes beside the weights of each: `eval.json` (how well it reconstructs held-out text, and image tokens, which it was
never trained on), `latents.json` (what each latent is about, with precision, recall and F1 on texts that did not choose
the label), `contexts.safetensors` (where in texts it is most active) and `exemplars.safetensors` (in which scenes).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from prisma_engine import vlm
from prisma_engine.analysis.language.concepts import Concepts
from prisma_engine.analysis.language.contexts import Strongest
from prisma_engine.analysis.language.labels import Detectors
from prisma_engine.edits import zero
from prisma_engine.hooks import Edit
from prisma_engine.load import read_json
from prisma_engine.sae import files
from prisma_engine.sae.evaluate import EVAL, GOOD, LATENTS, TWIN, rounded
from prisma_engine.sae.features.profiling import Sums
from prisma_engine.sae.measuring.metrics import Answers, Reconstruction, Usage, duplicates
from prisma_engine.sae.model import SAE
from prisma_engine.sae.training.texts import Texts, as_tokens
from prisma_engine.studies.llava_concepts import llava_concepts
from prisma_engine.studies.llava_scenes import as_scenes, image_activations
from prisma_engine.toy.emoji_scenes import SceneBatch, seeded_scene
from prisma_engine.toy.llava import grammar
from prisma_engine.vlm.hooked import HookedVLM

AT_ONCE = 25
"""Texts or scenes in one pass."""
ANSWERED = 300
"""Texts of which predictions are compared, with the reconstruction in place and with zeros; every other number is of
all texts."""


class Measured:
    """What is measured of one SAE; `read` texts and `see` scenes, then ask for the `result`."""

    def __init__(self, sae: SAE, concepts: Concepts) -> None:
        self.sae, self.concepts = sae, concepts
        d_sae = sae.config.d_sae
        self.reconstruction, self.on_images = Reconstruction(), Reconstruction()
        self.usage, self.image_usage, self.answers = Usage(d_sae, 0), Usage(d_sae, 0), Answers()
        self.detectors, self.strongest, self.scenes = Detectors(d_sae, len(concepts)), Strongest(d_sae), Sums(d_sae)
        self.n_texts = 0

    def read(self, texts: Texts, x: Float[Tensor, "text token d"]) -> None:
        """Look at texts that lead to these activations."""
        out = self.sae(x)
        self.reconstruction.add(x[texts.kept], out.recon[texts.kept])
        self.strongest.add(out.acts, texts.ids, texts.kept)
        for ids, kept, acts in zip(texts.ids, texts.kept, out.acts, strict=True):
            self.usage.add(acts[kept][None])
            self.detectors.add(acts[kept], self.concepts.present(ids)[kept], self.n_texts % 2)
            self.n_texts += 1

    def see(self, x: Float[Tensor, "scene patch d"], references: Sequence[str]) -> None:
        """Look at scenes whose image tokens have these activations."""
        out = self.sae(x)
        self.on_images.add(x.flatten(0, 1), out.recon.flatten(0, 1))
        self.image_usage.add(out.acts)
        self.scenes.count(out.acts, references)

    def answer(self, model: HookedVLM, texts: Texts, original: Float[Tensor, "text token word"]) -> None:
        """Compare what is predicted next; the token in front of a text is left as it is, since it is not trained on."""
        behind = range(1, texts.ids.shape[1])
        ways: dict[str, Edit] = {"spliced": self.sae.splice(), "zero_ablated": zero()}
        name, logits = self.sae.config.hook_name, {"original": original}
        for way, edit in ways.items():
            logits[way] = model.run_with_hooks(texts.prompt, {name: vlm.at(edit, tokens=behind)})
        asked = predicted(texts)
        self.answers.add({way: every[:, :-1][asked] for way, every in logits.items()}, texts.ids[:, 1:][asked])

    def result(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """What `eval.json` and `latents.json` say."""
        labels, nearest, use = self.detectors.result(), duplicates(self.sae.W_dec), self.usage
        found = use.result()
        known = labels.label >= 0
        good = known & (labels.f1 >= GOOD)
        objects = torch.tensor(self.concepts.of_kind("object"))
        told = {
            "texts": self.n_texts,
            "tokens": use.tokens,
            "reconstruction": self.reconstruction.result(),
            **found,
            "l0": {"all": found["l0"]["all"], "per_text": found["l0"]["per_image"]},
            "duplicates": {"share": float((nearest >= TWIN).float().mean()), "cosine": TWIN},
            "answers": self.answers.result() | {"texts": min(self.n_texts, ANSWERED)},
            "labels": {
                "texts": self.n_texts,
                "latents": int(known.sum()),
                "f1_at_least": GOOD,
                "good": int(good.sum()),
                "classes": len(objects),
                "classes_with_good": int(torch.isin(objects, labels.label[good]).sum()),
                "best_f1": float(labels.f1.max()),
                "mean_auroc": float(labels.auroc[known].mean()) if bool(known.any()) else None,
            },
            "on_images": {
                "scenes": len(self.scenes.references),
                "tokens": self.scenes.n_tokens,
                "reconstruction": self.on_images.result(),
                "l0": self.image_usage.result()["l0"]["all"],
                "alive_share": self.image_usage.result()["alive_share"],
            },
        }
        columns: dict[str, list[Any]] = {
            "frequency": use.frequency.tolist(),
            "typical": use.typical.tolist(),
            "largest": use.largest.tolist(),
            "nearest": nearest.tolist(),
            "label": [i if i >= 0 else None for i in labels.label.tolist()],
        } | {name: getattr(labels, name).tolist() for name in ("precision", "recall", "f1", "auroc")}
        latents = {name: rounded(column, 4) for name, column in columns.items()}
        kinds = [concept.kind for concept in self.concepts.every]
        return told, {"classes": list(self.concepts.names), "kinds": kinds, "latents": latents}


def predicted(texts: Texts) -> Bool[Tensor, "text token"]:
    """Of all tokens but the last, those that count and whose next one does."""
    return texts.kept[:, :-1] & texts.kept[:, 1:]


def held_out_texts(model: HookedVLM, n: int) -> Iterator[Texts]:
    """The first `n` held-out texts of the grammar, some at a time."""
    for start in range(0, n, AT_ONCE):
        texts = [grammar.text("held-out", index) for index in range(start, min(n, start + AT_ONCE))]
        yield as_tokens(model.tokenizer, texts)


@torch.no_grad()
def measure(model: HookedVLM, saes: Sequence[SAE], n_texts: int = 3000, n_scenes: int = 2000) -> list[Measured]:
    """Measure SAEs of one model, all on the same texts and scenes."""
    concepts = llava_concepts(model.tokenizer)
    found = [Measured(sae, concepts) for sae in saes]
    hooks = [sae.config.hook_name for sae in saes]
    for texts in held_out_texts(model, n_texts):
        logits, cache = model.run_with_cache(texts.prompt, names=hooks)
        for each in found:
            if each.n_texts < ANSWERED:
                each.answer(model, texts, logits)
            each.read(texts, cache[each.sae.config.hook_name])
        print(f"\r{found[0].n_texts} texts", end="", flush=True)
    for start in range(0, n_scenes, AT_ONCE):
        seeds = range(start, min(n_scenes, start + AT_ONCE))
        cache = image_activations(model, as_scenes(model, seeded(seeds)).prompt, hooks)
        for each in found:
            each.see(cache[each.sae.config.hook_name], [f"scene:{seed}" for seed in seeds])
        print(f"\r{start} scenes", end="", flush=True)
    return found


def seeded(seeds: Sequence[int]) -> SceneBatch:
    """The held-out scenes of these seeds, as one batch."""
    scenes = [seeded_scene(seed) for seed in seeds]
    images = torch.stack([torch.from_numpy(scene.image).permute(2, 0, 1) for scene in scenes])
    objects: Int[Tensor, "scene object"] = torch.full((len(scenes), 3), -1)
    masks = torch.zeros(len(scenes), 3, *images.shape[-2:], dtype=torch.bool)
    for i, scene in enumerate(scenes):
        objects[i, : len(scene.classes)] = torch.tensor(scene.classes)
        masks[i, : len(scene.classes)] = torch.from_numpy(scene.masks)
    return SceneBatch(images, objects, masks)


def score(folders: Sequence[Path], model: HookedVLM, n_texts: int = 3000, n_scenes: int = 2000) -> list[dict[str, Any]]:
    """Measure the SAEs in some folders and write the four files into each; what `eval.json` says of each."""
    saes = [files.load(folder) for folder in folders]
    every = []
    for folder, found in zip(folders, measure(model, saes, n_texts, n_scenes), strict=True):
        summary, latents = found.result()
        training = files.recipe_of(folder) or _standing(folder)
        told = {"sae": found.sae.config.to_dict(), "measured_on": f"{n_texts:,} held-out texts"} | summary
        told = rounded(told | ({"training": training} if training else {}), 5)
        (folder / EVAL).write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        (folder / LATENTS).write_text(json.dumps(latents, ensure_ascii=False) + "\n", encoding="utf-8")
        vocabulary = model.tokenizer.convert_ids_to_tokens(list(range(len(model.tokenizer))))
        found.strongest.result(f"{n_texts:,} held-out texts", tuple(vocabulary)).save(folder)
        found.scenes.profile(f"{n_scenes:,} emoji scenes").save(folder)
        every.append(told)
    return every


def _standing(folder: Path) -> dict[str, Any] | None:
    """The recipe as an earlier eval.json has it."""
    return read_json(folder / EVAL).get("training") if (folder / EVAL).exists() else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="+", help="folders with an SAE each, all of one model")
    parser.add_argument("--weights", type=Path, help="the model's weights on this machine, if not under its own name")
    parser.add_argument("--texts", type=int, default=3000, help="how many held-out texts")
    parser.add_argument("--scenes", type=int, default=2000, help="how many scenes")
    given = parser.parse_args()
    names = {files.opened(folder).config.model for folder in given.folder}
    if len(names) != 1:
        parser.error(f"SAEs are measured together if they are of one model, got {len(names)} models")
    model = vlm.load(given.weights or names.pop())
    for folder, told in zip(given.folder, score(given.folder, model, given.texts, given.scenes), strict=True):
        fit, seen, labels = told["reconstruction"], told["on_images"], told["labels"]
        print(
            f"\n{folder.name}: EV {fit['explained_variance']:.4f} on text, "
            f"{seen['reconstruction']['explained_variance']:.4f} on image tokens; L0 {told['l0']['all']:.1f}, "
            f"alive {told['alive_share']:.1%}; {labels['good']} latents with F1 ≥ {GOOD}, "
            f"{labels['classes_with_good']} of {labels['classes']} objects",
            end="",
        )
    print()


if __name__ == "__main__":
    main()
