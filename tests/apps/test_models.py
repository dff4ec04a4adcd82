"""The table of models: loaded once, bounded, and every failure one sentence while the last model stays."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest

from apps.common import catalog
from apps.common.catalog import Offer
from apps.common.runtime import Models


class Loader:
    """Counts loads; `pause` holds each one back for some seconds."""

    def __init__(self, pause: float = 0, error: Exception | None = None) -> None:
        self.asked: list[Offer] = []
        self.pause, self.error = pause, error

    def __call__(self, offer: Offer, classes: tuple[str, ...] | None) -> Any:
        self.asked.append(offer)
        time.sleep(self.pause)
        if self.error:
            raise self.error
        return SimpleNamespace(name=offer.id, revision="abc123" if "/" in offer.id else None, classes=classes)


def test_two_visitors_load_a_model_once():
    load = Loader(pause=0.05)
    models = Models(load)
    threads = [threading.Thread(target=models.get, args=("emoji-vit",)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(load.asked) == 1


def test_the_embedded_model_stays_and_two_others():
    load = Loader()
    models = Models(load, keep=2)
    models.get("emoji-vit")
    hub = [offer.id for offer in catalog.HUB if not offer.zero_shot][:3]
    for model_id in hub:
        models.get(model_id)
    assert models.loaded() == ["emoji-vit", *hub[1:]]
    models.get(hub[0])
    assert len(load.asked) == 5


def test_the_revision_of_the_first_load_is_pinned():
    load = Loader()
    models = Models(load, keep=1)
    first, second = (offer.id for offer in catalog.HUB[:2])
    for model_id in (first, second, first):
        models.get(model_id)
    assert [offer.revision for offer in load.asked] == [None, None, "abc123"]


def test_zero_shot_models_are_kept_by_class_list_and_share_their_weights():
    load = Loader()
    models = Models(load, rename=lambda model, classes: SimpleNamespace(**vars(model) | {"classes": classes}))  # type: ignore
    clip = next(offer.id for offer in catalog.HUB if offer.zero_shot)
    one, two = models.get(clip, ("a", "b")), models.get(clip, ("a", "c"))
    assert one is not two and models.get(clip, ("a", "b")) is one
    assert len(load.asked) == 1


@pytest.mark.parametrize("error", [OSError("no route\nto host"), RuntimeError("x" * 500), ConnectionError()])
def test_what_does_not_load_is_one_sentence(error: Exception):
    models = Models(Loader(error=error))
    with pytest.raises(ValueError) as refusal:
        models.get(catalog.HUB[0].id)
    assert "\n" not in str(refusal.value) and catalog.HUB[0].id in str(refusal.value)
    assert models.loaded() == []


def test_the_sentence_of_the_engine_is_passed_on():
    models = Models(Loader(error=ValueError("this architecture has a convolution in the middle")))
    with pytest.raises(ValueError, match="convolution in the middle"):
        models.get(catalog.HUB[0].id)


def test_strangers_on_a_space_get_the_list_only(monkeypatch: pytest.MonkeyPatch):
    assert catalog.offer_for("somebody/some_model").id == "somebody/some_model"
    monkeypatch.setenv("SPACE_ID", "somebody/suite")
    assert catalog.offer_for("emoji-vit")
    for asked in ("somebody/some_model", "/etc/passwd", "../x", ""):
        with pytest.raises(ValueError, match="models of its list"):
            catalog.offer_for(asked)


@pytest.mark.parametrize("asked", ["", " ", "a\nb", "x" * 500])
def test_names_that_cannot_be_models_are_refused(asked: str):
    with pytest.raises(ValueError):
        catalog.offer_for(asked)
