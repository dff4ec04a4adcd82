"""The shelf of results: bounded, expiring, and closed to whoever has no key."""

import pytest

from apps.common.blobs import Result, Shelf


def result(n_bytes: int = 100) -> Result:
    return Result({"lens": b"x" * n_bytes}, n_bytes=n_bytes)


def test_a_key_is_long_and_never_the_same():
    shelf = Shelf()
    keys = {shelf.put(result()) for _ in range(50)}
    assert len(keys) == 50 and all(len(key) == 22 for key in keys)


def test_unknown_keys_give_nothing():
    assert Shelf().get("0" * 22) is None


def test_the_least_recently_read_leaves_first():
    shelf = Shelf(max_entries=2)
    first, second = shelf.put(result()), shelf.put(result())
    shelf.get(first)
    third = shelf.put(result())
    assert shelf.get(second) is None
    assert shelf.get(first) is not None and shelf.get(third) is not None


def test_weight_is_bounded():
    shelf = Shelf(max_bytes=250)
    keys = [shelf.put(result(100)) for _ in range(4)]
    assert shelf.n_bytes == 200 and [shelf.get(key) is not None for key in keys] == [False, False, True, True]


def test_entries_expire_unless_they_are_read():
    now = 0.0
    shelf = Shelf(keep_seconds=10, clock=lambda: now)
    read, unread = shelf.put(result()), shelf.put(result())
    now = 8.0
    assert shelf.get(read) is not None
    now = 15.0
    assert shelf.get(unread) is None and shelf.get(read) is not None
    now = 40.0
    assert shelf.get(read) is None and shelf.n_bytes == 0


def test_files_are_made_when_they_are_asked_for_and_only_what_there_is():
    def make(name: str) -> bytes:
        if name != "row/3":
            raise ValueError(f"there is no {name}")
        return b"made"

    kept = Result({"image": b"packed"}, make)
    assert kept.file("image") == b"packed" and kept.file("row/3") == b"made"
    with pytest.raises(ValueError, match="no row/4"):
        kept.file("row/4")
    with pytest.raises(ValueError, match="no file 'row/3'"):
        Result({"image": b"packed"}).file("row/3")
