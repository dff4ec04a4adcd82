"""A Space's README.md: the front matter by which the Hub builds, runs and shows it, then a few sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from huggingface_hub import SpaceCardData

from apps.common import catalog
from apps.common.revisions import Pin
from space_configs.config import SpaceConfig
from space_configs.requirements import is_zero_gpu, pins

APP, THUMBNAIL = "app.py", "thumbnail.png"
PYTHON, ZERO_GPU_PYTHON = "3.11", "3.12.12"
LICENCES = """Code: MIT, see `LICENSE`. Emoji: a subset of Noto Color Emoji, SIL Open Font Licence 1.1, see
`prisma_engine/labels/data/OFL.txt`. Words: WordNet, see `prisma_engine/labels/data/WORDNET.txt`."""


def readme(config: SpaceConfig, hardware: str, owner: str | None, models: Sequence[str]) -> str:
    """The whole file.

    Args:
        owner: whose Space it is; without one, what needs an address on the Hub is left out.
        models: folders of our own models that travel along.
    """
    yaml = front_matter(config, hardware, owner, models, catalog.PINS)
    return f"---\n{yaml}\n---\n\n# {config.title}\n\n{config.about.strip()}\n\n{LICENCES}\n"


def front_matter(
    config: SpaceConfig, hardware: str, owner: str | None, models: Sequence[str], known: Mapping[str, Pin]
) -> str:
    """The YAML without its fences."""
    ours = [f"{owner}/{name}" for name in models] if owner else []
    data = SpaceCardData(
        title=config.title,
        emoji=config.emoji,
        colorFrom=config.color_from,
        colorTo=config.color_to,
        sdk="gradio",
        sdk_version=pins()["gradio"],
        python_version=ZERO_GPU_PYTHON if is_zero_gpu(hardware) else PYTHON,
        app_file=APP,
        suggested_hardware=hardware,
        startup_duration_timeout=config.startup_timeout,
        short_description=config.short_description,
        thumbnail=thumbnail(owner, config.name) if owner else None,
        fullWidth=True,
        header="mini",
        pinned=config.pinned,
        license="mit",
        models=[*ours, *(offer.id for offer in catalog.HUB)],
        datasets=list(config.datasets) or None,
        tags=list(config.tags) or None,
        preload_from_hub=preloaded(config, known) or None,
    )
    return data.to_yaml(line_break="\n").strip()


def thumbnail(owner: str, name: str) -> str:
    """The address of a Space's picture on the Hub."""
    return f"https://huggingface.co/spaces/{owner}/{name}/resolve/main/{THUMBNAIL}"


def preloaded(config: SpaceConfig, known: Mapping[str, Pin]) -> list[str]:
    """Lines of `preload_from_hub`, "id files commit", of the models whose commit is known."""
    return [f"{name} {','.join(known[name].files)} {known[name].commit}" for name in config.preload if name in known]


def unpinned(config: SpaceConfig, known: Mapping[str, Pin]) -> list[str]:
    """Models of the catalog whose commit nobody has looked up yet."""
    offered = {offer.id for offer in catalog.HUB if offer.revision is None}
    return sorted((offered | set(config.preload)) - set(known))
