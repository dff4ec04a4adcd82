"""Names, emoji and colours: complete, findable, and the same in every process."""

import importlib.util
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from prisma_engine import labels
from prisma_engine.labels import build, guess, palette, subset, wordnet
from prisma_engine.toy.emoji_classes import EMOJI as TOY

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "prisma_engine" / "labels" / "data"
V = labels.imagenet1k()
needs_wordnet = pytest.mark.skipif(
    not wordnet.NOUNS.exists(), reason="no WordNet 3.0 here; `apt-get install wordnet-base` lifts this"
)
needs_noto = pytest.mark.skipif(
    not subset.SOURCE.exists(), reason="no full Noto font here; `apt-get install fonts-noto-color-emoji` lifts this"
)


def shipped(name: str) -> str:
    return (DATA / f"{name}.json").read_text(encoding="utf-8")


def test_imagenet_has_1000_names_unique_in_any_case():
    assert len(V) == len(V.emoji) == len(V.colors) == len(V.aliases) == 1000
    assert max(Counter(name.casefold() for name in V.names).values()) == 1


def test_imagenet_is_in_the_order_of_the_checkpoints():
    timm = importlib.util.find_spec("timm")  # only its tables are read: importing timm takes seconds
    if timm is None or timm.origin is None:
        pytest.skip("timm is not installed; `pip install -r requirements.txt` lifts this")
    tables = Path(timm.origin).parent / "data" / "_info"
    synsets = (tables / "imagenet_synsets.txt").read_text().split()
    rows = (tables / "imagenet_synset_to_lemma.txt").read_text().splitlines()
    lemmas = {synset: set(words.split(", ")) for synset, words in (row.split("\t") for row in rows)}
    assert json.loads(shipped("imagenet1k"))["synsets"] == synsets
    for name, aliases, synset in zip(V.names, V.aliases, synsets, strict=True):
        assert set(aliases) == lemmas[synset] - {name}, synset


def test_more_distinct_emoji_than_the_public_table_and_none_missing():
    assert all(V.emoji)
    assert len(set(V.emoji)) > 416
    commonest, times = Counter(V.emoji).most_common(1)[0]
    assert times < 115, f"{commonest} stands for {times} classes"


@pytest.mark.parametrize(
    ("name", "emoji"),
    [
        ("tabby", "🐱"), ("tiger cat", "🐈"), ("German shepherd", "🐕‍🦺"), ("golden retriever", "🦮"),
        ("toy poodle", "🐩"), ("beagle", "🐕"), ("Chihuahua", "🐶"), ("polar bear", "🐻‍❄️"), ("cheetah", "🐆"),
        ("pirate ship", "🏴‍☠️"), ("crane (bird)", "🐦"), ("crane (machine)", "🏗️"), ("bagel", "🥯"), ("hen", "🐔"),
        ("toilet seat", "🚽"), ("bolete", "🍄‍🟫"), ("tench", "🐟"), ("ski mask", "🥷"), ("hermit crab", "🦀"),
    ],
)  # fmt: skip
def test_the_most_specific_emoji_is_chosen(name: str, emoji: str):
    assert V.emoji[V.index(name)] == emoji


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        ("tabby", 281),
        ("TABBY", 281),
        ("tabby cat", 281),
        (281, 281),
        (np.int64(281), 281),
        ("puma", 286),
        ("ice bear", 296),
    ],
)
def test_index_finds_names_aliases_and_indices(wanted, index: int):
    assert V.index(wanted) == index


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ("tabbby", "no class 'tabbby' in imagenet1k; did you mean 'tabby'"),
        ("crane", r"'crane' names 2 classes of imagenet1k: 'crane \(bird\)' \(134\), 'crane \(machine\)' \(517\)"),
        ("maillot", r"'maillot \(tights\)' \(638\), 'maillot \(swimsuit\)' \(639\)"),
        (1000, "imagenet1k has 1000 classes, 0 to 999; got 1000"),
        (-1, "got -1"),
        ("", "no class '' in imagenet1k"),
    ],
)
def test_index_errors_say_what_was_near(wanted, sentence: str):
    with pytest.raises(ValueError, match=sentence):
        V.index(wanted)


