"""Files: where they are, their bytes from "another machine" (LFS), and uploads to it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from hub.loopback.messages import Refused, Reply, Request
from hub.loopback.repositories import commit_of, find

if TYPE_CHECKING:
    from hub.loopback.hub import Hub


def resolve(hub: Hub, request: Request, name: str, revision: str, path: str) -> Reply:
    commit = commit_of(find(hub, request, name), revision)
    headers = {"X-Repo-Commit": commit.id}
    entry = commit.files.get(path)
    if entry is None:
        raise Refused(404, "Entry not found", "EntryNotFound", headers)
    if not entry.sha256:
        return Reply.file(hub.store.bytes_of(entry), entry.oid, request.headers.get("range"), headers)
    linked = {"X-Linked-Etag": f'"{entry.sha256}"', "X-Linked-Size": str(entry.size)}
    # The client follows a redirect to the same origin on HEAD and would lose X-Repo-Commit: so to another one.
    port = request.headers["host"].rpartition(":")[2]
    return Reply(302, headers | linked | {"Location": f"http://localhost:{port}/_lfs/{entry.sha256}"})


def lfs_batch(hub: Hub, request: Request) -> Reply:
    found = []
    for each in request.json()["objects"]:
        known = {"oid": each["oid"], "size": each["size"]}
        if not hub.store.lfs(each["oid"]).exists():
            address = f"http://{request.headers['host']}/_lfs/{each['oid']}"
            upload, verify = {"href": address, "header": {}}, {"href": f"{address}/verify", "header": {}}
            known["actions"] = {"upload": upload, "verify": verify}
        found.append(known)
    return Reply.of({"transfer": "basic", "objects": found})


def lfs_object(hub: Hub, request: Request, sha256: str, rest: list[str]) -> Reply:
    path = hub.store.lfs(sha256)
    if rest == ["verify"]:
        if not path.exists() or path.stat().st_size != request.json()["size"]:
            raise Refused(404, "not uploaded")
        return Reply.of({})
    if request.method == "PUT":
        if hashlib.sha256(request.body).hexdigest() != sha256:
            raise Refused(400, "sha256 mismatch")
        path.write_bytes(request.body)
        return Reply(headers={"ETag": f'"{sha256}"'})
    return Reply.file(path, sha256, request.headers.get("range"), {})
