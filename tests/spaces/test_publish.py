"""Publishing Spaces to a Hub on this machine through the real client: what arrives, and what is said."""

from __future__ import annotations

import json

import pytest

from space_jobs import SOURCE

FILES = {"README.md": "---\ntitle: Dogit Lens\nlicense: mit\n---\n", "app.py": "launch()\n", "apps/a.py": "1\n"}
NAME = "org/dogit-lens"


def commits(world) -> list[str]:
    repo = world.repo
    return [c.title for c in reversed(repo.log(repo.commits[repo.branches["main"]]))]


def settings(world) -> dict:
    """What a Hub holds of the Space, without hashes of commits."""
    repo, space = world.repo, world.space
    log = reversed(repo.log(repo.commits[repo.branches["main"]]))
    found = {
        "log": [(c.title, c.message, {path: entry.etag for path, entry in c.files.items()}) for c in log],
        "variables": space.variables, "secrets": space.secrets, "hardware": space.hardware,
    }  # fmt: skip
    return json.loads(json.dumps(found))


def test_a_space_is_made_and_runs(world, tmp_path):
    done = world.publish(tmp_path)
    assert done.refused is None, done
    assert done.said.splitlines()[-2:] == [f"{NAME}: commit “Dogit Lens from {SOURCE[:12]}”: 3 files", f"{NAME}: runs"]
    assert commits(world) == ["initial commit", f"Dogit Lens from {SOURCE[:12]}"]
    newest = world.repo.commits[world.repo.branches["main"]]
    assert set(newest.files) == {".gitattributes", *FILES} and world.text("README.md") == FILES["README.md"]
    assert f"Built from {SOURCE}." in newest.message and "python -m space_configs publish" in newest.message


def test_the_wait_ends_with_the_new_commit_and_not_with_the_old_one(world, tmp_path):
    world.publish(tmp_path)
    done = world.publish(tmp_path, files=FILES | {"app.py": "launch(2)\n"})
    assert done.refused is None and done.slept == [5.0] * 4, "the old commit, two stages on the way, and the new one"


def test_a_second_time_changes_nothing(world, tmp_path):
    world.publish(tmp_path, "--secret", "HF_SPACE", variables={"A": "1"}, env={"HF_SPACE": "s"})
    world.hub.log.clear()
    done = world.publish(tmp_path, "--secret", "HF_SPACE", variables={"A": "1"}, env={"HF_SPACE": "s"})
    assert done.said.splitlines()[-2:] == [f"{NAME}: nothing to do", f"{NAME}: runs"]
    assert all(method in ("GET", "HEAD") for method, _, _ in world.hub.log)


def test_files_that_are_gone_go(world, tmp_path):
    world.publish(tmp_path)
    done = world.publish(tmp_path, files={"README.md": FILES["README.md"], "app.py": "2\n"})
    assert "1 files, without apps/a.py" in done.said
    assert set(world.repo.commits[world.repo.branches["main"]].files) == {".gitattributes", "README.md", "app.py"}


def test_settings_are_there_before_the_first_build(world, tmp_path):
    done = world.publish(tmp_path, "--secret", "HF_SPACE", variables={"A": "1"}, env={"HF_SPACE": "hush"})
    assert world.space.variables == {"A": "1"} and world.space.secrets == {"HF_SPACE": "hush"}
    asked = [path for method, path, _ in world.hub.log if method == "POST"]
    assert [path.rpartition("/")[2] for path in asked if "validate" not in path] == [
        "create", "variables", "secrets", "main", "main"
    ]  # fmt: skip
    assert "hush" not in done.said


def test_a_secret_without_a_value_is_one_sentence(world, tmp_path):
    refused = world.publish(tmp_path, "--secret", "HF_SPACE").refused
    assert refused == "the secret HF_SPACE has no value here; set the environment variable HF_SPACE"
    assert world.hub.log == []


