"""One SAE of a Hub repository, at one commit: its config, one file of weights, and nothing else."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

from prisma_engine.hub import LoadError, check_size, sentences
from prisma_engine.remote import verify
from prisma_engine.sae.formats import gemma_scope, prisma, saelens

OURS, COUNTED = "model.safetensors", "config.json"
BESIDE = ("*.json", "exemplars.safetensors")
"""What comes along, if it is there: configs, measurements and exemplars."""


def fetch(repo_id: str, revision: str | None, inside: str) -> Path:
    """The folder of a repository's files at one commit, named after the commit that was resolved.

    Args:
        repo_id: "owner/name".
        revision: a commit hash, tag or branch; the default branch when None.
        inside: the folder or the file in the repository that is asked for; "" for its top.

    Raises:
        LoadError: unknown repository or revision, no network, no SAE, several, or too large.
    """
    cached, files = _cached(repo_id, revision)
    found = chosen(files, inside)
    if cached and found and (found[0] == inside or not prisma.WEIGHTS.fullmatch(found[0].rpartition("/")[2])):
        return cached
    try:
        return _download(repo_id, revision, inside)
    except LoadError:
        if cached and found:  # the last of the checkpoints that are here
            return cached
        raise


def _cached(repo_id: str, revision: str | None) -> tuple[Path | None, list[str]]:
    """The folder of what was downloaded before, and its files."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import EntryNotFoundError, HFValidationError

    try:
        folder = Path(snapshot_download(repo_id, revision=revision, allow_patterns=[], local_files_only=True))
    except HFValidationError:
        raise LoadError(f"{repo_id!r} is neither a shipped SAE, a folder nor a Hub id such as 'owner/name'") from None
    except EntryNotFoundError:
        return None, []
    return folder, [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]


def _download(repo_id: str, revision: str | None, inside: str) -> Path:
    from huggingface_hub import HfApi, snapshot_download

    with sentences(repo_id, revision):
        info = HfApi().model_info(repo_id, revision=revision, files_metadata=True)
        sizes = {file.rfilename: file.size or 0 for file in info.siblings or []}
        wanted = chosen(list(sizes), inside)
        if not wanted:
            raise LoadError(_nothing(repo_id, inside, list(sizes)))
        check_size(repo_id, sum(sizes[name] for name in wanted))
        # By name, not by info.sha: so the name is left in the cache, to be found again without a network.
        # The top config.json comes along, since the Hub counts downloads by it.
        patterns = [_literal(name) for name in {*wanted, COUNTED}]
        folder = Path(snapshot_download(repo_id, revision=revision, allow_patterns=patterns))
        verify(repo_id, folder, info)
    return folder


def chosen(names: list[str], inside: str) -> list[str]:
    """The files of a repository that make up the SAE in a folder, or in a `.pt` file; weights first.

    None if there is no SAE.
    """
    is_file = inside.endswith(".pt")
    folder = inside.rpartition("/")[0] if is_file else inside
    here = {name.rpartition("/")[2]: name for name in names if name.rpartition("/")[0] == folder}
    if is_file:
        weights = inside if inside in names else None
    else:
        plain = next((name for name in (OURS, saelens.WEIGHTS, gemma_scope.WEIGHTS) if name in here), None)
        weights = here.get(plain or prisma.weights_in(list(here)) or "")
    if weights is None:
        return []
    beside = (path for name, path in sorted(here.items()) if any(fnmatchcase(name, each) for each in BESIDE))
    return [weights, *beside]


def _nothing(repo_id: str, inside: str, names: list[str]) -> str:
    folders = sorted({name.rpartition("/")[0] for name in names} - {""})
    several = [folder for folder in folders if folder.startswith(inside) and chosen(names, folder)]
    if several:
        return f"{repo_id} holds several; say which, such as '{repo_id}/{several[0]}'"
    return f"{'/'.join(filter(None, [repo_id, inside]))} offers no SAE in a format that is read here"


def _literal(name: str) -> str:
    """A pattern that only this name matches."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
