"""Read timm's and transformers' descriptions of image preprocessing, refusing what we would not reproduce."""

from collections.abc import Mapping, Sequence
from typing import Any

from prisma_engine.preprocess import Preprocess

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
TIMM_MODES = {"center": "crop", "squash": "squash"}
PIL_FILTERS = ("nearest", "lanczos", "bilinear", "bicubic", "box", "hamming")  # in the order of Pillow's numbers

# everything else in a transformers image processor changes the pixels in a way that we do not know
_TRANSFORMERS_READ = {
    *("do_resize", "size", "resample", "do_center_crop", "crop_size", "do_rescale", "rescale_factor", "offset"),
    *("do_normalize", "image_mean", "image_std"),
}
_TRANSFORMERS_HARMLESS = {
    *("do_convert_rgb", "image_processor_type", "feature_extractor_type", "processor_class", "default_to_square"),
    *("data_format", "input_data_format", "return_tensors", "device", "disable_grouping", "_valid_processor_keys"),
}


def preprocess_from_timm(cfg: Mapping[str, Any]) -> Preprocess:
    """From `timm.data.resolve_model_data_config(model)` or a `pretrained_cfg`, with timm's own defaults.

    A grey model (`input_size` (1, height, width)) with three means, which timm leaves in its config, takes
    their average.

    Raises:
        ValueError: for a crop mode other than "center" and "squash".
    """
    n_channels, height, width = cfg.get("input_size") or (3, 224, 224)
    crop_mode = cfg.get("crop_mode") or "center"
    if crop_mode not in TIMM_MODES:
        raise ValueError(f"crop_mode {crop_mode!r} is not understood; expected 'center' or 'squash'")
    return Preprocess(
        height=height,
        width=width,
        mean=_per_channel(cfg.get("mean") or IMAGENET_MEAN, n_channels),
        std=_per_channel(cfg.get("std") or IMAGENET_STD, n_channels),
        interpolation=cfg.get("interpolation") or "bicubic",
        crop_pct=cfg.get("crop_pct") or 0.875,
        mode=TIMM_MODES[crop_mode],
    )


def preprocess_from_transformers(cfg: Mapping[str, Any]) -> Preprocess:
    """From an image processor's `to_dict()`; the pixels are those of its Pillow backend, bit for bit.

    transformers prefers its torchvision backend where that is installed, which resizes with other rounding:
    its pixels differ by up to a few of 255 levels.

    Raises:
        ValueError: for any setting that would change the pixels in a way that is not understood.
    """
    _refuse_unknown(cfg)
    height, width, crop_pct, mode = _geometry(cfg)
    mean, std = _affine(cfg)
    return Preprocess(height, width, mean, std, PIL_FILTERS[int(cfg["resample"])], crop_pct, mode)


def _refuse_unknown(cfg: Mapping[str, Any]) -> None:
    known = _TRANSFORMERS_READ | _TRANSFORMERS_HARMLESS
    if unknown := [name for name, value in cfg.items() if name not in known and value not in (None, False)]:
        raise ValueError(f"this image processor sets {', '.join(sorted(unknown))}, which is not understood")
    if missing := sorted({"size", "resample"} - set(cfg)):
        raise ValueError(f"this image processor lacks {', '.join(missing)}; pass the whole of its to_dict()")
    if not cfg.get("do_resize", True):
        raise ValueError("this image processor does not resize, so its input has no one size")


def _geometry(cfg: Mapping[str, Any]) -> tuple[int, int, float, str]:
    """Height, width, crop_pct and mode."""
    size = {k: v for k, v in _as_dict(cfg["size"]).items() if v is not None}
    crop = _as_dict(cfg["crop_size"]) if cfg.get("do_center_crop") else None
    if set(size) == {"height", "width"}:
        resized, mode = (size["height"], size["width"]), "squash"
    elif set(size) == {"shortest_edge"} and crop and crop["height"] == crop["width"]:
        resized, mode = (size["shortest_edge"], size["shortest_edge"]), "shortest_edge"
    else:
        raise ValueError(f"an image size of {size} with a crop to {crop} is not understood")
    height, width = (crop["height"], crop["width"]) if crop else resized
    return height, width, _crop_pct((height, width), resized, mode), mode


def _crop_pct(crop: tuple[int, int], resized: tuple[int, int], mode: str) -> float:
    """The share that makes floor(crop / share) the resized side again.

    transformers starts a squashed crop at floor(margin / 2), we at the half rounded to even: the same unless
    the margin is 3, 7, 11 …
    """
    share = crop[0] / resized[0]
    margins = [r - c for r, c in zip(resized, crop, strict=True)]
    if min(margins) < 0 or crop[1] / resized[1] != share or (mode == "squash" and any(m % 4 == 3 for m in margins)):
        raise ValueError(f"a crop to {crop[0]}×{crop[1]} out of {resized[0]}×{resized[1]} is not understood")
    exact = all(int(c / share) == r for c, r in zip(crop, resized, strict=True))
    return share if exact else crop[0] / (resized[0] + 0.5)  # the quotient fell just below the side


def _affine(cfg: Mapping[str, Any]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and std that do rescale, offset and normalise in one: ((255 r u - offset) - m) / s for u in 0 … 1."""
    factor = cfg.get("rescale_factor", 1 / 255) * 255 if cfg.get("do_rescale", True) else 255.0
    factor = 1.0 if abs(factor - 1) < 1e-9 else factor  # 0.00392156862745098, as configs write 1/255
    offset = 1.0 if cfg.get("offset") else 0.0  # ViViT: after rescaling, one is subtracted
    normalise = cfg.get("do_normalize", True)
    mean, std = (cfg["image_mean"], cfg["image_std"]) if normalise else ((0.0,) * 3, (1.0,) * 3)
    return tuple((m + offset) / factor for m in mean), tuple(s / factor for s in std)


def _as_dict(size: Any) -> dict[str, int]:
    if not isinstance(size, Mapping):
        raise ValueError(f"an image size of {size!r} is ambiguous; pass the image processor's to_dict()")
    return dict(size)


def _per_channel(values: Sequence[float], n_channels: int) -> tuple[float, ...]:
    if n_channels == 1 and len(values) == 3:
        return (sum(values) / 3,)
    return tuple(values)
