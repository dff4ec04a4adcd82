"""Streams of pictures for what is said over many of them: emoji scenes by seed, a folder, a data set on the Hub.

A source is checked when it is asked for, and then yields (reference, picture) pairs one at a time; the reference
finds the picture again. Pictures from outside are not decoded here: `prisma_engine.images.open_image` does that.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from prisma_engine.hub import is_repo_id
from prisma_engine.images import MAX_BYTES, ImageRefused, ImageSource
from prisma_engine.toy.emoji_scenes import Scene, seeded_scene

SCENES = "emoji-scenes"
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp")
SPLITS = ("validation", "test", "train")
"""Of a data set without a chosen split, the first of these that it has; otherwise its first."""

Pictures = Iterator[tuple[str, ImageSource]]


class SourceRefused(ValueError):
    """Pictures that cannot be had; the message is one sentence for the person who asked."""


def pictures(source: str, n: int | None = None, column: str | None = None, split: str | None = None) -> Pictures:
    """At most `n` pictures of a source, all of them when None (emoji scenes never end).

    Args:
        source: "emoji-scenes", a folder, or the Hub id of a data set, "owner/name".
        column, split: of a data set; see `from_hub`.

    Raises:
        SourceRefused: if there is no such source, or no picture in it.
    """
    if n is not None and n < 1:
        raise SourceRefused(f"at least one picture is needed, got n = {n}")
    if source == SCENES:
        return islice(scenes(), n)
    if source and Path(source).is_dir():
        return islice(from_folder(Path(source)), n)
    if not is_repo_id(source):
        raise SourceRefused(f"{source!r} is neither {SCENES!r}, nor a folder here, nor a Hub id such as 'owner/name'")
    return islice(from_hub(source, column, split), n)


def scenes(first: int = 0) -> Pictures:
    """Held-out emoji scenes of the seeds `first`, `first` + 1, …; the reference "scene:17" has seed 17."""
    seed = first
    while True:
        yield f"scene:{seed}", seeded_scene(seed).image
        seed += 1


def scene_of(reference: str) -> Scene:
    """The scene that a reference of `scenes` names, drawn again, with its masks.

    Raises:
        SourceRefused: if it is no such reference.
    """
    name, _, seed = reference.partition(":")
    if name != "scene" or not (seed.isascii() and seed.isdigit() and len(seed) < 12):
        raise SourceRefused(f"a scene's reference is such as 'scene:17', got {reference!r}")
    return seeded_scene(int(seed))


def from_folder(folder: Path) -> Pictures:
    """Image files in a folder and those below it, by name; the reference is the path inside the folder.

    Links that lead out of the folder are left out.

    Raises:
        SourceRefused: if it holds none.
    """
    root = folder.resolve()
    files = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES and path.is_file()]
    files = [path for path in files if path.resolve().is_relative_to(root)]
    if not files:
        raise SourceRefused(f"there is no picture in {folder.name!r}; it may hold {', '.join(s[1:] for s in SUFFIXES)}")
    return ((path.relative_to(folder).as_posix(), path) for path in files)


def from_hub(id: str, column: str | None = None, split: str | None = None) -> Pictures:
    """Rows of a data set on the Hub in its own order, streamed; the reference is the number of the row from 0.

    Args:
        id: "owner/name".
        column: of the pictures; by default the only one, or the first, that the data set calls pictures.
        split: by default the first there is of validation, test, train.

    Raises:
        SourceRefused: no such data set, split or column, no network, or no column of pictures.
    """
    from datasets import load_dataset

    try:
        splits: Any = load_dataset(id, streaming=True)
        names = list(splits)
    except Exception as error:  # `datasets` lets a dozen unrelated types through, of its own and of the network's
        raise SourceRefused(f"the data set {id!r} cannot be streamed from the Hub: {_one_line(error)}") from error
    if split is not None and split not in names:
        raise SourceRefused(f"{id} has no split {split!r}; it has {', '.join(names)}")
    chosen = split or next((name for name in SPLITS if name in names), names[0])
    return from_rows(splits[chosen], column, id)


def from_rows(rows: Any, column: str | None = None, name: str = "this data set") -> Pictures:
    """Rows of a data set of the `datasets` library; see `from_hub`."""
    from datasets import Image

    features = rows.features or {}
    found = [key for key, feature in features.items() if isinstance(feature, Image)]
    if column is not None and features and column not in features:
        raise SourceRefused(f"{name} has no column {column!r}; it has {', '.join(features)}")
    if column is None and not found:
        columns = f"its columns are {', '.join(features)}" if features else "it does not say what its columns are"
        raise SourceRefused(f"{name} has no column of pictures; {columns}, so name one of them")
    chosen = column or found[0]
    encoded = rows.cast_column(chosen, Image(decode=False))  # so that only our own guard decodes
    return _numbered(encoded, chosen, name)


def _numbered(rows: Any, column: str, name: str) -> Pictures:
    stream = iter(rows)
    for number in range(2**62):
        try:
            row = next(stream)
        except StopIteration:
            return
        except Exception as error:  # a download that breaks off, or a column that holds no pictures
            raise SourceRefused(f"row {number} of {name} cannot be read: {_one_line(error)}") from error
        yield str(number), _content(row[column])


def _content(cell: Any) -> ImageSource:
    """The encoded picture of a cell; what is none is left to the one who opens it to refuse."""
    if not isinstance(cell, dict):
        return b""
    if cell.get("bytes"):
        return cell["bytes"]
    path = str(cell.get("path") or "")
    if "hf://" not in path:  # never a file of this machine, or of another server, that a data set happens to name
        return b""
    import fsspec

    try:
        with fsspec.open(path, "rb") as file:
            return file.read(MAX_BYTES + 1)  # type: ignore[union-attr]
    except Exception as error:
        raise ImageRefused(f"a picture of the data set cannot be fetched: {_one_line(error)}") from error


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
