"""One visitor's ablation never reaches another: what a run edits belongs to its thread or task."""

import asyncio
import contextvars
import threading

import pytest
import torch

import prisma_engine as pe
from families import largest, random_input, tiny_model

RUNS = 200


@pytest.fixture(scope="module")
def model():
    return tiny_model("timm ViT")


@pytest.fixture(scope="module")
def x(model):
    return random_input(model.config, batch=1)


def test_a_thread_that_ablates_disturbs_no_clean_run(model, x):
    bare, ablated = model(x), model.run_with_hooks(x, {"*.hook_z": pe.zero()})
    stop, wrong = threading.Event(), []

    def ablate():
        while not stop.is_set():
            with model.hooks({"*.hook_z": pe.zero()}):
                if not torch.equal(model(x), ablated):
                    wrong.append("a clean run reached the ablation")

    other = threading.Thread(target=ablate)
    other.start()
    try:
        disturbed = sum(not torch.equal(model(x), bare) for _ in range(RUNS))
        cached = [model.run_with_cache(x, names="hook_logits")[1]["hook_logits"] for _ in range(RUNS)]
    finally:
        stop.set()
        other.join()
    assert largest(ablated - bare) > 1e-3
    assert disturbed == 0
    assert all(torch.equal(logits, bare) for logits in cached)
    assert not wrong


def test_state_on_the_module_would_be_seen(model, x):
    """The test above can fail: the same two threads with a torch hook, which belongs to the module."""
    bare, point = model(x), model.hook_points["blocks.0.attn.hook_z"]
    handle = point.register_forward_hook(lambda module, args, out: torch.zeros_like(out))
    seen = []
    reader = threading.Thread(target=lambda: seen.append(model(x)))
    reader.start()
    reader.join()
    handle.remove()
    assert largest(seen[0] - bare) > 1e-3
    assert torch.equal(model(x), bare)


def test_tasks_that_take_turns_do_not_meet(model, x):
    bare, ablated = model(x), model.run_with_hooks(x, {"*.hook_z": pe.zero()})

    async def clean():
        runs = []
        for _ in range(20):
            runs.append(model(x))
            await asyncio.sleep(0)
        return runs

    async def ablating():
        runs = []
        with model.hooks({"*.hook_z": pe.zero()}):
            for _ in range(20):
                runs.append(model(x))
                await asyncio.sleep(0)
        return runs

    async def both():
        return await asyncio.gather(clean(), ablating(), clean())

    first, edited, last = asyncio.run(both())
    assert all(torch.equal(out, bare) for out in (*first, *last))
    assert all(torch.equal(out, ablated) for out in edited)


def test_a_worker_thread_of_a_task_keeps_its_edits(model, x):
    ablated = model.run_with_hooks(x, {"*.hook_z": pe.zero()})

    async def elsewhere():
        with model.hooks({"*.hook_z": pe.zero()}):
            return await asyncio.to_thread(model, x)

    assert torch.equal(asyncio.run(elsewhere()), ablated)


def test_a_new_thread_starts_clean(model, x):
    bare, seen = model(x), []
    with model.hooks({"*.hook_z": pe.zero()}):
        thread = threading.Thread(target=contextvars.Context().run, args=(lambda: seen.append(model(x)),))
        thread.start()
        thread.join()
    assert torch.equal(seen[0], bare)
