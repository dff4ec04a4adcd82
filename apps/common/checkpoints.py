"""A model at a step of its training, as an id: "dsprites-base-attn-mlp@step-000064".

What lies before the @ is what `pe.load` takes as a name, what follows as a revision; without an @ a model is as its
training left it.
"""

from __future__ import annotations

from pathlib import Path

from prisma_engine.history import History, revision_of, step_of
from prisma_engine.load import embedded_models, history, models_folder


def parted(model_id: str) -> tuple[str, int | None]:
    """A model's id without its step, and that step; None where the id names none."""
    base, _, revision = model_id.rpartition("@")
    step = step_of(revision) if base else None
    return (model_id, None) if step is None else (base, step)


def base_of(model_id: str) -> str:
    """A model's id without its step."""
    return parted(model_id)[0]


def is_same(one: str, other: str) -> bool:
    """Whether two ids name one model, whatever the steps of its training."""
    return base_of(one) == base_of(other)


def at_step(model_id: str, step: int) -> str:
    """The same model after that many steps of its training."""
    return f"{base_of(model_id)}@{revision_of(step)}"


def folder_of(base: str) -> Path | None:
    """A model's folder on this machine, where its steps can be counted without asking anybody; None without one."""
    if base in embedded_models():
        return models_folder() / base
    return Path(base) if Path(base).is_dir() else None


def history_of(base: str) -> History:
    """What a model's training recorded; an empty history for one that is not here.

    Raises:
        ValueError: one sentence, if it cannot be read.
    """
    return history(base) if folder_of(base) else History()


def stops(kept: History) -> tuple[int, ...]:
    """The steps at which a model can be looked at: those kept, and the end of its training; none if none were kept."""
    if not kept.steps:
        return ()
    end = max(kept.steps[-1], kept.rows[-1].step if kept.rows else 0)
    return (*(step for step in kept.steps if step < end), end)


def at_stop(base: str, step: int) -> str:
    """The id of a model at one of its stops; at the last one it is the model itself.

    Raises:
        ValueError: one sentence, if that is none of them.
    """
    known = stops(history_of(base))
    if step not in known:
        raise ValueError(refusal(base, step))
    return base if step == known[-1] else at_step(base, step)


def refusal(base: str, step: int) -> str:
    """What to say of a step whose weights were not kept."""
    kept = ", ".join(map(str, history_of(base).steps))
    return f"{base} kept no weights of step {step}; it kept those of {kept}" if kept else f"{base} kept no steps"
