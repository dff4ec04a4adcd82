"""What is said and what is read: columns by the engine's own generation, latents at the right tokens, kept answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image

import tiny_talks
from apps.common import pictures
from apps.common.blobs import Shelf
from apps.common.saes import Saes
from apps.vlm_steering import files
from apps.vlm_steering.analysis import Talk, hear, unknown_words
from apps.vlm_steering.answers import tolds_of
from apps.vlm_steering.contrast import contrast_value, strongest
from apps.vlm_steering.desk import VlmDesk
from apps.vlm_steering.first import opening
from apps.vlm_steering.gallery import FIRST_SEED, Galleries, Gallery, patch_acts
from apps.vlm_steering.plan import Manner, Plan
from apps.vlm_steering.talking import perplexity, spoken
from apps.vlm_steering.turn import Turn
from apps.vlm_steering.turning import edits_of
from apps.vlm_steering.vlms import Vlms
from prisma_engine.sae.features import Dial
from prisma_engine.vlm import at

MANNER = Manner(most=7)
TURN = Turn((Dial(tiny_talks.DOG, "add", -6.0), Dial(tiny_talks.PIZZA, "add", 6.0)))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VlmDesk]:
    """A desk over the tiny model and its SAE."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRISMA_MODELS", str(tiny_talks.write(tmp_path_factory.mktemp("models"))))
        yield VlmDesk(Vlms(), Shelf(), Saes(), Galleries(6))


@pytest.fixture(scope="module")
def talk(desk: VlmDesk) -> Talk:
    plan = Plan(f"emoji-llava-saes/{tiny_talks.HOOK}", "what is there ?")
    return desk.result(desk.show(opening(), "emoji-llava", variant=plan.text))


def ids(talk: Talk, edits: object, manner: Manner = MANNER) -> tuple[int, ...]:
    """By one generation alone."""
    steps = talk.model.generate(
        talk.prompt, edits=edits, max_new_tokens=manner.most, temperature=manner.temperature, seed=manner.seed
    )  # type: ignore[arg-type]
    return tuple(step.token for step in steps)


@pytest.mark.parametrize("manner", [MANNER, Manner(1.5, 4, 7)])
def test_columns_side_by_side_say_what_each_says_alone(talk: Talk, manner: Manner):
    turn = Turn(TURN.dials, control="opposite")
    edits = {
        name: edits_of(talk.loaded.sae, turn, name, talk.typical)
        for name in ("original", "reconstruction", "steered", "control")
    }
    *_, last = spoken(talk.model, talk.prompt, edits, manner, "what is there ?", pause=0.0)
    assert {name: said.ids for name, said in last.items()} == {n: ids(talk, e, manner) for n, e in edits.items()}
    assert len({said.ids for said in last.values()}) > 1, "nothing was changed, so nothing was compared"
    assert all(said.state in ("done", "cut") and said.perplexity and said.perplexity > 1 for said in last.values())


def test_each_column_is_the_edit_that_it_says(talk: Talk):
    sae, turn = talk.loaded.sae, Turn(TURN.dials, ("image", "prompt"), ("prefill",))
    name, changes = sae.hook_name, turn.changes(talk.typical)
    by_hand = {
        "original": {},
        "reconstruction": {name: at(sae.splice(), turn.where, turn.when)},
        "steered": {name: at(sae.steer(changes), turn.where, turn.when)},
    }
    for column, edits in by_hand.items():
        assert ids(talk, edits_of(sae, turn, column, talk.typical)) == ids(talk, edits), column
    assert ids(talk, edits_of(sae, Turn(), "steered", talk.typical)) == ids(talk, {})


def stream(talk: Talk, edits: object) -> torch.Tensor:
    _, cache = talk.model.run_with_cache(talk.prompt, [talk.loaded.sae.hook_name], edits=edits)  # type: ignore[arg-type]
    return cache[talk.loaded.sae.hook_name][0]


@pytest.mark.parametrize("keep_error", [True, False])
def test_controls_move_every_token_as_far(talk: Talk, keep_error: bool):
    sae, turn = talk.loaded.sae, Turn(TURN.dials, keep_error=keep_error)
    base = stream(talk, {} if keep_error else {sae.hook_name: at(sae.splice())})
    moved = {
        (column, control): stream(
            talk,
            edits_of(sae, Turn(turn.dials, keep_error=keep_error, control=control), column, talk.typical, seed=1),
        )
        - base
        for column, control in (("steered", "none"), ("control", "random"), ("control", "opposite"))
    }
    steered = moved["steered", "none"]
    assert float(steered.norm(dim=-1).min()) > 0
    torch.testing.assert_close(moved["control", "opposite"], -steered, rtol=1e-4, atol=1e-4)
    random = moved["control", "random"]
    torch.testing.assert_close(random.norm(dim=-1), steered.norm(dim=-1), rtol=1e-4, atol=1e-4)
    assert float(torch.cosine_similarity(random, steered, dim=-1).abs().max()) < 0.99


