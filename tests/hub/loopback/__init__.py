"""A Hub on this machine for the real huggingface_hub client: model repositories, commits, tags, LFS, collections.

It encodes our reading of the client, not the Hub itself. On request it is nasty: see `mischief`.
"""

from hub.loopback.hub import Hub
from hub.loopback.mischief import Nasty
from hub.loopback.server import serve

__all__ = ["Hub", "Nasty", "serve"]
