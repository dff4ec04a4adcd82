"""One Hub repository at one commit, as a local folder: only JSON, text and safetensors, never a pickle."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path

MAX_BYTES = 2_000_000_000
"""Refuse larger downloads: a free Space has 16 GB of memory and 50 GB of disk."""

READABLE = ("*.json", "history.jsonl", "model.safetensors", "model-*.safetensors", "*.txt")


class LoadError(ValueError):
    """A model that cannot be loaded; the message is one sentence for the person who asked."""


def fetch(repo_id: str, revision: str | None = None) -> Path:
    """The folder of a repository's files at one commit, named after the commit that was resolved.

    Download a model repository, or find it in the Hub's cache; with the network cut, the cache alone.

    Args:
        repo_id: "owner/name".
        revision: a commit hash, tag or branch; the default branch when None.

    Raises:
        LoadError: unknown repository or revision, no network, no safetensors, or too large.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import EntryNotFoundError, HFValidationError

    try:
        folder = Path(
            snapshot_download(repo_id, revision=revision, allow_patterns=list(READABLE), local_files_only=True)
        )
        if any(folder.glob("*.safetensors")):
            return folder
    except HFValidationError:
        raise LoadError(f"{repo_id!r} is neither an embedded model, a path nor a Hub id such as 'owner/name'") from None
    except EntryNotFoundError:
        pass  # not in the cache yet
    return _download(repo_id, revision)


def _download(repo_id: str, revision: str | None) -> Path:
    from huggingface_hub import HfApi, snapshot_download

    with sentences(repo_id, revision):
        info = HfApi().model_info(repo_id, revision=revision, files_metadata=True)
        _check_files(repo_id, [(f.rfilename, f.size or 0) for f in info.siblings or []])
        # Not by info.sha: only a download by name leaves the name in the cache, to be found again without a network.
        return Path(snapshot_download(repo_id, revision=revision, allow_patterns=list(READABLE)))


@contextmanager
def sentences(repo_id: str, revision: str | None) -> Iterator[None]:
    """The Hub's errors as a `LoadError` of one sentence each."""
    from httpx2 import HTTPError
    from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        yield
    except RevisionNotFoundError:
        raise LoadError(f"{repo_id} has no revision {revision!r}") from None
    except RepositoryNotFoundError:
        raise LoadError(f"the Hub has no public model {repo_id!r}; check the spelling") from None
    except (HfHubHTTPError, HTTPError, OSError) as error:
        raise LoadError(f"{repo_id} is not on this machine and the Hub does not answer; try again later") from error


def check_size(repo_id: str, total: int) -> None:
    """Refuse to download more than `MAX_BYTES`.

    Raises:
        LoadError: one sentence.
    """
    if total > MAX_BYTES:
        most = f"at most {MAX_BYTES / 1e9:.0f} GB are downloaded"
        raise LoadError(f"{repo_id} has {total / 1e9:.1f} GB to download; {most}")


def _check_files(repo_id: str, files: list[tuple[str, int]]) -> None:
    wanted = [(name, size) for name, size in files if any(fnmatchcase(name, pattern) for pattern in READABLE)]
    if not any(name.endswith(".safetensors") for name, _ in wanted):
        raise LoadError(f"{repo_id} offers no safetensors weights, and a pickle is never opened here")
    check_size(repo_id, sum(size for _, size in wanted))
