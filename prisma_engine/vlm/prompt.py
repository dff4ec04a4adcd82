"""Prompts: text and a picture as the tokens that a model reads, and which token is what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor

from prisma_engine.images import ImageSource, open_image
from prisma_engine.vlm.places import Kind

Messages = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Prompt:
    """What a model is asked, and perhaps the beginning of its answer.

    Attributes:
        ids: of the tokens.
        kinds: "image", "prompt" or "generated", token by token; the rows of a batch have the same.
        tokens: what each token of the first row stands for, as text.
        pixels: input of the vision tower, or None.
        grid: rows and columns of the image tokens, or None.
        text: as the tokenizer read it, before the image token was expanded.
        pictures: exactly the pixels that the vision tower sees, one picture a row; none without an image.
    """

    ids: Int[Tensor, "batch token"]
    kinds: tuple[Kind, ...]
    tokens: tuple[str, ...]
    pixels: Float[Tensor, "batch channel height width"] | None = None
    grid: tuple[int, int] | None = None
    text: str = ""
    pictures: tuple[Image.Image, ...] = ()

    def __len__(self) -> int:
        """How many tokens there are."""
        return self.ids.shape[1]

    @property
    def n_rows(self) -> int:
        return self.ids.shape[0]

    def positions(self, kind: Kind) -> tuple[int, ...]:
        """Where the tokens of a kind are, in order."""
        return tuple(i for i, each in enumerate(self.kinds) if each == kind)

    def cell(self, position: int) -> tuple[int, int] | None:
        """Row and column in the picture of the token at a position; None for a token that came from no patch."""
        if self.grid is None or self.kinds[position] != "image":
            return None
        patch = self.positions("image").index(position) - self._before_patches()
        return divmod(patch, self.grid[1]) if patch >= 0 else None

    def patch_positions(self) -> Int[Tensor, "row column"]:
        """Where in the sequence the token of each patch is.

        Raises:
            ValueError: for a prompt without an image.
        """
        if self.grid is None:
            raise ValueError("this prompt has no image, so it has no patches")
        return torch.tensor(self.positions("image")[self._before_patches() :]).view(self.grid)

    def _before_patches(self) -> int:
        """Image tokens that are no patches: the CLS token, where a model reads it too."""
        assert self.grid is not None
        return len(self.positions("image")) - self.grid[0] * self.grid[1]

    def repeat(self, n: int) -> Prompt:
        """The same prompt as `n` rows of a batch, for an edit for each row (`places.by_row`)."""
        pixels = None if self.pixels is None else self.pixels.repeat_interleave(n, 0)
        pictures = tuple(picture for picture in self.pictures for _ in range(n))
        return replace(self, ids=self.ids.repeat_interleave(n, 0), pixels=pixels, pictures=pictures)

    def extended(self, ids: Int[Tensor, "batch token"] | Sequence[int], tokens: Sequence[str] = ()) -> Prompt:
        """With generated tokens behind it.

        Args:
            tokens: their text.
        """
        more = torch.as_tensor(ids, dtype=self.ids.dtype, device=self.ids.device)
        more = more.expand(self.n_rows, -1) if more.ndim == 1 else more
        generated: tuple[Kind, ...] = ("generated",)
        words = tuple(tokens) or ("",) * more.shape[1]
        return replace(
            self,
            ids=torch.cat([self.ids, more], 1),
            kinds=self.kinds + generated * more.shape[1],
            tokens=(*self.tokens, *words),
        )

    def to(self, device: torch.device | str) -> Prompt:
        pixels = None if self.pixels is None else self.pixels.to(device)
        return replace(self, ids=self.ids.to(device), pixels=pixels)


def batch(prompts: Sequence[Prompt]) -> Prompt:
    """Prompts as the rows of one; all must have the same kinds of tokens at the same places.

    Raises:
        ValueError: if there are none, or they differ.
    """
    if not prompts:
        raise ValueError("a batch needs at least one prompt")
    first = prompts[0]
    if any(prompt.kinds != first.kinds or prompt.grid != first.grid for prompt in prompts):
        lengths = sorted({len(prompt) for prompt in prompts})
        raise ValueError(
            f"prompts of one batch have the same kinds of tokens at the same places; these have lengths {lengths}"
        )
    pixels = [prompt.pixels for prompt in prompts if prompt.pixels is not None]
    return replace(
        first,
        ids=torch.cat([prompt.ids for prompt in prompts]),
        pixels=torch.cat(pixels) if pixels else None,
        pictures=tuple(picture for prompt in prompts for picture in prompt.pictures),
    )


class Prompter:
    """Builds prompts with a model's own processor, or for a model of text alone with its tokenizer.

    Args:
        processor: of transformers; a tokenizer for a model that sees no images.
        image_token: id of the token that stands for a patch, or None.
        grid: rows and columns of patches.
    """

    def __init__(self, processor: Any, image_token: int | None, grid: tuple[int, int] | None) -> None:
        self.processor, self.image_token, self.grid = processor, image_token, grid
        self.tokenizer: Any = getattr(processor, "tokenizer", processor)
        if image_token is not None:
            word = processor.image_token
            if self.tokenizer.convert_tokens_to_ids(word) != image_token:
                raise ValueError(
                    f"the tokenizer has another id for {word!r} than {image_token}, which the model expects"
                )

    def __call__(self, text: str | Messages, image: ImageSource | None = None, raw: bool = False) -> Prompt:
        """See `HookedVLM.prompt`."""
        if image is not None and self.image_token is None:
            raise ValueError("this model reads text alone, so it takes no image")
        picture = None if image is None else open_image(image)
        full = self._templated(text, picture is not None, raw)
        self._check_images(full, picture is not None)
        return self._tokenized(full, picture)

    def _templated(self, text: str | Messages, has_image: bool, raw: bool) -> str:
        if isinstance(text, str):
            if raw:
                return text
            if not text.strip():
                raise ValueError("the prompt is empty; write a question or an instruction")
            structured = self.image_token is not None and self.processor.chat_template is not None
            content: Any = [{"type": "image"}] * has_image + [{"type": "text", "text": text}]
            plain = f"{self.processor.image_token}\n{text}" if has_image else text
            if not structured and self.tokenizer.chat_template is None:
                return plain
            # a tokenizer's own template knows plain text alone
            text = [{"role": "user", "content": content if structured else plain}]
        speaks = self.processor if getattr(self.processor, "chat_template", None) is not None else self.tokenizer
        try:
            return speaks.apply_chat_template(list(text), tokenize=False, add_generation_prompt=True)
        except Exception as error:  # whatever a template raises: they are programs of their own
            raise ValueError(f"the chat template does not take these messages: {_one_line(error)}") from error

    def _check_images(self, text: str, has_image: bool) -> None:
        if self.image_token is None:
            return
        found = text.count(self.processor.image_token)
        if found != has_image:
            raise ValueError(
                f"the prompt has {found} image tokens ({self.processor.image_token}) and {int(has_image)} images; "
                "one image needs exactly one"
            )

    def _tokenized(self, text: str, picture: Image.Image | None) -> Prompt:
        bos = self.tokenizer.bos_token
        given = {"add_special_tokens": False} if bos and text.startswith(bos) else {}
        if self.image_token is None:
            encoded = self.tokenizer([text], return_tensors="pt", **given)
        else:
            images = {} if picture is None else {"images": [picture]}
            encoded = self.processor(text=[text], return_tensors="pt", **images, **given)
        ids, pixels = encoded["input_ids"], encoded.get("pixel_values")
        if ids.shape[1] == 0:
            raise ValueError("the prompt is empty; write a question or an instruction")
        kinds: tuple[Kind, ...] = tuple("image" if i == self.image_token else "prompt" for i in ids[0].tolist())
        return Prompt(
            ids=ids,
            kinds=kinds,
            tokens=tuple(self.tokenizer.decode([i]) for i in ids[0].tolist()),
            pixels=pixels,
            grid=None if pixels is None else self.grid,
            text=text,
            pictures=() if pixels is None else tuple(self._seen(each) for each in pixels),
        )

    def _seen(self, pixels: Float[Tensor, "channel height width"]) -> Image.Image:
        """The picture whose normalised pixels these are."""
        settings = self.processor.image_processor
        x = pixels.float()
        if settings.do_normalize:
            mean, std = (torch.tensor(each).view(-1, 1, 1) for each in (settings.image_mean, settings.image_std))
            x = x * std + mean
        levels = x / settings.rescale_factor if settings.do_rescale else x
        return Image.fromarray(levels.round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy())


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
