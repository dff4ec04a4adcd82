"""A commit: which files go to LFS, and what becomes of the branch."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from hub.loopback import spaces
from hub.loopback.messages import Refused, Reply, Request
from hub.loopback.repositories import commit_of
from hub.loopback.store import Commit, Entry, Repo

if TYPE_CHECKING:
    from hub.loopback.hub import Hub

LARGE = 10 * 1024 * 1024
"""Bytes from which any file goes to LFS."""


def preupload(hub: Hub, repo: Repo, request: Request, revision: str) -> Reply:
    commit = commit_of(repo, revision)
    attributes = commit.files.get(".gitattributes")
    rules = hub.store.bytes_of(attributes).read_text().splitlines() if attributes else []
    endings = tuple(rule.split()[0][1:] for rule in rules if rule.startswith("*.") and "filter=lfs" in rule)
    found = []
    for file in request.json()["files"]:
        large = file["size"] > LARGE or file["path"].endswith(endings)
        known = commit.files.get(file["path"])
        mode = {"uploadMode": "lfs" if large else "regular", "shouldIgnore": False}
        found.append({"path": file["path"], "oid": known.etag if known else None} | mode)
    return Reply.of({"files": found})


def commit(hub: Hub, repo: Repo, request: Request, revision: str) -> Reply:
    lines = request.lines()
    header = next(line["value"] for line in lines if line["key"] == "header")
    pull = request.query.get("create_pr") == "1"
    base, parent = commit_of(repo, revision), header.get("parentCommit")
    if parent and not base.id.startswith(parent) and not pull:
        raise Refused(412, "A commit has happened since. Please refresh and try again.")
    files = dict(base.files)
    for line in lines:
        _apply(hub, files, line["key"], line["value"])
    made = hub.store.commit(repo, base, files, header["summary"], header.get("description", ""))
    return Reply.of(
        {
            "success": True, "commitOid": made.id, "hookOutput": "",
            "commitUrl": f"http://{request.headers['host']}/{repo.id}/commit/{made.id}",
            "pullRequestUrl": _moved(hub, repo, request, revision, made, pull),
        }
    )  # fmt: skip


def _apply(hub: Hub, files: dict[str, Entry], kind: str, value: dict[str, Any]) -> None:
    if kind == "file":
        files[value["path"]] = hub.store.put(base64.b64decode(value["content"]))
    elif kind == "lfsFile":
        if not hub.store.lfs(value["oid"]).exists():
            raise Refused(400, f"an LFS pointer pointed to a file that does not exist: {value['path']}")
        files[value["path"]] = hub.store.pointer(value["oid"])
    elif kind == "deletedFile":
        if files.pop(value["path"], None) is None:
            raise Refused(404, "A file with this name doesn't exist", "EntryNotFound")
    elif kind != "header":
        raise Refused(400, f"the loopback Hub does no {kind}")


def _moved(hub: Hub, repo: Repo, request: Request, revision: str, made: Commit, pull: bool) -> str | None:
    """Move the branch to the new commit, or open a pull request for it and return its address."""
    if pull:
        number = len(repo.pulls) + 1
        repo.pulls[number] = {"head": made.id, "title": made.title, "status": "open"}
        return f"http://{request.headers['host']}/{repo.id}/discussions/{number}"
    if revision.startswith("refs/pr/"):
        repo.pulls[int(revision.rpartition("/")[2])]["head"] = made.id
    elif revision in repo.branches:
        repo.branches[revision] = made.id
        if repo.id in hub.store.spaces:
            spaces.committed(hub, repo.id, made.id)
    else:
        raise Refused(400, "can only commit to a branch")
    return None
