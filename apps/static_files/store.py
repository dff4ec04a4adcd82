"""A folder of files that stands in for the routes below `/gradio_api/prisma/`."""

from __future__ import annotations

import io
import json
import posixpath
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from apps.common import routes

DATA = "data"
SUFFIXES = {"image/png": ".png", "application/json": ".json", "font/woff2": ".woff2"}
SMALL_QUALITY = 85  # of the many small pictures around the results; what a model saw is kept to the pixel


class Store:
    """Files below one folder, and which address of the server each of them answers for.

    Used in a `with` statement, the server stays up between two answers, which is faster.

    Args:
        folder: where the site is to be.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._server = TestClient(Starlette(routes=routes.ROUTES))
        self._homes: dict[str, str] = {}  # beginning of an address below the routes → folder of the site
        self._known: dict[str, str] = {}  # address below the routes → file of the site

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *reason: Any) -> None:
        self._server.__exit__(*reason)

    def home(self, key: str, folder: str) -> None:
        """Let what lies under a key of the shelf be at home in a folder of the site."""
        self._homes[key] = folder

    def put(self, name: str, content: bytes | Mapping[str, Any] | list[Any]) -> str:
        """Write a file, JSON unless `content` is bytes, and return its name."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else routes.packed_json(content))  # type: ignore[arg-type]
        return name

    def put_value(self, name: str, value: Mapping[str, Any]) -> str:
        """Write what a widget reads, with every address in it made relative to the file, and what they name.

        An address that ends with a slash is the beginning of others, which are the page's to answer.
        """
        return self.put(name, self._local(value, posixpath.dirname(name)))

    def read(self, address: str) -> bytes:
        """What the server answers for an address.

        Raises:
            ValueError: if it has no such thing.
        """
        return self._fetch(address)[0]

    def _fetch(self, address: str) -> tuple[bytes, str]:
        reply = self._server.get("/gradio_api/prisma" + address.removeprefix(routes.PREFIX))
        if reply.status_code != 200:
            raise ValueError(f"nothing is kept under {address}")
        return reply.content, reply.headers["content-type"].partition(";")[0]

    def _local(self, value: Any, at: str) -> Any:
        if isinstance(value, Mapping):
            return {name: self._local(each, at) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return [self._local(each, at) for each in value]
        if isinstance(value, float) and value.is_integer():
            return int(value)  # heatmaps are mostly zeros, and "0" is shorter than "0.0"
        if isinstance(value, str) and value.startswith(routes.PREFIX + "/"):
            found = posixpath.relpath(self._kept(value), at) + "/" * value.endswith("/")
            return found if found.startswith(".") else f"./{found}"
        return value

    def _kept(self, address: str) -> str:
        if address not in self._known:
            name = self._named(address.removeprefix(routes.PREFIX + "/"))
            self._known[address] = name if address.endswith("/") else self._written(address, name)
        return self._known[address]

    def _named(self, rest: str) -> str:
        """The place in the site of what lies at `rest` below the routes, without the suffix."""
        first, _, name = rest.partition("/")
        if first in self._homes:
            return posixpath.join(self._homes[first], name).rstrip("/")
        if first in ("table", "card", "series"):
            folder = {"table": "tables"}.get(first, "pictures")
            return posixpath.join(DATA, folder, name.replace("/", "-"))
        return posixpath.join(DATA, posixpath.splitext(rest)[0])

    def _written(self, address: str, name: str) -> str:
        content, kind = self._fetch(address)
        if "/series/" in address:
            return self.put(name + ".webp", _small(content))
        suffix = SUFFIXES.get(kind, "")
        if suffix == ".json":  # a table may name pictures of its own
            content = self._local(json.loads(content), posixpath.dirname(name))
        return self.put(name + suffix, content)


def _small(png: bytes) -> bytes:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(png)).save(buffer, "WEBP", quality=SMALL_QUALITY, method=6)
    return buffer.getvalue()
