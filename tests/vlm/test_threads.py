"""Two visitors over one model: what one edits, the other never meets."""

import threading

import pytest
import torch

import tiny_vlms as tiny
from prisma_engine import add, zero
from prisma_engine.vlm import at

RUNS = 40
PUSH = torch.linspace(-2, 2, 24)


@pytest.fixture(scope="module")
def model():
    return tiny.hooked()


@pytest.fixture(scope="module")
def prompt(model):
    return model.prompt("what is there ?", tiny.picture())


def said(model, prompt, edits):
    return [(step.token, step.log_prob) for step in model.generate(prompt, edits, 6)]


EDITS = [
    {},
    {"blocks.1.hook_resid_post": at(add(PUSH), where={"image"})},
    {"blocks.1.hook_resid_post": at(add(-PUSH), where={"generated"})},
    {"blocks.*.attn.hook_pattern": at(zero(key=0), where={"prompt"})},
    {"vision.blocks.0.hook_resid_post": zero(neuron=slice(0, 8))},
]


def test_visitors_who_speak_at_once_do_not_meet(model, prompt):
    alone = [said(model, prompt, edits) for edits in EDITS]
    assert len({str(answer) for answer in alone}) == len(EDITS)
    wrong, start = [], threading.Barrier(len(EDITS))

    def visit(number):
        start.wait()
        for _ in range(RUNS // len(EDITS)):
            if said(model, prompt, EDITS[number]) != alone[number]:
                wrong.append(number)

    threads = [threading.Thread(target=visit, args=(i,)) for i in range(len(EDITS))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_answers_told_in_turn_do_not_meet(model, prompt):
    """Columns side by side in one thread: a step of one, a step of the next."""
    alone = [said(model, prompt, edits) for edits in EDITS]
    speaking = [model.generate(prompt, edits, 6) for edits in EDITS]
    together = [[(step.token, step.log_prob) for step in column] for column in zip(*speaking, strict=True)]
    assert [list(answer) for answer in zip(*together, strict=True)] == alone


def test_a_stop_is_one_threads_own(model, prompt):
    full = model(prompt)
    seen = []

    def stopped():
        seen.extend(model(prompt, stop_at_layer=1).shape[-1] for _ in range(RUNS))

    thread = threading.Thread(target=stopped)
    thread.start()
    whole = [torch.equal(model(prompt), full) for _ in range(RUNS)]
    thread.join()
    assert all(whole) and set(seen) == {24}


def test_a_hook_that_changes_the_module_would_be_met(model, prompt):
    """The first test can fail: the same with a hook of torch's, which belongs to the module."""
    bare = said(model, prompt, {})
    handle = model.decoder.layers[1].register_forward_hook(lambda module, args, out: out + PUSH)
    seen = []
    thread = threading.Thread(target=lambda: seen.append(said(model, prompt, {})))
    thread.start()
    thread.join()
    handle.remove()
    assert seen[0] != bare == said(model, prompt, {})
