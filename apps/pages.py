"""Every page of the suite, in order. A new page is one entry here."""

from apps.dogit_lens import app as dogit_lens
from apps.landing import PageCard

PAGES = (
    PageCard(
        "Dogit Lens",
        "dogit-lens",
        "What would the model call each patch, if it stopped here? Every patch at every layer, read as an emoji.",
        dogit_lens.page,
        dogit_lens.card_picture,
        dogit_lens.miniature,
    ),
)
