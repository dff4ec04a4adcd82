"""Open pictures from strangers: one guarded way in, one kind of refusal.

Whatever arrives becomes an upright 8-bit RGB image, or is refused with `ImageRefused`, whose message is one
sentence for the person who sent it. Size is read from the header, so that a decompression bomb (a 20 KB PNG
can hold 169 megapixels) is refused before anything is decoded.
"""

import io
import os
import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps

MAX_PIXELS = 16_000_000  # 48 MB as RGB
MAX_BYTES = 64 * 2**20
# Preprocessing scales the shorter side up to the model's, and 1×20,000 would become 224×4,480,000.
MAX_ASPECT = 20
# libjpeg passes over the whole picture once a scan: a few MB of tiny scans keep it busy for hours. Encoders write ~10.
MAX_JPEG_SCANS = 64
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")  # Pillow knows some 40 more decoders, which stay out of reach

ImageSource = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | Image.Image | np.ndarray


class ImageRefused(ValueError):
    """This picture cannot be used; the message is one sentence that says why."""


def open_image(source: ImageSource, max_side: int | None = None) -> Image.Image:
    """An upright RGB copy of any picture: a path, bytes, an open binary file, a Pillow image or an array.

    EXIF orientation is applied; transparency is laid on white, as on a page; 16-bit grey is scaled by its full
    range (65535 → 255), not clipped; of an animation, the first frame is taken. Arrays are [height width],
    [height width 1], [height width 3] or [height width 4], uint8, uint16 (scaled) or floats from 0 to 1.

    Args:
        max_side: shrink, keeping the aspect, so that neither side is longer than this (pixels).

    Raises:
        ImageRefused: nothing else escapes for a source of these types, however damaged.
    """
    # Pillow warns about dubious metadata that it can live without, and so can we.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        try:
            image = _header(source)
            _check_size(*image.size)
            if max_side is not None and image is not source:
                image.draft(None, (max_side, max_side))  # a JPEG decodes straight to a half, a quarter or an eighth
            image.load()
            return _shrink(_to_rgb(_upright(image)), max_side)
        except ImageRefused:
            raise
        # Pillow raises a dozen unrelated types on damaged files: OSError, SyntaxError, struct.error, KeyError, …
        except (Exception, MemoryError) as error:
            raise ImageRefused("this image is damaged or cut short, so it cannot be read") from error


def _header(source: ImageSource) -> Image.Image:
    """The picture with its size known and, from a file, its pixels not yet decoded."""
    if isinstance(source, Image.Image):
        return source
    if isinstance(source, np.ndarray):
        return _from_array(source)
    data = _read(source)
    if not data:
        raise ImageRefused("this file is empty")
    if len(data) > MAX_BYTES:
        raise ImageRefused(f"this file is larger than {MAX_BYTES >> 20} MB")
    # 0xFF is escaped inside a scan, so these two bytes can only start one (or stand in a preview, which has few).
    if data.startswith(b"\xff\xd8") and data.count(b"\xff\xda") > MAX_JPEG_SCANS:
        raise ImageRefused(f"this JPEG has more than {MAX_JPEG_SCANS} scans, which would take too long to decode")
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.UnidentifiedImageError as error:
        raise ImageRefused("this file is not a PNG, JPEG, WebP, GIF or BMP image") from error
    except Image.DecompressionBombError as error:
        raise ImageRefused(f"this image has more than {MAX_PIXELS // 10**6} megapixels") from error


def _read(source: str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO) -> bytes:
    """At most one byte more than `MAX_BYTES` of the source."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source)
    if not isinstance(source, (str, os.PathLike)):
        if not hasattr(source, "read"):
            raise ImageRefused(f"expected an image, its path or its bytes, got {type(source).__name__}")
        return source.read(MAX_BYTES + 1)
    try:
        with Path(source).open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a name with a null byte
        raise ImageRefused(f"there is no readable file named {Path(source).name!r}") from error


def _from_array(array: np.ndarray) -> Image.Image:
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.size == 0 or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))):
        raise ImageRefused(f"an image array is [height width] or [height width 3 or 4], got {list(array.shape)}")
    _check_size(array.shape[1], array.shape[0])
    if array.dtype == np.uint16:
        array = _scale_16_bit(array)
    elif array.dtype.kind == "f":
        if not (array.min() >= 0 and array.max() <= 1):  # also refuses NaN
            raise ImageRefused("an image array of floats runs from 0 to 1")
        array = np.round(array * 255)
    elif array.dtype != np.uint8:
        raise ImageRefused(f"an image array holds uint8, uint16 or floats from 0 to 1, got {array.dtype}")
    return Image.fromarray(np.ascontiguousarray(array.astype(np.uint8)))


def _check_size(width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise ImageRefused("this image has no pixels")
    if width * height > MAX_PIXELS:
        raise ImageRefused(
            f"this image is {width}×{height}, {width * height / 1e6:.1f} megapixels; "
            f"the most that can be opened is {MAX_PIXELS // 10**6}, so shrink it first"
        )
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise ImageRefused(
            f"this image is {width}×{height}, too narrow to be useful; crop it so that "
            f"the longer side is at most {MAX_ASPECT} times the shorter"
        )


def _upright(image: Image.Image) -> Image.Image:
    """A copy turned as its EXIF orientation says; damaged EXIF counts as none, as in browsers."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # the EXIF reader raises as many types as the decoders
        return image.copy()


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I"):
        return Image.fromarray(_scale_16_bit(np.asarray(image))).convert("RGB")
    if image.mode == "F":
        raise ImageRefused("this image holds floating-point values; save it as 8-bit or 16-bit first")
    if "transparency" in image.info or image.mode in ("RGBA", "RGBa", "LA", "La", "PA"):
        front = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", front.size, "white"), front).convert("RGB")
    return image.convert("RGB")


def _scale_16_bit(grey: np.ndarray) -> np.ndarray:
    """0 … 65535 → 0 … 255, rounded; what lies outside (mode "I" could) is clipped."""
    return ((np.clip(grey, 0, 65535).astype(np.uint32) + 128) // 257).astype(np.uint8)


def _shrink(image: Image.Image, max_side: int | None) -> Image.Image:
    if max_side is not None:
        image.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    return image
