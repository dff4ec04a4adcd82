"""The pair without Gradio: its numbers are the engine's, its choices are said, and every refusal is one sentence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import prisma_engine as pe
from apps.cat_dog_patching.analysis import PairResult, analyse
from apps.cat_dog_patching.applying import apply_chips
from apps.cat_dog_patching.bench import Bench
from apps.cat_dog_patching.corrupting import Hidden, box
from apps.cat_dog_patching.first import opening
from apps.cat_dog_patching.flipping import find_flip
from apps.cat_dog_patching.handlers import PairDesk, evolution_value, patching_value, run_value
from apps.cat_dog_patching.places import Chip, chips_from_text, chips_to_text, read_chips
from apps.cat_dog_patching.plan import Other, Plan, read_plan
from apps.cat_dog_patching.reading import reads
from apps.cat_dog_patching.sweeping import Ask, first_ask, read_ask, sweep_steps
from apps.common import pictures
from prisma_engine.preprocess import prepared

HEADS = (Chip("z", 3, 1, "cls"), Chip("z", 4, 2, "cls"))


@pytest.fixture(scope="module")
def model() -> pe.HookedViT:
    return pe.load("emoji-vit")


def test_the_opening_pair_is_called_cat_and_then_dog(pair: PairResult):
    assert [run.top[0].name for run in (pair.clean, pair.corrupt)] == ["cat face", "dog face"]
    assert [pair.name(index) for index in pair.answers] == ["cat face", "dog face", "banana"]
    assert pair.clean.metric > 0 > pair.corrupt.metric
    hidden = pair.clean.pixels != pair.corrupt.pixels
    assert 0.15 < hidden.any(2).mean() < 0.35 and not pair.corrupt.pixels[hidden].any()


def test_metrics_and_inputs_are_the_model_s(model: pe.HookedViT, pair: PairResult):
    a, b, _ = pair.answers
    for run in (pair.clean, pair.corrupt):
        logits = model(model.preprocess(Image.fromarray(run.pixels)))[0]
        torch.testing.assert_close(run.logits, logits, atol=1e-5, rtol=0)
        assert run.metric == pytest.approx(float(logits[a] - logits[b]), abs=1e-5)
        assert len(run.top) == 10 and run.top[0].index == int(logits.argmax())


def test_the_direct_attribution_closes(pair: PairResult):
    value = run_value(pair, "key")
    for side in ("clean", "corrupt"):
        dla = value["dla"][side]
        assert abs(dla["error"]) < 1e-4 and dla["metric"] == pytest.approx(value["metric"][side], abs=1e-5)
        assert sum(part["value"] for part in dla["components"]) == pytest.approx(dla["total"], abs=1e-4)
        assert np.array(dla["heads"]).shape == (5, 4)


@pytest.mark.parametrize("token", [0, 40])
def test_the_evolution_is_the_logit_lens(model: pe.HookedViT, pair: PairResult, token: int):
    value = evolution_value(pair, token)
    lens = pe.logit_lens(model, pair.clean.x)
    chosen = list(pair.answers)
    np.testing.assert_allclose(value["clean"]["logit"], lens.logits[:, 0, token][:, chosen], atol=1e-4)
    ranks = np.stack([lens.rank(index)[:, 0, token] for index in chosen], -1)
    np.testing.assert_array_equal(value["clean"]["rank"], ranks)
    assert value["labels"][-1] == "final" and value["token"] == token


def test_patching_nothing_and_everything(model: pe.HookedViT, pair: PairResult):
    nothing = apply_chips(model, pair, ())
    torch.testing.assert_close(nothing.logits, pair.corrupt.logits, atol=1e-4, rtol=0)
    assert nothing.n_numbers == 0
    everything = apply_chips(model, pair, (Chip("resid_pre", 0, None, "all"),))
    torch.testing.assert_close(everything.logits, pair.clean.logits, atol=1e-4, rtol=0)
    assert everything.n_numbers == 145 * 128


def test_two_heads_flip_the_opening_pair(model: pe.HookedViT, pair: PairResult):
    applied = apply_chips(model, pair, HEADS)
    assert applied.n_numbers == 64 and applied.metric > 0.5
    assert applied.as_dict(pair)["top"][0]["name"] == "cat face"
    assert all(apply_chips(model, pair, (chip,)).metric < 0 for chip in HEADS)


def test_the_search_finds_them_and_says_what_it_did(model: pe.HookedViT, pair: PairResult):
    told: list[str] = []
    flip = find_flip(model, pair, first_ask(pair.extent), lambda what, share: told.append(what))
    assert flip.chips == HEADS and flip.state == "done" and flip.strongest_head == (4, 2) and told
    value = flip.as_dict(pair)
    assert value["is_smallest"] and value["method"] == "exact" and value["n_numbers"] == 64
    alone = [apply_chips(model, pair, (chip,)).metric for chip in HEADS]
    assert [member["alone"] for member in value["members"]] == pytest.approx(alone, abs=1e-3)
    assert value["margin"] == pytest.approx(apply_chips(model, pair, HEADS).metric, abs=1e-3)
    assert "64 numbers turn dog face into cat face" in value["text"]


def test_a_stopped_search_says_so(model: pe.HookedViT, pair: PairResult):
    flip = find_flip(model, pair, first_ask(pair.extent), stop=lambda: True)
    assert flip.state == "stopped" and flip.as_dict(pair)["state"] == "none" and "Stopped" in flip.text


def test_nothing_to_flip_is_a_sentence(model: pe.HookedViT):
    same = analyse(model, opening(), Plan(hidden=Hidden((box(0, 0, 0.02, 0.02),))))
    with pytest.raises(ValueError, match="prefers cat face in both pictures, so nothing can flip"):
        find_flip(model, same, first_ask(same.extent))


def test_swapped_one_head_flips_the_shipped_example(pair_desk: PairDesk, model: pe.HookedViT):
    result = pair_desk.run(pictures.example("cat-and-dog"), "emoji-vit", variant=Plan(swap=True).text)
    flip = find_flip(model, result, first_ask(result.extent))
    assert [chip.label(("CLS",)) for chip in flip.chips] == ["L4 H0 · z at CLS"]
    assert flip.found is not None and flip.found.n_numbers == 32 and flip.found.is_smallest


def test_the_shipped_example_does_not_open_the_page_and_why(model: pe.HookedViT):
    shipped = pictures.example("cat-and-dog")
    hidden_cat = Hidden((box(0.06, 0.16, 0.52, 0.57),))
    pair = analyse(model, shipped, Plan(hidden=hidden_cat, a=0, b=2))
    assert pair.clean.metric < 0 and pair.corrupt.metric < 0  # a dog, with or without its cat


@pytest.mark.slow
@pytest.mark.parametrize(
    "ask", [Ask(), Ask("v", ("head", "token"), 4, "all"), Ask("mlp_out", ("layer", "token"), None, "all")]
)
def test_a_sweep_is_one_patch_after_the_other(model: pe.HookedViT, pair: PairResult, ask: Ask):
    *_, swept = sweep_steps(model, pair, ask)
    value = swept.as_dict()
    assert value["state"] == "done" and value["done"] == value["total"] == 2 * np.array(value["denoise"]).size
    a, b, _ = pair.answers
    for cell in ((2, 1), (0, 3), (np.array(value["noise"]).shape[0] - 1, 2)):
        sites = swept.denoise.grid.sets[np.ravel_multi_index(cell, swept.denoise.grid.shape)]  # type: ignore[union-attr]
        for direction, target, source in (("denoise", pair.corrupt, pair.clean), ("noise", pair.clean, pair.corrupt)):
            logits = pe.apply_patches(model, target.x, source.x, [sites])[0, 0]
            assert value[direction][cell[0]][cell[1]] == pytest.approx(float(logits[a] - logits[b]), abs=1e-4)


def test_a_sweep_begins_with_an_estimate_and_stops_within_a_batch(model: pe.HookedViT, pair: PairResult):
    steps = sweep_steps(model, pair, first_ask(pair.extent))
    first = next(steps)
    assert (
        first.state == "preview" and first.preview is not None and first.denoise is None and first.correlation is None
    )
    stopped = list(sweep_steps(model, pair, Ask("resid_pre", ("layer", "token"), None, "all"), stop=lambda: True))
    assert stopped[-1].state == "stopped" and stopped[-1].done == 0
    *_, last = steps
    assert last.state == "done" and last.correlation is not None and last.correlation > 0.9


def test_too_large_a_sweep_is_estimated_alone(model: pe.HookedViT, pair: PairResult, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("apps.cat_dog_patching.sweeping.MAX_CELLS", 10)
    steps = list(sweep_steps(model, pair, first_ask(pair.extent)))
    assert len(steps) == 1 and steps[0].note is not None and "these are estimates" in steps[0].note


def test_what_a_head_reads_sums_to_what_it_says(model: pe.HookedViT, pair: PairResult):
    found = reads(model, pair, 4, 2)
    for side, run in (("clean", pair.clean), ("corrupt", pair.corrupt)):
        assert sum(found[side]["attention"]) == pytest.approx(1, abs=1e-4)
        assert sum(found[side]["attribution"]) == pytest.approx(float(run.dla.by_head()[4, 2, 0]), abs=1e-3)
    with pytest.raises(ValueError, match="no layer 5"):
        reads(model, pair, 5, 0)


def test_two_pictures(pair_desk: PairDesk):
    plan = Plan(other=Other("example", "lion-with-basketball"))
    result = pair_desk.run(pictures.example("apple-beside-bagel"), "emoji-vit", variant=plan.text)
    assert result.plan.hidden is None and result.corrupt.title == "A lion with a basketball"
    assert result.answers[0] != result.answers[1]
    gone = Plan(other=Other("upload", "0" * 16, "/no/such"))
    with pytest.raises(ValueError, match="no longer kept"):
        pair_desk.run(opening(), "emoji-vit", variant=gone.text)


@pytest.mark.parametrize(
    ("plan", "sentence"),
    [
        (Plan(a=64), "classes 0 to 63; there is no class 64"),
        (Plan(a=3, b=3), "both answers are dog; choose two different ones"),
        (Plan(preparation="raw"), "prepared as checkpoint or tutorial"),
    ],
)
def test_plans_that_make_no_sense_are_refused(model: pe.HookedViT, plan: Plan, sentence: str):
    with pytest.raises(ValueError, match=sentence):
        analyse(model, opening(), plan)


def test_the_tutorial_s_preparation_is_another_input(model: pe.HookedViT):
    assert model.preprocess is not None
    plain = prepared(model.preprocess, "tutorial")
    assert (plain.mean, plain.std, plain.mode) == ((0, 0, 0), (1, 1, 1), "squash")
    wide = Image.new("RGB", (200, 100), "white")
    wide.paste("black", (0, 0, 20, 100))
    assert not np.asarray(plain.pixels(wide))[:, 0].any() and np.asarray(model.preprocess.pixels(wide))[:, 0].all()
    both = [analyse(model, opening(), Plan(preparation=name)) for name in ("checkpoint", "tutorial")]
    assert both[0].clean.metric != pytest.approx(both[1].clean.metric, abs=0.1)


def test_plans_and_chips_survive_as_text(pair: PairResult):
    for plan in (Plan(), pair.plan, Plan(other=Other("seed", "5"), a=1), replace(pair.plan, preparation="tutorial")):
        assert read_plan(plan.text) == plan
    chips = (*HEADS, Chip("attn_scores", 2, None, 17), Chip("resid_pre", 0, None, "patches"), Chip("k", 1, 3, "all"))
    assert chips_from_text(chips_to_text(chips), pair.extent) == chips
    assert chips[2].label(pair.prefix_names) == "L2 · attn_scores at patch 16"
    assert read_chips([{"site": "z", "layer": 3, "head": 1, "token": 0}] * 2, pair.extent) == HEADS[:1]


@pytest.mark.parametrize(
    "chip",
    [
        {"site": "w", "layer": 0, "head": 0, "token": "cls"},
        {"site": "z", "layer": 5, "head": 0, "token": "cls"},
        {"site": "z", "layer": 0, "head": 4, "token": "cls"},
        {"site": "z", "layer": 0, "head": 0, "token": 145},
        {"site": "z", "layer": None, "head": 0, "token": "cls"},
        {"site": "z", "layer": 0, "head": 0, "token": "DIST"},
        "z.1.1.cls",
    ],
)
def test_chips_that_are_no_patch_are_refused(pair: PairResult, chip: object):
    with pytest.raises(ValueError):
        read_chips([chip], pair.extent)


def test_what_a_sweep_leaves_out_stays(pair: PairResult):
    before = Ask("v", ("head", "token"), 2, "all")
    assert read_ask({}, pair.extent, before) == before
    assert read_ask({"by": ["layer", "head"]}, pair.extent, before) == Ask("v", ("layer", "head"), None, "all")
    assert read_ask({"site": "mlp_out"}, pair.extent, before) == Ask("mlp_out", ("layer", "token"), None, "all")
    assert read_ask({"by": "head,token", "layer": None}, pair.extent, Ask()).layer == 4


def test_the_canvas_gets_plain_json(pair_desk: PairDesk):
    import json

    session = pair_desk.show(opening(), "emoji-vit")
    bench = Bench()
    model, result = pair_desk.model(session), pair_desk.result(session)
    *_, bench.sweep = sweep_steps(model, result, first_ask(result.extent))
    bench.applied, bench.flip = apply_chips(model, result, HEADS), find_flip(model, result, first_ask(result.extent))
    bench.reads = reads(model, result, 3, 1)
    value = patching_value(pair_desk, session, bench, bench.view)
    text = json.dumps(value, allow_nan=False)
    assert len(text) < 120_000 and value["run"]["n_prefix"] == 1 and value["applied"]["n_numbers"] == 64
    assert pair_desk.shelf.get(session.key).file("image/clean").startswith(b"\x89PNG")  # type: ignore[union-attr]
    assert pair_desk.show(opening(), "emoji-vit").key == session.key  # computed once for everybody
