"""Class names, their emoji and their colours, and the emoji font that draws them everywhere alike.

vocabulary  names, emoji and colours of a model's classes; `index` and `search`
guess       an emoji for a name that nobody has reviewed
color       one colour per emoji, read from a table
font        emoji as pictures, from the font in `data/`
build       rebuilds `data/` (with wordnet, subset and palette); not needed at run time
"""

from prisma_engine.labels import font
from prisma_engine.labels.color import emoji_color
from prisma_engine.labels.vocabulary import Vocabulary, imagenet1k, vocabulary, vocabulary_of

__all__ = ["Vocabulary", "emoji_color", "font", "imagenet1k", "vocabulary", "vocabulary_of"]
