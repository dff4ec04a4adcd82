"""Sites and grids of sites: what a cell of a sweep stands for, and what it is called."""

import pytest
import torch

from families import tiny_model
from prisma_engine.analysis.patching.sites import Site, site_grid, token_positions

MODEL = tiny_model("timm DINOv2 with registers")  # CLS, four registers, 12 patches
Z = "blocks.*.attn.hook_z"


def test_a_grid_is_a_product():
    grid = site_grid(MODEL, Z, ("layer", "head"), "cls")
    assert grid.shape == (2, 3) and grid.indices == ((0, 1), (0, 1, 2))
    assert grid.labels == (("L0", "L1"), ("H0", "H1", "H2"))
    assert grid.names[4] == "L1H1"
    assert grid.sets[4] == (Site("blocks.1.attn.hook_z", token=0, head=1),)


def test_what_is_left_out_is_patched_together():
    grid = site_grid(MODEL, [Z, "blocks.*.attn.hook_v"], "head")
    assert grid.shape == (3,) and grid.names[2] == "H2"
    assert {site.point for site in grid.sets[2]} == {f"blocks.{i}.attn.hook_{x}" for i in (0, 1) for x in "vz"}
    assert all(site.head == 2 and site.token is None for site in grid.sets[2])
    (everything,) = site_grid(MODEL, Z, ()).sets
    assert everything == (Site("blocks.0.attn.hook_z"), Site("blocks.1.attn.hook_z"))


def test_tokens_are_named():
    grid = site_grid(MODEL, "blocks.0.hook_resid_pre", "token")
    assert grid.labels[0][:6] == ("CLS", "REG1", "REG2", "REG3", "REG4", "patch 0") and grid.shape == (17,)
    few = site_grid(MODEL, "blocks.0.hook_resid_pre", ("layer", "token"), (-1, 2))
    assert few.indices == ((0,), (16, 2)) and few.names == ("L0 patch 11", "L0 REG2")


def test_neurons_are_those_of_the_last_axis():
    assert site_grid(MODEL, "blocks.0.mlp.hook_post", "neuron").shape == (MODEL.config.d_mlp,)
    assert site_grid(MODEL, Z, ("head", "neuron")).shape == (3, 8)
    assert site_grid(MODEL, "hook_logits", "neuron").shape == (MODEL.config.n_classes,)


@pytest.mark.parametrize(
    "token, positions",
    [("cls", [0]), ("prefix", [0, 1, 2, 3, 4]), ("patches", list(range(5, 17))), (-1, [16]), ((0, -2), [0, 15])],
)
def test_tokens_are_selected_by_name_or_index(token, positions):
    assert token_positions(MODEL, token) == positions
    assert len(token_positions(MODEL, "all")) == 17 and token_positions(MODEL, slice(3, 5)) == [3, 4]


@pytest.mark.parametrize(
    "site, text",
    [
        (Site("blocks.11.attn.hook_z", token="cls", head=4), "L11H4 at CLS"),
        (Site("blocks.3.hook_mlp_out", token=7), "L3 mlp_out at token 7"),
        (Site("blocks.3.attn.hook_q", head=2), "L3H2 q"),
        (Site("blocks.0.mlp.hook_post", neuron=9), "L0 post neuron 9"),
        (Site("hook_logits"), "logits"),
        (Site("blocks.2.attn.hook_z", token="all"), "L2 z"),
    ],
)
def test_a_site_says_where_it_is(site, text):
    assert str(site) == text


def test_sites_are_keys():
    assert len({Site("a", token=[1, 2]), Site("a", token=(1, 2)), Site("a", token="all"), Site("a")}) == 2
    assert Site("a", token=torch.tensor([3, 4])).token == (3, 4)


BAD = {
    "each once; got layer, layer": (Z, ("layer", "layer"), "all"),
    "some of layer, head, token, neuron": (Z, ("key",), "all"),
    "has no layers to go by": ("hook_embed", ("layer",), "all"),
    "has no heads to go by; its axes are batch, token, d_model": ("blocks.0.hook_mlp_out", ("head",), "all"),
    "has no token axis": ("hook_logits", (), "cls"),
    "there is no token 17": (Z, ("head",), 17),
    "use an index, several, or all, cls, prefix, patches": (Z, ("head",), "class"),
    "no token is selected": (Z, ("head",), ()),
    "sweep one kind": (["*.hook_z", "*.hook_mlp_out"], ("neuron",), "all"),
}


@pytest.mark.parametrize("sentence", BAD)
def test_errors_say_what_there_is(sentence):
    at, by, token = BAD[sentence]
    with pytest.raises(ValueError, match=sentence):
        site_grid(MODEL, at, by, token)


def test_a_model_without_prefix_tokens_has_no_cls():
    with pytest.raises(ValueError, match="no CLS token"):
        site_grid(tiny_model("timm SigLIP"), Z, "head", "cls")
