"""A Hub that is nasty, and a publisher that is killed: each ends whole, and the next run ends where it should."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hub.conftest import NAME
from hub.loopback.store import Store

TITLES = [f"dsprites-mini after {step} steps" for step in range(4)]


def outcome(store: Store) -> dict:
    """What a Hub holds, without hashes of commits: the files and titles that lead to main, tags, collections."""
    found = {}
    for name, repo in store.repos.items():
        log = repo.log(repo.commits[repo.branches["main"]])
        found[name] = {
            "log": [(c.title, {path: entry.etag for path, entry in c.files.items()}) for c in reversed(log)],
            "tags": {tag: [c.id for c in reversed(log)].index(commit) for tag, commit in sorted(repo.tags.items())},
        }
    items = {c["title"]: [item["id"] for item in c["items"]] for c in store.collections.values()}
    return json.loads(json.dumps(found | {"collections": items}))


def whole(store: Store) -> None:
    """No commit has weights without config and card, and no tag names a commit without weights."""
    for repo in store.repos.values():
        for commit in repo.commits.values():
            assert "model.safetensors" not in commit.files or {"config.json", "README.md"} <= set(commit.files)
        assert all("model.safetensors" in repo.commits[commit].files for commit in repo.tags.values())


@pytest.fixture
def expected(_published) -> dict:
    """What an undisturbed publication leaves behind."""
    found = outcome(_published[0])
    assert [title for title, _ in found[NAME]["log"]] == ["initial commit", *TITLES]
    return found


def again(world, tmp_path: Path, name: str) -> None:
    world.reset(tmp_path / name)


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_at_every_request_and_run_again_it_ends_the_same(world, zoo, tmp_path, expected, n_requests, moment):
    assert n_requests > 30
    for number in range(n_requests):
        again(world, tmp_path, f"{moment}-{number}")
        world.hub.nasty.set(moment, skip=number, act=world.machine.kill)
        assert world.publish(zoo, tmp_path / "home").killed, f"request {number} was never made"
        whole(world.hub.store)
        world.hub.nasty.clear()
        done = world.publish(zoo, tmp_path / "home")
        assert done.refused is None, (number, done)
        assert outcome(world.hub.store) == expected, f"killed {moment} request {number}"


@pytest.mark.slow
@pytest.mark.parametrize("trick", ["drop before", "drop after", "status"])
def test_one_failure_at_any_request_is_survived_without_help(world, zoo, tmp_path, expected, n_requests, trick):
    for number in range(n_requests):
        again(world, tmp_path, f"{trick}-{number}")
        hit = world.hub.nasty.set(trick, skip=number, status=503)
        done = world.publish(zoo, tmp_path / "home")
        assert hit.hits == 1 and done.refused is None, (number, done)
        assert outcome(world.hub.store) == expected, f"{trick} at request {number}"


def test_a_rate_limit_is_waited_for_as_long_as_it_says(world, zoo, tmp_path, expected):
    world.hub.nasty.set("status", path="/tag/", status=429, headers={"Retry-After": "17"})
    done = world.publish(zoo, tmp_path / "home")
    assert done.refused is None and done.slept == [17]
    assert outcome(world.hub.store) == expected


def test_a_rate_limit_by_the_hubs_own_header(world, zoo, tmp_path):
    world.hub.nasty.set("status", path="/tag/", status=429, headers={"RateLimit": '"api";r=0;t=23'})
    assert world.publish(zoo, tmp_path / "home").slept == [23]


LATER = "what is published so far is whole; run the command again later"
SENTENCES = {
    "a limit too long to wait for": (
        {"path": "/commit/", "status": 429, "headers": {"Retry-After": "3600"}, "times": 9},
        f"the Hub asks to wait 3600 s, since this account made too many requests; {LATER}",
    ),
    "trouble that stays": (
        {"path": "/commit/", "skip": 1, "status": 500, "times": 99},
        f"the Hub has trouble of its own (it answers 500); {LATER}",
    ),
}


@pytest.mark.parametrize("case", SENTENCES)
def test_what_does_not_pass_is_one_sentence_and_leaves_things_whole(world, zoo, tmp_path, expected, case):
    given, sentence = SENTENCES[case]
    world.hub.nasty.set("status", **given)
    assert world.publish(zoo, tmp_path / "home").refused == sentence
    whole(world.hub.store)
    world.hub.nasty.clear()
    assert world.publish(zoo, tmp_path / "home").refused is None
    assert outcome(world.hub.store) == expected


def test_a_connection_that_stays_broken_is_one_sentence(world, zoo, tmp_path):
    world.hub.nasty.set("drop before", path="/commit/", times=99)
    done = world.publish(zoo, tmp_path / "home")
    assert done.refused == f"the connection to the Hub broke; {LATER}"
    assert len(done.slept) == 4 and done.slept == sorted(done.slept)


def somebody_commits(world, path: str = "NOTES.md", title: str = "a note"):
    """An edit on the Hub's own page, by somebody who looks at the repository."""

    def act() -> None:
        store, repo = world.hub.store, world.hub.store.repos[NAME]
        base = repo.commits[repo.branches["main"]]
        made = store.commit(repo, base, {**base.files, path: store.put(b"by hand")}, title)
        repo.branches["main"] = made.id

    return act


