"""Pictures of dSprites in the pages: exact masks, for the models that know them, and in the Python that is copied."""

from __future__ import annotations

import numpy as np
import pytest

from apps.cat_dog_patching import restore as pair_restore
from apps.cat_dog_patching.app import PatchingPage
from apps.cat_dog_patching.handlers import PairDesk
from apps.common import catalog, code, pictures, scenes, sprites
from apps.common.page import Chosen
from apps.dogit_lens import restore as lens_restore
from apps.dogit_lens.app import LensPage
from apps.dogit_lens.handlers import LensDesk
from prisma_engine.toy.dsprites import SHAPES

MODEL = "dsprites-base-attn-mlp"


@pytest.mark.parametrize("name", list(sprites.EXAMPLES))
def test_an_example_is_its_shape_with_its_exact_mask(name: str) -> None:
    found = pictures.example(name)
    assert found.mask is not None and found.image is not None
    assert ((np.asarray(found.image)[..., 0] == 255) == (found.mask == 1)).all() and found.mask.sum() > 80
    assert SHAPES[found.objects[0]] == name.rsplit("-", 1)[1] and SHAPES[found.objects[0]] in found.title
    assert found.title.startswith("An ellipse" if "ellipse" in name else "A ")
    assert scenes.thumbnail(name).startswith(b"\x89PNG")


def test_each_model_is_shown_its_own_kind() -> None:
    assert set(pictures.example_names(MODEL)) == set(sprites.EXAMPLES)
    assert not set(pictures.example_names("cifar10-base-attn-mlp")) & set(sprites.EXAMPLES)
    assert pictures.example_names(f"{MODEL}@step-000064") == pictures.example_names(MODEL)
    items = scenes.picker_value("sprite-heart", MODEL)
    assert [item["name"] for item in items["items"]] == list(sprites.EXAMPLES) and items["chosen"] == "sprite-heart"
    assert catalog.offer_for(MODEL).title == "dSprites shapes · 2 layers, attention and MLPs"
    scene, sprite = pictures.first(), pictures.first(MODEL)
    assert pictures.for_model(scene, MODEL) is sprite and pictures.for_model(sprite, catalog.DEFAULT) is scene
    assert pictures.for_model(sprite, MODEL) is sprite and pictures.for_model(scene, catalog.DEFAULT) is scene
    own = pictures.Picture(scene.image, "upload", "0" * 16, "Your picture")
    assert pictures.for_model(own, MODEL) is own
    assert pictures.for_model(pictures.seeded("3"), MODEL) is sprite, "an emoji scene tells a model of shapes nothing"


def test_the_lens_knows_where_the_shape_is() -> None:
    page = LensPage(LensDesk())
    before = page.shown(Chosen(pictures.first(), catalog.DEFAULT, "", "model"), None, None)
    after = page.model(MODEL, "", *before[:2])
    session, result = after[0], page.desk.result(after[0])
    assert session.source == "sprite-heart" and result.vocabulary.names == SHAPES
    assert result.top5[0].name == "heart" and result.scores is not None and len(result.top5) == 3
    assert result.mask is not None and result.mask.shape == (64, 64)
    back = page.model(catalog.DEFAULT, "", *after[:2])
    assert back[0].source == pictures.example_names()[0]


def test_the_pair_is_two_shapes() -> None:
    page = PatchingPage(PairDesk())
    before = page.shown(Chosen(pictures.first(), catalog.DEFAULT, "", "model"), None, None)
    after = page.model(MODEL, "", *before[:2])
    result = page.desk.result(after[0])
    a, b, _ = result.answers
    assert (result.name(a), result.name(b)) == ("heart", "ellipse") and result.other is not None
    assert result.clean.metric > 0 > result.corrupt.metric


def test_copied_python_draws_the_same_picture() -> None:
    text = code.opening(image=pictures.example("sprite-square"))
    space: dict = {}
    exec(text, space)
    assert (np.asarray(space["image"]) == np.asarray(pictures.example("sprite-square").image)[..., 0]).all()


@pytest.mark.parametrize("step", ["", "@step-000064"])
def test_a_link_to_a_model_alone_opens_its_own_picture(step: str) -> None:
    opened = lens_restore.open_page(LensDesk(), {"model": MODEL + step})
    assert (opened.session.source, opened.session.model_id) == ("sprite-heart", MODEL + step) and not opened.notes
    pair = pair_restore.open_page(PairDesk(), {"model": MODEL + step})
    assert pair.session.source == "sprite-heart" and '"sprite-ellipse"' in pair.session.variant and not pair.notes
    unknown = lens_restore.open_page(LensDesk(), {"model": "no/such-model-of-mine"})
    assert unknown.session.source == pictures.example_names()[0] and unknown.notes
    assert pair_restore.open_page(PairDesk(), {}).session.kind == "scene"
