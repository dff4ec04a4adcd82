"""SAEs in memory: which ones a page offers, and a small bounded table of those in use, shared and read-only."""

from __future__ import annotations

import json
import logging
import re
import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

from apps.common import catalog
from apps.common.runtime import MAX_SENTENCE
from prisma_engine import vlm
from prisma_engine.load import read_json
from prisma_engine.sae import SAEConfig, files
from prisma_engine.sae.evaluate import EVAL
from prisma_engine.sae.features import Facts, Guide, Profile, exemplars, facts, guide, with_labels

if TYPE_CHECKING:
    import torch

    from prisma_engine import HookedViT
    from prisma_engine.sae import SAE

MAX_NAME = 400
ONLY_SHIPPED = "this page steers only with the SAEs of its list; run the suite locally for any other"
_COMMIT = re.compile(r"[0-9a-f]{40}")
log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True)
class Labels:
    """Labels that somebody else found of an SAE's latents.

    Attributes:
        of: by latent.
        source: where they come from, for people.
    """

    of: Mapping[int, str]
    source: str


@dataclass(frozen=True, eq=False)
class Loaded:
    """One SAE, and what lies beside its weights."""

    id: str
    revision: str | None  # commit on the Hub
    sae: SAE
    folder: Path
    labels: Labels | None = None  # of others, before those beside the weights

    @property
    def config(self) -> SAEConfig:
        return self.sae.config

    @property
    def title(self) -> str:
        return title_of(self.config)

    @cached_property
    def evaluation(self) -> dict[str, Any] | None:
        """What was measured of it, `eval.json`."""
        return beside(self.folder / EVAL)

    @cached_property
    def facts(self) -> Facts | None:
        """What is known of each latent; None where nothing is, or it is not of this many."""
        found = self._read(facts)
        found = found if found is not None and len(found.typical) == self.config.d_sae else None
        if self.labels is None:
            return found
        return with_labels(self.labels.of, self.config.d_sae, self.labels.source, found)

    @cached_property
    def guide(self) -> Guide | None:
        """What to try first."""
        return self._read(guide)

    @cached_property
    def profile(self) -> Profile | None:
        """Exemplars and histograms of every latent."""
        found = self._read(exemplars)
        return found if found is not None and len(found.typical) == self.config.d_sae else None

    def on(self, device: torch.device) -> SAE:
        """The SAE where a model runs: itself on the CPU, a copy elsewhere."""
        if device.type == "cpu":
            return self.sae
        copies = self.__dict__.setdefault("copies", {})
        if device not in copies:
            copies[device] = deepcopy(self.sae).to(device)
        return copies[device]

    def _read(self, reader: Callable[[Path], T | None]) -> T | None:
        """What lies beside the weights, or None where it is damaged; the cause is in the log."""
        try:
            return reader(self.folder)
        except ValueError as error:
            log.warning("%s", error)
            return None

    @property
    def n_bytes(self) -> int:
        """Weight in memory."""
        return sum(p.numel() * p.element_size() for p in self.sae.parameters())


def shipped_for(model: str) -> list[tuple[str, SAEConfig]]:
    """Name and shape of the SAEs that ship for a model, streams first, from early layers to late ones."""
    found = [(name, config_of(name)) for name in files.shipped()]
    return sorted(((name, c) for name, c in found if c.model == model), key=lambda each: _order(each[1]))


def config_of(name: str) -> SAEConfig:
    """The shape of a shipped SAE, without its weights."""
    return _config_in(files.find(name))


@lru_cache(maxsize=256)
def _config_in(folder: Path) -> SAEConfig:
    values = read_json(folder / files.CONFIG)
    values.pop("architecture", None)
    return SAEConfig.from_dict(values)


def shipped_models() -> tuple[str, ...]:
    """The vision transformers that have an SAE here; latents of a decoder of text belong to no picture's patches."""
    models, of_text = dict.fromkeys(config_of(name).model for name in files.shipped()), vlm.shipped()
    return tuple(name for name in models if name not in of_text)


def first_for(model: str) -> str | None:
    """The SAE to begin with: of the stream, one layer before the last of those that ship; None where none does."""
    found = shipped_for(model)
    streams = [name for name, c in found if c.hook_name.endswith("resid_post")] or [name for name, _ in found]
    return streams[max(0, len(streams) - 2)] if streams else None


def title_of(config: SAEConfig) -> str:
    """What an SAE is, in a few words: "after layer 3 · 1,024 latents"."""
    layer = re.match(r"blocks\.(\d+)\.", config.hook_name)
    at = config.hook_name
    if layer and config.is_transcoder:
        at = f"transcoder of layer {layer[1]}’s MLP"
    elif layer and config.hook_name.endswith("hook_resid_post"):
        at = f"after layer {layer[1]}"
    elif layer and config.hook_name.endswith("hook_resid_pre"):
        at = f"before layer {layer[1]}"
    elif layer and config.hook_name.endswith("hook_mlp_out"):
        at = f"layer {layer[1]}’s MLP"
    elif layer and config.hook_name.endswith("hook_attn_out"):
        at = f"layer {layer[1]}’s attention"
    tokens = {"all": "", "cls": " · CLS only", "patches": " · patches only"}[config.tokens]
    return f"{at} · {config.d_sae:,} latents{tokens}"


