"""The page's named endpoint for programs: what a model says of a picture, as it is, reconstructed and steered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gradio as gr

from apps.common import pictures
from apps.common.dials import dials_from_text
from apps.common.events import spoken_steps
from apps.common.upload import photo_input
from apps.vlm_steering import vlms
from apps.vlm_steering.desk import VlmDesk
from apps.vlm_steering.handlers import said_value
from apps.vlm_steering.plan import Manner, Plan, check_prompt, read_manner
from apps.vlm_steering.prompts import prompts_for
from apps.vlm_steering.turn import CONTROLS, Turn, read_turn
from prisma_engine.vlm.places import KINDS, WHENS

MAX_TEXT = 1000


def steer_llava(
    desk: VlmDesk,
    image: str,
    prompt: str = "",
    changes: str = "",
    where: str = "image prompt generated",
    when: str = "prefill decode",
    control: str = "none",
    keep_error: bool = True,
    model: str = "",
    sae: str = "",
    temperature: float = 0.0,
    seed: float = 0,
    most: float = 48,
) -> Iterator[dict[str, Any]]:
    """What a model says of a picture in three columns, as JSON that grows word by word, for programs.

    Args:
        image: path of the picture.
        prompt: what is asked; by default the first of the page's list.
        changes: latents that are turned, such as "12.add.-6 40.ablate"; amounts count typical activations.
        where: kinds of tokens at which they are: some of "image", "prompt" and "generated".
        when: "prefill" (tokens of the prompt, image included), "decode" (generated ones), or both.
        control: "random" latents moved as far, or the "opposite" sign, as a fourth column; or "none".
        keep_error: what the SAE cannot reconstruct stays as it is.
        model: of the page's list; locally, a folder too.
        sae: a shipped SAE; locally, any folder or Hub id; by default the one that the page begins with.
        temperature: 0 takes the likeliest word, otherwise one is drawn by `seed`.
        seed: of the draws, and of the random latents.
        most: words of an answer, at most.

    Returns:
        `model`, `revision`, `sae`, `prompt`, `unknown` (words of the prompt without a token), `turned` ([{`latent`,
        `label`, `how`, `amount`}]), `done`, and `columns`: {`original`, `reconstruction`, `steered` and perhaps
        `control`: {`text`, `words` [{`t`: text, `i`: token, `p`: probability}], `state` ("speaking", "done", "cut" or
        "stopped"), `perplexity` (for the unsteered model without the picture), `same` (as the original)}}.

    Raises:
        ValueError: one sentence.
    """
    if not image:
        raise ValueError("send a picture")
    name = _text(model, "model") or vlms.DEFAULT
    asked, named = _text(prompt, "prompt"), _text(sae, "sae")
    plan = Plan(named, prompts_for(name)[0]) if named else desk.plan("", name)
    plan = replace(plan, prompt=check_prompt(asked)) if asked else plan
    session = desk.show(pictures.uploaded(image, "A picture"), name, "", image, plan.text)
    talk = desk.result(session)
    n_latents = talk.loaded.config.d_sae
    given = {"where": _words(where, KINDS), "when": _words(when, WHENS), "control": control or CONTROLS[0]}
    turn = read_turn({**given, "keep_error": bool(keep_error)}, n_latents, Turn())
    turn = replace(turn, dials=dials_from_text(_text(changes, "changes"), n_latents))
    turn.changes(talk.typical)
    manner = read_manner({"temperature": temperature, "seed": seed, "most": most}, Manner())
    facts = talk.loaded.facts
    head = {
        "model": talk.model_id,
        "revision": talk.revision,
        "sae": talk.loaded.id,
        "prompt": talk.plan.prompt,
        "unknown": list(talk.unknown),
        "turned": [
            {"latent": d.latent, "label": facts.name(d.latent) if facts else None, "how": d.how, "amount": d.amount}
            for d in turn.dials
        ],
    }
    for found in desk.speaking(session, turn, manner):
        original = found.get("original")
        columns = {
            column: {
                "text": said.text,
                **said_value(said),
                "same": original is not None and said.state != "speaking" and said.ids == original.ids,
            }
            for column, said in found.items()
        }
        done = bool(found) and all(said.state != "speaking" for said in found.values())
        yield {**head, "done": done, "columns": columns}


def endpoints(desk: VlmDesk) -> None:
    """Add `steer_llava` to the current Blocks."""

    def talk(
        image: str,
        prompt: str = "",
        changes: str = "",
        where: str = "image prompt generated",
        when: str = "prefill decode",
        control: str = "none",
        keep_error: bool = True,
        model: str = "",
        sae: str = "",
        temperature: float = 0.0,
        seed: float = 0,
        most: float = 48,
    ) -> Iterator[dict[str, Any]]:
        yield from steer_llava(
            desk, image, prompt, changes, where, when, control, keep_error, model, sae, temperature, seed, most
        )

    talk.__doc__ = steer_llava.__doc__
    with gr.Group(visible=False):
        answer, image = gr.JSON(), photo_input(label="image")
        prompt, changes, model, sae = (gr.Textbox("", label=name) for name in ("prompt", "changes", "model", "sae"))
        where, when = gr.Textbox(" ".join(KINDS), label="where"), gr.Textbox(" ".join(WHENS), label="when")
        control, keep_error = gr.Textbox("none", label="control"), gr.Checkbox(True, label="keep_error")
        temperature, seed, most = (
            gr.Number(0, label="temperature"),
            gr.Number(0, label="seed"),
            gr.Number(48, label="most"),
        )
        inputs = [image, prompt, changes, where, when, control, keep_error, model, sae, temperature, seed, most]
        gr.Button("steer_llava").click(
            spoken_steps(talk), inputs, answer, api_name="steer_llava", concurrency_id="vlm-talk", concurrency_limit=2
        )


def _text(value: object, name: str) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise ValueError(f"{name} is a text of at most {MAX_TEXT} characters")
    return value.strip()


def _words(value: object, known: tuple[str, ...]) -> list[str] | tuple[str, ...]:
    return _text(value, "where and when").replace(",", " ").split() or known
