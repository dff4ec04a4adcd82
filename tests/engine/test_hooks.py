"""Hook points and runs: what an edit returns is used, what it breaks is said, and nothing is left behind."""

import pytest
import torch

import prisma_engine as pe
from families import largest, random_input, tiny_model
from prisma_engine.hooks import Run, active, current_edits

Z = "blocks.0.attn.hook_z"


@pytest.fixture
def model():
    return tiny_model("timm ViT")


@pytest.fixture
def x(model):
    return random_input(model.config)


def double(x, point):
    return 2 * x


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("blocks.*.hook_mid", "no hook point matches 'blocks.*.hook_mid'; did you mean 'blocks.*.hook_resid_mid'?"),
        ("blocks.0.hook_z", "no hook point matches 'blocks.0.hook_z'; did you mean 'blocks.0.attn.hook_z'?"),
        ("blocks.7.attn.hook_z", "no hook point matches 'blocks.7.attn.hook_z'; did you mean 'blocks.1.attn.hook_z'?"),
        ("~", "no hook point matches '~'"),
    ],
)
def test_an_unknown_name_is_an_error_with_a_suggestion(model, x, pattern, sentence):
    for run in (lambda: model.run_with_cache(x, names=[pattern]), lambda: model.run_with_hooks(x, {pattern: double})):
        with pytest.raises(KeyError) as caught:
            run()
        assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (lambda x, point: None, f"the edit at '{Z}' returned NoneType; return the activation used next"),
        (lambda x, point: 3.0, f"the edit at '{Z}' returned float; return the activation used next"),
        (lambda x, point: x[:, 1:], f"the edit at '{Z}' returned shape (2, 12, 3, 8), expected (2, 13, 3, 8)"),
    ],
)
def test_an_edit_that_returns_something_else_is_refused(model, x, edit, sentence):
    with pytest.raises(ValueError, match="the edit at") as caught:
        model.run_with_hooks(x, {Z: edit})
    assert str(caught.value) == sentence


def test_an_edit_that_changes_the_type_is_refused(model, x):
    with pytest.raises(ValueError, match="returned torch.float64, expected torch.float32"):
        model.run_with_hooks(x, {Z: lambda x, point: x.double()})


@pytest.mark.parametrize(
    "point", ["hook_embed", *(f"blocks.1.{p}" for p in ("hook_resid_pre", "ln1.hook_scale", "attn.hook_result"))]
)
def test_an_edit_may_write_in_place(model, x, point):
    def in_place(x, point):
        x.mul_(2)
        return x

    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    out, cache = model.run_with_cache(x, names=["blocks.0.hook_resid_post", "hook_pos_embed"], edits={point: in_place})
    assert largest(out - model(x)) > 1e-3
    assert torch.equal(out, model.run_with_cache(x, "hook_pos_embed", edits={point: double})[0])
    if point != "hook_embed":  # what the block before wrote, which the edit was given
        assert torch.equal(cache["resid_post", 0], model.run_with_cache(x, "*.hook_resid_post")[1]["resid_post", 0])
    assert all(torch.equal(tensor, before[key]) for key, tensor in model.state_dict().items())


def test_edits_at_one_place_apply_in_order(model, x):
    _, cache = model.run_with_cache(x, names=Z)
    out, edited = model.run_with_cache(x, names=Z, edits={"blocks.*.hook_z": [double, pe.add(1.0)], Z: double})
    assert torch.equal(edited[Z], 2 * (2 * cache[Z] + 1))


def test_the_cache_holds_edited_values(model, x):
    _, cache = model.run_with_cache(x, names=Z, edits={Z: pe.zero()})
    assert largest(cache[Z]) == 0


def test_edits_hold_inside_the_with_and_not_after(model, x):
    bare = model(x)
    edited = model.run_with_hooks(x, {Z: pe.zero()})
    with model.hooks({Z: pe.zero()}):
        assert torch.equal(model(x), edited)
        assert torch.equal(model.run_with_cache(x, names=Z)[0], edited)
        assert largest(model.run_with_cache(x, names=Z)[1][Z]) == 0
        with model.hooks({"blocks.1.attn.hook_z": pe.zero()}):
            both = model(x)
        assert torch.equal(model(x), edited)
    assert torch.equal(both, model.run_with_hooks(x, {"blocks.*.attn.hook_z": pe.zero()}))
    assert torch.equal(model(x), bare)


def test_two_models_in_nested_runs_do_not_meet(model, x):
    other = tiny_model("timm DeiT-3")
    bare = other(x)
    with model.hooks({"*.hook_z": pe.zero()}):
        assert torch.equal(other(x), bare)
        assert torch.equal(other.run_with_cache(x)[1]["hook_logits"], other.run_with_cache(x)[0])
    seen = []

    def ask_the_other(x_here, point):
        out, cache = other.run_with_cache(x, names="hook_logits")
        seen.append((out, list(cache)))
        return x_here

    out, cache = model.run_with_cache(x, names=Z, edits={Z: ask_the_other})
    assert torch.equal(out, model(x))
    assert list(cache) == [Z]
    assert torch.equal(seen[0][0], bare)
    assert seen[0][1] == ["hook_logits"]


def test_a_pass_inside_an_edit_is_bare(model, x):
    bare = model(x)
    inside = []

    def look(z, point):
        inside.append(model(x))
        return 0 * z

    out = model.run_with_hooks(x, {Z: look})
    assert torch.equal(inside[0], bare)
    assert largest(out - bare) > 1e-3


def test_an_exception_in_an_edit_leaves_no_run_behind(model, x):
    bare = model(x)

    def fail(z, point):
        raise RuntimeError("no")

    for attempt in (
        lambda: model.run_with_hooks(x, {Z: fail}),
        lambda: model.run_with_cache(x, edits={Z: fail}),
        lambda: model.run_with_cache(x[:, :1], edits={Z: double}),
    ):
        with pytest.raises((RuntimeError, ValueError)):
            attempt()
        assert not current_edits()
        assert torch.equal(model(x), bare)


def test_saving_a_name_saves_what_it_names_and_no_view(model, x):
    run = Run(save=frozenset([model.hook_points["blocks.0.attn.hook_q"]]))
    with active(run):
        model(x)
    (saved,) = run.saved.values()
    assert saved.untyped_storage().nbytes() == saved.nbytes


def test_the_printed_model_names_its_hook_points(model):
    printed = str(model)
    assert "(hook_resid_mid): HookPoint(batch token d_model)" in printed


def test_inputs_of_another_shape_are_refused_with_the_way_out(model):
    with pytest.raises(ValueError, match="expects 24×32 images, got 384×512; use model.preprocess"):
        model(torch.zeros(1, 3, 384, 512))
    with pytest.raises(ValueError, match=r"expects \[batch, 3, 24, 32\], got \(3, 24, 32\)"):
        model(torch.zeros(3, 24, 32))
