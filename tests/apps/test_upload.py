"""Only files that Gradio stored for a visitor are opened, however the request is written."""

from __future__ import annotations

from pathlib import Path

import gradio as gr
import pytest

from apps.common.upload import photo_input, stored


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    (tmp_path / "uploads" / "abc").mkdir(parents=True)
    (tmp_path / "uploads" / "abc" / "a.png").write_bytes(b"x")
    (tmp_path / "secret.png").write_bytes(b"y")
    return tmp_path / "uploads"


def test_a_stored_upload_is_handed_over(folder: Path):
    assert stored(folder / "abc" / "a.png") == str((folder / "abc" / "a.png").resolve())


@pytest.mark.parametrize("path", ["../secret.png", "abc/../../secret.png", "abc", "gone.png", ""])
def test_anything_else_is_one_sentence(folder: Path, path: str):
    with pytest.raises(gr.Error, match="choose it once more"):
        stored(folder / path)
    with pytest.raises(gr.Error, match="choose it once more"):
        stored("/dev/zero")


def test_a_link_out_of_the_folder_is_not_followed(folder: Path):
    (folder / "link.png").symlink_to(folder.parent / "secret.png")
    with pytest.raises(gr.Error):
        stored(folder / "link.png")


def test_the_control_asks_for_it(folder: Path):
    class Payload:
        path = str(folder.parent / "secret.png")

    with pytest.raises(gr.Error):
        photo_input().preprocess(Payload())
