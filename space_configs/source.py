"""The commit of this repository that a Space is built from."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

from model_cards.publish.errors import PublishError
from space_configs.config import ROOT


def commit_of(paths: Iterable[Path], root: Path = ROOT) -> str:
    """The commit that holds exactly these files.

    Raises:
        PublishError: one sentence, if one of them was changed since, or this is no checkout.
    """
    names = [path.relative_to(root).as_posix() for path in paths]
    changed = _git(root, "status", "--porcelain", "--untracked-files=all", "--", *names).splitlines()
    if changed:
        raise PublishError(
            f"{changed[0][3:]} is not committed, so nobody could tell what was published; commit it first"
        )
    return _git(root, "rev-parse", "HEAD").strip()


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        raise PublishError(
            "this is no checkout of the repository, so a Space cannot say what it was built from"
        ) from None
    return done.stdout
