"""The true thing, several GB: a fresh environment filled by the builder's own line starts the built Space."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from space_configs import requirements
from space_configs.build import write
from space_configs.config import read_config
from space_configs.contents import contents
from space_serving import serving
from test_requirements import SPACE_LINE


@pytest.mark.network
@pytest.mark.slow
def test_the_builders_line_fills_an_environment_in_which_the_space_runs(tmp_path: Path):
    folder, room = tmp_path / "suite", tmp_path / "room"
    write(contents(read_config("suite")), folder)
    subprocess.run([sys.executable, "-m", "venv", str(room)], check=True, timeout=300)
    extra = [part.format(gradio=requirements.pins()["gradio"]) for part in SPACE_LINE]
    line = ["pip", "install", "--no-cache-dir", "--quiet", "-r", "requirements.txt", *extra]
    done = subprocess.run([str(room / "bin/python"), "-m", *line], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    with serving(folder, tmp_path, python=str(room / "bin/python")) as space:
        said = space.health()["versions"]
        print(f"cold start {space.cold_wall:.1f} s, {space.peak_bytes / 1e9:.2f} GB, torch {said['torch']}")
        assert said["torch"].split("+")[0] == requirements.pins()["torch"]
        assert said["gradio"] == requirements.pins()["gradio"]
