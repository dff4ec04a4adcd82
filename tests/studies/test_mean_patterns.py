"""Mean patterns, and the file that keeps them."""

import numpy as np
import pytest
import torch

import prisma_engine as pe
from prisma_engine.studies.mean_patterns import MeanPatterns, head_of, report, study
from studies.small import samples_of, small


def test_the_mean_is_the_mean_and_survives_the_file(tmp_path):
    model = small()
    samples = samples_of(model, 3)
    result = study(model, samples, "squares", [(2, 1), (0, 0)])
    maps = [pe.attention_maps(model, s.x) for s in samples]
    for index, (layer, head) in enumerate(((2, 1), (0, 0))):
        expected = torch.stack([m.pattern(layer)[head] for m in maps]).mean(0)
        assert np.allclose(result.patterns[index], expected, atol=3e-4)
        assert not np.allclose(result.patterns[index], maps[0].pattern(layer)[head], atol=3e-3)
    result.save(tmp_path / "patterns.npz")
    read = MeanPatterns.load(tmp_path / "patterns.npz")
    assert (read.model, read.source, read.n_images, read.heads) == ("this model", "squares", 3, ((2, 1), (0, 0)))
    assert read.patterns.dtype == np.float32 and np.array_equal(read.patterns, result.patterns)
    assert report(read) == report(result) == "this model, 3 squares: the mean patterns of L2H1, L0H0"


def test_heads_are_written_as_layer_and_head():
    assert head_of("L10H1") == (10, 1)
    for text in ("10.1", "l1h0", "L1H", ""):
        with pytest.raises(ValueError, match="such as L1H0"):
            head_of(text)


def test_what_is_not_there_is_refused():
    model = small()
    for head in ((3, 0), (0, 2)):
        with pytest.raises(ValueError, match="layers 0 to 2 and heads 0 to 1, so no L"):
            study(model, samples_of(model, 1), "squares", [head])
    with pytest.raises(ValueError, match="at least one picture"):
        study(model, [], "squares", [(0, 0)])
    with pytest.raises(ValueError, match="at least one head"):
        study(model, samples_of(model, 1), "squares", [])