def test_search_ranks_exact_then_prefix_then_word_then_alias_then_substring():
    words = labels.vocabulary(["bobcat", "cat", "tiger cat", "catfish", "dog"], emoji=["❓"] * 5)
    assert [words.names[i] for i in words.search("cat")] == ["cat", "catfish", "tiger cat", "bobcat"]
    found = [V.names[i] for i in V.search("cat", limit=1000)]
    by_name, by_alias, inside = found.index("Persian cat"), found.index("lynx"), found.index("polecat")
    assert by_name < by_alias < inside


def test_search_takes_emoji_numbers_and_nothing():
    assert [V.names[i] for i in V.search("🐱")] == ["tabby", "Persian cat", "Siamese cat"]
    assert V.search("☂") == V.search("☂️") == [V.index("umbrella")]
    assert V.search("281")[0] == 281
    assert V.search("", limit=3) == [0, 1, 2]
    assert V.search("qqqq") == V.search("???") == []
    assert len(V.search("a")) == 20


def test_one_color_per_emoji_in_every_vocabulary():
    assert len(set(zip(V.emoji, V.colors, strict=True))) == len(set(V.emoji)) == len(set(V.colors))
    ours = labels.vocabulary(["a", "b"], emoji=["🐻‍❄️", "🐻‍❄"])
    assert set(ours.colors) == {V.colors[V.index("polar bear")]}


@pytest.mark.slow
def test_another_process_agrees_and_importing_opens_no_font():
    program = (
        "import sys; from prisma_engine import labels; labels.imagenet1k()\n"
        "v = labels.vocabulary(['cat', 'xyzzy'], emoji=['🐱', '🇫🇷'])\n"
        "print(*v.colors, v.id, 'fontTools' in sys.modules, labels.font.shipped.cache_info().currsize)"
    )
    env = os.environ | {"PYTHONHASHSEED": "1", "PYTHONUTF8": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=env, check=True, capture_output=True, text=True
    )
    here = labels.vocabulary(["cat", "xyzzy"], emoji=["🐱", "🇫🇷"])
    assert done.stdout.split() == [*here.colors, here.id, "False", "0"]


def nearest(emoji: tuple[str, ...]) -> np.ndarray:
    """Smallest OKLab distance between two of these emoji's colours: ordinary, protanope, deuteranope."""
    seen = palette.seen_as([labels.emoji_color(text) for text in emoji])
    apart = np.linalg.norm(seen[:, None] - seen[None], axis=-1)
    return apart[~np.eye(len(emoji), dtype=bool)].min(0)


def test_colors_can_be_told_apart_with_any_sight():
    # 0.02 in OKLab is about the least difference an eye notices side by side.
    ordinary, protanope, deuteranope = nearest(TOY)
    assert ordinary > 0.035
    assert min(protanope, deuteranope) > 0.018
    assert nearest(TOY[:11]).min() > 0.045, "the cats, dogs and big beasts of the example scenes"


def test_colors_use_lightness_and_hue():
    lab = palette.seen_as(V.colors)[:, 0]
    hue = np.degrees(np.arctan2(lab[:, 2], lab[:, 1])) % 360
    assert lab[:, 0].std() > 0.08
    assert (np.histogram(hue, bins=12, range=(0, 360))[0] > 10).all()
    assert palette.picture_hue("🐸") == pytest.approx(135, abs=30)
    assert palette.picture_hue("🍓") == pytest.approx(25, abs=30)


