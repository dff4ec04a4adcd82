"""A page's working parts: models, results on the shelf, and what one visitor is looking at."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from apps.common import catalog, pictures
from apps.common.blobs import SHELF, Result, Shelf
from apps.common.pictures import Picture
from apps.common.runtime import MODELS, Models, on_gpu
from apps.common.share import SourceKind

R = TypeVar("R")
MAX_EXAMPLES = 128


@dataclass(frozen=True)
class Session:
    """What one visitor is looking at; the result itself is on the shelf, under `key`."""

    key: str
    model_id: str
    classes: str  # as typed, for a zero-shot model
    kind: SourceKind
    source: str
    upload: str | None = None  # path of the upload in Gradio's own temporary folder
    variant: str = ""  # how the model was run, where a page runs it in more than one way


class Desk(ABC, Generic[R]):
    """One page's analysis over shared models and a shared shelf; tests bring their own of both.

    Attributes:
        travels: whether a result is numbers alone, which another process can send; see `runtime.on_gpu`.
    """

    travels: ClassVar[bool] = True

    def __init__(self, models: Models = MODELS, shelf: Shelf = SHELF) -> None:
        self.models, self.shelf = models, shelf
        self._examples: dict[tuple[str, ...], str] = {}
        self._on_gpu = on_gpu(self.run) if self.travels else None

    @abstractmethod
    def run(self, picture: Picture, model_id: str, classes: str = "", variant: str = "") -> R:
        """The page's analysis of `picture` by a model of the catalog.

        Raises:
            ValueError: one sentence for the visitor.
        """

    @abstractmethod
    def packed(self, result: R) -> Result:
        """All that the browser may ask about `result`; its `about` is what `result()` gives back."""

    def show(
        self, picture: Picture, model_id: str, classes: str = "", upload: str | None = None, variant: str = ""
    ) -> Session:
        """Run the analysis and put the result on the shelf; shipped examples are computed once for everybody."""
        offer = catalog.offer_for(model_id)
        classes = classes if offer.zero_shot else ""
        memory = (picture.source, offer.id, classes, variant)
        key = self._examples.get(memory) if self.is_shared(picture) else None
        if key is None or self.shelf.get(key) is None:
            key = self.put(self._run(picture, offer.id, classes, variant))
            if self.is_shared(picture):
                self._remember(memory, key)
        return Session(key, offer.id, classes, picture.kind, picture.source, upload, variant)

    def _run(self, picture: Picture, model_id: str, classes: str, variant: str) -> R:
        """`run`, on ZeroGPU in a process of its own, which inherits the models that are in memory here."""
        if self._on_gpu is None:
            return self.run(picture, model_id, classes, variant)
        self.models.get(model_id, catalog.parse_classes(classes) if classes else None)
        return self._on_gpu(picture, model_id, classes, variant)

    def put(self, result: R, key: str | None = None) -> str:
        """Keep all that the browser may ask about `result`, and return its key (a new one, if None)."""
        return self.shelf.put(self.packed(result), key)

    def result(self, session: Session) -> R:
        """The visitor's result, computed again where it has left the shelf.

        Raises:
            ValueError: one sentence, where the picture was an upload and is gone too.
        """
        kept = self.shelf.get(session.key)
        if kept is not None:
            return kept.about
        result = self._run(self.picture(session), session.model_id, session.classes, session.variant)
        self.put(result, session.key)
        return result

    def picture(self, session: Session) -> Picture:
        """The visitor's picture again.

        Raises:
            ValueError: one sentence, where it was an upload that is no longer kept.
        """
        if session.kind == "example":
            return pictures.example(session.source)
        if session.kind == "scene":
            return pictures.scene_in_link(session.source)
        if session.kind == "seed":
            return pictures.seeded(session.source)
        return pictures.uploaded(session.upload or "")

    def is_shared(self, picture: Picture) -> bool:
        """Whether its result is computed once for everybody: a shipped example's is."""
        return picture.kind == "example"

    def _remember(self, memory: tuple[str, ...], key: str) -> None:
        self._examples[memory] = key
        while len(self._examples) > MAX_EXAMPLES:
            self._examples.pop(next(iter(self._examples)), None)
