"""The page's handlers with events as a browser sends them: one bench, whose parts outlive each other rightly."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from PIL import Image

from apps.cat_dog_patching.bench import Bench
from apps.cat_dog_patching.first import opening
from apps.cat_dog_patching.handlers import PairDesk
from apps.cat_dog_patching.page import PatchingPage
from apps.cat_dog_patching.view import PatchView
from apps.cat_dog_patching.working import Working
from apps.common import pictures
from apps.common.desk import Session
from apps.common.page import Chosen

HEADS = [{"site": "z", "layer": 3, "head": 1, "token": "cls"}, {"site": "z", "layer": 4, "head": 2, "token": 0}]
CANVAS, MASK = 2, 3  # places among the outputs


def event(**data: Any) -> gr.EventData:
    return gr.EventData(None, data)


def request(query: dict[str, str] | None = None, visitor: str = "one") -> Any:
    return SimpleNamespace(query_params=query or {}, session_hash=visitor)


@pytest.fixture
def page(pair_desk: PairDesk) -> PatchingPage:
    return PatchingPage(pair_desk)


@pytest.fixture
def state(page: PatchingPage) -> tuple[Session, Bench]:
    session, bench = page.load(request())[:2]
    return session, bench


def test_loading_gives_a_pair_and_everything_that_shows_it(page: PatchingPage):
    shown = page.load(request({"patch": "z.3.1.cls"}))
    value = shown[CANVAS]
    assert value["run"]["clean"]["title"] == "A cat and a small dog" and value["sweep"] is None
    assert [chip["id"] for chip in value["applied"]["chips"]] == ["z.3.1.cls"]
    assert value["view"]["site"] == "z" and len(shown[MASK]["shapes"]) == 1
    json.dumps([value, shown[MASK]], allow_nan=False)


def test_patches_are_applied_as_a_whole_list(page: PatchingPage, state: tuple[Session, Bench]):
    value = page.apply(event(chips=HEADS), *state)
    assert value["applied"]["top"][0]["name"] == "cat face" and value["view"] is None
    assert page.apply(event(chips=HEADS[:1]), *state)["applied"]["top"][0]["name"] == "dog face"
    assert page.apply(event(chips=[]), *state)["applied"]["chips"] == []
    with pytest.raises(ValueError, match="patches can be applied together"):
        page.apply(event(chips="all"), *state)


def test_patches_follow_to_another_picture_but_not_to_another_model(page: PatchingPage, state: tuple[Session, Bench]):
    page.apply(event(chips=HEADS), *state)
    picture = pictures.example("cat-and-dog")
    session, bench, value, *_ = page.shown(Chosen(picture, "emoji-vit", "", "example"), *state)
    assert bench is state[1] and bench.key == session.key != state[0].key
    assert [chip["id"] for chip in value["applied"]["chips"]] == ["z.3.1.cls", "z.4.2.cls"] and value["flip"] is None
    other = Session("x", "another", "", "example", "cat-and-dog")
    assert page.shown(Chosen(picture, "emoji-vit", "", "model"), other, bench)[CANVAS]["applied"] is None


def test_hiding_something_else_makes_another_pair(page: PatchingPage, state: tuple[Session, Bench]):
    shapes = [{"kind": "box", "x0": 0.1, "y0": 0.1, "x1": 0.4, "y1": 0.4}]
    session, _, value, mask, *_ = page.hide(event(shapes=shapes, fill="blur"), *state)
    assert mask["shapes"] == shapes and mask["fill"] == "blur" and value["run"]["key"] == session.key
    same = page.desk.result(session).plan.hidden
    assert same is not None
    echoed = page.hide(event(shapes=[shape.as_dict for shape in same.shapes], fill=same.fill), session, state[1])
    assert set(echoed) <= {"__type__"}  # the painter's echo of what is shown runs nothing
    with pytest.raises(ValueError, match="fill is one of"):
        page.hide(event(shapes=shapes, fill="paint"), *state)


def test_answers_are_changed_and_refused(page: PatchingPage, state: tuple[Session, Bench]):
    value = page.answers(1, 3, 40, *state)[CANVAS]
    assert [value["run"][name]["index"] for name in ("a", "b", "control")] == [1, 3, 40]
    with pytest.raises(ValueError, match="choose two different ones"):
        page.answers(1, 1, 40, *state)
    with pytest.raises(ValueError, match="no class"):
        page.answers(64, 1, 40, *state)
    assert [box["value"] for box in page.answers_shown(*state)] == [0, 2, 32]


def test_a_second_picture_is_taken_and_given_back(page: PatchingPage, state: tuple[Session, Bench]):
    taken = page.second("other", *state)
    assert taken[CANVAS]["run"]["corrupt"]["title"] == "A cat and a dog"
    session, bench, *_ = page.other_example(event(name="lion-with-basketball"), taken[0], taken[1])[:-1]
    assert page.desk.result(session).corrupt.title == "A lion with a basketball"
    back = page.second("hide", session, bench)
    assert page.desk.result(back[0]).plan.hidden is not None
    with pytest.raises(ValueError, match="that is the first picture"):
        shipped = page.desk.show(pictures.example("cat-and-dog"), "emoji-vit")
        page.other_example(event(name="cat-and-dog"), shipped, bench)


def test_the_stream_at_another_token_is_the_same_experiment(page: PatchingPage, state: tuple[Session, Bench]):
    value = page.evolution(event(token=40), *state)
    assert value["run"]["evolution"]["token"] == 40 and value["run"]["key"] == state[0].key
    with pytest.raises(ValueError, match="no token"):
        page.evolution(event(token=145), *state)


def test_a_look_elsewhere_is_in_the_link(page: PatchingPage, state: tuple[Session, Bench]):
    address, link, code = page.view_change(event(view={"site": "v", "plot": "rank"}), *state)
    assert address == {"query": link} and "site=v" in link and "plot=rank" in link and "hook_v" in code
    with pytest.raises(ValueError):
        page.view_change(event(view={"site": "w"}), *state)


def test_the_opening_pair_comes_back(page: PatchingPage, state: tuple[Session, Bench]):
    session, bench, *_ = page.shown(Chosen(pictures.seeded("3"), "emoji-vit", "", "example"), *state)
    shown = page.start_over(session, bench)
    assert shown[0].source == opening().source and shown[CANVAS]["applied"] is None


def test_a_sweep_is_followed_by_what_the_strongest_head_reads(pair_desk: PairDesk, state: tuple[Session, Bench]):
    values = list(Working(pair_desk).swept(*state, request()))
    assert values[0]["sweep"]["state"] == "preview" and values[-1]["sweep"]["state"] == "done"
    assert (values[-1]["reads"]["layer"], values[-1]["reads"]["head"]) == (4, 2)


def test_an_old_sweep_shows_nothing_after_a_new_one_has_begun(pair_desk: PairDesk, state: tuple[Session, Bench]):
    session, bench = state
    work = Working(pair_desk)
    bench.view = PatchView("resid_pre", "layer,token")
    old = work.swept(session, bench, request())
    assert next(old)["sweep"]["site"] == "resid_pre"
    new = work.sweep(event(site="z", by=["layer", "head"], token="cls"), session, bench, request())
    next(new)
    assert list(old) == [] and bench.sweep is not None and bench.sweep.ask.site == "z"
    assert list(new)[-1]["sweep"]["state"] == "done"


def test_a_sweep_that_was_asked_for_earlier_never_replaces_a_later_one(
    pair_desk: PairDesk, state: tuple[Session, Bench]
):
    working, bench = Working(pair_desk), state[1]
    late, early = (
        {"site": site, "by": ["layer", "head"], "token": "cls", "at": at} for site, at in (("q", 5), ("k", 4))
    )
    *_, shown = working.sweep(event(**late), *state, request())
    assert shown["sweep"]["site"] == "q" and shown["sweep"]["state"] == "done"
    assert not [value for value in working.sweep(event(**early), *state, request()) if "sweep" in value]
    assert bench.sweep is not None and bench.sweep.ask.site == "q" and bench.view.ask.site == "q"
    *_, again = working.sweep(event(**early | {"at": 6}), *state, request())
    assert again["sweep"]["site"] == "k"


def test_cancel_and_leaving_end_the_work_with_what_there_is(pair_desk: PairDesk, state: tuple[Session, Bench]):
    session, bench = state
    work = Working(pair_desk)
    bench.view = PatchView("resid_pre", "layer,token")
    steps = work.swept(session, bench, request())
    next(steps)
    work.cancel(event(what="sweep"), bench)
    last = list(steps)[-1]
    assert last["sweep"]["state"] == "stopped" and last["sweep"]["done"] < last["sweep"]["total"]
    steps = work.swept(session, bench, request(visitor="two"))
    next(steps)
    work.leave(request(visitor="one"))  # an earlier session of the same bench
    work.leave(request(visitor="two"))
    assert list(steps)[-1]["sweep"]["state"] == "stopped"
    work.cancel(event(), None)


def test_a_search_applies_what_it_found(pair_desk: PairDesk, state: tuple[Session, Bench]):
    values = list(Working(pair_desk).flip(event(site="z", by=["layer", "head"], token="cls"), *state))
    assert values[0]["flip"]["state"] == "running" and values[-1]["flip"]["size"] == 2
    assert values[-1]["applied"]["top"][0]["name"] == "cat face"


def test_a_search_leaves_what_is_applied_alone(page: PatchingPage, pair_desk: PairDesk, state: tuple[Session, Bench]):
    page.apply(event(chips=HEADS[:1]), *state)
    last = list(Working(pair_desk).flip(event(site="z", by=["layer", "head"], token="cls"), *state))[-1]
    assert [chip["id"] for chip in last["applied"]["chips"]] == ["z.3.1.cls"] and last["flip"]["size"] == 2


def test_where_nothing_can_flip_the_search_says_so(
    page: PatchingPage, pair_desk: PairDesk, state: tuple[Session, Bench]
):
    shapes = [{"kind": "box", "x0": 0, "y0": 0, "x1": 0.02, "y1": 0.02}]
    session, bench, *_ = page.hide(event(shapes=shapes, fill="black"), *state)
    values = list(Working(pair_desk).flip(event(site="z", by=["layer", "head"], token="cls"), session, bench))
    assert values[-1]["flip"]["state"] == "none" and "nothing can flip" in values[-1]["flip"]["text"]


def test_trials_use_what_is_applied_and_keep_the_pictures_of_failures(
    page: PatchingPage, pair_desk: PairDesk, state: tuple[Session, Bench]
):
    work = Working(pair_desk)
    page.apply(event(chips=HEADS[:1]), *state)
    values = [value["general"] for value in work.general("scenes", "", 20, *state)]
    last = values[-1]
    assert last["done"] == 20 and last["members"] == ["L3 H1 · z at CLS"] and last["failures"]
    for failure in (shown for value in values for shown in value["failures"]):  # a browser may come late for any
        *_, key, folder, name = failure["picture"].split("/")
        kept = pair_desk.shelf.get(key)
        assert kept is not None and kept.file(f"{folder}/{name}").startswith(b"\x89PNG")


def test_a_trial_that_cannot_be_had_ends_with_a_sentence_and_no_figures(
    page: PatchingPage, pair_desk: PairDesk, state: tuple[Session, Bench], tmp_path: Path
):
    work = Working(pair_desk)

    def ended(source: str, place: str) -> dict[str, Any]:
        *_, last = work.general(source, place, 20, *state)
        return last["general"]

    assert "nothing to try yet" in ended("scenes", "")["text"]
    page.apply(event(chips=HEADS[:1]), *state)
    refusals = [ended("folder", place) for place in ("/no/such/folder", "/no/such/folder", "")]
    assert len({shown["id"] for shown in refusals}) == 3  # the second looks new to the canvas, so that it ends its wait
    Image.new("RGB", (96, 96), "gray").save(tmp_path / "alone.png")
    for shown in (*refusals, ended("folder", str(tmp_path))):
        assert shown["state"] == "none" and shown["text"].endswith(".") and shown["flip"]["rate"] is None
    assert ended("scenes", "")["state"] == "done"
    broken = work.idle(*state)["general"]
    assert broken["state"] == "none" and broken["text"]


def test_an_event_that_changed_nothing_sweeps_nothing(pair_desk: PairDesk, state: tuple[Session, Bench]):
    work, (_, bench) = Working(pair_desk), state
    *_, first = work.caught_up(*state, request())
    assert first["sweep"]["state"] == "done"
    assert not [value for value in work.caught_up(*state, request()) if "sweep" in value]
    bench.view = PatchView("q")
    assert [value for value in work.caught_up(*state, request()) if "sweep" in value]


def test_with_nothing_hidden_both_pictures_are_the_same(page: PatchingPage, state: tuple[Session, Bench]):
    assert page.canvas(*state)["run"]["same"] is False
    value = page.hide(event(shapes=[], fill="black"), *state)[CANVAS]
    assert value["run"]["same"] is True and value["run"]["corrupt"]["title"].endswith("nothing hidden")
