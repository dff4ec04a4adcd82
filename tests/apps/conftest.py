"""What the tests of the apps share: the model that ships, one thread, and a desk of their own."""

from __future__ import annotations

import pytest
import torch

from apps.common import pictures
from apps.common.blobs import Shelf
from apps.common.runtime import Models
from apps.dogit_lens.analysis import LensResult
from apps.dogit_lens.handlers import LensDesk

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def desk() -> LensDesk:
    """A desk with its own models and shelf."""
    return LensDesk(Models(), Shelf())


@pytest.fixture(scope="session")
def result(desk: LensDesk) -> LensResult:
    """The lens of the first example through the model that ships."""
    return desk.run(pictures.example(pictures.example_names()[0]), "emoji-vit")
