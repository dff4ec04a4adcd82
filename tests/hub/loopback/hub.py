"""Which request is answered by what."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock

from hub.loopback import collecting, committing, files, repositories, revisions, spaces
from hub.loopback.cards import validate
from hub.loopback.messages import Refused, Reply, Request
from hub.loopback.mischief import Nasty
from hub.loopback.spaces import PREFIX
from hub.loopback.store import Store

WRITES = ("POST", "PUT", "DELETE", "PATCH")


@dataclass
class Account:
    """Whose token it is, and what it may do: "write" or "read"."""

    name: str
    role: str = "write"
    orgs: tuple[str, ...] = ("org",)


@dataclass
class Hub:
    """Repositories and collections, who may write them, what was asked for, and what goes wrong on purpose.

    Attributes:
        log: method, path and status of each request.
    """

    root: Path
    accounts: dict[str, Account] = field(
        default_factory=lambda: {
            "hf_write": Account("tester"),
            "hf_read": Account("tester", "read"),
            "hf_other": Account("stranger", orgs=()),
        }
    )
    nasty: Nasty = field(default_factory=Nasty)
    log: list[tuple[str, str, int]] = field(default_factory=list)
    lock: RLock = field(default_factory=RLock)

    def __post_init__(self) -> None:
        self.store = Store(self.root)

    def answer(self, request: Request) -> Reply:
        """What the Hub says; every refusal is a reply, too."""
        with self.lock:
            try:
                reply = self._route(request)
            except Refused as refused:
                reply = refused.reply
            self.log.append((request.method, request.path, reply.status))
            return reply

    def account(self, request: Request) -> Account | None:
        """Whose token a request brings; None without one."""
        if request.token is None:
            return None
        if request.token not in self.accounts:
            raise Refused(401, "Invalid credentials in Authorization header")
        return self.accounts[request.token]

    def may_write(self, request: Request, owner: str) -> None:
        account = self.account(request)
        if account is None:
            raise Refused(401, "Invalid username or password.")
        if account.role == "read" or owner not in (account.name, *account.orgs):
            raise Refused(403, f"You don't have the rights to write to {owner}")

    def _route(self, request: Request) -> Reply:
        match request.parts:
            case ["_lfs", sha256, *rest]:
                return files.lfs_object(self, request, sha256, rest)
            case ["api", "whoami-v2"]:
                return repositories.whoami(self, request)
            case ["api", "agent-harnesses"]:
                return Reply.of({})
            case ["api", "validate-yaml"]:
                return validate(request.json())
            case ["api", "repos", action]:
                return repositories.change(self, request, action)
            case ["api", "models"]:
                return repositories.listing(self, request)
            case ["api", "models", owner, name, *rest]:
                return self._repository(request, f"{owner}/{name}", rest)
            case ["api", "spaces", owner, name, *rest]:
                return self._repository(request, f"{PREFIX}{owner}/{name}", rest)
            case ["spaces", owner, name, "info", "lfs", "objects", "batch"] if name.endswith(".git"):
                self.may_write(request, owner)
                return files.lfs_batch(self, request)
            case ["spaces", owner, name, "resolve", revision, *path]:
                return files.resolve(self, request, f"{PREFIX}{owner}/{name}", revision, "/".join(path))
            case ["api", "collections", *rest]:
                return collecting.answer(self, request, rest)
            case [owner, name, "info", "lfs", "objects", "batch"] if name.endswith(".git"):
                self.may_write(request, owner)
                return files.lfs_batch(self, request)
            case [owner, name, "resolve", revision, *path]:
                return files.resolve(self, request, f"{owner}/{name}", revision, "/".join(path))
        raise Refused(404, f"the loopback Hub has no {request.method} {request.path}")

    def _repository(self, request: Request, name: str, rest: list[str]) -> Reply:
        repo = repositories.find(self, request, name)
        if request.method in WRITES and rest[:1] != ["paths-info"]:
            self.may_write(request, name.removeprefix(PREFIX).partition("/")[0])
        if (reply := spaces.answer(self, request, name, rest)) is not None:
            return reply
        match rest:
            case [] | ["revision", _]:
                return repositories.information(self, repo, rest[1] if rest else "main")
            case ["refs"]:
                return revisions.refs(repo, request)
            case ["tag", revision]:
                return revisions.tag(repo, request, revision)
            case ["tree" | "paths-info" | "commits" as what, revision, *path]:
                return revisions.contents(self, repo, request, what, revision, "/".join(path))
            case ["preupload", revision]:
                return committing.preupload(self, repo, request, revision)
            case ["commit", revision]:
                return committing.commit(self, repo, request, revision)
            case ["discussions", *number]:
                return revisions.discussions(repo, request, number)
        raise Refused(404, f"the loopback Hub has no {request.method} {request.path}")