def test_hardware_is_asked_for(world, tmp_path):
    world.publish(tmp_path)
    assert world.space.hardware == "cpu-basic"
    done = world.publish(tmp_path, "--hardware", "zero-gpu")
    assert f"{NAME}: ask for zero-a10g instead of cpu-basic" in done.said and world.space.hardware == "zero-a10g"


@pytest.mark.parametrize(("fate", "log"), [("BUILD_ERROR", "build"), ("RUNTIME_ERROR", "run")])
def test_what_does_not_run_shows_its_log(world, tmp_path, fate, log):
    world.hub.store.fate, world.hub.store.logs = ("BUILDING", fate), [f"line {n}" for n in range(60)]
    done = world.publish(tmp_path)
    assert done.refused == f"{NAME} does not run (the Hub says {fate}); the end of its {log} log is above"
    assert done.said.splitlines()[-40:] == [f"{log}: line {n}" for n in range(20, 60)]


def test_a_build_without_an_end_is_left(world, tmp_path):
    world.hub.store.fate = ("BUILDING",)
    done = world.publish(tmp_path, "--timeout", "60")
    assert done.refused == f"{NAME} is still not running after 60 s; look at it on the Hub, or run this again"
    assert sum(done.slept) == 60


def test_a_dry_run_says_the_next_thing_and_does_nothing(world, tmp_path):
    done = world.publish(tmp_path, "--dry-run", token=None)
    assert done.said.splitlines()[-1] == f"{NAME}: would first make the Space"
    assert not world.hub.store.repos


def test_somebody_elses_commit_is_not_overwritten(world, tmp_path):
    world.publish(tmp_path)
    store, repo = world.hub.store, world.repo
    base = repo.commits[repo.branches["main"]]
    theirs = store.commit(repo, base, {**base.files, "app.py": store.put(b"mine")}, "Update app.py")
    repo.branches["main"] = theirs.id
    refused = world.publish(tmp_path).refused
    assert f"has a commit by somebody else, “Update app.py” ({theirs.id[:8]})" in refused
    assert repo.branches["main"] == theirs.id
    assert world.publish(tmp_path, "--over", theirs.id[:8]).refused is None and world.text("app.py") == FILES["app.py"]


def test_a_hub_that_wants_a_subscription_is_one_sentence(world, tmp_path):
    world.hub.nasty.set("status", path="/repos/create", status=402)
    assert world.publish(tmp_path).refused == (
        "the Hub hosts no Gradio Space on this hardware for this account without a subscription; subscribe, or try "
        "--hardware zero-gpu"
    )


@pytest.fixture
def expected(world, tmp_path) -> dict:
    """What an undisturbed publication leaves behind."""
    assert world.publish(tmp_path / "first", variables={"A": "1"}).refused is None
    return settings(world)


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_at_any_request_and_run_again_it_ends_the_same(world, tmp_path, expected, moment):
    requests = len(world.hub.log)
    assert requests > 15
    for number in range(requests):
        world.reset(tmp_path / f"{moment}-{number}")
        world.hub.nasty.set(moment, skip=number, act=world.machine.kill)
        done = world.publish(tmp_path / "home", variables={"A": "1"})
        assert done.killed, f"request {number} was never made"
        world.hub.nasty.clear()
        assert world.publish(tmp_path / "home", variables={"A": "1"}).refused is None
        assert settings(world) == expected, f"killed {moment} request {number}"


@pytest.mark.slow
@pytest.mark.parametrize("trick", ["drop before", "drop after", "status"])
def test_one_failure_at_any_request_is_survived_without_help(world, tmp_path, expected, trick):
    for number in range(len(world.hub.log)):
        world.reset(tmp_path / f"{trick}-{number}")
        hit = world.hub.nasty.set(trick, skip=number, status=503)
        done = world.publish(tmp_path / "home", variables={"A": "1"})
        assert hit.hits == 1 and done.refused is None, (number, done)
        assert settings(world) == expected, f"{trick} at request {number}"
