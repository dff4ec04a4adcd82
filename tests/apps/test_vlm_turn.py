"""What browsers and links say of a prompt, a turn, a manner and a view is checked, and comes back as it was."""

from __future__ import annotations

from typing import Any

import pytest

from apps.vlm_steering.plan import (
    MAX_PROMPT,
    Manner,
    Plan,
    check_prompt,
    manner_from_params,
    manner_to_fields,
    plan_from_params,
    plan_to_fields,
    read_manner,
    read_plan,
)
from apps.vlm_steering.turn import Turn, read_turn, turn_from_params, turn_to_fields
from apps.vlm_steering.view import Extent, View, carry, fields_to_view, read_view, view_to_fields
from prisma_engine.sae.features import Dial

DIALS = (Dial(12, "add", -6.0), Dial(40, "ablate"), Dial(7, "clamp", 2.5))
TURNS = [
    Turn(),
    Turn(DIALS),
    Turn(DIALS[:1], ("image",), ("prefill",), control="random"),
    Turn(DIALS, ("prompt", "generated"), keep_error=False, control="opposite"),
]
FIRST = Plan("emoji-llava-saes/x", "describe the picture .")
EXTENT = Extent(n_tokens=200, n_latents=48, n_words=120, n_layers=4)


@pytest.mark.parametrize("turn", TURNS)
def test_a_turn_comes_back_from_the_browser_and_from_a_link(turn: Turn):
    assert read_turn(turn.as_dict(), 48, Turn()) == turn
    assert turn_from_params(dict(turn_to_fields(turn)), 48) == (turn, [])


def test_what_is_left_out_stays():
    assert read_turn({}, 48, TURNS[2]) == TURNS[2]
    assert read_turn({"chips": []}, 48, TURNS[2]).dials == ()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"chips": [{"latent": 48, "how": "add"}]}, "no latent"),
        ({"chips": [{"latent": 1, "how": "add", "amount": 99}]}, "between -10 and 10"),
        ({"where": []}, "tick at least one"),
        ({"where": ["picture"]}, "one or several of image, prompt, generated"),
        ({"when": "prefill"}, "one or several of prefill, decode"),
        ({"where": ["generated"], "when": ["prefill"]}, "turned nowhere"),
        ({"where": ["image", "prompt"], "when": ["decode"]}, "turned nowhere"),
        ({"keep_error": 1}, "true or false"),
        ({"control": "both"}, "control is one of"),
    ],
)
def test_a_turn_that_is_none_is_refused_in_a_sentence(data: dict[str, Any], sentence: str):
    with pytest.raises(ValueError, match=sentence):
        read_turn(data, 48, Turn())


def test_what_is_not_readable_in_a_link_falls_back_and_is_said():
    params = {"steer": "1.melt", "where": "sky", "when": "never", "error": "x", "control": "y"}
    turn, problems = turn_from_params(params, 48)
    assert turn == Turn() and len(problems) == 5
    turn, problems = turn_from_params({"where": "generated", "when": "prefill"}, 48)
    assert turn == Turn() and "turned nowhere" in problems[0]


@pytest.mark.parametrize("text", ["", "  \n ", "x" * (MAX_PROMPT + 1), "a\x00b", None, 3])
def test_prompts_that_are_none_are_refused(text: object):
    with pytest.raises(ValueError) as refusal:
        check_prompt(text)
    assert "\n" not in str(refusal.value)


def test_a_prompt_loses_needless_space():
    assert check_prompt("  is there\n a dog ? ") == "is there a dog ?"


def test_a_plan_comes_back():
    plan = Plan("owner/name", "is there a dog ?", "abc123")
    assert read_plan(plan.text) == plan
    assert plan_from_params(dict(plan_to_fields(plan, None)), FIRST) == (plan, [])
    assert plan_from_params({}, FIRST) == (FIRST, [])
    for params in ({"prompt": ""}, {"sae": " "}, {"sae": "a", "sae-revision": "é"}):
        assert len(plan_from_params(params, FIRST)[1]) == 1


@pytest.mark.parametrize("manner", [Manner(), Manner(0.75, 3, 20), Manner(2.0, 9999, 120)])
def test_a_manner_comes_back(manner: Manner):
    assert read_manner(manner.as_dict(), Manner()) == manner
    assert manner_from_params(dict(manner_to_fields(manner))) == (manner, [])


@pytest.mark.parametrize(
    "data",
    [{"temperature": 3}, {"temperature": float("nan")}, {"seed": -1}, {"seed": 1.5}, {"most": 0}, {"most": True}],
)
def test_a_manner_out_of_range_is_refused(data: dict[str, Any]):
    with pytest.raises(ValueError):
        read_manner(data, Manner())
    assert (
        manner_from_params({name: str(value) for name, value in data.items()})[0] == Manner() or True in data.values()
    )


def test_a_view_comes_back_and_is_kept_within_what_there_is():
    first = View(tokens=(1, 2), latent=3)
    view = View(tokens=(0, 5, 6, 7, 150), latent=None, section="pictures", overlay=0.4, word=2, layer=3)
    assert read_view(view.as_dict(), EXTENT, first) == view
    assert fields_to_view(dict(view_to_fields(view, first)), EXTENT, first) == (view, [])
    assert view_to_fields(first, first) == ()
    for bad in ({"tokens": [200]}, {"latent": 48}, {"layer": 4}, {"section": "smell"}, {"word": 120}, []):
        with pytest.raises(ValueError):
            read_view(bad, EXTENT, first)
    assert carry(View(layer=9), EXTENT, first) == first
