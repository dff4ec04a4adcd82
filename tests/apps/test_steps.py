"""A model at a step of its training: one more model for desks, links, files and endpoints, and kept while scrubbing."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import prisma_engine as pe
from apps.attention_tour import export as tour_export
from apps.attention_tour.handlers import TourDesk
from apps.attention_tour.page import TourPage
from apps.cat_dog_patching.handlers import PairDesk
from apps.cat_dog_patching.page import PatchingPage
from apps.common import catalog, checkpoints, code, pictures, routes, share
from apps.common.blobs import Shelf
from apps.common.catalog import Offer
from apps.common.jobs import Workbench
from apps.common.page import meant
from apps.common.runtime import Models
from apps.common.share import Link, check_revision, link_query, read_link
from apps.common.steps import steps_value
from apps.dogit_lens import export, handlers, restore
from apps.dogit_lens.app import LensPage
from apps.dogit_lens.handlers import LensDesk
from checkpoints import NAME, STEPS, random_weights, write_model
from prisma_engine.curves import FILE
from prisma_engine.history import revision_of
from prisma_engine.load import models_folder

AT = f"{NAME}@step-000004"


@pytest.fixture(autouse=True)
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of models with one that kept steps, offered as those that ship are."""
    folder = write_model(tmp_path)
    (tmp_path / "emoji-vit").symlink_to(models_folder() / "emoji-vit")
    monkeypatch.setenv("PRISMA_MODELS", str(tmp_path))
    offer = Offer(NAME, "Mini", "embedded")
    monkeypatch.setitem(catalog.OFFERS, NAME, offer)
    monkeypatch.setattr(catalog, "EMBEDDED", (*catalog.EMBEDDED, offer))
    yield folder


@pytest.fixture
def lens() -> LensPage:
    return LensPage(LensDesk(Models(), Shelf()))


def event(**data: Any) -> Any:
    return SimpleNamespace(_data=data)


def first() -> str:
    return pictures.example_names()[0]


def test_an_id_names_a_model_and_a_step_and_nothing_else_does():
    assert checkpoints.parted(AT) == (NAME, 4)
    assert checkpoints.at_step(NAME, 4) == AT == checkpoints.at_step(AT, 4)
    for text in ("@step-000004", f"{NAME}@step-4", f"{NAME}@main", "a/b", f"{NAME}@"):
        assert checkpoints.parted(text) == (text, None)
    assert checkpoints.parted("owner/name@step-000100") == ("owner/name", 100)
    assert checkpoints.is_same(AT, NAME) and not checkpoints.is_same(AT, "emoji-vit")


def test_an_offer_at_a_step_is_the_models_own():
    offer = catalog.offer_for(AT)
    assert (offer.id, offer.title, offer.revision) == (AT, "Mini · step 4", "step-000004")
    assert offer.family == catalog.offer_for(NAME).family
    assert (
        catalog.title_of(AT) == f"{NAME} · step 4" and catalog.title_of("/a/b.safetensors@step-000010") == "b · step 10"
    )


@pytest.mark.parametrize("model_id", [f"{NAME}@step-000003", f"{NAME}@step-004096"])
def test_a_step_that_was_not_kept_is_refused_in_a_sentence(model_id: str):
    with pytest.raises(ValueError, match=r"kept no weights of step \d+; it kept those of 0, 1, 2, 4, 8, 12"):
        catalog.offer_for(model_id)


def test_a_model_without_steps_says_so(shipped: Path):
    for path in (shipped / "steps").iterdir():
        path.unlink()
    with pytest.raises(ValueError, match="kept no steps"):
        catalog.offer_for(AT)
    assert steps_value(NAME)["url"] is None


def test_a_hub_model_at_a_step_is_left_to_the_hub(monkeypatch: pytest.MonkeyPatch):
    hub = catalog.HUB[0].id
    assert catalog.offer_for(f"{hub}@step-000100").revision == "step-000100"
    assert steps_value(f"{hub}@step-000100")["url"] is None
    monkeypatch.setenv("SPACE_ID", "somebody/space")
    assert catalog.offer_for(AT).revision == "step-000004"
    with pytest.raises(ValueError, match="only the models of its list"):
        catalog.offer_for("somebody/else@step-000100")


def test_models_load_the_weights_of_the_step():
    models = Models()
    for step in (0, 4):
        model = models.get(checkpoints.at_step(NAME, step))
        expected = random_weights(step)
        assert model.name == NAME and model.revision == revision_of(step)
        assert all(torch.equal(p, expected[name]) for name, p in model.named_parameters())
    assert torch.equal(models.get(NAME).head.linear.weight, random_weights(max(STEPS))["head.linear.weight"])


