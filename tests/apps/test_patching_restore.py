"""A link restores the pair, the patches and the view; anything else falls back, with one sentence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from PIL import Image

from apps.cat_dog_patching.applying import apply_chips
from apps.cat_dog_patching.bench import Bench
from apps.cat_dog_patching.corrupting import Hidden, box
from apps.cat_dog_patching.first import opening
from apps.cat_dog_patching.handlers import PairDesk, link_of
from apps.cat_dog_patching.places import Chip
from apps.cat_dog_patching.plan import Other, Plan
from apps.cat_dog_patching.restore import OTHER_GONE, open_page, view_of_upload
from apps.cat_dog_patching.view import PatchView, carry, read_view
from apps.common import pictures
from apps.common.opening import waited_for

HEADS = (Chip("z", 3, 1, "cls"), Chip("attn_scores", 4, 2, 17))


def opened(desk: PairDesk, query: str):
    return open_page(desk, dict(parse_qsl(query)))


@pytest.mark.parametrize(
    ("picture", "plan"),
    [
        (opening(), Plan()),
        (opening(), Plan(hidden=Hidden((box(0.1, 0.1, 0.3, 0.4), box(0.5, 0.5, 1, 1)), "noise"), a=5, b=9, control=1)),
        (pictures.example("cat-and-dog"), Plan(swap=True)),
        (pictures.example("apple-beside-bagel"), Plan(other=Other("example", "cat-and-dog"))),
        (pictures.seeded("7"), Plan(other=Other("seed", "8"), preparation="tutorial")),
    ],
)
def test_a_link_gives_the_same_pair_back(pair_desk: PairDesk, picture: pictures.Picture, plan: Plan):
    session = pair_desk.show(picture, "emoji-vit", "", None, plan.text)
    bench = Bench()
    before = pair_desk.result(session)
    bench.applied = apply_chips(pair_desk.model(session), before, HEADS)
    view = PatchView("v", "head,token", 2, "cls", "noise", "raw", "rank", 40, (1, 30))
    found = opened(pair_desk, link_of(pair_desk, session, bench, view))
    after = pair_desk.result(found.session)
    assert not found.notes and found.waiting is None
    assert after.plan == before.plan and (after.corrupt.pixels == before.corrupt.pixels).all()
    assert (after.clean.metric, after.corrupt.metric) == (before.clean.metric, before.corrupt.metric)
    assert found.chips == HEADS and found.view == view


def test_without_anything_the_page_opens_with_its_pair(pair_desk: PairDesk):
    found = opened(pair_desk, "")
    assert found.session.source == opening().source and not found.notes and not found.chips
    assert pair_desk.picture(found.session).title == "A cat and a small dog"


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("hide=x.1", "not readable"),
        ("a=cat", "answer a is not readable"),
        ("a=99", "there is no class 99"),
        ("patch=z.9.1.cls", "no patch is applied"),
        ("patch=nonsense", "no patch is applied"),
        ("with-example=no-such", "there is no example"),
        ("with-upload=0123456789abcdef", "not kept"),
        ("swap=x", "swap"),
        ("prepare=raw", "preparation is not readable"),
        ("model=no-such-model", "no-such-model"),
        ("example=no-such", "no example"),
        ("site=w", "site"),
        ("cell=9.9", "no cell"),
        ("layer=99&by=head,token", "layer"),
        ("revision=abc", ""),
    ],
)
def test_what_a_link_cannot_have_falls_back_with_a_sentence(pair_desk: PairDesk, query: str, sentence: str):
    found = opened(pair_desk, query)
    assert pair_desk.result(found.session).clean.top
    assert any(sentence in note for note in found.notes) or not sentence
    assert all("\n" not in note for note in found.notes)


def test_a_link_to_an_upload_waits_for_it(pair_desk: PairDesk, tmp_path: Path):
    path = tmp_path / "mine.png"
    Image.new("RGB", (50, 50), "red").save(path)
    picture = pictures.uploaded(str(path))
    session = pair_desk.show(picture, "emoji-vit", "", str(path), Plan(a=1, b=4).text)
    bench = Bench()
    bench.applied = apply_chips(pair_desk.model(session), pair_desk.result(session), HEADS)
    query = link_of(pair_desk, session, bench, PatchView(site="q"))
    assert str(tmp_path) not in query
    found = opened(pair_desk, query)
    assert found.session.source == opening().source and found.notes == (pictures.ASK_FOR_UPLOAD,)
    assert found.waiting is not None and found.waiting.plan.a == 1
    assert waited_for(found.waiting, picture) == (found.waiting, ())
    assert waited_for(found.waiting, opening())[1] == (pictures.OTHER_UPLOAD,)


def test_a_link_to_two_uploads_asks_for_the_other_one_when_the_first_has_come(pair_desk: PairDesk, tmp_path: Path):
    Image.new("RGB", (50, 50), "red").save(tmp_path / "mine.png")
    picture = pictures.uploaded(str(tmp_path / "mine.png"))
    waiting = opened(pair_desk, f"upload={picture.source}&with-upload=0123456789abcdef").waiting
    assert waiting is not None
    result = pair_desk.result(pair_desk.show(picture, "emoji-vit", "", str(tmp_path / "mine.png")))
    assert view_of_upload(waiting, result)[2] == (OTHER_GONE,)
    alone = opened(pair_desk, f"upload={picture.source}").waiting
    assert alone is not None and not view_of_upload(alone, result)[2]


def test_views_are_checked(pair_desk: PairDesk):
    extent = pair_desk.result(pair_desk.show(opening(), "emoji-vit")).extent
    before = PatchView()
    assert read_view({}, extent, before) == before
    assert read_view({"by": "layer,token", "cell": [4, 144]}, extent, before).cell == (4, 144)
    for bad in ({"cell": [5, 0]}, {"show": "all"}, {"evolution_token": 145}, {"site": 3}, {"cell": "1.1"}, [], None):
        with pytest.raises(ValueError):
            read_view(bad, extent, before)
    small = replace(extent, n_layers=2, n_heads=2, n_tokens=5, prefix_names=())
    assert carry(PatchView("v", "head,token", 4, "cls", "both", "raw", "rank", 100, (1, 1)), small).site in extent.sites
