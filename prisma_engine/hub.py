"""One Hub repository at one commit, as a local folder: only JSON, text (a chat template too) and safetensors.

Of a repository without safetensors, one numbered checkpoint, such as ViT-Prisma's toys have; whoever reads it does so
by `prisma_engine.torchfile` alone. No other pickle is fetched.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path

MAX_BYTES = 2_000_000_000
"""Refuse larger downloads: a free Space has 16 GB of memory and 50 GB of disk."""

READABLE = ("*.json", "history.jsonl", "model.safetensors", "model-*.safetensors", "*.txt", "chat_template.jinja")
CHECKPOINT = re.compile(r"(?:checkpoints/)?(?:checkpoint|model)_(\d{1,12})\.pth")


class LoadError(ValueError):
    """A model that cannot be loaded; the message is one sentence for the person who asked."""


class Unreachable(LoadError):
    """The Hub does not answer."""


def last_checkpoint(names: Iterable[str]) -> str | None:
    """The numbered checkpoint with the highest number among a folder's files; None if there is none."""
    found = [(int(match[1]), name) for name in names if (match := CHECKPOINT.fullmatch(name))]
    return max(found)[1] if found else None


def checkpoint_in(folder: Path) -> Path | None:
    """The last checkpoint of a folder that has no safetensors."""
    if any(folder.glob("*.safetensors")):
        return None
    files = (
        path.relative_to(folder).as_posix()
        for pattern in ("*.pth", "checkpoints/*.pth")
        for path in folder.glob(pattern)
    )
    name = last_checkpoint(files)
    return folder / name if name else None


def is_repo_id(name: str) -> bool:
    """Whether a name has the form of a Hub id, "owner/name", and not that of a path."""
    return name.count("/") == 1 and not name.startswith((".", "/", "~"))


def fetch(repo_id: str, revision: str | None = None, file: str = "", max_bytes: int = MAX_BYTES) -> Path:
    """The folder of a repository's files at one commit, named after the commit that was resolved.

    Download a model repository, or find it in the Hub's cache; with the network cut, the cache alone.

    Args:
        repo_id: "owner/name".
        revision: a commit hash, tag or branch; the default branch when None.
        file: one checkpoint of several; by default the last.
        max_bytes: refuse a larger download.

    Raises:
        LoadError: unknown repository or revision, no network, no weights that are read here, or too large.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import EntryNotFoundError, HFValidationError

    folder = None
    try:
        folder = Path(
            snapshot_download(repo_id, revision=revision, allow_patterns=list(READABLE), local_files_only=True)
        )
        if (folder / file).is_file() if file else any(folder.glob("*.safetensors")):
            return folder
    except HFValidationError:
        raise LoadError(f"{repo_id!r} is neither an embedded model, a path nor a Hub id such as 'owner/name'") from None
    except EntryNotFoundError:
        pass  # not in the cache yet
    try:
        return _download(repo_id, revision, file, max_bytes)
    except Unreachable:
        if folder and not file and checkpoint_in(folder):  # the last of the checkpoints that are here
            return folder
        raise


def _download(repo_id: str, revision: str | None, file: str, max_bytes: int) -> Path:
    from huggingface_hub import HfApi, snapshot_download

    from prisma_engine.remote import verify

    with sentences(repo_id, revision):
        info = HfApi().model_info(repo_id, revision=revision, files_metadata=True)
        patterns = _wanted(repo_id, {f.rfilename: f.size or 0 for f in info.siblings or []}, file, max_bytes)
        # Not by info.sha: only a download by name leaves the name in the cache, to be found again without a network.
        folder = Path(snapshot_download(repo_id, revision=revision, allow_patterns=patterns))
        verify(repo_id, folder, info)
    return folder


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
        raise Unreachable(f"{repo_id} is not on this machine and the Hub does not answer; try again later") from error


def check_size(repo_id: str, total: int, max_bytes: int = MAX_BYTES) -> None:
    """Refuse to download more than `max_bytes`.

    Raises:
        LoadError: one sentence.
    """
    if total > max_bytes:
        most = f"at most {max_bytes / 1e9:.0f} GB are downloaded"
        raise LoadError(f"{repo_id} has {total / 1e9:.1f} GB to download; {most}")


def _wanted(repo_id: str, sizes: dict[str, int], file: str, max_bytes: int = MAX_BYTES) -> list[str]:
    """Patterns for the files of a repository to download: what is always read, or one checkpoint."""
    if file and file not in sizes:
        raise LoadError(f"{repo_id} has no {file}")
    patterns: list[str] = [glob.escape(file)] if file else [*READABLE]
    names = [name for name in sizes if any(fnmatchcase(name, pattern) for pattern in patterns)]
    if not file and not any(name.endswith(".safetensors") for name in names):
        last = last_checkpoint(sizes)
        if last is None:
            raise LoadError(
                f"{repo_id} offers no safetensors weights and no numbered checkpoint such as checkpoint_12.pth; "
                "another pickle is never opened here"
            )
        return _wanted(repo_id, sizes, last, max_bytes)
    check_size(repo_id, sum(sizes[name] for name in names), max_bytes)
    return patterns
