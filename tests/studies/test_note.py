"""The note on attention heads says what was measured: its numbers are made here again from docs/data/, word by word."""

from __future__ import annotations

import json
import re
import shlex
import sys
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import prisma_engine as pe
from prisma_engine.load import models_folder
from prisma_engine.name_heads import FILE
from prisma_engine.studies import command
from prisma_engine.studies.attention_scores import FORMS, HeadSeparation, better

DOCS = Path(__file__).resolve().parents[2] / "docs"
NOTE = (DOCS / "attention-heads.md").read_text(encoding="utf-8")
WORDS = " ".join(NOTE.split())
MODELS = ("emoji-vit", "vit-tiny")


@cache
def data(model: str, study: str) -> dict[str, Any]:
    return json.loads((DOCS / "data" / f"{model}-{study}.json").read_text(encoding="utf-8"))


@cache
def evidence(model: str) -> pe.Evidence:
    return pe.Evidence.load(
        models_folder() / model / FILE if model == "emoji-vit" else DOCS / "data" / "vit-tiny-heads.json"
    )


def heads(model: str) -> list[HeadSeparation]:
    return [HeadSeparation(**head) for head in data(model, "scores")["heads"]]


def rows_of_emoji_vit() -> list[str]:
    known = evidence("emoji-vit")
    of = {type.id: type for type in known.types}
    first = [found for found in known.found if found.type == "neighbour"]
    assert {found.layer for found in first} == {0} and len(first) == 4
    made = [f"(the other three: {first[-1].strength:.3f} to {first[1].strength:.3f})"]
    for found in (first[0], *(one for one in known.found if one.type == "edges")):
        type, (layer, head) = of[found.type], (found.layer, found.head)
        numbers = (type.score[layer][head], type.chance[layer][head], found.strength)
        examples = ", ".join(f"{found.examples[name].score:.2f}" for name in ("weakest", "median", "strongest"))
        halves = ", ".join(f"{half:.3f}" for half in found.halves)
        cells = [f"L{layer}H{head}", type.title.removesuffix(" head"), *(f"{n:.3f}" for n in numbers), halves, examples]
        made.append(f"| {' | '.join(cells)} |")
    return made


def rows_of_vit_tiny() -> list[str]:
    known, made = evidence("vit-tiny"), []
    titles = {type.id: type.title.removesuffix(" head") for type in known.types}
    for layer, head in ((0, 2), (1, 0), (1, 2), (2, 1), (3, 2), (4, 0)):
        names = known.types_of(layer, head)
        strengths = ", ".join(f"{name.strength:.2f}" for name in names)
        made.append(f"| L{layer}H{head} | {', '.join(titles[name.type] for name in names)} | {strengths} |")
    reads = {type.id: type for type in known.types}
    for layer, head in ((1, 0), (1, 2), (2, 1), (3, 2)):
        made.append(f"| {str(reads['neighbour'].detail[layer][head]).split(',')[0]} ")
    photos = [known.types_of(0, 2)[0].examples[name].score for name in ("weakest", "strongest")]
    shares = [reads["cls"].score[0][2] or 0, *photos]
    made.append("CLS gets {:.0f} % of all attention, on one photo {:.0f} %, on another {:.0f} %".format(
        *(100 * share for share in shares)
    ))  # fmt: skip
    for type, text in (("corner", "L8 to L11 | Corner (all 12 heads)"), ("sink", "L9 to L11 | Sink (all 9 heads)")):
        found = [name for name in known.found if name.type == type]
        assert len(found) == int(re.findall(r"all (\d+)", text)[0])
        assert min(name.layer for name in found) == int(text[1])
        made.append(f"| {text} | {found[-1].strength:.2f} to {found[0].strength:.2f} |")
    return made


def named() -> list[str]:
    few, many = (len({(f.layer, f.head) for f in evidence(model).found}) for model in MODELS)
    assert max(found.layer for found in evidence("emoji-vit").found) == 1
    neighbour = next(type for type in evidence("emoji-vit").types if type.id == "neighbour")
    assert all(p == 0.005 for row in neighbour.p for p in row)
    weakest = min(s for row in neighbour.strength for s in row if s is not None)
    edges = max(s for t in evidence("vit-tiny").types if t.id == "edges" for row in t.strength for s in row if s)
    modulus = next(type for type in evidence("vit-tiny").types if type.id == "modulus")
    assert all(text is None or text.startswith("one step") for row in modulus.detail for text in row)
    return [
        f"{few} of emoji-vit's 20 heads and {many} of ViT-Tiny's 36 have a name",
        f"down to a strength of {weakest:.3f}",
        f"no Edges head ({edges:.2f} at most)",
    ]


