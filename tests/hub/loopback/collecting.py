"""Collections: making, listing, reading and filling them."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from hub.loopback.messages import Refused, Reply, Request

if TYPE_CHECKING:
    from hub.loopback.hub import Hub


def answer(hub: Hub, request: Request, rest: list[str]) -> Reply:
    known = hub.store.collections
    if request.method == "GET":
        if not rest:
            owner = request.query.get("owner")
            return Reply.of([_short(each) for each in known.values() if owner in (None, each["owner"]["name"])])
        if "/".join(rest) not in known:
            raise Refused(404, "Collection not found")
        return Reply.of(known["/".join(rest)])
    body = request.json()
    if not rest:
        return _create(hub, request)
    slug = "/".join(rest[:2])
    hub.may_write(request, rest[0])
    if slug not in known:
        raise Refused(404, "Collection not found")
    item, items = body["item"], known[slug]["items"]
    if any(each["id"] == item["id"] for each in items):
        raise Refused(409, "Item already in the collection")
    if item["id"] not in hub.store.repos:
        raise Refused(404, "Item not found")
    items.append({"_id": str(len(items)), "id": item["id"], "type": item["type"], "position": len(items)})
    return Reply.of(known[slug])


def _short(collection: dict[str, Any]) -> dict[str, Any]:
    """As it is listed: without its place, and with its first items alone."""
    return {key: value for key, value in collection.items() if key != "position"} | {"items": collection["items"][:4]}


def _create(hub: Hub, request: Request) -> Reply:
    body = request.json()
    owner, title = body["namespace"], body["title"]
    hub.may_write(request, owner)
    words = re.sub("[^a-z0-9]+", "-", title.lower()).strip("-")
    slug = f"{owner}/{words}-{hashlib.sha1(title.encode()).hexdigest()[:24]}"
    if slug in hub.store.collections:
        return Reply.of({"error": "exists", "slug": slug}, 409)
    hub.store.collections[slug] = {
        "slug": slug, "title": title, "owner": {"name": owner}, "items": [], "description": body.get("description"),
        "lastUpdated": "2026-01-01T00:00:00.000Z", "position": 0, "private": bool(body.get("private")),
        "theme": "green", "upvotes": 0,
    }  # fmt: skip
    return Reply.of(hub.store.collections[slug])
