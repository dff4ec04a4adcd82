"""The tour's view: through a link, through the browser, onto another run; nonsense falls back with a sentence."""

import string
from dataclasses import replace
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.attention_tour.link import VIEW_FIELDS, fields_to_view, view_to_fields
from apps.attention_tour.view import (
    KINDS,
    NORMS,
    OVERS,
    PAINTS,
    SCALES,
    THUMBS,
    Extent,
    TourView,
    carry,
    read_view,
)
from apps.attention_tour.whatif import WhatIf, read_variant
from apps.common.share import Link, link_query, read_link

METRICS = ("cls_mass", "distance", "entropy", "row_mass")
EXTENT = Extent(n_layers=5, n_heads=4, n_tokens=17, metrics=METRICS)
FIRST = TourView(layer=2, unit=1, locked=True, token=9)

kinds_and_units = st.one_of(
    st.tuples(st.sampled_from(KINDS), st.integers(0, 3) | st.just("mean")), st.just(("pattern", "rollout"))
)
views = st.builds(
    lambda kind_unit, **rest: TourView(kind=kind_unit[0], unit=kind_unit[1], **rest),
    kinds_and_units,
    layer=st.integers(0, 4),
    locked=st.booleans(),
    token=st.none() | st.integers(0, 16),
    scale=st.sampled_from(SCALES),
    norm=st.sampled_from(NORMS),
    thumbs=st.sampled_from(THUMBS),
    x=st.sampled_from(METRICS),
    y=st.sampled_from(METRICS),
    over=st.sampled_from(OVERS),
    paint=st.sampled_from(PAINTS),
    opacity=st.integers(0, 1000).map(lambda n: n / 1000),
)


@given(views)
def test_a_view_survives_its_link(view):
    link = Link("emoji-vit", None, None, "example", "cat-in-toilet", view_to_fields(view, FIRST))
    read, problems = read_link(dict(parse_qsl(link_query(link))), VIEW_FIELDS)
    assert read == link and not problems
    assert fields_to_view(read.view, EXTENT, FIRST) == (view, [])


@given(views, views)
def test_a_view_survives_the_browser_whatever_was_there_before(view, before):
    assert read_view(view.as_dict() | {"unknown": 1}, EXTENT, before) == view


@given(views)
def test_what_the_browser_leaves_out_stays(before):
    assert read_view({}, EXTENT, before) == before
    assert read_view({"opacity": 0.25}, EXTENT, before) == replace(before, opacity=0.25)


@given(views)
def test_a_view_carries_to_any_smaller_run(view):
    small = Extent(n_layers=1, n_heads=1, n_tokens=2, metrics=("distance", "entropy"), has_lens=False)
    carried = carry(view, small)
    assert read_view(carried.as_dict(), small, TourView()) == carried
    assert carry(view, EXTENT) == view


def test_the_lens_is_painted_only_where_there_is_one():
    without = replace(EXTENT, has_lens=False)
    assert carry(TourView(paint="lens"), without).paint == "both"
    assert fields_to_view((("paint", "lens"),), without, FIRST)[0].paint == FIRST.paint
    with pytest.raises(ValueError, match="paint is one of"):
        read_view({"paint": "lens"}, without, TourView())


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ((("layer", "5"),), "layer"),
        ((("layer", "-1"),), "layer"),
        ((("head", "4"),), "head"),
        ((("head", "all"),), "head"),
        ((("head", "rollout"), ("kind", "scores")), "rollout"),
        ((("token", "17"),), "token"),
        ((("kind", "<b>"),), "kind"),
        ((("x", "register_mass"),), "x"),
        ((("opacity", "nan"),), "opacity"),
        ((("locked", "yes"),), "locked"),
    ],
)
def test_fields_that_a_run_does_not_have_fall_back_with_a_sentence(fields, word):
    view, problems = fields_to_view(fields, EXTENT, FIRST)
    assert len(problems) == 1 and word in problems[0]
    assert view in (FIRST, replace(FIRST, unit="rollout"))


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {"layer": 5},
        {"layer": True},
        {"layer": "1"},
        {"unit": 4},
        {"unit": True},
        {"unit": "max"},
        {"unit": ["mean"]},
        {"unit": None},
        {"unit": "rollout", "kind": "value"},
        {"token": -1},
        {"kind": {}},
        {"x": "nothing"},
        {"opacity": float("nan")},
    ],
)
def test_views_from_the_browser_are_checked(data):
    with pytest.raises(ValueError):
        read_view(data, EXTENT, FIRST)


names = st.sampled_from([*VIEW_FIELDS, "model", "example", "vs-model", "vs-causal", "other"])


@given(st.dictionaries(names, st.text(max_size=30) | st.text(string.digits + ".:-", max_size=8)))
def test_anything_may_be_typed_into_an_address(params):
    link, problems = read_link(params, VIEW_FIELDS)
    view, more = fields_to_view(link.view, EXTENT, FIRST)
    assert all("\n" not in text for text in problems + more)
    assert read_view(view.as_dict(), EXTENT, FIRST) == view


@given(st.integers(0, 99), st.booleans())
def test_a_what_if_survives_its_text(layer, prefix_sees_all):
    what_if = WhatIf(layer, prefix_sees_all)
    assert read_variant(what_if.text) == what_if and what_if.text != "" and read_variant("") is None


@pytest.mark.parametrize("text", ["causal", "causal:", "causal:x", "causal:-1", "causal:1:some", "acausal:1"])
def test_other_variants_are_refused(text):
    with pytest.raises(ValueError, match="first layer whose attention is causal"):
        read_variant(text)
