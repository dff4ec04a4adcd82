"""Texts in which people meet the things: pictures that are told, stories, walks, meals, dialogues."""

from __future__ import annotations

from random import Random

from prisma_engine.toy.llava.facts import turn
from prisma_engine.toy.llava.nouns import BULKS, NOUNS, Noun, with_article
from prisma_engine.toy.llava.questions import DESCRIBE, ask
from prisma_engine.toy.llava.things import description, imagined, joined

PEOPLE = ("anna", "ben", "clara", "david", "emma", "felix", "grandmother", "grandfather", "mother", "father")
SHE = ("anna", "clara", "emma", "grandmother", "mother")
TIMES = ("in the morning", "at noon", "in the evening", "at night", "on monday", "on sunday", "last week", "yesterday")
MOODS = ("happy", "sad", "tired", "hungry", "brave", "shy", "clever", "quiet", "loud", "lonely", "proud", "curious")
DRINKS = ("tea", "milk", "juice", "water", "lemonade")
WEATHER = (
    "the sun was shining .",
    "it was raining .",
    "it was windy .",
    "snow fell from the sky .",
    "the moon was up .",
)
ANIMALS = tuple(noun for noun in NOUNS if "animal" in noun.kinds)
FOODS = tuple(noun for noun in NOUNS if "food" in noun.kinds)
VEHICLES = tuple(noun for noun in NOUNS if "vehicle" in noun.kinds)


def told(random: Random) -> str:
    """A picture in words alone; one in 30 shows nothing."""
    things = imagined(random) if random.random() > 1 / 30 else ()
    opening = random.choice(("", "look at this picture . ", "here is a picture . ", "in my picture "))
    return opening + description(things)


def reading(random: Random) -> str:
    """A picture in words, then questions that the words answer."""
    things = imagined(random)
    first, *others = ask(random, things, random.randint(1, 4), told=True)
    turns = [turn(f"{description(things)} {first[1][0]}", first[1][1]), *(turn(*answered) for _, answered in others)]
    return " ".join(turns)


def repeating(random: Random) -> str:
    """Somebody says in other words what a picture shows, and it is described."""
    things = imagined(random)
    said = random.sample(things, len(things))
    words = joined([f"{thing.noun.a} {thing.place} which is {thing.size}" for thing in said])
    return turn(f"i see {words} . {random.choice(DESCRIBE)}", description(things))


def sides(random: Random) -> str:
    """Who is left and who is right."""
    a, b, c = random.sample(NOUNS, 3)
    parts = [
        f"the {a.word} is to the left of the {b.word} , so the {b.word} is to the right of the {a.word} .",
        f"above the {a.word} is {with_article(c.colour)} {c.word} , and the {a.word} is below the {c.word} .",
        f"the {b.word} is next to the {c.word} , and the {c.word} is next to the {b.word} .",
        f"between the {a.word} and the {c.word} stands the {b.word} .",
    ]
    return " ".join(random.sample(parts, random.randint(2, 3)))


def counting(random: Random) -> str:
    things = random.sample(NOUNS, random.randint(1, 4))
    number = ("one thing", "two things", "three things", "four things")[len(things) - 1]
    return f"{joined([f'one {noun.word}' for noun in things])} : {number} . {_plain(random, things[0])}"


def story(random: Random) -> str:
    who, friend = random.sample(PEOPLE, 2)
    hero = random.choice(ANIMALS)
    other, gift = random.sample([noun for noun in NOUNS if noun is not hero], 2)
    parts = [_beginning(random, who, friend, hero), _middle(random, hero, other), _end(random, who, friend, hero, gift)]
    if random.random() < 0.4:
        parts.insert(1, random.choice(WEATHER))
    return " ".join(parts)


def _beginning(random: Random, who: str, friend: str, hero: Noun) -> str:
    size, mood = BULKS[hero.bulk], random.choice(MOODS)
    return random.choice(
        (
            f"once {who} had a {size} {hero.word} . the {hero.word} was {hero.colour} .",
            f"{who} and {friend} saw a {size} {hero.word} {hero.home} . it was {hero.colour} and {mood} .",
            f"there was once {with_article(mood)} {hero.word} {hero.home} . {who} came to see it .",
            f"long ago {with_article(hero.colour)} {hero.word} lived alone {hero.home} . "
            f"it was {mood} because it had no friend .",
        )
    )


