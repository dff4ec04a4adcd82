"""The words of emoji-llava as tokens, the form of a conversation, and the processor that puts pictures into it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prisma_engine.toy.llava.facts import ASSISTANT, EOS, USER
from prisma_engine.toy.llava.grammar import vocabulary

if TYPE_CHECKING:
    from transformers import LlavaProcessor, PreTrainedTokenizerFast

PAD, UNK, BOS, IMAGE = "<pad>", "<unk>", "<bos>", "<image>"
SPECIAL = (PAD, UNK, BOS, EOS, USER, ASSISTANT, IMAGE)
"""Their ids are 0, 1, 2, …"""
MARKS = ".,:?!"
TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<user>' if message['role'] == 'user' else '<assistant>' }}"
    "{% if message['content'] is string %}{{ ' ' + message['content'] }}{% else %}"
    "{% for part in message['content'] if part['type'] == 'image' %}{{ ' <image>' }}{% endfor %}"
    "{% for part in message['content'] if part['type'] == 'text' %}{{ ' ' + part['text'] }}{% endfor %}"
    "{% endif %}"
    "{% if message['role'] == 'assistant' %}{{ ' <eos>' }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<assistant>' }}{% endif %}"
)
"""A conversation without <bos>, which the tokenizer puts in front; a picture precedes the words of its message."""


def build_tokenizer() -> PreTrainedTokenizerFast:
    """One token a word or mark of the grammar, small letters only; any other word is <unk>."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    ids = {token: i for i, token in enumerate((*SPECIAL, *vocabulary()))}
    tokenizer: Any = Tokenizer(models.WordLevel(ids, unk_token=UNK))
    tokenizer.normalizer = normalizers.Lowercase()
    marks = pre_tokenizers.Split(Regex(f"[{MARKS}]"), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), marks])
    tokenizer.post_processor = processors.TemplateProcessing(f"{BOS} $A", None, [(BOS, ids[BOS])])
    tokenizer.decoder = decoders.WordPiece(prefix="##", cleanup=True)  # no space before a mark
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        unk_token=UNK,
        bos_token=BOS,
        eos_token=EOS,
        additional_special_tokens=[USER, ASSISTANT, IMAGE],
        padding_side="left",
        model_max_length=512,
        clean_up_tokenization_spaces=False,
    )


def build_processor(tokenizer: PreTrainedTokenizerFast, side: int = 96, patch_size: int = 8) -> LlavaProcessor:
    """Pictures as emoji-vit sees them (shorter side to `side` px, the middle, mean and deviation of one half)."""
    from transformers import LlavaProcessor
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    half = [0.5, 0.5, 0.5]
    images = CLIPImageProcessorPil(
        size={"shortest_edge": side}, crop_size={"height": side, "width": side}, image_mean=half, image_std=half
    )
    return LlavaProcessor(
        image_processor=images,
        tokenizer=tokenizer,
        patch_size=patch_size,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=TEMPLATE,
        image_token=IMAGE,
    )