@pytest.mark.parametrize("number", range(4))
def test_a_commit_in_between_is_refused_and_stays(world, zoo, tmp_path, number):
    world.hub.nasty.set("before", method="POST", path="/commit/", skip=number, act=somebody_commits(world))
    refused = world.publish(zoo, tmp_path / "home").refused
    repo = world.hub.store.repos[NAME]
    main = repo.commits[repo.branches["main"]]
    assert refused == (
        f"{NAME} has a commit by somebody else, “a note” ({main.id[:8]}), which is never overwritten; "
        f"take it over here first, or allow it with --over {main.id[:8]}"
    )
    assert main.title == "a note" and "NOTES.md" in main.files and len(repo.tags) == number
    whole(world.hub.store)
    assert world.publish(zoo, tmp_path / "home").refused == refused
    assert world.publish(zoo, tmp_path / "home", "--all", "--over", main.id[:8]).refused is None
    main = repo.commits[repo.branches["main"]]
    assert len(repo.tags) == 4 and "NOTES.md" not in main.files


def test_an_edit_after_publishing_is_not_overwritten(published, zoo, tmp_path):
    world = published
    somebody_commits(world, "README.md", "Update README.md")()
    assert "“Update README.md”" in world.publish(zoo, tmp_path / "home").refused
    assert "“Update README.md”" in world.publish(zoo, tmp_path / "home", "--all", "--dry-run").refused


def test_a_name_that_is_taken_is_refused(world, zoo, tmp_path):
    store = world.hub.store
    repo = store.create(NAME, private=False)
    base = repo.commits[repo.branches["main"]]
    other = store.commit(repo, base, {**base.files, "config.json": store.put(b"{}")}, "somebody's model")
    repo.branches["main"] = other.id
    refused = world.publish(zoo, tmp_path).refused
    assert "has a commit by somebody else, “somebody's model”" in refused
    assert repo.branches["main"] == other.id and not repo.tags


def test_a_tag_that_names_other_weights_is_refused(published, zoo, tmp_path):
    world = published
    repo = world.hub.store.repos[NAME]
    repo.tags["step-000001"] = repo.tags["step-000002"]
    assert world.publish(zoo, tmp_path).refused == (
        f"{NAME} has other weights at step-000001 than this training kept; a tag is never moved, so publish under "
        "another name or delete that repository"
    )


TOKENS = {
    None: "there is no token here; log in with `hf auth login`, or set HF_TOKEN",
    "hf_unknown": "the Hub does not accept this token; log in again with `hf auth login`, or set another HF_TOKEN",
    "hf_read": "this token may only read; make one with the role 'write' in the Hub's settings",
    "hf_other": "this token is stranger's, who does not belong to org; it has stranger",
}


@pytest.mark.parametrize("token", TOKENS)
def test_a_token_that_does_not_do_is_one_sentence_before_any_change(world, zoo, tmp_path, token):
    assert world.publish(zoo, tmp_path, token=token).refused == TOKENS[token]
    assert not world.hub.store.repos and all(method == "GET" for method, _, _ in world.hub.log)


def test_a_token_that_says_write_and_may_not_is_one_sentence(world, zoo, tmp_path):
    world.hub.nasty.set("status", method="POST", path="/repos/create", status=403)
    assert world.publish(zoo, tmp_path).refused == (
        "this token may not write to org; it needs the role 'write', and membership where org is another's"
    )


def test_offline_is_one_sentence(world, zoo, tmp_path):
    assert world.publish(zoo, tmp_path, offline=True).refused == (
        "HF_HUB_OFFLINE is set, so nothing can be published; unset it"
    )


@pytest.mark.parametrize("trick", ["slow"])
def test_a_slow_hub_is_only_slow(world, zoo, tmp_path, expected, trick):
    world.hub.nasty.set(trick, times=999)
    assert world.publish(zoo, tmp_path / "home").refused is None
    assert outcome(world.hub.store) == expected
