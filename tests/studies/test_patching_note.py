"""The note on cat–dog patching says what was measured: its numbers are made here again from docs/data/."""

from __future__ import annotations

import json
import re
import shlex
import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import prisma_engine as pe
from prisma_engine.studies import command
from prisma_engine.studies.pair_patching import head_table
from prisma_engine.studies.patching_pairs import scene_pairs

DOCS = Path(__file__).resolve().parents[2] / "docs"
NOTE = (DOCS / "cat-dog-patching.md").read_text(encoding="utf-8")
WORDS = " ".join(NOTE.split())
ALONE, OPENING, EXAMPLE = (
    "a cat alone with a dog alone",
    "opening with its cat hidden",
    "cat-and-dog with its dog hidden",
)
CROP_DOG, CAT_CROP = "cat_dog with crop_dog", "cat_dog with cat_crop"
BOTH_WAYS = ("checkpoint", "tutorial")

Data = dict[str, Any]


@cache
def stored() -> Data:
    """Every file of the note, by model and study."""
    return {
        (model, study): json.loads((DOCS / "data" / f"{model}-{study}.json").read_text(encoding="utf-8"))
        for model in ("emoji-vit", "vit-tiny")
        for study in ("patching", "patching-general")
    }


def pair(data: Data, name: str, preparation: str = "checkpoint") -> Data:
    model = "vit-tiny" if name.startswith("cat_dog") else "emoji-vit"
    found = data[model, "patching"]["pairs"]
    return next(one for one in found if (one["name"], one["preparation"]) == (name, preparation))


def flip(one: Data, direction: str, wanted: str = "prediction", token: str = "cls") -> Data:
    asked = (direction, wanted, token)
    return next(f for f in one["flips"] if (f["direction"], f["wanted"], f["token"]) == asked)


def trial(data: Data, model: str, name: str) -> Data:
    return next(one for one in data[model, "patching-general"]["outcomes"] if one["name"] == name)


def rate(one: Data, *heads: str) -> Data:
    return next(found for found in one["chosen"] if tuple(found["heads"]) == heads)


def control(one: Data, pool: str, *heads: str) -> Data:
    return next(c for c in one["controls"] if tuple(c["of"]) == heads and c["pool"] == pool)


def share(p: float, digits: int = 1) -> str:
    return f"{100 * p:.{digits}f} %"


def answer(run: Data, place: int = 0) -> str:
    name, _, p = run["top"][place]
    return f"{name} {share(p)}"


def signed(value: float, digits: int = 3) -> str:
    return f"{value:+.{digits}f}".replace("-", "−")


def table_of(one: Data, direction: str) -> list[list[float]]:
    return next(found["metric"] for found in one["tables"] if found["direction"] == direction)


def scenes(data: Data) -> list[str]:
    one, opening, example = (pair(data, name) for name in (ALONE, OPENING, EXAMPLE))
    there, back = flip(one, "denoise"), flip(one, "noise")
    for found in (there, back):
        assert found["heads"] == ["L4H0", "L4H2"] and found["n_numbers"] == 64 and found["method"] == "exact"
        assert found["n_flipping"] == 1 and found["n_tried"] == 210 and max(found["alone"]) < 0
    noise, denoise = flip(opening, "noise"), flip(opening, "denoise")
    assert denoise["method"] == "exact" and denoise["n_flipping"] == 1
    needs, restores = flip(example, "noise"), flip(example, "denoise")
    assert restores["method"] == "greedy" and not restores["is_smallest"]
    six = {6: "six"}[len(restores["heads"])]
    assert needs["heads"] == ["L4H0"] and needs["is_smallest"]
    return [
        f"{answer(one['corrupt'])} becomes **{answer(there['patched'])}**",
        f"{answer(one['clean'])} becomes **{answer(back['patched'])}**",
        "only one of all 190 pairs",
        f"hide the cat, and {answer(opening['clean'])} becomes {answer(opening['corrupt'])}",
        f"| {' '.join(noise['heads'])} | {noise['n_numbers']} | {answer(opening['clean'])} → "
        f"{answer(noise['patched'])} | exact, {noise['n_flipping']} of {noise['n_tried']} heads flip |",
        f"| {' '.join(denoise['heads'])} | {denoise['n_numbers']} | {answer(opening['corrupt'])} → "
        f"{answer(denoise['patched'])} | exact, the only pair of 190 |",
        f"(L4H0: {answer(example['clean'])} becomes {answer(needs['patched'])})",
        f"Denoise needs {six} by a greedy search",
        f"leads by {restores['margin']:.2f} logits",
    ]


