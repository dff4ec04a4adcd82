"""Head types on the page: those that ship, and those measured here, with a bar, a stop and refusals in a sentence."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from apps.attention_tour import evidence, measuring
from apps.attention_tour.evidence import Kept, Stream, check_model
from apps.attention_tour.handlers import TourDesk
from apps.attention_tour.head_types import example_picture, shipped, types_json, types_url
from apps.attention_tour.measuring import Measuring
from apps.common import pictures, streams
from apps.common.desk import Session
from prisma_engine import sources
from prisma_engine.analysis.heads.evidence import Evidence

VISITOR: Any = SimpleNamespace(session_hash="somebody")


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handful of pictures may name heads, so that tests are quick."""
    monkeypatch.setattr(evidence, "MIN_IMAGES", 3)


@pytest.fixture
def session(tour_desk: TourDesk) -> Session:
    return tour_desk.show(pictures.first(), "emoji-vit")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six pictures, one below another folder, and one that is none."""
    home = tmp_path / "photos"
    (home / "more").mkdir(parents=True)
    for index in range(6):
        pixels = np.random.default_rng(index).integers(0, 256, (40, 50, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(home / ("more" if index == 5 else "") / f"{index}.png")
    (home / "broken.jpg").write_bytes(b"no picture")
    return home


def run(desk: TourDesk, session: Session, source: str, place: str = "", n: int = 6) -> list[tuple[Any, ...]]:
    return list(Measuring(desk).run(source, place, n, session, VISITOR))


def test_shipped_types_reach_the_canvas(session: Session):
    found = shipped("emoji-vit")
    assert found is not None and found.found and shipped("somebody/else") is None and shipped("../emoji-vit") is None
    table = evidence.types_table(found, evidence.scene_url)
    named = {example.ref for one in found.found for example in one.examples.values()}
    assert set(table["pictures"]) == named
    assert all(url == f"/gradio_api/prisma/series/seeded/{ref[6:]}" for ref, url in table["pictures"].items())
    assert (table["layers"], table["heads"]) == (5, 4)
    url = types_url(session, None)
    assert url and url.startswith("/gradio_api/prisma/table/") and url == types_url(session, None)


@pytest.mark.slow
@pytest.mark.usefixtures("few")
def test_scenes_are_measured_with_a_bar(tour_desk: TourDesk, session: Session):
    *steps, last = run(tour_desk, session, "scenes", n=12)
    bar, measured, start, stop = last
    assert all(step[0]["total"] == 12 for step in steps[1:]) and steps[0][0]["total"] == bar["total"] == 0
    assert bar["text"].startswith("Done: 12 emoji scenes") and start["interactive"] and not stop["interactive"]
    kept = tour_desk.shelf.get(measured.key)
    assert kept is not None and types_url(session, measured) == f"/gradio_api/prisma/{measured.key}/types"
    table = json.loads(kept.file("types"))
    assert table["n_images"] == 12 and len(table["types"]) >= 8 and set(table["metrics"])
    assert Evidence.from_dict(json.loads(types_json(tour_desk.shelf, session, measured))).n_images == 12


@pytest.mark.slow
@pytest.mark.usefixtures("few")
def test_types_measured_on_one_model_are_not_shown_for_another(tour_desk: TourDesk, session: Session):
    measured = run(tour_desk, session, "scenes", n=3)[-1][1]
    other = Session("K", "some/model", "", "example", "cat-in-toilet")
    assert types_url(other, measured) is None and measured.key not in (types_url(session, None) or "")
    with pytest.raises(ValueError, match="press Measure first"):
        types_json(tour_desk.shelf, other, measured)


@pytest.mark.slow
@pytest.mark.usefixtures("few")
def test_a_stopped_measurement_keeps_what_it_has(
    tour_desk: TourDesk, session: Session, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(measuring, "PAUSE", 0.05)
    job = Measuring(tour_desk)
    steps = job.run("scenes", "", 2000, session, VISITOR)
    done = 0
    while done < 3:
        done = next(steps)[0]["done"]
    job.stop(SimpleNamespace(session_hash="somebody else"))  # type: ignore[arg-type]
    assert next(steps)[0]["total"] == 2000
    job.stop(VISITOR)
    *_, last = steps
    found = json.loads(tour_desk.shelf.get(last[1].key).file("types"))  # type: ignore[union-attr]
    assert last[0]["text"].startswith("Stopped after ") and 3 <= found["n_images"] < 2000


def test_a_measurement_may_be_stopped_before_its_turn(tour_desk: TourDesk, session: Session):
    job = Measuring(tour_desk)
    job.wait(VISITOR)
    job.stop(VISITOR)
    *_, (bar, types, start, _) = job.run("scenes", "", 2000, session, VISITOR)
    assert "0 of at least 20" in bar["text"] and types == gr.skip() and start["interactive"]
    assert not job._jobs


def test_a_visitor_who_leaves_ends_the_work(tour_desk: TourDesk, session: Session):
    job = Measuring(tour_desk)
    steps = job.run("scenes", "", 2000, session, VISITOR)
    next(steps)
    next(steps)
    stopped = job._jobs["somebody"].stopped
    steps.close()  # type: ignore[attr-defined]
    assert stopped.is_set() and not job._jobs


@pytest.mark.slow
@pytest.mark.usefixtures("few")
def test_a_folder_is_measured_and_its_examples_open(tour_desk: TourDesk, session: Session, folder: Path):
    *steps, (bar, measured, *_) = run(tour_desk, session, "folder", str(folder), n=20)
    assert all(step[0]["total"] == 7 for step in steps[1:])  # all that the folder has
    assert "6 pictures of photos, 1 more could not be opened" in bar["text"]
    result = tour_desk.shelf.get(measured.key)
    assert result is not None and isinstance(result.about, Kept)
    for number, (reference, path) in enumerate(result.about.pictures.items()):
        assert Image.open(io.BytesIO(result.file(f"example/{number}"))).size[0] <= evidence.THUMB
        picture, copy = example_picture(tour_desk.shelf, reference, measured)
        assert picture.kind == "upload" and copy == str(path) and picture.title == reference
    for wrong in ("example/999", "example/-1", "example/x", "types/0"):
        with pytest.raises(ValueError):
            result.file(wrong)


@pytest.mark.slow
@pytest.mark.usefixtures("few")
def test_rows_of_a_data_set_are_kept_only_as_examples(
    tour_desk: TourDesk, session: Session, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    def rows(_: str) -> Iterator[tuple[str, bytes]]:
        files = sorted(folder.rglob("*.png"))
        return ((str(number), path.read_bytes()) for number, path in enumerate(files))

    monkeypatch.setattr(sources, "from_hub", rows)
    stream = Stream("hub", "owner/name", 5)
    assert len(list(stream)) == 5
    first = (folder / "0.png").read_bytes()
    assert stream.again({"0"}) == {"0": first}
    stream.close()
    kept = Kept(shipped("emoji-vit"), {"0": first})  # type: ignore[arg-type]
    picture, copy = evidence.example("0", kept)
    assert picture.source == pictures.uploaded(str(folder / "0.png")).source and copy is not None
    with pytest.raises(ValueError, match="measure the heads once more"):
        evidence.example("7", kept)
    with pytest.raises(ValueError, match="measure the heads once more"):
        evidence.example("../../etc/passwd", None)
    assert run(tour_desk, session, "hub", "owner/name")[-1][0]["text"].startswith("Done: 6 pictures of owner/name")


@pytest.mark.slow
def test_too_few_pictures_name_no_head_and_leave_the_figures(tour_desk: TourDesk, session: Session, folder: Path):
    bar, types, start, stop = run(tour_desk, session, "folder", str(folder), n=20)[-1]
    assert bar["text"].startswith("Not enough pictures to name heads: 6 of at least 20")
    assert types == gr.skip() and start["interactive"] and not stop["interactive"]


def test_heads_are_counted_once_however_many_names_they_have(session: Session):
    found = shipped("emoji-vit")
    assert found is not None
    heads = {(one.layer, one.head) for one in found.found}
    assert len(heads) < len(found.found)
    assert evidence._sentence(found, stopped=False).endswith(f"{len(heads)} of 20 heads have a name.")
    assert evidence._sentence(found, stopped=True).startswith("Stopped after 1000 pictures")


def test_the_way_back_is_shown_where_there_is_one(tour_desk: TourDesk, session: Session):
    job, here = Measuring(tour_desk), evidence.Measured("emoji-vit", "K", "")
    other = Session("K", "some/model", "", "example", "cat-in-toilet")
    for at, types, shown in (
        (session, here, True),
        (session, None, False),
        (other, here, False),
        (other, evidence.Measured("some/model", "K", ""), False),
        (None, None, False),
    ):
        assert job.back(at, types)["visible"] is shown


def test_an_example_scene_opens_with_its_mask(tour_desk: TourDesk):
    picture, copy = example_picture(tour_desk.shelf, "scene:17", None)
    assert copy is None and picture.mask is not None and (picture.kind, picture.source) == ("seed", "17")
    again = tour_desk.show(picture, "emoji-vit")
    np.testing.assert_array_equal(np.asarray(tour_desk.picture(again).image), np.asarray(picture.image))
    with pytest.raises(ValueError, match="numbered"):
        example_picture(tour_desk.shelf, "scene:x", None)


@pytest.mark.parametrize(
    ("source", "place", "sentence"),
    [
        ("folder", "", "name a folder"),
        ("folder", "/no/such/folder", "there is no folder"),
        ("hub", "", "named owner/name"),
        ("hub", "../etc", "named owner/name"),
        ("hub", "apps/common", "named owner/name"),
        ("hub", "no-such-owner/no-such-set", "cannot be streamed"),
        ("hub", "one/two/three", "named owner/name"),
        ("anything", "", "choose where"),
    ],
)
def test_what_cannot_be_had_is_one_sentence(
    tour_desk: TourDesk, session: Session, source: str, place: str, sentence: str
):
    with pytest.raises(ValueError, match=sentence) as refusal:
        run(tour_desk, session, source, place)
    assert "\n" not in str(refusal.value)


def test_an_empty_folder_and_too_few_pictures_are_one_sentence(tour_desk: TourDesk, session: Session, tmp_path: Path):
    with pytest.raises(ValueError, match="no picture in"):
        run(tour_desk, session, "folder", str(tmp_path))
    Image.new("RGB", (20, 20)).save(tmp_path / "only.png")
    with pytest.raises(ValueError, match="at least 2 images"):
        run(tour_desk, session, "folder", str(tmp_path))
    assert not Measuring(tour_desk)._jobs


def test_a_space_measures_only_what_is_listed(tour_desk: TourDesk, session: Session, monkeypatch: pytest.MonkeyPatch):
    assert "folder" in dict(map(reversed, streams.sources()))  # type: ignore[arg-type]
    monkeypatch.setenv("SPACE_ID", "someone/space")
    assert "folder" not in dict(map(reversed, streams.sources()))  # type: ignore[arg-type]
    for source, place, sentence in (("folder", "/", "choose where"), ("hub", "some/thing", "streams only")):
        with pytest.raises(ValueError, match=sentence):
            run(tour_desk, session, source, place)


def test_a_model_whose_patterns_are_too_large_is_one_sentence(tour_desk: TourDesk, monkeypatch: pytest.MonkeyPatch):
    model = tour_desk.models.get("emoji-vit")
    check_model(model)
    monkeypatch.setattr(evidence, "MAX_CELLS", 100_000)
    with pytest.raises(ValueError, match="up to 0 million"):
        check_model(model)


def test_without_a_session_there_is_nothing_to_measure(tour_desk: TourDesk):
    with pytest.raises(ValueError, match="choose a model first"):
        list(Measuring(tour_desk).run("scenes", "", 5, None, VISITOR))
