"""Our preprocessing is the original's, to the last bit; and patches and crops map back to the right pixels."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from prisma_engine.convert.preprocess import preprocess_from_timm, preprocess_from_transformers
from prisma_engine.images import ImageRefused, open_image
from prisma_engine.preprocess import Preprocess, patch_at, patch_box, patch_grid

HALF, IMAGENET = ((0.5,) * 3, (0.5,) * 3), ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
SIZES = [(1, 1), (301, 200), (199, 333), (224, 224), (225, 224), (248, 249), (97, 1003)]
TIMM = [
    ((3, 224, 224), "bicubic", 0.9, "center", HALF),
    ((3, 224, 224), "bilinear", 0.875, "center", IMAGENET),
    ((3, 96, 160), "lanczos", 0.93, "center", IMAGENET),
    ((3, 256, 256), "bicubic", 0.95, "squash", IMAGENET),
    ((3, 96, 160), "bicubic", 1.0, "squash", HALF),
]
TRANSFORMERS = [
    "CLIPImageProcessor",
    "ViTImageProcessor",
    "DeiTImageProcessor",
    "BitImageProcessor",
    "SiglipImageProcessor",
]


def noise(size: tuple[int, int], seed: int = 0) -> Image.Image:
    """A picture with detail at every scale, so that any change of filter or offset shows."""
    generator = torch.Generator().manual_seed(seed)
    fine = torch.randint(0, 256, (size[1], size[0], 3), generator=generator, dtype=torch.uint8)
    coarse = torch.randint(0, 256, (7, 5, 3), generator=generator, dtype=torch.uint8)
    return Image.blend(Image.fromarray(fine.numpy()), Image.fromarray(coarse.numpy()).resize(size), 0.7)


def timm_config(case: tuple) -> dict:
    input_size, interpolation, crop_pct, crop_mode, (mean, std) = case
    return dict(
        input_size=input_size, interpolation=interpolation, crop_pct=crop_pct, crop_mode=crop_mode, mean=mean, std=std
    )


def timm_transform(config: dict) -> Callable[[Image.Image], torch.Tensor]:
    from timm.data.transforms_factory import create_transform

    transform: Any = create_transform(**config)
    return transform


@pytest.mark.parametrize("case", TIMM, ids=str)
def test_pixels_are_timms_to_the_last_bit(case):
    config = timm_config(case)
    transform, preprocess = timm_transform(config), preprocess_from_timm(config)
    for size in SIZES:
        image = noise(size)
        assert torch.equal(preprocess(image)[0], transform(image)), size


@pytest.mark.parametrize("change", [{"interpolation": "bilinear"}, {"crop_pct": 0.95}, {"mean": (0.5, 0.5, 0.4)}])
def test_a_different_setting_is_noticed(change):
    config = timm_config(TIMM[0])
    x, y = preprocess_from_timm(config)(noise((301, 200))), preprocess_from_timm(config | change)(noise((301, 200)))
    assert not torch.equal(x, y)


def test_real_photos_are_preprocessed_as_timm_does(assets):
    import timm
    from timm.data.config import resolve_model_data_config

    config = resolve_model_data_config(timm.create_model("vit_tiny_patch16_224"))
    transform, preprocess = timm_transform(config), preprocess_from_timm(config)
    assert (preprocess.height, preprocess.crop_pct, preprocess.interpolation) == (224, 0.9, "bicubic")
    for path in sorted((assets / "images").glob("*.jp*g")):
        with Image.open(path) as image:
            assert torch.equal(preprocess(path)[0], transform(image.convert("RGB"))), path.name


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_pixels_are_the_pillow_processors_to_the_last_bit(name):
    import transformers

    processor = getattr(transformers, f"{name}Pil")()
    preprocess = preprocess_from_transformers(processor.to_dict())
    for size in SIZES[1:]:  # transformers takes a picture of one pixel for a channel
        image = noise(size)
        assert torch.equal(preprocess(image), processor(image, return_tensors="pt")["pixel_values"]), size


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_the_torchvision_processor_differs_by_a_few_levels_at_most(name):
    import transformers

    processor = getattr(transformers, name)()
    preprocess = preprocess_from_transformers(processor.to_dict())
    image = noise((301, 233))
    levels = (preprocess(image) - processor(image, return_tensors="pt")["pixel_values"]).abs()
    levels *= 255 * torch.tensor(preprocess.std).view(-1, 1, 1)
    assert levels.max() < 4


def test_a_video_is_a_list_of_frames():
    import transformers

    processor = transformers.VivitImageProcessor()
    frames = [noise((301, 233), seed) for seed in range(3)]
    expected = processor(frames, return_tensors="pt")["pixel_values"]
    x = preprocess_from_transformers(processor.to_dict())(frames)[None]
    assert x.shape == expected.shape == (1, 3, 3, 224, 224)
    torch.testing.assert_close(x, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"do_pad": True}, "do_pad"),
        ({"do_resize": False}, "no one size"),
        ({"size": 224}, "ambiguous"),
        ({"size": {"shortest_edge": 224, "longest_edge": 500}}, "not understood"),
        ({"crop_size": {"height": 256, "width": 256}}, "256×256 out of 224×224"),
        ({"crop_size": {"height": 224, "width": 112}}, "not understood"),
    ],
)
def test_an_unknown_processor_is_refused(change, message):
    import transformers

    with pytest.raises(ValueError, match=message):
        preprocess_from_transformers(transformers.CLIPImageProcessorPil().to_dict() | change)


def test_an_unknown_timm_crop_is_refused():
    with pytest.raises(ValueError, match="crop_mode 'border'"):
        preprocess_from_timm(timm_config(TIMM[0]) | {"crop_mode": "border"})


def test_a_transformers_crop_reproduces_the_resized_side():
    for resized in range(200, 600, 7):
        size = {"shortest_edge": resized}
        for crop in {resized, resized - 1, resized - 32, 193}:
            config = {"size": size, "crop_size": {"height": crop, "width": crop}, "do_center_crop": True, "resample": 3}
            config |= {"image_mean": HALF[0], "image_std": HALF[1]}
            assert preprocess_from_transformers(config)._resized((1000, 1000)) == (resized, resized)


def test_grey_models_see_one_channel():
    preprocess = preprocess_from_timm(timm_config(TIMM[0]) | {"input_size": (1, 32, 32)})
    assert preprocess(noise((50, 40))).shape == (1, 1, 32, 32)
    assert preprocess.pixels(noise((50, 40))).mode == "L"


def test_pixels_are_what_is_normalised():
    preprocess, image = preprocess_from_timm(timm_config(TIMM[0])), noise((301, 200))
    assert preprocess.pixels(image).size == (224, 224)
    assert torch.equal(preprocess.normalize(preprocess.pixels(image)), preprocess(image)[0])


def test_a_list_is_a_batch_and_an_empty_one_an_error():
    preprocess = Preprocess(32, 48, *HALF)
    a, b = noise((90, 50)), noise((50, 90))
    assert torch.equal(preprocess([a, b]), torch.cat([preprocess(a), preprocess(b)]))
    with pytest.raises(ValueError, match="at least one image"):
        preprocess([])


def test_a_picture_that_cannot_be_opened_is_refused():
    with pytest.raises(ImageRefused, match="not a PNG"):
        Preprocess(32, 32, *HALF)(b"hello")


def test_crop_box_is_where_the_pixels_come_from():
    """Black outside the box and white inside: the model sees white only; one pixel less, and black shows."""
    preprocess = Preprocess(64, 64, *HALF, interpolation="nearest", crop_pct=0.8)
    left, top, right, bottom = preprocess.crop_box((320, 200))
    assert (left, top, right, bottom) == (80, 20, 240, 180)
    for margin, sees_black in ((0, False), (4, True)):
        image = Image.new("RGB", (320, 200))
        image.paste("white", (80 + margin, 20 + margin, 240 - margin, 180 - margin))
        assert ((0, 0, 0) in set(preprocess.pixels(image).get_flattened_data())) == sees_black


def test_a_squashed_image_loses_nothing():
    assert Preprocess(64, 64, *HALF, mode="squash").crop_box((320, 200)) == (0, 0, 320, 200)


def test_settings_survive_json_and_strangers_are_refused():
    preprocess = Preprocess(96, 160, *IMAGENET, interpolation="lanczos", crop_pct=0.9, mode="squash")
    values = json.loads(json.dumps(preprocess.to_dict()))
    assert Preprocess.from_dict(values) == preprocess
    with pytest.raises(ValueError, match="unknown fields: colour"):
        Preprocess.from_dict(values | {"colour": 1})
    with pytest.raises(ValueError, match="lacks std"):
        Preprocess.from_dict({k: v for k, v in values.items() if k != "std"})
    with pytest.raises(ValueError, match="wrong type"):
        Preprocess.from_dict(values | {"height": "tall"})


@pytest.mark.parametrize(
    ("field", "value"),
    [("height", 0), ("mean", (0.5,)), ("std", (0.0,) * 3), ("crop_pct", 1.5), ("interpolation", "x"), ("mode", "x")],
)
def test_a_field_out_of_range_is_named(field, value):
    with pytest.raises(ValueError, match=field if field != "height" else "0×32"):
        Preprocess(**{"height": 32, "width": 32, "mean": HALF[0], "std": HALF[1]} | {field: value})


@given(st.tuples(st.integers(1, 40), st.integers(1, 40)), st.tuples(st.integers(1, 9), st.integers(1, 9)), st.data())
def test_every_pixel_lies_in_the_box_of_its_patch(grid, patch, data):
    height, width = grid[0] * patch[0] + patch[0] - 1, grid[1] * patch[1] + patch[1] - 1  # with a remainder
    assert patch_grid(height, width, patch) == grid
    index = data.draw(st.integers(0, grid[0] * grid[1] - 1))
    left, top, right, bottom = patch_box(index, grid, patch)
    assert 0 <= left < right <= width and 0 <= top < bottom <= height
    for x, y in ((left, top), (right - 1, bottom - 1), ((left + right) / 2, (top + bottom) / 2)):
        assert patch_at(x, y, grid, patch) == index


def test_outside_the_grid_there_is_no_patch():
    assert [patch_at(x, y, (3, 4), (8, 8)) for x, y in ((-1, 0), (0, -1), (32, 0), (0, 24), (31.9, 23.9))] == [
        *(None,) * 4,
        11,
    ]
    with pytest.raises(ValueError, match="patches 0 to 11"):
        patch_box(12, (3, 4), (8, 8))
    with pytest.raises(ValueError, match="does not fit"):
        patch_grid(7, 16, (8, 8))


def test_open_image_was_not_needed_by_the_caller(tmp_path):
    path = tmp_path / "a.png"
    noise((40, 30)).save(path)
    preprocess = Preprocess(32, 32, *HALF)
    assert torch.equal(preprocess(path), preprocess(open_image(path)))
