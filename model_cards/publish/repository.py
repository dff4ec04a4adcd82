"""One repository brought, a request at a time, to what it shall hold: interrupt it anywhere, and run it again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

from model_cards.publish.errors import PublishError, status_of
from model_cards.publish.patience import Patience
from model_cards.publish.plan import File, Plan
from model_cards.publish.state import MARK, State, check_tags, read_state
from prisma_engine.history import step_of


@dataclass(frozen=True)
class Make:
    """Create the repository."""

    def __str__(self) -> str:
        return "make the repository"


@dataclass(frozen=True)
class Commit:
    """Change files in one commit on top of the head that was read."""

    title: str
    files: Mapping[str, File] = field(repr=False)
    changed: tuple[str, ...]
    gone: tuple[str, ...]

    def __str__(self) -> str:
        return f"commit “{self.title}”: {', '.join([*self.changed, *(f'without {path}' for path in self.gone)])}"


@dataclass(frozen=True)
class Tag:
    """Name the head."""

    name: str

    def __str__(self) -> str:
        return f"tag {self.name}"


Action = Make | Commit | Tag


def next_action(plan: Plan, state: State | None) -> Action | None:
    """The next thing to do for a repository; None when it is as it shall be.

    A step that has no tag yet is committed, unless the head is that commit already, and tagged. At the end main holds
    the folder's own files.
    """
    if state is None:
        return Make()
    for step in plan.steps:
        if step.tag not in state.tags:
            title = f"{plan.name} after {step_of(step.tag)} steps"
            return _commit(title, plan.at(step), state) or Tag(step.tag)
    return _commit(f"{plan.name} as it is now" if plan.steps else plan.name, plan.files, state)


def _commit(title: str, wanted: Mapping[str, File], state: State) -> Commit | None:
    if state.holds(wanted):
        return None
    return Commit(title, wanted, tuple(state.differing(wanted)), tuple(state.extra(wanted)))


def actions(plan: Plan, state: State | None) -> Iterator[Action]:
    """Everything that there is to do, worked out without doing it."""
    while (action := next_action(plan, state)) is not None:
        yield action
        state = _after(action, state, "")


def _after(action: Action, state: State | None, head: str) -> State:
    """What an action leaves behind, without asking."""
    if isinstance(action, Make) or state is None:
        return State(head, {}, {}, None)
    if isinstance(action, Tag):
        return State(state.head, state.files, {**state.tags, action.name: state.head}, None)
    kept = {path: oid for path, oid in state.files.items() if path not in action.gone}
    return State(head, kept | {path: action.files[path].hashes[0] for path in action.changed}, state.tags, None)


class Repository:
    """A repository of the Hub that is being brought to what a plan says.

    Args:
        name: "owner/name".
        over: a commit by somebody else that may be replaced.
        say: told about everything that was done.
    """

    def __init__(
        self, api: HfApi, name: str, plan: Plan, patience: Patience, private: bool, over: str | None,
        say: Callable[[str], None],
    ) -> None:  # fmt: skip
        self.api, self.name, self.plan, self.patience = api, name, plan, patience
        self.private, self.over, self.say = private, over, say
        self._state: State | None = None
        self._known = False

    def publish(self) -> int:
        """Do what there is to do and return how many things that was.

        Raises:
            PublishError: one sentence; whatever was done by then is whole.
        """
        done = 0
        while (action := self.patience.keep_trying(self._one, self.name, self.forget)) is not None:
            self.say(f"{self.name}: {action}")
            done += 1
        return done

    def state(self) -> State | None:
        """The repository as it was read last, checked to be ours.

        Raises:
            PublishError: if somebody else changed it, or a tag names other weights.
        """
        if not self._known:
            state = read_state(self.api, self.name)
            if state and state.stranger is not None and not (self.over and state.head.startswith(self.over)):
                raise PublishError(
                    f"{self.name} has a commit by somebody else, “{state.stranger}” ({state.head[:8]}), which is never "
                    f"overwritten; take it over here first, or allow it with --over {state.head[:8]}"
                )
            if state:
                check_tags(self.api, self.name, self.plan, state)
            self._state, self._known = state, True
        return self._state

    def forget(self) -> None:
        """Read the repository again before the next thing is done."""
        self._known = False

    def _one(self) -> Action | None:
        state = self.state()
        action = next_action(self.plan, state)
        if action is None:
            return None
        head = state.head if state else ""
        if isinstance(action, Make):
            self._make()
        elif isinstance(action, Tag):
            self.api.create_tag(self.name, tag=action.name, revision=head)
        else:
            head = commit(self.api, self.name, action, head)
        self._state = _after(action, state, head)
        if isinstance(action, Make):
            self.forget()  # what the Hub put into it, and its first commit
        return action

    def _make(self) -> None:
        try:
            self.api.create_repo(self.name, private=self.private)
        except Exception as error:
            if status_of(error) != 409:
                raise
            # It was made by a request whose answer was lost, or it is there but not for this token.
            if read_state(self.api, self.name) is None:
                raise PublishError(
                    f"the name {self.name} is taken by a repository that this token cannot see"
                ) from None


def commit(api: HfApi, name: str, action: Commit, parent: str, pull: bool = False) -> str:
    """Make one commit on top of `parent` and return it, or the address of the pull request that it opens."""
    adds = [CommitOperationAdd(path, _source(action.files[path])) for path in action.changed]
    deletes = [CommitOperationDelete(path) for path in action.gone]
    made = api.create_commit(
        name, [*adds, *deletes], commit_message=action.title, commit_description=MARK, parent_commit=parent,
        create_pr=pull,
    )  # fmt: skip
    return (made.pr_url or "") if pull else made.oid


def _source(file: File) -> str | bytes:
    return file.source if isinstance(file.source, bytes) else str(file.source)
