"""Every number of docs/llava-steering.md is one that the studies wrote beside the SAEs or into docs/data."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from notes import table_rows
from prisma_engine.toy.llava.nouns import WORDS

ROOT = Path(__file__).resolve().parents[2]
SAES = ROOT / "model_cards" / "emoji-llava-saes"
NOTE = (ROOT / "docs" / "llava-steering.md").read_text(encoding="utf-8")
HOW = {"add": "added", "scale": "scaled", "clamp": "clamped"}
BASE = ROOT / "docs" / "data" / "emoji-llava-tuning.json"


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def percent(share: dict[str, float]) -> str:
    return f"{100 * share['value']:.0f} % [{100 * share['low']:.0f}, {100 * share['high']:.0f}]"


def mean(interval: dict[str, float]) -> str:
    return f"{interval['value']:.2f} [{interval['low']:.2f}, {interval['high']:.2f}]"


def strength(value: float) -> str:
    return f"{value:+g}".replace("-", "−")


def layer_row(one: dict[str, Any], scores: dict[str, Any]) -> list[str]:
    """A layer: what its SAE is worth, and what of it transfers."""
    return [
        one["sae"].split(".")[1],
        f"{scores['reconstruction']['explained_variance']:.3f}",
        f"{scores['on_images']['reconstruction']['explained_variance']:.3f}",
        f"{one['labelled']}",
        percent(one["in_top"]),
        percent(one["in_top_more"]),
        f"{100 * one['shuffled_more']:.1f} %",
        f"{100 * one['random']:.1f} %",
        mean(one["auroc"]),
        f"{one['auroc_shuffled']:.2f}",
    ]


def class_row(one: dict[str, Any]) -> list[str]:
    """A class: the latents that are most active where its object is."""
    top = [f"{s['latent']} {s['label'] or '–'} ({s['f1']:.2f})" for s in one["top"][:4]]
    own = "–" if one["latent"] is None else str(one["latent"])
    rank = "–" if one["rank_more"] is None else str(one["rank_more"])
    return [one["name"], own, rank, f"{one['auroc']:.2f}", " · ".join(top)]


def point_row(point: dict[str, Any], *first: str) -> list[str]:
    shares = [percent(point[key]) for key in ("done", "kept", "invented")]
    return [*first, strength(point["strength"]), *shares, f"{point['perplexity']:.2f}"]


def curve_rows(study: dict[str, Any]) -> list[list[str]]:
    """The dose–response table of a task."""
    names = {"own": "its latent", "random": "random direction"}
    return [
        point_row(point, f"{names[curve['latent']]}: {way_of(curve)}")
        for curve in study["curves"]
        for point in curve["points"]
        if abs(point["strength"]) in (0.5, 1, 2, 4, 8)
    ]


def way_of(curve: dict[str, Any]) -> str:
    """Where and how, in the note's words."""
    way = curve["way"]
    if way["how"] == "splice":
        return "reconstruction alone"
    where = "all tokens" if len(way["where"]) == 3 else f"{' and '.join(way['where'])} tokens"
    where = where if len(way["when"]) == 2 else f"{way['when'][0]} alone"
    return f"{HOW[way['how']]}, {where}"


def variant_rows(study: dict[str, Any]) -> list[list[str]]:
    """The table of places, times and ways."""
    return [
        point_row(point, curve["task"], way_of(curve))
        for task in ("forget", "see")
        for curve in study[task]["variants"]
        for point in curve["points"]
    ]


def tuning_rows(found: dict[str, Any]) -> list[list[str]]:
    """SAEs of the decoder before and after it met images, on the same layer."""
    return [[one["of"], *layer_row(one["transfer"], one["eval"])] for one in found["saes"]]


def test_the_table_of_layers_is_that_of_the_studies():
    told = read(SAES / "transfer.json")["saes"]
    assert table_rows(NOTE, "layer") == [layer_row(one, read(SAES / one["sae"] / "eval.json")) for one in told]


def test_the_table_of_classes_is_that_of_the_study():
    every = {one["sae"]: one for one in read(SAES / "transfer.json")["saes"]}
    sae = re.search(r"most active latents at `([\w.]+)`", NOTE)
    assert sae is not None
    classes = {one["name"]: one for one in every[sae[1]]["classes"]}
    told = table_rows(NOTE, "class")
    assert len(told) >= 12 and {cells[0] for cells in told} <= set(WORDS)
    assert told == [class_row(classes[cells[0]]) for cells in told]


@pytest.mark.parametrize(("head", "task"), [("to forget", "forget"), ("to see", "see")])
def test_dose_and_response_are_those_of_the_study(head: str, task: str):
    assert table_rows(NOTE, head) == curve_rows(read(SAES / "steering.json")[task])


def test_the_variants_are_those_of_the_study():
    assert table_rows(NOTE, "task") == variant_rows(read(SAES / "steering.json"))


def test_the_comparison_of_decoders_is_that_of_the_data():
    assert table_rows(NOTE, "trained on") == tuning_rows(read(BASE))


def test_every_command_of_the_note_is_there():
    modules = re.findall(r"python -m (prisma_engine[.\w]+)", NOTE)
    assert modules
    for module in modules:
        assert (ROOT / (module.replace(".", "/") + ".py")).exists(), module


def point(study: dict[str, Any], latent: str, how: str, dose: float) -> dict[str, Any]:
    """The point of a task's dose–response curves."""
    of = [c for c in study["curves"] if (c["latent"], c["way"]["how"]) == (latent, how)]
    return next(p for curve in of for p in curve["points"] if p["strength"] == dose)


def test_the_claims_at_the_top_are_those_of_the_studies():
    steering = read(SAES / "steering.json")
    found = {one["sae"]: one for one in read(SAES / "transfer.json")["saes"]}[steering["forget"]["sae"]]
    plain = " ".join(NOTE.split())
    top = plain.split("## The model")[0]
    turned, control = (point(steering["forget"], latent, "scale", -2.0) for latent in ("own", "random"))
    added = point(steering["forget"], "own", "add", -4.0)
    spliced = next(c for c in steering["forget"]["variants"] if c["way"]["how"] == "splice")["points"][0]
    hits = sum(one["latent"] is not None and one["rank_more"] <= 10 for one in found["classes"])
    for claim in (
        f"{found['labelled']} of 64 object classes have a latent",
        f"{hits} of these are among the ten",
        f"That is {percent(found['in_top_more'])} of all 64 classes",
        f"removes the object from {percent(turned['done'])} of descriptions; {percent(turned['kept'])} of the other",
        f"removes it from {percent(control['done'])}",
        f"{percent(turned['invented'])} of descriptions name something new",
        f"removes the object from {percent(added['done'])} of descriptions at strength 4",
        f"keeps only {percent(added['kept'])} of the others",
        f"nothing steered, removes it from {percent(spliced['done'])}",
    ):
        assert claim in top, claim
    seen, control = (point(steering["see"], latent, "add", 4.0) for latent in ("own", "random"))
    assert {study["judge"] for study in steering.values()} == {"the text-only decoder"}
    assert {point["n"] for study in steering.values() for curve in study["curves"] for point in curve["points"]} == {
        300
    }
    for claim in (
        f"unsteered descriptions have {steering['forget']['perplexity']:.2f}",
        f"at strength 4, {percent(seen['done'])} of descriptions name it",
        f"(a random direction: {percent(control['done'])})",
        f"and {percent(seen['kept'])} of what is really there is still named",
    ):
        assert claim in plain, claim
