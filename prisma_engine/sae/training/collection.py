"""Pictures that lie on this machine and can be asked for by number: a folder of them, or .parquet files."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from prisma_engine.images import ImageRefused, ImageSource
from prisma_engine.sources import SourceRefused, from_folder, from_rows


@dataclass(frozen=True)
class Collection(Sequence[ImageSource]):
    """Pictures by number; what else is known of them, nothing here."""

    pictures: Sequence[Any]

    def __getitem__(self, index: Any) -> Any:
        return self.pictures[index]

    def __len__(self) -> int:
        return len(self.pictures)

    def label(self, index: int, n_classes: int) -> int | None:
        """Class of a picture among so many classes; None where it is not known."""
        return None

    def mask(self, index: int) -> Image.Image | None:
        """Pixels of 0 (background), 1, 2, …, in `mask_names` order; None where there is none."""
        return None

    @property
    def mask_names(self) -> tuple[str, ...]:
        """Names of the mask's classes from pixel value 1 on."""
        return ()

    def only(self, indices: list[int]) -> Collection:
        """Some of the pictures, without what else is known of them."""
        return Collection(_Chosen(self, indices))


@dataclass(frozen=True)
class _Chosen(Sequence[ImageSource]):
    items: Sequence[Any]
    indices: list[int]

    def __getitem__(self, index: Any) -> Any:
        return self.items[self.indices[index]]

    def __len__(self) -> int:
        return len(self.indices)


class Parquet(Collection):
    """Rows of .parquet files, read from disk one at a time; `label` and `mask` columns are understood."""

    def __init__(self, files: list[Path]) -> None:
        from datasets import ClassLabel, load_dataset
        from datasets import Image as Picture

        self.tables: list[tuple[Any, str]] = []
        names: dict[str, tuple[str, ...]] = {}
        for file in files:
            rows: Any = load_dataset("parquet", data_files=str(file), split="train")
            columns = [key for key, kind in rows.features.items() if isinstance(kind, Picture)]
            if not columns:
                raise SourceRefused(f"{file.name} has no column of pictures")
            if "mask" in columns:
                rows = rows.cast_column("mask", Picture(decode=False))
                names |= {k: tuple(kind.names) for k, kind in rows.features.items() if isinstance(kind, ClassLabel)}
            self.tables.append((rows, next((c for c in columns if c != "mask"), columns[0])))
        self._mask_names = next(iter(names.values()), ())

    def __len__(self) -> int:
        return sum(len(rows) for rows, _ in self.tables)

    def __getitem__(self, index: Any) -> ImageSource:
        rows, column, at = self._row(index)
        return next(from_rows(rows.select_columns([column]).select([at])))[1]

    def label(self, index: int, n_classes: int) -> int | None:
        rows, _, at = self._row(index)
        kind = rows.features.get("label")
        return rows[at]["label"] if getattr(kind, "num_classes", None) == n_classes else None

    def mask(self, index: int) -> Image.Image | None:
        rows, _, at = self._row(index)
        if "mask" not in rows.features or not self._mask_names:
            return None
        content = rows.select_columns(["mask"])[at]["mask"]["bytes"]
        mask = Image.open(io.BytesIO(content), formats=("PNG",))
        if mask.mode not in ("L", "P"):
            raise ImageRefused(f"a mask holds one number a pixel, got {mask.mode}")
        return mask

    @property
    def mask_names(self) -> tuple[str, ...]:
        return self._mask_names

    def _row(self, index: int) -> tuple[Any, str, int]:
        for rows, column in self.tables:
            if index < len(rows):
                return rows, column, index
            index -= len(rows)
        raise IndexError(index)


def collection(path: Path) -> Collection:
    """The pictures of a folder, of the .parquet files in it, or of one such file.

    Raises:
        SourceRefused: if there are none.
    """
    files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if files and all(file.suffix == ".parquet" for file in files):
        return Parquet(files)
    if path.is_file():
        raise SourceRefused(f"{path.name} is neither a folder nor a .parquet file")
    return Collection([picture for _, picture in from_folder(path)])
