"""One Hub repository at one commit, as a local folder: only JSON, text and safetensors, never a pickle."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

MAX_BYTES = 2_000_000_000
"""Refuse larger downloads: a free Space has 16 GB of memory and 50 GB of disk."""

READABLE = ("*.json", "model.safetensors", "model-*.safetensors", "*.txt")


class LoadError(ValueError):
    """A model that cannot be loaded; the message is one sentence for the person who asked."""


def fetch(repo_id: str, revision: str | None = None, inside: str = "") -> Path:
    """The folder of a repository's files at one commit, named after the commit that was resolved.

    Download a model repository, or find it in the Hub's cache; with the network cut, the cache alone.

    Args:
        repo_id: "owner/name".
        revision: a commit hash, tag or branch; the default branch when None.
        inside: a folder of the repository, to have what is in it alone.

    Raises:
        LoadError: unknown repository or revision, no network, no safetensors, or too large.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import EntryNotFoundError, HFValidationError

    wanted = [f"{inside}/{pattern}" if inside else pattern for pattern in READABLE]
    try:
        folder = Path(snapshot_download(repo_id, revision=revision, allow_patterns=wanted, local_files_only=True))
        if any((folder / inside).glob("*.safetensors")):
            return folder
    except HFValidationError:
        raise LoadError(f"{repo_id!r} is neither an embedded model, a path nor a Hub id such as 'owner/name'") from None
    except EntryNotFoundError:
        pass  # not in the cache yet
    return _download(repo_id, revision, wanted)


def _download(repo_id: str, revision: str | None, wanted: list[str]) -> Path:
    from httpx2 import HTTPError
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        info = HfApi().model_info(repo_id, revision=revision, files_metadata=True)
        _check_files(repo_id, [(f.rfilename, f.size or 0) for f in info.siblings or []], wanted)
        # Not by info.sha: only a download by name leaves the name in the cache, to be found again without a network.
        folder = Path(snapshot_download(repo_id, revision=revision, allow_patterns=wanted))
    except RevisionNotFoundError:
        raise LoadError(f"{repo_id} has no revision {revision!r}") from None
    except RepositoryNotFoundError:
        raise LoadError(f"the Hub has no public model {repo_id!r}; check the spelling") from None
    except (HfHubHTTPError, HTTPError, OSError) as error:
        raise LoadError(f"{repo_id} is not on this machine and the Hub does not answer; try again later") from error
    return folder


def _check_files(repo_id: str, files: list[tuple[str, int]], patterns: Sequence[str] = READABLE) -> None:
    wanted = [(name, size) for name, size in files if any(fnmatchcase(name, pattern) for pattern in patterns)]
    if not any(name.endswith(".safetensors") for name, _ in wanted):
        folders = sorted(name.rpartition("/")[0] for name, _ in files if name.endswith("/model.safetensors"))
        if folders:
            raise LoadError(f"{repo_id} holds several; say which, such as '{repo_id}/{folders[0]}'")
        raise LoadError(f"{repo_id} offers no safetensors weights, and a pickle is never opened here")
    if (total := sum(size for _, size in wanted)) > MAX_BYTES:
        most = f"at most {MAX_BYTES / 1e9:.0f} GB are downloaded"
        raise LoadError(f"{repo_id} has {total / 1e9:.1f} GB to download; {most}")
