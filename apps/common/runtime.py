"""Models in memory, and the limits under which the page runs them.

Models are read-only and shared by all visitors; whatever belongs to one visitor lives in that visitor's own
state. The embedded models stay; of the others the two used last stay, and of steps of a training the six.
"""

from __future__ import annotations

import logging
import os
import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import torch
from PIL import Image

from apps.common import catalog, checkpoints
from apps.common.catalog import Offer

if TYPE_CHECKING:
    from prisma_engine import HookedViT

MAX_PIXELS = 16_000_000  # as in prisma_engine.images, for the places where Gradio opens a picture itself
MODEL_QUEUE = "model"  # concurrency_id of every event that runs a model
QUEUE_SIZE = 32
MAX_UPLOAD = "5mb"
MAX_SENTENCE = 300  # characters of a refusal that a visitor reads
DELETE_CACHE = (3600, 3600)  # uploads and saved files: looked for each hour, removed when an hour old

P = ParamSpec("P")
R = TypeVar("R")
log = logging.getLogger(__name__)


def settle(n_threads: int = 2) -> None:
    """Process-wide limits: refuse decompression bombs, and leave a core to the server."""
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    torch.set_num_threads(n_threads)


def on_gpu(handler: Callable[P, R]) -> Callable[P, R] | None:
    """A handler that runs a model, as ZeroGPU runs it; None where there is no `spaces` library.

    On ZeroGPU it runs in a forked process: what it is given and returns is pickled, what it leaves in memory is lost,
    and of its errors only a ValueError, the visitor's sentence, comes back. Elsewhere `spaces` calls it as it is.
    """
    gpu, here = _gpu(), os.getpid()
    if gpu is None:
        return None

    def answered(*args: P.args, **kwargs: P.kwargs) -> R | ValueError:
        _settle_fork(here)
        try:
            return handler(*args, **kwargs)
        except ValueError as error:
            return error

    run = gpu(answered)

    def asked(*args: P.args, **kwargs: P.kwargs) -> R:
        found = run(*args, **kwargs)
        if isinstance(found, ValueError):
            raise found
        return found

    return asked


def on_gpu_steps(handler: Callable[P, Iterator[R]]) -> Callable[P, Iterator[R]] | None:
    """The same for a handler that yields what it has so far; whoever stops asking has stopped it."""
    gpu, here = _gpu(), os.getpid()
    if gpu is None:
        return None

    def answered(*args: P.args, **kwargs: P.kwargs) -> Iterator[R | ValueError]:
        _settle_fork(here)
        try:
            yield from handler(*args, **kwargs)
        except ValueError as error:
            yield error

    run = gpu(answered)

    def asked(*args: P.args, **kwargs: P.kwargs) -> Iterator[R]:
        for found in run(*args, **kwargs):
            if isinstance(found, ValueError):
                raise found
            yield found

    return asked


def _gpu() -> Callable[..., Any] | None:
    try:
        return import_module("spaces").GPU  # the Hub's builder installs it beside Gradio
    except (ImportError, AttributeError):
        return None


def _settle_fork(parent: int) -> None:
    if os.getpid() != parent:
        torch.set_num_threads(1)  # OpenMP's threads are not forked with the process, which would wait for them


Loader = Callable[[Offer, tuple[str, ...] | None], "HookedViT"]
Renamer = Callable[["HookedViT", tuple[str, ...]], "HookedViT"]


def load_offer(offer: Offer, classes: tuple[str, ...] | None) -> HookedViT:
    """Load one model; see `prisma_engine.load`."""
    import prisma_engine as pe

    extra: dict[str, Any] = {"classes": list(classes)} if classes else {}
    return pe.load(checkpoints.base_of(offer.id), revision=offer.revision, **extra)


def rename_classes(model: HookedViT, classes: tuple[str, ...]) -> HookedViT:
    """The same zero-shot weights with another list of classes; see `prisma_engine.with_classes`."""
    import prisma_engine as pe

    return pe.with_classes(model, classes)


class Models:
    """A bounded table of loaded models; two visitors asking for the same one load it once.

    Steps of a training have a room of their own, `keep_steps`, so that going back and forth loads nothing again.
    """

    def __init__(
        self, load: Loader = load_offer, keep: int = 2, rename: Renamer = rename_classes, keep_steps: int = 6
    ) -> None:
        self._load, self._keep, self._rename, self._keep_steps = load, keep, rename, keep_steps
        self._loaded: OrderedDict[tuple[str, tuple[str, ...] | None], HookedViT] = OrderedDict()
        self._pinned: dict[str, str] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, model_id: str, classes: tuple[str, ...] | None = None) -> HookedViT:
        """The model, loaded at most once.

        Raises:
            ValueError: one sentence for the visitor: not offered, not found, offline, or not convertible.
        """
        offer = catalog.offer_for(model_id)
        key = (offer.id, classes if offer.zero_shot else None)
        with self._lock_of(offer.id):
            model = self._recall(key)
            if model is None:
                model = self._load_or_explain(offer, key[1])
                self._keep_loaded(key, model)
        return model

    def loaded(self) -> list[str]:
        """Ids of the models in memory, the last used last."""
        with self._lock:
            return list(dict.fromkeys(model_id for model_id, _ in self._loaded))

    def revision(self, model_id: str) -> str | None:
        """The commit or step of a model that was loaded; None where it has none."""
        return self._pinned.get(model_id)

    def _load_or_explain(self, offer: Offer, classes: tuple[str, ...] | None) -> HookedViT:
        revision = offer.revision or self._pinned.get(offer.id)
        try:
            sibling = self._sibling(offer.id) if classes else None
            if sibling is not None and classes:
                model = self._rename(sibling, classes)
            else:
                model = self._load(replace(offer, revision=revision), classes)
        except (OSError, RuntimeError, ValueError, KeyError, ImportError) as error:
            log.warning("could not load %s: %s", offer.id, error)
            raise ValueError(explain(offer, error)) from error
        if model.revision:
            self._pinned[offer.id] = model.revision
        return model

    def _sibling(self, model_id: str) -> HookedViT | None:
        """The same model with another list of classes, whose weights can be shared."""
        with self._lock:
            return next((model for (known, _), model in self._loaded.items() if known == model_id), None)

    def _lock_of(self, model_id: str) -> threading.Lock:
        with self._lock:
            return self._locks.setdefault(model_id, threading.Lock())

    def _recall(self, key: tuple[str, tuple[str, ...] | None]) -> HookedViT | None:
        with self._lock:
            if key in self._loaded:
                self._loaded.move_to_end(key)
            return self._loaded.get(key)

    def _keep_loaded(self, key: tuple[str, tuple[str, ...] | None], model: HookedViT) -> None:
        embedded = {offer.id for offer in catalog.EMBEDDED}
        with self._lock:
            self._loaded[key] = model
            steps = [k for k in self._loaded if checkpoints.parted(k[0])[1] is not None]
            others = [k for k in self._loaded if k[0] not in embedded and k not in steps]
            for keys, keep in ((steps, self._keep_steps), (others, self._keep)):
                for old in keys[: max(0, len(keys) - keep)]:
                    del self._loaded[old]


def explain(offer: Offer, error: Exception) -> str:
    """One sentence for a visitor about a model that did not load; the cause is in the log."""
    text = " ".join(str(error.args[0] if error.args else error).split())
    if isinstance(error, (ValueError, KeyError)) and text:
        return text if len(text) <= MAX_SENTENCE else f"{text[:MAX_SENTENCE].rstrip()}…"
    return f"{offer.id} could not be loaded; the page keeps the last model"


MODELS = Models()
