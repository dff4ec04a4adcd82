"""The same as one pull request, for repositories that others look after."""

from __future__ import annotations

from huggingface_hub import HfApi

from model_cards.publish.errors import PublishError
from model_cards.publish.patience import Patience
from model_cards.publish.plan import Plan
from model_cards.publish.repository import Commit, commit
from model_cards.publish.state import State, read_state


def propose(api: HfApi, name: str, plan: Plan, patience: Patience) -> str | None:
    """Open a pull request with the folder's files and return its address; None when there is nothing to propose.

    The steps of training become commits and tags of main only when the repository itself is published to. A pull
    request that proposes the same already, and is open, is left as it is.

    Raises:
        PublishError: one sentence; such as that there is no such repository.
    """
    return patience.keep_trying(lambda: _propose(api, name, plan), name)


def _propose(api: HfApi, name: str, plan: Plan) -> str | None:
    state = read_state(api, name)
    if state is None:
        raise PublishError(f"there is no repository {name} to open a pull request for; publish without --create-pr")
    if state.holds(plan.files):
        return None
    title = f"{plan.name} as published by its authors"
    for pull in api.get_repo_discussions(name, discussion_type="pull_request", discussion_status="open"):
        if pull.title == title and _proposes(api, name, pull.num, plan):
            return pull.url
    change = Commit(title, plan.files, tuple(state.differing(plan.files)), tuple(state.extra(plan.files)))
    return commit(api, name, change, state.head, pull=True)


def _proposes(api: HfApi, name: str, number: int, plan: Plan) -> bool:
    info = api.model_info(name, revision=f"refs/pr/{number}", files_metadata=True)
    files = {f.rfilename: f.lfs.sha256 if f.lfs else f.blob_id or "" for f in info.siblings or []}
    return State(info.sha or "", files, {}, None).holds(plan.files)
