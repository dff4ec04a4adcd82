"""Profiles over many images: counted again by hand, kept in a small file, and refused when damaged."""

from __future__ import annotations

import json
import math
from itertools import islice

import pytest
import torch
from safetensors.torch import load_file, save_file

from prisma_engine.hub import LoadError
from prisma_engine.sae import files
from prisma_engine.sae import profile as command
from prisma_engine.sae.features import Profile, exemplars, heat, profile, profile_steps
from prisma_engine.sae.features.exemplars import FILE
from prisma_engine.sae.measuring.metrics import Usage
from prisma_engine.sources import scene_of, scenes
from saes import random_sae, tiny_vit, write_vit

N = 47


@pytest.fixture(autouse=True)
def no_grad():
    with torch.no_grad():
        yield


@pytest.fixture(scope="module")
def model():
    return tiny_vit()


@pytest.fixture(scope="module")
def sae():
    made = random_sae()
    with torch.no_grad():
        made.b_enc[30] = -1e6  # never active
        made.b_enc[31] = -3.2  # seldom
    return made


@pytest.fixture(scope="module")
def acts(sae, model):
    x = model.preprocess([picture for _, picture in islice(scenes(), N)])
    with torch.no_grad():
        return sae.encode(model.run_with_cache(x, sae.hook_name)[1][sae.hook_name])


@pytest.fixture(scope="module")
def found(sae, model):
    return profile(sae, model, islice(scenes(), N), f"{N} scenes")


def test_everything_is_counted(found, acts):
    usage = Usage(40, 1)
    usage.add(acts)
    torch.testing.assert_close(found.typical, usage.typical.float())
    torch.testing.assert_close(found.largest, usage.largest)
    for latent in range(40):
        active = acts[..., latent] > 0
        shares = (float(active.float().mean()), float(active.any(1).float().mean()))
        assert found.density(latent) == pytest.approx(shares, rel=1e-5)
    assert (found.n_images, found.n_tokens, found.source) == (N, N * 10, f"{N} scenes")
    assert found.density(30) == (0.0, 0.0) and float(found.typical[30]) == 0


def test_histograms_hold_every_activation_once(found, acts):
    for latent in range(40):
        values, histogram = acts[..., latent][acts[..., latent] > 0], found.histogram(latent)
        if not len(values):
            assert histogram is None
            continue
        assert sum(histogram.counts) == len(values) and histogram.counts[0] > 0 < histogram.counts[-1]
        for low, high, count in zip(histogram.edges, histogram.edges[1:], histogram.counts, strict=False):
            assert high / low == pytest.approx(2 ** (1 / 3))
            near = int(((values >= low * (1 - 1e-5)) & (values < high * (1 + 1e-5))).sum())
            sure = int(((values >= low * (1 + 1e-5)) & (values < high * (1 - 1e-5))).sum())
            assert sure <= count <= near


def test_exemplars_come_from_every_tenth_of_the_maxima(found, acts, sae, model):
    whole = 0
    for latent in range(40):
        maxima = acts[..., latent].amax(1)
        ranked = maxima[maxima > 0].sort().values
        shown = found.exemplars(latent)
        assert len(shown) == min(10, len(ranked))
        if len(ranked) < 10:
            continue
        whole += 1
        assert [each.decile for each in shown] == list(range(10, 0, -1))
        assert shown[0].maximum == pytest.approx(float(ranked[-1]))
        for each in shown:
            low, high = math.floor((each.decile - 1) * len(ranked) / 10), math.floor(each.decile * len(ranked) / 10)
            assert float(ranked[low]) <= each.maximum <= float(ranked[high - 1])
            assert float(maxima[int(each.reference.split(":")[1])]) == each.maximum
    assert whole > 20 and found.exemplars(30) == ()
    best = found.exemplars(3)[0]
    again = heat(sae, model, model.preprocess(scene_of(best.reference).image), 3)
    assert float(again.max()) == pytest.approx(best.maximum, rel=1e-4)


def test_the_same_in_batches_of_any_size_and_until_stopped(sae, model, found, monkeypatch):
    monkeypatch.setattr("prisma_engine.sae.features.profiling.TOKENS_AT_ONCE", 50)
    again = profile(sae, model, islice(scenes(), N), f"{N} scenes")
    assert torch.equal(again.example, found.example) and torch.equal(again.counts, found.counts)
    steps = profile_steps(sae, model, scenes(), "scenes", stop=iter([False, False, True]).__next__)
    *counts, last = steps
    assert counts == [5, 10] and isinstance(last, Profile) and last.n_images == 10
    with pytest.raises(ValueError, match="there is no image to look at"):
        profile(sae, model, [("a", b"no picture")], "nothing")


