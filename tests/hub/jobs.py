"""What another machine is asked to do; each returns plain values."""

from __future__ import annotations

import hashlib
import math
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

import prisma_engine as pe
from model_cards import __main__ as command
from model_cards import build


def publish(arguments: list[str], cards: str) -> None:
    """`python -m model_cards publish …` with the folders below `cards`."""
    build.CARDS = Path(cards)
    build.repositories = lambda: sorted({path.parents[1] for path in Path(cards).glob("*/*/eval.json")})
    sys.argv = ["model_cards", "publish", "--namespace", "org", *arguments]
    try:
        command.main()
    except SystemExit as end:
        raise ValueError(end.code) from None


def tensors(state: dict[str, Any]) -> str:
    """A hash of named tensors."""
    found = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        found.update(name.encode() + tensor.numpy().tobytes())
    return found.hexdigest()


def load(name: str, revision: str | None = None) -> dict[str, Any]:
    model = pe.load(name, revision=revision)
    return {"revision": model.revision, "tensors": tensors(model.state_dict()), "name": model.name}


def download(name: str, file: str) -> str:
    from huggingface_hub import hf_hub_download

    return hf_hub_download(name, file)


def weights(name: str, revision: str) -> dict[str, Any]:
    from prisma_engine.remote import weights

    found = weights(name, revision)
    n_parameters = sum(math.prod(shape) for shape in found.shapes.values())
    return {"n_bytes": found.n_bytes, "n_parameters": n_parameters, "norm": found.shapes["blocks.0.ln1.weight"]}


def history(name: str) -> dict[str, Any]:
    found = pe.history(name)
    return {"rows": len(found.rows), "steps": found.steps}


def list_models(owner: str | None) -> list[tuple[str, str]]:
    return [(each.name, each.where) for each in pe.list_models(owner)]


def hf(arguments: list[str]) -> None:
    """The `hf` command."""
    from huggingface_hub.cli.hf import main

    sys.argv = ["hf", *arguments]
    try:
        main()
    except SystemExit as end:
        if end.code:
            raise


def upload(folder: str, name: str) -> None:
    from huggingface_hub import HfApi

    HfApi().create_repo(name)
    HfApi().upload_folder(repo_id=name, folder_path=folder)


def with_timm(name: str, pixels: list[Any]) -> Any:
    import timm

    model = timm.create_model(f"hf-hub:{name}", pretrained=True).eval()
    return model(torch.tensor(pixels)).tolist()


def with_transformers(name: str, pixels: list[Any]) -> Any:
    from transformers import AutoModelForImageClassification

    model = AutoModelForImageClassification.from_pretrained(name, dtype=torch.float32).eval()
    return model(torch.tensor(pixels)).logits.tolist()


def load_sae(name: str, revision: str | None = None) -> str:
    return tensors(pe.SAE.load(name, revision=revision).state_dict())


def load_vlm(name: str, revision: str | None = None) -> dict[str, Any]:
    from prisma_engine import vlm

    found = vlm.load(name, revision=revision, dtype=torch.float32)
    return {"revision": found.revision, "tensors": tensors(found.model.state_dict()), "name": found.name}


def file_hash(path: str) -> str:
    """The hash that `load` gives of a model with the tensors of a file."""
    return tensors({name: tensor.float() for name, tensor in load_file(path).items()})


def delete(name: str) -> None:
    from huggingface_hub import HfApi

    HfApi().delete_repo(name, missing_ok=True)
