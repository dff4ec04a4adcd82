"""All pictures of the repository's pages of prose, by the page that shows them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from apps.pictures import attention, llava, patching, readme, zoo
from apps.pictures.sheets import DOCS

FOLDER = DOCS / "images"
PAGES: dict[str, dict[str, Callable[[], bytes]]] = {
    "README": readme.PICTURES,
    "docs/attention-heads": attention.PICTURES,
    "docs/cat-dog-patching": patching.PICTURES,
    "docs/toy-zoo": zoo.PICTURES,
    "docs/llava-steering": llava.PICTURES,
}
"""Each page shows all of its own pictures, and no other's."""


def draw(names: Sequence[str] = ()) -> None:
    """Write pictures to docs/images/, all of them unless some are named."""
    every = {name: make for page in PAGES.values() for name, make in page.items()}
    if unknown := [name for name in names if name not in every]:
        raise SystemExit(f"there is no picture {unknown[0]!r}; there are {', '.join(every)}")
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in names or every:
        path = FOLDER / f"{name}.png"
        path.write_bytes(every[name]())
        print(f"wrote {path.relative_to(DOCS.parent)}")
