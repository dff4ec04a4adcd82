"""A built Space: everything that its app needs, nothing else, and a README that the Hub understands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from apps.common.revisions import Pin
from space_configs import readme, requirements
from space_configs.build import write
from space_configs.closure import closure, data_files, imports
from space_configs.config import ROOT, names, parsed, read_config
from space_configs.contents import contents

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TINY = "timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k"
TEXT = """
title = "T"
emoji = "🔍"
color_from = "red"
color_to = "blue"
short_description = "s"
about = "a"
app = "apps.dogit_lens.app"
picture = "docs/images/dogit-lens.png"
models = ["emoji-vit"]
"""
JS_IMPORT = re.compile(r"^import\s+\{[^}]*\}\s+from\s+'(\.[^']+)';\n", re.MULTILINE)


@pytest.fixture(scope="module", params=names())
def built(request, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("spaces") / request.param
    write(contents(read_config(request.param)), folder)
    return folder


def modules(folder: Path) -> dict[str, Path]:
    paths = [path for package in ("apps", "prisma_engine") for path in (folder / package).rglob("*.py")]
    dotted = {path: path.relative_to(folder).with_suffix("").as_posix().replace("/", ".") for path in paths}
    return {name.removesuffix(".__init__"): path for path, name in dotted.items()}


def front_matter(folder: Path) -> dict:
    return yaml.safe_load((folder / "README.md").read_text().split("---\n")[1])


def test_every_import_of_ours_is_in_the_folder(built: Path):
    here = modules(built)
    assert here
    for name, path in here.items():
        ours = [i for i in imports(name, path, here) if i.split(".")[0] in ("apps", "prisma_engine")]
        assert not set(ours) - set(here), f"{name} imports what is not there"


def test_every_library_is_in_its_requirements_and_gradio_is_left_to_the_builder(built: Path):
    lines = (built / "requirements.txt").read_text().splitlines()
    packages = {line.split("==")[0] for line in lines if "==" in line}
    foreign = closure(built, modules(built)).foreign
    wanted = {requirements.DISTRIBUTIONS.get(name, name) for name in foreign} & set(requirements.pins())
    assert wanted - packages == {"gradio"} and packages - wanted == {"torchvision"}
    assert all(re.fullmatch(r"[\w-]+==[\w.]+|--extra-index-url \S+", line) for line in lines)


def test_scripts_styles_fonts_and_licences_travel_along(built: Path):
    scripts = list(built.rglob("*.js"))
    assert scripts
    for script in scripts:
        for other in JS_IMPORT.findall(script.read_text()):
            assert (script.parent / other).exists(), f"{script.name} imports {other}"
    for name in ("LICENSE", "prisma_engine/labels/data/OFL.txt", "apps/common/theme.css", "thumbnail.png"):
        assert (built / name).exists()
    assert list(built.rglob("*.woff2")) and list(built.glob("model_cards/*/**/model.safetensors"))


def test_nothing_else_is_there(built: Path):
    allowed = {"README.md", "LICENSE", "app.py", "requirements.txt", "thumbnail.png"}
    assert {path.name for path in built.iterdir()} == allowed | {"apps", "prisma_engine", "model_cards"}
    suffixes = {path.suffix for path in built.rglob("*") if path.is_file()}
    assert suffixes <= {"", ".py", ".md", ".txt", ".png", ".js", ".css", ".html", ".json", ".jsonl", ".ttf", ".woff2",
                        ".safetensors"}  # fmt: skip
    assert not list((built / "model_cards").rglob("*.py")) and not (built / "prisma_engine/studies").exists()


def test_its_readme_says_all_that_the_hub_reads(built: Path):
    said = front_matter(built)
    assert said["sdk"] == "gradio" and said["sdk_version"] == requirements.pins()["gradio"]
    assert said["app_file"] == "app.py" and (built / said["app_file"]).exists()
    assert said["python_version"] == "3.11" and said["suggested_hardware"] == "cpu-basic"
    assert len(said["short_description"]) <= 60 and said["license"] == "mit"
    for key in ("title", "emoji", "colorFrom", "colorTo", "models", "tags", "startup_duration_timeout"):
        assert said[key], key


def test_a_page_alone_has_no_other_page_and_no_training():
    files = contents(read_config("dogit-lens"))
    assert {path.split("/")[1] for path in files if path.startswith("apps/") and path.count("/") > 1} == {
        "common", "dogit_lens"
    }  # fmt: skip
    assert not any(path.startswith(("model_cards/vit-tiny-sae", "prisma_engine/training")) for path in files)
    assert "datasets==" not in files["requirements.txt"].source.decode()  # type: ignore[union-attr]
    suite = contents(read_config("suite"))
    assert set(files) < set(suite) and any("/steps/step-" in path for path in suite)


def test_with_an_owner_it_links_its_thumbnail_and_our_models():
    text = contents(read_config("dogit-lens"), owner="org")["README.md"].source.decode()  # type: ignore[union-attr]
    said = yaml.safe_load(text.split("---\n")[1])
    assert said["thumbnail"] == "https://huggingface.co/spaces/org/dogit-lens/resolve/main/thumbnail.png"
    assert "org/emoji-vit" in said["models"] and TINY in said["models"]


def test_only_models_of_a_known_commit_are_preloaded():
    config = read_config("dogit-lens")
    pins = {TINY: Pin(COMMIT, ("config.json", "model.safetensors"))}
    said = yaml.safe_load(readme.front_matter(config, "cpu-basic", None, [], pins))
    assert said["preload_from_hub"] == [f"{TINY} config.json,model.safetensors {COMMIT}"]
    assert "preload_from_hub" not in yaml.safe_load(readme.front_matter(config, "cpu-basic", None, [], {}))
    assert TINY in readme.unpinned(config, {}) and TINY not in readme.unpinned(config, pins)


def test_for_zero_gpu_it_takes_a_torch_that_is_offered_there():
    files = contents(read_config("suite"), "zero-a10g")
    lines = files["requirements.txt"].source.decode().splitlines()  # type: ignore[union-attr]
    assert lines[:2] == ["torch==2.11.0", "torchvision==0.26.0"]
    said = yaml.safe_load(files["README.md"].source.decode().split("---\n")[1])  # type: ignore[union-attr]
    assert said["python_version"] == "3.12.12" and said["suggested_hardware"] == "zero-a10g"


def test_a_library_without_a_version_is_one_sentence():
    with pytest.raises(ValueError, match="plotly has no version in requirements.txt"):
        requirements.requirements(["plotly", "torch", "json"], "cpu-basic")


WRONG = {
    'hue = "red"': "T.toml has unknown fields: hue",
    'color_to = "mauve"': "T.toml: 'mauve' is no colour of the Hub",
    f'short_description = "{"x" * 61}"': "T.toml: a short description has at most 60 characters, got 61",
    'models = ["no-such-*"]': "T.toml asks for 'no-such-*', and model_cards has no such model",
    'app = "apps.nothing"': "there is no module apps.nothing",
}


@pytest.mark.parametrize("line", WRONG)
def test_what_is_wrong_with_a_configuration_is_one_sentence(line):
    key = line.partition(" = ")[0]
    text = "\n".join([*(each for each in TEXT.splitlines() if not each.startswith(f"{key} ")), line])
    assert contents(parsed("T", TEXT))
    with pytest.raises(ValueError, match=re.escape(WRONG[line])):
        contents(parsed("T", text))


def test_a_space_is_replaced_as_a_whole_and_anything_else_is_left(tmp_path):
    files = {name: file for name, file in contents(parsed("T", TEXT)).items() if "/" not in name}
    write(files, tmp_path / "T")
    (tmp_path / "T" / "old.py").write_text("")
    write(files, tmp_path / "T")
    assert {path.name for path in (tmp_path / "T").iterdir()} == set(files)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("")
    with pytest.raises(ValueError, match="mine holds something else than a Space"):
        write(files, tmp_path / "mine")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_the_closure_follows_imports_inside_functions_and_not_those_for_types(tmp_path):
    for name, text in {
        "apps/__init__.py": "", "apps/a.py": "def f():\n    from apps.rooms import b\n", "apps/d.py": "",
        "apps/rooms/__init__.py": "", "apps/rooms/b.py": "from . import c\nimport numpy\n", "apps/rooms/c.py": "",
        "apps/rooms/look.css": "", "apps/other/__init__.py": "", "apps/other/look.css": "",
    }.items():  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "apps/rooms/c.py").write_text("if TYPE_CHECKING:\n    from apps import d\nelse:\n    import json\n")
    found = closure(tmp_path, ["apps.a"])
    assert list(found.modules) == ["apps", "apps.a", "apps.rooms", "apps.rooms.b", "apps.rooms.c"]
    assert found.foreign == {"numpy", "json"}
    assert data_files(tmp_path, found.modules) == [tmp_path / "apps/rooms/look.css"]


def test_every_space_has_its_picture():
    assert all((ROOT / read_config(name).picture).exists() for name in names())
