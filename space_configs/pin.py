"""Looking up the commits of the catalog's models on the Hub."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

from huggingface_hub import HfApi, ModelInfo
from huggingface_hub.errors import RepositoryNotFoundError

from apps.common import catalog, revisions
from apps.common.revisions import Pin
from model_cards.publish.errors import PublishError
from model_cards.publish.patience import Patience
from prisma_engine.hub import READABLE


def pin(
    api: HfApi, patience: Patience, say: Callable[[str], None], names: Sequence[str] = (), path: Path = revisions.FILE
) -> dict[str, Pin]:
    """Write the commits of models of the Hub into the file that the catalog reads, and return all that it says.

    Args:
        names: ids whose commit is looked up anew; those that have none yet, if empty.

    Raises:
        ValueError: one sentence, at the first model that the catalog does not offer, or the Hub does not tell.
    """
    offers = {offer.id: offer for offer in catalog.HUB}
    if strangers := [name for name in names if name not in offers]:
        raise ValueError(f"the catalog offers no {strangers[0]!r} from the Hub; it offers {', '.join(offers)}")
    known = revisions.read_pins(path)
    for name in names or [name for name in offers if name not in known]:
        at = None if name in known else offers[name].revision
        known[name] = _pin(patience.keep_trying(partial(_asked, api, name, at), name))
        say(f"{name}: {known[name].commit}")
        revisions.write_pins(known, path)  # after each, so that what was looked up is kept
    return known


def _asked(api: HfApi, name: str, revision: str | None) -> ModelInfo:
    try:
        return api.model_info(name, revision=revision, files_metadata=True)
    except RepositoryNotFoundError:
        raise PublishError(f"the Hub has no public model {name}") from None


def _pin(info: ModelInfo) -> Pin:
    files = sorted(f.rfilename for f in info.siblings or [] if any(fnmatchcase(f.rfilename, p) for p in READABLE))
    return Pin(info.sha or "", tuple(files))
