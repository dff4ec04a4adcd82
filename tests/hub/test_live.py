"""The real Hub, for whoever sets a token: a small model goes there, comes back, and is deleted again.

`PRISMA_TEST_NETWORK=1 PRISMA_TEST_HUB_TOKEN=hf_… PRISMA_TEST_HUB_OWNER=me pytest tests/hub/test_live.py`
"""

from __future__ import annotations

import os

import pytest

from hub.machine import Machine
from miniature_zoo import trained
from model_cards import build

TOKEN, OWNER = (os.environ.get(f"PRISMA_TEST_HUB_{name}", "") for name in ("TOKEN", "OWNER"))
NAME = "prisma-engine-test-model"


@pytest.mark.network
@pytest.mark.skipif(not (TOKEN and OWNER), reason="needs PRISMA_TEST_HUB_TOKEN and PRISMA_TEST_HUB_OWNER")
def test_a_model_goes_to_the_real_hub_and_comes_back(tmp_path):
    folder = trained(tmp_path / "cards", tmp_path / "out", name=NAME, steps=2)
    build.build(folder)
    machine = Machine("https://huggingface.co")
    asked = ["--all", "--private", "--namespace", OWNER, "--out", str(tmp_path / "out")]
    given = {"token": TOKEN, "arguments": asked, "cards": tmp_path / "cards"}
    try:
        first = machine.run("publish", tmp_path / "here", **given)
        assert first.refused is None and first.value is None, first
        assert machine.run("publish", tmp_path / "here", **given).said == f"{OWNER}/{NAME}: nothing to do\n"
        for tag in ("step-000000", "step-000001", "step-000002"):
            found = machine.run("load", tmp_path / "there", token=TOKEN, name=f"{OWNER}/{NAME}", revision=tag)
            kept = tmp_path / "out" / NAME / "steps" / f"{tag}.safetensors"
            assert found.value["tensors"] == machine.run("file_hash", tmp_path, path=kept).value
    finally:
        machine.run("delete", tmp_path / "here", token=TOKEN, name=f"{OWNER}/{NAME}")
        machine.close()
