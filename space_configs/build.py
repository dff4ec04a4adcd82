"""Writing a Space's folder."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from model_cards.publish.plan import File

MARK = "requirements.txt"
"""What a folder that may be replaced has: a Space built before."""


def write(files: Mapping[str, File], folder: Path) -> None:
    """Make `folder` hold these files and nothing else; what was built there before is replaced as a whole.

    Raises:
        ValueError: one sentence, if something else is there.
    """
    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not (folder / MARK).exists())):
        raise ValueError(f"{folder} holds something else than a Space; name another folder with --out")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as room:
        fresh = Path(room) / folder.name
        for name, file in files.items():
            path = fresh / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(file.source, bytes):
                path.write_bytes(file.source)
            else:
                shutil.copyfile(file.source, path)
        if folder.exists():
            shutil.rmtree(folder)
        fresh.rename(folder)


def size(files: Mapping[str, File]) -> int:
    """Bytes of all of them."""
    sources = (file.source for file in files.values())
    return sum(len(source) if isinstance(source, bytes) else source.stat().st_size for source in sources)
