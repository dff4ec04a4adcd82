"""What another machine is asked to do with Spaces; each returns plain values."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

from apps.common import revisions
from model_cards.publish.plan import File
from space_configs import __main__ as main
from space_configs import command
from space_configs.config import ROOT

SOURCE = "c0ffee" + "0" * 34


def publish(arguments: list[str], files: dict[str, str] | None, variables: dict[str, str], env: dict[str, str]) -> None:
    """`python -m space_configs publish …` of a Space with these files, or with its own."""
    os.environ.update(env)
    command.commit_of = lambda paths: SOURCE if all(path.is_relative_to(ROOT) for path in paths) else ""
    if files is not None:
        held = {path: File(text.encode()) for path, text in files.items()}
        command.contents = lambda config, hardware, owner: held
    read = command.read_config

    command.read_config = lambda name: replace(read(name), variables=variables)
    run(["publish", "--namespace", "org", *arguments])


def pin(arguments: list[str], path: str) -> dict[str, str]:
    """`python -m space_configs pin …` into a file of the test's."""
    found = command.pin
    command.pin = lambda api, patience, say, names: found(api, patience, say, names, Path(path))
    run(["pin", *arguments])
    return {name: pin.commit for name, pin in revisions.read_pins(Path(path)).items()}


def run(arguments: list[str]) -> None:
    sys.argv = ["space_configs", *arguments]
    try:
        main.main()
    except SystemExit as end:
        raise ValueError(end.code) from None
