"""Repositories as a whole: who asks, making, deleting, listing and describing them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from hub.loopback import spaces
from hub.loopback.messages import Refused, Reply, Request
from hub.loopback.spaces import PREFIX
from hub.loopback.store import Commit, Repo

if TYPE_CHECKING:
    from hub.loopback.hub import Hub

FRONT_MATTER = re.compile(r"^\s*---[ \t]*\r?\n([\s\S]*?)\r?\n---[ \t]*(\r?\n|$)")


def whoami(hub: Hub, request: Request) -> Reply:
    account = hub.account(request)
    if account is None:
        raise Refused(401, "Invalid username or password.")
    orgs = [{"name": org, "roleInOrg": "admin"} for org in account.orgs]
    token = {"type": "access_token", "accessToken": {"displayName": "t", "role": account.role}}
    return Reply.of({"type": "user", "id": "1", "name": account.name, "orgs": orgs, "auth": token})


def change(hub: Hub, request: Request, action: str) -> Reply:
    """Make or delete a repository."""
    body = request.json()
    owner = body.get("organization") or (account.name if (account := hub.account(request)) else "")
    hub.may_write(request, owner)
    name = f"{PREFIX if body.get('type') == 'space' else ''}{owner}/{body['name']}"
    if action == "delete":
        if hub.store.repos.pop(name, None) is None:
            raise Refused(404, "Repository not found", "RepoNotFound")
        return Reply.of({})
    if name in hub.store.repos:
        return Reply.of({"error": "You already created this model repo", "url": f"{_address(request)}/{name}"}, 409)
    private = body.get("private") or body.get("visibility") == "private"
    hub.store.create(name, private=bool(private))
    if name.startswith(PREFIX):
        spaces.made(hub, name, body)
    return Reply.of({"url": f"{_address(request)}/{name}", "name": name, "id": "0"})


def find(hub: Hub, request: Request, name: str) -> Repo:
    """A repository that whoever asks may see; what they may not see does not exist."""
    repo, account = hub.store.repos.get(name), hub.account(request)
    owner = name.removeprefix(PREFIX).partition("/")[0]
    if repo is None or (repo.private and (account is None or owner not in (account.name, *account.orgs))):
        raise Refused(404 if account else 401, "Repository not found", "RepoNotFound")
    return repo


def listing(hub: Hub, request: Request) -> Reply:
    author, search = request.query.get("author"), request.query.get("search", "")
    found = [
        repo
        for repo in hub.store.repos.values()
        if search in repo.id and not repo.private and (not author or repo.id.startswith(author + "/"))
    ]
    return Reply.of([describe(hub, repo, repo.commits[repo.branches["main"]]) for repo in found])


def information(hub: Hub, repo: Repo, revision: str) -> Reply:
    return Reply.of(describe(hub, repo, commit_of(repo, revision)))


def commit_of(repo: Repo, revision: str) -> Commit:
    commit = repo.resolve(revision)
    if commit is None:
        raise Refused(404, f"Invalid rev id: {revision}", "RevisionNotFound")
    return commit


def describe(hub: Hub, repo: Repo, commit: Commit) -> dict[str, Any]:
    card, name = front_matter(hub, commit), repo.id.removeprefix(PREFIX)
    files = []
    for path, entry in sorted(commit.files.items()):
        file: dict[str, Any] = {"rfilename": path, "size": entry.size, "blobId": entry.oid}
        if entry.sha256:
            file["lfs"] = {"size": entry.size, "sha256": entry.sha256, "pointerSize": 134}
        files.append(file)
    return {
        "_id": "0", "id": name, "modelId": name, "author": name.partition("/")[0], "sha": commit.id,
        "private": repo.private, "gated": False, "disabled": False, "downloads": 0, "likes": 0,
        "lastModified": commit.date, "createdAt": commit.date, "tags": card.get("tags") or [], "cardData": card,
        "library_name": card.get("library_name"), "pipeline_tag": card.get("pipeline_tag"), "siblings": files,
    }  # fmt: skip


def front_matter(hub: Hub, commit: Commit) -> dict[str, Any]:
    """The YAML of a commit's card; empty where there is none."""
    entry = commit.files.get("README.md")
    found = FRONT_MATTER.match(hub.store.bytes_of(entry).read_text(errors="replace")) if entry else None
    return yaml.safe_load(found[1]) or {} if found else {}


def _address(request: Request) -> str:
    return f"http://{request.headers.get('host', '')}"