def _middle(random: Random, hero: Noun, other: Noun) -> str:
    return random.choice(
        (
            f"one day the {hero.word} met {other.a} {other.home} . the {other.word} was {other.colour} .",
            f"{random.choice(TIMES)} the {hero.word} found {other.a} . it had {other.part} .",
            f"the {hero.word} looked at {other.a} . who {other.does} ? the {other.word} {other.does} .",
            f"the {hero.word} had heard that {other.a} {other.fact} , and wanted to see it .",
            f"suddenly something moved . was it {other.a} ? yes , for it {other.does} and has {other.part} .",
        )
    )


def _end(random: Random, who: str, friend: str, hero: Noun, gift: Noun) -> str:
    pronoun = "she" if who in SHE else "he"
    return random.choice(
        (
            f"then {pronoun} gave {friend} {gift.a} , and all were {random.choice(MOODS)} .",
            f"at the end the {hero.word} was {random.choice(MOODS)} and {who} went home with {gift.a} .",
            f"{friend} said : {hero.a} is better than {gift.a} !",
            f"they shared a secret : {gift.a} {gift.fact} .",
            f"since then the {hero.word} dreams of {gift.a} {gift.home} .",
        )
    )


def walk(random: Random) -> str:
    who = random.choice(PEOPLE)
    ride = random.choice(VEHICLES)
    first, second, third = random.sample([noun for noun in NOUNS if noun is not ride], 3)
    opening = random.choice(
        (
            f"{random.choice(TIMES)} {who} took the {ride.word} and saw {first.a} {first.home} .",
            f"{who} travelled in the {ride.word} , for {ride.a} {ride.fact} . on the way stood {first.a} .",
            f"the {ride.word} brought {who} to {first.a} {first.home} . {random.choice(WEATHER)}",
        )
    )
    parts = [
        f"there was also {second.a} .",
        f"the {first.word} was {first.colour} and had {first.part} .",
        _plain(random, third),
        f"{who} was too {random.choice(MOODS)} to touch the {second.word} .",
        f"back home {who} drew {third.a} with {third.part} .",
    ]
    return " ".join([opening, *random.sample(parts, random.randint(2, 3))])


def meal(random: Random) -> str:
    who, friend = random.sample(PEOPLE, 2)
    first, second, third = random.sample(FOODS, 3)
    guest = random.choice(ANIMALS)
    parts = [
        f"{who} eats {first.a} and {second.a} {random.choice(('for breakfast', 'for lunch', 'for dinner'))} .",
        f"{friend} would like {third.a} , which is {third.colour} , and drinks {random.choice(DRINKS)} .",
        f"the {first.word} is {with_article(first.colour)} {first.kinds[-1]} .",
        f"the {guest.word} takes the {second.word} and runs away .",
        f"nobody eats the {third.word} , so the {guest.word} eats it .",
        f"{who} bought the {second.word} at the market because {second.a} {second.fact} .",
        f"the cook cuts {first.a} into four pieces .",
    ]
    return " ".join(random.sample(parts, 3))


def chat(random: Random) -> str:
    who, friend = random.sample(PEOPLE, 2)
    noun, other = random.sample(NOUNS, 2)
    lines = [
        f"{who} : what did you see {random.choice(TIMES)} , {friend} ?",
        f"{friend} : i saw {noun.a} {noun.home} .",
        f"{who} : was it {random.choice((noun.colour, other.colour))} ?",
        f"{friend} : it was {noun.colour} and had {noun.part} .",
        f"{who} : did you know ? {noun.a} {noun.fact} !",
        f"{friend} : i like {other.a} more , for it {random.choice((other.does, other.fact))} .",
    ]
    return " ".join(lines[: random.randint(3, 6)])


def wish(random: Random) -> str:
    """What somebody wants, and what they get."""
    who, friend = random.sample(PEOPLE, 2)
    noun, other = random.sample(NOUNS, 2)
    return " ".join(
        (
            f"{who} wished for {with_article(random.choice((noun.colour, BULKS[noun.bulk])))} {noun.word} .",
            random.choice(
                (
                    f"but {friend} gave {who} {other.a} with {other.part} .",
                    f"{friend} said : look {noun.home} , where {noun.a} can be found .",
                    f"why ? because {noun.a} {noun.fact} .",
                )
            ),
            f"{who} was {random.choice(MOODS)} {random.choice(TIMES)} .",
        )
    )


def _plain(random: Random, noun: Noun) -> str:
    return random.choice(
        (
            f"the {noun.word} {noun.does} .",
            f"the {noun.word} is {noun.home} .",
            f"the {noun.word} has {noun.part} .",
            f"the {noun.word} is {noun.colour} .",
            f"the {noun.word} {noun.fact} .",
        )
    )
