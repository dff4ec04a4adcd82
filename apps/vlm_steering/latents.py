"""A latent's page: what it is called, the texts it fires in, scenes it fires in, words it writes, others like it."""

from __future__ import annotations

import hashlib
import logging
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from apps.common import payload, routes
from apps.common.desk import Session
from apps.common.pictures import seeded
from apps.common.saes import Loaded
from apps.vlm_steering.analysis import Talk
from apps.vlm_steering.bench import Bench
from apps.vlm_steering.desk import VlmDesk
from apps.vlm_steering.files import digits
from apps.vlm_steering.handlers import latent_link, plain
from prisma_engine.analysis.language.contexts import Contexts, read_contexts
from prisma_engine.sae.features import neighbours

if TYPE_CHECKING:
    from prisma_engine.vlm import HookedVLM

N_WORDS, N_NEIGHBOURS, N_TEXTS, N_SEEDS = 8, 8, 10, 10**9
NO_TEXTS = "No texts are stored beside this SAE."
NO_SCENES = "No scenes were looked at for this SAE yet."
log = logging.getLogger(__name__)


def latent_value(desk: VlmDesk, session: Session, bench: Bench, latent: int) -> dict[str, Any]:
    """The page of one latent as the canvas reads it.

    Raises:
        ValueError: one sentence, if there is no such latent.
    """
    talk = desk.result(session)
    loaded, facts = talk.loaded, talk.loaded.facts
    value: dict[str, Any] = {
        "index": latent,
        "address": "?" + latent_link(session, talk, latent),
        "label": None,
        "typical": plain(float(talk.typical[latent])),
        "largest": None,
        "density": {"tokens": None, "images": None},
        "from": (facts.source or None) if facts else None,
        "texts": texts_value(loaded, latent),
        "scenes": scenes_value(desk, talk, latent),
        "progress": bench.gallery,
        "words": words_value(talk.model, loaded, latent),
        "neighbours": neighbours_value(loaded, latent),
    }
    if facts is not None:
        value["label"] = facts.name(latent)
        for name in ("precision", "recall", "f1", "auroc"):
            scores = getattr(facts, name)
            value[name] = None if scores is None or value["label"] is None else plain(float(scores[latent]))
        value["largest"] = plain(float(facts.largest[latent]))
        value["density"]["tokens"] = plain(float(facts.frequency[latent]))
    gallery = desk.galleries.known(session.model_id, loaded)
    if gallery is not None:
        value["density"]["images"] = plain(gallery.share(latent))
    return value


def texts_value(loaded: Loaded, latent: int) -> dict[str, Any]:
    """Held-out texts in which it fires, one snippet of each; `acts` are in units of its activation."""
    contexts = contexts_of(loaded)
    if contexts is None or latent >= len(contexts.ids):
        return {"from": NO_TEXTS, "rows": []}
    rows = [
        {"words": list(one.words), "acts": digits(one.acts, 3), "at": one.at} for one in contexts.of(latent)[:N_TEXTS]
    ]
    return {"from": contexts.source, "rows": rows}


def contexts_of(loaded: Loaded) -> Contexts | None:
    """The texts beside an SAE's weights, read once; None where there are none, or they are damaged."""
    if "contexts" not in loaded.__dict__:
        try:
            loaded.__dict__["contexts"] = read_contexts(loaded.folder)
        except ValueError as error:
            log.warning("%s", error)
            loaded.__dict__["contexts"] = None
    return loaded.__dict__["contexts"]


def scenes_value(desk: VlmDesk, talk: Talk, latent: int) -> dict[str, Any] | None:
    """Scenes in which it fires, from the strongest to the weakest; None where none were looked at."""
    gallery = desk.galleries.known(talk.model_id, talk.loaded)
    if gallery is None:
        return None
    url = scene_url(talk)
    rows = [
        {"seed": one.seed, "picture": f"{url}{one.seed}", "heat": digits(one.heat, 3), "rank": one.rank, "of": one.of}
        for one in gallery.pictures(latent)
    ]
    return {"n": len(gallery.seeds), "rows": rows}


def scene_url(talk: Talk) -> str:
    """The beginning of the addresses of scenes as the model sees them, drawn when they are asked for."""
    name = hashlib.sha256(f"{talk.model_id} {talk.revision}".encode()).hexdigest()[:12]
    return routes.series_url(f"talked-{name}", partial(_seen, talk.model), N_SEEDS)


def _seen(model: HookedVLM, seed: int) -> bytes:
    prompt = model.prompt(".", seeded(str(seed)).image)
    return payload.pack_png(np.asarray(prompt.pictures[0].convert("RGB")))


def words_value(model: HookedVLM, loaded: Loaded, latent: int) -> dict[str, Any]:
    """The words that its direction raises and lowers most when it is read out at once, see `word_logits`."""
    written = word_logits(model, loaded, latent)
    special = set(model.tokenizer.all_special_ids)
    known = min(len(written), len(model.tokenizer))
    order = [i for i in written[:known].argsort(descending=True).tolist() if i not in special]
    return {
        side: [{"word": model.tokenizer.decode([i]).strip(), "value": plain(float(written[i]))} for i in chosen]
        for side, chosen in (("top", order[:N_WORDS]), ("bottom", order[::-1][:N_WORDS]))
    }


@torch.no_grad()
def word_logits(model: HookedVLM, loaded: Loaded, latent: int) -> Float[Tensor, " vocabulary"]:
    """A latent's decoder row through the last norm's weights and the unembedding, as a vector of length 1.

    What later layers make of it, and the norm's divisor, are not counted, so only the order and the sign mean much.
    """
    row = torch.nn.functional.normalize(loaded.sae.W_dec[latent], dim=0).to(model.device)
    weight = model.decoder.norm.weight.float()
    gain = 1 + weight if model.config.family.startswith("gemma") else weight  # Gemma stores the gain less 1
    return (model.model.get_output_embeddings().weight.float() @ (gain * row)).cpu()


def neighbours_value(loaded: Loaded, latent: int) -> list[dict[str, Any]]:
    """The latents whose decoder rows point most the same way."""
    return [
        {"index": one.latent, "cosine": round(one.cosine, 4)} for one in neighbours(loaded.sae, latent, N_NEIGHBOURS)
    ]
