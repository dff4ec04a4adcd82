"""Steering one image three ways, its controls, and the same on many images; by SAEs whose effect is known."""

from __future__ import annotations

import dataclasses
import json
from itertools import islice

import pytest
import torch
from PIL import Image

import prisma_engine as pe
from prisma_engine.sae import SAE
from prisma_engine.sae.features import (
    COLUMNS,
    Dial,
    Rack,
    Start,
    controls,
    generality,
    generality_steps,
    positions,
    steer_many,
    steer_run,
)
from prisma_engine.sae.features.controls import random_change, with_change
from prisma_engine.sae.features.steer import placed
from prisma_engine.sources import scenes
from saes import D_IN, VARIANTS, random_sae, tiny_vit

FIRST, LAST = "blocks.0.hook_resid_post", "blocks.1.hook_resid_post"
TYPICAL = torch.linspace(0.5, 2.5, 40)


@pytest.fixture(autouse=True)
def no_grad():
    with torch.no_grad():
        yield


@pytest.fixture(scope="module")
def model():
    return tiny_vit()


@pytest.fixture(scope="module")
def x():
    return torch.randn(1, 3, 96, 96, generator=torch.Generator().manual_seed(1))


def sae_of(variant: str = "topk", hook: str = FIRST, **changes) -> SAE:
    given = VARIANTS[variant] | {"hook_name": hook} | changes
    if "hook_out" in given:
        given |= {"hook_name": "blocks.0.ln2.hook_normalized", "d_out": D_IN}
    return random_sae(**given)


def perfect(hook: str) -> SAE:
    """Reconstructs anything: a latent for either side of each dimension."""
    sae = random_sae(hook_name=hook, d_sae=24, activation="relu")
    sae.W_enc.copy_(torch.cat([torch.eye(12), -torch.eye(12)]))
    sae.W_dec.copy_(sae.W_enc)
    sae.b_enc.zero_()
    return sae


RACKS = {
    "one": Rack((Dial(3, "add", 2.0),)),
    "several at CLS": Rack((Dial(3, "add", -2.0), Dial(8, "clamp", 1.5), Dial(20, "scale", 3.0)), "cls"),
    "without error": Rack((Dial(3, "add", 2.0), Dial(9, "ablate")), (0, 4), keep_error=False),
}


@pytest.mark.parametrize("variant", ["topk", "jumprelu", "transcoder"])
@pytest.mark.parametrize("rack", RACKS)
def test_the_columns_are_what_the_edits_of_the_sae_give(model, x, variant, rack):
    """So the copied Python, which runs the edits from the input on, prints the same numbers."""
    sae, chosen = sae_of(variant), RACKS[rack]
    tokens = positions(sae, model, chosen.where)
    steer = sae.steer(chosen.changes(TYPICAL), token=tokens, keep_error=chosen.keep_error).at()
    by_hand = torch.cat([model(x), model.run_with_hooks(x, sae.splice().at()), model.run_with_hooks(x, steer)])
    run = steer_run(Start(sae, model, x), chosen, TYPICAL)
    torch.testing.assert_close(run.logits, by_hand, rtol=1e-4, atol=1e-4)
    assert run.tokens == tuple(tokens) and run.answer("steered") == int(by_hand[2].argmax())
    assert run.change(7) == pytest.approx(float(by_hand[2, 7] - by_hand[0, 7]), abs=1e-4)
    assert len({round(float(column[7]), 3) for column in run.logits}) == len(COLUMNS), "columns do not differ"


def test_many_racks_in_one_pass_are_each_by_itself(model, x):
    start, racks = Start(sae_of(), model, x), list(RACKS.values())
    many = steer_many(start, racks, TYPICAL)
    for rack, found in zip(racks, many, strict=True):
        alone = steer_run(start, rack, TYPICAL)
        torch.testing.assert_close(found.logits, alone.logits, rtol=1e-5, atol=1e-5)
        assert (found.tokens, found.lens.index.tolist()) == (alone.tokens, alone.lens.index.tolist())
        assert found.norm == pytest.approx(alone.norm) and found.share == pytest.approx(alone.share)
    assert len({float(found.logits[2, 7]) for found in many}) > 2, "all racks do the same"


