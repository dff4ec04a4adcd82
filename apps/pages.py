"""Every page of the suite, in order. A new page is one entry here."""

from apps.attention_tour import app as attention_tour
from apps.cat_dog_patching import app as cat_dog_patching
from apps.dogit_lens import app as dogit_lens
from apps.landing import PageCard
from apps.sae_steering import app as sae_steering
from apps.vlm_steering import app as vlm_steering

PAGES = (
    PageCard(
        "Dogit Lens",
        "dogit-lens",
        "What would the model call each patch, if it stopped here? Every patch at every layer, read as an emoji.",
        dogit_lens.page,
        dogit_lens.card_picture,
        dogit_lens.miniature,
    ),
    PageCard(
        "Attention Tour",
        "attention-tour",
        "Where does every head look? All of them on one wall, any of them patch by patch, and what kind of head it is.",
        attention_tour.page,
        attention_tour.card_picture,
    ),
    PageCard(
        "Cat–Dog Patching",
        "cat-dog-patching",
        "Which heads decide? Put what a few of them computed for one picture into another, and the answer flips.",
        cat_dog_patching.page,
        cat_dog_patching.card_picture,
    ),
    PageCard(
        "SAE Steering",
        "sae-steering",
        "What is the model made of here? See which few latents are active at each patch, turn one down, and the "
        "answer changes.",
        sae_steering.page,
        sae_steering.card_picture,
    ),
    PageCard(
        "Steering a LLaVA",
        "vlm-steering",
        "What does it say if it does not think of the dog? A model describes a picture; turn down what an SAE of text "
        "finds in it, and read on.",
        vlm_steering.page,
        vlm_steering.card_picture,
    ),
)