def scene_readings(data: Data) -> list[str]:
    said = []
    for name, head, own in ((OPENING, "L4H2", "cat face"), (EXAMPLE, "L4H0", "dog face")):
        one = pair(data, name)
        found = next(r for r in one["readings"] if (r["head"], r["answer"], r["picture"]) == (head, own, "clean"))
        inside = signed(sum(found["patches"][patch] for patch in one["hidden"]), 2)
        total = signed(sum(found["patches"]) + found["prefix"], 2)
        said.append((total, inside))
    (cat, of_cat), (dog, of_dog) = said
    return [
        f"L4H2 writes {cat} logits to cat face, {of_cat} of them from the cat's patches; "
        f"L4H0 {dog} to dog face, {of_dog} from the dog's"
    ]


def answers(data: Data) -> list[str]:
    rows = []
    pairs = [(pair(data, CROP_DOG, way), pair(data, CAT_CROP, way)) for way in BOTH_WAYS]
    for name, index, side in (("cat_dog", 0, "clean"), ("crop_dog", 0, "corrupt"), ("cat_crop", 1, "corrupt")):
        cells = [f"{answer(both[index][side])}, {answer(both[index][side], 1)}" for both in pairs]
        rows.append(f"| `{name}` | {' | '.join(cells)} |")
    metrics = [
        ", ".join(signed(run["metric"]) for run in (one["clean"], one["corrupt"], two["corrupt"])) for one, two in pairs
    ]
    return [*rows, f"| Border collie − tabby, in logits | {' | '.join(metrics)} |"]


def flips(data: Data) -> list[str]:
    rows, ways = [], [pair(data, CROP_DOG, way) for way in BOTH_WAYS]
    for direction in ("noise", "denoise"):
        for word, wanted in (("sign", "sign"), ("answer", "prediction")):
            rows.append(f"| {direction} | {word} | {' | '.join(_set(flip(one, direction, wanted)) for one in ways)} |")
    one = flip(ways[0], "noise")
    for table in (table_of(found, "noise") for found in ways):
        assert min((value, i, h) for i, row in enumerate(table) for h, value in enumerate(row))[1:] == (9, 0)
    early = flip(ways[0], "noise", "prediction", "all")
    assert early["heads"] == ["L0H2"] and early["method"] == "exact"
    assert not [value for row in table_of(ways[0], "noise")[:8] for value in row if abs(value - 2.652) > 0.25]
    assert not any(f["wanted"] == "sign" for way in BOTH_WAYS for f in pair(data, CAT_CROP, way)["flips"])
    effects = []
    for way in BOTH_WAYS:
        two = pair(data, CAT_CROP, way)
        ends = two["corrupt"]["metric"], two["clean"]["metric"]
        moved = [(v - ends[0]) / (ends[1] - ends[0]) for row in table_of(two, "denoise") for v in row]
        assert max(moved) == moved[9 * 3]
        effects.append(f"{100 * max(moved):.0f} %")
    return [
        *rows,
        f"from {signed(ways[0]['clean']['metric'])} to {signed(one['patched']['metric'])}, and "
        f"{answer(ways[0]['clean'])} becomes {answer(one['patched'])}, by {one['margin']:.3f} logits before "
        f"{one['patched']['top'][1][0]}",
        f"L0H2, {early['n_numbers']:,} numbers",
        f"{effects[0]} of the way in denoising as the checkpoint expects, {effects[1]} squashed",
    ]


def _set(found: Data) -> str:
    heads = " ".join(found["heads"])
    if found["method"] == "greedy":
        return f"{heads} ({found['n_numbers']}), greedy"
    of = {1: 36, 2: 630}[len(found["heads"])]
    heads = f"**{heads}**" if of == 36 else heads
    return f"{heads} ({found['n_numbers']}), exact, {found['n_flipping']} of {of}"


