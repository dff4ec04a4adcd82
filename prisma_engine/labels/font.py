"""Emoji as pictures, the same on every machine, drawn from the font that ships beside this file.

The colour bitmaps of the font (tables CBDT and CBLC) are read directly and scaled by Pillow. So no
system font is looked up, and sequences such as the polar bear need no text-shaping library: the
font's own ligatures are resolved here. The browser uses the same subset as a web font.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fontTools.ttLib import TTFont
    from PIL.Image import Image

DATA = Path(__file__).parent / "data"
FONT = DATA / "NotoColorEmoji-subset.ttf"
WEB_FONT = FONT.with_suffix(".woff2")
VARIATION_SELECTORS = "\ufe0e\ufe0f"  # "as text" and "as emoji": the font has no glyphs for them


@dataclass(frozen=True)
class EmojiFont:
    """What is needed of a bitmap emoji font to find the picture of a text.

    Attributes:
        cmap: code point to glyph name.
        ligatures: tuple of glyph names to the name of the one glyph that stands for all of them.
        bitmaps: glyph name to PNG file contents.
    """

    cmap: dict[int, str]
    ligatures: dict[tuple[str, ...], str]
    bitmaps: dict[str, bytes]

    def glyph(self, emoji: str) -> str | None:
        """Name of the single glyph that draws the whole of `emoji`, or None where there is none."""
        names = tuple(self.cmap.get(code, "") for code in sequence(emoji))
        name = names[0] if len(names) == 1 else self.ligatures.get(names)
        return name if name in self.bitmaps else None


def sequence(emoji: str) -> tuple[int, ...]:
    """Code points of `emoji` without variation selectors: equal for two spellings of one emoji."""
    return tuple(ord(character) for character in emoji if character not in VARIATION_SELECTORS)


def read_font(path: Path) -> EmojiFont:
    """The pictures of a CBDT font and the two tables that lead to them."""
    from fontTools.ttLib import TTFont

    with TTFont(path) as font:
        return EmojiFont(font.getBestCmap() or {}, _ligatures(font), _bitmaps(font))


def _ligatures(font: TTFont) -> dict[tuple[str, ...], str]:
    found: dict[tuple[str, ...], str] = {}
    for lookup in font["GSUB"].table.LookupList.Lookup:
        for subtable in lookup.SubTable:
            for first, rows in getattr(subtable, "ligatures", {}).items():
                # An earlier lookup wins, as it does when a text engine applies them in order.
                found |= {key: row.LigGlyph for row in rows if (key := (first, *row.Component)) not in found}
    return found


def _bitmaps(font: TTFont) -> dict[str, bytes]:
    strike = font["CBDT"].strikeData[0]
    return {name: bytes(glyph.imageData) for name, glyph in strike.items() if hasattr(glyph, "imageData")}


@lru_cache(maxsize=1)
def shipped() -> EmojiFont:
    """The subset that ships with the engine, read once (about 0.1 s)."""
    return read_font(FONT)


def forget() -> None:
    """Drop what was read and drawn; for the command that has just replaced the font."""
    for cached in (shipped, _scaled, _square):
        cached.cache_clear()


def has_emoji(emoji: str) -> bool:
    """Whether the shipped font draws `emoji`, sequences included, as one picture."""
    return shipped().glyph(emoji) is not None


def emoji_image(emoji: str, size: int) -> Image:
    """`emoji` as a square RGBA picture of `size` pixels with a transparent background.

    The picture is a fresh copy: drawing on it does not change the next one.

    Raises:
        ValueError: if the shipped font does not draw `emoji`, or `size` is not positive.
    """
    if size < 1:
        raise ValueError(f"an emoji picture needs a size of at least 1 pixel, got {size}")
    return _scaled(emoji, size).copy()


@lru_cache(maxsize=2048)
def _scaled(emoji: str, size: int) -> Image:
    from PIL.Image import Resampling

    source = _square(emoji)
    # Premultiplied, or the colour of fully transparent pixels would bleed into the edges.
    return source.convert("RGBa").resize((size, size), Resampling.LANCZOS).convert("RGBA")


@lru_cache(maxsize=256)
def _square(emoji: str) -> Image:
    """The font's own bitmap of `emoji`, its empty side bearings cut off so that it is square."""
    from PIL import Image

    font = shipped()
    name = font.glyph(emoji)
    if name is None:
        codes = " ".join(f"U+{ord(character):04X}" for character in emoji)
        raise ValueError(f"the shipped emoji font does not draw {emoji!r} ({codes}); see labels.build")
    picture = Image.open(io.BytesIO(font.bitmaps[name])).convert("RGBA")
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    return picture.crop((left, top, left + side, top + side))
