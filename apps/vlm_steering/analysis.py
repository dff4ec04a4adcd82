"""One picture, one prompt, one model, one SAE: what the model is asked, and which latents are active at which token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from apps.common.pictures import Picture
from apps.common.saes import Loaded
from apps.vlm_steering.plan import Plan
from prisma_engine.sae.measuring.metrics import explained_variance

if TYPE_CHECKING:
    from prisma_engine.vlm import HookedVLM, Prompt
    from prisma_engine.vlm.generate import Step

MAX_TOKENS = 1500
SHARED = 16
"""So many results count a model's weights once: few then keep one in memory that has left the table of models."""
OWN_UNIT = "no typical activations were measured of this SAE, so they are taken from this picture and prompt"
PARTS = ("image", "text")


@dataclass(frozen=True)
class Token:
    """One token as the canvas shows it; the patches of the picture come first, then all others in their order.

    Attributes:
        position: in the sequence that the model reads.
        kind: "image", "prompt" or "generated".
        text: what it stands for; "" for a patch.
        special: it belongs to the frame around what people write, such as the token that begins every text.
    """

    position: int
    kind: str
    text: str = ""
    special: bool = False


@dataclass(frozen=True, eq=False)
class Heard:
    """What an SAE reads at every token of a prompt, and of the answer that followed.

    Attributes:
        prompt: with the generated tokens behind it.
        tokens: of the whole, in the order in which they are shown.
        offsets: where each token's entries begin, and at the end how many there are.
        latents, acts: of each entry, the most active of a token first.
        explained: explained variance at image tokens and at all others, 1 is perfect; None where it is not defined.
        l0: active latents a token, likewise.
        n_generated: how many tokens of it were generated.
    """

    prompt: Prompt
    tokens: tuple[Token, ...]
    offsets: Int[Tensor, " token+1"]
    latents: Int[Tensor, " active"]
    acts: Float[Tensor, " active"]
    explained: dict[str, float | None]
    l0: dict[str, float]
    n_generated: int = 0

    def at(self, token: int) -> tuple[Int[Tensor, " active"], Float[Tensor, " active"]]:
        """Latents that are active at a token as shown, and how much, the most active first."""
        here = slice(int(self.offsets[token]), int(self.offsets[token + 1]))
        return self.latents[here], self.acts[here]

    def heat(self, latent: int) -> Float[Tensor, " token"]:
        """Activation of a latent at every token as shown; 0 where it is not active."""
        found = self.latents == latent
        token = torch.repeat_interleave(torch.arange(len(self.tokens)), self.offsets.diff())
        return torch.zeros(len(self.tokens)).index_add(0, token[found], self.acts[found])

    @property
    def n_bytes(self) -> int:
        return sum(tensor.nbytes for tensor in (self.offsets, self.latents, self.acts))


@dataclass(frozen=True, eq=False)
class Talk:
    """What a visitor talks with a model about.

    Attributes:
        plan: prompt and SAE, with the commit that was resolved.
        pixels: exactly what the model sees.
        unknown: words of the prompt that the model has no token for.
        heard: of the prompt alone, before anything is answered.
    """

    model_id: str
    revision: str | None
    picture: Picture
    plan: Plan
    loaded: Loaded
    model: HookedVLM
    prompt: Prompt
    pixels: UInt8[np.ndarray, "height width 3"]
    unknown: tuple[str, ...]
    heard: Heard

    @property
    def grid(self) -> tuple[int, int]:
        assert self.prompt.grid is not None, "a talk is about a picture"
        return self.prompt.grid

    @property
    def n_patches(self) -> int:
        return self.grid[0] * self.grid[1]

    @cached_property
    def typical(self) -> Float[Tensor, " latent"]:
        """The mean activation of every latent where it is active: measured on text before, or else here alone."""
        facts = self.loaded.facts
        if facts is None or not facts.measured:
            return own_typical(self.heard, self.loaded.config.d_sae)
        return facts.typical

    @property
    def n_bytes(self) -> int:
        """Weight in memory: its own, and a part of the weights that it holds on to, which others may share."""
        held = self.loaded.n_bytes + sum(p.nbytes for p in self.model.parameters())
        given = 0 if self.prompt.pixels is None else self.prompt.pixels.nbytes
        return self.pixels.nbytes + given + self.heard.n_bytes + self.typical.nbytes + held // SHARED


def analyse(model: HookedVLM, loaded: Loaded, picture: Picture, model_id: str, plan: Plan) -> Talk:
    """Ask `model` about `picture`, and encode what the SAE reads of the prompt.

    Raises:
        ValueError: one sentence, for a model that sees no pictures, an SAE that does not fit it, or too long a prompt.
    """
    check_fit(model, loaded)
    assert picture.image is not None, "a picture that is to be talked about holds its image"
    prompt = model.prompt(plan.prompt, picture.image)
    if len(prompt) > min(MAX_TOKENS, model.config.n_context - 8):
        raise ValueError(
            f"picture and prompt make {len(prompt):,} tokens, too many for {model.name}; ask a shorter one"
        )
    return Talk(
        model_id=model_id,
        revision=model.revision,
        picture=replace(picture, image=None),
        plan=replace(plan, sae=loaded.id, revision=loaded.revision),
        loaded=loaded,
        model=model,
        prompt=prompt,
        pixels=np.asarray(prompt.pictures[0].convert("RGB")),
        unknown=unknown_words(model.tokenizer, plan.prompt),
        heard=hear(model, loaded, prompt),
    )


