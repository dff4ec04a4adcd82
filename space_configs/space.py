"""A Space of the Hub brought, a request at a time, to what it shall be: interrupt it anywhere, and run it again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, SpaceHardware
from huggingface_hub.errors import RepositoryNotFoundError

from model_cards.publish.errors import PublishError, status_of
from model_cards.publish.patience import Patience
from model_cards.publish.plan import File
from model_cards.publish.state import State

MARK = "Published by `python -m space_configs publish`."
"""Ends the description of every commit that this command makes, so that it knows its own."""
FIRST = frozenset({".gitattributes", "README.md"})
"""What the Hub itself puts into a new Space."""


@dataclass(frozen=True)
class Wanted:
    """A Space as it shall be.

    Attributes:
        name: "owner/name".
        files: path → file; nothing else stays.
        title: of the commit; `source` says from which commit of this repository it was built.
        variables: anyone may read them; others that the Space has are left alone.
        secrets: set where the Space has none of that name, since the Hub never shows their values.
        hardware: as the Hub names it.
    """

    name: str
    files: Mapping[str, File] = field(repr=False)
    title: str
    source: str
    hardware: str
    variables: Mapping[str, str]
    secrets: Mapping[str, str] = field(repr=False)
    private: bool = False
    over: str | None = None


@dataclass(frozen=True)
class Found:
    """A Space as it is: its files, and the settings beside them."""

    state: State
    variables: Mapping[str, str]
    secrets: frozenset[str]
    hardware: str | None


def read_space(api: HfApi, name: str) -> Found | None:
    """A Space as it is now; None where there is none."""
    try:
        info = api.space_info(name, files_metadata=True)
    except RepositoryNotFoundError:
        return None
    files = {f.rfilename: f.lfs.sha256 if f.lfs else f.blob_id or "" for f in info.siblings or []}
    newest = api.list_repo_commits(name, repo_type="space", revision=info.sha)[0]
    ours = MARK in newest.message or set(files) <= FIRST
    variables = {key: each.value for key, each in api.get_space_variables(name).items()}
    runtime = api.get_space_runtime(name)
    return Found(
        State(info.sha or "", files, {}, None if ours else newest.title),
        variables,
        frozenset(api.get_space_secrets(name)),
        runtime.requested_hardware or runtime.hardware,
    )


@dataclass(frozen=True)
class Step:
    """One thing to do, in words, and how."""

    words: str
    act: Callable[[HfApi], object] = field(repr=False)

    def __str__(self) -> str:
        return self.words


def next_step(wanted: Wanted, found: Found | None) -> Step | None:
    """The next thing to do for a Space; None when it is as it shall be.

    Its files come last, so that the first build already knows the settings.
    """
    if found is None:
        return Step("make the Space", lambda api: _make(api, wanted))
    for key, value in wanted.variables.items():
        if found.variables.get(key) != value:
            return Step(
                f"set {key} to {value}", partial(HfApi.add_space_variable, repo_id=wanted.name, key=key, value=value)
            )
    for key, value in wanted.secrets.items():
        if key not in found.secrets:
            return Step(
                f"set the secret {key}", partial(HfApi.add_space_secret, repo_id=wanted.name, key=key, value=value)
            )
    if found.hardware not in (None, wanted.hardware):
        words = f"ask for {wanted.hardware} instead of {found.hardware}"
        return Step(
            words, partial(HfApi.request_space_hardware, repo_id=wanted.name, hardware=SpaceHardware(wanted.hardware))
        )
    return None if found.state.holds(wanted.files) else _commit(wanted, found)


def _commit(wanted: Wanted, found: Found) -> Step:
    changed, gone = found.state.differing(wanted.files), found.state.extra(wanted.files)
    words = f"commit “{wanted.title}”: {len(changed)} files" + (f", without {', '.join(gone)}" if gone else "")
    adds = [CommitOperationAdd(path, _source(wanted.files[path])) for path in changed]
    operations = [*adds, *(CommitOperationDelete(path) for path in gone)]

    def act(api: HfApi) -> object:
        return api.create_commit(
            wanted.name, operations, commit_message=wanted.title, repo_type="space",
            commit_description=f"Built from {wanted.source}.\n\n{MARK}", parent_commit=found.state.head,
        )  # fmt: skip

    return Step(words, act)


def _source(file: File) -> str | bytes:
    return file.source if isinstance(file.source, bytes) else str(file.source)


def _make(api: HfApi, wanted: Wanted) -> None:
    try:
        api.create_repo(
            wanted.name, repo_type="space", space_sdk="gradio", private=wanted.private,
            space_hardware=SpaceHardware(wanted.hardware),
        )  # fmt: skip
    except Exception as error:
        if status_of(error) == 402:
            raise PublishError(
                "the Hub hosts no Gradio Space on this hardware for this account without a subscription; subscribe, "
                "or try --hardware zero-gpu"
            ) from None
        if status_of(error) != 409:
            raise
        # It was made by a request whose answer was lost, or it is there but not for this token.
        if read_space(api, wanted.name) is None:
            raise PublishError(f"the name {wanted.name} is taken by a Space that this token cannot see") from None


class Space:
    """A Space that is being brought to what it shall be.

    Args:
        say: told about everything that was done.
    """

    def __init__(self, api: HfApi, wanted: Wanted, patience: Patience, say: Callable[[str], None]) -> None:
        self.api, self.wanted, self.patience, self.say = api, wanted, patience, say

    def publish(self) -> int:
        """Do what there is to do and return how many things that was.

        Raises:
            PublishError: one sentence; whatever was done by then is whole.
        """
        done = 0
        while (step := self.patience.keep_trying(self._one, self.wanted.name)) is not None:
            self.say(f"{self.wanted.name}: {step}")
            done += 1
        return done

    def next(self) -> Step | None:
        """The next thing to do.

        Raises:
            PublishError: if somebody else changed the Space.
        """
        found = read_space(self.api, self.wanted.name)
        if found and found.state.stranger is not None:
            head, over = found.state.head, self.wanted.over
            if not (over and head.startswith(over)):
                raise PublishError(
                    f"{self.wanted.name} has a commit by somebody else, “{found.state.stranger}” ({head[:8]}), which "
                    f"is never overwritten; take it over here first, or allow it with --over {head[:8]}"
                )
        return next_step(self.wanted, found)

    def _one(self) -> Step | None:
        step = self.next()
        if step is not None:
            step.act(self.api)
        return step
