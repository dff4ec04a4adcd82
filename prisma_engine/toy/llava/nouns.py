"""What emoji-llava has to say of each of the 64 emoji classes: one word for it, and what is true of it."""

from __future__ import annotations

from dataclasses import dataclass

from prisma_engine.toy.emoji_classes import NAMES


@dataclass(frozen=True)
class Noun:
    """A class in words, each of them one token.

    Attributes:
        word: its name.
        kinds: what it is a case of, the widest first.
        colour: as it is drawn.
        home: where it is found, with its preposition and article.
        does: a verb in the third person.
        part: what it has, with its article where it needs one.
        bulk: how big the real thing is, an index into `BULKS`.
        fact: something else that it is known for, beginning with a verb in the third person.
    """

    word: str
    kinds: tuple[str, ...]
    colour: str
    home: str
    does: str
    part: str
    bulk: int
    fact: str

    @property
    def a(self) -> str:
        """With the indefinite article."""
        return with_article(self.word)


BULKS = ("tiny", "little", "big", "huge")


def with_article(word: str) -> str:
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"


# emoji class | word | kinds | colour | home | does | part | bulk | fact
_TABLE = """
cat face | kitten | animal pet | yellow | in the house | purrs | whiskers | 0 | plays with wool
cat | cat | animal pet | yellow | in the house | meows | a tail | 1 | drinks milk
dog face | puppy | animal pet | white | in the yard | whines | floppy ears | 1 | chews old shoes
dog | dog | animal pet | brown | in the yard | barks | a tail | 1 | guards the gate
poodle | poodle | animal pet | grey | in the park | yaps | curly hair | 1 | wins prizes at shows
lion | lion | animal hunter | brown | in the savanna | roars | a mane | 2 | is king of all
tiger face | tiger | animal hunter | orange | in the jungle | growls | stripes | 2 | swims across rivers
leopard | leopard | animal hunter | yellow | in the jungle | prowls | spots | 2 | hides behind leaves
deer | deer | animal | brown | in the forest | leaps | antlers | 2 | fears every noise
fox | fox | animal hunter | orange | in the forest | sneaks | a tail | 1 | steals eggs
wolf | wolf | animal hunter | grey | in the forest | howls | sharp teeth | 2 | hunts under the moon
bear | bear | animal | brown | in the forest | growls | fur | 2 | loves honey
panda | panda | animal | white | in the jungle | climbs | fur | 2 | eats bamboo
koala | koala | animal | grey | in the tree | sleeps | big ears | 1 | hugs branches
monkey face | monkey | animal | brown | in the jungle | climbs | hands | 1 | plays tricks
frog | frog | animal | green | in the pond | croaks | long legs | 0 | catches flies
pig face | pig | animal | pink | on the farm | grunts | a snout | 2 | rolls in mud
cow face | cow | animal | white | on the farm | moos | horns | 2 | gives milk
rabbit face | rabbit | animal pet | grey | in the meadow | hops | long ears | 1 | digs holes under grass
elephant | elephant | animal | grey | in the savanna | trumpets | a trunk | 3 | never forgets
giraffe | giraffe | animal | yellow | in the savanna | grazes | a long neck | 3 | reaches the highest branches
zebra | zebra | animal | white | in the savanna | gallops | stripes | 2 | runs with its herd
penguin | penguin | animal bird | black | on the ice | waddles | a beak | 1 | slides over snow
owl | owl | animal bird | brown | in the forest | hoots | feathers | 1 | wakes after dark
chicken | chicken | animal bird | white | on the farm | clucks | a beak | 1 | lays eggs
duck | duck | animal bird | brown | in the pond | quacks | feathers | 1 | paddles over water
butterfly | butterfly | animal insect | orange | in the garden | flutters | wings | 0 | was once a worm
bee | bee | animal insect | yellow | in the garden | buzzes | a sting | 0 | makes honey
turtle | turtle | animal | green | in the pond | crawls | a shell | 1 | walks very slowly
octopus | octopus | animal | pink | in the sea | swims | eight arms | 1 | changes its shape
tropical fish | fish | animal pet | yellow | in the sea | swims | fins | 0 | breathes under water
shark | shark | animal hunter | grey | in the sea | swims | sharp teeth | 3 | scares all swimmers
banana | banana | food fruit | yellow | in the kitchen | ripens | a peel | 0 | grows in warm lands
green apple | green-apple | food fruit | green | in the orchard | ripens | a core | 0 | tastes sour
red apple | apple | food fruit | red | in the orchard | ripens | a core | 0 | tastes sweet
bagel | bagel | food snack | brown | in the bakery | crunches | a hole | 0 | is good for breakfast
strawberry | strawberry | food fruit | red | in the garden | ripens | tiny seeds | 0 | goes well with cream
tangerine | tangerine | food fruit | orange | in the orchard | ripens | a peel | 0 | smells of winter
grapes | grape | food fruit | purple | in the vineyard | ripens | tiny seeds | 0 | becomes wine or juice
watermelon | watermelon | food fruit | red | in the field | ripens | black seeds | 1 | cools us in summer
pineapple | pineapple | food fruit | yellow | in the field | ripens | a crown | 1 | stings the tongue a little
carrot | carrot | food vegetable | orange | in the garden | crunches | a root | 0 | is good for your eyes
corn | corn | food vegetable | yellow | in the field | pops | leaves | 1 | stands high before harvest
mushroom | mushroom | food vegetable | red | in the forest | grows | a cap | 0 | comes up after rain
pizza | pizza | food meal | orange | in the oven | steams | a crust | 1 | comes from italy
hamburger | hamburger | food meal | brown | in the kitchen | steams | a bun | 0 | is sold with fries
doughnut | doughnut | food snack | brown | in the bakery | crumbles | a hole | 0 | is covered with sugar
cheese | cheese | food snack | yellow | in the kitchen | smells | holes | 0 | is made from milk
toilet | toilet | furniture | white | in the bathroom | flushes | a lid | 2 | is cleaned every week
bathtub | bathtub | furniture | white | in the bathroom | fills | a tap | 2 | is full of warm water
basketball | basketball | toy ball | orange | in the gym | bounces | black lines | 1 | flies through a ring
soccer ball | football | toy ball | white | in the stadium | rolls | black spots | 1 | is kicked into a goal
tennis ball | racket | toy | blue | in the gym | swings | strings | 1 | hits a small ball
car | car | vehicle | red | on the road | drives | four wheels | 2 | needs fuel
bus | bus | vehicle | blue | on the road | drives | many seats | 3 | stops at every corner
bicycle | bicycle | vehicle | blue | on the path | rolls | two wheels | 2 | needs strong legs
helicopter | helicopter | vehicle | yellow | in the sky | hovers | a rotor | 3 | lands on roofs
rocket | rocket | vehicle | red | in space | zooms | an engine | 3 | leaves the earth
sailboat | sailboat | vehicle | red | on the lake | sails | a mast | 3 | needs wind
guitar | guitar | thing instrument | red | on the stage | sounds | strings | 1 | makes music
balloon | balloon | toy | red | at the party | floats | a string | 1 | breaks with a bang
camera | camera | thing tool | black | on the shelf | clicks | a lens | 0 | takes photos
alarm clock | clock | thing tool | red | on the shelf | ticks | hands | 0 | wakes people early
sunflower | sunflower | plant | yellow | in the field | blooms | petals | 1 | turns to the sun
"""


def _read() -> tuple[Noun, ...]:
    found: dict[str, Noun] = {}
    for line in _TABLE.strip().splitlines():
        name, word, kinds, colour, home, does, part, bulk, fact = (each.strip() for each in line.split("|"))
        found[name] = Noun(word, tuple(kinds.split()), colour, home, does, part, int(bulk), fact)
    return tuple(found[name] for name in NAMES)


NOUNS: tuple[Noun, ...] = _read()
"""In the order of the emoji classes."""
WORDS: tuple[str, ...] = tuple(noun.word for noun in NOUNS)
KINDS: tuple[str, ...] = tuple(dict.fromkeys(kind for noun in NOUNS for kind in noun.kinds))
COLOURS: tuple[str, ...] = tuple(dict.fromkeys(noun.colour for noun in NOUNS))


def class_of(word: str) -> int | None:
    """The emoji class that a word names; None for any other word."""
    return WORDS.index(word) if word in WORDS else None