@pytest.mark.parametrize("lens", ["0_pre", "0_mid", "1_pre", "1_mid", "final"])
@pytest.mark.parametrize("hook", [FIRST, LAST, "blocks.1.hook_mlp_out", "blocks.0.hook_resid_mid", "hook_full_embed"])
def test_the_lens_reads_each_column_at_any_point(model, x, hook, lens):
    sae = sae_of(hook=hook)
    run = steer_run(Start(sae, model, x), Rack((Dial(3, "add", 9.0),)), TYPICAL, lens)
    changes = {3: 9.0 * float(TYPICAL[3])}
    assert run.lens is not None and run.lens.label == lens
    for i, edits in enumerate(({}, sae.splice().at(), sae.steer(changes).at())):
        with model.hooks(edits):
            logits = pe.logit_lens(model, x)
        read = logits.logits[logits.labels.index(lens), 0]
        torch.testing.assert_close(run.lens.probability[i], read.softmax(-1).amax(-1), rtol=1e-3, atol=1e-5)
        assert torch.equal(run.lens.index[i], read.argmax(-1))
        torch.testing.assert_close(run.logits[i], logits.answer[0], rtol=1e-4, atol=1e-4)


def test_without_its_error_the_sae_stands_everywhere_and_latents_change_where_asked(model, x):
    sae = sae_of(hook=LAST)
    start = Start(sae, model, x)
    edit = sae.steer({3: 2.0}, token=[4], keep_error=False)
    stream = model.run_with_cache(x, LAST, {LAST: edit})[1][LAST]
    others = [token for token in range(10) if token != 4]
    torch.testing.assert_close(stream[:, others], start.recon[:, others])
    torch.testing.assert_close(stream[0, 4], start.recon[0, 4] + 2.0 * sae.W_dec[3] / sae.scale_out)
    kept = model.run_with_cache(x, LAST, {LAST: sae.steer({3: 2.0}, token=[4])})[1][LAST]
    assert torch.equal(kept[:, others], start.target[:, others])
    patches = sae_of(hook=LAST, tokens="patches")
    stream = model.run_with_cache(x, LAST, {LAST: patches.steer({3: 2.0}, token=[4], keep_error=False)})[1][LAST]
    assert torch.equal(stream[:, 0], start.target[:, 0]), "an SAE of patches never stands at CLS"


def test_no_lens_without_a_wish_or_a_point(model, x):
    start = Start(sae_of(), model, x)
    assert steer_run(start, Rack(), TYPICAL, None).lens is None
    with pytest.raises(ValueError, match="no lens point '7_pre'; there are 0_pre, 0_mid"):
        steer_run(start, Rack(), TYPICAL, "7_pre")


@pytest.mark.parametrize("variant", VARIANTS)
def test_nothing_changes_nothing(model, x, variant):
    """With the error kept: an empty rack, zero added, a factor of one, and what is clamped to what it is."""
    start = Start(sae_of(variant), model, x)
    for rack in (Rack(), Rack((Dial(3, "add", 0.0), Dial(5, "scale", 1.0)))):
        run = steer_run(start, rack, TYPICAL)
        assert torch.equal(run.logits[2], run.logits[0]) and run.norm == run.share == 0
        spliced = steer_run(start, dataclasses.replace(rack, keep_error=False), TYPICAL)
        torch.testing.assert_close(spliced.logits[2], spliced.logits[1])
        assert not torch.allclose(spliced.logits[2], spliced.logits[0]), "an imperfect SAE changes something"
    assert not torch.allclose(steer_run(start, RACKS["one"], TYPICAL).logits[2], start.logits[0])


def test_a_perfect_sae_changes_nothing_even_without_its_error(model, x):
    run = steer_run(Start(perfect(FIRST), model, x), Rack(keep_error=False), torch.ones(24))
    torch.testing.assert_close(run.logits[1:], run.logits[:1].expand(2, -1), rtol=1e-4, atol=1e-4)


