"""A read-only Hub on the loopback: folders as model repositories, for the real huggingface_hub client."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

SHA = "0123456789abcdef0123456789abcdef01234567"


class Handler(BaseHTTPRequestHandler):
    """Answers for the folders of `root`, one commit each; `claimed` overrides the size of a file in the listing."""

    root: Path
    claimed: dict[str, int]

    def do_GET(self) -> None:
        parts = unquote(urlsplit(self.path).path).strip("/").split("/")
        if parts[:2] == ["api", "models"] and len(parts) >= 4:
            return self.repository("/".join(parts[2:4]), parts[4:])
        if len(parts) >= 5 and parts[2] == "resolve":
            return self.file("/".join(parts[:2]), parts[3], "/".join(parts[4:]))
        return self.refuse("RepoNotFound")

    do_HEAD = do_GET

    def repository(self, name: str, rest: list[str]) -> None:
        folder = self.root / name
        if not folder.is_dir():
            return self.refuse("RepoNotFound")
        if rest[:1] in (["revision"], ["tree"]) and rest[1] not in (SHA, "main"):
            return self.refuse("RevisionNotFound")
        files = [self.entry(path, folder) for path in sorted(folder.rglob("*")) if path.is_file()]
        if rest[:1] == ["tree"]:
            listed = [{"path": f["rfilename"], "size": f["size"], "oid": f["blobId"]} for f in files]
            return self.reply([{"type": "file"} | entry for entry in listed])
        return self.reply({"id": name, "modelId": name, "sha": SHA, "private": False, "tags": [], "siblings": files})

    def entry(self, path: Path, folder: Path) -> dict[str, object]:
        size = self.claimed.get(path.name, path.stat().st_size)
        return {"rfilename": path.relative_to(folder).as_posix(), "size": size, "blobId": etag(path)}

    def file(self, name: str, revision: str, path: str) -> None:
        file = self.root / name / path
        if revision not in (SHA, "main"):
            return self.refuse("RevisionNotFound")
        if not file.is_file():
            return self.refuse("EntryNotFound")
        return self.reply(file.read_bytes(), {"ETag": f'"{etag(file)}"', "X-Repo-Commit": SHA})

    def refuse(self, code: str) -> None:
        self.reply({"error": code}, {"X-Error-Code": code, "X-Repo-Commit": SHA}, status=404)

    def reply(self, content: object, headers: dict[str, str] | None = None, status: int = 200) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        kind = "application/octet-stream" if isinstance(content, bytes) else "application/json"
        for key, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


def etag(path: Path) -> str:
    """Git's name for the file's content, as the Hub gives it."""
    data = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@contextmanager
def hub(root: Path, claimed: dict[str, int] | None = None) -> Iterator[str]:
    """Address of a Hub with the repositories `root/<owner>/<name>`."""
    handler = type("RootedHandler", (Handler,), {"root": root, "claimed": claimed or {}})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
