"""How a transformers model is read: its config attribute by attribute, its modules type by type, its positions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from prisma_engine.config import Activation, ViTConfig
from prisma_engine.convert.table import NotUnderstood, Source, Table

Size = tuple[int, int]

ACTIVATIONS: dict[str, Activation] = {
    "gelu": "gelu",
    "gelu_fast": "gelu_fast",
    "gelu_pytorch_tanh": "gelu_tanh",
    "quick_gelu": "quick_gelu",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
}

READ = """image_size num_hidden_layers num_attention_heads hidden_size head_dim num_channels qkv_bias layer_norm_eps
    hidden_act"""
BOOKKEEPING = """transformers_version architectures model_type torch_dtype dtype id2label label2id num_labels
    problem_type output_hidden_states output_attentions return_dict auto_map finetuning_task"""
TRAINING = """hidden_dropout_prob attention_probs_dropout_prob attention_dropout dropout drop_path_rate
    initializer_range initializer_factor layerscale_value logit_scale_init_value gradient_checkpointing
    encoder_stride use_mask_token"""
# Before version 5, transformers wrote these into every config; no vision model reads them.
LEGACY = """add_cross_attention bad_words_ids begin_suppress_tokens bos_token_id chunk_size_feed_forward
    cross_attention_hidden_size decoder_start_token_id diversity_penalty do_sample early_stopping
    encoder_no_repeat_ngram_size eos_token_id exponential_decay_length_penalty forced_bos_token_id forced_eos_token_id
    is_decoder is_encoder_decoder length_penalty max_length min_length no_repeat_ngram_size num_beam_groups num_beams
    num_return_sequences output_scores pad_token_id prefix pruned_heads remove_invalid_values repetition_penalty
    return_dict_in_generate sep_token_id suppress_tokens task_specific_params temperature tf_legacy_loss
    tie_encoder_decoder tie_word_embeddings tokenizer_class top_k top_p torchscript typical_p use_bfloat16"""
# What a backbone hands to a detector, and the pooler that no classifier reads.
ELSEWHERE = "apply_layernorm reshape_hidden_states stage_names out_features out_indices pooler_output_size pooler_act"

SHAPE = frozenset(READ.split())
"""Config attributes that `shape` and `activation` read."""
HARMLESS = frozenset(f"{BOOKKEEPING} {TRAINING} {LEGACY} {ELSEWHERE}".split())


@dataclass(frozen=True)
class Recipe:
    """All that a conversion needs: the shape, the table, and which source keys take no part."""

    config: ViTConfig
    table: Table
    state: Mapping[str, Tensor]
    ignore: tuple[str, ...] = ()


def check_config(config: Any, read: Collection[str]) -> None:
    """Refuse a config with an attribute that is neither read nor known to leave the arithmetic alone.

    Raises:
        NotUnderstood: naming the attributes.
    """
    if config.is_heterogeneous:
        raise NotUnderstood("a config that differs from layer to layer (per_layer_config) is not understood")
    unknown = [name for name in vars(config) if not name.startswith("_") and name not in HARMLESS and name not in read]
    if unknown:
        raise NotUnderstood(f"{type(config).__name__} sets {', '.join(sorted(unknown))}, which is not understood")


def check_modules(module: nn.Module) -> None:
    """Refuse a model in which a part was exchanged: all parts are its own file's, or plain torch.

    Raises:
        NotUnderstood: naming the part and its type.
    """
    from transformers.activations import ACT2FN

    own = (type(module).__module__, "transformers.activations")
    for name, part in module.named_modules():
        home = type(part).__module__
        if home not in own and not home.startswith("torch.nn.modules."):
            raise NotUnderstood(f"{name} is a {type(part).__name__} from {home}, which is not understood here")
        if hasattr(part, "activation_fn") and type(part.activation_fn) is not type(ACT2FN[_hidden_act(part)]):
            raise NotUnderstood(
                f"{name}.activation_fn is a {type(part.activation_fn).__name__}, unlike the config says"
            )


def _hidden_act(part: Any) -> str:
    return part.config.hidden_act


def activation(config: Any) -> Activation:
    """Our name for `hidden_act`."""
    if config.hidden_act not in ACTIVATIONS:
        raise NotUnderstood(f"hidden_act={config.hidden_act!r} is not understood; known: {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[config.hidden_act]


def pair(size: Any) -> Size:
    """A size given as one number or as height and width."""
    return (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))


def shape(config: Any, image_size: Size | None) -> dict[str, Any]:
    """The fields of `ViTConfig` that every family writes alike."""
    d_model, n_heads = config.hidden_size, config.num_attention_heads
    return {
        "image_size": image_size or pair(config.image_size),
        "n_layers": config.num_hidden_layers,
        "n_heads": n_heads,
        "d_model": d_model,
        "d_head": getattr(config, "head_dim", d_model // n_heads),  # not declared, but the models read it
        "n_channels": config.num_channels,
        "qkv_bias": getattr(config, "qkv_bias", True),
        "eps": config.layer_norm_eps,
    }


def classifier(linear: nn.Module | None, d_model: int) -> dict[str, Any]:
    """Head fields for a `classifier` that is a linear map, the identity (`num_labels=0`) or absent."""
    if isinstance(linear, nn.Linear):
        return {"head": "linear", "n_classes": linear.out_features}
    return features(d_model)


def features(d_model: int) -> dict[str, Any]:
    """Head fields for a model without classifier."""
    return {"head": "identity", "n_classes": d_model}


def positions(embeddings: Any, key: str, n_tokens: int, image_size: Size) -> Source:
    """Positions for this image size, interpolated by the original itself (which leaves its own size alone).

    Raises:
        NotUnderstood: if the original cannot interpolate to this size.
    """
    return Source((key,), partial(_interpolated, embeddings, n_tokens, image_size))


@torch.no_grad()
def _interpolated(embeddings: Any, n_tokens: int, image_size: Size, weight: Tensor) -> Tensor:
    tokens = weight.new_empty((1, n_tokens, weight.shape[-1]), device="meta")  # it reads only their shape
    try:
        return embeddings.interpolate_pos_encoding(tokens, *image_size)
    except (RuntimeError, TypeError) as error:
        raise NotUnderstood(f"positions cannot be interpolated to {image_size[0]}×{image_size[1]}: {error}") from None


def without_prefix(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The same weights, keyed as in the base model."""
    return {key.removeprefix(prefix): tensor for key, tensor in state.items()}
