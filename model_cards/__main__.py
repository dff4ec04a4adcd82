"""`python -m model_cards build` writes the cards from what was measured; `build --check` says which are out of date.

`python -m model_cards publish --all --namespace ORG` brings the Hub's repositories to what the folders hold;
`python -m model_cards export NAME --to timm` writes a model as other tools open it.
"""

from __future__ import annotations

import argparse
import sys

from model_cards.build import build, faults, folders
from model_cards.export import command as export
from model_cards.publish import command as publish


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m model_cards", description=__doc__)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("build", help="write the cards and curves")
    command.add_argument("name", nargs="*", help="folders of model_cards; all when none is named")
    command.add_argument("--check", action="store_true", help="write nothing; fail where a card is out of date")
    command.set_defaults(run=_build)
    publish.add_arguments(commands.add_parser("publish", help="bring the Hub's repositories to what the folders hold"))
    export.add_arguments(
        commands.add_parser("export", help="write a model as timm, transformers or a browser opens it")
    )
    given = parser.parse_args()
    try:
        given.run(given)
    except ValueError as error:
        sys.exit(str(error))


def _build(given: argparse.Namespace) -> None:
    chosen = folders(given.name)
    if given.check:
        found = [fault for folder in chosen for fault in faults(folder)]
        sys.exit("\n".join(found)) if found else print(f"{len(chosen)} cards say what was measured")
        return
    for folder in chosen:
        build(folder)
        print(f"wrote {folder.name}/README.md")


if __name__ == "__main__":
    main()
