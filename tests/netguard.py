"""Refuse every look-up and connection that would leave this machine, and remember who tried."""

import fcntl
import socket
import struct
from contextlib import suppress

attempts: list[str] = []  # one line per refused call, such as "connect ('1.1.1.1', 443)"

_LOOPBACK = {"127.0.0.1", "::1", "localhost", "0.0.0.0", "::", ""}


class NetworkRefused(OSError):
    """A test tried to reach the network."""


def _is_local(host: object) -> bool:
    if isinstance(host, bytes):
        host = host.decode()
    return host is None or (isinstance(host, str) and (host in _LOOPBACK or host.startswith("127.")))


def _check(call: str, host: object, address: object) -> None:
    if not _is_local(host):
        attempts.append(f"{call} {address}")
        raise NetworkRefused(f"tests stay on this machine, but {call} was asked for {address}")


def install() -> None:
    """Guard look-ups and connections of this process from now on, for all its threads."""
    for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
        setattr(socket, name, _guarded_lookup(name, getattr(socket, name)))
    for name in ("connect", "connect_ex", "sendto"):
        setattr(socket.socket, name, _guarded_socket(name, getattr(socket.socket, name)))


def _guarded_lookup(name: str, real):
    def lookup(host, *args, **kwargs):
        _check(name, host, host)
        return real(host, *args, **kwargs)

    return lookup


def _guarded_socket(name: str, real):
    def call(self, *args):
        address = args[-1]
        if self.family in (socket.AF_INET, socket.AF_INET6):
            _check(name, address[0], address)
        return real(self, *args)

    return call


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def raise_loopback() -> None:
    """Bring `lo` up, which a network namespace of one's own starts without; needs no rights elsewhere."""
    up = 0x1 | 0x40  # IFF_UP | IFF_RUNNING
    set_flags = 0x8914  # SIOCSIFFLAGS
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control, suppress(OSError):
        fcntl.ioctl(control, set_flags, struct.pack("16sh14x", b"lo", up))