def test_amounts_count_in_typical_activations(model, x):
    sae, typical = sae_of(), TYPICAL.clone()
    once = steer_run(Start(sae, model, x), Rack((Dial(3, "add", 2.0),)), typical)
    typical[3] *= 2
    half = steer_run(Start(sae, model, x), Rack((Dial(3, "add", 1.0),)), typical)
    torch.testing.assert_close(once.logits, half.logits)
    assert Rack((Dial(3, "clamp", -1.5), Dial(4, "scale", -1.5), Dial(5, "ablate", 7.0))).changes(typical) == {
        3: ("clamp", pytest.approx(-1.5 * float(typical[3]))),
        4: ("scale", -1.5),
        5: ("ablate", 7.0),
    }


def test_the_last_layer_is_linear_in_the_amount(model, x):
    """What the stream gains after the last block is in proportion; in an earlier layer, what the logits gain is not."""
    for hook, linear in ((LAST, True), (FIRST, False)):
        start = Start(sae_of(hook=hook), model, x)
        amounts = (1.0, 2.0, -4.0)
        put = [placed(start, Rack((Dial(3, "add", a),)), TYPICAL).written / a for a in amounts]
        for each in put[1:]:
            torch.testing.assert_close(each, put[0], rtol=1e-3, atol=1e-4)
        finals = [model.run_with_cache(x, LAST, start.sae.steer({3: a}).at())[1][LAST] for a in amounts]
        gained = [(final - start.run.resid[-1]) / a for final, a in zip(finals, amounts, strict=True)]
        assert torch.allclose(gained[0], gained[2], rtol=1e-3, atol=1e-4) == linear
    runs = [steer_run(Start(sae_of(hook=LAST), model, x), Rack((Dial(3, "add", a),)), TYPICAL) for a in amounts]
    assert [run.norm for run in runs] == pytest.approx([runs[0].norm * abs(a) for a in amounts], rel=1e-3)


def test_how_much_was_written(model, x):
    sae = sae_of()
    start = Start(sae, model, x)
    run = steer_run(start, Rack((Dial(3, "add", 2.0),), (1, 5)), TYPICAL)
    length = float(2.0 * TYPICAL[3] * sae.W_dec[3].norm() / sae.scale_out)
    assert run.norm == pytest.approx(length, rel=1e-4) and run.tokens == (1, 5)
    assert run.share == pytest.approx(float((length / start.target[0, [1, 5]].norm(dim=1)).mean()), rel=1e-4)


def test_racks_that_are_not_possible():
    rack = RACKS["several at CLS"]
    assert Rack.from_dict(json.loads(json.dumps(rack.to_dict()))) == rack
    assert Rack.from_dict(json.loads(json.dumps(RACKS["without error"].to_dict()))) == RACKS["without error"]
    for made, sentence in (
        (lambda: Rack((Dial(3), Dial(3, "scale"))), "latent 3 is in the rack twice"),
        (lambda: Dial(3, "push"), "no way 'push' to change a latent"),
        (lambda: Dial(3, "add", 11.0), "an amount is from −10 to 10, got 11"),
        (lambda: Dial(3, "add", float("nan")), "got nan"),
        (lambda: Dial(-1), "a latent is a whole number from 0, got -1"),
        (lambda: Rack((Dial(40),)).changes(TYPICAL), "there is no latent 40; this SAE has latents 0 to 39"),
        (lambda: Rack((Dial(2, "clamp", 1.0),)).changes(torch.zeros(40)), "latent 2 was never active where its"),
        (lambda: Rack.from_dict({"dials": [{"latent": 3, "much": 4}]}), "unknown fields: much"),
    ):
        with pytest.raises(ValueError, match=sentence):
            made()
    assert Rack((Dial(2, "ablate"),)).changes(torch.zeros(40)) == {2: ("ablate", 0.0)}


# ------------------------------------------------------------------ controls


