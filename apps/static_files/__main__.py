"""`python -m apps.static_files FOLDER`: write what the static edition is made of."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from pathlib import Path

from apps.common import runtime
from apps.static_files import attention, lens, parts, patching, steering
from apps.static_files.scope import Scope, small, whole
from apps.static_files.store import Store

PARTS = {part.__name__.rpartition(".")[2]: part for part in (parts, lens, attention, steering, patching)}


def write(folder: Path, scope: Scope, names: Iterable[str] = PARTS) -> None:
    """Write these parts below `folder`, telling how long each takes."""
    with Store(folder) as store:
        for name in names:
            start = time.monotonic()
            PARTS[name].write(store, scope)
            print(f"{name}: {time.monotonic() - start:.0f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m apps.static_files", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--small", action="store_true", help="two examples and no long sweeps, to try the building")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help=" ".join(PARTS))
    given = parser.parse_args()
    runtime.settle(n_threads=1)
    write(given.folder, small() if given.small else whole(), given.only)


if __name__ == "__main__":
    main()
