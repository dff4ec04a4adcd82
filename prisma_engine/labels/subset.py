"""The part of the Noto Color Emoji font that ships: glyphs and ligatures of a list of emoji, no more.

Run through `python -m prisma_engine.labels.build`. The source is Debian's fonts-noto-color-emoji
(SIL Open Font License 1.1, no reserved font name), so the subset is reproducible byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from prisma_engine.labels.font import read_font, sequence

if TYPE_CHECKING:
    from fontTools.ttLib import TTFont

SOURCE = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")


def write_subset(emoji: Iterable[str], ttf: Path, woff2: Path, source: Path = SOURCE) -> None:
    """Write a font with exactly the pictures of `emoji`, as TrueType and as a web font.

    Raises:
        ValueError: naming the emoji that the source font cannot draw.
    """
    wanted = sorted(set(emoji))
    full = read_font(source)
    if missing := [text for text in wanted if full.glyph(text) is None]:
        raise ValueError(f"{source.name} does not draw {' '.join(missing)}; choose others")
    data = _subset(source, wanted)
    ttf.write_bytes(_compiled(data, None))
    woff2.write_bytes(_compiled(data, "woff2"))


def _subset(source: Path, emoji: list[str]) -> bytes:
    from fontTools import subset
    from fontTools.ttLib import TTFont

    font = TTFont(source, recalcTimestamp=False)
    _prune_ligatures(font, {codes for codes in map(sequence, emoji) if len(codes) > 1})
    options = subset.Options(layout_features=["*"], notdef_outline=True, name_IDs=["*"], drop_tables=["vhea", "vmtx"])
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes={code for text in emoji for code in map(ord, text)})
    subsetter.subset(font)
    buffer = BytesIO()
    font.save(buffer)
    return buffer.getvalue()


def _prune_ligatures(font: TTFont, keep: set[tuple[int, ...]]) -> None:
    """Drop every sequence but `keep`: the source also has skin tones, families and copies for right-to-left text."""
    cmap = font.getBestCmap() or {}
    names = {tuple(cmap[code] for code in codes) for codes in keep}
    for lookup in font["GSUB"].table.LookupList.Lookup:
        for subtable in lookup.SubTable:
            if hasattr(subtable, "ligatures"):
                rows = {
                    first: [row for row in all_rows if (first, *row.Component) in names]
                    for first, all_rows in subtable.ligatures.items()
                }
                subtable.ligatures = {first: kept for first, kept in rows.items() if kept}


def _compiled(data: bytes, flavor: str | None) -> bytes:
    from fontTools.ttLib import TTFont

    font = TTFont(BytesIO(data), recalcTimestamp=False)
    font.flavor = flavor
    buffer = BytesIO()
    font.save(buffer, reorderTables=False)
    return buffer.getvalue()