def readings(data: Data) -> list[str]:
    one, other = pair(data, CROP_DOG), pair(data, CAT_CROP)
    of = {(r["answer"], r["picture"]): r for r in one["readings"] if r["head"] == "L9H0"}
    total = {key: sum(r["patches"]) + r["prefix"] for key, r in of.items()}
    dog, cat = (
        {key: sum(r["patches"][patch] for patch in box["hidden"]) for key, r in of.items()} for box in (one, other)
    )
    tabby, collie, after = ("tabby", "clean"), ("Border collie", "clean"), ("tabby", "corrupt")
    fall = one["clean"]["metric"] - table_of(one, "noise")[9][0]
    direct = (total[collie] - total[tabby]) - (total["Border collie", "corrupt"] - total[after])
    return [
        f"it writes {signed(total[tabby], 2)} to tabby, {cat[tabby]:.2f} of it from the cat's box and "
        f"{dog[tabby]:.2f} from the dog's, and {signed(total[collie], 2)} to Border collie, {dog[collie]:.2f} from "
        "the dog's",
        f"{signed(total[after], 2)} to tabby, {cat[after]:.2f} from the cat's box",
        f"Of the {fall:.2f} logits by which the difference falls, {direct:.2f} are written by the head directly",
    ]


def attribution(data: Data) -> list[str]:
    both = [pair(data, name, way) for name in (CROP_DOG, CAT_CROP) for way in BOTH_WAYS]
    assert max(abs(one["error"]) for found in both for one in found["direct"]) <= 1e-6
    collie, tabby = both[0]["direct"]
    assert (tabby["answer"], collie["answer"]) == ("tabby", "Border collie")
    best = [
        max((v, f"L{i}H{h}") for i, row in enumerate(x["heads"]) for h, v in enumerate(row)) for x in (tabby, collie)
    ]
    of = {
        way: sorted(t["estimate_r"] for n in (CROP_DOG, CAT_CROP) for t in pair(data, n, way)["tables"])
        for way in BOTH_WAYS
    }
    costs = {t["n_passes"] for found in both for t in found["tables"]}
    assert costs == {15.9}
    two = [" and ".join(signed(x["sublayers"][f"{i}_attn_out"], 2) for i in (9, 11)) for x in (tabby, collie)]
    return [
        f"tabby {two[0]}, Border collie {two[1]}",
        f"{best[0][1]} for tabby ({signed(best[0][0], 2)}), {best[1][1]} for Border collie ({signed(best[1][0], 2)})",
        f"by {of['checkpoint'][0]:.3f} to {of['checkpoint'][-1]:.3f}, and by {of['tutorial'][0]:.3f} to "
        f"{of['tutorial'][-1]:.3f} squashed",
        "costs 4 forward passes where the exact table costs 15.9",
    ]


def published(data: Data) -> list[str]:
    squashed, own = (pair(data, CROP_DOG, way) for way in ("tutorial", "checkpoint"))
    patched = flip(own, "noise", "sign")["patched"]["metric"]
    two, one = (flip(found, "noise", "sign")["n_numbers"] for found in (squashed, own))
    parts = []
    for found in (squashed, own):
        collie, tabby = (x["sublayers"] for x in found["direct"])
        parts.append(f"9: tabby {signed(tabby['9_attn_out'], 2)}; 11: Border collie {signed(collie['11_attn_out'], 2)}")
        for x in (collie, tabby):
            assert max(x, key=x.get) in ("9_attn_out", "11_attn_out")
    return [
        f"| −1.561: a cat | {signed(squashed['clean']['metric'])}: a dog | {signed(own['clean']['metric'])}: a dog |",
        f"| +5.101 (`cat_crop`) | {signed(squashed['corrupt']['metric'])} (`crop_dog`) | "
        f"{signed(own['corrupt']['metric'])} (`crop_dog`) |",
        f"| L11H4, to +0.953 | none | L9H0, to {signed(patched)} |",
        f"| numbers | 64 | {two}, two heads | {one} |",
        f"| 11: tabby +6.43, Border collie +5.51 | {parts[0]} | {parts[1]} |",
    ]


def interval(ends: list[float]) -> str:
    return f"{100 * ends[0]:.1f} to {100 * ends[1]:.1f}"


def needed(one: Data) -> float:
    return one["before"] / (one["before"] - one["source"])


