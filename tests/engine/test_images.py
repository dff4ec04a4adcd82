"""Whatever a stranger sends becomes an upright RGB image or one sentence, and never anything else."""

import io
import struct
import threading
import warnings
import zlib
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from prisma_engine.images import MAX_JPEG_SCANS, ImageRefused, open_image

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
ORIENTATION = 0x0112


def picture(mode: str = "RGB", size: tuple[int, int] = (40, 30)) -> Image.Image:
    """Red left half, blue right half, a white row on top."""
    image = Image.new("RGB", size, "blue")
    image.paste("red", (0, 0, size[0] // 2, size[1]))
    image.paste("white", (0, 0, size[0], 1))
    return image.convert(mode)


def encode(image: Image.Image, format: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def png(width: int, height: int) -> bytes:
    """A PNG whose header promises this size, and whose pixels are missing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def refusal(source) -> str:
    with pytest.raises(ImageRefused) as caught:
        open_image(source)
    return str(caught.value)


def near(image: Image.Image, x: int, y: int, colour: tuple[int, int, int], tolerance: int = 12) -> bool:
    return bool(np.abs(np.asarray(image)[y, x] - np.array(colour)).max() <= tolerance)


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_opens_from_path_bytes_file_and_memory(format, tmp_path):
    data = encode(picture(), format)
    path = tmp_path / "picture"  # the name does not matter
    path.write_bytes(data)
    with Image.open(path) as opened:
        images = [open_image(s) for s in (path, str(path), data, bytearray(data), io.BytesIO(data), opened)]
    assert all(image.mode == "RGB" and image.size == (40, 30) for image in images)
    assert len({image.tobytes() for image in images}) == 1
    assert near(images[0], 5, 20, (255, 0, 0)) and near(images[0], 35, 20, (0, 0, 255))


def test_rgb_pixels_are_untouched_and_the_source_is_not_shared():
    source = picture()
    image = open_image(source)
    assert image.tobytes() == source.tobytes()
    image.paste("black", (0, 0, 40, 30))
    assert near(source, 5, 20, (255, 0, 0))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_exif_orientation_is_applied(orientation, format):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    image = open_image(encode(picture(size=(48, 32)), format, exif=exif))
    assert image.size == ((48, 32) if orientation <= 4 else (32, 48))
    red = {1: (4, 16), 2: (44, 16), 3: (44, 16), 4: (4, 16), 5: (16, 4), 6: (16, 4), 7: (16, 44), 8: (16, 44)}
    assert near(image, *red[orientation], (255, 0, 0), tolerance=40)


def test_damaged_exif_counts_as_none():
    data = encode(picture(), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\x12\x01\x03\0\xff\xff\xff\xff" * 3)
    assert open_image(data).size == (40, 30)


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr", "HSV", "LAB"])
def test_other_colour_models_become_rgb(mode):
    image = open_image(picture(mode))
    assert image.mode == "RGB" and image.size == (40, 30)
    if mode in ("P", "CMYK", "YCbCr", "HSV"):
        assert near(image, 5, 20, (255, 0, 0), tolerance=4)


def test_a_cmyk_jpeg_keeps_its_colours():
    assert near(open_image(encode(picture("CMYK"), "JPEG")), 5, 20, (255, 0, 0))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_transparency_is_laid_on_white(mode):
    image = picture("L" if mode == "LA" else "RGB").convert(mode)
    image.putalpha(Image.new("L", image.size, 0))
    assert open_image(image).getextrema() == ((255, 255),) * 3
    image.putalpha(Image.new("L", image.size, 255))
    assert near(open_image(image), 5, 20, (255, 0, 0) if mode != "LA" else (76, 76, 76))


def test_half_transparent_red_is_pink():
    assert near(open_image(encode(Image.new("RGBA", (4, 4), (255, 0, 0, 128)))), 1, 1, (255, 127, 127), 1)


@pytest.mark.parametrize("format", ["PNG", "GIF"])
def test_a_transparent_palette_colour_is_white(format):
    image = picture().convert("P", palette=Image.Palette.ADAPTIVE, colors=4)
    data = encode(image, format, transparency=image.getpixel((5, 20)))
    assert near(open_image(data), 5, 20, (255, 255, 255)) and near(open_image(data), 35, 20, (0, 0, 255))


def test_sixteen_bits_are_scaled_not_clipped():
    ramp = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    expected = np.arange(256).reshape(16, 16)
    for source in (ramp, Image.fromarray(ramp), encode(Image.fromarray(ramp))):
        grey = np.asarray(open_image(source))
        assert (grey == expected[..., None]).all()


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG"])
def test_an_animation_is_its_first_frame(format):
    frames = [Image.new("RGB", (16, 12), colour) for colour in ("red", "blue", "lime")]
    data = encode(frames[0], format, save_all=True, append_images=frames[1:])
    assert near(open_image(data), 8, 6, (255, 0, 0))


def test_arrays():
    rgb = np.asarray(picture())
    assert (np.asarray(open_image(rgb)) == rgb).all()
    assert (np.asarray(open_image(rgb / 255)) == rgb).all()
    assert open_image(rgb[..., :1]).size == (40, 30)
    assert open_image(np.dstack([rgb, np.zeros_like(rgb[..., :1])])).getextrema() == ((255, 255),) * 3


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((0, 3, 3), np.uint8), "height width"),
        (np.zeros((4, 4, 2), np.uint8), "height width"),
        (np.zeros((1, 4, 4, 3), np.uint8), "height width"),
        (np.full((4, 4), 2.0), "from 0 to 1"),
        (np.full((4, 4), np.nan), "from 0 to 1"),
        (np.zeros((4, 4), np.int64), "uint8"),
        (np.zeros((5000, 5000), np.uint8), "megapixels"),
    ],
)
def test_a_strange_array_is_refused(array, message):
    assert message in refusal(array)


def test_one_pixel_is_an_image():
    assert open_image(encode(Image.new("RGB", (1, 1), "red"))).getpixel((0, 0)) == (255, 0, 0)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"this is a text, whatever its name says", "not a PNG, JPEG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a PNG, JPEG"),
        (b"\x89PNG\r\n\x1a\n", "not a PNG, JPEG"),
        (encode(picture())[:-40], "damaged or cut short"),
        (encode(picture(), "JPEG")[:400], "damaged or cut short"),
        (png(1, 20_000), "too narrow"),
        (png(20_000, 1), "too narrow"),
        (png(0, 8), "not a PNG, JPEG"),
        (encode(picture(), "TIFF"), "not a PNG, JPEG"),
        (encode(picture(), "PPM"), "not a PNG, JPEG"),
        (encode(picture(), "ICO"), "not a PNG, JPEG"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_each_refusal_is_one_sentence(data, message, tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    for source in (data, path):
        sentence = refusal(source)
        assert message in sentence and "\n" not in sentence and len(sentence) < 160
        assert str(tmp_path) not in sentence


def test_what_is_no_image_at_all_is_refused(tmp_path):
    assert "no readable file named 'none.png'" in refusal(tmp_path / "none.png")
    assert "no readable file" in refusal(tmp_path)
    assert "no readable file" in refusal("nul\0l.png")
    assert "got NoneType" in refusal(None)
    assert "floating-point" in refusal(Image.new("F", (4, 4)))


@pytest.mark.parametrize("size", [(4001, 4000), (9000, 9000), (13_000, 13_000), (60_000, 60_000)])
def test_a_bomb_is_refused_before_it_is_decoded(size, monkeypatch):
    decoded = []
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: decoded.append(self.size))
    assert "megapixels" in refusal(png(*size))
    assert not decoded
    open_image(Image.new("RGB", (4000, 4000)))  # exactly the limit


def test_an_animated_webp_with_a_huge_canvas_is_refused():
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue")]
    data = bytearray(encode(frames[0], "WEBP", save_all=True, append_images=frames[1:]))
    canvas = data.index(b"VP8X") + 12
    data[canvas : canvas + 6] = struct.pack("<I", 16_382)[:3] * 2
    assert "megapixels" in refusal(bytes(data))


def test_a_jpeg_of_endless_scans_is_refused():
    data = encode(picture(), "JPEG", progressive=True)
    last_scan = data[data.rindex(b"\xff\xc4", 0, data.rindex(b"\xff\xda")) : -2]
    assert open_image(data).size == (40, 30)
    assert "scans" in refusal(data[:-2] + last_scan * MAX_JPEG_SCANS + data[-2:])


@pytest.mark.parametrize("format", FORMATS)
def test_max_side_shrinks_and_never_enlarges(format):
    image = open_image(encode(picture(size=(800, 600)), format), max_side=200)
    assert image.size == (200, 150) and near(image, 20, 100, (255, 0, 0))
    assert open_image(picture(), max_side=200).size == (40, 30)


def test_shrinking_leaves_the_callers_image_alone():
    with Image.open(io.BytesIO(encode(picture(size=(800, 600)), "JPEG"))) as source:
        open_image(source, max_side=100)
        assert source.size == (800, 600)


def test_filters_of_warnings_are_left_as_they_were():
    before = list(warnings.filters)
    open_image(picture())
    refusal(b"x")
    assert warnings.filters == before


def test_threads_may_open_at_once():
    data, sizes = encode(picture(), "JPEG"), []
    threads = [threading.Thread(target=lambda: sizes.append(open_image(data).size)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sizes == [(40, 30)] * 8


@cache
def specimens() -> tuple[bytes, ...]:
    """Small files of every format and of the variants that take other paths through the decoders."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    frames = [picture(), picture().rotate(90)]
    plain = [encode(picture(), format) for format in FORMATS]
    modes = [encode(picture(mode)) for mode in ("1", "L", "P", "RGBA", "LA", "I;16")]
    return (
        *plain,
        *modes,
        encode(picture("P"), "PNG", transparency=3),
        encode(picture("CMYK"), "JPEG"),
        encode(picture(), "JPEG", progressive=True, exif=exif),
        encode(picture("RGBA"), "WEBP", lossless=True, exif=exif),
        *(encode(frames[0], f, save_all=True, append_images=frames[1:]) for f in ("GIF", "WEBP", "PNG")),
        encode(picture("P"), "BMP"),
    )


@given(st.integers(0, len(specimens()) - 1), st.data())
@settings(max_examples=400)
def test_damage_gives_an_rgb_image_or_a_refusal(which, data):
    damaged = bytearray(specimens()[which])
    for _ in range(data.draw(st.integers(0, 6))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    damaged = damaged[: data.draw(st.integers(0, len(damaged)))] if data.draw(st.booleans()) else damaged
    try:
        image = open_image(bytes(damaged), max_side=data.draw(st.sampled_from([None, 16])))
    except ImageRefused as refused:
        assert str(refused)
    else:
        assert image.mode == "RGB" and image.width > 0 and image.height > 0
