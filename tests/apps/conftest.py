"""What the tests of the apps share: the model that ships, one thread, and a desk of their own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from apps.attention_tour.analysis import TourResult
from apps.attention_tour.handlers import TourDesk
from apps.cat_dog_patching.analysis import PairResult
from apps.cat_dog_patching.first import opening
from apps.cat_dog_patching.handlers import PairDesk
from apps.common import pictures
from apps.common.blobs import Shelf
from apps.common.runtime import Models
from apps.common.saes import Saes
from apps.dogit_lens.analysis import LensResult
from apps.dogit_lens.handlers import LensDesk
from apps.sae_steering.analysis import SteerResult
from apps.sae_steering.first import opening as steering_opening
from apps.sae_steering.handlers import SteerDesk
from apps.sae_steering.knowledge import Knowledge

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def desk() -> LensDesk:
    """A desk with its own models and shelf."""
    return LensDesk(Models(), Shelf())


@pytest.fixture(scope="session")
def result(desk: LensDesk) -> LensResult:
    """The lens of the first example through the model that ships."""
    return desk.run(pictures.example(pictures.example_names()[0]), "emoji-vit")


@pytest.fixture(scope="session")
def tour_desk() -> TourDesk:
    """A desk of the attention tour with its own models and shelf."""
    return TourDesk(Models(), Shelf())


@pytest.fixture(scope="session")
def tour(tour_desk: TourDesk) -> TourResult:
    """The heads of the model that ships on the first example."""
    return tour_desk.result(tour_desk.show(pictures.first(), "emoji-vit"))


@pytest.fixture(scope="session")
def pair_desk() -> PairDesk:
    """A desk of Cat–Dog Patching with its own models and shelf."""
    return PairDesk(Models(), Shelf())


@pytest.fixture(scope="session")
def pair(pair_desk: PairDesk) -> PairResult:
    """The pair that the page opens with, through the model that ships."""
    return pair_desk.result(pair_desk.show(opening(), "emoji-vit"))


@pytest.fixture(scope="session")
def steer_desk() -> SteerDesk:
    """A desk of SAE Steering with its own models, SAEs and shelf."""
    return SteerDesk(Models(), Shelf(), Saes(), Knowledge())


@pytest.fixture(scope="session")
def steered(steer_desk: SteerDesk) -> SteerResult:
    """The picture that the page opens with, through the model and the SAE that it opens with."""
    return steer_desk.result(steer_desk.show(steering_opening(), "emoji-vit"))


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random tiny CLIP, saved as transformers saves it."""
    import transformers as hf

    folder = tmp_path_factory.mktemp("models") / "tiny-clip"
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    tokens = ["!", *letters, *(f"{letter}</w>" for letter in letters)]
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = sizes | {"vocab_size": 100, "bos_token_id": 98, "eos_token_id": 99, "max_position_embeddings": 77}
    vision = sizes | {"image_size": 32, "patch_size": 8}
    config = hf.CLIPConfig(text_config=text, vision_config=vision, projection_dim=8)
    hf.CLIPModel(config).save_pretrained(folder)
    hf.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}).save_pretrained(folder)
    vocabulary = {token: index for index, token in enumerate(tokens)} | {"<|startoftext|>": 98, "<|endoftext|>": 99}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "CLIPTokenizer"}))
    return folder
