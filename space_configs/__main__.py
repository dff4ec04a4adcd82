"""`python -m space_configs build [NAME]` writes a Space's folder; `publish NAME --namespace ORG` brings it to the Hub.

`python -m space_configs pin` looks up the commits of the models that the pages offer from the Hub.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from space_configs import command


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m space_configs", description=__doc__)
    commands = parser.add_subparsers(required=True)
    build = commands.add_parser("build", help="write folders that run on their own")
    build.add_argument("name", nargs="*", help="Spaces; all when none is named")
    build.add_argument("--out", type=Path, default=Path("out/spaces"), help="where the folders go (out/spaces)")
    build.add_argument("--hardware", help="what they run on, such as zero-gpu")
    build.add_argument("--namespace", metavar="ORG", help="whose Spaces they are to be")
    build.add_argument("--static", action="store_true", help="the edition that needs no server")
    build.set_defaults(run=command.build)
    publish = commands.add_parser("publish", help="bring Spaces of the Hub to what is here, and wait until they run")
    publish.add_argument("name", nargs="+", help="Spaces")
    publish.add_argument("--namespace", required=True, metavar="ORG", help="whose Spaces they are on the Hub")
    publish.add_argument("--hardware", help="what they run on, such as zero-gpu")
    publish.add_argument("--private", action="store_true", help="make new Spaces private")
    publish.add_argument("--secret", action="append", default=[], metavar="NAME", help="set it to this environment's")
    publish.add_argument("--dry-run", action="store_true", help="only say what would be done next")
    publish.add_argument("--over", metavar="COMMIT", help="a commit by somebody else that may be replaced")
    publish.add_argument("--timeout", type=float, default=1800.0, help="seconds to wait for it to run")
    publish.set_defaults(run=command.publish)
    pin = commands.add_parser("pin", help="look up the commits of the models from the Hub")
    pin.add_argument("name", nargs="*", help="models to look up anew; those without a commit when none is named")
    pin.set_defaults(run=command.look_up)
    given = parser.parse_args()
    try:
        given.run(given)
    except ValueError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
