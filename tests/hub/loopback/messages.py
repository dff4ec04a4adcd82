"""What comes in and what goes out, free of sockets."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


class Refused(Exception):
    """A request that is answered with an error.

    Args:
        code: the Hub's `X-Error-Code`, such as "RepoNotFound".
    """

    def __init__(self, status: int, message: str, code: str | None = None, headers: dict[str, str] | None = None):
        super().__init__(message)
        extra = {"X-Error-Code": code} if code else {}
        self.reply = Reply.of({"error": message}, status, {"X-Error-Message": message} | extra | (headers or {}))


@dataclass
class Request:
    """One request; `parts` are the pieces of its path, each decoded on its own, since a revision may hold a slash."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def parts(self) -> list[str]:
        return [unquote(part) for part in self.path.split("/") if part]

    @property
    def query(self) -> dict[str, str]:
        return {key: values[-1] for key, values in parse_qs(urlsplit(self.target).query).items()}

    def json(self) -> Any:
        return json.loads(self.body)

    def lines(self) -> list[dict[str, Any]]:
        """The values of newline-delimited JSON."""
        return [json.loads(line) for line in self.body.splitlines() if line.strip()]

    @property
    def token(self) -> str | None:
        return self.headers.get("authorization", "").removeprefix("Bearer ").strip() or None


@dataclass
class Reply:
    """A status, headers and a body, which is bytes or a file of which `span` is sent."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | Path = b""
    span: tuple[int, int] | None = None

    @classmethod
    def of(cls, value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
        """A value as JSON."""
        return cls(status, {"Content-Type": "application/json"} | (headers or {}), json.dumps(value).encode())

    @classmethod
    def file(cls, path: Path, etag: str, asked: str | None, headers: dict[str, str]) -> Reply:
        """A file, or the part of it that a Range header asks for."""
        size = path.stat().st_size
        headers = headers | {"ETag": f'"{etag}"', "Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
        if not asked:
            return cls(200, headers, path)
        first, _, last = asked.removeprefix("bytes=").partition("-")
        start, end = int(first), min(int(last) if last else size - 1, size - 1)
        if start >= size:
            return cls(416, headers | {"Content-Range": f"bytes */{size}"})
        return cls(206, headers | {"Content-Range": f"bytes {start}-{end}/{size}"}, path, (start, end + 1))

    def content(self) -> bytes:
        data = self.body if isinstance(self.body, bytes) else self.body.read_bytes()
        return data[slice(*self.span)] if self.span else data
