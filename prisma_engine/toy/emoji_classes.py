"""The classes of the emoji scenes: one emoji and one short name each, index = class index."""

from __future__ import annotations

EMOJI_CLASSES: tuple[tuple[str, str], ...] = (
    ("🐱", "cat face"),
    ("🐈", "cat"),
    ("🐶", "dog face"),
    ("🐕", "dog"),
    ("🐩", "poodle"),
    ("🦁", "lion"),
    ("🐯", "tiger face"),
    ("🐆", "leopard"),
    ("🦌", "deer"),
    ("🦊", "fox"),
    ("🐺", "wolf"),
    ("🐻", "bear"),
    ("🐼", "panda"),
    ("🐨", "koala"),
    ("🐵", "monkey face"),
    ("🐸", "frog"),
    ("🐷", "pig face"),
    ("🐮", "cow face"),
    ("🐰", "rabbit face"),
    ("🐘", "elephant"),
    ("🦒", "giraffe"),
    ("🦓", "zebra"),
    ("🐧", "penguin"),
    ("🦉", "owl"),
    ("🐔", "chicken"),
    ("🦆", "duck"),
    ("🦋", "butterfly"),
    ("🐝", "bee"),
    ("🐢", "turtle"),
    ("🐙", "octopus"),
    ("🐠", "tropical fish"),
    ("🦈", "shark"),
    ("🍌", "banana"),
    ("🍏", "green apple"),
    ("🍎", "red apple"),
    ("🥯", "bagel"),
    ("🍓", "strawberry"),
    ("🍊", "tangerine"),
    ("🍇", "grapes"),
    ("🍉", "watermelon"),
    ("🍍", "pineapple"),
    ("🥕", "carrot"),
    ("🌽", "corn"),
    ("🍄", "mushroom"),
    ("🍕", "pizza"),
    ("🍔", "hamburger"),
    ("🍩", "doughnut"),
    ("🧀", "cheese"),
    ("🚽", "toilet"),
    ("🛁", "bathtub"),
    ("🏀", "basketball"),
    ("⚽", "soccer ball"),
    ("🎾", "tennis ball"),
    ("🚗", "car"),
    ("🚌", "bus"),
    ("🚲", "bicycle"),
    ("🚁", "helicopter"),
    ("🚀", "rocket"),
    ("⛵", "sailboat"),
    ("🎸", "guitar"),
    ("🎈", "balloon"),
    ("📷", "camera"),
    ("⏰", "alarm clock"),
    ("🌻", "sunflower"),
)

EMOJI: tuple[str, ...] = tuple(emoji for emoji, _ in EMOJI_CLASSES)
NAMES: tuple[str, ...] = tuple(name for _, name in EMOJI_CLASSES)


def class_index(name_or_index: str | int) -> int:
    """Class index of a name, an emoji or an index that is already one.

    Raises:
        ValueError: if there is no such class.
    """
    if isinstance(name_or_index, int):
        if 0 <= name_or_index < len(NAMES):
            return name_or_index
    elif name_or_index in NAMES:
        return NAMES.index(name_or_index)
    elif name_or_index in EMOJI:
        return EMOJI.index(name_or_index)
    raise ValueError(f"no emoji class {name_or_index!r}; there are {len(NAMES)}, from {NAMES[0]!r} to {NAMES[-1]!r}")