def test_steps_have_a_bounded_room_beside_the_other_models():
    asked: list[str] = []

    def load(offer: Offer, classes: Any) -> Any:
        asked.append(offer.id)
        return SimpleNamespace(name=offer.id, revision=offer.revision, classes=classes)

    models, hub = Models(load, keep=1, keep_steps=3), catalog.HUB[0].id
    ids = [checkpoints.at_step(NAME, step) for step in STEPS[:4]]
    for model_id in (NAME, hub, *ids):
        models.get(model_id)
    assert models.loaded() == [NAME, hub, *ids[1:]]
    for model_id in (ids[3], ids[1], hub, NAME):
        models.get(model_id)
    assert len(asked) == 6
    models.get(ids[0])
    assert len(asked) == 7 and ids[2] not in models.loaded()


def test_a_link_carries_the_step_in_the_models_name():
    query = link_query(Link(model=AT, revision="step-000004", kind="example", source="a"))
    assert query == f"model={NAME}@step-000004&example=a"
    link, problems = read_link({"model": AT}, ())
    assert link.model == AT and not problems
    assert check_revision(link, AT, "step-000004") == []
    link, _ = read_link({"model": NAME, "revision": "step-000004"}, ())
    assert (link.model, link.revision) == (AT, None)
    link, _ = read_link({"model": "a/b", "revision": "0123abc"}, ())
    assert (link.model, link.revision) == ("a/b", "0123abc")


def test_python_loads_the_step_by_its_revision():
    assert code.loading(AT, "step-000004", None) == f"pe.load('{NAME}', revision='step-000004')"


def test_the_lens_shows_and_restores_a_step(lens: LensPage):
    opened = restore.open_page(lens.desk, {"model": AT, "example": first(), "layer": "0_mid"})
    assert not opened.notes and opened.session.model_id == AT
    result = lens.desk.result(opened.session)
    query = handlers.link_of(opened.session, opened.view, result)
    assert f"model={AT}" in query and "revision" not in query
    table = json.loads(export.numbers_json(result, opened.view))
    assert (table["model"], table["revision"]) == (NAME, "step-000004")
    assert f"pe.load('{NAME}', revision='step-000004')" in export.python_code(result, opened.view)
    assert handlers.lens_value(result, "key", opened.view)["meta"]["model"] == f"{NAME} · step 4"
    assert handlers.lens_value(result, "key", opened.view)["meta"]["k"] == 3
    assert result.scores is None or result.scores["heldout"] is None


def test_the_printed_python_gives_the_numbers_of_the_step(lens: LensPage):
    opened = restore.open_page(lens.desk, {"model": AT, "example": first()})
    result = lens.desk.result(opened.session)
    text = export.python_code(result, opened.view)
    loading = re.search(r"pe\.load\(.*\)", text)
    assert loading is not None
    model = eval(compile(ast.parse(loading[0], mode="eval"), "code", "eval"), {"pe": pe})
    assert model.preprocess is not None and result.picture.image is None
    image = pictures.example(first()).image
    assert image is not None
    logits = pe.logit_lens(model, model.preprocess(image)).logits[-1, 0]
    assert torch.allclose(logits, torch.from_numpy(result.logits[-1]), atol=1e-5)


def test_an_unknown_step_of_a_link_falls_back_with_a_sentence(lens: LensPage):
    opened = restore.open_page(lens.desk, {"model": f"{NAME}@step-000003", "example": first()})
    assert opened.session.model_id != AT and any("kept no weights of step 3" in note for note in opened.notes)


def test_the_endpoint_takes_a_step(tmp_path: Path):
    image = pictures.example(first()).image
    assert image is not None
    image.save(tmp_path / "a.png")
    told = handlers.endpoint(LensDesk(Models(), Shelf()), str(tmp_path / "a.png"), AT, "final")
    assert (told["model"], told["revision"]) == (NAME, "step-000004")


def test_another_picture_keeps_the_step_and_another_model_drops_it(lens: LensPage):
    session, view, *_ = lens.example(event(name=first()), NAME, "", None, None)
    assert session.model_id == NAME
    session, view, *rest = lens.step(event(model=NAME, step=4, at=10), Workbench(), session, view)
    assert session.model_id == AT and rest[-1]["step"] == 4
    session, view, *_ = lens.example(event(name=pictures.example_names()[1]), NAME, "", session, view)
    assert session.model_id == AT and session.source == pictures.example_names()[1]
    session, view, *_ = lens.model(NAME, "", session, view)
    assert session.model_id == AT
    session, view, *rest = lens.model(f"{NAME}@step-000001", "", session, view)
    assert session.model_id == f"{NAME}@step-000001"
    assert meant("emoji-vit", session) == "emoji-vit" and meant(None, session) is None  # type: ignore[arg-type]


