"""Loading by name from a Hub that is slow, cuts off, lies or is gone; and which models there are."""

from __future__ import annotations

import pytest
from safetensors import safe_open

from hub.conftest import NAME

pytestmark = pytest.mark.slow


def load(world, home, **given):
    return world.machine.run("load", home, **({"name": NAME} | given))


def downloads(world) -> list[tuple[str, int]]:
    return [(path, status) for method, path, status in world.hub.log if method == "GET" and "_lfs" in path]


def test_once_loaded_it_needs_no_network(published, tmp_path):
    online = load(published, tmp_path, revision="step-000002")
    assert online.refused is None and len(downloads(published)) == 1
    published.hub.log.clear()
    again = load(published, tmp_path, revision="step-000002")
    offline = load(published, tmp_path, revision="step-000002", offline=True)
    assert again.value == offline.value == online.value and not downloads(published)
    published.hub.log.clear()
    assert load(published, tmp_path, revision=online.value["revision"], offline=True).value == online.value
    never = load(published, tmp_path, revision="step-000001", offline=True)
    assert never.refused == f"{NAME} is not on this machine and the Hub does not answer; try again later"
    assert published.hub.log == []


def test_other_tools_share_the_cache(published, tmp_path):
    load(published, tmp_path)
    published.hub.log.clear()
    path = published.machine.run("download", tmp_path, name=NAME, file="model.safetensors", offline=True).value
    assert path.startswith(str(tmp_path / "hub")) and published.hub.log == []
    with safe_open(path, "pt") as file:
        assert file.get_tensor("blocks.0.ln1.weight").shape == (8,)


@pytest.mark.parametrize("trick", ["slow", "drop before"])
def test_a_slow_or_broken_connection_delays_a_download(published, tmp_path, trick):
    published.hub.nasty.set(trick, method="GET", path="/_lfs/")
    done = load(published, tmp_path)
    assert done.refused is None and done.value == load(published, tmp_path / "other").value


def test_a_download_that_breaks_off_is_resumed(published, tmp_path):
    published.hub.nasty.set("truncate", method="GET", path="/_lfs/")
    done = load(published, tmp_path)
    assert [status for _, status in downloads(published)] == [200, 206], "what had arrived was asked for again"
    assert done.value == load(published, tmp_path / "other").value


def test_after_a_killed_download_only_what_is_missing_is_fetched(published, tmp_path):
    published.machine.run("download", tmp_path, name=NAME, file="config.json")
    published.hub.nasty.set("before", method="GET", path="/_lfs/", act=published.machine.kill)
    assert load(published, tmp_path).killed
    published.hub.nasty.clear()
    published.hub.log.clear()
    done = load(published, tmp_path)
    fetched = [path for method, path, _ in published.hub.log if method == "GET" and "/resolve/" in path]
    assert not any(path.endswith("config.json") for path in fetched) and len(downloads(published)) == 1
    assert done.value == load(published, tmp_path / "other").value


def test_damaged_weights_are_refused_and_fetched_again(published, tmp_path):
    published.hub.nasty.set("corrupt", method="GET", path="/_lfs/")
    assert load(published, tmp_path).refused == (
        f"model.safetensors of {NAME} arrived damaged and was deleted; load it once more"
    )
    assert load(published, tmp_path).value == load(published, tmp_path / "other").value


def test_a_damaged_config_is_refused(published, tmp_path):
    published.hub.nasty.set("corrupt", method="GET", path="/resolve/.*/config.json")
    assert "config.json of org/dsprites-mini arrived damaged" in load(published, tmp_path).refused


def test_a_wrong_etag_changes_nothing_that_is_loaded(published, tmp_path):
    published.hub.nasty.set("wrong etag", method="HEAD", path="model.safetensors", times=9)
    done = load(published, tmp_path)
    assert done.refused is None and done.value == load(published, tmp_path / "other").value


def test_weights_that_do_not_fit_are_refused(published, tmp_path, zoo):
    store, repo = published.hub.store, published.hub.store.repos[NAME]
    base = repo.commits[repo.branches["main"]]
    config = store.bytes_of(base.files["config.json"]).read_text().replace('"d_mlp": 16', '"d_mlp": 24')
    made = store.commit(repo, base, {**base.files, "config.json": store.put(config.encode())}, "another shape")
    repo.branches["main"] = made.id
    assert load(published, tmp_path).refused == (
        f"the weights of {NAME} do not fit its architecture: "
        "blocks.0.mlp.fc1.weight has shape (16, 8), expected (24, 8)"
    )


def test_the_size_is_known_before_a_download(published, tmp_path):
    found = published.machine.run("weights", tmp_path, name=NAME, revision="step-000001").value
    assert found["n_bytes"] == 2 * found["n_parameters"] and found["norm"] == [8]
    assert all(status == 206 for _, status in downloads(published))
    assert not list((tmp_path / "hub").rglob("model.safetensors"))


def test_progress_is_shown(published, tmp_path):
    assert "Fetching 4 files: 100%" in load(published, tmp_path).shown


def test_a_history_knows_what_can_be_loaded(published, tmp_path):
    assert published.machine.run("history", tmp_path, name=NAME).value == {"rows": 4, "steps": [0, 1, 2, 3]}
    load(published, tmp_path, revision="step-000002")
    offline = published.machine.run("history", tmp_path, name=NAME, offline=True).value
    assert offline == {"rows": 4, "steps": [2]}


def test_which_models_there_are(published, tmp_path):
    listed = published.machine.run("list_models", tmp_path, owner="org").value
    assert ["emoji-vit", "embedded"] in listed and [NAME, "hub"] in listed
    load(published, tmp_path, revision="step-000002")
    listed = published.machine.run("list_models", tmp_path, owner="org").value
    assert [NAME, "cached"] in listed and [NAME, "hub"] not in listed
    offline = published.machine.run("list_models", tmp_path, owner=None, offline=True).value
    assert [NAME, "cached"] in offline
    refused = published.machine.run("list_models", tmp_path, owner="org", offline=True).refused
    assert "the collection “Toy ViTs” of org" in refused


def test_the_hf_command_lists_it(published, tmp_path):
    said = published.machine.run(
        "hf", tmp_path, arguments=["models", "ls", "--author", "org", "--format", "quiet"]
    ).said
    assert NAME in said.split()
