"""`python -m model_cards publish`: which folders, to whom, and what is said about it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from huggingface_hub import HfApi, get_token

from model_cards.build import folders
from model_cards.publish.collecting import MODELS, SAES, collect
from model_cards.publish.errors import PublishError
from model_cards.publish.patience import Patience
from model_cards.publish.plan import WEIGHTS, Plan, plan
from model_cards.publish.pull import propose
from model_cards.publish.repository import Repository, actions


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("name", nargs="*", help="folders of model_cards")
    command.add_argument("--all", action="store_true", help="every folder that was measured")
    command.add_argument("--namespace", required=True, metavar="ORG", help="whose repositories they are on the Hub")
    command.add_argument("--private", action="store_true", help="make new repositories private")
    command.add_argument("--dry-run", action="store_true", help="only say what would be done")
    command.add_argument("--create-pr", action="store_true", help="propose the files in a pull request instead")
    command.add_argument("--over", metavar="COMMIT", help="a commit by somebody else that may be replaced")
    command.add_argument("--out", type=Path, default=Path("out"), help="where trainings keep their steps")
    command.set_defaults(run=run)


def run(given: argparse.Namespace) -> None:
    """Publish what was asked for; one line for everything that is done.

    Raises:
        PublishError: one sentence, at the first thing that cannot be done; what was published by then is whole.
    """
    if not given.name and not given.all:
        raise PublishError("say which folders to publish, or --all")
    chosen = folders(() if given.all else given.name)
    # Every plan is made before the first request, so that a folder that cannot be published stops nothing halfway.
    plans = [plan(folder, given.namespace, given.out) for folder in chosen]
    api, patience = HfApi(), Patience()
    if not given.dry_run:
        _check_token(api, given.namespace, patience)
    for each in plans:
        name = f"{given.namespace}/{each.name}"
        if given.create_pr and not given.dry_run:
            print(f"{name}: {propose(api, name, each, patience) or 'nothing to propose'}")
            continue
        repository = Repository(api, name, each, patience, given.private, given.over, print)
        if given.dry_run:
            _tell(repository, each, patience)
        elif not repository.publish():
            print(f"{name}: nothing to do")
    if not given.dry_run and not given.create_pr:
        _collect(api, given, plans, patience)


def _tell(repository: Repository, plan: Plan, patience: Patience) -> None:
    state = patience.keep_trying(repository.state, repository.name)
    found = list(actions(plan, state))
    for action in found:
        print(f"{repository.name}: would {action}")
    if not found:
        print(f"{repository.name}: nothing to do")


def _check_token(api: HfApi, owner: str, patience: Patience) -> None:
    """See before the first change that the token may write for `owner`."""
    if get_token() is None:
        raise PublishError("there is no token here; log in with `hf auth login`, or set HF_TOKEN")
    who = patience.keep_trying(api.whoami, owner)
    if who.get("auth", {}).get("accessToken", {}).get("role") == "read":
        raise PublishError("this token may only read; make one with the role 'write' in the Hub's settings")
    known = [who["name"], *(org["name"] for org in who.get("orgs", []))]
    if owner.lower() not in map(str.lower, known):
        raise PublishError(f"this token is {who['name']}'s, who does not belong to {owner}; it has {', '.join(known)}")


def _collect(api: HfApi, given: argparse.Namespace, plans: Sequence[Plan], patience: Patience) -> None:
    for title in (MODELS, SAES):
        names = [f"{given.namespace}/{p.name}" for p in plans if (WEIGHTS in p.files) == (title == MODELS)]
        if names:
            for name in collect(api, given.namespace, title, names, given.private, patience):
                print(f"{name}: now in the collection “{title}”")
