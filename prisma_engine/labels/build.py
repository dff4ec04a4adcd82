"""Rebuild the label data: `python -m prisma_engine.labels.build`.

From two Debian packages, wordnet-base (WordNet 3.0) and fonts-noto-color-emoji, and three reviewed files,
`data/synsets.txt` (ImageNet's order), `data/review.toml` (names and emoji that rules cannot know) and
`data/words.json` (emoji for everyday words), it writes names, emoji, colours and the fonts, always the same.
Nothing here is needed at run time.
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from prisma_engine.labels import font, subset, wordnet
from prisma_engine.labels.font import DATA


def main() -> None:
    """Write every generated file and print what was made; one sentence if it cannot be done."""
    try:
        build()
    except (ValueError, KeyError, OSError) as error:
        sys.exit(f"labels.build: {error.args[0] if isinstance(error, KeyError) else error}")


def build() -> None:
    """Write `imagenet1k.json`, `emoji1k.json`, `colors.json` and both fonts into `data/`."""
    _require(wordnet.NOUNS, "wordnet-base")
    _require(subset.SOURCE, "fonts-noto-color-emoji")
    words, emoji = tables(wordnet.Nouns())
    shipped = shipped_emoji(emoji)
    subset.write_subset(shipped, font.FONT, font.WEB_FONT)
    font.forget()
    for name, content in (("imagenet1k", words), ("emoji1k", emoji), ("colors", colors(shipped))):
        (DATA / f"{name}.json").write_text(as_json(content), encoding="utf-8")
    sizes = ", ".join(f"{path.name} {path.stat().st_size:,} bytes" for path in (font.FONT, font.WEB_FONT))
    print(f"{len(emoji)} classes, {len(set(emoji.values()))} distinct emoji; {len(shipped)} in the font; {sizes}")


def tables(nouns: wordnet.Nouns) -> tuple[dict[str, Any], dict[str, str]]:
    """Contents of `imagenet1k.json` (names, synsets, aliases) and of `emoji1k.json` (name to emoji).

    Raises:
        ValueError: if names repeat, a class has no emoji, or an entry of the review matches nothing.
    """
    review = tomllib.loads((DATA / "review.toml").read_text(encoding="utf-8"))
    synsets = (DATA / "synsets.txt").read_text(encoding="utf-8").split()
    names = [review["names"].get(synset, nouns[synset].lemmas[0]) for synset in synsets]
    _check_names(names, set(review["names"]) - set(synsets), set(review["classes"]) - set(names))
    aliases = [[word for word in nouns[s].lemmas if word != name] for s, name in zip(synsets, names, strict=True)]
    rules = _hypernym_rules(nouns, review["hypernyms"])
    emoji = {
        name: review["classes"].get(name) or _by_hypernym(nouns, synset, rules)
        for name, synset in zip(names, synsets, strict=True)
    }
    if missing := [name for name, text in emoji.items() if not text]:
        raise ValueError(f"no emoji for {', '.join(missing)}; add them to review.toml")
    return {"id": "imagenet1k", "names": names, "synsets": synsets, "aliases": aliases}, emoji


def _check_names(names: list[str], unused_names: set[str], unused_classes: set[str]) -> None:
    folded = [name.casefold() for name in names]
    if repeated := sorted({name for name in folded if folded.count(name) > 1}):
        raise ValueError(f"names must differ, these repeat: {', '.join(repeated)}; add [names] to review.toml")
    if unused := sorted(unused_names | unused_classes):
        raise ValueError(f"review.toml has entries for no class of ImageNet: {', '.join(unused)}")


def _hypernym_rules(nouns: wordnet.Nouns, written: dict[str, str]) -> dict[str, str]:
    """`{"dog n02084071": "🐶"}` to `{"n02084071": "🐶"}`, having checked that the word and the id agree."""
    rules = {}
    for key, emoji in written.items():
        word, synset = key.rsplit(" ", 1)
        if word not in nouns[synset].lemmas:
            raise ValueError(f"review.toml: {synset} is {nouns[synset].lemmas[0]!r}, not {word!r}")
        rules[synset] = emoji
    return rules


def _by_hypernym(nouns: wordnet.Nouns, synset: str, rules: dict[str, str]) -> str:
    return next((rules[above] for above in nouns.ancestors(synset) if above in rules), "")


def shipped_emoji(emoji: dict[str, str]) -> list[str]:
    """Every emoji of the font, without repeats: everyday words first, as they choose their colours first."""
    words = json.loads((DATA / "words.json").read_text(encoding="utf-8"))
    return list(dict.fromkeys([*words.values(), *emoji.values()]))


def colors(emoji: Iterable[str]) -> dict[str, str]:
    """Contents of `colors.json`: emoji to "#rrggbb"."""
    from prisma_engine.labels.palette import assign_colors

    return assign_colors(list(emoji))


def as_json(content: dict[str, Any]) -> str:
    """JSON with one class a line, so that a change reads well in a diff."""
    rows = {
        key: "[\n " + ",\n ".join(json.dumps(row, ensure_ascii=False) for row in value) + "\n]"
        if isinstance(value, list)
        else json.dumps(value, ensure_ascii=False)
        for key, value in content.items()
    }
    body = ",\n".join(f"{json.dumps(key, ensure_ascii=False)}: {value}" for key, value in rows.items())
    return "{\n" + body + "\n}\n"


def _require(path: Path, package: str) -> None:
    if not path.exists():
        raise ValueError(f"{path} is missing; install it with `apt-get install {package}`")


if __name__ == "__main__":
    main()
