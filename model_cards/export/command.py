"""`python -m model_cards export`: a model of ours for another tool."""

from __future__ import annotations

import argparse
from pathlib import Path

from model_cards.build import folders
from model_cards.export import onnx, timm, transformers

TOOLS = {"timm": timm.export, "transformers": transformers.export, "onnx": onnx.export}


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("name", help="a folder of model_cards")
    command.add_argument("--to", choices=TOOLS, required=True, help="the tool that shall open it")
    command.add_argument("--into", type=Path, help="folder to write (default: out/<tool>/<name>)")
    command.set_defaults(run=run)


def run(given: argparse.Namespace) -> None:
    """Write the folder that the tool opens.

    Raises:
        ExportError: one sentence, if the tool cannot express the model, or is needed and not installed.
    """
    (folder,) = folders([given.name])
    into = given.into or Path("out") / given.to / folder.name
    TOOLS[given.to](folder, into)
    print(f"wrote {into}")