def controls() -> list[str]:
    of = {model: data(model, "controls")["controls"] for model in MODELS}
    n = [" + ".join(str(of[model][i]["n_heads"]) for model in MODELS) for i in range(3)]
    assert all(of[model][i]["named"] == {} for model in MODELS for i in range(2)) and of["emoji-vit"][2]["named"] == {}
    largest = [[max(of[model][i]["largest"].values()) for model in MODELS] for i in range(2)]
    dealt = of["vit-tiny"][2]
    places = {type: value for type, value in dealt["largest"].items() if type not in ("cls", "sink")}
    edges = of["emoji-vit"][2]["largest"]["edges"]
    assert edges == max(of["emoji-vit"][2]["largest"].values()) and places["neighbour"] == max(places.values())
    assert f"with positions dealt anew a head still reaches {edges:.3f}" in WORDS
    total = sum(of[model][i]["n_heads"] for model in MODELS for i in range(2))
    return [
        f"of {total} heads of random networks, none",
        f"shuffled | {n[0]} | none | {largest[0][0]:.3f} | {largest[0][1]:.3f} |",
        f"as training starts | {n[1]} | none | {largest[1][0]:.3f} | {largest[1][1]:.3f} |",
        f"| {n[2]} | {dealt['named']['cls']} CLS readers and {dealt['named']['sink']} Sinks of ViT-Tiny "
        f"| {edges:.3f} (Edges) | {places['neighbour']:.3f} (Neighbour), without those two |",
    ]


def corners() -> list[str]:
    found, ours = data("vit-tiny", "corners"), data("emoji-vit", "corners")
    late = [value for layer in found["mass"][9:] for value in layer]
    cls = [value for layer in found["cls_mass"][9:] for value in layer]
    lengths = [value for layer in found["value_ratio"][9:] for value in layer]
    grown = [a / b for a, b in zip(ours["corner_norm"], ours["other_norm"], strict=True)]
    assert ours["answers"][1]["plan"] == "corners hidden" and ours["answers"][1]["same"] == 1.0
    assert min(late) > 0.5
    return [
        f"its length is {found['corner_norm'][7]:.0f}, where other patches have {found['other_norm'][7]:.0f}",
        f"{100 * min(late):.0f} to {100 * max(late):.0f} % of the other patches' attention",
        f"{100 * min(cls):.0f} to {100 * max(cls):.0f} % of CLS's",
        f"{three(found['mass'][9])} of the attention, then {three(found['exchanged_mass'][9])}",
        f"{100 * min(lengths):.0f} to {100 * max(lengths):.0f} % as long",
        f"in layer 10 from {three(found['mass'][10])} to {three(found['weighted_mass'][10])}",
        f"a cosine of {found['corner_likeness'][7]:.2f} between two photos; at the inner four it is "
        f"{found['inner_likeness'][7]:.2f}",
        f"from layer {found['from_layer']} on | accuracy",
        *(f"| {one['plan']} | {one['accuracy']:.3f} | {one['same']:.3f} |" for one in found["answers"]),
        f"its corners are {min(grown):.1f} to {max(grown):.1f} times as long",
        f"at most {100 * max(map(max, ours['mass'])):.0f} % of attention",
    ]


def three(values: list[float]) -> str:
    return "{:.2f}, {:.2f} and {:.2f}".format(*values)