def test_what_is_heard_is_what_the_sae_encodes(talk: Talk):
    steps = tuple(talk.model.generate(talk.prompt, max_new_tokens=4))
    heard = hear(talk.model, talk.loaded, talk.prompt, steps)
    whole = talk.prompt.extended([step.token for step in steps])
    _, cache = talk.model.run_with_cache(whole, [talk.loaded.sae.hook_name])
    acts = talk.loaded.sae.encode(cache[talk.loaded.sae.hook_name][0])
    patches = talk.prompt.patch_positions().flatten().tolist()
    assert [token.position for token in heard.tokens[: len(patches)]] == patches
    assert sorted(token.position for token in heard.tokens) == list(range(len(whole)))
    for number, token in enumerate(heard.tokens):
        latents, found = heard.at(number)
        torch.testing.assert_close(found, acts[token.position][latents])
        assert len(latents) == int((acts[token.position] > 0).sum()) and found.tolist() == sorted(found, reverse=True)
    latent = int(heard.latents[0])
    expected = acts[[token.position for token in heard.tokens], latent]
    torch.testing.assert_close(heard.heat(latent), expected)
    assert heard.n_generated == len(steps) and heard.tokens[-1].kind == "generated"
    assert set(heard.explained) == {"image", "text"}


def test_attention_is_that_of_the_pass_that_chose_the_word(talk: Talk):
    steps = tuple(talk.model.generate(talk.prompt, max_new_tokens=4))
    heard = hear(talk.model, talk.loaded, talk.prompt, steps)
    found = files.attention(talk.model, heard.prompt, 1 - len(steps))  # the second word
    query = len(talk.prompt)  # the first word, after which the second was chosen
    _, cache = talk.model.run_with_cache(heard.prompt, "blocks.*.attn.hook_pattern")
    patches = talk.prompt.patch_positions().flatten()
    for layer in range(talk.model.config.n_layers):
        expected = cache[f"blocks.{layer}.attn.hook_pattern"][0, :, query, patches]
        torch.testing.assert_close(found[layer], expected)
    result = files.heard_files(talk, heard)
    size = 4 * talk.model.config.n_layers * talk.model.config.n_heads * talk.n_patches
    assert len(result.file("attention/1")) == size
    for missing in ("attention/4", "attention/x", "nothing", "attention/-1"):
        with pytest.raises(ValueError):
            result.file(missing)


def test_acts_are_packed_as_the_browser_reads_them(talk: Talk):
    data, heard = files.pack_acts(talk.heard), talk.heard
    assert len(data) == 4 * (len(heard.tokens) + 1) + 8 * len(heard.acts)
    known = json.loads(files.pack_known(talk.loaded) or b"")
    assert known["label"][tiny_talks.DOG] == "dog" and known["emoji"][tiny_talks.DOG] == "🐕"
    assert known["label"][0] is None and known["f1"][0] is None


def test_words_without_a_token_are_told(talk: Talk):
    assert unknown_words(talk.model.tokenizer, 'what is "there" , unicorn? unicorn') == (",", "unicorn")
    spelling = type("Spelling", (), {"unk_token_id": None})()
    assert unknown_words(spelling, "unicorn") == ()


def test_what_was_said_is_kept_and_said_anew_when_asked(desk: VlmDesk):
    session = desk.show(opening(), "emoji-llava")
    first = desk.said(session, TURN, MANNER)
    assert next(desk.speaking(session, TURN, MANNER)) == first
    assert set(next(desk.speaking(session, Turn(), MANNER))) == {"original", "reconstruction"}  # as much as is the same
    assert next(desk.speaking(session, TURN, MANNER, again=True)) == {}
    assert desk.said(session, TURN, MANNER) == first
    elsewhere = Turn(TURN.dials, ("image",))
    assert tolds_of("k", elsewhere, MANNER)["original"] == tolds_of("k", TURN, MANNER)["original"]
    assert tolds_of("k", elsewhere, MANNER)["reconstruction"] != tolds_of("k", TURN, MANNER)["reconstruction"]