def test_a_step_keeps_the_view_and_the_last_one_is_the_model_itself(lens: LensPage):
    turn = Workbench()
    session, view, *_ = lens.example(event(name=first()), NAME, "", None, None)
    _, _, *rest = lens.step(event(model=NAME, step=8, at=1), turn, session, view)
    session, view, *rest = lens.step(event(model=NAME, step=0, at=2), turn, session, replace(view, layer=1, token=3))
    assert view.layer == 1 and view.token == 3 and rest[-1]["step"] == 0
    session, _, *rest = lens.step(event(model=NAME, step=12, at=3), turn, session, view)
    assert session.model_id == NAME and rest[-1]["step"] is None


def test_a_late_event_or_one_of_another_model_changes_nothing(lens: LensPage):
    turn = Workbench()
    session, view, *_ = lens.example(event(name=first()), NAME, "", None, None)
    session, view, *_ = lens.step(event(model=NAME, step=4, at=20), turn, session, view)
    for late in (event(model=NAME, step=1, at=10), event(model="emoji-vit", step=1, at=30)):
        assert not isinstance(lens.step(late, turn, session, view), tuple)
    with pytest.raises(ValueError, match="kept no weights of step 5"):
        lens.step(event(model=NAME, step=5, at=40), turn, session, view)
    for wrong in (None, "4", -1, 1.5):
        with pytest.raises(ValueError, match="there is no step"):
            lens.step(event(model=NAME, step=wrong, at=41), turn, session, view)
    assert lens.step_refused(session)["refused"] and lens.step_refused(session)["step"] == 4


def test_the_scrubbers_table_holds_history_and_findings(shipped: Path):
    value = steps_value(AT)
    assert (value["model"], value["step"], value["refused"]) == (NAME, 4, False)
    table = json.loads(routes._tables.get(value["url"].rsplit("/", 1)[1]) or b"")
    assert table["stops"] == list(STEPS) and table["curves"] is None
    assert [row[0] for row in table["rows"]] == list(STEPS) and all(len(row) == 5 for row in table["rows"])
    (shipped / FILE).write_text("damaged")
    assert steps_value(NAME)["url"] == value["url"]
    assert steps_value("emoji-vit")["url"] is None


def test_the_end_of_a_training_is_a_stop_even_where_only_earlier_steps_were_kept(shipped: Path):
    (shipped / "steps" / "step-000012.safetensors").unlink()
    history = checkpoints.history_of(NAME)
    assert history.steps == STEPS[:-1] and checkpoints.stops(history) == STEPS
    assert checkpoints.at_stop(NAME, 12) == NAME and checkpoints.at_stop(NAME, 8) == f"{NAME}@step-000008"


def test_a_folder_on_this_disk_has_steps_too(shipped: Path):
    path = str(shipped)
    assert catalog.offer_for(f"{path}@step-000008").revision == "step-000008"
    assert Models().get(f"{path}@step-000008").revision == "step-000008"
    assert steps_value(path)["url"] and catalog.title_of(f"{path}@step-000008") == f"{NAME} · step 8"


def test_the_tour_keeps_head_and_comparison_over_steps():
    page = TourPage(TourDesk(Models(), Shelf()))
    session, against, view, *_ = page.example(event(name=first()), NAME, "", None, None, None, None)
    shown = page.step(event(model=NAME, step=4, at=1), Workbench(), session, None, view, None)
    session = shown[0]
    assert session.model_id == AT and isinstance(shown[2], dict) and shown[3]["view"] is None
    _, against, *rest = page.compare_model(NAME, "", session, None, view, None)
    assert against is not None and against.session.model_id == NAME
    result, beside = page.desk.result(session), page.desk.result(against.session)
    assert tour_export.file_name("picture", result, view).startswith(f"attention-tour-picture-{NAME}-step-4-")
    table = json.loads(tour_export.numbers_json(result, view))
    assert (table["model"], table["revision"]) == (NAME, "step-000004")
    text = tour_export.python_code(result, view, beside)
    assert f"pe.load('{NAME}', revision='step-000004')" in text and f"other_model = pe.load('{NAME}')" in text
    assert rest[-1]["step"] == 4


def test_patching_asks_the_same_question_at_every_step():
    page = PatchingPage(PairDesk(Models(), Shelf()))
    session, bench, *_ = page.example(event(name=first()), NAME, "", None, None)
    before = page.desk.result(session)
    session, bench, *_ = page.step(event(model=NAME, step=0, at=1), Workbench(), session, bench)
    after = page.desk.result(session)
    assert (after.model_id, after.answers) == (f"{NAME}@step-000000", before.answers)
    assert after.plan.hidden == before.plan.hidden and after.clean.metric != before.clean.metric
    _, link, text = page.links(session, bench)
    assert f"model={NAME}@step-000000" in link and f"pe.load('{NAME}', revision='step-000000')" in text


def test_share_names_no_step_where_there_is_none():
    assert share.link_query(Link(model="a/b", revision="c")) == "model=a%2Fb&revision=c"
