"""The two collections on the Hub: the models, and the SAEs."""

from __future__ import annotations

from collections.abc import Sequence

from huggingface_hub import HfApi

from model_cards.publish.patience import Patience

MODELS = "Toy ViTs"
SAES = "SAEs"
ABOUT = {
    MODELS: "Vision transformers small enough to read, each with the weights of its whole training.",
    SAES: "Sparse autoencoders and transcoders of vision transformers.",
}


def collect(api: HfApi, owner: str, title: str, names: Sequence[str], private: bool, patience: Patience) -> list[str]:
    """Put repositories into a collection, making it if need be, and return those that were not in it yet.

    Args:
        names: "owner/name" each.

    Raises:
        PublishError: one sentence.
    """
    what = f"{owner}/{title}"
    return patience.keep_trying(lambda: _collect(api, owner, title, names, private), what)


def _collect(api: HfApi, owner: str, title: str, names: Sequence[str], private: bool) -> list[str]:
    found = next((each for each in api.list_collections(owner=owner) if each.title == title), None)
    if found is None:
        found = api.create_collection(title, namespace=owner, description=ABOUT[title], private=private, exists_ok=True)
    # The list of collections holds only the first few items of each.
    there = {item.item_id for item in api.get_collection(found.slug).items}
    new = [name for name in names if name not in there]
    for name in new:
        api.add_collection_item(found.slug, name, "model", exists_ok=True)
    return new
