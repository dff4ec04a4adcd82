"""HookedVLM: a vision-language model of transformers, untouched, whose intermediates have names and can be edited."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from prisma_engine.hooks import Edit, HookPoint
from prisma_engine.images import ImageSource
from prisma_engine.running import Edits, Hooked
from prisma_engine.vit import HookedViT
from prisma_engine.vlm import generate as generation
from prisma_engine.vlm.attending import implementation
from prisma_engine.vlm.config import DecoderConfig
from prisma_engine.vlm.decoder import ABSENT, BlockPoints, NormPoints, Stopped, open_doors, point_of_tokens, stop_before
from prisma_engine.vlm.generate import Answer, Sampling, Step
from prisma_engine.vlm.places import Places, passing
from prisma_engine.vlm.prompt import Messages, Prompt, Prompter, batch
from prisma_engine.vlm.sight import Sight


class HookedVLM(Hooked):
    """A `LlavaForConditionalGeneration`, or the language model of one alone, with named, editable intermediates.

    Outside of runs its logits are those of the model that it wraps, bit for bit. Hook points are the decoder's
    (`blocks.2.hook_resid_post`) and, below `vision.`, those of the vision tower that lie before what is read of it. An
    edit at a vision hook point makes the tower's converted twin run in its place.

    Args:
        model: of transformers; hooks are registered on its modules, which change nothing outside of runs.
        processor: its processor; of a model of text alone, its tokenizer.

    Attributes:
        config: the decoder's shape.
        vision: the vision tower as a `HookedViT`, or None.
        name, revision: where its weights came from, for links and SAEs.
    """

    config: DecoderConfig
    absent = ABSENT

    def __init__(self, model: Any, processor: Any, name: str = "this model", revision: str | None = None) -> None:
        super().__init__()
        self.name, self.revision = name, revision
        self.model = model
        sees = hasattr(model.config, "vision_config")
        self.sight = Sight(model) if sees else None
        self.vision: HookedViT | None = None if self.sight is None else self.sight.tower
        grid = None if self.vision is None else self.vision.grid
        self.config = DecoderConfig.read(model.config.get_text_config(), grid)
        self._name_attention(sees)
        self.hook_embed = point_of_tokens("batch token d_model")
        self.blocks = nn.ModuleList(BlockPoints() for _ in range(self.config.n_layers))
        self.ln_final = NormPoints()
        open_doors(self.decoder, self.config, self.blocks, self.hook_embed, self.ln_final)
        self.prompter = Prompter(processor, model.config.image_token_id if sees else None, grid)
        self.tokenizer = self.prompter.tokenizer
        self.end_tokens = _end_tokens(model, self.tokenizer)
        self._name_hook_points()
        self.eval().requires_grad_(False)

    def _name_attention(self, sees: bool) -> None:
        name = implementation(self.decoder.config._attn_implementation)
        self.model.set_attn_implementation({"text_config": name} if sees else name)

    def _name_hook_points(self) -> None:
        super()._name_hook_points()
        reached = frozenset() if self.sight is None else self.sight.reached
        self._hook_points = {
            name: point for name, point in self._hook_points.items() if point.n_prefix is None or point in reached
        }

    @property
    def decoder(self) -> Any:
        """transformers' own decoder: its embedding, layers and final norm."""
        return self.model.model if self.sight is None else self.model.model.language_model

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device

    def prompt(self, text: str | Messages, image: ImageSource | None = None, raw: bool = False) -> Prompt:
        """What the model is asked, as tokens.

        Args:
            text: an instruction, put into the chat template, behind the image where there is one; or messages as
                transformers' chat templates take them, whose image is `{"type": "image"}`.
            image: anything that `open_image` takes.
            raw: take the text as it is, without the template; it then holds the image token itself.

        Raises:
            ValueError: for an empty prompt, an image without its token or the reverse, or messages that the template
                does not take.
            ImageRefused: if the picture cannot be opened.
        """
        return self.prompter(text, image, raw)

    def prompts(self, texts: Sequence[str | Messages], images: Sequence[ImageSource | None] | None = None) -> Prompt:
        """Several prompts as the rows of one; see `prompt.batch` for what they must have in common."""
        pictures = [None] * len(texts) if images is None else list(images)
        return batch([self.prompt(text, image) for text, image in zip(texts, pictures, strict=True)])

    def forward(self, prompt: Prompt, stop_at_layer: int | None = None) -> Float[Tensor, "batch token vocabulary"]:
        """Logits after every token; with `stop_at_layer`, the residual stream entering that layer instead."""
        prompt = prompt.to(self.device)
        token = stop_before.set(None if stop_at_layer is None else self._layer(stop_at_layer))
        try:
            return self._pass(prompt.ids, prompt.pixels, Places(prompt.kinds))
        except Stopped as stopped:
            return stopped.resid
        finally:
            stop_before.reset(token)

    def _layer(self, index: int) -> nn.Module:
        layers = [*self.decoder.layers, self.decoder.norm]
        if not 0 <= index < len(layers):
            raise ValueError(f"{self.name} has layers 0 to {self.config.n_layers - 1}, got stop_at_layer={index}")
        return layers[index]

    def _pass(
        self, ids: Tensor, pixels: Tensor | None, places: Places, past: Any = None, n_logits: int = 0
    ) -> Float[Tensor, "batch token vocabulary"]:
        """One pass of the untouched model; `n_logits` of 0 means those of all tokens."""
        if self.sight is None:
            given = {"inputs_embeds": self.decoder.embed_tokens(ids)}
        else:
            given = {"input_ids": ids} | ({} if pixels is None else self.sight.inputs(pixels))
        with passing(places):
            return self.model(**given, past_key_values=past, use_cache=past is not None, logits_to_keep=n_logits).logits

    def next_logits(
        self, ids: Tensor, pixels: Tensor | None, places: Places, past: Any
    ) -> Float[Tensor, "batch vocabulary"]:
        """Logits of the token after these, in the run that is active; `past` grows by these tokens."""
        return self._pass(ids, pixels, places, past, n_logits=1)[:, -1]

    def new_cache(self) -> Any:
        """An empty KV cache of transformers."""
        from transformers import DynamicCache

        return DynamicCache(config=self.decoder.config)

    def planned(self, edits: Edits) -> Mapping[HookPoint, tuple[Edit, ...]]:
        """Edits by hook point, after those of the run around this one."""
        return self._planned(edits)

    def generate(
        self,
        prompt: Prompt,
        edits: Edits | None = None,
        max_new_tokens: int = 64,
        temperature: float = 0.0,
        seed: int = 0,
        cache: bool = True,
    ) -> Iterator[Step]:
        """The answer, one token after another, until its end token; whoever stops asking has stopped it.

        Args:
            edits: act in every pass; `places.at` says at which tokens.
            temperature: 0 takes the most probable token, otherwise one is drawn by `seed`.
            cache: keep keys and values; without, every token is computed from the whole sequence again. Both give
                the same for edits that treat each token on its own.

        Raises:
            KeyError: if a pattern matches no hook point.
            ValueError: for settings that are not possible, or a prompt that leaves no room for an answer.
        """
        sampling = Sampling(max_new_tokens, temperature, seed, cache)
        return generation.steps(self, prompt, edits or {}, sampling)

    def generate_batch(
        self,
        prompt: Prompt,
        edits: Edits | None = None,
        max_new_tokens: int = 64,
        temperature: float = 0.0,
        seed: int = 0,
        cache: bool = True,
    ) -> list[Answer]:
        """One answer for each row of a prompt (`prompts`, `Prompt.repeat`); an edit for each by `places.by_row`."""
        sampling = Sampling(max_new_tokens, temperature, seed, cache)
        return generation.answers(self, prompt, edits or {}, sampling)


def _end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """Tokens that end an answer: the tokenizer's, and those of the generation config that are special in it.

    A generation config made from another default may name the id of an ordinary word.
    """
    named = getattr(model.generation_config, "eos_token_id", None)
    named = [named] if isinstance(named, int) else list(named or [])
    special = set(tokenizer.all_special_ids)
    return frozenset(i for i in [tokenizer.eos_token_id, *named] if i is not None and i in special)
