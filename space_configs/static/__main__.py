"""`python -m space_configs.static [--out DIR]`: build the static edition."""

from __future__ import annotations

import argparse
from pathlib import Path

from space_configs.static.assembling import OUT, build
from space_configs.static.sizes import table


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m space_configs.static", description=__doc__)
    parser.add_argument("--out", type=Path, default=OUT, help="folder of the site, written anew")
    parser.add_argument("--small", action="store_true", help="two examples and no long sweeps, to try the building")
    given = parser.parse_args()
    try:
        build(given.out, is_small=given.small)
    except ValueError as error:
        raise SystemExit(str(error)) from error
    print(table(given.out))
    print(f"look at it: python -m http.server --directory {given.out} 8000")


if __name__ == "__main__":
    main()
