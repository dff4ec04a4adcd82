"""What can be patched in a model: the sites that a sweep visits, and the chips that a visitor stacks up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from apps.common.fields import choice, index, optional
from prisma_engine import Site
from prisma_engine.cache import hook_name

if TYPE_CHECKING:
    from prisma_engine import HookedViT

Token = int | str
BY = (("layer", "head"), ("layer", "token"), ("head", "token"))
TOKENS = ("cls", "all", "patches")
MAX_CHIPS = 64
UNREADABLE = "a patch is site.layer.head.token, as in z.3.1.cls; what is asked for is not readable"


@dataclass(frozen=True)
class Kind:
    """One kind of activation that every layer has: its short hook name, what it is called and what it means."""

    id: str
    title: str
    meaning: str
    of_heads: bool = True


KINDS = (
    Kind("z", "what each head read (z)", "The mean of the values that a head has read, before it writes it out."),
    Kind("q", "queries (q)", "What a token looks for, in each head."),
    Kind("k", "keys (k)", "What a token can be found by, in each head."),
    Kind("v", "values (v)", "What a head takes over from a token that it reads."),
    Kind("pattern", "attention pattern", "How a token shares its attention out, after the softmax."),
    Kind("attn_scores", "attention scores", "The same before the softmax."),
    Kind("result", "what each head writes (result)", "What a head adds to the stream; the same patch as z."),
    Kind("attn_out", "all heads together (attn_out)", "What a layer's attention adds to the stream.", False),
    Kind("post", "neurons of the MLP (post)", "All neurons of a layer's MLP at a token.", False),
    Kind("mlp_out", "MLP (mlp_out)", "What a layer's MLP adds to the stream.", False),
    Kind("resid_pre", "stream before a layer", "All that a token knows before a layer.", False),
    Kind("resid_mid", "stream between attention and MLP", "All that a token knows in the middle of a layer.", False),
    Kind("resid_post", "stream after a layer", "All that a token knows after a layer.", False),
)
BY_ID = {kind.id: kind for kind in KINDS}


def sites_of(model: HookedViT) -> tuple[str, ...]:
    """Ids of the kinds that this model has."""
    return tuple(kind.id for kind in KINDS if _point(kind.id, 0) in model.hook_points)


def site_values(ids: Sequence[str]) -> list[dict[str, Any]]:
    """The kinds as the canvas reads them."""
    return [
        {"id": id, "title": BY_ID[id].title, "by": [list(by) for by in by_of(id)], "meaning": BY_ID[id].meaning}
        for id in ids
    ]


def by_of(id: str) -> tuple[tuple[str, str], ...]:
    """What a sweep of that kind can go by."""
    return BY if BY_ID[id].of_heads else (("layer", "token"),)


@dataclass(frozen=True)
class Extent:
    """The ranges that a chip or a sweep must lie in."""

    n_layers: int
    n_heads: int
    n_tokens: int
    prefix_names: tuple[str, ...]
    sites: tuple[str, ...]

    def token(self, value: object) -> Token:
        """A token's index, or a word for several; "cls" stays a word.

        Raises:
            ValueError: one sentence.
        """
        if isinstance(value, str):
            if value == "cls" and not self.prefix_names:
                raise ValueError("this model has no CLS token; choose all tokens, or one patch")
            return choice({"token": value}, "token", TOKENS)
        found = index({"token": value}, "token", self.n_tokens)
        return "cls" if found == 0 and self.prefix_names else found

    @property
    def first_token(self) -> Token:
        """What is patched unless somebody says otherwise."""
        return "cls" if self.prefix_names else "all"


@dataclass(frozen=True)
class Chip:
    """One patch: part of one layer's activation, the rest of which stays.

    Attributes:
        head: None for all of the layer's heads, and where the activation is not a head's.
        token: an index, or "cls", "patches" or "all".
    """

    site: str
    layer: int
    head: int | None
    token: Token

    @property
    def site_in_model(self) -> Site:
        """Where that is, for the engine."""
        token = None if self.token == "all" else self.token
        return Site(_point(self.site, self.layer), token=token, head=self.head)

    @property
    def text(self) -> str:
        """For a link: "z.3.1.cls"."""
        site = self.site.replace("_", "-")
        return ".".join(map(str, (site, self.layer, "x" if self.head is None else self.head, self.token)))

    def label(self, prefix_names: Sequence[str]) -> str:
        """For people: "L3 H1 · z at CLS"."""
        head = "" if self.head is None else f" H{self.head}"
        return f"L{self.layer}{head} · {self.site} {self.at(prefix_names)}"

    def at(self, prefix_names: Sequence[str]) -> str:
        """The token in words: "at CLS", "at patch 17"."""
        if isinstance(self.token, str):
            return {"cls": "at CLS", "all": "at all tokens", "patches": "at all patches"}[self.token]
        names = tuple(prefix_names)
        inside = self.token < len(names)
        return f"at {names[self.token]}" if inside else f"at patch {self.token - len(names)}"

    def as_dict(self, prefix_names: Sequence[str]) -> dict[str, Any]:
        """The JSON that the canvas reads."""
        return {"id": self.text, "label": self.label(prefix_names), **asdict(self)}


def read_chip(data: object, extent: Extent) -> Chip:
    """A chip from an event of the canvas.

    Raises:
        ValueError: one sentence.
    """
    if not isinstance(data, Mapping):
        raise ValueError("a patch names its site, layer, head and token")
    site = choice(data, "site", extent.sites)
    head = optional(data, "head", extent.n_heads) if BY_ID[site].of_heads else None
    token = extent.token(data.get("token"))
    return Chip(site, index(data, "layer", extent.n_layers), head, token)


def read_chips(data: object, extent: Extent) -> tuple[Chip, ...]:
    """All chips, each once.

    Raises:
        ValueError: one sentence.
    """
    if not isinstance(data, list) or len(data) > MAX_CHIPS:
        raise ValueError(f"at most {MAX_CHIPS} patches can be applied together")
    return tuple(dict.fromkeys(read_chip(item, extent) for item in data))


def chips_to_text(chips: Sequence[Chip]) -> str:
    """Chips for a link, "z.3.1.cls_z.4.2.cls"."""
    return "_".join(chip.text for chip in chips)


def chips_from_text(text: str, extent: Extent) -> tuple[Chip, ...]:
    """The chips of a link, "z.3.1.cls_z.4.2.cls".

    Raises:
        ValueError: if one of them is not a patch of this model.
    """
    return read_chips([_plain(part) for part in text.split("_")], extent)


def chip_of(site: Site, extent: Extent) -> Chip:
    """The chip that stands for a site of the engine: one layer, at most one head, one token or all patches."""
    leaf = site.point.rpartition("hook_")[2]
    token = "all" if site.token is None else "patches" if isinstance(site.token, tuple) else site.token
    assert site.layer is not None
    return Chip(leaf, site.layer, site.head if isinstance(site.head, int) else None, extent.token(token))


def pattern_of(site: str, layer: int | None) -> str:
    """The hook points of a kind, in one layer or in all of them."""
    return _point(site, 0).replace("blocks.0.", "blocks.*.") if layer is None else _point(site, layer)


def _point(id: str, layer: int) -> str:
    return hook_name(id, layer)


def _plain(text: str) -> dict[str, Any]:
    words = text.split(".")
    if len(words) != 4:
        raise ValueError(UNREADABLE)
    site, layer, head, token = words
    return {
        "site": site.replace("-", "_"),
        "layer": _number(layer),
        "head": None if head == "x" else _number(head),
        "token": token if token in TOKENS else _number(token),
    }


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 7):
        raise ValueError(UNREADABLE)
    return int(text)
