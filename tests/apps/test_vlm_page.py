"""The page's handlers with events as a browser sends them: one bench, whose parts outlive each other rightly."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl

import gradio as gr
import pytest
import torch
from PIL import Image

import tiny_talks
from apps.common import pictures
from apps.common.blobs import Shelf
from apps.common.desk import Session
from apps.common.page import Chosen
from apps.common.saes import Labels, Saes
from apps.vlm_steering import saved
from apps.vlm_steering.analysis import OWN_UNIT
from apps.vlm_steering.bench import Bench
from apps.vlm_steering.desk import VlmDesk
from apps.vlm_steering.files import pack_known
from apps.vlm_steering.gallery import Galleries
from apps.vlm_steering.handlers import run_value
from apps.vlm_steering.page import VlmPage
from apps.vlm_steering.vlms import DEFAULT, LARGE, Vlms, load_offer, offer_for
from apps.vlm_steering.working import Working
from prisma_engine.sae.features import with_labels

CANVAS, NOTE, SAE, MODEL = 2, 3, 5, 6  # places among the outputs
State = tuple[Session, Bench]
CHIP = {"latent": tiny_talks.DOG, "how": "add", "amount": -6.0}
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", autouse=True)
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tiny_talks.write(tmp_path_factory.mktemp("models"))
        patch.setenv("PRISMA_MODELS", str(folder))
        yield folder


@pytest.fixture(scope="module")
def page(models: Path) -> VlmPage:
    return VlmPage(VlmDesk(Vlms(), Shelf(), Saes(), Galleries(4)))


@pytest.fixture
def work(page: VlmPage) -> Working:
    return Working(page.desk)


@pytest.fixture
def state(page: VlmPage) -> State:
    session, bench = page.load(request())[:2]
    return session, bench


def event(**data: Any) -> gr.EventData:
    return gr.EventData(None, data)  # type: ignore[arg-type]


def request(query: dict[str, str] | None = None, visitor: str = "one") -> Any:
    return SimpleNamespace(query_params=query or {}, session_hash=visitor)


def talked(work: Working, state: State, **data: Any) -> list[dict[str, Any]]:
    """Everything that a turn brings, the last of it last."""
    return [
        value for value in work.talk(event(**data), *state, request()) if isinstance(value, dict) and "run" in value
    ]


def texts(value: dict[str, Any]) -> dict[str, str]:
    return {name: " ".join(w["t"] for w in column["words"]) for name, column in value["talk"]["columns"].items()}


def test_warming_says_what_the_page_opens_with(page: VlmPage):
    page.warm()
    value = page.load(request())[CANVAS]
    columns = value["talk"]["columns"]
    assert list(columns) == ["original", "reconstruction", "steered"]
    assert all(column["state"] in ("done", "cut") for column in columns.values())
    assert value["heard"]["attention"] and value["latent"]["index"] == value["view"]["latent"] == tiny_talks.DOG
    assert value["latent"]["scenes"]["n"] == 4 and value["latent"]["texts"]["rows"]
    assert value["guide"]["title"] and value["guide"]["chips"][0]["latent"] == tiny_talks.DOG
    json.dumps(value, allow_nan=False)


def test_loading_gives_everything_that_shows_it(page: VlmPage):
    query = {
        "steer": "5.add.-6",
        "where": "image",
        "control": "random",
        "prompt": "is there a unicorn ?",
        "word-seed": "3",
    }
    shown = page.load(request(query))
    value = shown[CANVAS]
    assert value["rack"]["chips"] == [CHIP] and value["rack"]["where"] == ["image"] and value["rack"]["seed"] == 3
    assert value["run"]["prompt"] == "is there a unicorn ?" and value["run"]["unknown"] == ["unicorn"]
    assert value["talk"]["columns"] == {} and shown[MODEL] == "emoji-llava"
    assert len(value["run"]["others"]) == len(pictures.example_names())


def test_what_is_not_said_yet_is_said_after_loading(page: VlmPage, work: Working):
    session, bench = page.load(request({"steer": "5.add.-6", "most": "5"}))[:2]
    values = list(work.go_on(session, bench, request()))
    assert list(values[-1]["talk"]["columns"]) == ["original", "reconstruction", "steered"]
    assert values[-1]["heard"]["attention"]
    last = values[-1]["heard"]["texts"]
    assert sum(token["kind"] == "generated" for token in last) == len(
        values[-1]["talk"]["columns"]["original"]["words"]
    )


def test_a_turn_is_said_and_the_original_stays(work: Working, state: State):
    before = talked(work, state, chips=[], most=6)[-1]
    after = talked(work, state, chips=[CHIP], at=5)[-1]
    assert after["rack"]["chips"] == [CHIP] and after["rack_at"] == 5
    assert texts(after)["original"] == texts(before)["original"]
    assert set(texts(talked(work, state, control="opposite")[-1])) == {
        "original",
        "reconstruction",
        "steered",
        "control",
    }
    assert set(texts(talked(work, state, chips=[])[-1])) == {"original", "reconstruction", "steered"}


def test_late_turns_and_turns_of_another_run_change_nothing(work: Working, state: State):
    talked(work, state, chips=[CHIP], at=10, most=4)
    assert talked(work, state, chips=[], at=9) == [] and state[1].turn.dials
    assert talked(work, state, chips=[], at=11, run="another") == [] and state[1].turn.dials
    work.cancel(event(at=20, what="talk"), state[1])
    assert talked(work, state, chips=[], at=15) == []


def test_a_refused_turn_loses_nothing(page: VlmPage, work: Working, state: State):
    talked(work, state, chips=[CHIP], most=4)
    before = page.canvas(*state)
    for bad in ({"chips": [{"latent": 99, "how": "add"}]}, {"where": ["generated"], "when": ["prefill"]}, {"seed": -2}):
        with pytest.raises(ValueError):
            talked(work, state, **bad)
    after = page.refused("talk", *state)
    assert after["refused"]["what"] == "talk"
    assert {**after, "nonce": 0, "refused": 0} == {**before, "nonce": 0, "refused": 0}


def test_speaking_is_stopped_and_begun_again(work: Working, state: State):
    steps = work.talk(event(chips=[CHIP], temperature=1.9, most=120, seed=8), *state, request())
    values = list(islice(steps, 2))
    work.cancel(event(what="talk"), state[1])
    last = list(steps)
    columns = (last or values)[-1]["talk"]["columns"]
    assert all(column["state"] in ("stopped", "done", "cut") for column in columns.values())
    again = talked(work, state, again=True, most=5, temperature=0)
    assert again[0]["talk"]["columns"] == {}
    assert all(column["state"] in ("done", "cut") for column in again[-1]["talk"]["columns"].values())


def test_a_newer_turn_ends_the_older(work: Working, state: State):
    older = work.talk(event(chips=[CHIP], most=60, temperature=1.5), *state, request())
    next(older)
    newer = talked(work, state, chips=[], most=3)
    assert list(older) == [] and newer[-1]["rack"]["chips"] == []


def test_another_prompt_keeps_the_turn_and_its_words_are_checked(page: VlmPage, work: Working, state: State):
    talked(work, state, chips=[CHIP], most=4)
    shown = page.ask(event(text=" what is  there ? ", at=3), *state)
    value = shown[CANVAS]
    assert value["run"]["prompt"] == "what is there ?" and value["rack"]["chips"] == [CHIP]
    assert value["talk"]["columns"] == {} and value["run"]["key"] != state[0].key
    for bad in ("", "x" * 400):
        with pytest.raises(ValueError):
            page.ask(event(text=bad), shown[0], shown[1])
    assert page.ask(event(text="what", at=1), shown[0], shown[1])[0] != shown[0]  # late: nothing is put in its place


def test_another_picture_keeps_the_turn_and_another_sae_does_not(
    page: VlmPage, work: Working, state: State, models: Path
):
    from prisma_engine.sae import files

    talked(work, state, chips=[CHIP], most=4)
    chosen = Chosen(pictures.example("lion-with-basketball"), "emoji-llava", "", "example")
    session, bench, value, *_ = page.shown(chosen, *state)
    assert value["rack"]["chips"] == [CHIP] and value["run"]["image"]["title"].startswith("A lion")
    files.save(tiny_talks.tiny_sae(seed=9), models / "mine")
    other = page.sae(str(models / "mine"), None, session, bench)
    assert (
        other[CANVAS]["rack"]["chips"] == [] and "taken from this picture" in other[CANVAS]["run"]["sae"]["unit_note"]
    )
    assert other[SAE]["choices"][0][1] == str(models / "mine")
    with pytest.raises(ValueError):
        page.sae("no-such", None, session, bench)
    with pytest.raises(ValueError):
        page.model("no-such", "", session, bench)


def test_an_upload_and_its_link(page: VlmPage, state: State, tmp_path: Path):
    path = tmp_path / "mine.png"
    Image.new("RGB", (60, 50), "red").save(path)
    chosen = Chosen(pictures.uploaded(str(path)), "emoji-llava", "", "upload", str(path))
    shown = page.shown(chosen, *state)
    assert shown[CANVAS]["run"]["image"]["title"] == "Your picture"
    link = page.links(shown[0], shown[1])[1]
    query = dict(pair.split("=") for pair in link.split("&"))
    assert "upload" in query
    opened = page.load(request({"upload": query["upload"], "steer": "5.ablate"}))
    assert "not kept" in opened[NOTE]["text"] and opened[7] is not None
    back = page.shown(Chosen(chosen.picture, "emoji-llava", "", "upload", str(path), opened[7]), opened[0], opened[1])
    assert back[CANVAS]["rack"]["chips"][0]["how"] == "ablate"


def test_a_link_opens_the_same_again(page: VlmPage, work: Working, state: State):
    talked(work, state, chips=[CHIP], where=["image"], temperature=0.5, seed=7, most=5, control="random")
    view = {"tokens": [1, 4], "latent": 7, "section": "words", "word": 1, "layer": 2, "overlay": 0.5}
    page.view_change(event(view=view), *state)
    address, link, _ = page.links(*state)
    from urllib.parse import parse_qsl

    opened = page.load(request(dict(parse_qsl(link))))
    assert address["query"] == link and opened[NOTE]["text"] == ""
    assert opened[CANVAS]["rack"] == page.canvas(*state)["rack"] and opened[CANVAS]["view"] == view
    assert opened[CANVAS]["talk"]["columns"] == page.canvas(*state)["talk"]["columns"]
    assert page.links(opened[0], opened[1])[1] == link


def test_links_that_ask_for_nothing_there_is_fall_back(page: VlmPage):
    for query in ({"model": "no/such"}, {"sae": "no-such"}, {"example": "nothing"}, {"latent": "999"}, {"steer": "x"}):
        opened = page.load(request(query))
        assert opened[NOTE]["text"], query
        assert opened[CANVAS]["run"]["model"] == "emoji-llava"


def test_the_guide_does_what_it_says(page: VlmPage, state: State):
    elsewhere = page.shown(Chosen(pictures.example("cat-and-dog"), "emoji-llava", "", "example"), *state)
    value = page.guide(event(at=50), elsewhere[0], elsewhere[1])[CANVAS]
    guide = value["guide"]
    assert value["guided"] and value["rack"]["chips"] == guide["chips"] and value["run"]["prompt"] == guide["prompt"]
    assert value["run"]["image"]["title"] == guide["picture"]


def test_latents_contrasts_and_scenes(page: VlmPage, work: Working, state: State):
    value = page.latent(event(index=3), *state)
    assert value["latent"]["index"] == 3 and value["latent"]["label"] is None and value["latent"]["words"]["top"]
    found = page.contrast(event(name="cat-and-dog"), *state)["contrast"]
    assert found["name"] == "cat-and-dog" and page.contrast(event(name=None), *state)["contrast"] is None
    fresh = Working(VlmDesk(page.desk.vlms, page.desk.shelf, page.desk.saes, Galleries(8)))
    steps = list(fresh.gallery(event(), *state, request()))
    assert "of 8 scenes" in steps[0]["latent"]["progress"] and steps[-1]["latent"]["scenes"]["n"] == 8
    for refused in (lambda: page.latent(event(index=48), *state), lambda: page.contrast(event(name="/etc"), *state)):
        with pytest.raises(ValueError):
            refused()


def test_two_visitors_do_not_meet(page: VlmPage, work: Working, state: State):
    other: State = page.load(request(visitor="two"))[:2]
    mine = work.talk(event(chips=[CHIP], most=20), *state, request())
    theirs = work.talk(event(chips=[{**CHIP, "amount": 6.0}], most=20), *other, request(visitor="two"))
    for _ in range(3):
        next(mine, None)
        next(theirs, None)
    ended = [list(mine), list(theirs)]
    assert ended is not None
    alone = [talked(work, one, again=True)[-1] for one in (state, other)]
    for one, value in zip((state, other), alone, strict=True):
        assert texts(page.canvas(*one)) == texts(value)
    assert page.canvas(*state)["rack"]["chips"] != page.canvas(*other)["rack"]["chips"]


def test_what_is_taken_away(page: VlmPage, work: Working, state: State, models: Path):
    talked(work, state, chips=[CHIP], most=5)
    name, picture = page.written("picture", *state)
    assert name.endswith(".png") and picture.startswith(b"\x89PNG")
    table = json.loads(page.written("numbers", *state)[1])
    assert table["said"]["steered"]["text"] and table["turn"]["chips"] == [CHIP] and table["units"]
    assert len(table["tokens"]) > 9 and table["tokens"][0]["row"] == 0
    assert table["changes"]["5"][0] == "add"


@pytest.mark.slow
def test_the_python_says_the_same_words(page: VlmPage, work: Working, state: State, models: Path):
    value = talked(work, state, chips=[CHIP], where=["image", "generated"], most=6)[-1]
    code = page.links(*state)[2]
    import os

    environment = os.environ | {"PRISMA_MODELS": str(models), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=240)
    assert done.returncode == 0, done.stderr
    printed = dict(line.split(": ", 1) for line in done.stdout.strip().splitlines())
    for name, column in value["talk"]["columns"].items():
        assert printed[name] == "".join(word["t"] for word in column["words"]).strip()


def test_labels_of_others_are_the_visitor_s_own_and_can_be_taken_back(page: VlmPage, state: State, tmp_path: Path):
    given = tmp_path / "mine.csv"
    given.write_text("index,description\n5,barking\n7,pizza and cake\n")
    before = page_columns(page, state)
    shown = page.labels(str(given), *state)
    session, bench, value = shown[0], shown[1], shown[CANVAS]
    assert session.key != state[0].key and "mine.csv" in json.dumps(shown[NOTE]) and "not measured" in str(shown[NOTE])
    assert value["run"]["sae"]["labels_from"].startswith("mine.csv")
    columns = page_columns(page, (session, bench))
    assert columns["label"][5] == "barking" and columns["f1"][5] is None and columns["typical"] == before["typical"]
    others = [i for i in range(len(before["label"])) if i not in (5, 7)]
    assert [columns["label"][i] for i in others] == [before["label"][i] for i in others]
    assert [columns["f1"][i] for i in others] == [before["f1"][i] for i in others]
    latent = page.latent(event(index=7, at=1), session, bench)["latent"]
    assert latent["label"] == "pizza and cake" and latent["f1"] is None
    assert saved._about(page.desk.result(session), 5)[0] == "latent 5: barking"
    json.dumps(value, allow_nan=False)
    asked = page.ask(event(text="is there a dog ?", at=2), session, bench)
    assert page_columns(page, asked)["label"][5] == "barking"
    assert page_columns(page, page.load(request()))["label"] == before["label"]
    link = dict(parse_qsl(page.links(*asked[:2])[1]))
    assert page_columns(page, page.load(request(link)))["label"][5] == "barking"
    assert page_columns(page, page.labels(" ", *asked[:2]))["label"] == before["label"]


def test_a_space_takes_no_labels(page: VlmPage, state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SPACE_ID", "someone/suite")
    (tmp_path / "mine.json").write_text('{"5": "barking"}')
    assert "run the suite locally" in str(page.load(request({"labels": str(tmp_path / "mine.json")}))[NOTE])


def page_columns(page: VlmPage, state: Any) -> dict[str, Any]:
    return json.loads(page.desk.shelf.get(state[0].key).files["latents"])  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("where", "says"), [("no.csv", "no.csv is not a readable"), ("gemma", "is neither a .json or .csv file here")]
)
def test_labels_that_are_not_there_lose_nothing(page: VlmPage, state: State, where: str, says: str):
    with pytest.raises(ValueError, match=says):
        page.labels(where, *state)
    assert page.desk.result(state[0]).loaded.labels is None


def test_labels_can_be_all_that_is_known(page: VlmPage, state: State):
    loaded = page.desk.result(state[0]).loaded
    known = with_labels({3: "dogs"}, loaded.config.d_sae, "mine.json")
    assert known.name(3) == "dogs" and known.name(4) is None and not known.measured
    talk = replace(page.desk.result(state[0]), loaded=replace(loaded, labels=Labels({3: "dogs"}, "mine.json")))
    assert talk.loaded.facts is not None and talk.loaded.facts.measured
    bare = replace(talk.loaded, folder=loaded.folder / "none")
    assert not bare.facts.measured  # type: ignore[union-attr]
    own = replace(talk, loaded=bare)
    assert own.typical.isfinite().all() and run_value(own, "")["sae"]["unit_note"] == OWN_UNIT
    columns = json.loads(pack_known(bare))  # type: ignore[arg-type]
    assert columns["label"][3] == "dogs" and set(columns["typical"]) == {None}


def test_a_large_model_runs_on_the_gpu_and_its_sae_with_it(
    monkeypatch: pytest.MonkeyPatch, page: VlmPage, state: State
):
    asked: dict[str, Any] = {}
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("prisma_engine.vlm.load", lambda name, **how: asked.update({name: how["device"]}))
    for name in (LARGE.id, DEFAULT):
        load_offer(offer_for(name))
    assert asked == {LARGE.id: "cuda", DEFAULT: "cpu"}
    loaded = page.desk.result(state[0]).loaded
    elsewhere = loaded.on(torch.device("meta"))
    assert elsewhere.W_dec.is_meta and elsewhere is loaded.on(torch.device("meta")) and not loaded.sae.W_dec.is_meta
    assert loaded.on(torch.device("cpu")) is loaded.sae