def check_fit(model: HookedVLM, loaded: Loaded) -> None:
    """Refuse a model that sees nothing, and an SAE that is not for it.

    Raises:
        ValueError: one sentence.
    """
    config = loaded.config
    if model.config.grid is None:
        raise ValueError(f"{model.name} reads text alone; this page talks about pictures")
    if config.is_transcoder:
        raise ValueError(f"{loaded.id} is a transcoder; this page steers with autoencoders of the residual stream")
    point = model.hook_points.get(config.hook_name)
    if point is None or point.axes != ("batch", "token", "d_model"):
        raise ValueError(f"{loaded.id} reads {config.hook_name}, which {model.name} does not have")
    if config.d_in != model.config.d_model:
        raise ValueError(
            f"{loaded.id} reads vectors of width {config.d_in}; those of {model.name} have {model.config.d_model}"
        )


@torch.no_grad()
def hear(model: HookedVLM, loaded: Loaded, prompt: Prompt, said: Sequence[Step] = ()) -> Heard:
    """What the SAE reads at every token of a prompt, and of an answer that was generated from it."""
    if said:
        prompt = prompt.extended([step.token for step in said], [step.text.strip() for step in said])
    x = resid_of(model, loaded, prompt)
    tokens = tokens_of(model, prompt)
    x = x[[token.position for token in tokens]]
    sae = loaded.sae
    acts = sae.encode(x)
    active = acts > 0
    counts = active.sum(-1)
    order = acts.argsort(dim=-1, descending=True)[:, : int(counts.max())]
    listed = torch.arange(order.shape[1])[None] < counts[:, None]
    recon = sae.decode(acts, x)
    rows = {
        "image": [i for i, token in enumerate(tokens) if token.kind == "image"],
        "text": [i for i, token in enumerate(tokens) if token.kind != "image" and not token.special],
    }
    return Heard(
        prompt=prompt,
        tokens=tokens,
        offsets=torch.cat([counts.new_zeros(1), counts.cumsum(0)]),
        latents=order[listed],
        acts=acts.gather(1, order)[listed],
        explained={part: _explained(x[at], recon[at]) for part, at in rows.items()},
        l0={part: float(counts[at].float().mean()) if at else 0.0 for part, at in rows.items()},
        n_generated=len(said),
    )


def resid_of(model: HookedVLM, loaded: Loaded, prompt: Prompt) -> Float[Tensor, "token d_model"]:
    """What the SAE reads of the first row, float32, on the CPU."""
    name = loaded.config.hook_name
    _, cache = model.run_with_cache(prompt, [name], stop_at_layer=_after(name, model.config.n_layers))
    return cache[name][0].float().cpu()


def _after(hook_name: str, n_layers: int) -> int:
    """The layer that need not run any more."""
    part = hook_name.split(".")
    return min(n_layers, int(part[1]) + 1) if part[0] == "blocks" else 0 if hook_name == "hook_embed" else n_layers


def tokens_of(model: HookedVLM, prompt: Prompt) -> tuple[Token, ...]:
    """The tokens in the order in which they are shown: patches, then all others."""
    patches = prompt.patch_positions().flatten().tolist()
    special, ids = set(model.tokenizer.all_special_ids), prompt.ids[0].tolist()
    rest = [i for i in range(len(prompt)) if i not in set(patches)]
    found = [Token(i, "image") for i in patches]
    return (*found, *(Token(i, prompt.kinds[i], prompt.tokens[i].strip(), ids[i] in special) for i in rest))


def unknown_words(tokenizer: Any, text: str) -> tuple[str, ...]:
    """Words of a text that a tokenizer has no token for, each once; none where it spells every word."""
    unknown = tokenizer.unk_token_id
    if unknown is None:
        return ()
    words = dict.fromkeys(word.strip(".,;:!?\"'()") or word for word in text.split())
    return tuple(word for word in words if unknown in tokenizer(word, add_special_tokens=False)["input_ids"])


def own_typical(heard: Heard, d_sae: int) -> Float[Tensor, " latent"]:
    """The mean activation of every latent where it is active in one prompt; 0 where it is not."""
    total = torch.zeros(d_sae).index_add(0, heard.latents, heard.acts)
    return total / heard.latents.bincount(minlength=d_sae).clamp(min=1)


def _explained(x: Float[Tensor, "token d"], recon: Float[Tensor, "token d"]) -> float | None:
    try:
        return float(explained_variance(x, recon)) if len(x) > 1 else None
    except ValueError:  # constant over tokens
        return None
