"""Branches, tags, what a commit holds, and pull requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode

from hub.loopback.messages import Refused, Reply, Request
from hub.loopback.repositories import commit_of
from hub.loopback.store import Commit, Entry, Repo

if TYPE_CHECKING:
    from hub.loopback.hub import Hub

PAGE = 50
"""Entries of one answer; the Hub's is 1,000, which no test would ever pass."""


def refs(repo: Repo, request: Request) -> Reply:
    def listed(kind: str, names: dict[str, str]) -> list[dict[str, str]]:
        return [{"name": n, "ref": f"refs/{kind}/{n}", "targetCommit": commit} for n, commit in names.items()]

    found: dict[str, Any] = {"branches": listed("heads", repo.branches), "tags": listed("tags", repo.tags)}
    pulls = {str(number): pull["head"] for number, pull in repo.pulls.items()}
    return Reply.of(found | {"converts": []} | ({"pullRequests": listed("pr", pulls)} if request.query else {}))


def tag(repo: Repo, request: Request, revision: str) -> Reply:
    if request.method == "DELETE":
        if repo.tags.pop(revision, None) is None:
            raise Refused(404, "no such tag", "RevisionNotFound")
        return Reply.of({})
    name, commit = request.json()["tag"], commit_of(repo, revision)
    if name in repo.tags:
        raise Refused(409, "Tag reference exists already")
    repo.tags[name] = commit.id
    return Reply.of({})


def contents(hub: Hub, repo: Repo, request: Request, what: str, revision: str, below: str) -> Reply:
    """What a commit holds, some of its paths, or the commits before it."""
    commit = commit_of(repo, revision)
    if what == "tree":
        return _page(request, _tree(commit, below))
    if what == "commits":
        entries = [
            {"id": c.id, "title": c.title, "message": c.message, "date": c.date, "authors": [{"user": "tester"}]}
            for c in repo.log(commit)
        ]
        return _page(request, entries)
    asked = parse_qs(request.body.decode()).get("paths", [])
    return Reply.of([_entry(path, commit.files[path]) for path in asked if path in commit.files])


def _tree(commit: Commit, below: str) -> list[dict[str, Any]]:
    prefix = below.rstrip("/") + "/" if below else ""
    files = {path: entry for path, entry in sorted(commit.files.items()) if path.startswith(prefix)}
    if prefix and not files:
        raise Refused(404, f"{below} does not exist", "EntryNotFound")
    folders = sorted({path[: at + 1].rstrip("/") for path in files for at, c in enumerate(path) if c == "/"})
    found = [{"type": "directory", "path": folder, "size": 0, "oid": "0" * 40} for folder in folders]
    return found + [_entry(path, entry) for path, entry in files.items()]


def _entry(path: str, entry: Entry) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "file", "path": path, "size": entry.size, "oid": entry.oid}
    if entry.sha256:
        found["lfs"] = {"oid": entry.sha256, "size": entry.size, "pointerSize": 134}
    return found


def _page(request: Request, entries: list[dict[str, Any]]) -> Reply:
    start = int(request.query.get("cursor", 0))
    headers = {}
    if start + PAGE < len(entries):
        query = urlencode(request.query | {"cursor": start + PAGE})
        headers["Link"] = f'<http://{request.headers["host"]}{request.path}?{query}>; rel="next"'
    return Reply.of(entries[start : start + PAGE], headers=headers)


def discussions(repo: Repo, request: Request, number: list[str]) -> Reply:
    """Pull requests: the list of them, or one."""
    if number:
        if (pull := repo.pulls.get(int(number[0]))) is None:
            raise Refused(404, "Discussion not found", "EntryNotFound")
        if number[1:] == ["merge"]:
            repo.branches["main"] = pull["head"]
            pull["status"] = "merged"
        return Reply.of(
            _pull(repo, int(number[0])) | {"events": [], "changes": {"base": "refs/heads/main"}, "diff": ""}
        )
    asked = request.query.get("status")
    open_ones = [n for n, pull in repo.pulls.items() if asked in (None, "all", pull["status"])]
    found = [_pull(repo, n) for n in open_ones]
    return Reply.of({"discussions": found, "count": len(found), "start": 0})


def _pull(repo: Repo, number: int) -> dict[str, Any]:
    pull = repo.pulls[number]
    return {
        "num": number, "title": pull["title"], "author": {"name": "tester"}, "createdAt": "2026-01-01T00:00:00.000Z",
        "status": pull["status"], "isPullRequest": True, "repo": {"name": repo.id, "type": "model"},
        "repoOwner": {"name": repo.id.partition("/")[0]}, "filesWithConflicts": [],
    }  # fmt: skip
