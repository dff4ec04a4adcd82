"""What the Hub says of a repository beside its files: their hashes, the size of the weights, and the tags."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prisma_engine.hub import LoadError, sentences


def verify(repo_id: str, folder: Path, info: Any) -> None:
    """See that what was downloaded is what the Hub lists, file by file, by hash.

    Args:
        folder: of the cache, named after its commit.
        info: what `model_info(files_metadata=True)` said.

    Raises:
        LoadError: if a file is another one; it is deleted, so that the next attempt fetches it again.
    """
    if folder.name != info.sha:  # the branch has moved since
        from huggingface_hub import HfApi

        info = HfApi().model_info(repo_id, revision=folder.name, files_metadata=True)
    for listed in info.siblings or []:
        path = folder / listed.rfilename
        if path.exists() and not _is_listed(path, listed):
            path.resolve().unlink()
            path.unlink(missing_ok=True)
            raise LoadError(f"{listed.rfilename} of {repo_id} arrived damaged and was deleted; load it once more")


def _is_listed(path: Path, listed: Any) -> bool:
    """Whether a file has the hash that the Hub gives: sha256 of large files, git's of the others."""
    if listed.lfs:
        return _hash(path, hashlib.sha256()) == listed.lfs.sha256
    if listed.blob_id is None:
        return True
    return _hash(path, hashlib.sha1(b"blob %d\0" % path.stat().st_size)) == listed.blob_id


def _hash(path: Path, into: Any) -> str:
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            into.update(block)
    return into.hexdigest()


@dataclass(frozen=True)
class Weights:
    """What a repository's safetensors hold, known from their headers before anything is downloaded.

    Attributes:
        n_bytes: to download for them.
        shapes: of each tensor, by name.
    """

    n_bytes: int
    shapes: dict[str, tuple[int, ...]]


def weights(repo_id: str, revision: str | None = None) -> Weights:
    """How large a repository's weights are, by a request for some kilobytes.

    Raises:
        LoadError: unknown repository or revision, no network, or no safetensors.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import NotASafetensorsRepoError, SafetensorsParsingError

    try:
        with sentences(repo_id, revision):
            found = HfApi().get_safetensors_metadata(repo_id, revision=revision)
    except (NotASafetensorsRepoError, SafetensorsParsingError):
        raise LoadError(f"{repo_id} offers no safetensors weights that can be read") from None
    tensors = {name: tensor for file in found.files_metadata.values() for name, tensor in file.tensors.items()}
    n_bytes = sum(tensor.data_offsets[1] - tensor.data_offsets[0] for tensor in tensors.values())
    return Weights(n_bytes, {name: tuple(tensor.shape) for name, tensor in tensors.items()})


def tags(repo_id: str) -> tuple[str, ...]:
    """The tags of a repository, such as "step-000064"; without a network, the revisions that were asked for before."""
    from huggingface_hub import HfApi, constants

    try:
        with sentences(repo_id, None):
            return tuple(tag.name for tag in HfApi().list_repo_refs(repo_id).tags)
    except LoadError:
        refs = Path(constants.HF_HUB_CACHE) / f"models--{repo_id.replace('/', '--')}" / "refs"
        return tuple(sorted(path.name for path in refs.glob("*") if path.is_file()))
