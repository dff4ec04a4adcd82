"""The vision-language models that the page offers, and those in memory: one at a time beside the one that ships."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from apps.common import catalog
from apps.common.runtime import MAX_SENTENCE

if TYPE_CHECKING:
    from prisma_engine.vlm import HookedVLM

ONLY_LISTED = "this page runs only the models of its list; run the suite locally to load any other"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Offer:
    """One model a visitor may pick; `id` is what `prisma_engine.vlm.load` takes."""

    id: str
    title: str
    revision: str | None = None


DEFAULT = "emoji-llava"
LARGE = Offer("Intel/llava-gemma-2b", "LLaVA-Gemma 2B · from the Hub, where the memory allows")
OFFERS = {offer.id: offer for offer in (Offer(DEFAULT, "emoji-llava · ours, 96 px"), LARGE)}


def choices() -> list[tuple[str, str]]:
    """(title, id) of every offer, for a dropdown; a Space has the one that ships."""
    return [(offer.title, offer.id) for offer in OFFERS.values() if offer.id == DEFAULT or not catalog.on_space()]


def offer_for(model_id: object) -> Offer:
    """The offer of that name; locally, one for any folder or Hub id.

    Raises:
        ValueError: for anything else, in one sentence.
    """
    if not isinstance(model_id, str):
        raise ValueError("name a model as a text")
    name = model_id.strip()
    if catalog.on_space() and name != DEFAULT:
        raise ValueError(ONLY_LISTED)
    if name in OFFERS:
        return OFFERS[name]
    if not name or len(name) > 400 or not name.isprintable():
        raise ValueError("name a vision-language model of the list, a Hub id such as owner/name, or a folder")
    return Offer(name, name)


def title_of(model_id: str) -> str:
    """The short name of a model: the last part of a path, a Hub id as it is."""
    return Path(model_id).name if model_id.startswith(("/", ".", "~")) else model_id


def ships(model_id: str) -> bool:
    """Whether a model lies beside the code and needs no network."""
    from prisma_engine import vlm

    return model_id in vlm.shipped()


def needs_of(model_id: str) -> str:
    """What a model of the Hub asks of this machine, in words; "" for one that is here.

    Raises:
        ValueError: one sentence, where there is no such model, no network, or not enough memory.
    """
    from prisma_engine.hub import is_repo_id
    from prisma_engine.vlm import loading, memory

    if ships(model_id) or Path(model_id).expanduser().exists():
        return ""
    if not is_repo_id(model_id):
        raise ValueError(f"there is no folder {model_id!r:.80} here, and a Hub id has the form owner/name")
    found = loading.needed(model_id, device=device_of(model_id))
    memory.check(model_id, found)
    return f"it needs {found}"


def load_offer(offer: Offer) -> HookedVLM:
    """Load one model; see `prisma_engine.vlm.load`."""
    from prisma_engine import vlm

    name = str(Path(offer.id).expanduser()) if offer.id.startswith("~") else offer.id
    return vlm.load(name, revision=offer.revision, device=device_of(offer.id))


def device_of(model_id: str) -> str:
    """Where a model runs: on a GPU of this machine, the one that ships, which needs none, on the CPU."""
    return "cuda" if model_id != DEFAULT and torch.cuda.is_available() else "cpu"


Loader = Callable[[Offer], "HookedVLM"]


class Vlms:
    """A bounded table of loaded models; two visitors asking for the same one load it once."""

    def __init__(self, load: Loader = load_offer, keep: int = 1) -> None:
        self._load, self._keep = load, keep
        self._loaded: OrderedDict[str, HookedVLM] = OrderedDict()
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, model_id: str) -> HookedVLM:
        """The model, loaded at most once.

        Raises:
            ValueError: one sentence for the visitor: not offered, not found, too large, or not understood.
        """
        offer = offer_for(model_id)
        with self._lock:
            lock = self._locks.setdefault(offer.id, threading.Lock())
        with lock:
            model = self._recall(offer.id)
            if model is None:
                model = self._loaded_or_explained(offer)
                self._remember(offer.id, model)
        return model

    def _loaded_or_explained(self, offer: Offer) -> HookedVLM:
        try:
            return self._load(offer)
        except (OSError, RuntimeError, ValueError, KeyError, ImportError) as error:
            log.warning("could not load %s: %s", offer.id, error)
            text = " ".join(str(error.args[0] if error.args else error).split())
            if isinstance(error, (ValueError, KeyError)) and text:
                raise ValueError(text if len(text) <= MAX_SENTENCE else f"{text[:MAX_SENTENCE].rstrip()}…") from error
            raise ValueError(f"{offer.id} could not be loaded; the page keeps the last model") from error

    def _recall(self, name: str) -> HookedVLM | None:
        with self._lock:
            if name in self._loaded:
                self._loaded.move_to_end(name)
            return self._loaded.get(name)

    def _remember(self, name: str, model: HookedVLM) -> None:
        with self._lock:
            self._loaded[name] = model
            others = [each for each in self._loaded if each != DEFAULT]
            for old in others[: max(0, len(others) - self._keep)]:
                del self._loaded[old]


VLMS = Vlms()
