"""The Hub behind a socket of 127.0.0.1, a thread for each request."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from hub.loopback.hub import Hub
from hub.loopback.messages import Reply, Request
from hub.loopback.mischief import Trick

PIECE, PAUSE = 512, 0.002
"""Bytes and seconds of a slow answer."""


class Handler(BaseHTTPRequestHandler):
    hub: Hub

    def answer(self) -> None:
        request = Request(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, self._body())
        tricks = self.hub.nasty.against(request)
        kinds = {trick.kind: trick for trick in tricks}
        if "before" in kinds and (act := kinds["before"].act):
            act()
        if "drop before" in kinds:
            return
        reply = _status(kinds["status"]) if "status" in kinds else self.hub.answer(request)
        if "after" in kinds and (act := kinds["after"].act):
            act()
        if "drop after" in kinds:
            return
        with suppress(BrokenPipeError, ConnectionResetError):
            self._send(reply, set(kinds))

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = answer

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        return body

    def _send(self, reply: Reply, kinds: set[str]) -> None:
        body = bytearray(reply.content())
        if "corrupt" in kinds and body:
            body[len(body) // 2] ^= 1
        headers = dict(reply.headers)
        if "wrong etag" in kinds:
            headers |= {name: '"' + "0" * 64 + '"' for name in ("ETag", "X-Linked-Etag") if name in headers}
        self.send_response(reply.status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        body = body[: len(body) // 2] if "truncate" in kinds else body
        if "slow" not in kinds:
            self.wfile.write(body)
            return
        for start in range(0, len(body), PIECE):
            self.wfile.write(body[start : start + PIECE])
            time.sleep(PAUSE)

    def log_message(self, format: str, *args: object) -> None:
        pass


def _status(trick: Trick) -> Reply:
    return Reply.of({"error": "on request"}, trick.status, {"X-Error-Message": "on request"} | trick.headers)


@contextmanager
def serve(hub: Hub) -> Iterator[str]:
    """The address of a running Hub."""
    handler = type("HubHandler", (Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
