"""The parts of emoji-llava as transformers builds them: decoder, vision tower, and the whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from torch import Tensor

from prisma_engine.toy.llava.facts import EOS
from prisma_engine.toy.llava.recipe import Recipe
from prisma_engine.toy.llava.tokenizer import BOS, IMAGE, PAD, SPECIAL
from prisma_engine.vit import HookedViT

if TYPE_CHECKING:
    from transformers import CLIPVisionModel, LlamaForCausalLM, LlavaForConditionalGeneration

ATTENTION = "eager"
"""Explicit attention: in bfloat16 on a CPU it trains almost twice as fast as the fused kernel."""
CLIP_NAMES = {
    "ln1": "layer_norm1",
    "ln2": "layer_norm2",
    "attn.proj": "self_attn.out_proj",
    "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
}
"""The maps and norms of one of our blocks, and what CLIP calls them; q, k and v are separate there."""


def build_decoder(recipe: Recipe, n_tokens: int) -> LlamaForCausalLM:
    """The language model of so many different tokens, freshly initialised from torch's global random generator."""
    from transformers import LlamaConfig, LlamaForCausalLM

    shape, ids = recipe.decoder, SPECIAL.index
    config = LlamaConfig(
        vocab_size=n_tokens,
        hidden_size=shape.d_model,
        intermediate_size=shape.d_mlp,
        num_hidden_layers=shape.n_layers,
        num_attention_heads=shape.n_heads,
        num_key_value_heads=shape.n_heads,
        max_position_embeddings=shape.n_positions,
        tie_word_embeddings=False,
        pad_token_id=ids(PAD),
        bos_token_id=ids(BOS),
        eos_token_id=ids(EOS),
    )
    decoder = LlamaForCausalLM(config)
    decoder.set_attn_implementation(ATTENTION)
    return decoder


@torch.no_grad()
def build_tower(vit: HookedViT, images: Float[Tensor, "image channel height width"]) -> CLIPVisionModel:
    """A tower of CLIP's architecture that begins close to `vit`, with copies of its blocks.

    CLIP's patches have no bias, which goes into the positions, and CLIP has a norm before its blocks, which `vit` has
    not: it begins with the mean and deviation that the tokens of `images` have there.
    """
    from transformers import CLIPVisionConfig, CLIPVisionModel

    shape = vit.config
    tower: Any = CLIPVisionModel(
        CLIPVisionConfig(
            hidden_size=shape.d_model,
            intermediate_size=shape.d_mlp,
            num_hidden_layers=shape.n_layers,
            num_attention_heads=shape.n_heads,
            image_size=shape.image_size[0],
            patch_size=shape.patch_size[0],
            hidden_act="gelu",
            layer_norm_eps=shape.eps,
        )
    )
    tower.set_attn_implementation(ATTENTION)
    embeddings, embed = tower.embeddings, vit.embed
    assert embed.prefix_tokens is not None and embed.proj.bias is not None
    embeddings.class_embedding.copy_(embed.prefix_tokens[0, 0])
    embeddings.patch_embedding.weight.copy_(embed.proj.weight)
    embeddings.position_embedding.weight.copy_(embed.pos_embed[0])
    embeddings.position_embedding.weight[1:] += embed.proj.bias
    stream = embeddings(images)
    tower.pre_layrnorm.weight.fill_(float(stream.std(-1, correction=0).mean()))
    tower.pre_layrnorm.bias.fill_(float(stream.mean()))
    for layer, block in zip(tower.encoder.layers, vit.blocks, strict=True):
        layer.load_state_dict(_as_clip(block.state_dict()))
    tower.post_layernorm.load_state_dict(vit.ln_final.state_dict())
    return tower


def _as_clip(block: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The parameters of one of our blocks under CLIP's names."""
    found = {}
    for kind in ("weight", "bias"):
        q, k, v = block[f"attn.qkv.{kind}"].chunk(3)
        named = {"self_attn.q_proj": q, "self_attn.k_proj": k, "self_attn.v_proj": v}
        named |= {theirs: block[f"{ours}.{kind}"] for ours, theirs in CLIP_NAMES.items()}
        found |= {f"{name}.{kind}": value for name, value in named.items()}
    return found


def build_llava(recipe: Recipe, decoder: LlamaForCausalLM, tower: CLIPVisionModel) -> LlavaForConditionalGeneration:
    """Both parts, copied, with a new projector between them."""
    from transformers import LlavaConfig, LlavaForConditionalGeneration

    parts: Any = tower.config, decoder.config
    vision, text = parts
    config = LlavaConfig(
        vision_config=vision,
        text_config=text,
        image_token_index=SPECIAL.index(IMAGE),
        image_seq_length=(vision.image_size // vision.patch_size) ** 2,
        vision_feature_layer=recipe.tower.layer,
        vision_feature_select_strategy="default",
        tie_word_embeddings=False,
    )
    llava = LlavaForConditionalGeneration(config)
    llava.set_attn_implementation(ATTENTION)
    llava.model.vision_tower.load_state_dict(tower.state_dict())
    llava.model.language_model.load_state_dict(decoder.model.state_dict())
    llava.lm_head.load_state_dict(decoder.lm_head.state_dict())
    return llava
