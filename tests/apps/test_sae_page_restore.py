"""A link restores the run, the rack and the view; a latent has an address; the rest falls back, with a sentence."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from PIL import Image

from apps.common import pictures
from apps.common.opening import waited_for
from apps.sae_steering.bench import Bench
from apps.sae_steering.first import first_view, opening
from apps.sae_steering.handlers import SteerDesk, latent_link, link_of
from apps.sae_steering.restore import open_page
from apps.sae_steering.view import SteerView
from prisma_engine.sae.features import Dial, Rack

SECOND, THIRD = (f"emoji-vit-sae/blocks.{layer}.hook_resid_post" for layer in (2, 3))
RACK = Rack((Dial(12, "add", -4.5), Dial(40, "ablate"), Dial(7, "scale", 0.0)), (0, 17, 18, 40), keep_error=False)
VIEW = SteerView((0, 7, 8), "effect", "sum", 900, "classes", 0.25, marks=False, lens="3_mid")


def opened(desk: SteerDesk, query: str):
    return open_page(desk, dict(parse_qsl(query)))


@pytest.mark.parametrize("picture", [opening(), pictures.example("cat-in-toilet"), pictures.seeded("7")])
def test_a_link_gives_everything_back(steer_desk: SteerDesk, picture: pictures.Picture):
    from apps.sae_steering.plan import Plan

    session = steer_desk.show(picture, "emoji-vit", variant=Plan(SECOND).text)
    bench = Bench(rack=RACK, view=VIEW, watched=9, other=THIRD)
    found = opened(steer_desk, link_of(steer_desk, session, bench))
    assert not found.notes and found.waiting is None
    assert (found.rack, found.view, found.watched) == (RACK, VIEW, 9)
    assert found.other == THIRD
    before, after = steer_desk.result(session), steer_desk.result(found.session)
    assert after.loaded.id == SECOND and (after.pixels == before.pixels).all()
    assert after.features.latents.equal(before.features.latents)


def test_without_anything_the_page_opens_with_its_picture(steer_desk: SteerDesk):
    found = opened(steer_desk, "")
    assert found.session.source == opening().source and not found.notes and not found.rack.dials
    assert found.view == first_view(steer_desk.result(found.session))


def test_a_latent_has_an_address_of_its_own(steer_desk: SteerDesk, steered):
    found = opened(steer_desk, f"sae={SECOND}&latent=12")
    assert found.view.latent == 12 and steer_desk.result(found.session).loaded.id == SECOND and not found.notes
    session = steer_desk.show(pictures.seeded("3"), "emoji-vit")
    address = latent_link(session, steered, 31)
    assert "seed" not in address and opened(steer_desk, address).view.latent == 31


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("sae=no-such", "there is no SAE 'no-such'"),
        ("sae=%00", "SAE is not readable"),
        ("sae=" + "x" * 401, "SAE is not readable"),
        ("sae-revision=%3B&sae=" + SECOND, "SAE revision is not readable"),
        ("latent=9999", "latent '9999'"),
        ("steer=9999.add.1", "nothing is steered"),
        ("steer=nonsense", "nothing is steered"),
        ("where=900", "changed everywhere"),
        ("watch=64", "watches class"),
        ("compare=/etc", "nothing is compared"),
        ("at=1.999", "at '1.999'"),
        ("lens=9_mid", "lens '9_mid'"),
        ("model=no-such", "no-such"),
        ("model=facebook/deit-base-patch16-224", "no SAE of"),
        ("example=no-such", "no example"),
        (f"model=no-such&sae={SECOND}", "no-such"),
    ],
)
def test_what_a_link_cannot_have_falls_back_with_a_sentence(steer_desk: SteerDesk, query: str, sentence: str):
    found = opened(steer_desk, query)
    assert steer_desk.result(found.session).top
    assert any(sentence in note for note in found.notes), found.notes
    assert all("\n" not in note for note in found.notes)


def test_a_latent_that_was_never_active_cannot_be_counted_in(steer_desk: SteerDesk, steered):
    silent = int((steered.typical == 0).nonzero()[0])
    found = opened(steer_desk, f"steer={silent}.add.2")
    assert not found.rack.dials and "no typical one to count in" in found.notes[0]
    assert opened(steer_desk, f"steer={silent}.ablate").rack.dials


def test_a_link_to_an_upload_waits_for_it(steer_desk: SteerDesk, tmp_path: Path):
    path = tmp_path / "mine.png"
    Image.new("RGB", (50, 50), "red").save(path)
    picture = pictures.uploaded(str(path))
    session = steer_desk.show(picture, "emoji-vit", "", str(path))
    query = link_of(steer_desk, session, Bench(rack=RACK, view=VIEW))
    assert str(tmp_path) not in query
    found = opened(steer_desk, query)
    assert found.session.source == opening().source and pictures.ASK_FOR_UPLOAD in found.notes
    assert found.waiting is not None and found.waiting.params["latent"] == "900"
    assert waited_for(found.waiting, picture) == (found.waiting, ())
    assert waited_for(found.waiting, opening())[1] == (pictures.OTHER_UPLOAD,)


def test_the_upload_that_a_link_waited_for_brings_all_of_it(steer_desk: SteerDesk, tmp_path: Path):
    from apps.common.page import Chosen
    from apps.sae_steering.page import SteeringPage

    path = tmp_path / "mine.png"
    Image.new("RGB", (50, 50), "blue").save(path)
    picture = pictures.uploaded(str(path))
    session = steer_desk.show(picture, "emoji-vit", "", str(path))
    found = opened(steer_desk, link_of(steer_desk, session, Bench(rack=RACK, view=VIEW)))
    chosen = Chosen(picture, "emoji-vit", "", "upload", str(path), found.waiting)
    shown = SteeringPage(steer_desk).shown(chosen, found.session, Bench())
    assert shown[0].source == picture.source and shown[1].rack == RACK and shown[1].view == VIEW