def _order(config: SAEConfig) -> tuple[int, int]:
    layer = re.match(r"blocks\.(\d+)\.", config.hook_name)
    kind = 2 if config.is_transcoder else 0 if config.hook_name.endswith("resid_post") else 1
    return kind, int(layer[1]) if layer else 0


def checked_name(name: object) -> str:
    """A name that may be looked for: a shipped one; locally also a folder or a Hub id.

    Raises:
        ValueError: one sentence.
    """
    if not isinstance(name, str) or not name.strip() or len(name) > MAX_NAME or not name.isprintable():
        raise ValueError("name an SAE of the list, a folder on this disk, or a Hub id such as owner/name")
    name = name.strip()
    if name not in files.shipped() and catalog.on_space():
        raise ValueError(ONLY_SHIPPED)
    return name


Loader = Callable[[str, str | None], Loaded]


def load_named(name: str, revision: str | None) -> Loaded:
    """Load one SAE; see `prisma_engine.sae.files.load`."""
    found = name if name in files.shipped() else str(Path(name).expanduser()) if name.startswith("~") else name
    folder = files.find(found, revision)
    sae = files.load(found, revision)
    commit = next((part for part in reversed(folder.parts) if _COMMIT.fullmatch(part)), None)
    is_local = name in files.shipped() or Path(found).is_dir()
    return Loaded(name, None if is_local else commit, sae, folder)


class Saes:
    """A bounded table of loaded SAEs; two visitors asking for the same one load it once."""

    def __init__(self, load: Loader = load_named, max_bytes: int = 2**30, keep: int = 8) -> None:
        self._load, self._max_bytes, self._keep = load, max_bytes, keep
        self._loaded: OrderedDict[tuple[str, str | None], Loaded] = OrderedDict()
        self._checked: WeakKeyDictionary[HookedViT, WeakKeyDictionary[Loaded, str | None]] = WeakKeyDictionary()
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, name: str, revision: str | None = None) -> Loaded:
        """The SAE, loaded at most once.

        Raises:
            ValueError: one sentence: not offered, not found, offline, or not readable.
        """
        name = checked_name(name)
        with self._lock_of(name):
            found = self._recall((name, revision))
            if found is None:
                found = _loaded_or_explained(self._load, name, revision)
                self._keep_loaded((name, revision), found)
        return found

    def warning(self, loaded: Loaded, model: HookedViT, same_weights: bool = False) -> str | None:
        """A sentence where the model seems not to be the one that the SAE was trained on; measured once.

        Raises:
            ValueError: one sentence, for a model that the SAE cannot be for.
        """
        from prisma_engine.sae.probe import WrongModel, check

        known = self._checked.setdefault(model, WeakKeyDictionary())
        if loaded in known:
            return known[loaded]
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", WrongModel)
            check(loaded.sae, model, same_weights=same_weights)
        said = [str(each.message) for each in caught if issubclass(each.category, WrongModel)]
        known[loaded] = said[0] if said else None
        return known[loaded]

    def _lock_of(self, name: str) -> threading.Lock:
        with self._lock:
            return self._locks.setdefault(name, threading.Lock())

    def _recall(self, key: tuple[str, str | None]) -> Loaded | None:
        with self._lock:
            if key in self._loaded:
                self._loaded.move_to_end(key)
            return self._loaded.get(key)

    def _keep_loaded(self, key: tuple[str, str | None], loaded: Loaded) -> None:
        with self._lock:
            self._loaded[key] = loaded
            while len(self._loaded) > 1 and (
                len(self._loaded) > self._keep or sum(each.n_bytes for each in self._loaded.values()) > self._max_bytes
            ):
                self._loaded.popitem(last=False)


def _loaded_or_explained(load: Loader, name: str, revision: str | None) -> Loaded:
    try:
        return load(name, revision)
    except (OSError, RuntimeError, ValueError, KeyError, ImportError) as error:
        log.warning("could not load the SAE %s: %s", name, error)
        text = " ".join(str(error.args[0] if error.args else error).split())
        if isinstance(error, (ValueError, KeyError)) and text:
            raise ValueError(text if len(text) <= MAX_SENTENCE else f"{text[:MAX_SENTENCE].rstrip()}…") from error
        raise ValueError(f"the SAE {name[:80]} could not be loaded; the page keeps the last one") from error


def beside(path: Path) -> dict[str, Any] | None:
    """JSON that lies beside the weights, where it does and can be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


SAES = Saes()