@pytest.mark.parametrize(
    ("name", "emoji"),
    [
        ("cat", "🐱"), ("a photo of a dog", "🐶"), ("cat in a toilet", "🐱"), ("red car", "🚗"), ("wolves", "🐺"),
        ("beagle", "🐕"), ("aquarium_fish", "🐟"), ("HerbaceousVegetation", "🌿"), ("giraffe face", "🦒"),
        ("xyzzy", None),
    ],
)  # fmt: skip
def test_emoji_are_guessed_from_words(name: str, emoji: str | None):
    assert guess.guess(name) == emoji


def test_unknown_words_get_different_neutral_emoji():
    ours = labels.vocabulary(["xyzzy", "cat", "plugh"])
    assert ours.emoji[0] != ours.emoji[2] and {ours.emoji[0], ours.emoji[2]} <= set(guess.NEUTRAL)
    assert len(labels.vocabulary([f"xyzzy {i}" for i in range(50)])) == 50


def test_ad_hoc_vocabularies_are_told_apart_and_checked():
    ours = labels.vocabulary(["cat", "dog"])
    assert ours.id == labels.vocabulary([" cat ", "dog"]).id != labels.vocabulary(["dog", "cat"]).id
    assert labels.vocabulary(["cat"], id="emoji-vit", emoji=["🐈"]).id == "emoji-vit"
    for names, emoji in (([], None), (["cat", " "], None), (["cat"], ["🐱", "🐶"]), (["cat"], [""])):
        with pytest.raises(ValueError, match="class"):
            labels.vocabulary(names, emoji=emoji)


@needs_wordnet
def test_names_and_emoji_are_what_the_command_makes():
    words, emoji = build.tables(wordnet.Nouns())
    assert build.as_json(words) == shipped("imagenet1k")
    assert build.as_json(emoji) == shipped("emoji1k")


@pytest.mark.slow
def test_colors_are_what_the_command_makes():
    emoji = build.shipped_emoji(json.loads(shipped("emoji1k")))
    assert build.as_json(build.colors(emoji)) == shipped("colors")


@needs_wordnet
@pytest.mark.parametrize(
    ("section", "entry", "sentence"),
    [
        ("names", {"n02012849": "crane (machine)"}, "these repeat: crane \\(machine\\)"),
        ("names", {"n99999999": "thing"}, "no class of ImageNet: n99999999"),
        ("classes", {"crnae": "🏗️"}, "no class of ImageNet: crnae"),
        ("hypernyms", {"cat n02084071": "🐶"}, "n02084071 is 'dog', not 'cat'"),
        ("classes", {"tench": ""}, None),
    ],
)
def test_a_slip_in_the_review_is_refused(section: str, entry: dict[str, str], sentence: str | None, monkeypatch):
    review = build.tomllib.loads((DATA / "review.toml").read_text(encoding="utf-8"))
    review[section] |= entry
    monkeypatch.setattr(build.tomllib, "loads", lambda _: review)
    if sentence is None:
        assert build.tables(wordnet.Nouns())[1]["tench"] == "🐟", "an empty entry falls back to the rule"
    else:
        with pytest.raises(ValueError, match=sentence):
            build.tables(wordnet.Nouns())


@pytest.mark.parametrize("module", ["wordnet.NOUNS", "subset.SOURCE"])
def test_the_command_names_the_package_it_misses(module: str, monkeypatch, tmp_path: Path):
    for name, package in (("wordnet.NOUNS", "wordnet-base"), ("subset.SOURCE", "fonts-noto-color-emoji")):
        there = tmp_path / "there"
        there.touch()
        monkeypatch.setattr(f"prisma_engine.labels.{name}", tmp_path / "absent" if name == module else there)
        if name == module:
            expected = f"labels.build: .* is missing; install it with `apt-get install {package}`"
    with pytest.raises(SystemExit, match=expected):
        build.main()


@needs_noto
def test_the_command_refuses_emoji_that_the_font_lacks(tmp_path: Path):
    with pytest.raises(ValueError, match="does not draw x🐱"):
        subset.write_subset(["🐱", "x🐱"], tmp_path / "a.ttf", tmp_path / "a.woff2")
