"""The lens of every example, and its logits, from which the page answers for single classes."""

from __future__ import annotations

import numpy as np

from apps.common import catalog, pictures
from apps.dogit_lens.handlers import LensDesk, lens_value
from apps.dogit_lens.view import first_view
from apps.static_files.scope import Scope
from apps.static_files.store import DATA, Store

FOLDER = "lens"


def write(store: Store, scope: Scope) -> None:
    """One folder for each example: `value.json`, what it names, and `logits`, float32 [layer][token][class]."""
    desk = LensDesk()
    for name in scope.examples:
        session = desk.show(pictures.example(name), catalog.DEFAULT)
        result, home = desk.result(session), f"{DATA}/{FOLDER}/{name}"
        store.home(session.key, home)
        store.put_value(f"{home}/value.json", lens_value(result, session.key, first_view(result.extent)))
        store.put(f"{home}/logits", np.ascontiguousarray(result.logits, "<f4").tobytes())
