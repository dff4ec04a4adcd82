"""What a repository holds now: read from the Hub, compared with what it shall hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from huggingface_hub import HfApi, RepoFile
from huggingface_hub.errors import RepositoryNotFoundError

from model_cards.publish.errors import PublishError
from model_cards.publish.plan import WEIGHTS, File, Plan

MARK = "Published by `python -m model_cards publish`."
"""Ends the description of every commit that this command makes, so that it knows its own."""
FIRST = frozenset({".gitattributes"})
"""What the Hub itself puts into a new repository."""


@dataclass(frozen=True)
class State:
    """A repository at one moment.

    Attributes:
        head: the newest commit of main.
        files: path → hash, by sha256 where the file is in LFS, otherwise git's.
        tags: name → commit.
        stranger: title of the newest commit, if neither this command nor the Hub made it.
    """

    head: str
    files: Mapping[str, str]
    tags: Mapping[str, str]
    stranger: str | None

    def holds(self, wanted: Mapping[str, File]) -> bool:
        return not self.differing(wanted) and not self.extra(wanted)

    def differing(self, wanted: Mapping[str, File]) -> list[str]:
        """Paths whose content is missing or another one."""
        return [path for path, file in wanted.items() if self.files.get(path) not in file.hashes]

    def extra(self, wanted: Mapping[str, File]) -> list[str]:
        """Paths that are there and shall not be."""
        return sorted(set(self.files) - set(wanted) - FIRST)


def read_state(api: HfApi, name: str) -> State | None:
    """A repository as it is now; None where there is none."""
    try:
        info = api.model_info(name, files_metadata=True)
    except RepositoryNotFoundError:
        return None
    files = {f.rfilename: f.lfs.sha256 if f.lfs else f.blob_id or "" for f in info.siblings or []}
    tags = {tag.name: tag.target_commit for tag in api.list_repo_refs(name).tags}
    newest = api.list_repo_commits(name, revision=info.sha)[0]
    ours = MARK in newest.message or set(files) <= FIRST
    return State(info.sha or "", files, tags, None if ours else newest.title)


def check_tags(api: HfApi, name: str, plan: Plan, state: State) -> None:
    """See that every tag that is there already names the weights that it shall name.

    Raises:
        PublishError: if one does not; what was published under a tag is never changed.
    """
    for step in plan.steps:
        if step.tag not in state.tags:
            continue
        there = api.get_paths_info(name, [WEIGHTS], revision=state.tags[step.tag])
        sha256 = next((file.lfs.sha256 for file in there if isinstance(file, RepoFile) and file.lfs), None)
        if sha256 != step.weights.hashes[0]:
            raise PublishError(
                f"{name} has other weights at {step.tag} than this training kept; a tag is never moved, "
                "so publish under another name or delete that repository"
            )
