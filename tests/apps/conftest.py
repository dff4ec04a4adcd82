"""What the tests of the apps share: the model that ships, one thread, and a desk of their own."""

from __future__ import annotations

import pytest
import torch

from apps.common.blobs import Shelf
from apps.common.runtime import Models
from apps.dogit_lens import pictures
from apps.dogit_lens.analysis import LensResult
from apps.dogit_lens.handlers import Desk

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def desk() -> Desk:
    """A desk with its own models and shelf."""
    return Desk(Models(), Shelf())


@pytest.fixture(scope="session")
def result(desk: Desk) -> LensResult:
    """The lens of the first example through the model that ships."""
    return desk.run(pictures.example(pictures.example_names()[0]), "emoji-vit")
