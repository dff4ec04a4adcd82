"""Links: what goes in comes out, and what nobody understands falls back with a sentence."""

import string
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.common.scene_text import read_scene, scene_from_text, scene_to_text, scene_to_value
from apps.common.share import Link, link_query, read_link
from apps.dogit_lens.link import VIEW_FIELDS, fields_to_view, view_to_fields
from apps.dogit_lens.view import COLORS, MEASURES, OVERLAYS, Extent, View, carry, first_view, read_view

EXTENT = Extent(("0_pre", "0_mid", "1_pre", "final"), n_tokens=17, n_classes=64, has_mask=True)

views = st.builds(
    View,
    layer=st.integers(0, 3),
    token=st.none() | st.integers(0, 16),
    color=st.sampled_from(COLORS),
    opacity=st.integers(0, 1000).map(lambda n: n / 1000),
    least=st.integers(0, 1000).map(lambda n: n / 1000),
    search=st.none() | st.integers(0, 63),
    names=st.booleans(),
    measure=st.sampled_from(MEASURES),
    overlay=st.sampled_from(OVERLAYS),
)


@given(views)
def test_a_view_survives_its_link(view):
    link = Link("emoji-vit", None, None, "example", "cat-in-toilet", view_to_fields(view, EXTENT))
    read, problems = read_link(dict(parse_qsl(link_query(link))), VIEW_FIELDS)
    assert read == link and not problems
    assert fields_to_view(read.view, EXTENT) == (view, [])


@given(views)
def test_a_view_survives_the_browser(view):
    assert read_view(view.as_dict(), EXTENT) == view


keys = st.sampled_from(
    ["model", "revision", "classes", "example", "scene", "seed", "upload", "layer", "token", "opacity", "x"]
)


@given(st.dictionaries(keys, st.text(max_size=50) | st.text(string.digits + "._-", max_size=12)))
def test_anything_may_be_typed_into_an_address(params):
    link, problems = read_link(params, VIEW_FIELDS)
    view, more = fields_to_view(link.view, EXTENT)
    assert all(isinstance(text, str) and "\n" not in text for text in problems + more)
    assert 0 <= view.layer < 4 and 0 <= view.opacity <= 1 and (view.token is None or view.token < 17)


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ((("layer", "99_mid"),), "layer"),
        ((("token", "17"),), "token"),
        ((("token", "-1"),), "token"),
        ((("opacity", "nan"),), "opacity"),
        ((("opacity", "1.5"),), "opacity"),
        ((("color", "<b>"),), "color"),
    ],
)
def test_values_out_of_range_fall_back_with_a_sentence(fields, word):
    view, problems = fields_to_view(fields, EXTENT)
    assert view == first_view(EXTENT) and len(problems) == 1 and word in problems[0]


@pytest.mark.parametrize(("text", "kind"), [("0", "seed"), ("9" * 9, "seed"), ("-1", None), ("1e3", None), ("", None)])
def test_a_scene_is_named_by_its_seed(text, kind):
    link, problems = read_link({"seed": text}, VIEW_FIELDS)
    assert link.kind == kind and len(problems) == (kind is None)
    assert kind is None or read_link(dict(parse_qsl(link_query(link))), VIEW_FIELDS) == (link, [])


def test_true_objects_are_not_shown_where_there_are_none():
    without = Extent(EXTENT.labels, 17, 64, has_mask=False)
    view, problems = fields_to_view((("overlay", "mask"),), without)
    assert view.overlay == "emoji" and problems


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"layer": "1"},
        View().as_dict() | {"layer": True},
        View().as_dict() | {"layer": 4},
        View().as_dict() | {"token": -1},
        View().as_dict() | {"opacity": float("nan")},
        View().as_dict() | {"color": ["class"]},
        View().as_dict() | {"overlay": {}},
    ],
)
def test_views_from_the_browser_are_checked(data):
    with pytest.raises(ValueError):
        read_view(data, EXTENT)


def test_a_view_carries_to_a_smaller_result():
    small = Extent(("0_pre", "final"), n_tokens=5, n_classes=8)
    carried = carry(View(layer=3, token=9, search=20, overlay="mask", color="logit"), small)
    assert carried == View(layer=1, token=None, search=None, overlay="emoji", color="logit")


coordinates = st.floats(0, 96)
objects = st.lists(
    st.fixed_dictionaries(
        {
            "class": st.integers(0, 63),
            "x": coordinates,
            "y": coordinates,
            "size": st.floats(8, 96),
            "angle": st.floats(-180, 180),
        }
    ),
    max_size=4,
)


@given(objects, st.integers(0, 9999))
def test_a_scene_survives_its_link(items, seed):
    scene = read_scene({"background": seed, "objects": items}, 64, 96)
    assert scene_from_text(scene_to_text(scene), 64, 96) == scene
    assert read_scene(scene_to_value(scene), 64, 96) == scene


ITEM = {"class": 1, "x": 10, "y": 10, "size": 30, "angle": 0}


@pytest.mark.parametrize(
    "data",
    [
        None,
        {"background": 1},
        {"background": 1, "objects": [ITEM] * 5},
        {"background": -1, "objects": []},
        {"background": "1", "objects": []},
        {"background": 1, "objects": [ITEM | {"class": 64}]},
        {"background": 1, "objects": [ITEM | {"class": 1.5}]},
        {"background": 1, "objects": [ITEM | {"x": float("nan")}]},
        {"background": 1, "objects": [ITEM | {"x": float("inf")}]},
        {"background": 1, "objects": [ITEM | {"size": 10_000}]},
        {"background": 1, "objects": [ITEM | {"angle": None}]},
        {"background": 1, "objects": ["cat"]},
    ],
)
def test_scenes_from_the_browser_are_checked(data):
    with pytest.raises(ValueError):
        read_scene(data, 64, 96)


@pytest.mark.parametrize("text", ["", "x", "1_2", "1_64.1.1.300.0", "1" * 300, "1_1.100.100.300.0_", "-1"])
def test_scenes_in_links_are_checked(text):
    with pytest.raises(ValueError):
        scene_from_text(text, 64, 96)
