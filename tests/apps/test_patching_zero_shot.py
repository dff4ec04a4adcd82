"""Patching a model whose classes a visitor types: every experiment of the page, links and Python, on a tiny CLIP."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl

import gradio as gr
import pytest
import torch

import prisma_engine as pe
from apps.cat_dog_patching import export
from apps.cat_dog_patching.bench import Bench
from apps.cat_dog_patching.handlers import PairDesk, link_of
from apps.cat_dog_patching.page import PatchingPage
from apps.cat_dog_patching.places import Chip
from apps.cat_dog_patching.restore import open_page
from apps.cat_dog_patching.working import Working
from apps.common.desk import Session

pytestmark = pytest.mark.slow

WORDS = "cat, toilet, red fox, sky, Cat, sea"
NAMES = ("cat", "toilet", "red fox", "sky", "sea")
HEAD = {"site": "z", "layer": 1, "head": 0, "token": "cls"}
CANVAS, CLASSES_BOX = 2, 5  # places among the outputs


def event(**data: Any) -> gr.EventData:
    return gr.EventData(None, data)


def request() -> Any:
    return SimpleNamespace(query_params={}, session_hash="one")


@pytest.fixture
def page(pair_desk: PairDesk) -> PatchingPage:
    return PatchingPage(pair_desk)


@pytest.fixture
def shown(page: PatchingPage, clip_folder: Path) -> tuple[Any, ...]:
    return page.model(str(clip_folder), WORDS, *page.load(request())[:2])


def test_both_answers_are_of_the_visitor_s_classes(page: PatchingPage, shown: tuple[Any, ...]):
    run = shown[CANVAS]["run"]
    assert shown[CLASSES_BOX]["visible"] and run["grid"] == [4, 4]
    for side in "clean", "corrupt":
        assert {answer["name"] for answer in run[side]["top"]} == set(NAMES)
        assert abs(run["dla"][side]["error"]) < 1e-4 and run["dla"][side]["total"] == pytest.approx(run["metric"][side])
    named = [run[name]["index"] for name in ("a", "b", "control")]
    assert len(set(named)) == 3
    session, bench = shown[:2]
    with pytest.raises(ValueError, match="name 5 to 64 classes"):
        page.model(session.model_id, "cat", session, bench)


def test_patches_sweeps_and_trials_measure_its_own_classes(
    page: PatchingPage, pair_desk: PairDesk, clip_folder: Path, shown: tuple[Any, ...]
):
    session, bench = shown[:2]
    result, model = pair_desk.result(session), pe.load(clip_folder, classes=list(NAMES))
    work = Working(pair_desk)
    *_, swept = work.swept(session, bench, request())
    assert swept["sweep"]["state"] == "done" and len(swept["sweep"]["denoise"]) == 2
    value = page.apply(event(chips=[HEAD]), session, bench)
    a, b, _ = result.answers
    with torch.no_grad():
        logits = pe.apply_patches(model, result.corrupt.x, result.clean.x, [[Chip("z", 1, 0, "cls").site_in_model]])
    assert value["applied"]["metric"] == pytest.approx(float(logits[0, 0, a] - logits[0, 0, b]), abs=1e-5)
    assert value["applied"]["metric"] == pytest.approx(swept["sweep"]["denoise"][1][0], abs=1e-4)
    assert abs(value["applied"]["metric"] - result.corrupt.metric) > 1e-4
    *_, general = work.general("scenes", "", 20, session, bench)
    assert "which this model does not name" in general["general"]["text"]
    *_, flip = work.flip(event(site="z", by=["layer", "head"], token="cls"), session, bench)
    assert flip["flip"]["state"] in ("done", "none") and flip["flip"]["text"]


def test_its_link_and_its_python_carry_the_classes(
    page: PatchingPage, pair_desk: PairDesk, clip_folder: Path, shown: tuple[Any, ...]
):
    session, bench = shown[:2]
    page.apply(event(chips=[HEAD]), session, bench)
    opened = open_page(pair_desk, dict(parse_qsl(link_of(pair_desk, session, bench, bench.view))))
    assert not opened.notes and opened.chips == bench.chips and opened.session.model_id == str(clip_folder)
    result = pair_desk.result(opened.session)
    assert result.classes == NAMES and result.clean.metric == pair_desk.result(session).clean.metric
    printed = _printed(export.python_code(result, bench, bench.view))
    assert f"{result.clean.metric:10.5f}" in printed and f"{result.corrupt.metric:10.5f}" in printed


def _printed(text: str) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(text, "copied", "exec"), {})
    return out.getvalue()


def test_a_change_of_classes_takes_the_patches_out(page: PatchingPage, shown: tuple[Any, ...]):
    session, bench = shown[:2]
    page.apply(event(chips=[HEAD]), session, bench)
    kept: tuple[Session, Bench] = page.model(session.model_id, WORDS, session, bench)[:2]
    assert kept[1].chips
    other = page.model(session.model_id, "one, two, three, four, five", *kept)
    assert other[CANVAS]["applied"] is None and other[CANVAS]["run"]["clean"]["top"][0]["name"] in (
        "one", "two", "three", "four", "five",
    )  # fmt: skip
