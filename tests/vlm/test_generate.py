"""Answers: the same with a KV cache and without, under every kind of edit; one by one, in batches, and cut short."""

import gc

import pytest
import torch

import tiny_vlms as tiny
from prisma_engine import add, scale, zero
from prisma_engine.hooks import NoSuchName
from prisma_engine.vlm import at, by_row

N = 10


@pytest.fixture(scope="module", params=["llama", "gemma", "gemma2"])
def sees(request):
    model = tiny.hooked(request.param)
    return model, model.prompt("what is there ?", tiny.picture())


@pytest.fixture(scope="module")
def llama():
    model = tiny.hooked()
    return model, model.prompt("what is there ?", tiny.picture())


PUSH = torch.linspace(-2, 2, 24)
EDITS = {
    "none": {},
    "everywhere": {"blocks.1.hook_resid_post": add(PUSH)},
    "image": {"blocks.0.hook_resid_post": at(add(PUSH), where={"image"})},
    "prompt": {"blocks.*.hook_mlp_out": at(scale(-1.0), where={"prompt"})},
    "generated": {"blocks.1.hook_resid_pre": at(add(PUSH), where={"generated"})},
    "prefill": {"blocks.2.hook_attn_out": at(zero(), when={"prefill"})},
    "decode": {"blocks.1.attn.hook_z": at(zero(head=1), when={"decode"})},
    "some tokens": {"blocks.1.hook_resid_post": at(add(PUSH), tokens=[0, 4, 17, 19, 20])},
    "values": {"blocks.1.attn.hook_v": at(zero(), where={"image", "generated"})},
    "keys": {"blocks.0.attn.hook_k": at(scale(3.0), where={"image"})},
    "pattern": {"blocks.1.attn.hook_pattern": at(zero(key=slice(3, 12)), where={"generated"})},
    "last norm": {"ln_final.hook_normalized": at(add(0.5), when={"decode"})},
}


@pytest.mark.parametrize("name", EDITS)
def test_a_cache_changes_nothing(sees, name):
    model, prompt = sees
    kept, again = (list(model.generate(prompt, EDITS[name], N, cache=cache)) for cache in (True, False))
    assert [step.token for step in kept] == [step.token for step in again]
    assert max(abs(a.log_prob - b.log_prob) for a, b in zip(kept, again, strict=True)) <= 1e-5


@pytest.mark.parametrize("name", [name for name in EDITS if name != "none"])
def test_each_of_these_edits_is_felt(llama, name):
    model, prompt = llama
    clean, edited = (list(model.generate(prompt, edits, N)) for edits in ({}, EDITS[name]))
    first = abs(clean[0].log_prob - edited[0].log_prob)
    later = max(abs(a.log_prob - b.log_prob) for a, b in zip(clean[1:], edited[1:], strict=False))
    assert max(first, later) > 1e-4
    if name in ("generated", "decode", "pattern", "last norm"):
        assert first == 0, "the first token is predicted by the prompt alone"


def test_logits_of_every_step_are_those_of_the_whole_sequence(sees):
    """Step by step under an edit, compared with one pass over prompt and answer under the same edit."""
    model, prompt = sees
    edits = EDITS["image"] | EDITS["generated"]
    steps = list(model.generate(prompt, edits, N))
    whole = prompt.extended([step.token for step in steps])
    with torch.no_grad():
        logits = model.run_with_hooks(whole, edits)[0, len(prompt) - 1 : -1]
    said = logits.log_softmax(-1)
    for i, step in enumerate(steps):
        assert abs(float(said[i, step.token]) - step.log_prob) <= 1e-5
        assert int(said[i].argmax()) == step.token


def test_greedy_answers_are_transformers_own():
    model, original = tiny.hooked("gemma"), tiny.llava("gemma")
    prompt = model.prompt("what is there ?", tiny.picture())
    found = original.generate(
        input_ids=prompt.ids,
        pixel_values=prompt.pixels,
        attention_mask=torch.ones_like(prompt.ids),
        do_sample=False,
        max_new_tokens=N,
        eos_token_id=2,
        pad_token_id=0,
    )
    assert [step.token for step in model.generate(prompt, max_new_tokens=N)] == found[0, len(prompt) :].tolist()


def saying(word):
    """An edit after which a model says one word for certain: the final stream is its row of the head."""

    def edits(model):
        row = model.model.lm_head.weight[tiny.WORDS.index(word)]
        return {"ln_final.hook_normalized": lambda x, point: (row * 1000).expand_as(x).clone()}

    return edits


def test_an_answer_ends_at_its_end_token(llama):
    model, prompt = llama
    assert model.end_tokens == {tiny.WORDS.index("<eos>")}
    (step,) = model.generate(prompt, saying("<eos>")(model), N)
    assert (step.text, step.done, step.token) == ("", True, 2)
    steps = list(model.generate(prompt, saying("dog")(model), 3))
    assert "".join(step.text for step in steps) == "dog dog dog"
    assert [step.done for step in steps] == [False, False, True]


def test_an_ordinary_word_whose_id_a_config_calls_the_end_ends_nothing():
    original = tiny.llava()
    original.generation_config.eos_token_id = [2, tiny.WORDS.index("dog")]
    from prisma_engine.vlm import HookedVLM

    assert HookedVLM(original, tiny.processor()).end_tokens == {2}


