"""The shipped emoji font: complete, drawn without help, one picture per emoji, no missing-glyph box."""

import json
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from fontTools.ttLib import TTFont

from prisma_engine import labels
from prisma_engine.labels import build, font, guess, subset
from prisma_engine.toy.emoji_classes import EMOJI as TOY

EMOJI1K = json.loads((build.DATA / "emoji1k.json").read_text(encoding="utf-8"))
SHIPPED = build.shipped_emoji(EMOJI1K)
SEQUENCES = ["🐻‍❄️", "🏴‍☠️", "🐈‍⬛", "🐕‍🦺", "🐦‍⬛", "🍄‍🟫", "🤸‍♀️", "🤸‍♂️", "👱‍♀️", "🧑‍🚀", "🧑‍🍳"]
# The cast of the original figures, and what pages may draw as signs.
CAST = """🐱 🐈 🐶 🐕 🐩 🦁 🐯 🐆 🦌 🦊 🐺 🚽 🛁 🏀 🍌 🍏 🍎 🥯 🍓
❓ 🔹 ⬜ ◻️ 🔍 🖼️ 🎲 ▶️ ⏸️ 🔗 📷 💾 🐍 🧪 👁️ 🧭 🏷️ ⚙️ 🔥 🪄"""


def pixels(emoji: str, size: int = 48) -> np.ndarray:
    return np.asarray(font.emoji_image(emoji, size), dtype=int)


def test_every_emoji_has_a_picture():
    wanted = {*SHIPPED, *labels.imagenet1k().emoji, *TOY, *guess.NEUTRAL, *CAST.split(), *SEQUENCES}
    assert [emoji for emoji in wanted if not font.has_emoji(emoji)] == []


def test_every_picture_shows_something_and_none_repeats():
    seen = {}
    for emoji in SHIPPED:
        picture = pixels(emoji)
        assert (picture[..., 3] > 128).mean() > 0.03, f"{emoji} is nearly empty"
        twin = seen.setdefault(picture.tobytes(), emoji)
        assert twin == emoji, f"{emoji} looks like {twin}"


def test_no_picture_is_the_missing_glyph_box():
    assert font.shipped().glyph("\ue000") is None
    assert font.shipped().cmap.get(0xE000) is None
    assert ".notdef" not in {font.shipped().glyph(emoji) for emoji in SHIPPED}


@pytest.mark.parametrize("emoji", SEQUENCES)
def test_a_sequence_is_one_glyph_and_not_its_first_part(emoji: str):
    glyph = font.shipped().glyph(emoji)
    assert glyph and glyph != font.shipped().glyph(emoji[0])
    assert glyph == font.shipped().glyph(emoji.replace("\ufe0f", "")), "with or without variation selectors"
    if font.has_emoji(emoji[0]):
        assert np.abs(pixels(emoji) - pixels(emoji[0])).mean() > 3


@pytest.mark.parametrize("text", ["", "🐱🐶", "cat", "🇩🇪", "🐻‍🔥", "\ufe0f"])
def test_what_is_not_one_shipped_emoji_is_refused(text: str):
    assert not font.has_emoji(text)
    with pytest.raises(ValueError, match="shipped emoji font does not draw"):
        font.emoji_image(text, 32)


def test_the_size_is_exact_and_must_be_positive():
    for size in (1, 7, 64, 200):
        picture = font.emoji_image("🐱", size)
        assert (picture.mode, picture.size) == ("RGBA", (size, size))
    with pytest.raises(ValueError, match="at least 1 pixel, got 0"):
        font.emoji_image("🐱", 0)


def test_drawing_on_a_picture_does_not_change_the_next():
    font.emoji_image("🐱", 20).paste((255, 0, 255, 255), (0, 0, 20, 20))
    assert (pixels("🐱", 20)[0, 0] != (255, 0, 255, 255)).any()


def test_edges_carry_no_colour_of_transparent_pixels():
    # The circle is yellow on transparent black, which unpremultiplied scaling would mix into its rim.
    picture = pixels("🟡", 24)
    rim = picture[(picture[..., 3] > 40) & (picture[..., 3] < 200)]
    assert len(rim) > 10
    assert rim[:, 0].min() > 150


def test_emoji_are_spelt_once_and_as_emoji():
    """Text-style characters carry U+FE0F, or a browser would draw some in the text font."""
    assert len({font.sequence(emoji) for emoji in SHIPPED}) == len(SHIPPED)
    by_default = {emoji for emoji in SHIPPED if len(emoji) == 1}
    unassigned = {emoji for emoji in by_default if unicodedata.category(emoji) == "Cn"}  # newer than this Python
    assert [emoji for emoji in by_default - unassigned if unicodedata.east_asian_width(emoji) != "W"] == []


def test_both_files_hold_the_same_font_and_are_small():
    assert font.FONT.stat().st_size < 1_650_000
    assert font.WEB_FONT.stat().st_size < 1_500_000
    with TTFont(font.FONT) as desktop, TTFont(font.WEB_FONT) as web:
        assert desktop.getBestCmap() == web.getBestCmap()
        assert "ccmp" in {record.FeatureTag for record in web["GSUB"].table.FeatureList.FeatureRecord}
        assert web["CBDT"].strikeData[0].keys() == desktop["CBDT"].strikeData[0].keys()
    assert font.read_font(font.WEB_FONT) == font.shipped()


def test_the_licence_lies_beside_the_font():
    text = (build.DATA / "OFL.txt").read_text(encoding="utf-8")
    assert "SIL OPEN FONT LICENSE Version 1.1" in text
    assert "Copyright 2022 Google Inc." in text and "https://github.com/googlefonts/noto-emoji" in text
    with TTFont(font.FONT) as shipped:
        names = {record.nameID: str(record) for record in shipped["name"].names}
    assert "SIL Open Font License" in names[13]
    assert not any("Reserved Font Name" in value for value in names.values())


@pytest.mark.slow
@pytest.mark.skipif(
    not subset.SOURCE.exists(), reason="no full Noto font here; `apt-get install fonts-noto-color-emoji` lifts this"
)
def test_the_fonts_are_what_the_command_makes(tmp_path: Path):
    subset.write_subset(SHIPPED, tmp_path / "a.ttf", tmp_path / "a.woff2")
    assert font.read_font(tmp_path / "a.ttf") == font.shipped()