def test_a_stop_leaves_what_was_said(desk: VlmDesk):
    session, said = desk.show(opening(), "emoji-llava"), []
    for found in desk.speaking(session, TURN, Manner(1.0, 3, 100), stop=lambda: len(said) >= 2, again=True):
        said.append(found)
    assert any(column.state == "stopped" for column in said[-1].values()) or len(said) < 3
    assert all(column.state != "speaking" for column in said[-1].values())
    kept = next(desk.speaking(session, TURN, Manner(1.0, 3, 100)))
    assert all(column.state in ("done", "cut") for column in kept.values())


def test_perplexity_is_that_without_the_picture(talk: Talk):
    steps = list(talk.model.generate(talk.prompt, max_new_tokens=3))
    given = talk.model.prompt("what is there ?")
    logits = talk.model(given.extended([step.token for step in steps]))[0].log_softmax(-1)
    first = len(given) - 1
    surprise = -sum(float(logits[first + i, step.token]) for i, step in enumerate(steps)) / 3
    found = perplexity(talk.model, "what is there ?", [step.token for step in steps])
    assert found == pytest.approx(torch.tensor(surprise).exp().item(), rel=1e-4)
    assert perplexity(talk.model, "x", []) is None


def test_a_gallery_has_the_scenes_in_order(talk: Talk):
    galleries = Galleries(6)
    *steps, gallery = galleries.make("emoji-llava", talk.model, talk.loaded)
    assert isinstance(gallery, Gallery) and steps == [6]
    assert galleries.known("emoji-llava", talk.loaded) is gallery and galleries.known("other", talk.loaded) is None
    acts = patch_acts(talk.model, talk.loaded, tuple(range(FIRST_SEED, FIRST_SEED + 6)))
    for latent in range(tiny_talks.D_SAE):
        shown = gallery.pictures(latent, 3)
        most = [max(one.heat) for one in shown]
        assert most == sorted(most, reverse=True) and all(value > 0 for value in most)
        assert gallery.share(latent) == pytest.approx(float((acts[..., latent] > 0).any(1).float().mean()))
        for one in shown:
            torch.testing.assert_close(torch.tensor(one.heat), acts[one.seed - FIRST_SEED, :, latent])


def test_a_contrast_names_what_is_on_here_and_not_there(talk: Talk):
    other = pictures.example("lion-with-basketball")
    found = contrast_value(talk, other, "lion-with-basketball")
    assert found["title"] == other.title
    values = [row["value"] for row in found["rows"]]
    assert values == sorted(values, reverse=True) and all(row["here"] > row["there"] for row in found["rows"])
    mine = strongest(talk.heard, talk.n_patches, tiny_talks.D_SAE)
    for row in found["rows"]:
        assert row["here"] == pytest.approx(float(mine[row["latent"]] / talk.typical[row["latent"]]), rel=1e-3)
    with pytest.raises(ValueError, match="picture itself"):
        contrast_value(talk, opening(), "x")


def test_models_and_saes_that_do_not_fit_are_refused(desk: VlmDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from apps.common.saes import Loaded
    from apps.vlm_steering.analysis import check_fit
    from prisma_engine.sae import SAE, SAEConfig

    model = desk.vlms.get("emoji-llava")
    wide = SAE(SAEConfig(model="x", hook_name=tiny_talks.HOOK, d_in=25, d_sae=8, k=2))
    other = SAE(SAEConfig(model="x", hook_name="blocks.9.hook_resid_post", d_in=24, d_sae=8, k=2))
    for sae, sentence in ((wide, "width 25"), (other, "does not have")):
        with pytest.raises(ValueError, match=sentence):
            check_fit(model, Loaded("mine", None, sae, tmp_path))
    with pytest.raises(ValueError, match="there is no model"):
        desk.vlms.get("no-such")
    monkeypatch.setenv("SPACE_ID", "x/y")
    with pytest.raises(ValueError, match="only the models of its list"):
        desk.vlms.get("no-such")


def test_a_huge_or_damaged_upload_is_one_sentence(tmp_path: Path):
    (tmp_path / "no.png").write_bytes(b"words")
    Image.new("RGB", (5000, 4000)).save(tmp_path / "huge.png")
    for name in ("no.png", "huge.png", "gone.png"):
        with pytest.raises(ValueError) as refusal:
            pictures.uploaded(str(tmp_path / name))
        assert "\n" not in str(refusal.value)