def test_draws_follow_their_seed(llama):
    model, prompt = llama
    one, same, other = (
        [step.token for step in model.generate(prompt, None, N, temperature=3.0, seed=seed)] for seed in (1, 1, 2)
    )
    assert one == same != other
    again = [step.token for step in model.generate(prompt, None, N, temperature=3.0, seed=1, cache=False)]
    assert again == one
    assert tiny.WORDS.index("<image>") not in [*one, *other]
    cold = [step.token for step in model.generate(prompt, None, N, temperature=1e-4, seed=1)]
    assert cold == [step.token for step in model.generate(prompt, None, N)]


def test_who_stops_asking_has_stopped_it(llama):
    """Nothing runs after the last step that was taken, and no run stays open."""
    model, prompt = llama
    passes = []
    handle = model.decoder.register_forward_hook(lambda *_: passes.append(1))
    steps = model.generate(prompt, EDITS["everywhere"], N)
    assert not passes, "nothing before somebody asks"
    next(steps), next(steps)
    clean = model(prompt)
    assert len(passes) == 3
    steps.close()
    del steps
    gc.collect()
    assert len(passes) == 3
    handle.remove()
    assert torch.equal(model(prompt), clean)


def test_between_two_steps_nobody_is_edited(llama):
    model, prompt = llama
    bare = model(prompt)
    for i, _ in enumerate(model.generate(prompt, EDITS["everywhere"], 3)):
        assert torch.equal(model(prompt), bare), i
    assert not torch.equal(model.run_with_hooks(prompt, EDITS["everywhere"]), bare)


def test_rows_of_a_batch_are_answers_of_their_own(sees):
    model, _ = sees
    texts = ["what is there ?", "what is red ?", "is there pizza ?"]
    pictures = [tiny.picture(seed) for seed in range(3)]
    answers = model.generate_batch(model.prompts(texts, pictures), EDITS["image"], N)
    for text, picture, answer in zip(texts, pictures, answers, strict=True):
        steps = list(model.generate(model.prompt(text, picture), EDITS["image"], N))
        assert answer.ids == tuple(step.token for step in steps)
        assert answer.text == "".join(step.text for step in steps)
        assert max(abs(a - step.log_prob) for a, step in zip(answer.log_probs, steps, strict=True)) <= 1e-5
    assert len({answer.log_probs for answer in answers}) == 3


def test_an_edit_for_each_row(llama):
    model, prompt = llama
    strengths = [0.0, 1.0, -4.0, 1.0]
    single = {s: at(add(PUSH * s), where={"image"}) for s in strengths}
    edits = {"blocks.1.hook_resid_post": by_row([None if s == 0 else single[s] for s in strengths])}
    answers = model.generate_batch(prompt.repeat(4), edits, N)
    for strength, answer in zip(strengths, answers, strict=True):
        alone = list(model.generate(prompt, {"blocks.1.hook_resid_post": single[strength]}, N))
        assert answer.ids == tuple(step.token for step in alone)
        assert max(abs(a - step.log_prob) for a, step in zip(answer.log_probs, alone, strict=True)) <= 1e-5
    assert len({answer.log_probs for answer in answers}) == 3


def test_a_row_that_ended_waits_for_the_others(llama):
    model, prompt = llama
    silent = by_row([saying("<eos>")(model)["ln_final.hook_normalized"], None])
    first, second = model.generate_batch(prompt.repeat(2), {"ln_final.hook_normalized": silent}, 4)
    assert (first.ids, first.text) == ((2,), "") and len(second.ids) == 4


def test_an_answer_ends_where_the_context_does(llama):
    model, _ = llama
    long = model.prompt(" ".join(["dog"] * (model.config.n_context - 3)), raw=True)
    steps = list(model.generate(long, saying("dog")(model), N))
    assert [step.done for step in steps] == [False, False, True]
    (answer,) = model.generate_batch(long, saying("dog")(model), N)
    assert len(answer.ids) == 3
    full = long.extended([step.token for step in steps])
    for generate in (lambda: next(model.generate(full)), lambda: model.generate_batch(full)):
        with pytest.raises(ValueError, match="has 128 tokens, and tiny-llama was made for 128 with its answer"):
            generate()


def test_what_cannot_be_generated_says_so(llama):
    model, prompt = llama
    with pytest.raises(ValueError, match="max_new_tokens is 0; expected at least 1"):
        model.generate(prompt, max_new_tokens=0)
    with pytest.raises(ValueError, match="temperature is -1; expected 0"):
        model.generate(prompt, temperature=-1)
    with pytest.raises(ValueError, match="this prompt has 2 rows; use generate_batch"):
        next(model.generate(prompt.repeat(2)))
    with pytest.raises(NoSuchName, match="no hook point matches 'blocks.9"):
        next(model.generate(prompt, {"blocks.9.hook_resid_post": zero()}))
    with pytest.raises(ValueError, match="there are edits for 3 rows, and the batch at 'hook_embed' has 2"):
        model.generate_batch(prompt.repeat(2), {"hook_embed": by_row([zero()] * 3)}, 1)
