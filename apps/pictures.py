"""Draw the README's pictures from the current code, model and scenes: `python -m apps.pictures`."""

from __future__ import annotations

from pathlib import Path

from apps.common import catalog, pictures
from apps.dogit_lens import drawing
from apps.dogit_lens.handlers import LensDesk
from apps.dogit_lens.view import first_view

FOLDER = Path(__file__).parents[1] / "docs" / "images"


def main() -> None:
    """Write one PNG per app to docs/images/."""
    result = LensDesk().run(pictures.first(), catalog.DEFAULT)
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / "dogit-lens.png"
    path.write_bytes(drawing.picture_png(result, first_view(result.extent)))
    print(f"wrote {path.relative_to(FOLDER.parents[1])}")


if __name__ == "__main__":
    main()