@pytest.mark.parametrize("variant", ["topk", "transcoder"])
@pytest.mark.parametrize("rack", RACKS)
def test_random_latents_write_exactly_as_much(model, x, variant, rack):
    sae = sae_of(variant)
    put = placed(Start(sae, model, x.expand(3, -1, -1, -1)), RACKS[rack], TYPICAL)
    drawn = random_change(sae, RACKS[rack], TYPICAL, put, torch.Generator().manual_seed(3))
    torch.testing.assert_close(drawn.norm(dim=-1), put.written.norm(dim=-1), rtol=1e-4, atol=1e-5)
    cosine = torch.nn.functional.cosine_similarity(drawn, put.written, dim=-1)
    assert bool((cosine.abs() < 0.999).all()) and not torch.allclose(drawn[0], drawn[1])
    again = random_change(sae, RACKS[rack], TYPICAL, put, torch.Generator().manual_seed(3))
    assert torch.equal(drawn, again)
    moved = with_change(put, drawn) - put.against
    untouched = [token for token in range(10) if token not in put.changed]
    assert not moved[:, untouched].any()


def test_random_latents_are_others_that_live(model, x):
    """Two latents are alive beside the one that is steered, so every draw is along one of those."""
    sae, typical = sae_of(), torch.zeros(40)
    typical[[3, 11, 12]] = 1.0
    put = placed(Start(sae, model, x), Rack((Dial(3, "add", 2.0),)), typical)
    generator, seen = torch.Generator().manual_seed(0), set()
    for _ in range(12):
        drawn = random_change(sae, Rack((Dial(3, "add", 2.0),)), typical, put, generator)[0, 0]
        seen.add(int(torch.nn.functional.cosine_similarity(sae.W_dec, drawn, dim=1).argmax()))
    assert seen == {11, 12}


def known_effect(model) -> SAE:
    """Latent 3 writes, at CLS after the last block, what raises class 7 most; other latents write nothing like it."""
    sae = sae_of(hook=LAST)
    start = model.ln_final.weight * model.head.linear.weight[7]
    sae.W_dec.sub_((sae.W_dec @ start)[:, None] * start / start.square().sum())
    sae.W_dec[3] = 3 * torch.nn.functional.normalize(start, dim=0)
    return sae


def test_controls_tell_a_direction_that_matters_from_one_that_does_not(model, x):
    rack = Rack((Dial(3, "add", 3.0),), "cls")
    start = Start(known_effect(model), model, x)
    found = controls(start, rack, TYPICAL, 7, n=40)
    assert len(found.random) == 40 and len(found.steered) == len(found.opposite) == 1
    run = steer_run(start, rack, TYPICAL)
    assert found.steered.change[0] == pytest.approx(run.change(7), abs=1e-4)
    assert found.steered.answers == (run.answer("steered"),) and found.against == "original"
    assert found.steered.change[0] > found.random.spread[1] and found.opposite.change[0] < found.random.spread[0]
    minus = steer_run(start, Rack((Dial(3, "add", -3.0),), "cls"), TYPICAL)
    assert found.opposite.change[0] == pytest.approx(minus.change(7), abs=1e-4)
    assert found == controls(start, rack, TYPICAL, 7, n=40) != controls(start, rack, TYPICAL, 7, n=40, seed=1)
    idle = controls(start, Rack((Dial(5, "add", 3.0),), "cls"), TYPICAL, 7, n=40)
    assert abs(idle.steered.change[0]) < found.steered.change[0] / 3


def test_without_the_error_changes_are_counted_from_the_reconstruction(model, x):
    start, rack = Start(sae_of(), model, x), RACKS["without error"]
    found, run = controls(start, rack, TYPICAL, 7, n=4), steer_run(start, rack, TYPICAL)
    assert found.against == "reconstruction"
    assert found.steered.change[0] == pytest.approx(float(run.logits[2, 7] - run.logits[1, 7]), abs=1e-4)
    assert found.steered.change[0] != pytest.approx(run.change(7), abs=1e-2)


