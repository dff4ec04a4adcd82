"""Causal attention: what must stay, what must change, and who still reads whom."""

import pytest
import torch

import prisma_engine as pe
from prisma_engine.studies.causal_attention import hide_prefix, plans, report, study
from studies.small import samples_of, small


def test_every_layer_has_its_plan_and_the_last_is_the_model_as_it_is():
    model = small()
    result = study(model, samples_of(model, 12, classes=(1,)), "squares")
    assert (len(result.exempt), len(result.masked), len(result.alone), len(result.detour)) == (4, 4, 3, 2)
    assert result.exempt[3].same == result.masked[3].same == 1.0
    assert result.n_images == 12
    assert result.exempt[2].same == result.alone[2].same  # from the last layer on is the last layer alone
    text = report(result)
    assert "prefix exempt" in text and "patches read no prefix" in text


def test_a_first_token_that_is_masked_sees_no_picture():
    model = small()
    x = torch.cat([s.x for s in samples_of(model, 6)])
    edits = plans(model)["masked"]["from 0, prefix masked"]
    answers = model.run_with_hooks(x, edits)
    assert torch.allclose(answers, answers[:1].expand_as(answers), atol=1e-6)
    exempt = model.run_with_hooks(x, plans(model)["exempt"]["from 0, prefix exempt"])
    assert not torch.allclose(exempt, exempt[:1].expand_as(exempt), atol=1e-2)
    assert not torch.allclose(exempt, model(x), atol=1e-2)


def test_hidden_prefix_tokens_are_read_by_prefix_tokens_alone():
    model = small(prefix=("CLS", "REG1"))
    (sample,) = samples_of(model, 1)
    _, cache = model.run_with_cache(sample.x, names="*.hook_pattern", edits={"*.hook_attn_scores": hide_prefix})
    for layer in range(3):
        pattern = cache["pattern", layer][0]
        assert (pattern[:, 2:, :2] == 0).all() and (pattern[:, :2, :2] > 0).all()
        assert torch.allclose(pattern.sum(-1), torch.ones(2, 26), atol=1e-5)


def test_causal_without_the_detour_lets_nothing_reach_an_earlier_patch():
    model = small()
    (a, b) = samples_of(model, 2)
    late = a.x.clone()
    late[..., 12:, :] = b.x[..., 12:, :]  # the last row of patches differs
    both = plans(model)["detour"]["and are causal"]

    def streams(edits: dict) -> list[torch.Tensor]:
        names = "blocks.2.hook_resid_post"
        return [model.run_with_cache(x, names=names, edits=edits)[1]["resid_post", 2][0, 1:19] for x in (a.x, late)]

    without = streams(dict(both))
    assert torch.allclose(*without, atol=1e-6)
    with_detour = streams(plans(model)["exempt"]["from 0, prefix exempt"])
    assert not torch.allclose(*with_detour, atol=1e-3)


def test_without_prefix_tokens_there_is_no_detour():
    model = small(prefix=(), pool="mean")
    result = study(model, samples_of(model, 3), "squares")
    assert result.detour == () and result.exempt[0].accuracy is None
    assert [o.same for o in result.exempt] == [o.same for o in result.masked]
    assert "–" in report(result) and "detour" not in report(result)


def test_no_picture_is_refused():
    with pytest.raises(ValueError, match="at least one picture"):
        study(pe.load("emoji-vit"), [], "nothing")
