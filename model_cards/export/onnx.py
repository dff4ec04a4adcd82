"""A model as ONNX, which browsers run: pixels as its preprocessing makes them in, logits out."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from model_cards.export.model import ExportError, read_model

FILE, NEEDED = "model.onnx", ("onnx", "onnxscript")
INPUT, OUTPUT = "pixels", "logits"


def export(folder: Path, into: Path) -> None:
    """Write `model.onnx`, for any number of pictures at once.

    Raises:
        ExportError: if `onnx` and `onnxscript`, which this project does not install, are not there.
    """
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        raise ExportError(f"exporting to ONNX needs {' and '.join(missing)}: pip install {' '.join(NEEDED)}")
    import torch

    from prisma_engine.load import load

    shape = read_model(folder).vit
    model = load(folder)
    # Two pictures: of one, the exporter would take the batch for a constant.
    pixels = torch.zeros(2, shape["n_channels"], *shape["image_size"])
    into.mkdir(parents=True, exist_ok=True)
    batch = {0: torch.export.Dim("batch", min=1)}
    program = torch.onnx.export(
        model, (pixels,), dynamo=True, input_names=[INPUT], output_names=[OUTPUT], dynamic_shapes=(batch,),
        external_data=False, verbose=False,
    )  # fmt: skip
    if program is None:
        raise ExportError(f"torch exports no program of {folder.name}")
    program.save(into / FILE, external_data=False)