def scores() -> list[str]:
    few, many = (data(model, "scores") for model in MODELS)
    query = [sum(found["by_query"]) / len(found["by_query"]) for found in (few, many)]
    by, every = [heads(model) for model in MODELS], [*heads("emoji-vit"), *heads("vit-tiny")]
    order, linear = (partial(better, every, measure) for measure in ("auroc", "d_prime"))
    means = [
        ", ".join(f"{sum(getattr(h, m)[form] for h in own) / len(own):.{digits}f}" for own in by)
        for form in range(len(FORMS))
        for m, digits in (("auroc", 3), ("d_prime", 2))
    ]
    return [
        f"It is {100 * query[0]:.0f} % of the variance in emoji-vit "
        f"({100 * few['by_query'][-1]:.0f} % in its last layer), {100 * query[1]:.0f} % in ViT-Tiny",
        f"{len(every)} names with a patch template",
        *(f"| {form} | {means[2 * i]} | {means[2 * i + 1]} |" for i, form in enumerate(FORMS)),
        f"patterns beat scores for {order('pattern', 'scores')} of the {len(every)}",
        f"scores beat patterns for {linear('scores', 'pattern')}:",
        f"it beats scores for {order('log pattern', 'scores')} of {len(every)} by order and "
        f"{linear('log pattern', 'scores')} by d′, and patterns for {linear('log pattern', 'pattern')} by d′",
    ]


def objects() -> list[str]:
    few, many = (data(model, "objects") for model in MODELS)
    best = max(range(12), key=lambda layer: many["mean"][layer])
    assert few["rollout"] == sorted(few["rollout"])
    return [
        f"({few['n_images']} scenes) rollout is best and keeps rising: {few['rollout'][-1]:.3f} after the last layer, "
        f"where the layer's own mean has {few['mean'][-1]:.3f}",
        f"({many['n_images']} photos of Oxford-IIIT pets)",
        f"layer {best} has {many['mean'][best]:.3f}, value-weighted {many['weighted'][best]:.3f}, "
        f"rollout {many['rollout'][best]:.3f} there and never more than {max(many['rollout']):.3f}",
    ]


def causal() -> list[str]:
    few, many = (data(model, "causal") for model in MODELS)
    ours, theirs = ([one["accuracy"] for one in found["exempt"]] for found in (few, many))
    alone = [one["accuracy"] for one in many["alone"]]
    blind = [[f"{one['accuracy']:.3f}" for one in found["detour"]] for found in (few, many)]
    worst = alone.index(min(alone))
    return [
        f"in {ours[0]:.3f} of the scenes instead of {ours[-1]:.3f}, "
        f"though in {100 * (1 - few['exempt'][0]['same']):.0f} %",
        f"from layer 8 on costs nothing ({theirs[8]:.3f}), from layer 6 on little ({theirs[6]:.3f}), "
        f"from layer 3 on much ({theirs[3]:.3f}), from layer 0 on {theirs[0]:.3f} is left",
        f"layer {worst} costs most ({alone[worst]:.3f})",
        f"ViT-Tiny falls to {blind[1][0]} without any mask and to {blind[1][1]} when causal too; "
        f"emoji-vit stays at {blind[0][0]} and {blind[0][1]}",
        f"| as it is | {theirs[-1]:.3f} |",
    ]


FACTS = [named, rows_of_emoji_vit, rows_of_vit_tiny, controls, corners, scores, causal, objects]


@pytest.mark.parametrize("facts", FACTS, ids=lambda facts: facts.__name__)
def test_the_note_says_what_was_measured(facts):
    said = [" ".join(fact.split()) for fact in facts()]
    assert [fact for fact in said if fact not in WORDS] == []


def test_the_data_are_of_the_pictures_that_the_note_names():
    for study in ("scores", "corners", "causal"):
        assert [data(model, study)["n_images"] for model in MODELS] == [1000, 900]
        assert [data(model, study)["source"] for model in MODELS] == ["emoji scenes", "ImageNet photos"]
    assert [evidence(model).n_images for model in MODELS] == [1000, 900]
    assert {data(model, "controls")["n_images"] for model in MODELS} == {100}


def test_its_commands_are_understood(monkeypatch):
    monkeypatch.setattr(command, "carry_out", lambda parser, *rest: parser.parse_args())
    lines = re.findall(r"^python -m (prisma_engine\.studies\.\S+)(.*)$", NOTE, re.MULTILINE)
    assert len(lines) == 12
    for module, arguments in lines:
        monkeypatch.setattr(sys, "argv", [module, *shlex.split(arguments)])
        import_module(module).main()


def test_its_links_lead_to_files():
    targets = re.findall(r"\]\(([^)#:]+)\)", NOTE)
    assert len(targets) > 7 and [target for target in targets if not (DOCS / target).exists()] == []
