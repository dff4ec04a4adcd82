"""The page's handlers with events as a browser sends them: one bench, whose parts outlive each other rightly."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from PIL import Image

import saes as tiny
from apps.common import pictures
from apps.common.desk import Session
from apps.common.page import Chosen
from apps.sae_steering.bench import Bench
from apps.sae_steering.first import opening
from apps.sae_steering.handlers import SteerDesk
from apps.sae_steering.page import SteeringPage
from apps.sae_steering.working import Working
from prisma_engine.sae import files

CANVAS, NOTE, CLASSES, SAE, MODEL = 2, 3, 4, 6, 7  # places among the outputs
SECOND = "emoji-vit-sae/blocks.2.hook_resid_post"
State = tuple[Session, Bench]


def event(**data: Any) -> gr.EventData:
    return gr.EventData(None, data)


def request(query: dict[str, str] | None = None, visitor: str = "one") -> Any:
    return SimpleNamespace(query_params=query or {}, session_hash=visitor)


@pytest.fixture
def page(steer_desk: SteerDesk) -> SteeringPage:
    return SteeringPage(steer_desk)


@pytest.fixture
def work(steer_desk: SteerDesk) -> Working:
    return Working(steer_desk)


@pytest.fixture
def state(page: SteeringPage) -> State:
    session, bench = page.load(request())[:2]
    return session, bench


def turned(page: SteeringPage, state: State, *chips: dict[str, Any], **more: Any) -> dict[str, Any]:
    given = {"where": "all", "tokens": None, "keep_error": True, "lens": "final", **more}
    return page.steer(event(chips=list(chips), **given), *state)


def down(state: State, amount: float = -5.0) -> dict[str, Any]:
    return {"latent": state[1].view.latent, "how": "add", "amount": amount}


def test_loading_gives_everything_that_shows_it(page: SteeringPage):
    shown = page.load(request({"steer": "12.ablate", "where": "cls"}))
    value = shown[CANVAS]
    assert value["rack"]["chips"] == [{"latent": 12, "how": "ablate", "amount": 0.0}]
    assert value["rack"]["where"] == "cls" and value["steered"]["columns"]["steered"]["top"]
    assert value["view"]["tokens"] and value["latent"]["index"] == value["view"]["latent"]
    assert shown[SAE]["value"] == "emoji-vit-sae/blocks.3.hook_resid_post" and shown[MODEL] == "emoji-vit"
    assert value["guide"]["steps"] and len(value["table"]) >= 3
    json.dumps(value, allow_nan=False)


def test_the_whole_rack_is_taken(page: SteeringPage, state: State):
    value = turned(page, state, down(state), keep_error=False, lens="4_mid")
    expected = {"chips": [down(state)], "where": "all", "tokens": None, "keep_error": False, "lens": "4_mid"}
    assert value["rack"] == expected
    assert value["steered"]["lens"]["label"] == "4_mid" and value["view"] is None
    assert turned(page, state)["rack"]["chips"] == []
    at = turned(page, state, down(state), where="list", tokens=[3, 4])
    assert at["rack"]["tokens"] == [3, 4] and at["steered"]["norm"]["n_tokens"] == 2


def test_a_refused_rack_loses_nothing(page: SteeringPage, state: State):
    turned(page, state, down(state))
    before = page.canvas(*state)
    for bad in ({"latent": 5000, "how": "add"}, {"latent": 1, "how": "add", "amount": 99}):
        with pytest.raises(ValueError):
            turned(page, state, bad)
    after = page.canvas(*state)
    assert {**after, "nonce": 0} == {**before, "nonce": 0}


def test_what_is_steered_follows_to_another_picture_but_not_to_another_sae(page: SteeringPage, state: State):
    chip = down(state)
    turned(page, state, chip)
    picture = pictures.example("lion-with-basketball")
    session, bench, value, *_ = page.shown(Chosen(picture, "emoji-vit", "", "example"), *state)
    assert bench is state[1] and value["rack"]["chips"] == [chip] and value["run"]["key"] != state[0].key
    assert value["steered"]["columns"]["steered"]["top"] != value["steered"]["columns"]["original"]["top"]
    other = page.sae(SECOND, "emoji-vit", "", session, bench)
    assert other[CANVAS]["run"]["sae"]["id"] == SECOND and other[CANVAS]["rack"]["chips"] == []
    assert other[0].source == "lion-with-basketball"


def test_an_sae_that_is_not_there_is_refused_and_the_box_says_what_is(page: SteeringPage, state: State):
    with pytest.raises(ValueError, match="there is no SAE"):
        page.sae("no-such", "emoji-vit", "", *state)
    assert page.sae_shown(*state)["value"] == "emoji-vit-sae/blocks.3.hook_resid_post"
    assert page.canvas(*state)["run"]["key"] == state[0].key


def test_an_sae_from_a_folder(page: SteeringPage, state: State, tmp_path: Path):
    shipped = page.desk.saes.get(SECOND)
    files.save(shipped.sae, tmp_path / "mine")
    session, bench, value, *_ = page.sae(str(tmp_path / "mine"), None, "", *state)
    assert value["run"]["sae"]["id"] == str(tmp_path / "mine") and value["run"]["sae"]["latents"] is None
    assert "taken from this picture" in value["run"]["sae"]["unit_note"]
    assert value["latent"]["state"] == "none" and value["guide"] is None and len(value["table"]) >= 4
    assert page.sae_shown(session, None)["choices"][0][1] == str(tmp_path / "mine")
    latent = int(page.desk.result(session).features.latents[0])
    turned(page, (session, bench), {"latent": latent, "how": "add", "amount": 2})
    silent = int((page.desk.result(session).typical == 0).nonzero()[0])
    with pytest.raises(ValueError, match=f"latent {silent} "):
        turned(page, (session, bench), {"latent": silent, "how": "add", "amount": 2})


def test_a_model_without_an_sae_is_kept_in_mind(page: SteeringPage, state: State, tmp_path: Path):
    model = str(tiny.write_vit(tmp_path / "other", tiny.tiny_vit()))
    shown = page.model(model, "", *state)
    assert "The model other is kept in mind" in shown[NOTE]["text"] and state[1].pending == model
    assert page.canvas(*state)["run"]["model"] == "emoji-vit"
    again = page.shown(Chosen(pictures.first(), model, "", "example"), *state)
    assert again[MODEL] == "emoji-vit" and state[1].pending is None  # a picture is for the model on show
    page.model(model, "", *state)
    files.save(tiny.random_sae(model="other"), tmp_path / "sae")
    taken = page.sae(str(tmp_path / "sae"), model, "", *state)
    assert taken[MODEL] == model and taken[CANVAS]["run"]["grid"] == [3, 3]
    for missing in ("facebook/deit-base-patch16-224", "/no/such/path"):
        with pytest.raises(ValueError) as refusal:
            page.model(missing, "", *state)
        assert "\n" not in str(refusal.value)


def test_the_shipped_weights_under_a_path_are_the_same_model(page: SteeringPage, state: State, tmp_path: Path):
    from prisma_engine.load import models_folder

    folder = tmp_path / "copied"
    folder.symlink_to(models_folder() / "emoji-vit")
    shown = page.model(str(folder), "", *state)
    assert shown[CANVAS]["run"]["model"] == "copied" and shown[CANVAS]["run"]["sae"]["warning"] is None


def test_latents_are_opened_searched_and_watched(page: SteeringPage, state: State):
    value = page.latent(event(index=3), *state)
    assert value["latent"]["index"] == 3 and state[1].view.latent == 3
    found = page.search(event(kind="class", text="cat"), *state)["found"]
    assert found["query"]["class"]["name"].startswith("cat") and found["latents"]
    values = [row["value"] for row in found["latents"]]
    assert values == sorted(values, reverse=True)
    by_index = page.search(event(kind="class", text="x", index=2), *state)["found"]
    assert by_index["query"]["class"]["index"] == 2
    labels = page.search(event(kind="label", text="dog"), *state)["found"]["latents"]
    assert labels and all("dog" in row["label"] for row in labels)
    assert page.watch(event(index=9), *state)["run"]["watched"]["index"] == 9
    for refused in (
        lambda: page.latent(event(index=1024), *state),
        lambda: page.search(event(kind="smell", text="x"), *state),
        lambda: page.search(event(kind="class", text="xyzzy"), *state),
        lambda: page.search(event(kind="class", text=None), *state),
        lambda: page.watch(event(index=64), *state),
        lambda: page.compare(event(id="/etc"), *state),
    ):
        with pytest.raises(ValueError):
            refused()


def test_two_saes_are_compared_and_put_apart(page: SteeringPage, state: State):
    assert page.compare(event(id=SECOND), *state)["other"]["id"] == SECOND
    assert page.compare(event(id=None), *state)["other"] is None


def test_the_guide_does_what_it_says(page: SteeringPage, state: State):
    guide = page.desk.result(state[0]).loaded.guide
    assert guide is not None
    elsewhere = page.shown(Chosen(pictures.seeded("3"), "emoji-vit", "", "example"), *state)
    value = page.guide(event(), elsewhere[0], elsewhere[1])[CANVAS]
    columns = value["steered"]["columns"]
    assert value["run"]["image"]["title"] == guide.picture.title and value["run"]["watched"]["name"] == guide.before
    assert columns["original"]["answer"]["name"] == guide.before
    assert columns["steered"]["answer"]["name"] == guide.after


def test_a_look_elsewhere_is_in_the_link(page: SteeringPage, state: State):
    address, link, code = page.view_change(event(view={"tokens": [0, 5], "sort": "activation"}), *state)
    assert address == {"query": link} and "at=0.5" in link and "sort=activation" in link and "[0, 5]" in code
    with pytest.raises(ValueError):
        page.view_change(event(view={"sort": "size"}), *state)


def test_the_opening_picture_comes_back(page: SteeringPage, state: State):
    session, bench, *_ = page.shown(Chosen(pictures.seeded("3"), "emoji-vit", "", "example"), *state)
    turned(page, (session, bench), down((session, bench)))
    shown = page.start_over(session, bench)
    assert shown[0].source == opening().source and shown[CANVAS]["rack"]["chips"] == []


def test_controls_come_draw_by_draw(page: SteeringPage, work: Working, state: State):
    turned(page, state, down(state))
    values = list(work.controls(event(), *state, request()))
    assert values[0]["controls"]["state"] == "running"
    found = values[-1]["controls"]
    assert found["state"] == "done" and found["random"]["n"] == 50 == len(found["random"]["draws"])
    assert found["random"]["low"] <= found["random"]["mean"] <= found["random"]["high"]
    change = values[-1]["steered"]["watched"]
    assert found["steered"]["change"] == pytest.approx(change["steered"] - change["original"], abs=1e-4)
    assert turned(page, state, down(state, -4))["controls"] is None  # they say nothing about another rack


def test_trials_tell_what_they_rest_on(page: SteeringPage, work: Working, state: State):
    with pytest.raises(ValueError, match="nothing to try yet"):
        next(work.generality(event(), "scenes", "", 20, False, *state, request()))
    turned(page, state, down(state))
    values = list(work.generality(event(), "scenes", "", 20, False, *state, request()))
    found = values[-1]["general"]
    assert found["state"] == "done" and found["done"] == found["total"] == 20
    assert found["effect"]["low"] <= found["effect"]["mean"] <= found["effect"]["high"]
    assert found["control"]["changed"]["rate"] is not None and "held-out scenes with a" in found["source"]
    assert values[1]["general"]["failures"][0]["before"] is None  # while more are tried
    for failure in found["failures"]:
        assert failure["after"] - failure["before"] == pytest.approx(failure["change"], abs=1e-4)
        key, name = failure["picture"].split("/prisma/")[1].split("/", 1)
        kept = page.desk.shelf.get(key)
        assert kept is not None and kept.file(name).startswith(b"\x89PNG")
    for source, sentence in (("folder", "name a folder"), ("hub", "owner/name"), ("x", "choose where")):
        with pytest.raises(ValueError, match=sentence):
            next(work.generality(event(), source, "", 20, False, *state, request()))


def test_a_trial_is_cancelled_and_ends_with_its_rack(page: SteeringPage, work: Working, state: State):
    turned(page, state, down(state))
    steps = work.generality(event(), "scenes", "", 200, False, *state, request())
    list(islice(steps, 2))
    work.cancel(event(what="general"), state[1])
    last = list(steps)[-1]["general"]
    assert last["state"] == "stopped" and last["done"] < 200
    steps = work.generality(event(), "scenes", "", 200, False, *state, request())
    next(steps)
    turned(page, state, down(state, -3))
    assert list(steps) == []
    steps = work.generality(event(), "scenes", "", 200, False, *state, request(visitor="two"))
    next(steps)
    work.leave(request(visitor="nobody"))
    work.leave(request(visitor="two"))
    assert list(steps)[-1]["general"]["state"] == "stopped"
    work.cancel(event(), None)


def test_latents_are_profiled_on_the_visitor_s_folder(page: SteeringPage, work: Working, state: State, tmp_path: Path):
    for number in range(30):
        pictures.seeded(str(number)).image.save(tmp_path / f"{number}.png")  # type: ignore[union-attr]
    (tmp_path / "no.png").write_bytes(b"words")
    latent = state[1].view.latent
    values = list(work.profile(event(index=latent), "folder", str(tmp_path), 60, *state, request()))
    assert values[0]["latent"]["state"] == "profiling" and "pictures" in values[1]["latent"]["text"]
    found = values[-1]["latent"]
    assert found["state"] == "ready" and found["index"] == latent
    assert found["from"].startswith("30 pictures of") and found["exemplars"]
    for one in found["exemplars"]:
        assert one["reference"].endswith(".png") and max(one["heat"]) == pytest.approx(one["maximum"], rel=1e-3)
        key, name = one["picture"].split("/prisma/")[1].split("/", 1)
        kept = page.desk.shelf.get(key)
        assert kept is not None and kept.file(name).startswith(b"\x89PNG")
        with pytest.raises(ValueError):
            kept.file("exemplar/../../etc/passwd")
    assert page.latent(event(index=5), *state)["latent"]["from"].startswith("30 pictures of")
    elsewhere = page.sae(SECOND, None, "", *state)
    assert "30 pictures" not in (elsewhere[CANVAS]["latent"]["from"] or "")


def test_a_profile_is_cancelled_and_the_one_before_stays(page: SteeringPage, work: Working, state: State):
    steps = work.profile(event(index=1), "scenes", "", 2000, *state, request())
    list(islice(steps, 2))
    work.cancel(event(what="profile"), state[1])
    last = list(steps)[-1]["latent"]
    assert last["state"] == "ready" and "emoji scenes" in last["from"]
    with pytest.raises(ValueError, match="name a folder"):
        next(work.profile(event(index=1), "folder", "", 60, *state, request()))
    assert state[1].own is not None and state[1].own.profile is not None


def test_two_visitors_steer_the_same_run_and_do_not_meet(page: SteeringPage, state: State):
    other: State = page.load(request(visitor="two"))[:2]
    assert other[0].key == state[0].key and other[1] is not state[1]
    mine, theirs = down(state), {"latent": 7, "how": "ablate", "amount": 0.0}
    one, two = turned(page, state, mine), turned(page, other, theirs)
    assert one["rack"]["chips"] == [mine] and two["rack"]["chips"] == [theirs]
    assert page.canvas(*state)["steered"] == one["steered"] != two["steered"]


def test_an_upload(page: SteeringPage, state: State, tmp_path: Path):
    path = tmp_path / "mine.png"
    Image.new("RGB", (60, 50), "red").save(path)
    chosen = Chosen(pictures.uploaded(str(path)), "emoji-vit", "", "upload", str(path))
    shown = page.shown(chosen, *state)
    assert shown[CANVAS]["run"]["image"]["title"] == "Your picture" and shown[CANVAS]["view"]["tokens"]