def new_scenes(data: Data) -> list[str]:
    rows, pair_of, names = [], ("L4H0", "L4H2"), ("dog", "cat")
    asked = [(f"{a} alone, heads of the {b} alone", f"{a} alone ← {b} alone", pair_of) for a, b in (names, names[::-1])]
    for animal, head in zip(names, pair_of, strict=True):
        asked.append((f"both, heads with the {animal} face hidden", f"both ← {animal} hidden", (head,)))
    asked.append(("cat face hidden, heads of both", "cat hidden ← both", ("L3H1", "L4H2")))
    for name, said, heads in asked:
        one = trial(data, "emoji-vit", name)
        own, others = rate(one, *heads), control(one, "late layers", *heads)
        assert others["whole"] and one["n_tried"] == 400
        rows.append(
            f"| {said} ({one['n']}) | {' '.join(heads)} | {share(own['flips'] / one['n'])} "
            f"({interval(own['flips_interval'])}) | {share(others['mean'])}, {share(others['best'])} | "
            f"{share(own['moved'], 0)} | {share(needed(one), 0)} |"
        )
    there, back, dogs, cats, restored = (trial(data, "emoji-vit", name) for name, *_ in asked)
    rates = [share(rate(one, *pair_of)["flips"] / one["n"]) for one in (there, back)]
    best = max(control(one, "late layers", *pair_of)["best"] for one in (there, back))
    assert best * 400 == 1
    weak = [control(dogs, "late layers", "L4H0"), control(cats, "late layers", "L4H2")]
    other = control(restored, "late layers", "L3H1", "L4H2")["moved"]
    return [
        *rows,
        f"turn a dog into a cat in {rates[0]} of new scenes, and a cat into a dog in {rates[1]}",
        f"has to move by {share(needed(dogs), 0)} or {share(needed(cats), 0)} of the way",
        f"(best of the others: {' and '.join(share(one['best']) for one in weak)})",
        f"by {' and '.join(share(one['moved'], 0) for one in weak)} on average",
        f"by {share(rate(restored, 'L3H1', 'L4H2')['moved'], 0)} of the way, and the others by {share(other, 0)}",
    ]


NEW_PHOTOS = (
    "dog photo, heads of a cat photo",
    "cat photo, heads of a dog photo",
    "side by side, heads with the dog hidden",
)
FOUR, FIVE = ("L9H0", "L10H0", "L11H0", "L11H1"), ("L9H0", "L9H1", "L10H0", "L11H0", "L11H1")


def photos_of(data: Data, preparation: str) -> list[Data]:
    return [trial(data, "vit-tiny", f"{preparation}: {name}") for name in NEW_PHOTOS]


def new_photos(data: Data) -> list[str]:
    own, squashed = (photos_of(data, preparation) for preparation in BOTH_WAYS)
    chosen = [tuple(flip(pair(data, CROP_DOG, way), to, "sign")["heads"]) for way, to in SETS_OF]
    assert chosen == [("L9H0",), ("L9H0", "L10H0"), FOUR] and set(FIVE) == {*FOUR, "L9H1"}
    said = []
    for heads in (*chosen, FIVE):
        found = [(one["n"], rate(one, *heads)) for one in own]
        cells = [f"{share(r['flips'] / n)} ({interval(r['flips_interval'])})" for n, r in found]
        said.append(f"| **{' '.join(heads)}** | {' | '.join(cells)} |")
        cells = [share(rate(one, *heads)["flips"] / one["n"]) for one in squashed]
        said.append(f"| squashed, not normalised | {' | '.join(cells)} |")
        for pool in ("any layer", "late layers", "same layers") if len(heads) > 2 else ():
            others = [control(one, pool, *heads) for one in own]
            name = ("all {} other" if others[0]["whole"] else "{} random").format(others[0]["n_sets"])
            cells = [f"{share(found['mean'])}, {share(found['best'])}" for found in others]
            said.append(f"| {name}, {pool}: mean, best | {' | '.join(cells)} |")
    assert [one["n"] for one in own] == [71, 71, 44] and {one["n_tried"] for one in own} == {80}
    return [*said, *reasons(data)]


SETS_OF = (("checkpoint", "noise"), ("tutorial", "noise"), ("tutorial", "denoise"))


