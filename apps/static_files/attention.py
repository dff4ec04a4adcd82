"""Every head on every example: what the wall shows, and queries and keys, from which the page makes the rest."""

from __future__ import annotations

import numpy as np

from apps.attention_tour.files import FILE_KINDS
from apps.attention_tour.first import first_view
from apps.attention_tour.handlers import TourDesk, tour_value
from apps.attention_tour.head_types import types_url
from apps.common import catalog, pictures
from apps.static_files.scope import Scope
from apps.static_files.store import DATA, Store
from prisma_engine import AttentionMaps

FOLDER = "attention"


def write(store: Store, scope: Scope) -> None:
    """One folder for each example: `value.json`, the files of the wall under their own names, and `layer/LAYER`."""
    desk = TourDesk()
    for name in scope.examples:
        session = desk.show(pictures.example(name), catalog.DEFAULT)
        result, home = desk.result(session), f"{DATA}/{FOLDER}/{name}"
        store.home(session.key, home)
        value = tour_value(desk, session, None, first_view(result), types_url(session, None))
        store.put_value(f"{home}/value.json", value)
        for file in ("image", "metrics", "lens", *(f"wall/{kind}" for kind in FILE_KINDS)):
            store.put(f"{home}/{file}", result.files.read(file))
        for layer in range(result.maps.n_layers):
            store.put(f"{home}/layer/{layer}", layer_file(result.maps, layer))


def layer_file(maps: AttentionMaps, layer: int) -> bytes:
    """Little-endian float32: q[head][token][d_head], k alike, value_norm[head][token]; queries divided by √d_head."""
    q, k = (part[layer].transpose(0, 1) for part in (maps.q, maps.k))
    parts = (q * q.shape[-1] ** -0.5, k, maps.value_norm[layer])
    return b"".join(np.ascontiguousarray(part.numpy(), "<f4").tobytes() for part in parts)
