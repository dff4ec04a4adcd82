"""A run and what was done with it → the JSON that the canvas reads. No Gradio here."""

from __future__ import annotations

import itertools
import math
import re
from typing import Any

from apps.common import catalog, routes, scenes
from apps.common.desk import Session
from apps.common.share import Link, link_query
from apps.vlm_steering import vlms
from apps.vlm_steering.analysis import OWN_UNIT, Heard, Talk
from apps.vlm_steering.bench import Bench
from apps.vlm_steering.desk import VlmDesk
from apps.vlm_steering.first import first_view
from apps.vlm_steering.guide import guide_for, guide_value
from apps.vlm_steering.plan import MOST_WORDS, manner_to_fields, plan_to_fields
from apps.vlm_steering.prompts import prompts_for
from apps.vlm_steering.talking import Said
from apps.vlm_steering.turn import turn_to_fields
from apps.vlm_steering.turning import COLUMNS
from apps.vlm_steering.view import Extent, View, view_to_fields

TURNS = ("talk", "guide")
"""Events that bring a turn."""
ASKS = ("ask", "guide")
"""Events that ask something else, or of something else."""
_nonce = itertools.count(1)


def canvas_value(desk: VlmDesk, session: Session, bench: Bench, view: View | None = None) -> dict[str, Any]:
    """All that the canvas reads.

    Without a `view` it keeps the visitor's own, which may be newer. `rack_at` is when the visitor sent the newest turn
    that has arrived, so that the canvas knows an answer to an older one; `asked_at` the same of prompts and recipes.
    """
    talk = desk.result(session)
    heard = desk.heard(session, bench)
    return {
        "nonce": next(_nonce),
        "run": run_value(talk, session.key),
        "heard": heard_value(talk, heard, bench.reading),
        "talk": talk_value(bench),
        "rack": {**bench.turn.as_dict(), **bench.manner.as_dict()},
        "opened": bench.opened,
        "rack_at": max(bench.heard.get(name, 0) for name in TURNS),
        "asked_at": max(bench.heard.get(name, 0) for name in ASKS),
        "latent": bench.latent,
        "contrast": bench.contrast,
        "guide": guide_value(guide_for(talk.loaded)),
        "guided": bench.guided,
        "view": view.as_dict() if view else None,
    }


def run_value(talk: Talk, key: str) -> dict[str, Any]:
    """The run as the canvas reads it, before anything is said."""
    base = f"{routes.PREFIX}/{key}/"
    config = talk.model.config
    return {
        "key": key,
        "model": vlms.title_of(talk.model_id),
        "revision": talk.revision,
        "grid": list(talk.grid),
        "image": {"title": talk.picture.title, "url": f"{base}image", "size": list(talk.pixels.shape[:2])},
        "prompt": talk.plan.prompt,
        "prompts": list(prompts_for(talk.model_id)),
        "unknown": list(talk.unknown),
        "n_layers": config.n_layers,
        "n_heads": config.n_heads,
        "most_words": MOST_WORDS,
        "others": [item for item in scenes.picker_value(None)["items"] if item["name"] != talk.picture.source],
        "sae": sae_value(talk, base),
        "font": routes.font_url(),
    }


def sae_value(talk: Talk, base: str) -> dict[str, Any]:
    """The SAE as the canvas reads it."""
    loaded = talk.loaded
    config, facts = loaded.config, loaded.facts
    layer = re.match(r"blocks\.(\d+)\.", config.hook_name)
    return {
        "id": loaded.id,
        "revision": loaded.revision,
        "title": loaded.title,
        "hook": config.hook_name,
        "layer": int(layer[1]) if layer else None,
        "d_sae": config.d_sae,
        "activation": config.activation,
        "k": config.k or None,
        "unit_note": None if facts and facts.measured else OWN_UNIT,
        "latents": f"{base}latents" if facts else None,
        "labels_from": facts.labels_from if facts else None,
        "any_sae": not catalog.on_space(),
    }


def heard_value(talk: Talk, heard: Heard, key: str) -> dict[str, Any]:
    """What the SAE reads, token by token; `key` is that of the answer's, "" while there is only the prompt."""
    base = f"{routes.PREFIX}/{key}/"
    text = heard.tokens[talk.n_patches :]
    return {
        "key": key,
        "n_patches": talk.n_patches,
        "texts": [{"text": t.text, "kind": t.kind, "special": t.special, "at": t.position} for t in text],
        "acts": {"url": f"{base}acts", "n_entries": len(heard.acts)},
        "attention": f"{base}attention/" if heard.n_generated else None,
        "explained": {part: plain(value) for part, value in heard.explained.items()},
        "l0": {part: plain(value) for part, value in heard.l0.items()},
    }


def talk_value(bench: Bench) -> dict[str, Any]:
    """The columns, in their order; one that was not begun is absent."""
    return {
        "columns": {name: said_value(bench.said[name]) for name in COLUMNS if name in bench.said},
        "control": bench.said_of[0].control if bench.said_of else "none",
    }


def said_value(said: Said) -> dict[str, Any]:
    """One column; `p` is the probability of each word, 0 to 1, for the model that spoke it."""
    words = [{"t": step.text, "i": step.token, "p": round(math.exp(step.log_prob), 4)} for step in said.steps]
    return {"words": words, "state": said.state, "perplexity": plain(said.perplexity)}


def extent_of(talk: Talk) -> Extent:
    """The ranges that views must lie in."""
    return Extent(
        n_tokens=len(talk.prompt) + MOST_WORDS,
        n_latents=talk.loaded.config.d_sae,
        n_words=MOST_WORDS,
        n_layers=talk.model.config.n_layers,
    )


def link_of(desk: VlmDesk, session: Session, bench: Bench) -> str:
    """The query string that restores this run, what is turned, and the view."""
    talk = desk.result(session)
    link = Link(
        model=session.model_id,
        revision=talk.revision,
        kind=session.kind,
        source=session.source,
        view=(
            *plan_to_fields(talk.plan, talk.plan.revision),
            *turn_to_fields(bench.turn),
            *manner_to_fields(bench.manner),
            *view_to_fields(bench.view, first_view(talk)),
        ),
    )
    return link_query(link)


def latent_link(session: Session, talk: Talk, latent: int) -> str:
    """A latent's address: model, SAE, both revisions and its index, on no picture in particular."""
    fields = (*plan_to_fields(talk.plan, talk.plan.revision), ("latent", str(latent)))
    return link_query(Link(model=session.model_id, revision=talk.revision, view=fields))


def plain(value: float | None) -> float | None:
    """A number for JSON; None where there is none."""
    return float(f"{value:.6g}") if value is not None and math.isfinite(value) else None
