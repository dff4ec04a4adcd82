"""`python -m apps.static_files FOLDER`: write what the static edition is made of."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from apps.common import runtime
from apps.static_files import attention, lens, parts, patching, steering
from apps.static_files.scope import Scope, small, whole
from apps.static_files.store import Store


def write(folder: Path, scope: Scope) -> None:
    """Write all of it below `folder`, telling how long each part takes."""
    store = Store(folder)
    for part in (parts, lens, attention, steering, patching):
        start = time.monotonic()
        part.write(store, scope)
        print(f"{part.__name__.rpartition('.')[2]}: {time.monotonic() - start:.0f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m apps.static_files", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--small", action="store_true", help="two examples and no long sweeps, to try the building")
    given = parser.parse_args()
    runtime.settle(n_threads=1)
    write(given.folder, small() if given.small else whole())


if __name__ == "__main__":
    main()
