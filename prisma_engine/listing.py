"""Which models there are to load: embedded, in the Hub's cache on this machine, and in a collection on the Hub."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from prisma_engine.hub import sentences
from prisma_engine.load import embedded_models, models_folder

COLLECTION = "Toy ViTs"
"""Title of the collection that `python -m model_cards publish` fills."""


@dataclass(frozen=True)
class Listed:
    """A model that `load` takes by name.

    Attributes:
        where: "embedded" and "cached" need no network.
        n_bytes: of its weights on this machine; None where they are still on the Hub (`prisma_engine.hub.weights`).
        revisions: what was downloaded of a cached model: commits, and the tags and branches that name them.
    """

    name: str
    where: Literal["embedded", "cached", "hub"]
    n_bytes: int | None = None
    revisions: tuple[str, ...] = ()


def list_models(owner: str | None = None) -> tuple[Listed, ...]:
    """The models that ship, those of any origin in the Hub's cache, and an owner's collection of toy models.

    Args:
        owner: whose collection on the Hub to look at; none, and no network, when None.

    Raises:
        LoadError: if the Hub does not answer for the collection.
    """
    here = [*_embedded(), *_cached()]
    known = {each.name for each in here}
    there = _collected(owner) if owner else []
    return (*here, *(each for each in there if each.name not in known))


def _embedded() -> list[Listed]:
    folder = models_folder()
    return [
        Listed(name, "embedded", (folder / name / "model.safetensors").stat().st_size) for name in embedded_models()
    ]


def _cached() -> list[Listed]:
    """Repositories in the cache that hold weights and a config that says what for."""
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        repos = scan_cache_dir().repos
    except CacheNotFound:
        return []
    found = []
    for repo in sorted(repos, key=lambda repo: repo.repo_id):
        whole = [r for r in repo.revisions if repo.repo_type == "model" and _is_model(r.snapshot_path)]
        if whole:
            newest = max(whole, key=lambda revision: revision.last_modified)
            names = {name for r in whole for name in (*r.refs, *(() if r.refs else (r.commit_hash,)))}
            size = sum(f.size_on_disk for f in newest.files if f.file_name.endswith(".safetensors"))
            found.append(Listed(repo.repo_id, "cached", size, tuple(sorted(names))))
    return found


def _is_model(folder: Path) -> bool:
    """Whether a snapshot is a model rather than an SAE, a text model's tokenizer or half a download."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    weights = any(folder.glob("model*.safetensors"))
    return weights and isinstance(config, dict) and config.get("architecture") not in ("SAE", "SAEs")


def _collected(owner: str) -> list[Listed]:
    from huggingface_hub import HfApi

    with sentences(f"the collection “{COLLECTION}” of {owner}", None):
        api = HfApi()
        slugs = [each.slug for each in api.list_collections(owner=owner) if each.title == COLLECTION]
        items = [item for slug in slugs for item in api.get_collection(slug).items]
    return [Listed(item.item_id, "hub") for item in items if item.item_type == "model"]
