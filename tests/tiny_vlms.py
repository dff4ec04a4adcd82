"""Tiny randomised vision-language models of transformers, with tokenizers and processors made here."""

import torch

SPECIAL = ["<pad>", "<bos>", "<eos>", "<unk>", "<image>"]
TEXT = "user : assistant what is there ? a dog and pizza in the red big park ."
WORDS = [*SPECIAL, *TEXT.split(" ")]
TEMPLATE = (
    "<bos> {% for message in messages %}{{ message['role'] }} : "
    "{% if message['content'] is string %}{{ message['content'] }} {% else %}"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}<image> {% else %}{{ part['text'] }} "
    "{% endif %}{% endfor %}{% endif %}{% endfor %}{% if add_generation_prompt %}assistant :{% endif %}"
)
SIDE, PATCH = 24, 8
GRID = (SIDE // PATCH, SIDE // PATCH)


def tokenizer():
    """Words, apart by spaces."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: i for i, word in enumerate(WORDS)}
    raw = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made = PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token="<pad>", bos_token="<bos>", eos_token="<eos>", unk_token="<unk>"
    )
    made.add_special_tokens({"additional_special_tokens": ["<image>"]})
    made.chat_template = TEMPLATE
    return made


def processor(strategy="default", extra=1):
    from transformers import CLIPImageProcessor, LlavaProcessor

    images = CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})
    return LlavaProcessor(
        images,
        tokenizer(),
        patch_size=PATCH,
        vision_feature_select_strategy=strategy,
        chat_template=TEMPLATE,
        num_additional_image_tokens=extra,
    )


def text_config(family="llama", **changes):
    import transformers

    shared = {
        "vocab_size": len(WORDS),
        "hidden_size": 24,
        "intermediate_size": 40,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 10,
        "max_position_embeddings": 128,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
    }
    if family == "gemma":  # multi-query, heads wider than the stream divides into
        shared |= {"num_key_value_heads": 1, "hidden_activation": "gelu_pytorch_tanh"}
    if family == "gemma2":  # soft-capping that bites, and a window shorter than the prompt
        shared |= {"attn_logit_softcapping": 2.0, "final_logit_softcapping": 3.0}
        shared |= {"sliding_window": 6, "query_pre_attn_scalar": 7}
    kind = {"llama": "LlamaConfig", "gemma": "GemmaConfig", "gemma2": "Gemma2Config"}[family]
    return getattr(transformers, kind)(**{**shared, **changes})


def llava(family="llama", vision_feature_layer=-2, strategy="default", seed=0):
    """A `LlavaForConditionalGeneration` with every parameter randomised."""
    from transformers import CLIPVisionConfig, LlavaConfig, LlavaForConditionalGeneration

    vision = CLIPVisionConfig(
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        image_size=SIDE,
        patch_size=PATCH,
        projection_dim=8,
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=text_config(family),
        image_token_index=WORDS.index("<image>"),
        vision_feature_layer=vision_feature_layer,
        vision_feature_select_strategy=strategy,
        image_seq_length=GRID[0] * GRID[1],
    )
    return randomised(LlavaForConditionalGeneration(config), seed)


def language_model(family="llama", seed=0):
    """The decoder alone, with its head."""
    import transformers

    kind = {"llama": "LlamaForCausalLM", "gemma": "GemmaForCausalLM", "gemma2": "Gemma2ForCausalLM"}[family]
    return randomised(getattr(transformers, kind)(text_config(family)), seed)


def randomised(model, seed):
    """Every parameter drawn anew, none left at 0 or 1."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            width = parameter.shape[-1] if parameter.ndim > 1 else 4
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * width**-0.5)
    return model.eval()


def hooked(family="llama", **changes):
    """A tiny `HookedVLM` that sees images."""
    from prisma_engine.vlm import HookedVLM

    strategy = changes.get("strategy", "default")
    return HookedVLM(llava(family, **changes), processor(strategy), f"tiny-{family}")


def hooked_text(family="llama", seed=0):
    """A tiny `HookedVLM` of text alone."""
    from prisma_engine.vlm import HookedVLM

    return HookedVLM(language_model(family, seed), tokenizer(), f"tiny-{family}-text")


def picture(seed=0, size=(40, 32)):
    """Noise."""
    import numpy as np
    from PIL import Image

    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))