def test_controls_that_are_not_possible(model, x):
    with pytest.raises(ValueError, match="put a latent into the rack"):
        controls(Start(sae_of(), model, x), Rack(), TYPICAL, 7)
    with pytest.raises(ValueError, match="one image and at least one draw, got 2 and 50"):
        controls(Start(sae_of(), model, x.expand(2, -1, -1, -1)), RACKS["one"], TYPICAL, 7)


# ------------------------------------------------------------------ many images


def test_many_images_are_each_what_one_would_be(model):
    sae, rack = known_effect(model), RACKS["several at CLS"]
    seen: list[int] = []
    found = generality(sae, model, rack, TYPICAL, 7, scenes(), 20, seen.append)
    assert (found.state, found.done, found.n_skipped, found.n_refused) == ("done", 20, 0, 0) and seen[-1] == 20
    alone = []
    for _, picture in islice(scenes(), 20):
        run = steer_run(Start(sae, model, model.preprocess(picture)), rack, TYPICAL, None)
        alone.append((run.change(7), run.answer("steered"), run.answer("steered") != run.answer("original")))
    assert found.effect.change == pytest.approx([change for change, _, _ in alone], abs=1e-4)
    assert found.effect.answers == tuple(answer for _, answer, _ in alone)
    assert found.effect.changed == tuple(changed for _, _, changed in alone)
    assert found.effect.rate.value == sum(found.effect.changed) / 20
    interval = found.effect.mean
    assert interval.low < interval.value < interval.high
    assert interval.value == pytest.approx(sum(found.effect.change) / 20)
    assert len(found.control) == 20 and found.control.change != found.effect.change


def test_the_control_on_many_images_tells_directions_apart(model):
    sae = known_effect(model)
    strong = generality(sae, model, Rack((Dial(3, "add", 3.0),), "cls"), TYPICAL, 7, scenes(), 20)
    assert strong.effect.mean.low > strong.control.mean.high
    idle = generality(sae, model, Rack((Dial(5, "add", 3.0),), "cls"), TYPICAL, 7, scenes(), 20)
    assert idle.effect.mean.value < strong.effect.mean.low


def test_failures_come_first_and_bad_pictures_are_counted(model):
    sae, rack = known_effect(model), Rack((Dial(3, "add", 3.0),), "cls")
    pictures = list(islice(scenes(), 20))
    pictures.insert(3, ("broken", b"no picture"))
    found = generality(sae, model, rack, TYPICAL, 7, pictures, 40)
    assert found.n_refused == 1 and found.done == 20 and found.state == "done"
    changes = [failure.change for failure in found.failures]
    assert changes == sorted(found.effect.change)[: len(changes)] and len(changes) == 12
    worst = found.failures[0]
    place = [name for name, _ in pictures if name != "broken"].index(worst.reference)
    assert found.effect.change[place] == worst.change and found.effect.answers[place] == worst.after
    assert isinstance(worst.picture, Image.Image) and worst.picture.size == (96, 96)
    down = generality(sae, model, Rack((Dial(3, "add", -3.0),), "cls"), TYPICAL, 7, pictures, 40)
    assert [f.change for f in down.failures] == sorted(down.effect.change, reverse=True)[:12]


def test_it_stops_between_batches_and_looks_only_at_what_was_asked(model):
    sae, rack = sae_of(), RACKS["one"]
    asked = []

    def stop() -> bool:
        asked.append(1)
        return len(asked) > 1

    *_, last = generality_steps(sae, model, rack, TYPICAL, 7, scenes(), 100, stop)
    assert last.state == "stopped" and last.done == 16
    answers = [int(model(model.preprocess(picture)).argmax()) for _, picture in islice(scenes(), 20)]
    common = max(set(answers), key=answers.count)
    only = generality(sae, model, rack, TYPICAL, 7, islice(scenes(), 20), 99, answered=common)
    assert only.done == answers.count(common) and only.n_skipped == 20 - only.done
    with pytest.raises(ValueError, match="there is nothing to try yet"):
        next(generality_steps(sae, model, Rack(), TYPICAL, 7, scenes(), 10))
