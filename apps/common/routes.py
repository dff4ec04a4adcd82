"""The binary routes below `/gradio_api/prisma/`, and `/gradio_api/healthz`, given to Gradio by `launch(app_kwargs=…)`.

They lie below `/gradio_api/` because under server-side rendering any other path is answered by the page itself.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from apps.common.blobs import SHELF
from apps.common.health import report
from prisma_engine.labels import Vocabulary, font

PREFIX = os.environ.get("GRADIO_ROOT_PATH", "").rstrip("/") + "/gradio_api/prisma"
_HEADERS = {"X-Content-Type-Options": "nosniff"}
_PRIVATE = _HEADERS | {"Cache-Control": "private, max-age=31536000, immutable"}
_PUBLIC = _HEADERS | {"Cache-Control": "public, max-age=31536000, immutable"}
_BYTES = "application/octet-stream"


class _Bounded:
    """Named bytes that anyone may read (class lists, pictures of our own scenes), the least recently used out first."""

    def __init__(self, max_entries: int) -> None:
        self._entries: OrderedDict[str, bytes] = OrderedDict()
        self._max_entries, self._lock = max_entries, threading.Lock()

    def put(self, name: str, data: bytes) -> None:
        with self._lock:
            self._entries[name] = data
            self._entries.move_to_end(name)
            while len(self._entries) > self._max_entries:
                self._entries.popitem(last=False)

    def get(self, name: str) -> bytes | None:
        with self._lock:
            if name in self._entries:
                self._entries.move_to_end(name)
            return self._entries.get(name)


_tables = _Bounded(128)
_pictures = _Bounded(256)
_makers: dict[str, Callable[[], bytes]] = {}
_series: dict[str, tuple[Callable[[int], bytes], int]] = {}
_drawing = threading.Lock()


def vocabulary_url(vocabulary: Vocabulary) -> str:
    """Publish a class list and return its address."""
    return table_url(
        {
            "id": vocabulary.id,
            "names": list(vocabulary.names),
            "emoji": list(vocabulary.emoji),
            "colors": list(vocabulary.colors),
        }
    )


def table_url(table: Mapping[str, Any]) -> str:
    """Publish JSON that anyone may read and return its address, which names its content and so never goes stale."""
    data = packed_json(table)
    name = hashlib.sha256(data).hexdigest()[:32]
    _tables.put(name, data)
    return f"{PREFIX}/table/{name}"


def packed_json(table: Mapping[str, Any]) -> bytes:
    """JSON without spaces, as files of a result hold it."""
    return json.dumps(table, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def lazy_picture_url(name: str, make: Callable[[], bytes]) -> str:
    """The address of a PNG of our own that is drawn when it is first asked for."""
    _makers[name] = make
    return f"{PREFIX}/card/{name}"


def series_url(name: str, make: Callable[[int], bytes], n: int) -> str:
    """The beginning of the addresses of `n` PNGs of our own, drawn when asked for; append a number from 0."""
    _series[name] = (make, n)
    return f"{PREFIX}/series/{name}/"


def font_url() -> str:
    """The address of the web font that draws the emoji."""
    return f"{PREFIX}/font.woff2"


def _gone() -> Response:
    sentence = "this result is no longer kept; run the picture again"
    return JSONResponse({"error": sentence}, status_code=404, headers=_HEADERS | {"Cache-Control": "no-store"})


async def _file(request: Request) -> Response:
    result, name = SHELF.get(request.path_params["key"]), request.path_params["name"]
    if result is None:
        return _gone()
    try:
        data = await run_in_threadpool(result.file, name)
    except ValueError as error:
        return JSONResponse({"error": str(error)}, status_code=404, headers=_HEADERS)
    is_png = data.startswith(b"\x89PNG")
    return Response(data, media_type="image/png" if is_png else _BYTES, headers=_PRIVATE)


async def _table(request: Request) -> Response:
    data = _tables.get(request.path_params["name"])
    return Response(data, media_type="application/json", headers=_PUBLIC) if data else _gone()


def _draw(name: str, make: Callable[[], bytes]) -> bytes:
    with _drawing:
        data = _pictures.get(name) or make()
        _pictures.put(name, data)
    return data


async def _drawn(name: str, make: Callable[[], bytes]) -> Response:
    headers = _HEADERS | {"Cache-Control": "public, max-age=600"}
    return Response(await run_in_threadpool(_draw, name, make), media_type="image/png", headers=headers)


async def _card(request: Request) -> Response:
    name = request.path_params["name"]
    return await _drawn(name, _makers[name]) if name in _makers else _gone()


async def _numbered(request: Request) -> Response:
    name, number = request.path_params["name"], request.path_params["number"]
    make, n = _series.get(name, (None, 0))
    return await _drawn(f"{name}/{number}", partial(make, number)) if make and number < n else _gone()


async def _font(_: Request) -> Response:
    headers = _HEADERS | {"Cache-Control": "public, max-age=86400"}
    return Response(font.WEB_FONT.read_bytes(), media_type="font/woff2", headers=headers)


async def _healthz(_: Request) -> Response:
    return JSONResponse(await run_in_threadpool(report), headers={"Cache-Control": "no-store"})


ROUTES = [Route("/gradio_api/healthz", _healthz)] + [
    Route(f"/gradio_api/prisma{path}", handler)
    for path, handler in {
        "/font.woff2": _font,
        "/table/{name}": _table,
        "/card/{name}": _card,
        "/series/{name}/{number:int}": _numbered,
        "/{key}/{name:path}": _file,
    }.items()
]
