"""Repositories as commits of files, branches and tags in memory; the files' bytes by hash in a folder."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub.loopback.spaces import GOES_WELL, PREFIX, SEED, Space

LFS = ("bin", "safetensors", "npz", "npy", "pt", "pth", "ckpt", "onnx", "zip", "parquet")
GITATTRIBUTES = "".join(f"*.{ending} filter=lfs diff=lfs merge=lfs -text\n" for ending in LFS).encode()


def git_hash(data: bytes) -> str:
    """Git's name for a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@dataclass(frozen=True)
class Entry:
    """A file at a commit: git's hash (of the pointer, for LFS), its size in bytes, and its sha256 if it is in LFS."""

    oid: str
    size: int
    sha256: str | None = None

    @property
    def etag(self) -> str:
        return self.sha256 or self.oid


@dataclass(frozen=True)
class Commit:
    id: str
    parent: str | None
    title: str
    message: str
    files: dict[str, Entry]
    date: str


@dataclass
class Repo:
    id: str
    private: bool = False
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    pulls: dict[int, dict[str, Any]] = field(default_factory=dict)

    def resolve(self, revision: str) -> Commit | None:
        """The commit that a branch, a tag, a pull request's ref, a hash or its beginning names."""
        if revision.startswith("refs/pr/"):
            return self.commits.get(self.pulls.get(int(revision.rpartition("/")[2]), {}).get("head", ""))
        name = revision.removeprefix("refs/heads/").removeprefix("refs/tags/")
        known = self.branches.get(name) or self.tags.get(name)
        started = (c for c in self.commits if len(name) >= 7 and c.startswith(name))
        return self.commits.get(known or next(started, ""))

    def log(self, commit: Commit) -> list[Commit]:
        """A commit and those before it, newest first."""
        found: list[Commit] = []
        current: Commit | None = commit
        while current:
            found.append(current)
            current = self.commits.get(current.parent or "")
        return found


class Store:
    """Everything that a Hub holds."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "git").mkdir(parents=True, exist_ok=True)
        (root / "lfs").mkdir(parents=True, exist_ok=True)
        self.repos: dict[str, Repo] = {}
        self.collections: dict[str, dict[str, Any]] = {}
        self.spaces: dict[str, Space] = {}
        self.fate: tuple[str, ...] = GOES_WELL  # stages of the next build
        self.logs: list[str] = []

    def put(self, data: bytes) -> Entry:
        """A file of git's own."""
        entry = Entry(git_hash(data), len(data))
        (self.root / "git" / entry.oid).write_bytes(data)
        return entry

    def pointer(self, sha256: str) -> Entry:
        """A file in LFS whose bytes are here."""
        size = self.lfs(sha256).stat().st_size
        text = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n"
        return Entry(git_hash(text.encode()), size, sha256)

    def lfs(self, sha256: str) -> Path:
        return self.root / "lfs" / sha256

    def bytes_of(self, entry: Entry) -> Path:
        return self.lfs(entry.sha256) if entry.sha256 else self.root / "git" / entry.oid

    def create(self, name: str, private: bool) -> Repo:
        repo = self.repos[name] = Repo(name, private)
        seeded = {".gitattributes": self.put(GITATTRIBUTES)}
        if name.startswith(PREFIX):
            seeded["README.md"] = self.put(SEED)
        first = self.commit(repo, None, seeded, "initial commit")
        repo.branches["main"] = first.id
        return repo

    def commit(self, repo: Repo, base: Commit | None, files: dict[str, Entry], title: str, message: str = "") -> Commit:
        parent = base.id if base else None
        said = repr((repo.id, parent, title, message, sorted(files.items()), len(repo.commits)))
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
        made = Commit(hashlib.sha1(said.encode()).hexdigest(), parent, title, message, files, stamp)
        repo.commits[made.id] = made
        return made
