"""What browsers and links say of a rack and a view is checked, and comes back as it was."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from apps.common.dials import dial_said, dials_from_text, dials_to_text
from apps.common.tokens import tokens_from_text, tokens_to_text
from apps.sae_steering.extent import Extent
from apps.sae_steering.rack import (
    rack_from_params,
    rack_to_fields,
    rack_value,
    read_rack,
)
from apps.sae_steering.view import SteerView, carry, fields_to_view, read_view, view_to_fields
from prisma_engine.sae.features import Dial, Rack

EXTENT = Extent(145, 1024, 64, ("CLS",), (12, 12), ("0_pre", "4_mid", "final"))
NO_CLS = replace(EXTENT, prefix_names=(), n_tokens=144)
DIALS = (Dial(12, "add", 5.0), Dial(40, "ablate"), Dial(7, "clamp", -0.25), Dial(1023, "scale", 0.0))
RACKS = [
    Rack(),
    Rack(DIALS),
    Rack(DIALS[:1], "cls", keep_error=False),
    Rack(DIALS[1:3], "patches"),
    Rack(DIALS, (0, 17, 18, 19, 40)),
]


@pytest.mark.parametrize("rack", RACKS)
def test_a_rack_comes_back_from_the_browser_and_from_a_link(rack: Rack):
    assert read_rack(rack_value(rack, "final"), EXTENT, Rack()) == rack
    assert rack_from_params(dict(rack_to_fields(rack)), EXTENT) == (rack, [])


def test_what_is_left_out_stays_and_lists_are_whole():
    before = Rack(DIALS, "cls", keep_error=False)
    assert read_rack({}, EXTENT, before) == before
    assert read_rack({"chips": []}, EXTENT, before) == Rack((), "cls", keep_error=False)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"chips": "12"}, "as a list"),
        ({"chips": [{"latent": 1}] * 25}, "at most 24"),
        ({"chips": [3]}, "a change names a latent"),
        ({"chips": [{"latent": 1024, "how": "add"}]}, "no latent"),
        ({"chips": [{"latent": 1, "how": "melt"}]}, "how is one of"),
        ({"chips": [{"latent": 1, "how": "add", "amount": 10.5}]}, "between -10 and 10"),
        ({"chips": [{"latent": 1, "how": "add", "amount": float("nan")}]}, "between -10 and 10"),
        ({"chips": [{"latent": 1, "how": "add", "amount": True}]}, "between -10 and 10"),
        ({"chips": [{"latent": 1, "how": "add"}, {"latent": 1, "how": "ablate"}]}, "changed twice"),
        ({"where": "here"}, "where is one of"),
        ({"where": "list", "tokens": [145]}, "no token"),
        ({"where": "list", "tokens": 3}, "tokens are a list"),
        ({"keep_error": 1}, "true or false"),
    ],
)
def test_anything_else_is_one_sentence(data: dict[str, Any], sentence: str):
    with pytest.raises(ValueError, match=sentence) as refusal:
        read_rack(data, EXTENT, Rack())
    assert "\n" not in str(refusal.value)


def test_a_model_without_cls_is_not_steered_there():
    with pytest.raises(ValueError, match="no CLS token"):
        read_rack({"where": "cls"}, NO_CLS, Rack())
    assert rack_from_params({"where": "cls"}, NO_CLS)[1]


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"steer": "12.add"}, "say how much"),
        ({"steer": "x"}, "a change is such as"),
        ({"steer": "4000.ablate"}, "no latent"),
        ({"where": "0-200"}, "no token"),
        ({"where": "x"}, "tokens are written"),
        ({"error": "x"}, "keeps the error"),
    ],
)
def test_a_link_that_says_nonsense_steers_nothing_and_says_so(params: dict[str, str], sentence: str):
    rack, problems = rack_from_params(params, EXTENT)
    assert rack == Rack() and len(problems) == 1 and sentence in problems[0]


def test_changes_are_written_for_people_and_links():
    assert dials_to_text(DIALS) == "12.add.5_40.ablate_7.clamp.-0.25_1023.scale.0"
    assert dials_from_text("12:add:5, 40.ablate; 7.clamp.-0.25 1023.scale.0", EXTENT.n_latents) == DIALS
    said = [dial_said(dial) for dial in DIALS]
    assert said == ["latent 12 +5", "latent 40 off", "latent 7 held at −0.25", "latent 1023 times 0"]


@pytest.mark.parametrize("tokens", [(), (0,), (3, 4, 5), (0, 2, 3, 4, 144)])
def test_tokens_are_short_text(tokens: tuple[int, ...]):
    assert tokens_from_text(tokens_to_text(tokens), EXTENT.n_tokens) == tokens


def test_views_are_checked_and_come_back():
    first = SteerView((1, 2), latent=5)
    view = SteerView((0, 7, 8), "effect", "sum", 1023, "classes", 0.25, marks=False, lens="4_mid")
    for seen in (first, view, SteerView((), latent=None)):
        assert fields_to_view(dict(view_to_fields(seen, first)), EXTENT, first) == (seen, [])
    assert not view_to_fields(first, first)
    assert read_view({"latent": 3, "unknown": 1}, EXTENT, view) == replace(view, latent=3)
    for bad in ({"tokens": [200]}, {"sort": "name"}, {"pool": 1}, {"latent": 1024}, {"overlay": 2}, {"marks": 1}, []):
        with pytest.raises(ValueError):
            read_view(bad, EXTENT, first)
    shown, problems = fields_to_view({"at": "999", "latent": "x", "lens": "9_pre", "section": "all"}, EXTENT, first)
    assert shown == first and len(problems) == 4
    assert carry(view, replace(EXTENT, n_latents=10), first) == first and carry(view, EXTENT, first) == view
