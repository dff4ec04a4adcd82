"""The pictures of a study: inputs of a model, with the right answers where somebody knows them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from jaxtyping import Float
from torch import Tensor

from prisma_engine.images import ImageRefused
from prisma_engine.labels.font import DATA
from prisma_engine.sources import SCENES, SPLITS, pictures, scene_of
from prisma_engine.toy.emoji_classes import NAMES
from prisma_engine.vit import HookedViT

FOLDERS, FILES = "folders", "files"
SYNSET = re.compile(r"n\d{8}")
NUMBERED = re.compile(r"(.+?)(?:[ _-]+\d+)?")


@dataclass(frozen=True)
class Sample:
    """One picture.

    Attributes:
        reference: its name in its source.
        x: the model's input.
        classes: the right answers; empty where nobody says.
    """

    reference: str
    x: Float[Tensor, "1 channel height width"]
    classes: tuple[int, ...]


@dataclass(frozen=True)
class Samples:
    """At most `n` pictures of a source, in its order, opened anew each time that they are gone through.

    Emoji scenes know what is in them. Elsewhere `labels` says where the right class is written: "folders", the name
    of the subfolder that holds the picture; "files", the file's own name, less a number behind a space, `_` or `-`
    (`tabby_3.jpg`); of a data set, the column. See `class_of` for how it may be written.

    Attributes:
        source, column, split: as `prisma_engine.sources.pictures` takes them.
        progress: called with the number done.

    Raises:
        ValueError: when gone through, if there is no such source or label, or the model takes videos.
    """

    model: HookedViT
    source: str = SCENES
    n: int = 1000
    labels: str | None = None
    column: str | None = None
    split: str | None = None
    progress: Callable[[int], None] = lambda done: None

    @property
    def title(self) -> str:
        """What the pictures are, for people: "emoji scenes", or the name of the folder or data set."""
        if self.source == SCENES:
            return "emoji scenes"
        return Path(self.source).resolve().name if Path(self.source).is_dir() else self.source

    def __iter__(self) -> Iterator[Sample]:
        if self.model.preprocess is None or self.model.config.is_video:
            raise ValueError(f"{self.model.name} takes no still pictures, and studies are of those")
        found = pictures(self.source, self.n, self.column, self.split)
        classes = self._classes()
        for done, (reference, picture) in enumerate(found, 1):
            right = classes(reference)
            try:
                yield Sample(reference, self.model.preprocess(picture), right)
            except ImageRefused:
                continue
            self.progress(done)

    def _classes(self) -> Callable[[str], tuple[int, ...]]:
        """The right answers of a reference; of a data set, to be asked once for each row in order."""
        if self.source == SCENES:
            known = self.model.vocabulary is not None and self.model.vocabulary.names == NAMES
            return lambda reference: scene_of(reference).classes if known else ()
        if self.labels is None:
            return lambda reference: ()
        if Path(self.source).is_dir():
            return lambda reference: (class_of(self.model, _word(reference, self.labels)),)
        column = self._column(self.labels)
        return lambda reference: (next(column),)

    def _column(self, name: str) -> Iterator[int]:
        from datasets import load_dataset

        splits: Any = load_dataset(self.source, streaming=True)
        rows = splits[self.split or next((split for split in SPLITS if split in splits), next(iter(splits)))]
        kind = (rows.features or {}).get(name)
        if kind is None:
            raise ValueError(f"{self.source} has no column {name!r}; it has {', '.join(rows.features or ())}")
        n_classes = len(self.model.vocabulary or ())
        # Numbers of another list of classes mean nothing to this model, but their names may.
        named = getattr(kind, "names", None) if getattr(kind, "num_classes", n_classes) != n_classes else None
        for row in rows.select_columns([name]):
            yield class_of(self.model, named[row[name]] if named else row[name])


def class_of(model: HookedViT, label: str | int) -> int:
    """The model's class of a label: a class number, a name of its vocabulary, or an ImageNet synset ("n02123045").

    Raises:
        ValueError: if the model has no such class.
    """
    if model.vocabulary is None:
        raise ValueError(f"{model.name} has no classes, so labels mean nothing to it; leave them out")
    text = str(label)
    if model.vocabulary.id == "imagenet1k" and SYNSET.fullmatch(text):
        return _synset(text)
    return model.vocabulary.index(int(text) if text.isdecimal() else text.replace("_", " "))


def _word(reference: str, labels: str | None) -> str:
    path = PurePosixPath(reference)
    if labels == FILES:
        return NUMBERED.fullmatch(path.stem)[1]  # type: ignore[index]
    if labels != FOLDERS:
        raise ValueError(f"the labels of a folder are in its {FOLDERS!r} or its {FILES!r}, not in {labels!r}")
    if len(path.parts) < 2:
        raise ValueError(f"{path.name} lies in no subfolder that could say its class; are the labels in its 'files'?")
    return path.parts[-2]


def _synset(text: str) -> int:
    if text not in _synsets():
        raise ValueError(f"ImageNet's 1,000 classes have no synset {text!r}")
    return _synsets().index(text)


@lru_cache(maxsize=1)
def _synsets() -> tuple[str, ...]:
    """Of ImageNet's classes, in order."""
    return tuple(json.loads((DATA / "imagenet1k.json").read_text(encoding="utf-8"))["synsets"])
