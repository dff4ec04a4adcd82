"""Events that arrive in another order than they were sent, or cannot be done: a visitor's newest word holds."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

import saes as tiny
from apps.common.desk import Session
from apps.sae_steering.bench import Bench
from apps.sae_steering.handlers import SteerDesk
from apps.sae_steering.page import SteeringPage
from apps.sae_steering.working import Working
from prisma_engine.sae import files

State = tuple[Session, Bench]
VISITOR: Any = SimpleNamespace(query_params={}, session_hash="one")
SECOND = "emoji-vit-sae/blocks.2.hook_resid_post"


def event(**data: Any) -> gr.EventData:
    return gr.EventData(None, data)


@pytest.fixture
def page(steer_desk: SteerDesk) -> SteeringPage:
    return SteeringPage(steer_desk)


@pytest.fixture
def state(page: SteeringPage) -> State:
    session, bench = page.load(VISITOR)[:2]
    return session, bench


def turn(page: SteeringPage, state: State, amount: float, **more: Any) -> dict[str, Any]:
    chip = {"latent": state[1].view.latent, "how": "add", "amount": amount}
    return page.steer(event(chips=[chip], where="all", tokens=None, keep_error=True, lens="final", **more), *state)


def amounts(value: dict[str, Any]) -> list[float]:
    return [chip["amount"] for chip in value["rack"]["chips"]]


def test_an_older_rack_that_comes_later_undoes_nothing(page: SteeringPage, state: State):
    newer = turn(page, state, 7, at=20)
    assert (amounts(newer), newer["rack_at"]) == ([7], 20)
    late = turn(page, state, 1, at=10)
    assert (amounts(late), late["rack_at"]) == ([7], 20)
    assert late["steered"] == newer["steered"] and late["nonce"] > newer["nonce"]
    assert amounts(turn(page, state, 1, at=21)) == [1], "the same rack, sent later, is taken"
    assert amounts(turn(page, state, 2)) == [2], "a program that counts nothing is heard"


def test_a_turn_meant_for_another_sae_is_not_taken(page: SteeringPage, state: State):
    turn(page, state, 7, at=1)
    assert amounts(turn(page, state, 2, at=2, sae=SECOND)) == [7]
    assert amounts(turn(page, state, 2, at=3, sae=page.desk.result(state[0]).loaded.id)) == [2]


def test_older_looks_that_come_later_undo_nothing(page: SteeringPage, state: State):
    first, second = 40, 12
    assert page.latent(event(index=first, at=5), *state)["latent"]["index"] == first
    assert page.latent(event(index=second, at=4), *state)["latent"]["index"] == first
    page.watch(event(index=3, at=9), *state)
    assert page.watch(event(index=4, at=8), *state)["run"]["watched"]["index"] == 3
    page.view_change(event(view={"overlay": 0.25}, at=9), *state)
    page.view_change(event(view={"overlay": 0.75}, at=8), *state)
    assert state[1].view.overlay == 0.25
    found = [page.search(event(kind="label", text="dog", at=at), *state)["found"]["at"] for at in (1, 2)]
    assert found == [1, 2], "the same search is answered anew"


def test_what_cannot_be_done_is_not_waited_for(page: SteeringPage, state: State):
    turn(page, state, 3, at=1)
    with pytest.raises(ValueError):
        turn(page, state, 99, at=2)
    value = page.refused("steer", *state)
    assert (amounts(value), value["rack_at"]) == ([3], 2), "the rack that holds, as the answer to the one refused"
    assert value["refused"] == {"what": "steer", "nonce": value["nonce"]}
    assert "refused" not in page.canvas(*state)


@pytest.mark.parametrize("job", ["controls", "general", "profile"])
def test_work_that_waits_to_begin_can_be_cancelled(page: SteeringPage, state: State, steer_desk: SteerDesk, job: str):
    work = Working(steer_desk)
    turn(page, state, 3)
    begin = {
        "controls": lambda at: work.controls(event(at=at), *state, VISITOR),
        "general": lambda at: work.generality(event(at=at), "scenes", "", 20, False, *state, VISITOR),
        "profile": lambda at: work.profile(event(at=at, index=1), "scenes", "", 20, *state, VISITOR),
    }[job]
    work.cancel(event(what=job, at=11), state[1])
    assert list(begin(10)) == [gr.skip()] and job not in state[1].jobs
    later = begin(12)
    assert next(later)["run"]["key"] == state[0].key
    state[1].end()


def test_any_sae_of_the_same_model_is_compared_with(
    page: SteeringPage, state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    files.save(page.desk.saes.get(SECOND).sae, tmp_path / "mine")
    mine = str(tmp_path / "mine")
    value = page.compare(event(id=mine), *state)
    assert value["other"]["id"] == mine and value["run"]["any_sae"] is True
    assert page.canvas(*state)["other"] is value["other"], "computed once"
    restored = page.load(SimpleNamespace(query_params={"compare": mine}, session_hash="one"))  # type: ignore[arg-type]
    assert restored[2]["other"]["id"] == mine
    files.save(tiny.random_sae(model="other"), tmp_path / "foreign")
    for bad in (str(tmp_path / "foreign"), str(tmp_path / "none"), 7):
        with pytest.raises(ValueError):
            page.compare(event(id=bad), *state)
    assert page.canvas(*state)["other"]["id"] == mine
    monkeypatch.setattr("apps.common.catalog.on_space", lambda: True)
    with pytest.raises(ValueError, match="choose one of this model"):
        page.compare(event(id=mine), *state)
