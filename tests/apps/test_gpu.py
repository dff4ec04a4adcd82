"""ZeroGPU: what runs a model goes through `spaces.GPU`, in a forked process, and a page loses nothing by it."""

from __future__ import annotations

import inspect
import multiprocessing
import os
import pickle
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

import tiny_talks
from apps.attention_tour.handlers import TourDesk
from apps.cat_dog_patching.first import opening
from apps.cat_dog_patching.handlers import PairDesk
from apps.common import catalog, pictures
from apps.common.blobs import Shelf
from apps.common.runtime import Models, on_gpu, on_gpu_steps
from apps.common.saes import Saes
from apps.dogit_lens.handlers import LensDesk
from apps.sae_steering.handlers import SteerDesk
from apps.vlm_steering.desk import VlmDesk
from apps.vlm_steering.first import opening as opening_talk
from apps.vlm_steering.gallery import Galleries
from apps.vlm_steering.plan import Manner
from apps.vlm_steering.turn import Turn
from apps.vlm_steering.vlms import Vlms
from prisma_engine.sae.features import Dial


class Fork:
    """`spaces` as it is on ZeroGPU, without a GPU: a task runs in a fork, and all but its pickled result is lost."""

    def __init__(self) -> None:
        self.pids: list[int] = []

    def GPU(self, task: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.isgeneratorfunction(task):
            return self._steps(task)

        def asked(*args: Any, **kwargs: Any) -> Any:
            ends = multiprocessing.Pipe()
            sent = pickle.dumps((args, kwargs))
            child = os.fork()
            if child == 0:
                self._work(task, sent, ends[1])
            ends[1].close()
            self.pids.append(child)
            found = ends[0].recv()
            ends[0].send("received")
            ends[0].close()
            os.waitpid(child, 0)
            if isinstance(found, Exception) and not isinstance(found, ValueError):
                raise RuntimeError(f"ZeroGPU worker error: {found!r}")
            return found

        return asked

    def _steps(self, task: Callable[..., Any]) -> Callable[..., Any]:
        def asked(*args: Any, **kwargs: Any) -> Any:
            ends = multiprocessing.Pipe()
            sent = pickle.dumps((args, kwargs))
            child = os.fork()
            if child == 0:
                args, kwargs = pickle.loads(sent)
                for found in task(*args, **kwargs):
                    ends[1].send(found)
                ends[1].send(None)
                os._exit(0)
            self.pids.append(child)
            while (found := ends[0].recv()) is not None:
                yield found
            os.waitpid(child, 0)

        return asked

    def _work(self, task: Callable[..., Any], sent: bytes, end: Any) -> None:
        try:
            args, kwargs = pickle.loads(sent)
            end.send(task(*args, **kwargs))
            end.recv()  # tensors are handed over by the process that made them, so it stays until they are there
        except Exception as error:
            end.send(RuntimeError(repr(error)))
        finally:
            os._exit(0)


@pytest.fixture
def fork(monkeypatch) -> Fork:
    fake, module = Fork(), ModuleType("spaces")
    module.GPU = fake.GPU  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "spaces", module)
    return fake


@pytest.mark.parametrize("kind", [LensDesk, TourDesk, PairDesk])
def test_a_page_shows_what_another_process_computed(fork, kind):
    picture = opening() if kind is PairDesk else pictures.first()
    far, near = kind(Models(), Shelf()), kind(Models(), Shelf())
    near._on_gpu = None
    session = far.show(picture, catalog.DEFAULT)
    assert len(fork.pids) == 1 and fork.pids[0] != os.getpid()
    kept, expected = far.shelf.get(session.key), near.shelf.get(near.show(picture, catalog.DEFAULT).key)
    assert kept is not None and expected is not None and len(fork.pids) == 1
    assert kept.files.keys() == expected.files.keys()
    for name, data in expected.files.items():
        assert len(kept.files[name]) == len(data), name
    assert far.models.loaded() == [catalog.DEFAULT], "the next process inherits the model from here"


def test_a_lens_from_another_process_has_the_same_numbers(fork):
    far = LensDesk(Models(), Shelf())
    there = far.result(far.show(pictures.first(), catalog.DEFAULT))
    here = far.run(pictures.first(), catalog.DEFAULT)
    np.testing.assert_allclose(there.logits, here.logits, atol=1e-5)
    assert there.top5 == here.top5 or [a.name for a in there.top5] == [a.name for a in here.top5]


def test_a_refusal_comes_back_as_the_sentence_that_it_was(fork):
    def refuse(n: int) -> int:
        if n:
            raise ValueError(f"{n} is too many")
        return os.getpid()

    asked = on_gpu(refuse)
    assert asked is not None
    with pytest.raises(ValueError, match="^3 is too many$"):
        asked(3)
    assert asked(0) != os.getpid() and len(fork.pids) == 2


def test_steps_come_one_by_one_and_a_refusal_after_them(fork):
    def count(n: int) -> Iterator[tuple[int, int]]:
        for i in range(n):
            yield i, os.getpid()
        raise ValueError(f"{n} is the end")

    asked = on_gpu_steps(count)
    assert asked is not None
    found = []
    with pytest.raises(ValueError, match="^2 is the end$"):
        for each in asked(2):
            found.append(each)
    assert [i for i, _ in found] == [0, 1] and {pid for _, pid in found} == set(fork.pids) != {os.getpid()}


@pytest.fixture
def talking(fork, tmp_path, monkeypatch) -> tuple[VlmDesk, VlmDesk]:
    """A desk whose model speaks in other processes, and one whose model speaks here."""
    monkeypatch.setenv("PRISMA_MODELS", str(tiny_talks.write(tmp_path)))
    far, near = (VlmDesk(Vlms(), Shelf(), Saes(), Galleries(4)) for _ in range(2))
    near._voices_on_gpu = None
    return far, near


def test_a_model_says_the_same_in_another_process(fork, talking):
    turn, manner = Turn((Dial(tiny_talks.DOG, "add", -6.0),), control="random"), Manner(temperature=0.8, seed=3, most=6)
    there, here = (desk.said(desk.show(opening_talk(), "emoji-llava"), turn, manner) for desk in talking)
    assert len(fork.pids) == 1 and there.keys() == here.keys()
    for name, said in here.items():
        assert (there[name].text, there[name].state) == (said.text, said.state)
        assert there[name].perplexity == pytest.approx(said.perplexity)


def test_speaking_in_another_process_can_be_stopped(fork, talking):
    far = talking[0]
    session, asked = far.show(opening_talk(), "emoji-llava"), iter([False] * 2)
    said = list(far.speaking(session, Turn(), Manner(most=100), lambda: next(asked, True)))[-1]
    assert {one.state for one in said.values()} <= {"stopped", "done", "cut"}
    assert all(one.perplexity is not None for one in said.values() if one.steps)


def test_a_fork_computes_with_one_thread_and_leaves_ours_alone(fork):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    asked = on_gpu(torch.get_num_threads)
    assert asked is not None and asked() == 1 and torch.get_num_threads() == 2
    torch.set_num_threads(before)


def test_a_result_that_holds_a_model_stays_in_this_process(fork):
    assert SteerDesk(Models(), Shelf())._on_gpu is None


def test_without_the_library_a_handler_is_called_as_it_is(monkeypatch):
    monkeypatch.setitem(sys.modules, "spaces", None)
    assert on_gpu(len) is None and LensDesk(Models(), Shelf())._on_gpu is None