def test_only_the_saes_own_tokens_count(model, acts):
    patches = profile(random_sae(tokens="patches"), model, islice(scenes(), 5), "5 scenes")
    assert patches.n_tokens == 45
    assert patches.density(3)[0] == pytest.approx(float((acts[:5, 1:, 3] > 0).float().mean()))


# ------------------------------------------------------------------ the file


def test_what_is_saved_is_read(found, tmp_path):
    files.save(random_sae(), tmp_path)
    assert exemplars(tmp_path) is None
    found.save(tmp_path)
    again = exemplars(tmp_path)
    assert again.source == found.source and again.references == found.references and again.n_tokens == found.n_tokens
    for latent in range(40):
        assert again.histogram(latent) == found.histogram(latent) and again.density(latent) == found.density(latent)
        shown, expected = again.exemplars(latent), found.exemplars(latent)
        assert [(e.decile, e.reference) for e in shown] == [(e.decile, e.reference) for e in expected]
        assert [e.maximum for e in shown] == pytest.approx([e.maximum for e in expected], rel=1e-3)


def test_pictures_of_any_name_are_kept(sae, model, tmp_path):
    pictures = [(f"folder/{i} ü.png", picture) for i, (_, picture) in enumerate(islice(scenes(), 4))]
    files.save(sae, tmp_path)
    profile(sae, model, pictures, "a folder").save(tmp_path)
    assert {each.reference for each in exemplars(tmp_path).exemplars(3)} <= {name for name, _ in pictures}


@pytest.mark.parametrize("harm", ["short", "too far", "no notes", "no tensor", "no file"])
def test_damaged_files_are_refused(found, tmp_path, harm):
    files.save(random_sae(), tmp_path)
    path = found.save(tmp_path)
    tensors = load_file(path)
    notes = {"source": "x", "n_tokens": "470", "references": json.dumps({"scenes": N})}
    if harm == "short":
        tensors["typical"] = tensors["typical"][:-1]
    elif harm == "too far":
        tensors["example"][0, 0] = N
    elif harm == "no notes":
        notes.pop("references")
    elif harm == "no tensor":
        tensors.pop("first")
    save_file(tensors, path, notes)
    if harm == "no file":
        path.write_bytes(b"nothing")
    with pytest.raises(LoadError, match=f"{FILE} of .* is damaged"):
        exemplars(tmp_path)


def test_the_command_writes_it(tmp_path, monkeypatch, capsys, model):
    monkeypatch.setenv("PRISMA_MODELS", str(tmp_path))
    write_vit(tmp_path / "tiny", model)
    files.save(random_sae(), tmp_path / "an-sae")
    monkeypatch.setattr("sys.argv", ["profile", str(tmp_path / "an-sae"), "--n", "12"])
    command.main()
    assert "latents active in 12 emoji scenes" in capsys.readouterr().out
    assert exemplars(tmp_path / "an-sae").n_images == 12
    files.save(random_sae(), tmp_path / "another")
    alone = exemplars(tmp_path / "an-sae")
    command.write_profiles([tmp_path / "another", tmp_path / "an-sae"], n=12)
    for name in ("another", "an-sae"):
        assert torch.equal(exemplars(tmp_path / name).example, alone.example)
    files.save(random_sae(model="someone-else"), tmp_path / "third")
    with pytest.raises(ValueError, match="if they are of one model, got 2 models"):
        command.write_profiles([tmp_path / "another", tmp_path / "third"])
    monkeypatch.setattr("sys.argv", ["profile", str(tmp_path / "an-sae"), "--images", "./nowhere"])
    with pytest.raises(SystemExit):
        command.main()
    assert "neither 'emoji-scenes', nor a folder here" in capsys.readouterr().err


@pytest.mark.parametrize("name", files.shipped())
def test_shipped_saes_have_one(name):
    shipped, config = exemplars(name), files.load(name).config
    assert shipped is not None and len(shipped.images) == config.d_sae and shipped.n_images >= 2000
    assert (files.find(name) / FILE).stat().st_size <= 300_000
    assert all(reference == f"scene:{i}" for i, reference in enumerate(shipped.references))


@pytest.mark.parametrize("name", [name for name in files.shipped() if name.startswith("emoji-vit-sae/")])
def test_shipped_exemplars_are_what_is_seen(name):
    """The strongest image of a few latents, drawn again from its seed."""
    import prisma_engine as pe

    sae, model, known = files.load(name), pe.load("emoji-vit"), exemplars(name)
    often = known.images.argsort(descending=True)[:3].tolist()
    for latent in often:
        best = known.exemplars(latent)[0]
        seen = heat(sae, model, model.preprocess(scene_of(best.reference).image), latent)
        assert float(seen.max()) == pytest.approx(best.maximum, rel=0.01)
        other = known.exemplars(latent)[-1]
        assert other.maximum < best.maximum
