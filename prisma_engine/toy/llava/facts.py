"""Texts about what the things are like, whoever sees them: definitions, lists, riddles, comparisons, questions."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from prisma_engine.toy.llava.nouns import BULKS, COLOURS, KINDS, NOUNS, Noun, with_article
from prisma_engine.toy.llava.things import joined

USER, ASSISTANT, EOS = "<user>", "<assistant>", "<eos>"


def turn(question: str, answer: str) -> str:
    """One question of the user and its answer."""
    return f"{USER} {question} {ASSISTANT} {answer} {EOS}"


def definition(random: Random) -> str:
    noun = random.choice(NOUNS)
    first = f"{noun.a} is {with_article(random.choice(noun.kinds))} ."
    return " ".join([first, *random.sample(_sentences(random, noun), random.randint(2, 4))])


def _sentences(random: Random, noun: Noun) -> list[str]:
    """True sentences about a noun, each in one of several forms."""
    other = random.choice([colour for colour in COLOURS if colour != noun.colour])
    lives = "lives" if "animal" in noun.kinds else "belongs"
    pick = random.choice
    return [
        pick((f"it is {noun.colour} .", f"its colour is {noun.colour} .", f"it is {noun.colour} and not {other} .")),
        pick((f"it {lives} {noun.home} .", f"you find {noun.a} {noun.home} .", f"look for it {noun.home} .")),
        pick((f"it {noun.does} .", f"{noun.a} {noun.does} .", f"listen and look : it {noun.does} .")),
        pick((f"it has {noun.part} .", f"{noun.a} has {noun.part} .")),
        pick((f"it is {BULKS[noun.bulk]} .", f"{noun.a} is {with_article(BULKS[noun.bulk])} thing .")),
        pick((f"it {noun.fact} .", f"{noun.a} {noun.fact} .", f"everybody knows that it {noun.fact} .")),
    ]


def listing(random: Random) -> str:
    """Things that share something: a colour, a kind, a home, a size."""
    parts = []
    for _ in range(2):
        heading, members = random.choice(_GROUPS)
        chosen = random.sample(members, min(len(members), random.randint(3, 5)))
        parts.append(f"{heading} : {' , '.join(noun.a for noun in chosen)} .")
    return " ".join(parts)


def _groups() -> list[tuple[str, list[Noun]]]:
    of = [
        *((f"things that are {c}", [n for n in NOUNS if n.colour == c]) for c in COLOURS),
        *((f"{c} things", [n for n in NOUNS if n.colour == c]) for c in COLOURS),
        *((f"each of these is {with_article(k)}", [n for n in NOUNS if k in n.kinds]) for k in KINDS),
        *((f"we know more than one {k}", [n for n in NOUNS if k in n.kinds]) for k in KINDS),
        *((f"things {h}", [n for n in NOUNS if n.home == h]) for h in dict.fromkeys(n.home for n in NOUNS)),
        *((f"things that are {b}", [n for n in NOUNS if n.bulk == i]) for i, b in enumerate(BULKS)),
        *((f"it has {p}", [n for n in NOUNS if n.part == p]) for p in dict.fromkeys(n.part for n in NOUNS)),
    ]
    return [(heading, members) for heading, members in of if len(members) > 1]


_GROUPS = _groups()

_HINTS: tuple[tuple[Callable[[Noun], object], Callable[[Noun], str]], ...] = (
    (lambda noun: noun.kinds, lambda noun: f"it is {with_article(noun.kinds[-1])}"),
    (lambda noun: noun.colour, lambda noun: f"it is {noun.colour}"),
    (lambda noun: noun.home, lambda noun: f"you find it {noun.home}"),
    (lambda noun: noun.does, lambda noun: f"it {noun.does}"),
    (lambda noun: noun.part, lambda noun: f"it has {noun.part}"),
    (lambda noun: noun.bulk, lambda noun: f"it is {BULKS[noun.bulk]}"),
    (lambda noun: noun.fact, lambda noun: f"it {noun.fact}"),
)
"""What of a noun a hint gives away, and the hint."""


def riddle(random: Random) -> str:
    """Hints until only one thing is meant, then its name."""
    noun = random.choice(NOUNS)
    left, hints = list(NOUNS), []
    for what, words in random.sample(_HINTS, len(_HINTS)):
        if len(left) > 1 or len(hints) < 3:
            left = [each for each in left if what(each) == what(noun)]
            hints.append(words(noun))
    asked = f"{joined(hints)} . what is it ?"
    return turn(asked, f"{noun.a} .") if random.random() < 0.5 else f"{asked} it is {noun.a} ."


def comparison(random: Random) -> str:
    a, b = random.sample(NOUNS, 2)
    while a.bulk == b.bulk:
        a, b = random.sample(NOUNS, 2)
    big, small = (a, b) if a.bulk > b.bulk else (b, a)
    found = [
        random.choice((f"{big.a} is bigger than {small.a} .", f"{small.a} is smaller than {big.a} .")),
        f"{a.a} is {a.colour} and {b.a} is {b.colour} {'too ' if a.colour == b.colour else ''}.",
        f"you find {a.a} {a.home} and {b.a} {b.home} .",
        f"{a.a} has {a.part} , but {b.a} has {b.part} ." if a.part != b.part else f"both have {a.part} .",
        f"{a.a} is {with_article(a.kinds[-1])} and {b.a} is {with_article(b.kinds[-1])} .",
    ]
    return " ".join(random.sample(found, random.randint(2, 4)))


def quiz(random: Random) -> str:
    """Some questions about different things, each with its answer."""
    return " ".join(turn(*random.choice(_QUIZ)(random, noun)) for noun in random.sample(NOUNS, random.randint(2, 3)))


def _is_it(random: Random, noun: Noun) -> tuple[str, str]:
    right = random.random() < 0.5
    kind = random.choice(noun.kinds if right else [kind for kind in KINDS if kind not in noun.kinds])
    return f"is {noun.a} {with_article(kind)} ?", "yes ." if right else "no ."


def _is_colour(random: Random, noun: Noun) -> tuple[str, str]:
    right = random.random() < 0.5
    colour = noun.colour if right else random.choice([colour for colour in COLOURS if colour != noun.colour])
    return f"is {noun.a} {colour} ?", "yes ." if right else f"no , it is {noun.colour} ."


def _bigger(random: Random, noun: Noun) -> tuple[str, str]:
    other = random.choice([each for each in NOUNS if each.bulk != noun.bulk])
    big = noun if noun.bulk > other.bulk else other
    return f"which is bigger , {noun.a} or {other.a} ?", f"{big.a} ."


_QUIZ: tuple[Callable[[Random, Noun], tuple[str, str]], ...] = (
    lambda random, noun: (f"what colour is {noun.a} ?", f"{noun.colour} ."),
    lambda random, noun: (f"where do you find {noun.a} ?", f"{noun.home} ."),
    lambda random, noun: (f"what kind of thing is {noun.a} ?", f"{with_article(noun.kinds[0])} ."),
    lambda random, noun: (f"what does {noun.a} have ?", f"it has {noun.part} ."),
    lambda random, noun: (f"what does {noun.a} do ?", f"it {noun.does} ."),
    lambda random, noun: (f"what is special about {noun.a} ?", f"it {noun.fact} ."),
    lambda random, noun: (f"who or what {noun.fact} ?", f"{noun.a} ."),
    _is_it,
    _is_colour,
    _bigger,
)


def odd_one_out(random: Random) -> str:
    kind = random.choice([kind for kind in KINDS if sum(kind in noun.kinds for noun in NOUNS) > 3])
    stranger = random.choice([noun for noun in NOUNS if kind not in noun.kinds])
    shown = [*random.sample([noun for noun in NOUNS if kind in noun.kinds], random.randint(2, 3)), stranger]
    random.shuffle(shown)
    asked = f"which of these is no {kind} : {' , '.join(noun.a for noun in shown)} ?"
    return turn(asked, f"the {stranger.word} .")
