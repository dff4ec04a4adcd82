"""Publishing to a Hub on this machine through the real client: what arrives, and that a second time changes nothing."""

from __future__ import annotations

import json

import pytest
from safetensors.torch import load_file

from hub.conftest import NAME
from hub.jobs import tensors
from model_cards import build
from prisma_engine.load import load

STEPS = (0, 1, 2, 3)


def writes(world) -> list[str]:
    return [path for method, path, _ in world.hub.log if method != "GET" and "paths-info" not in path]


def test_a_commit_and_a_tag_for_every_step(world, zoo, tmp_path):
    done = world.publish(zoo, tmp_path)
    assert done.refused is None, done
    repo = world.hub.store.repos[NAME]
    assert list(repo.tags) == [f"step-{step:06d}" for step in STEPS]
    log = repo.log(repo.commits[repo.branches["main"]])
    assert [c.title for c in log] == [f"dsprites-mini after {s} steps" for s in reversed(STEPS)] + ["initial commit"]
    assert list(repo.tags.values()) == [c.id for c in reversed(log[:-1])]
    assert set(log[0].files) == {
        ".gitattributes", "README.md", "config.json", "curves.png", "eval.json", "history.jsonl", "model.safetensors"
    }  # fmt: skip
    (collection,) = world.hub.store.collections.values()
    assert collection["title"] == "Toy ViTs" and [item["id"] for item in collection["items"]] == [NAME]


def test_weights_never_appear_without_config_and_card(world, zoo, tmp_path):
    world.publish(zoo, tmp_path)
    for commit in world.hub.store.repos[NAME].commits.values():
        if "model.safetensors" in commit.files:
            assert {"config.json", "README.md", "eval.json"} <= set(commit.files)


def test_a_second_time_changes_nothing(world, zoo, tmp_path):
    world.publish(zoo, tmp_path)
    world.hub.log.clear()
    done = world.publish(zoo, tmp_path)
    assert done.said.strip() == f"{NAME}: nothing to do" and writes(world) == []


def test_every_revision_loads_on_a_fresh_machine(world, zoo, tmp_path):
    world.publish(zoo, tmp_path / "here")
    repo = world.hub.store.repos[NAME]
    for step in STEPS:
        tag = f"step-{step:06d}"
        done = world.machine.run("load", tmp_path / "there", name=NAME, revision=tag)
        expected = {
            k: t.float() for k, t in load_file(zoo / "out" / "dsprites-mini" / f"steps/{tag}.safetensors").items()
        }
        assert done.value == {"revision": repo.tags[tag], "tensors": tensors(expected), "name": NAME}
        stored = repo.commits[repo.tags[tag]].files["eval.json"]
        assert world.hub.store.bytes_of(stored).read_bytes() == (zoo / "cards/dsprites-mini/eval.json").read_bytes()
    newest = world.machine.run("load", tmp_path / "there", name=NAME).value
    assert newest["tensors"] == tensors(load(zoo / "cards" / "dsprites-mini").state_dict())


def test_a_changed_card_is_one_more_commit_and_moves_no_tag(world, own_zoo, tmp_path):
    world.publish(own_zoo, tmp_path)
    repo = world.hub.store.repos[NAME]
    tags = dict(repo.tags)
    path = own_zoo / "cards/dsprites-mini/eval.json"
    path.write_text(path.read_text().replace('"n": 40', '"n": 41'))
    refused = world.publish(own_zoo, tmp_path).refused
    assert refused and "is not what its numbers say" in refused
    build.build(own_zoo / "cards/dsprites-mini")
    world.hub.log.clear()
    world.publish(own_zoo, tmp_path)
    newest = repo.commits[repo.branches["main"]]
    assert repo.tags == tags and newest.parent == tags["step-000003"]
    assert not any("_lfs" in path for path in writes(world)), "weights were sent again"


def test_a_dry_run_says_all_and_does_nothing(world, zoo, tmp_path):
    said = world.publish(zoo, tmp_path, "--all", "--dry-run", token=None).said.splitlines()
    assert said[0] == f"{NAME}: would make the repository" and said[-1] == f"{NAME}: would tag step-000003"
    assert len(said) == 1 + 2 * len(STEPS) and not world.hub.store.repos and writes(world) == []


def test_private_repositories_are_private(world, zoo, tmp_path):
    world.publish(zoo, tmp_path, "--all", "--private")
    assert world.hub.store.repos[NAME].private
    assert "no public model" in world.machine.run("load", tmp_path / "x", name=NAME, token=None).refused
    assert world.machine.run("load", tmp_path / "y", name=NAME).refused is None


def test_a_pull_request_is_opened_once(world, own_zoo, tmp_path):
    no = world.publish(own_zoo, tmp_path, "--all", "--create-pr")
    assert no.refused == f"there is no repository {NAME} to open a pull request for; publish without --create-pr"
    world.publish(own_zoo, tmp_path)
    repo = world.hub.store.repos[NAME]
    main = repo.branches["main"]
    assert "nothing to propose" in world.publish(own_zoo, tmp_path, "--all", "--create-pr").said
    path = own_zoo / "cards/dsprites-mini/eval.json"
    path.write_text(path.read_text().replace('"n": 40', '"n": 41'))
    build.build(own_zoo / "cards/dsprites-mini")
    first = world.publish(own_zoo, tmp_path, "--all", "--create-pr").said
    assert first.strip().endswith(f"{NAME}/discussions/1"), first
    assert world.publish(own_zoo, tmp_path, "--all", "--create-pr").said == first
    assert len(repo.pulls) == 1 and repo.branches["main"] == main


def test_steps_of_another_training_are_refused(world, own_zoo, tmp_path):
    history = own_zoo / "out/dsprites-mini/history.jsonl"
    rows = [json.loads(line) for line in history.read_text().splitlines()]
    history.write_text("".join(json.dumps(row | {"loss": 1.0}) + "\n" for row in rows))
    assert "holds another training than dsprites-mini" in world.publish(own_zoo, tmp_path).refused
    assert world.hub.log == []


def test_without_kept_steps_the_last_is_published_and_the_others_can_follow(world, own_zoo, tmp_path):
    (own_zoo / "out").rename(own_zoo / "elsewhere")
    world.publish(own_zoo, tmp_path)
    repo = world.hub.store.repos[NAME]
    assert list(repo.tags) == ["step-000003"]
    (own_zoo / "elsewhere").rename(own_zoo / "out")
    world.publish(own_zoo, tmp_path)
    assert sorted(repo.tags) == [f"step-{step:06d}" for step in STEPS]
    last, main = repo.commits[repo.tags["step-000003"]], repo.commits[repo.branches["main"]]
    assert main.files == last.files and main != last


@pytest.mark.parametrize("name", ["weights.pt", "steps.bin"])
def test_nothing_but_safetensors_is_published(world, own_zoo, tmp_path, name):
    (own_zoo / "cards/dsprites-mini" / name).write_bytes(b"a pickle")
    assert world.publish(own_zoo, tmp_path).refused == (
        f"dsprites-mini holds {name}, which is not published; weights are safetensors alone"
    )
    assert world.hub.log == []