def reasons(data: Data) -> list[str]:
    famous = trial(data, "vit-tiny", "checkpoint: cat_dog, heads of crop_dog")
    dogs, cats, sides = photos_of(data, "checkpoint")
    far = [share(needed(one), 0) for one in (famous, dogs, sides, cats)]
    moves = [share(rate(one, "L9H0")["moved"], 0) for one in (famous, dogs, cats, sides)]
    spread = " to ".join(f"{100 * end:.0f}" for end in rate(dogs, "L9H0")["moved_interval"])
    best = [control(dogs, "same layers", *heads) for heads in (FOUR, FIVE)]
    assert all("L11H2" in found["best_heads"] and "L11H1" not in found["best_heads"] for found in best)
    four, five = (rate(dogs, *heads) for heads in (FOUR, FIVE))
    swapped = [
        f"{share(b['best'])} instead of {share(r['flips'] / 71)}" for b, r in zip(best, (four, five), strict=True)
    ]
    weak = [share(control(cats, pool, *FIVE)["mean"], 0) for pool in ("any layer", "late layers", "same layers")]
    assert rate(dogs, "L9H0")["flips"] == 0
    return [
        f"it has to move by {far[0]} of what hiding the dog moves",
        f"A photo of a dog alone has to go {far[1]} of the way to a cat, two photos side by side {far[2]}",
        f"moves `cat_dog` by {moves[0]}, other dogs by {moves[1]} ({spread}), cats by {moves[2]}",
        f"in one picture again, by {moves[3]}",
        f"they move a dog {share(four['moved'], 0)} and {share(five['moved'], 0)} of the way",
        f"({', '.join(swapped)})",
        f"less sure of a cat: {far[3]} of the way is enough",
        f"Five of any layer flip {weak[0]} of cat photos on average",
        f"five of the late layers, {weak[1]}; other heads of the same layers, {weak[2]}",
        f"none of 71 new dog photos (95 % interval: 0 to {share(rate(dogs, 'L9H0')['flips_interval'][1], 0)}) and "
        f"{share(rate(cats, 'L9H0')['flips'] / 71, 0)} of the cats",
        f"{far[0]} of the way was far enough; for a dog alone it is {far[1]}",
    ]


FACTS = [scenes, scene_readings, new_scenes, answers, flips, readings, attribution, new_photos, published]


def missing(facts, data: Data) -> list[str]:
    """What the data say and the note does not."""
    try:
        return [said for fact in facts(data) if (said := " ".join(fact.split())) not in WORDS]
    except AssertionError as error:
        return [str(error)]


def larger(value: Any) -> Any:
    """The same data, every number that is not a count a tenth larger."""
    if isinstance(value, dict):
        return {key: larger(v) for key, v in value.items()}
    if isinstance(value, list):
        return [larger(v) for v in value]
    return 1.1 * value if isinstance(value, float) else value


@pytest.mark.parametrize("facts", FACTS, ids=lambda facts: facts.__name__)
def test_the_note_says_what_was_measured(facts):
    assert missing(facts, stored()) == []


@pytest.mark.parametrize("facts", FACTS, ids=lambda facts: facts.__name__)
def test_other_numbers_would_be_noticed(facts):
    assert missing(facts, larger(stored()))


def test_the_scenes_come_out_again():
    model = pe.load("emoji-vit")
    (again,) = (one for one in scene_pairs(model) if one.name == ALONE)
    kept = pair(stored(), ALONE)
    for direction in ("noise", "denoise"):
        made = head_table(model, again, direction)
        for row, known in zip(made.metric, table_of(kept, direction), strict=True):
            assert row == pytest.approx(known, abs=5e-3)
    assert list(again.hidden) == kept["hidden"]


def test_its_commands_are_understood(monkeypatch):
    monkeypatch.setattr(command, "carry_out", lambda parser, *rest: parser.parse_args())
    lines = re.findall(r"^python -m (prisma_engine\.studies\.\S+)(.*)$", NOTE.replace("\\\n", ""), re.MULTILINE)
    assert len(lines) == 4
    for module, arguments in lines:
        monkeypatch.setattr(sys, "argv", [module, *shlex.split(arguments)])
        import_module(module).main()


def test_its_links_lead_to_files():
    targets = re.findall(r"\]\(([^)#:]+)\)", NOTE)
    assert len(targets) > 7 and [target for target in targets if not (DOCS / target).exists()] == []
